import { crc32c, type Expectation } from '@syncline/protocol'
import type { Value } from '@syncline/stm'
import { describe, expect, test } from 'vitest'
import { createRelay } from '../src/index.ts'
import { assign, becomes, envelope, holds, ids, op, outcome } from './envelopes.ts'
import { gatedStorage } from './gated.ts'
import { ann, join, record, startMs, told, turns, until, virtualClock, world, writerId, type Client } from './kit.ts'

let count = 1000

/** The id of a writer that nobody has used. */
function attempt(): string {
  count += 1
  return writerId(count)
}

/** Sends one envelope and waits for what becomes of it. */
async function decide(client: Client, make: (writer: string) => Uint8Array): Promise<number | string> {
  const writer = attempt()
  client.send([make(writer)])
  await until(() => outcome(client, writer) !== undefined, `the envelope of ${writer} is decided`)
  return outcome(client, writer)!
}

describe('judging', () => {
  test('[RL41] of two that want one seat the first gets it, the other is told why, and everybody sees one Change', async () => {
    const { relay } = world()
    const [a, b] = [await join(relay, 'hall'), await join(relay, 'hall')]
    const [first, second] = [attempt(), attempt()]
    a.send([assign(first, 'seat', undefined, 'ann')])
    b.send([assign(second, 'seat', undefined, 'bob')])
    await until(() => outcome(a, first) !== undefined && outcome(b, second) !== undefined)
    expect([outcome(a, first), outcome(b, second)]).toEqual([1, 'conflict'])
    expect(b.last('refusal').message).toContain('"seat"')
    expect([told(a), told(b)]).toEqual([[`${first}:1`], [assign(first, 'seat', undefined, 'ann')]])
    expect([a.closed, b.closed]).toEqual([undefined, undefined])
  })

  test('[RL41] what is not stored yet counts, and nobody hears before it is', async () => {
    const storage = gatedStorage()
    const { relay } = world({ storage })
    const a = await join(relay, 'hall')
    storage.hold()
    const writers = Array.from({ length: 5 }, attempt)
    a.send([assign(writers[0]!, 'seat', undefined, 'one')])
    await until(() => storage.waiting === 1)
    a.send([assign(writers[1]!, 'seat', undefined, 'two')])
    a.send([assign(writers[2]!, 'seat', 'one', 'three'), assign(writers[3]!, 'seat', 'one', 'four')])
    a.send([assign(writers[4]!, 'seat', 'three', 'five')])
    await turns()
    expect(writers.map((writer) => outcome(a, writer))).toEqual(writers.map(() => undefined))
    storage.open()
    await until(() => writers.every((writer) => outcome(a, writer) !== undefined))
    expect(writers.map((writer) => outcome(a, writer))).toEqual([1, 'conflict', 2, 'conflict', 3])
    // What came while the first was stored waited for it together.
    expect(storage.events).toEqual(['append hall+1', 'stored', 'append hall+2', 'stored'])
  })

  test('[RL41] all of what it expects must be so; what it only read is left as it is', async () => {
    const { relay } = world()
    const a = await join(relay, 'hall')
    expect(await decide(a, (w) => assign(w, 'price', undefined, 5))).toBe(1)
    const buy = (price: Value, taken: Value | undefined, by: string) => (writer: string) =>
      envelope(writer, [holds('lww', 'price', price), becomes('lww', 'seat', taken, by)], [op('lww', 'seat', [0, by])])
    expect(await decide(a, buy(6, undefined, 'ann'))).toBe('conflict')
    expect(a.last('refusal').message).toContain('"price"')
    expect(await decide(a, buy(5, undefined, 'ann'))).toBe(2)
    expect(await decide(a, buy(5, undefined, 'bob'))).toBe('conflict')
    expect(await decide(a, buy(5, 'ann', 'bob'))).toBe(3)
  })

  test('[RL41] an envelope that expects nothing is taken whatever there is: additions never exclude each other', async () => {
    const { relay } = world()
    const clients = [await join(relay, 'hall'), await join(relay, 'hall')]
    for (let i = 0; i < 10; i++) {
      expect(await decide(clients[i % 2]!, (w) => envelope(w, [], [op('counter', 'visits', [0, 1])]))).toBe(i + 1)
    }
    expect(await decide(clients[0]!, (w) => envelope(w, [holds('counter', 'visits', 10)], []))).toBe(11)
    expect(await decide(clients[0]!, (w) => envelope(w, [holds('counter', 'visits', 9)], []))).toBe('conflict')
  })

  test('[RL42] changed and changed back is as it was; null is not absent', async () => {
    const { relay } = world()
    const a = await join(relay, 'hall')
    expect(await decide(a, (w) => assign(w, 'seat', undefined, 'ann'))).toBe(1)
    expect(await decide(a, (w) => assign(w, 'seat', 'ann', 'bob'))).toBe(2)
    expect(await decide(a, (w) => assign(w, 'seat', 'bob', 'ann'))).toBe(3)
    // Read when the seat was ann's for the first time.
    expect(await decide(a, (w) => assign(w, 'seat', 'ann', null))).toBe(4)
    expect(await decide(a, (w) => assign(w, 'seat', undefined, 'eve'))).toBe('conflict')
    expect(await decide(a, (w) => assign(w, 'seat', null, 'eve'))).toBe(5)
    expect(await decide(a, (w) => assign(w, 'other', null, 'eve'))).toBe('conflict')
  })

  test('[RL44] the order of the log decides, not the clock of an author', async () => {
    const { relay } = world()
    const a = await join(relay, 'hall')
    expect(await decide(a, (w) => assign(w, 'seat', undefined, 'ahead', { at: (startMs + 59_000) * 1000 }))).toBe(1)
    expect(await decide(a, (w) => assign(w, 'seat', 'ahead', 'behind', { at: 1 }))).toBe(2)
    expect(await decide(a, (w) => assign(w, 'seat', 'ahead', 'late'))).toBe('conflict')
    expect(await decide(a, (w) => assign(w, 'seat', 'behind', 'last', { at: 1 }))).toBe(3)
  })

  test('[RL44] a local write to the same address is a write to another ref', async () => {
    const { relay } = world()
    const a = await join(relay, 'hall')
    expect(await decide(a, (w) => assign(w, 'seat', undefined, 'ann'))).toBe(1)
    a.send([record(ann, 1, { address: 'seat', payload: 'eve', at: (startMs + 59_000) * 1000 })])
    await until(() => told(a).length === 2)
    const mixed = (writer: string): Uint8Array =>
      envelope(
        writer,
        [becomes('lww', 'seat', 'ann', 'bob')],
        [op('lww', 'seat', [0, 'eve'], 'local'), op('lww', 'seat', [0, 'bob'])],
      )
    expect(await decide(a, mixed)).toBe(3)
    expect(await decide(a, (w) => envelope(w, [holds('lww', 'seat', 'bob')], []))).toBe(4)
  })
})

describe('collections and lists', () => {
  const create = (id: string, fields: readonly Value[] = []) => op('record', `seats/${id}`, [1, 1, ...fields])
  const members = (list: readonly string[], from = '', to?: string): Expectation => {
    return { kind: 'members', tag: 'record', collection: 'seats', from, to, content: ids(list) }
  }
  const items = (parent: string, list: readonly string[], from = 0, to?: number): Expectation => {
    return { kind: 'list', tag: 'record', collection: 'seats', field: 'at', parent, from, to, content: ids(list) }
  }

  test('[RL41] a new member is a conflict to who has read the collection, and only to the range it is in', async () => {
    const { relay } = world()
    const a = await join(relay, 'hall')
    const expecting =
      (...expected: Expectation[]) =>
      (writer: string): Uint8Array =>
        envelope(writer, expected, [])
    expect(await decide(a, expecting(members([])))).toBe(1)
    expect(await decide(a, (w) => envelope(w, [members([])], [create('a1'), create('b1')]))).toBe(2)
    expect(await decide(a, (w) => envelope(w, [members([])], [create('a2')]))).toBe('conflict')
    expect(a.last('refusal').message).toContain('"seats"')
    expect(await decide(a, (w) => envelope(w, [members(['b1'], 'b')], [create('a2')]))).toBe(3)
    expect(await decide(a, expecting(members(['a1'], 'a', 'b')))).toBe('conflict')
    expect(await decide(a, expecting(members(['a1', 'a2'], 'a', 'b'), members(['a1', 'a2', 'b1'])))).toBe(4)
    expect(await decide(a, (w) => envelope(w, [], [op('record', 'seats/a1', [3, 1])]))).toBe(5)
    expect(await decide(a, expecting(members(['a1', 'a2'], 'a', 'b')))).toBe('conflict')
    expect(await decide(a, expecting(members(['a2'], 'a', 'b')))).toBe(6)
  })

  test('[RL41] a list is expected by its order, and by positions', async () => {
    const { relay } = world()
    const a = await join(relay, 'hall')
    const at = (key: string): readonly Value[] => [3, 'at', ['row', key]]
    const ops = ['c', 'a', 'b'].map((id, i) => create(id, at(`a${i}`)))
    expect(await decide(a, (w) => envelope(w, [items('row', [])], ops))).toBe(1)
    expect(await decide(a, (w) => envelope(w, [items('row', ['a', 'b', 'c'])], []))).toBe('conflict')
    expect(await decide(a, (w) => envelope(w, [items('row', ['c', 'a', 'b']), items('other', [])], []))).toBe(2)
    expect(await decide(a, (w) => envelope(w, [items('row', ['c', 'a'], 0, 2)], [create('d', at('a5'))]))).toBe(3)
    expect(await decide(a, (w) => envelope(w, [items('row', ['c', 'a'], 0, 2)], []))).toBe(4)
    expect(await decide(a, (w) => envelope(w, [items('row', ['b'], 2)], []))).toBe('conflict')
    expect(await decide(a, (w) => envelope(w, [items('row', ['b', 'd'], 2, 9)], []))).toBe(5)
  })

  test('[RL43] a write to a member that is another one behind the same fields is a conflict', async () => {
    const { relay } = world()
    const a = await join(relay, 'hall')
    const named = (by: string): Value => [true, { by }, {}, {}]
    const bob = (writer: string): Uint8Array =>
      envelope(
        writer,
        [becomes('record', 'seats/a', named('ann'), named('bob'))],
        [op('record', 'seats/a', [2, 1, 0, 'by', 'bob'])],
      )
    expect(await decide(a, (w) => envelope(w, [], [create('a', [0, 'by', 'ann'])]))).toBe(1)
    const again = [op('record', 'seats/a', [3, 1]), op('record', 'seats/a', [1, 2, 0, 'by', 'ann'])]
    expect(await decide(a, (w) => envelope(w, [], again))).toBe(2)
    expect(await decide(a, (w) => envelope(w, [holds('record', 'seats/a', named('ann'))], []))).toBe(3)
    expect(await decide(a, bob)).toBe('conflict')
    expect(await decide(a, (w) => envelope(w, [holds('record', 'seats/a', named('ann'))], []))).toBe(4)
  })

  test('[RL43] so is removing an item that is another one of the same value', async () => {
    const { relay } = world()
    const a = await join(relay, 'hall')
    expect(await decide(a, (w) => envelope(w, [], [op('list', 'steps', [0, 'i', 'a0', 'x'])]))).toBe(1)
    const replaced = [op('list', 'steps', [2, 'i', 0, 'j', 'a0', 'x'])]
    expect(await decide(a, (w) => envelope(w, [becomes('list', 'steps', ['x'], ['x'])], replaced))).toBe(2)
    const removal = (id: string) => (writer: string) =>
      envelope(writer, [becomes('list', 'steps', ['x'], undefined)], [op('list', 'steps', [2, id])])
    expect(await decide(a, removal('i'))).toBe('conflict')
    expect(await decide(a, removal('j'))).toBe(3)
  })
})

describe('what is refused', () => {
  const text = op('text', 'note', Uint8Array.of(1))
  const lww = op('lww', 'seat', [0, 'x'])
  const cases: readonly { what: string; code: string; bytes(writer: string): Uint8Array; before?: number }[] = [
    {
      what: 'a relay ref without expectations',
      code: 'malformed',
      bytes: (w) => record(w, 1, { arbiter: 'relay' }),
    },
    {
      what: 'the second Change of a writer',
      code: 'malformed',
      bytes: (w) => envelope(w, [], [lww], { seq: 2 }),
      before: 1,
    },
    { what: 'a policy without contents', code: 'unknown-precondition', bytes: (w) => envelope(w, [], [text]) },
    {
      what: 'an expectation of a policy without contents',
      code: 'unknown-precondition',
      bytes: (w) => envelope(w, [holds('text', 'note', undefined)], [lww]),
    },
    {
      what: 'more expectations than are looked at',
      code: 'too-large',
      bytes: (w) =>
        envelope(
          w,
          ['a', 'b', 'c', 'd'].map((name) => holds('lww', name, undefined)),
          [lww],
        ),
    },
    {
      what: 'a browser ref',
      code: 'malformed',
      bytes: (w) => envelope(w, [], [op('lww', 'draft', [0, 1], 'browser')]),
    },
    {
      what: 'a gap in what it depends on',
      code: 'missing-dependency',
      bytes: (w) => envelope(w, [], [lww], { seq: 2 }),
    },
    {
      what: 'what the operator forbids',
      code: 'forbidden',
      bytes: (w) => envelope(w, [becomes('lww', 'secret', 1, 2)], [op('lww', 'secret', [0, 2])]),
    },
  ]

  for (const { what, code, bytes, before } of cases) {
    test(`[RL10] [RL45] ${what}: ${code}`, async () => {
      const { relay } = world({
        limits: { maxExpectations: 3 },
        refuse: ({ touched }) =>
          touched.some(({ address }) => address === 'secret')
            ? { code: 'forbidden', message: 'This ref is not yours to write.' }
            : undefined,
      })
      const a = await join(relay, 'hall')
      const writer = attempt()
      if (before !== undefined) a.send([record(writer, before)])
      a.send([bytes(writer)])
      await until(() => a.all('refusal').length > 0)
      expect(a.last('refusal')).toMatchObject({ writer, code })
      expect(a.last('refusal').message.length).toBeGreaterThan(20)
      expect(await decide(a, (w) => assign(w, 'seat', undefined, 'taken'))).toBe(before === undefined ? 1 : 2)
      expect(a.closed).toBeUndefined()
    })
  }

  test('[RL45] operations that cannot be read', async () => {
    const { relay } = world()
    const a = await join(relay, 'hall')
    const writer = attempt()
    const whole = envelope(writer, [], [lww])
    // The last byte of the body is the note, null; 99 is the tag of no value.
    const broken = whole.slice(0, -4)
    broken[broken.length - 1] = 99
    const seal = Buffer.alloc(4)
    seal.writeUInt32LE(crc32c(broken))
    a.send([new Uint8Array(Buffer.concat([broken, seal]))])
    await until(() => a.all('refusal').length > 0)
    expect(a.last('refusal')).toMatchObject({ writer, code: 'malformed' })
  })

  test('[RL45] expectations about more ids than are looked at', async () => {
    const { relay } = world({ limits: { maxExpectedIds: 5 } })
    const a = await join(relay, 'hall')
    const all = ['a', 'b', 'c']
    const expected: Expectation = {
      kind: 'members',
      tag: 'record',
      collection: 'seats',
      from: '',
      to: undefined,
      content: ids(all),
    }
    const created = all.map((id) => op('record', `seats/${id}`, [1, 1]))
    expect(await decide(a, (w) => envelope(w, [], created))).toBe(1)
    expect(await decide(a, (w) => envelope(w, [expected], []))).toBe(2)
    expect(await decide(a, (w) => envelope(w, [expected, expected], []))).toBe('too-large')
  })
})

describe('once or not at all', () => {
  test('[RL46] sent again, on any connection and after a restart, an envelope is known', async () => {
    const storage = gatedStorage()
    const first = createRelay({ storage, clock: virtualClock() })
    const a = await join(first, 'hall')
    const [won, lost] = [attempt(), attempt()]
    const envelopes = [assign(won, 'seat', undefined, 'ann'), assign(lost, 'seat', undefined, 'bob')]
    a.send(envelopes)
    await until(() => outcome(a, won) !== undefined && outcome(a, lost) !== undefined)
    a.send(envelopes)
    const b = await join(first, 'hall')
    b.send(envelopes)
    await until(() => outcome(b, lost) !== undefined && told(b).length === 1)
    await first.close()
    const second = createRelay({ storage, clock: virtualClock() })
    const c = await join(second, 'hall')
    c.send(envelopes)
    // Judged by what the log says, which this relay has to read first.
    const [late, free] = [attempt(), attempt()]
    c.send([assign(late, 'seat', undefined, 'eve'), assign(free, 'seat', 'ann', 'eve')])
    await until(() => outcome(c, lost) !== undefined && outcome(c, free) !== undefined)
    expect([outcome(c, lost), outcome(c, late), outcome(c, free)]).toEqual(['conflict', 'conflict', 2])
    await until(() => told(c).length === 2)
    expect(told(a)).toEqual([`${won}:1`])
  })

  for (const end of ['failed', 'stored-but-failed'] as const) {
    test(`[RL46] [RL5] a batch that ${end}: the envelope is judged anew, or known`, async () => {
      const storage = gatedStorage()
      const { relay } = world({ storage })
      const a = await join(relay, 'hall')
      storage.hold()
      const [first, second] = [attempt(), attempt()]
      const envelopes = [assign(first, 'seat', undefined, 'ann'), assign(second, 'seat', undefined, 'bob')]
      a.send([envelopes[0]!])
      await until(() => storage.waiting === 1)
      a.send([envelopes[1]!])
      await turns()
      storage.release(end)
      await until(() => a.closed !== undefined)
      storage.open()
      expect([outcome(a, first), outcome(a, second)]).toEqual([undefined, undefined])
      // In the other order: if the first was not stored, the second has the seat now.
      const b = await join(relay, 'hall')
      b.send(envelopes.toReversed())
      await until(() => outcome(b, second) !== undefined && (outcome(b, first) !== undefined || told(b).length === 1))
      await turns()
      expect(told(b).length).toBe(1)
      expect(b.all('refusal')).toMatchObject([{ writer: end === 'failed' ? first : second, code: 'conflict' }])
    })
  }

  test('[RL48] the log is read at the first envelope, and not before', async () => {
    const storage = gatedStorage()
    const first = createRelay({ storage, clock: virtualClock() })
    const a = await join(first, 'hall')
    expect(await decide(a, (w) => assign(w, 'seat', undefined, 'ann'))).toBe(1)
    for (let seq = 1; seq <= 50; seq++) a.send([record(ann, seq)])
    await until(() => told(a).length === 51)
    await first.close()

    const second = createRelay({ storage, clock: virtualClock(), limits: { maxFrameBytes: 500 } })
    const { epoch } = a.last('epoch')
    const reads = storage.reads
    const b = await join(second, 'hall', { basis: { epoch, relaySeq: 51 } })
    b.send([record(ann, 51)])
    await until(() => told(b, 51).length === 1)
    expect(storage.reads).toBe(reads)
    // Read in stretches, while more is on its way to the disk.
    storage.hold()
    b.send([record(ann, 52)])
    await until(() => storage.waiting === 1)
    const [late, next] = [attempt(), attempt()]
    b.send([record(ann, 53), assign(late, 'seat', undefined, 'eve'), assign(next, 'seat', 'ann', 'eve')])
    await until(() => storage.reads > reads + 5)
    storage.open()
    await until(() => outcome(b, late) !== undefined && outcome(b, next) !== undefined)
    expect([outcome(b, late), outcome(b, next)]).toEqual(['conflict', 55])
    const read = storage.reads
    expect(await decide(b, (w) => assign(w, 'seat', 'eve', 'ann'))).toBe(56)
    expect(storage.reads).toBe(read)
  })

  test('[RL48] [RL5] when the log cannot be read, the client is sent away, and can come back', async () => {
    const storage = gatedStorage()
    const first = createRelay({ storage, clock: virtualClock() })
    const a = await join(first, 'hall')
    expect(await decide(a, (w) => assign(w, 'seat', undefined, 'ann'))).toBe(1)
    await first.close()
    const second = createRelay({ storage, clock: virtualClock() })
    const { epoch } = a.last('epoch')
    const basis = { epoch, relaySeq: 1 }
    const b = await join(second, 'hall', { basis })
    storage.failing = 'read'
    const writer = attempt()
    b.send([assign(writer, 'seat', 'ann', 'bob')])
    await until(() => b.closed !== undefined)
    expect(b.last('failure')).toMatchObject({ channel: 0, code: 'storage-failed' })
    expect(outcome(b, writer)).toBeUndefined()
    storage.failing = 'none'
    const c = await join(second, 'hall', { basis })
    c.send([assign(writer, 'seat', 'ann', 'bob')])
    await until(() => outcome(c, writer) !== undefined)
    expect(outcome(c, writer)).toBe(2)
  })
})

describe('calling off', () => {
  const abort = (client: Client, writer: string, seq = 1): void =>
    client.say({ type: 'abort', channel: 1, writer, seq })

  test('[RL47] what is not in the log never will be, on any connection and after a restart', async () => {
    const storage = gatedStorage()
    const first = createRelay({ storage, clock: virtualClock() })
    const a = await join(first, 'hall')
    const writer = attempt()
    storage.hold()
    abort(a, writer)
    await until(() => storage.waiting === 1)
    await turns()
    expect(outcome(a, writer)).toBeUndefined()
    storage.open()
    await until(() => outcome(a, writer) !== undefined)
    expect(a.last('refusal')).toMatchObject({ writer, seq: 1, code: 'aborted' })
    const b = await join(first, 'hall')
    b.send([assign(writer, 'seat', undefined, 'ann')])
    await until(() => outcome(b, writer) !== undefined)
    await first.close()
    const second = createRelay({ storage, clock: virtualClock() })
    const c = await join(second, 'hall')
    c.send([assign(writer, 'seat', undefined, 'ann')])
    await until(() => outcome(c, writer) !== undefined)
    expect([outcome(b, writer), outcome(c, writer)]).toEqual(['aborted', 'aborted'])
    expect(await decide(c, (w) => assign(w, 'seat', undefined, 'bob'))).toBe(1)
  })

  test('[RL47] what is in the log, or on its way there, stays; the stream tells it', async () => {
    const storage = gatedStorage()
    const { relay } = world({ storage })
    const [a, b] = [await join(relay, 'hall'), await join(relay, 'hall')]
    const writer = attempt()
    storage.hold()
    a.send([assign(writer, 'seat', undefined, 'ann')])
    await until(() => storage.waiting === 1)
    abort(b, writer)
    await turns()
    storage.open()
    await until(() => told(a).length === 1 && told(b).length === 1)
    abort(b, writer)
    expect(await decide(b, (w) => assign(w, 'seat', 'ann', 'bob'))).toBe(2)
    expect(b.all('refusal')).toEqual([])
  })

  test('[RL47] what was refused before is refused with the same words', async () => {
    const { relay } = world()
    const [a, b] = [await join(relay, 'hall'), await join(relay, 'hall')]
    const writer = attempt()
    a.send([assign(writer, 'seat', 'nobody', 'ann')])
    await until(() => outcome(a, writer) !== undefined)
    abort(b, writer)
    abort(b, writer)
    await until(() => outcome(b, writer) !== undefined)
    await turns()
    expect(b.all('refusal')).toEqual(a.all('refusal'))
  })

  test('[RL47] only the first Change of a writer can be called off', async () => {
    const { relay } = world()
    const a = await join(relay, 'hall')
    a.send([record(ann, 1)])
    await until(() => told(a).length === 1)
    abort(a, ann)
    a.send([record(ann, 2)])
    await until(() => told(a).length === 2)
    abort(a, ann, 3)
    await until(() => a.closed !== undefined)
    expect(a.last('failure')).toMatchObject({ code: 'malformed' })
    const b = await join(relay, 'hall')
    b.say({ type: 'abort', channel: 9, writer: attempt(), seq: 1 })
    b.send([record(ann, 3)])
    await until(() => told(b).length === 3)
  })
})
