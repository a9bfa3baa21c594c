import {
  nobodys,
  toValue,
  type Basis,
  type Change,
  type DistilledCell,
  type DistilledRows,
  type Value,
} from '@syncline/stm'
import fc from 'fast-check'
import {
  encodeChange,
  isSpaceName,
  type Expectation,
  type Frame,
  type Inherited,
  type Ledger,
  type LogEntry,
  type Rest,
  type RunEntry,
  type SingleEntry,
} from '@syncline/protocol'

/** Any well-formed text, often short and plain, sometimes of characters outside the first plane. */
export const text: fc.Arbitrary<string> = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
)

export const id: fc.Arbitrary<string> = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(''))

export const bytes: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 40 })

const whole = fc.oneof(fc.nat(300), fc.maxSafeNat())
const seq = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - 70_000 }))
const key = fc.oneof(text, fc.constantFrom('__proto__', 'constructor', 'toString', '0', '10', '9', ''))

/** An object whose keys were set in the order given, as own data, whatever they are called. */
function fromEntries(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const object: Record<string, unknown> = {}
  for (const [name, value] of entries)
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
  return object
}

const raw: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false),
    fc.oneof(
      fc.integer(),
      fc.maxSafeInteger(),
      fc.double(),
      fc.constantFrom(0, -0, NaN, Infinity, 2 ** 53, -(2 ** 53), 5e-324),
    ),
    text,
    bytes,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.uniqueArray(fc.tuple(key, tie('value')), { maxLength: 5, selector: ([name]) => name }).map(fromEntries),
  ),
})).value as fc.Arbitrary<unknown>

/** Any value, as refs hold it. */
export const value: fc.Arbitrary<Value> = raw.map((input) => toValue(input))

const writers = fc
  .uniqueArray(fc.tuple(id, whole), { maxLength: 4, selector: ([writer]) => writer })
  .map((pairs) => new Map(pairs))

export const basis: fc.Arbitrary<Basis> = fc.record({ epoch: fc.option(id), relaySeq: whole, writers })

const op = fc.record({
  tag: fc.constantFrom('lww', 'counter', 'record', 'list', 'text'),
  address: fc.oneof(fc.constantFrom('a', 'b', 'a/', 'a/1', 'a/2', 'b/1', `${'long'.repeat(33)}/1`), text),
  arbiter: fc.constantFrom('local' as const, 'local' as const, 'browser' as const, 'relay' as const),
  // Some that differ in their values only, as those of records do.
  payload: fc.oneof(
    value,
    fc
      .array(value, { minLength: 1, maxLength: 3 })
      .map((values) => [1, 1, ...values.flatMap((one) => [0, 'name', one])]),
    fc
      .array(value, { minLength: 1, maxLength: 2 })
      .map((values) => [1, 1, ...values.flatMap((one) => [null, 'name', one])]),
  ),
})

export const change: fc.Arbitrary<Change> = fc.record({
  writer: id,
  seq,
  deps: basis,
  at: whole,
  ops: fc.array(op, { maxLength: 6 }),
  effects: fc.array(fc.record({ id: text, handler: text, input: value }), { maxLength: 2 }),
  meta: value,
})

export const documents: fc.Arbitrary<number[]> = fc.array(fc.nat(0xffffffff), { maxLength: 3 })

const name = fc.oneof(fc.constantFrom('a', 'b'), text)

export const expectation: fc.Arbitrary<Expectation> = fc.oneof(
  fc.record({ kind: fc.constant('ref' as const), tag: name, address: name, content: id }),
  fc.record({ kind: fc.constant('ref' as const), tag: name, address: name, content: id, after: id }),
  fc.record({
    kind: fc.constant('members' as const),
    tag: name,
    collection: name,
    from: text,
    to: fc.option(
      text.filter((to) => to !== ''),
      { nil: undefined },
    ),
    content: id,
  }),
  fc.record({
    kind: fc.constant('list' as const),
    tag: name,
    collection: name,
    field: name,
    parent: name,
    from: whole,
    to: fc.option(seq, { nil: undefined }),
    content: id,
  }),
)

/** What a Change asks for: nothing, or a check of some expectations, perhaps none. */
export const expectations: fc.Arbitrary<readonly Expectation[] | undefined> = fc.option(
  fc.array(expectation, { maxLength: 4 }),
  { nil: undefined },
)

/** Which of these clients another writer had first, and who. */
export const inheritedBy = (writer: string, ids: readonly number[]): fc.Arbitrary<Inherited> =>
  fc
    .subarray([...new Set(ids)])
    .chain((some) => fc.tuple(...some.map((client) => id.map((owner): [number, string] => [client, owner]))))
    .map((pairs) => new Map(pairs.filter(([, owner]) => owner !== writer)))

export const record: fc.Arbitrary<Uint8Array> = fc
  .tuple(change, documents, expectations)
  .chain(([of, ids, expected]) =>
    inheritedBy(of.writer, ids).map((inherited) => encodeChange(of, ids, expected, inherited)),
  )

const channel = fc.integer({ min: 1, max: 300 })
const records = fc.array(record, { minLength: 1, maxLength: 4 })

/** Names of spaces as a roll has them. */
export const names: fc.Arbitrary<string[]> = fc
  .uniqueArray(
    fc.oneof(
      fc.stringMatching(/^[ab😀😁/]{1,6}$/u),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 9 }).filter(isSpaceName),
    ),
    { minLength: 1, maxLength: 20 },
  )
  .map((some) => some.sort())

function marksOf(count: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: 8 * count, maxLength: 8 * count })
}

const nodes = fc.uniqueArray(fc.nat(5000), { minLength: 1, maxLength: 9 }).map((some) => some.sort((a, b) => a - b))

export const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc
    .record({
      type: fc.constant('hello' as const),
      protocol: fc.integer({ min: 1, max: 9 }),
      oldest: fc.integer({ min: 1, max: 9 }),
      agent: text,
      schema: whole,
      credential: bytes,
    })
    .filter((hello) => hello.oldest <= hello.protocol),
  fc.record({
    type: fc.constant('welcome' as const),
    protocol: fc.integer({ min: 1, max: 9 }),
    timeMs: whole,
    session: id,
    maxMessageBytes: fc.integer({ min: 1024, max: 2 ** 30 }),
    maxChangeBytes: whole,
  }),
  fc.record({ type: fc.constant('open' as const), channel, space: text, basis }),
  fc.record({ type: fc.constant('basis' as const), channel, head: whole, writers }),
  fc.record({ type: fc.constant('epoch' as const), channel, epoch: id }),
  fc.record({ type: fc.constant('newcomer' as const), channel }),
  fc.record({
    type: fc.constant('checkpoint' as const),
    channel,
    isLast: fc.boolean(),
    piece: fc.uint8Array({ minLength: 1, maxLength: 8 }),
  }),
  fc.record({ type: fc.constant('changes' as const), channel, first: fc.oneof(fc.constant(0), seq), records }),
  fc.record({
    type: fc.constant('acknowledgement' as const),
    channel,
    first: seq,
    writer: id,
    firstSeq: seq,
    count: fc.integer({ min: 1, max: 65_536 }),
  }),
  fc.record({ type: fc.constant('refusal' as const), channel, writer: id, seq, code: text, message: text }),
  fc.record({ type: fc.constant('presence' as const), channel, session: id, slot: whole, payload: bytes }),
  fc.record({
    type: fc.constant('failure' as const),
    channel: fc.nat(9),
    code: text,
    message: text,
    retryAfterMs: whole,
  }),
  fc.record({ type: fc.constant('leave' as const), channel }),
  fc.record({ type: fc.constantFrom('ping' as const, 'pong' as const), token: whole }),
  fc.record({ type: fc.constant('abort' as const), channel, writer: id, seq }),
  fc
    .tuple(fc.integer({ min: 1, max: 300 }), whole)
    .filter(([least, most]) => least <= most)
    .map(([least, most]) => ({ type: 'rolls' as const, least, most })),
  fc.record({
    type: fc.constant('roll' as const),
    channel,
    roll: id,
    count: fc.integer({ min: 1, max: 300 }),
    root: marksOf(1),
  }),
  fc.record({ type: fc.constant('names' as const), channel, names }),
  fc.record({ type: fc.constant('marks' as const), channel, marks: fc.integer({ min: 1, max: 40 }).chain(marksOf) }),
  fc.record({ type: fc.constant('below' as const), channel, level: fc.integer({ min: 1, max: 5 }), nodes }),
  fc.record({ type: fc.constant('sent' as const), bytes: whole }),
  fc.record({ type: fc.constant('expires' as const), inMs: whole }),
  fc.record({ type: fc.constant('credential' as const), credential: bytes }),
  fc.record({ type: fc.constantFrom('unnamed' as const, 'stand' as const, 'singly' as const), channel }),
)

const pair = fc.record({ writer: id, seq })

/** Some that have much in common, and some that have nothing. */
const like = fc.oneof(
  fc.tuple(fc.nat(3), fc.nat(300), fc.constantFrom('a', 'b'), fc.array(fc.nat(2), { maxLength: 3 })),
  fc.constantFrom(null, [1, 'a', [1, 2, 3]], [1, 'a', [1, 3, 3]]),
  value,
)

/** Changes of one writer, one after the other. */
const run: fc.Arbitrary<RunEntry> = fc
  .tuple(
    fc.record({ writer: id, seq: fc.nat(1000), deps: basis }),
    fc.array(
      fc.record({
        at: fc.oneof(fc.nat(3), fc.nat(2 ** 40)),
        ops: fc.array(fc.tuple(op, like), { maxLength: 3 }),
        meta: like,
        inverse: like,
      }),
      { minLength: 1, maxLength: 6 },
    ),
  )
  .map(([{ writer, seq: first, deps }, made]) => {
    let now = 0
    return {
      kind: 'run' as const,
      changes: made.map(({ at, ops, meta, inverse }, i) => ({
        change: {
          writer,
          seq: first + i + 1,
          deps,
          at: (now += at),
          ops: ops.map(([of, payload]) => ({
            ...of,
            arbiter: of.arbiter === 'browser' ? ('local' as const) : of.arbiter,
            payload: toValue(payload),
          })),
          effects: [],
          meta: toValue(meta),
        },
        inverse: toValue(inverse),
      })),
    }
  })

const single: fc.Arbitrary<SingleEntry> = fc.oneof(
  run,
  fc.record({
    kind: fc.constant('commits' as const),
    changes: fc.array(fc.record({ record, local: bytes }), { maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant('ordered' as const),
    epoch: id,
    first: seq,
    items: fc.array(fc.oneof(record, pair), { maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant('refused' as const), writer: id, seq, code: text, message: text }),
  fc.record({
    kind: fc.constant('ended' as const),
    writer: id,
    lastSeq: whole,
    refused: fc.array(fc.record({ record, code: text, message: text }), { maxLength: 2 }),
    reauthored: fc.array(record, { maxLength: 2 }),
  }),
  fc.record({
    kind: fc.constant('dropped' as const),
    changes: fc.array(
      pair.map(({ writer, seq: of }) => `${writer}:${of}`),
      { maxLength: 3 },
    ),
  }),
  fc.record({ kind: fc.constant('prepared' as const), by: id, record, local: bytes }),
  fc.record({ kind: fc.constant('decided' as const), writer: id, code: text, message: text }),
)

const stamp = fc.oneof(fc.constant(nobodys), fc.record({ at: whole, writer: id }))

const cell: fc.Arbitrary<DistilledCell> = fc.record({
  tag: fc.constantFrom('lww', 'record', 'text'),
  address: fc.constantFrom('title', 'cards/a', 'cards/b', 'notes/x/y'),
  arbiter: fc.constantFrom('local' as const, 'browser' as const, 'relay' as const),
  ops: fc.array(fc.record({ payload: value, stamp }), { minLength: 1, maxLength: 3 }),
})

const partOf = { checkpoint: seq, part: seq }
const some = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(of, { maxLength: 3 })
const arbiter = fc.constantFrom('local' as const, 'browser' as const, 'relay' as const)

const ledger: fc.Arbitrary<Ledger> = fc
  .record({
    relaySeq: whole,
    stretches: some(fc.tuple(id, seq)),
    foreign: some(id),
    seqs: some(fc.tuple(id, seq, fc.constantFrom(-1, 0, 7))),
    clocks: fc.tuple(whole, whole, whole),
    browserWriter: fc.oneof(id, fc.constant('')),
    dismissed: some(id),
    refusals: some(fc.tuple(id, seq, text, text)),
    ended: some(fc.tuple(id, whole, whole)),
    became: some(fc.tuple(id, seq, whole, id, seq, whole)),
    renames: some(fc.tuple(text, id, seq, bytes, bytes)),
    owners: some(fc.tuple(whole, id)),
    clientsOfRefused: some(whole),
    counted: fc.option(some(fc.tuple(id, seq)), { nil: undefined }),
  })
  .map(({ counted, ...more }) => (counted === undefined ? more : { ...more, counted }))

const rest: fc.Arbitrary<Rest> = fc.oneof(
  fc.tuple(fc.constant('asleep' as const), fc.tuple(whole, bytes)),
  fc.tuple(fc.constant('asleep' as const), fc.tuple(whole, bytes, fc.constant(1 as const))),
  fc.tuple(fc.constant('spare' as const), fc.tuple(whole, whole, whole, bytes)),
  fc.tuple(fc.constant('undoable' as const), some(fc.tuple(id, seq, whole, whole, value, bytes))),
  fc.tuple(fc.constant('pending' as const), some(fc.tuple(record, bytes, some(fc.tuple(id, seq))))),
  fc.tuple(fc.constant('refused' as const), some(fc.tuple(record, bytes, text, text))),
  fc.tuple(fc.constant('asked' as const), some(fc.tuple(id, record, bytes))),
  fc.tuple(
    fc.constant('notes' as const),
    some(fc.tuple(id, seq, whole, whole, some(fc.tuple(text, text, arbiter)), value)),
  ),
  fc.tuple(
    fc.constant('directory' as const),
    fc.record(
      {
        entries: whole,
        lastOfCells: whole,
        portions: some(fc.tuple(text, whole, whole, whole)),
        asleep: fc.tuple(whole, whole, whole, some(fc.tuple(id, seq, seq))),
      },
      { requiredKeys: ['entries', 'lastOfCells', 'portions'] },
    ),
  ),
  fc.tuple(fc.constant('ledger' as const), ledger),
)

/** Rows of one or two operations, of one column each. */
const rows: fc.Arbitrary<DistilledRows> = fc.integer({ min: 1, max: 3 }).chain((count) => {
  const column = fc.array(
    fc.oneof(text, fc.boolean(), fc.constant(null), fc.double({ noNaN: true, noDefaultInfinity: true })),
    {
      minLength: count,
      maxLength: count,
    },
  )
  const stamps = fc.array(stamp, { minLength: count, maxLength: count })
  return fc.boolean().chain((isEdited) =>
    fc.record({
      tag: fc.constantFrom('record', 'lww'),
      arbiter,
      prefix: fc.constantFrom('cards/', 'rows/'),
      ids: fc.array(text, { minLength: count, maxLength: count }),
      like: fc.constant(
        isEdited
          ? [
              [1, 1, 0, 'title', null],
              [2, 1, 0, 'done', null],
            ]
          : [[1, 1, 0, 'title', null]],
      ),
      stamps: isEdited ? fc.tuple(stamps, stamps) : fc.tuple(stamps),
      columns: (isEdited ? fc.tuple(column, column) : fc.tuple(column)).map((all) =>
        all.map((one) => one.map((value) => (Object.is(value, -0) ? 0 : value))),
      ),
    }),
  )
})

const part = fc.oneof(
  fc.record({ kind: fc.constant('rows' as const), ...partOf, rows }),
  fc.record({ kind: fc.constant('cells' as const), ...partOf, cells: fc.array(cell, { maxLength: 4 }) }),
  fc.record({ kind: fc.constant('rest' as const), ...partOf, isLast: fc.boolean(), rest }),
)

const wholeCheckpoint = fc.record({ kind: fc.constant('whole' as const), parts: fc.array(part, { maxLength: 3 }) })

export const entry: fc.Arbitrary<LogEntry> = fc.oneof(
  { weight: 2, arbitrary: part },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('joined' as const), part }) },
  { weight: 1, arbitrary: wholeCheckpoint },
  { weight: 7, arbitrary: single },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('together' as const),
      entries: fc.array(fc.oneof(single, wholeCheckpoint), { maxLength: 3 }),
    }),
  },
)
