import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createMemory, emptyBasis, type Op, type Readable, type Snapshot, type Value } from '../src/index.ts'
import { cardsNamed, register, tally } from './policies.ts'

/** What others may send as ids: some that nobody could make here. */
const ids = ['a', 'b', 'b/c', '@x', '__proto__', 'é', '', 'bad\u0000id', '\n', 'x'.repeat(513)]
const parents = ['todo', 'done', '', '__proto__', 'a "b\u0000']
const fields = ['at', 'next']
const keys = ['m', 'ma', 'm\u0000', '\u0000', '', '\uffff', 'b']
const collections = [cardsNamed('cards'), cardsNamed('other')]
const registers = [register('one', 'initial'), register<Value>('two', null)]
const tallies = [tally('one'), tally('two')]

type Cell = string | number | Readonly<Record<string, unknown>>
/** By tag and address: the value written last, the sum, the fields written last. */
type Model = ReadonlyMap<string, Cell>

function fold(model: Model, op: Op): Model {
  const key = `${op.tag} ${op.address}`
  const before = model.get(key)
  const { payload } = op
  if (op.tag === 'tally') {
    return typeof payload === 'number'
      ? new Map(model).set(key, ((before as number | undefined) ?? 0) + payload)
      : model
  }
  if (op.tag === 'register') {
    return Array.isArray(payload) && payload.length === 1 ? new Map(model).set(key, payload[0] as string) : model
  }
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return model
  return new Map(model).set(key, { ...(before as object | undefined), ...(payload as object) })
}

function memberOf(model: Model, name: string, id: string): Readonly<Record<string, unknown>> | undefined {
  const card = model.get(`card ${name}/${id}`) as Readonly<Record<string, unknown>> | undefined
  if (card?.exists !== true) return undefined
  const { exists: _, ...value } = card
  return { title: '', ...value }
}

function membersOf(model: Model, name: string): string[] {
  return ids.filter((id) => isId(id) && memberOf(model, name, id) !== undefined).sort()
}

function isId(id: string): boolean {
  return id.length > 0 && id.length <= 512 && !/[\u0000-\u001f]/.test(id)
}

function listOf(model: Model, name: string, field: string, parent: string): string[] {
  const placed = membersOf(model, name).flatMap((id) => {
    const place = memberOf(model, name, id)![field] as { readonly parent: string; readonly key: string } | undefined
    return place?.parent === parent ? [{ id, key: place.key.replaceAll('\u0000', '') }] : []
  })
  const before = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
  return placed.sort((a, b) => before(a.key, b.key) || before(a.id, b.id)).map(({ id }) => id)
}

/** Everything that can be asked for, and what the model says. */
const questions: readonly { readonly readable: Readable<unknown>; readonly answer: (model: Model) => unknown }[] = [
  ...registers.map((ref, i) => ({
    readable: ref,
    answer: (model: Model) => (model.has(ref.key) ? model.get(ref.key) : ['initial', null][i]),
  })),
  ...tallies.map((ref) => ({ readable: ref, answer: (model: Model) => model.get(ref.key) ?? 0 })),
  ...collections.flatMap((collection) => [
    { readable: collection, answer: (model: Model) => membersOf(model, collection.name) },
    ...ids.filter(isId).map((id) => ({
      readable: collection.at(id),
      answer: (model: Model) => memberOf(model, collection.name, id),
    })),
    ...parents.flatMap((parent) =>
      fields.map((field) => ({
        readable: collection.list(parent, field),
        answer: (model: Model) => listOf(model, collection.name, field, parent),
      })),
    ),
  ]),
]

const place = fc.record({ parent: fc.constantFrom(...parents), key: fc.constantFrom(...keys) })
const cardPayload: fc.Arbitrary<Value> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record(
      {
        exists: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
        title: fc.constantFrom('x', 'y'),
        at: place,
        next: place,
      },
      { requiredKeys: [] },
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom<Value>(null, 7, 'text', [1]) },
)
const op: fc.Arbitrary<Op> = fc.oneof(
  fc.record({
    tag: fc.constant('card'),
    address: fc.tuple(fc.constantFrom('cards', 'other'), fc.constantFrom(...ids)).map(([name, id]) => `${name}/${id}`),
    arbiter: fc.constant('local' as const),
    payload: cardPayload,
  }),
  fc.record({
    tag: fc.constantFrom('tally', 'register', 'unknown', 'members', 'list-of'),
    address: fc.constantFrom('one', 'two', 'card cards', 'card "at" todo'),
    arbiter: fc.constant('local' as const),
    payload: fc.oneof(
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom('x', 'y', 'z').map((value) => [value]),
    ),
  }),
)
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ act: fc.constant('apply' as const), ops: fc.array(op, { minLength: 1, maxLength: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('rebuild' as const), which: fc.nat(40) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('hold' as const) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('drop' as const), which: fc.nat(40) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      act: fc.constant('ask' as const),
      which: fc.nat(40),
      question: fc.nat(questions.length - 1),
    }),
  },
)

test('[SN1] [SN3] [CO1] [CO2] [CO3] every snapshot answers as the history up to it did, whatever was asked first and when', () => {
  let asked = 0
  let listed = 0
  let lateTags = 0
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), fc.nat(questions.length - 1), (steps, first) => {
      const memory = createMemory()
      let model: Model = new Map()
      let held: { readonly snapshot: Snapshot; readonly model: Model }[] = []
      const ask = (at: (typeof held)[number] | undefined, number: number): void => {
        const { readable, answer } = questions[number]!
        if (at === undefined) return
        const told = at.snapshot.get(readable)
        expect(told).toEqual(answer(at.model))
        expect(at.snapshot.get(readable)).toBe(told)
        asked += 1
        if (readable.kind !== 'ref' && (told as readonly string[]).length > 0) listed += 1
      }
      let time = 0
      for (const one of steps) {
        time += 1
        const which = 'which' in one ? held[one.which % held.length] : undefined
        if (one.act === 'hold') held.push({ snapshot: memory.snapshot, model })
        else if (one.act === 'drop') held = held.filter((other) => other !== which)
        else if (one.act === 'ask') ask(which, one.question)
        else if (one.act === 'rebuild') {
          // A refused Change takes a cell back to an earlier state: here to none.
          const key = [...model.keys()][one.which % model.size]
          if (key === undefined || memory.policy(key.split(' ')[0]!) === undefined) continue
          model = new Map([...model].filter(([other]) => other !== key))
          memory.put(new Map([[key, undefined]]), { ...emptyBasis, relaySeq: time })
        } else {
          lateTags += one.ops.filter(({ tag }) => tag !== 'unknown' && memory.policy(tag) === undefined).length
          memory.apply(one.ops, { at: time, writer: 'w' }, { ...emptyBasis, relaySeq: time })
          model = one.ops.reduce(fold, model)
        }
      }
      held.push({ snapshot: memory.snapshot, model })
      // What is asked first, and of which snapshot, differs from run to run.
      for (let i = 0; i < questions.length; i++) {
        for (const at of i % 2 === 0 ? held : held.toReversed()) ask(at, (first + i * 7) % questions.length)
      }
    }),
    { seed: 41 },
  )
  expect(asked).toBeGreaterThan(10_000)
  expect(listed).toBeGreaterThan(1000)
  expect(lateTags).toBeGreaterThan(500)
})

test('[CO3] what a collection or list changed by is among what a commit changed, and nothing else is', () => {
  let changes = 0
  fc.assert(
    fc.property(fc.array(fc.array(op, { minLength: 1, maxLength: 4 }), { maxLength: 20 }), (commits) => {
      const memory = createMemory()
      let before = questions.map(({ readable }) => memory.snapshot.get(readable))
      commits.forEach((ops, i) => {
        const changed = memory.apply(ops, { at: i + 1, writer: 'w' }, { ...emptyBasis, relaySeq: i + 1 })
        const after = questions.map(({ readable }) => memory.snapshot.get(readable))
        const differs = questions.map((_, q) => JSON.stringify(before[q]) !== JSON.stringify(after[q]))
        changes += differs.filter(Boolean).length
        // The state of a ref may change and read the same, as of a member that is deleted; a collection or list may not.
        const told = questions.filter(({ readable }, q) => {
          return changed.has(readable.key) && (differs[q] || readable.kind !== 'ref')
        })
        expect(told).toEqual(questions.filter((_, q) => differs[q]))
        before = after
      })
    }),
    { seed: 42 },
  )
  expect(changes).toBeGreaterThan(500)
})
