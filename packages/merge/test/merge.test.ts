import { StmError, type Policy, type Ref, type Value } from '@syncline/stm'
import { expect, test } from 'vitest'
import { collection, count, counter, field, list, lww, optional, place, record } from '../src/index.ts'
import { createReplica } from './replica.ts'

const title = lww('title', '')
const shape = lww<Value>('shape', null)
const votes = counter('votes')
const steps = list<Value>('steps')
const settings = record('settings', {
  theme: 'light',
  zoom: 1,
  tags: field<readonly string[]>([]),
  last: optional<string>(),
  starts: count(),
  ['__proto__']: '',
})
const cards = collection('cards', { title: '', done: false, at: place() })

/** What a ref reads after others and then somebody with an old value have written, and what that somebody wrote. */
function merged<V>(ref: Ref<V, any>, start: V, theirs: V, mine: V): readonly [V, Value | undefined] {
  const replica = createReplica('w', [ref.policy])
  const write = (value: V): unknown =>
    replica.transact((tx) => (ref === votes ? tx.add(votes, (value as number) - tx.get(votes)) : tx.set(ref, value)))
  write(start)
  const base = replica.memory.snapshot.get(ref)
  write(theirs)
  const change = replica.transact((tx) => tx.merge(ref, base, mine))
  return [replica.memory.snapshot.get(ref), change?.ops[0]!.payload]
}

test('[MG1] [MG2] [MG3] a register is a whole: mine stands where it was changed, and else nothing is written', () => {
  expect(merged(title, 'a', 'a', 'b')).toEqual(['b', [0, 'b']])
  expect(merged(title, 'a', 'theirs', 'mine')).toEqual(['mine', [0, 'mine']])
  expect(merged(title, 'a', 'theirs', 'a')).toEqual(['theirs', undefined])
  expect(merged(title, 'a', 'b', 'b')).toEqual(['b', undefined])
  expect(merged<Value>(shape, { x: 1, y: 1 }, { x: 2, y: 1 }, { y: 1, x: 1 })).toEqual([{ x: 2, y: 1 }, undefined])
  expect(merged<Value>(shape, { x: 1 }, { x: 2 }, { x: 1, y: 1 })[0]).toEqual({ x: 1, y: 1 })
})

test('[MG3] a counter gets the difference added', () => {
  expect(merged(votes, 3, 10, 5)).toEqual([12, [0, 2]])
  expect(merged(votes, 3, 10, 3)).toEqual([10, undefined])
  expect(merged(votes, 3, 3, 0)).toEqual([0, [0, -3]])
})

test('[MG3] who had what is there now gets exactly what they want, though what they had was rounded', () => {
  const replica = createReplica('w', [votes.policy, settings.policy])
  replica.transact((tx) => {
    for (const delta of [0.1, 0.2]) {
      tx.add(votes, delta)
      tx.add(settings, delta, 'starts')
    }
  })
  const read = replica.memory.snapshot.get(votes)
  expect(read).toBe(0.30000000000000004)
  replica.transact((tx) => {
    tx.merge(votes, read, 0)
    tx.merge(settings, { starts: read }, { starts: 0 })
  })
  expect(replica.memory.snapshot.get(votes)).toBe(0)
  expect(replica.memory.snapshot.get(settings).starts).toBe(0)
})

test('[MG2] [MG4] a record merges field by field', () => {
  const replica = createReplica('w', [settings.policy])
  const base = replica.memory.snapshot.get(settings)
  replica.transact((tx) => {
    tx.patch(settings, { theme: 'dark', tags: ['x'], last: 'them' })
    tx.add(settings, 5, 'starts')
  })
  const change = replica.transact((tx) =>
    tx.merge(settings, base, { ...base, theme: 'light', tags: ['mine'], ['__proto__']: 'own', starts: 2 }),
  )
  expect(replica.memory.snapshot.get(settings)).toEqual({
    theme: 'dark',
    zoom: 1,
    tags: ['mine'],
    last: 'them',
    starts: 7,
    ['__proto__']: 'own',
  })
  expect(change!.ops[0]!.payload).toEqual([2, 0, 0, 'tags', ['mine'], 2, 'starts', 2, 0, '__proto__', 'own'])
})

test('[MG4] a part of a record will do; an optional field that is gone is cleared, and what a part leaves away stays', () => {
  const replica = createReplica('w', [settings.policy, cards.policy])
  replica.transact((tx) => {
    tx.patch(settings, { last: 'x', zoom: 4 })
    tx.create(cards.at('a'), { title: 'A' })
    tx.move(cards.at('a'), cards.list('todo'))
  })
  replica.transact((tx) => {
    tx.merge(settings, { last: 'x', theme: 'light' }, { theme: 'dark' })
    const card = tx.get(cards.at('a'))!
    tx.merge(cards.at('a'), card, { ...card, done: true })
    tx.merge(cards.at('a'), card, { title: 'B', done: false })
  })
  expect(replica.memory.snapshot.get(settings)).toEqual({
    theme: 'dark',
    zoom: 4,
    tags: [],
    starts: 0,
    ['__proto__']: '',
  })
  expect(replica.memory.snapshot.get(cards.at('a'))).toMatchObject({ title: 'B', done: true, at: { parent: 'todo' } })
})

test('[MG4] [ME6] what a record cannot merge is refused, and says what to do', () => {
  const replica = createReplica('w', [settings.policy, cards.policy])
  replica.transact((tx) => tx.create(cards.at('a'), {}))
  const at = { parent: 'todo', key: 'a1' }
  const refused: readonly (readonly [Ref<any, any>, unknown, unknown, string, string])[] = [
    [settings, { zoom: 1 }, {}, 'invalid-value', 'The field "zoom" of "settings" holds a number and got undefined'],
    [settings, {}, { zoom: 'x' }, 'invalid-value', 'holds a number'],
    [settings, {}, { starts: 2 }, 'invalid-value', 'The field "starts" of "settings" is merged by numbers'],
    [settings, { starts: 1 }, { starts: Infinity }, 'invalid-value', 'is merged by numbers'],
    [settings, { typo: 1 }, { typo: 1 }, 'invalid-write', 'has no field "typo"'],
    [settings, null, {}, 'invalid-value', 'takes an object of fields and got null'],
    [settings, {}, [], 'invalid-value', 'takes an object of fields and got an array'],
    [cards.at('a'), {}, { at }, 'invalid-write', 'is a place and is not written as a value. Use tx.move'],
    [cards.at('b'), {}, { title: 'x' }, 'missing-member', '"cards/b" does not exist'],
    [steps, 'x', [], 'invalid-value', 'is a list and got the string "x". Give an array.'],
    [steps, [], null, 'invalid-value', 'is a list and got null. Give an array.'],
    [votes, '1', 2, 'invalid-value', 'is merged by numbers and got the string "1"'],
    [title, '', 7, 'invalid-value', 'holds a string'],
  ]
  for (const [ref, base, mine, code, message] of refused) {
    const write = (): unknown => replica.transact((tx) => tx.merge(ref, base, mine))
    expect(write).toThrow(StmError)
    expect(write).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) as string }))
  }
})

const lists: readonly (readonly [string, Value[], Value[], Value[], Value[]])[] = [
  ['appended on both sides', ['a', 'b'], ['a', 'b', 'x'], ['a', 'b', 'y'], ['a', 'b', 'x', 'y']],
  ['prepended on both sides', ['a', 'b'], ['x', 'a', 'b'], ['y', 'a', 'b'], ['y', 'x', 'a', 'b']],
  ['put between', ['a', 'b'], ['a', 'x', 'b'], ['a', 'y', 'b'], ['a', 'y', 'x', 'b']],
  ['removed and added', ['a', 'b', 'c'], ['a', 'b', 'c', 'x'], ['a', 'c'], ['a', 'c', 'x']],
  ['removed by both', ['a', 'b', 'c'], ['a', 'c'], ['a', 'c'], ['a', 'c']],
  ['added by both', ['a', 'b'], ['a', 'x', 'b'], ['a', 'x', 'b'], ['a', 'x', 'b']],
  ['added by both, and more here', ['a', 'b'], ['a', 'x', 'b'], ['a', 'x', 'b', 'y'], ['a', 'x', 'b', 'y']],
  ['moved here, another moved there', ['a', 'b', 'c'], ['b', 'a', 'c'], ['a', 'c', 'b'], ['a', 'c', 'b']],
  ['moved here and removed there', ['a', 'b', 'c'], ['b', 'c'], ['b', 'c', 'a'], ['b', 'c']],
  ['removed here and moved there', ['a', 'b', 'c'], ['b', 'c', 'a'], ['b', 'c'], ['b', 'c']],
  ['moved by both in the same way', ['a', 'b', 'c'], ['b', 'c', 'a'], ['b', 'c', 'a'], ['b', 'c', 'a']],
  ['moved by both, elsewhere', ['a', 'b', 'c', 'd'], ['b', 'c', 'a', 'd'], ['b', 'a', 'c', 'd'], ['b', 'a', 'c', 'd']],
  ['put behind what others moved', ['a', 'b', 'c'], ['b', 'c', 'a'], ['a', 'x', 'b', 'c'], ['b', 'c', 'a', 'x']],
  ['put behind what others removed', ['a', 'b', 'c'], ['a', 'c'], ['a', 'b', 'x', 'c'], ['a', 'x', 'c']],
  ['all replaced', ['a', 'b'], ['x', 'a', 'b'], ['y', 'z'], ['x', 'y', 'z']],
  ['all removed, something added', ['a', 'b'], ['a', 'x', 'b'], [], ['x']],
  ['of many the like', ['a', 'a', 'a'], ['a', 'a', 'a', 'a'], ['a', 'a'], ['a', 'a', 'a']],
  ['written over by both', ['a', 'b', 'c'], ['a', 'x', 'c'], ['a', 'y', 'c'], ['a', 'y', 'x', 'c']],
  ['objects and bytes', [{ x: 1 }, new Uint8Array([1])], [new Uint8Array([1])], [{ x: 1 }, 2], [2]],
  [
    'names of prototypes',
    ['__proto__'],
    ['__proto__', 'x'],
    ['constructor', '__proto__'],
    ['constructor', '__proto__', 'x'],
  ],
]

test.each(lists)('[MG2] [MG5] [MG6] [MG7] lists: %s', (_, base, theirs, mine, expected) => {
  expect(merged<readonly Value[]>(steps, base, theirs, mine)[0]).toEqual(expected)
})

test('[MG5] an item that was moved stays the item that it was, so that its removal by others counts', () => {
  const [here, there] = [createReplica('here', [steps.policy]), createReplica('there', [steps.policy])]
  const start = here.transact((tx) => tx.insert(steps, 0, ['a', 'b', 'c', 'd']))!
  there.receive(start)
  const moved = here.transact((tx) => tx.merge(steps, ['a', 'b', 'c', 'd'], ['d', 'a', 'b', 'c']))!
  expect(moved.ops[0]!.payload).toHaveLength(3)
  const removed = there.transact((tx) => tx.merge(steps, ['a', 'b', 'c', 'd'], ['a', 'b', 'c']))!
  here.receive(removed)
  there.receive(moved)
  expect(here.memory.snapshot.get(steps)).toEqual(['a', 'b', 'c'])
  expect(there.memory.snapshot.get(steps)).toEqual(['a', 'b', 'c'])
})

test('[MG5] ten thousand items, every tenth changed, and others in between', () => {
  const base = Array.from({ length: 10_000 }, (_, i) => `item ${i}`)
  const mine = base.map((item, i) => (i % 10 === 0 ? `${item}, changed` : item))
  const replica = createReplica('w', [steps.policy])
  replica.transact((tx) => tx.insert(steps, 0, base))
  replica.transact((tx) => tx.insert(steps, 5_005, ['theirs']))
  const change = replica.transact((tx) => tx.merge(steps, base, mine))!
  expect(replica.memory.snapshot.get(steps)).toEqual(mine.toSpliced(5_005, 0, 'theirs'))
  // A thousand removals of two parts and as many insertions of four.
  expect(change.ops[0]!.payload).toHaveLength(6_000)
  const policy: Policy = steps.policy
  const state = replica.memory.state(steps.key) as { readonly order: readonly { readonly key: string }[] }
  expect(Math.max(...state.order.map(({ key }) => key.length))).toBeLessThan(40)
  expect(policy.content!(state)).toHaveLength(10_001)
})
