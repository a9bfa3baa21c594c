import type { Change, Value } from '@syncline/stm'
import { expect, test } from 'vitest'
import { count, field, group, optional, place } from '../src/index.ts'
import { createReplica, type Replica } from './replica.ts'

const period = group('period', { from: 1, to: 10, note: optional<string>(), tags: field<readonly string[]>([]) })

function replicas(): [Replica, Replica] {
  return [createReplica('a', [period.policy]), createReplica('b', [period.policy])]
}

function read({ memory }: Replica): unknown {
  return memory.snapshot.get(period)
}

function exchange(a: Replica, b: Replica, mine: Change | undefined, theirs: Change | undefined): void {
  a.receive(theirs!)
  b.receive(mine!)
}

test('[GR1] reads its declared fields, those that nobody has written as they were declared', () => {
  const [a] = replicas()
  expect(read(a)).toEqual({ from: 1, to: 10, tags: [] })
  expect(read(a)).toBe(read(a))
  a.transact((tx) => tx.patch(period, { from: 5, note: 'x' }))
  expect(read(a)).toEqual({ from: 5, to: 10, note: 'x', tags: [] })
  expect(Object.keys(read(a) as object)).toEqual(['from', 'to', 'note', 'tags'])
  expect(Object.isFrozen(read(a))).toBe(true)
})

test('[GR2] of two writes at the same time the later stands as a whole, and never a mix', () => {
  const [a, b] = replicas()
  b.receive(a.transact((tx) => tx.set(period, { from: 2, to: 3, tags: [] }))!)
  const mine = a.transact((tx) => tx.patch(period, { from: 20 }))
  const theirs = b.transact((tx) => tx.patch(period, { to: 30 }))
  exchange(a, b, mine, theirs)
  expect([read(a), read(b)]).toEqual([
    { from: 2, to: 30, tags: [] },
    { from: 2, to: 30, tags: [] },
  ])
})

test('[GR2] a patch builds on what its author has seen', () => {
  const [a, b] = replicas()
  b.receive(a.transact((tx) => tx.patch(period, { from: 20 }))!)
  a.receive(b.transact((tx) => tx.patch(period, { to: 30, note: 'y' }))!)
  a.transact((tx) => {
    tx.patch(period, { note: undefined })
    tx.patch(period, { tags: ['t'] })
  })
  expect(read(a)).toEqual({ from: 20, to: 30, tags: ['t'] })
})

test('[GR3] what changes nothing is not written; merge is of the whole', () => {
  const [a] = replicas()
  const whole = { from: 1, to: 10, tags: [] }
  expect(a.transact((tx) => tx.set(period, whole))).toBeUndefined()
  expect(a.transact((tx) => tx.patch(period, { from: 1, note: undefined }))).toBeUndefined()
  expect(
    a.transact((tx) => {
      tx.patch(period, { from: 7 })
      tx.patch(period, { from: 1 })
    }),
  ).toBeUndefined()
  a.transact((tx) => tx.patch(period, { to: 99 }))
  expect(a.transact((tx) => tx.merge(period, whole, { ...whole, note: undefined }))).toBeUndefined()
  a.transact((tx) => tx.merge(period, whole, { ...whole, from: 5 }))
  expect(read(a)).toEqual({ from: 5, to: 10, tags: [] })
})

test('[GR4] fields that newer code has put there are kept and not shown', () => {
  const newer = group('period', { from: 1, to: 10, step: 1, ['__proto__']: 'p' })
  const [a] = replicas()
  a.transact((tx) => tx.patch(newer, { step: 5, ['__proto__']: 'q' }))
  a.transact((tx) => tx.set(period, { from: 2, to: 3, tags: [] }))
  expect(read(a)).toEqual({ from: 2, to: 3, tags: [] })
  expect(a.memory.snapshot.get(newer)).toEqual(JSON.parse('{"from":2,"to":3,"step":5,"__proto__":"q"}'))
})

test('[GR5] [ME6] what it does not take is refused', () => {
  const [a] = replicas()
  const refused: readonly (readonly [(tx: any) => void, string])[] = [
    [(tx) => tx.patch(period, { from: 'x' }), 'The field "from" of "period" holds a number'],
    [(tx) => tx.patch(period, { typo: 1 }), '"period" has no field "typo". It has "from", "to", "note", "tags".'],
    [(tx) => tx.set(period, { from: 1 }), 'The value for "period" lacks the field "to". Give all fields'],
    [(tx) => tx.set(period, 5), '"period" takes an object of fields and got the number 5.'],
    [(tx) => tx.add(period, 1), '"period" is a group and has no "add". It takes set, patch and merge.'],
    [(tx) => tx.merge(period, {}, { from: 1 }), 'lacks the field "to"'],
  ]
  for (const [body, message] of refused) expect(() => a.transact(body)).toThrow(message)
  // @ts-expect-error a count merges by itself
  expect(() => group('g', { n: count() })).toThrow('The field "n" of the group "g" is a count')
  // @ts-expect-error so does a place
  expect(() => group('g', { at: place() })).toThrow('The field "at" of the group "g" is a place')
  expect(read(a)).toEqual({ from: 1, to: 10, tags: [] })
})

test('[GR6] [ME40] [ME42] [ME43] it has versions as a register has', () => {
  const later = group(
    'period',
    { start: 1, length: 9 },
    {
      version: 2,
      upgrade: {
        2: {
          up: ({ from = 1, to = 10, ...rest }) => ({ ...rest, start: from, length: to - from }),
          down: ({ start = 1, length = 9, ...rest }) => ({ ...rest, from: start, to: start + length }),
        },
      },
    },
  )
  const last = group(
    'period',
    { start: '1' },
    {
      version: 3,
      upgrade: { 2: { up: ({ from }) => ({ start: from }) }, 3: { up: ({ start }) => ({ start: `${start}` }) } },
    },
  )
  const [a] = replicas()
  a.transact((tx) => tx.patch(period, { from: 3, note: 'kept' }))
  expect(a.memory.snapshot.get(later)).toEqual({ start: 3, length: 7 })
  a.transact((tx) => tx.patch(later, { length: 1 }))
  expect(read(a)).toEqual({ from: 3, to: 4, note: 'kept', tags: [] })
  a.transact((tx) => tx.patch(last, { start: '8' }))
  expect(a.memory.snapshot.get(last)).toEqual({ start: '8' })
  expect(() => a.transact((tx) => tx.patch(period, { from: 1 }))).toThrow('can only be read here')
  const broken = group('broken', { a: 1 }, { version: 2, upgrade: { 2: { up: () => 5 } } })
  const state = broken.policy.apply(undefined, [0, { a: 2 }], { at: 1, writer: 'w' }) as Value
  expect(broken.policy.read(state, broken)).toEqual({ a: 2 })
  expect(broken.policy.problems!(state, broken)).toMatchObject([{ path: [] }])
})
