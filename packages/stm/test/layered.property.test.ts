import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  begin,
  createMemory,
  emptyBasis,
  idRange,
  layered,
  type Memory,
  type Op,
  type Readable,
  type View,
} from '../src/index.ts'
import { cardsNamed, register, tally } from './policies.ts'

const cards = cardsNamed('cards')
const ids = ['a', 'b', 'b/c', 'é']
const refs = [register('one', 'initial'), tally('two'), ...ids.map((id) => cards.at(id))]
const readables: readonly Readable<unknown>[] = [
  ...refs,
  cards,
  idRange(cards, { prefix: 'b' }),
  ...['todo', 'done'].map((parent) => cards.list(parent, 'at')),
]

const place = fc.record({ parent: fc.constantFrom('todo', 'done'), key: fc.constantFrom('m', 'b', 'x') })
const op: fc.Arbitrary<Op> = fc.oneof(
  fc.record({
    tag: fc.constant('card'),
    address: fc.constantFrom(...ids).map((id) => `cards/${id}`),
    arbiter: fc.constant('local' as const),
    payload: fc.record(
      { exists: fc.boolean(), title: fc.constantFrom('x', 'y'), at: place },
      { requiredKeys: ['exists'] },
    ),
  }),
  fc.record({
    tag: fc.constant('register'),
    address: fc.constant('one'),
    arbiter: fc.constant('local' as const),
    payload: fc.constantFrom('x', 'y').map((value) => [value]),
  }),
  fc.record({
    tag: fc.constant('tally'),
    address: fc.constant('two'),
    arbiter: fc.constant('local' as const),
    payload: fc.integer({ min: 1, max: 9 }),
  }),
)
const change = fc.array(op, { minLength: 1, maxLength: 3 })

function fresh(): Memory {
  const memory = createMemory()
  // Whoever writes a ref has made its policy known.
  for (const { policy } of refs) memory.adopt(policy)
  return memory
}

function apply(memory: Memory, ops: readonly Op[], at: number): void {
  memory.apply(ops, { at, writer: 'w' }, { ...emptyBasis, relaySeq: at })
}

const answers = (view: View): unknown[] => readables.map((readable) => view.snapshot.get(readable))

test('[SN20] a layered view reads as the memory will once it has the Changes, and leaves everything else as it is', () => {
  let listed = 0
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 8 }),
      fc.array(change, { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      (before, after, isAskedFirst) => {
        const memory = fresh()
        before.forEach((ops, i) => apply(memory, ops, i + 1))
        if (isAskedFirst) answers(memory.view)
        const views: View[] = [memory.view]
        after.forEach((ops, i) => {
          views.push(layered(views.at(-1)!, ops, { at: before.length + i + 1, writer: 'w' }, memory.policy))
        })
        // What the memory itself says after each of them, told by another one.
        const model = fresh()
        before.forEach((ops, i) => apply(model, ops, i + 1))
        const expected = [answers(model.view)]
        const states = [refs.map(({ key }) => model.state(key))]
        after.forEach((ops, i) => {
          apply(model, ops, before.length + i + 1)
          expected.push(answers(model.view))
          states.push(refs.map(({ key }) => model.state(key)))
        })
        // The newest first: an older layer does not move under a newer one.
        for (let i = views.length - 1; i >= 0; i--) {
          expect(answers(views[i]!)).toEqual(expected[i])
          expect(answers(views[i]!)).toEqual(expected[i])
          expect(refs.map(({ key }) => views[i]!.state(key))).toEqual(states[i])
          listed += (views[i]!.snapshot.get(cards) as readonly string[]).length
        }
      },
    ),
    { seed: 43 },
  )
  expect(listed).toBeGreaterThan(500)
})

test('[SN20] a body runs and is checked on a layered view as on the memory', () => {
  const memory = fresh()
  const [one] = [register('one', 'initial')]
  const context = { stamp: { at: 1, writer: 'w' }, seed: 'seed' }
  const write = [{ tag: 'register', address: 'one', arbiter: 'local', payload: ['x'] }] as const
  const view = layered(memory.view, write, { at: 2, writer: 'w' }, memory.policy)
  const attempt = begin<'local'>(memory, context, new Map(), view)
  attempt.tx.set(one, `${attempt.tx.get(one)}y`)
  attempt.finish()
  expect(attempt.check('serializable', view)).toMatchObject({ kind: 'ready' })
  expect(attempt.check('serializable')).toMatchObject({ kind: 'rerun', moved: [one] })
  expect(attempt.view.snapshot.get(one)).toBe('x')
  expect(memory.snapshot.get(one)).toBe('initial')
})
