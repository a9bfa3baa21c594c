import type { Change, Value } from '@syncline/stm'
import { expect, test } from 'vitest'
import { collection, count, json, place, record } from '../src/index.ts'
import { createReplica, type Replica } from './replica.ts'
import { createUndoing } from './undoing.ts'

const fields = { title: '', look: json<{ [key: string]: Value }>({}), votes: count(), at: place(), shelf: place() }
const tasks = collection('tasks', fields, { onConcurrentEdit: 'keep' })
const plain = collection('tasks', fields)
const task = tasks.at('a')
const lists = [tasks.list('todo', 'at'), tasks.list('done', 'at'), tasks.list('top', 'shelf')] as const

/** Two who have the same member, and then act without hearing of each other. */
function two(): { a: Replica; b: Replica; swap(...changes: (Change | undefined)[]): void; read(): unknown } {
  const [a, b] = ['a', 'b'].map((name) => createReplica(name, [tasks.policy])) as [Replica, Replica]
  const swap = (...changes: (Change | undefined)[]): void => {
    for (const change of changes) if (change !== undefined) [a, b].forEach((replica) => replica.receive(change))
  }
  swap(
    a.transact((tx) => {
      tx.create(task, { title: 'T', look: { color: 'red', size: 1 } })
      tx.add(task, 2, 'votes')
      tx.move(task, lists[0], 0)
    }),
  )
  const read = (): unknown => {
    const values = [a, b].map(({ memory }) => memory.snapshot.get(task))
    expect(values[1]).toEqual(values[0])
    const state = a.memory.state(task.key)
    expect(tasks.policy.content!(b.memory.state(task.key))).toEqual(tasks.policy.content!(state))
    return values[0]
  }
  return { a, b, swap, read }
}

const whole = { title: 'T', look: { color: 'red', size: 1 }, votes: 2 }

const edits: readonly (readonly [string, (tx: Parameters<Parameters<Replica['transact']>[0]>[0]) => void, object])[] = [
  ['a register', (tx) => tx.patch(task, { title: 'new' }), { title: 'new' }],
  [
    'a part of nested data',
    (tx) => tx.patch(task, { look: { color: 'blue', size: 1 } }),
    { look: { color: 'blue', size: 1 } },
  ],
  ['a removed key', (tx) => tx.patch(task, { look: { color: 'red' } }), { look: { color: 'red' } }],
  ['a count', (tx) => tx.add(task, 1, 'votes'), { votes: 3 }],
  ['a move', (tx) => tx.move(task, lists[1], 0), { at: { parent: 'done' } }],
  ['a first place', (tx) => tx.move(task, lists[2], 0), { shelf: { parent: 'top' } }],
]

test.each(edits)(
  '[KE1] [KE3] a delete loses against %s that it had not seen, with all fields, whatever comes first',
  (_, edit, expected) => {
    for (const isDeletedFirst of [true, false]) {
      const { a, b, swap, read } = two()
      const gone = (): Change | undefined => a.transact((tx) => tx.delete(task))
      const edited = (): Change | undefined => b.transact(edit)
      const changes = isDeletedFirst ? [gone(), edited()] : [edited(), gone()].reverse()
      expect(a.memory.snapshot.get(task)).toBe(undefined)
      swap(...changes)
      expect(read()).toMatchObject({ ...whole, ...expected })
      expect(a.memory.snapshot.get(tasks)).toEqual(['a'])
      // Who has seen it all deletes it.
      swap(b.transact((tx) => tx.delete(task)))
      expect(read()).toBe(undefined)
      expect(lists.map((list) => a.memory.snapshot.get(list))).toEqual([[], [], []])
    }
  },
)

test('[KE1] additions that come to nothing are an edit too', () => {
  const { a, b, swap, read } = two()
  const gone = a.transact((tx) => tx.delete(task))
  const more = b.transact((tx) => tx.add(task, 1, 'votes'))
  const less = b.transact((tx) => tx.add(task, -1, 'votes'))
  swap(gone, more, less)
  expect(read()).toMatchObject(whole)
})

test('[KE1] a plain collection is as it was: its delete wins', () => {
  const { a, b, swap, read } = two()
  const gone = a.transact((tx) => tx.delete(plain.at('a')))
  expect(gone?.ops[0]?.payload).toEqual([3, 1])
  swap(
    gone,
    b.transact((tx) => tx.patch(task, { title: 'new' })),
  )
  expect(read()).toBe(undefined)
})

test('[KE2] what one of several deletes has seen, all have', () => {
  const { a, b, swap, read } = two()
  const [left, right] = [
    a.transact((tx) => tx.patch(task, { title: 'A' })),
    b.transact((tx) => tx.add(task, 1, 'votes')),
  ]
  const [goneA, goneB] = [a.transact((tx) => tx.delete(task)), b.transact((tx) => tx.delete(task))]
  swap(left, goneB, goneA, right)
  expect(read()).toBe(undefined)
})

test('[KE3] to create is to edit: a member that two create and one deletes is there', () => {
  const { a, b, swap } = two()
  const other = tasks.at('b')
  const first = a.transact((tx) => tx.create(other, {}))
  const gone = a.transact((tx) => tx.delete(other))
  const second = b.transact((tx) => tx.create(other, {}))
  expect(second?.ops[0]?.payload).toEqual([1, 1, 1, '\u0000kept', null])
  swap(first, gone, second)
  for (const { memory } of [a, b]) expect(memory.snapshot.get(other)).toEqual({ title: '', look: {}, votes: 0 })
})

test('[KE4] who has seen the delete and creates it starts anew, and edits of the one before change nothing', () => {
  const { a, b, swap, read } = two()
  swap(a.transact((tx) => tx.delete(task)))
  const late = b.transact((tx) => {
    tx.create(task, { title: 'again' })
    expect(tx.get(task)).toEqual({ title: 'again', look: {}, votes: 0 })
  })
  expect(late?.ops[0]?.payload).toEqual([1, 2, 1, '\u0000kept', null, 0, 'title', 'again'])
  swap(late)
  expect(read()).toEqual({ title: 'again', look: {}, votes: 0 })
  const before = [2, 1, 0, 'title', 'late'] as const
  const change = { ...late!, writer: 'late', seq: 1, ops: [{ ...late!.ops[0]!, payload: before }] } as Change
  swap(change)
  expect(read()).toEqual({ title: 'again', look: {}, votes: 0 })
})

test('[KE5] a deleted member takes no writes, reads as nothing, and has no content', () => {
  const { a, swap, read } = two()
  swap(a.transact((tx) => tx.delete(task)))
  expect(read()).toBe(undefined)
  expect(tasks.policy.content!(a.memory.state(task.key))).toBe(undefined)
  expect(() => a.transact((tx) => tx.patch(task, { title: 'x' }))).toThrow('does not exist')
  expect(a.transact((tx) => tx.delete(task))).toBe(undefined)
  // A record of that address would read what it starts with.
  const one = record('tasks', fields)
  expect(one.policy.read(a.memory.state(task.key), one)).toEqual({ title: '', look: {}, votes: 0 })
})

test('[KE6] the operation says that it yields and what it has seen, and who declares the collection otherwise folds it alike', () => {
  const { a, b, swap } = two()
  const gone = a.transact((tx) => tx.delete(task))
  expect(gone?.ops[0]?.payload).toEqual([
    4,
    1,
    [1000, 'a'],
    '0\u0000kept',
    0,
    '0title',
    0,
    '.["look","color"]',
    0,
    '.["look","size"]',
    0,
    '1["votes","a"]',
    0,
    '2at',
    0,
  ])
  swap(
    gone,
    b.transact((tx) => tx.patch(plain.at('a'), { title: 'new' })),
  )
  for (const { memory } of [a, b]) expect(memory.snapshot.get(plain.at('a'))?.title).toBe('new')
  // One that does not yield is final, also for what it had not seen.
  const edit = a.transact((tx) => tx.patch(task, { title: 'newer' }))
  swap(
    b.transact((tx) => tx.delete(plain.at('a'))),
    edit,
  )
  for (const { memory } of [a, b]) expect(memory.snapshot.get(task)).toBe(undefined)
})

test('[KE7] a delete that is undone brings back what there was, and what others have written to it meanwhile', () => {
  const { a, b, swap, read } = two()
  const me = createUndoing(a)
  swap(me.transact((tx) => tx.delete(task)))
  const undone = me.undo()!.change
  expect(undone?.ops[0]?.payload).toEqual([2, 1, 1, '\u0000kept', null])
  expect(me.replica.memory.snapshot.get(task)).toMatchObject(whole)
  swap(me.redo()!.change)
  expect(a.memory.snapshot.get(task)).toBe(undefined)
  // Somebody else has written before they heard of any of it.
  const edit = {
    ...undone!,
    writer: 'c',
    seq: 1,
    at: 5,
    ops: [{ ...undone!.ops[0]!, payload: [2, 1, 0, 'note', 'n'] }],
  } as Change
  swap(undone, edit)
  expect(read()).toMatchObject(whole)
  expect(b.memory.snapshot.get(collection('tasks', { note: '' }).at('a'))).toEqual({ note: 'n' })
})

test('[KE7] a delete is not undone where others have deleted later, nor done again where they have written since', () => {
  const { a, b, swap, read } = two()
  const me = createUndoing(a)
  const mine = me.transact((tx) => tx.delete(task))
  swap(
    b.transact((tx) => tx.delete(task)),
    mine,
  )
  const taken = me.undo()!
  expect([taken.change, taken.superseded.map(({ part }) => part)]).toEqual([undefined, ['']])
  expect(read()).toBe(undefined)

  const again = two()
  const other = createUndoing(again.a)
  again.swap(other.transact((tx) => tx.delete(task)))
  again.swap(other.undo()!.change)
  again.swap(again.b.transact((tx) => tx.patch(task, { title: 'theirs' })))
  const redone = other.redo()!
  expect([redone.change, redone.superseded.map(({ part }) => part)]).toEqual([undefined, ['title']])
  expect(again.read()).toMatchObject({ title: 'theirs' })
})

test('[KE7] a create that is undone deletes so that it yields', () => {
  const { a, b, swap } = two()
  const me = createUndoing(a)
  const other = tasks.at('b')
  swap(me.transact((tx) => tx.create(other, { title: 'mine' })))
  const edit = b.transact((tx) => tx.patch(other, { title: 'theirs' }))
  swap(me.undo()!.change, edit)
  for (const { memory } of [a, b]) expect(memory.snapshot.get(other)?.title).toBe('theirs')
})

test('what the option cannot be is refused', () => {
  expect(() => collection('x', {}, { onConcurrentEdit: 'ask' as never })).toThrow('onConcurrentEdit of "x" is "ask"')
  expect(() => collection('x', { '\u0000kept': '' })).toThrow('has a meaning of its own')
})
