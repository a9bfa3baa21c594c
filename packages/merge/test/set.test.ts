import { noPast, StmError, type Value } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { set } from '../src/index.ts'
import { shuffled } from './history.ts'
import { canonical, createReplica, type Replica } from './replica.ts'

const tags = set<Value>('tags')

function replicas(...writers: string[]): Replica[] {
  return writers.map((writer) => createReplica(writer, [tags.policy]))
}

function read(replica: Replica): readonly Value[] {
  return replica.memory.snapshot.get(tags)
}

/** How many values a replica remembers something of. */
function known({ memory }: Replica): number {
  return (memory.state(tags.key) as { readonly elements: readonly unknown[] } | undefined)?.elements.length ?? 0
}

test('[SE1] [SE2] reads each value once, by kind and then ascending, and as equal values have one form', () => {
  const [one] = replicas('w1') as [Replica]
  expect(read(one)).toEqual([])
  one.transact((tx) => {
    tx.include(tags, 'b', 'a', 10, 9, '10', null, true, false, -0, Number.NaN, [2], [1, 1], 'a', 9)
    tx.include(tags, { y: 1, x: { b: 1, a: 2 } }, new Uint8Array([2]), new Uint8Array([1]), { x: { a: 2, b: 1 }, y: 1 })
  })
  expect(read(one)).toEqual([
    null,
    false,
    true,
    Number.NaN,
    0,
    9,
    10,
    '10',
    'a',
    'b',
    new Uint8Array([1]),
    new Uint8Array([2]),
    [2],
    [1, 1],
    { x: { a: 2, b: 1 }, y: 1 },
  ])
  expect(JSON.stringify(read(one).at(-1))).toBe('{"x":{"a":2,"b":1},"y":1}')
  expect(Object.isFrozen(read(one))).toBe(true)
  expect(read(one)).toBe(read(one))
})

test('[SE1] names of prototypes are values like others', () => {
  const [one] = replicas('w1') as [Replica]
  one.transact((tx) => tx.include(tags, '__proto__', 'constructor', 'prototype', { ['__proto__']: 1 }))
  expect(read(one)).toEqual(['__proto__', 'constructor', 'prototype', JSON.parse('{"__proto__":1}')])
  expect(({} as Record<string, unknown>)['1']).toBeUndefined()
  one.transact((tx) => tx.exclude(tags, '__proto__', JSON.parse('{"__proto__":1}')))
  expect(read(one)).toEqual(['constructor', 'prototype'])
})

test('[SE3] who puts a value in wins over who takes it out at the same time', () => {
  const [a, b] = replicas('a', 'b') as [Replica, Replica]
  b.receive(a.transact((tx) => tx.include(tags, 'x'))!)
  const out = a.transact((tx) => tx.exclude(tags, 'x'))!
  const back = b.transact((tx) => tx.exclude(tags, 'x'))!
  const again = b.transact((tx) => tx.include(tags, 'x'))!
  for (const change of [back, again]) a.receive(change)
  b.receive(out)
  expect([read(a), read(b)]).toEqual([['x'], ['x']])
})

test('[SE3] a removal takes away what its author has seen, and nothing else', () => {
  const [a, b, c] = replicas('a', 'b', 'c') as [Replica, Replica, Replica]
  const mine = a.transact((tx) => tx.include(tags, 'x'))!
  const theirs = b.transact((tx) => tx.include(tags, 'x'))!
  c.receive(mine)
  const removed = c.transact((tx) => tx.exclude(tags, 'x'))!
  for (const change of [theirs, removed]) a.receive(change)
  for (const change of [mine, theirs]) c.receive(change)
  expect([read(a), read(c)]).toEqual([['x'], ['x']])
  const all = a.transact((tx) => tx.exclude(tags, 'x'))!
  expect(all.ops[0]!.payload).toEqual([0, -1, 'b1', ['x']])
  c.receive(all)
  expect([read(a), read(c), known(a), known(c)]).toEqual([[], [], 0, 0])
})

test('[SE4] of what is gone nothing is kept; a removal that comes before the addition is remembered until that is there', () => {
  const [a, b, c] = replicas('a', 'b', 'c') as [Replica, Replica, Replica]
  const changes = Array.from({ length: 50 }, (_, i) => [
    a.transact((tx) => tx.include(tags, i, `${i}`))!,
    a.transact((tx) => tx.exclude(tags, i, `${i}`))!,
  ]).flat()
  for (const change of changes) b.receive(change)
  expect([read(a), read(b), known(a), known(b)]).toEqual([[], [], 0, 0])
  for (const change of changes.filter((_, i) => i % 2 === 1)) c.receive(change)
  expect([read(c), known(c)]).toEqual([[], 100])
  for (const change of shuffled(changes, 1)) c.receive(change)
  expect([read(c), known(c)]).toEqual([[], 0])
})

test('[SE5] a value that is in it, or is not, is not written again; what is put in and taken out again neither', () => {
  const [a] = replicas('a') as [Replica]
  a.transact((tx) => tx.include(tags, 'x'))
  const nothing = [
    a.transact((tx) => tx.include(tags, 'x', 'x')),
    a.transact((tx) => tx.exclude(tags, 'y')),
    a.transact((tx) => tx.set(tags, ['x', 'x'])),
    a.transact((tx) => {
      tx.include(tags, 'y')
      tx.exclude(tags, 'x', 'y')
      tx.include(tags, 'x')
    }),
    a.transact((tx) => tx.include(tags)),
  ]
  expect(nothing).toEqual(nothing.map(() => undefined))
})

test('[SE6] set writes what differs; merge what was put in and taken out since', () => {
  const [a] = replicas('a') as [Replica]
  a.transact((tx) => tx.set(tags, ['a', 'b', 'c']))
  const change = a.transact((tx) => tx.set(tags, ['c', 'd', 'd']))!
  expect(change.ops[0]!.payload).toEqual([0, 1, 'a2', ['d'], -1, 'a1', ['a', 'b']])
  a.transact((tx) => tx.merge(tags, ['d', 'a'], ['e', 'a', 'c']))
  expect(read(a)).toEqual(['c', 'e'])
})

test('[SE7] [ME6] what is no array of data is refused', () => {
  const [a] = replicas('a') as [Replica]
  for (const value of ['abc', undefined, { a: 1 }]) {
    expect(() => a.transact((tx) => tx.set(tags, value as never))).toThrow('"tags" is a set and got')
  }
  expect(() => a.transact((tx) => tx.include(tags, undefined as never))).toThrow(StmError)
  expect(() => a.transact((tx) => tx.add(tags as never, 1))).toThrow('It takes include, exclude, set and merge.')
})

test('[SE4] [ME1] any order of arrival leaves the same, down to what is remembered', () => {
  let overtaken = 0
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(2), fc.boolean(), fc.array(fc.nat(4), { minLength: 1, maxLength: 12 }), fc.nat(9)), {
        minLength: 2,
        maxLength: 20,
      }),
      fc.nat(1_000),
      (steps, salt) => {
        const all = replicas('a', 'b', 'c')
        const changes = steps.flatMap(([who, isIn, values, heard]) => {
          const change = all[who]!.transact((tx) => (isIn ? tx.include : tx.exclude).call(tx, tags, ...values))
          if (change !== undefined && heard > 2) for (const other of all) other.receive(change)
          return change ?? []
        })
        const late = replicas('x', 'y')
        for (const change of shuffled(changes, salt)) late[0]!.receive(change)
        for (const change of shuffled(changes, salt + 1)) {
          late[1]!.receive(change)
          if (known(late[1]!) > read(late[1]!).length) overtaken += 1
        }
        for (const replica of all) for (const change of changes) replica.receive(change)
        const states = [...all, ...late].map(({ memory }) => JSON.stringify(canonical(memory.state(tags.key))))
        for (const replica of [...all, ...late]) expect(read(replica)).toEqual(read(all[0]!))
        expect(new Set(states).size).toBe(1)
      },
    ),
    { seed: 71, numRuns: 300 },
  )
  expect(overtaken).toBeGreaterThan(100)
})

test('[SE8] what is taken back is what was done: others stay in, or out', () => {
  // By policy, as the store does it: see the undo tests for whole stacks.
  const { reversal, apply } = tags.policy
  if (reversal === undefined || reversal === 'none') throw new Error('Sets can be taken back.')
  const stamp = { at: 1, writer: 'w' }
  const fold = (...payloads: Value[]): any => payloads.reduce<any>((state, one) => apply(state, one, stamp), undefined)
  const revert = (state: any, payload: Value): unknown => {
    const inverse = reversal.inverse(undefined, payload, noPast)!
    const { payload: back, superseded } = reversal.revert(state, [{ inverse, stamp }], noPast)
    return [tags.policy.read(back === undefined ? state : apply(state, back, stamp), tags), superseded]
  }
  const mine: Value = [0, 1, 'a1', ['x']]
  const theirs: Value = [0, 1, 'b1', ['x']]
  const removal: Value = [0, -1, 'a1', ['x']]
  expect(revert(fold(mine), mine)).toEqual([[], []])
  expect(revert(fold(mine, theirs), mine)).toEqual([['x'], []])
  // Somebody else has taken it out since.
  expect(revert(fold(mine, removal), mine)).toEqual([[], ['x']])
  expect(revert(fold(mine, removal), removal)).toEqual([['x'], []])
  // Two have taken it out: one who changes their mind does not bring it back, both do.
  expect(revert(fold(mine, removal, removal), removal)).toEqual([[], ['x']])
  expect(revert(fold(mine, removal, removal, mine), removal)).toEqual([['x'], []])
})

test('[SE9] [ME4] what a faulty writer has put in again and again can be taken out', () => {
  const stamp = { at: 1, writer: 'w' }
  const { policy } = tags
  const state = policy.apply(undefined, [0, 1e6, 'd', ['x'], 1e6, 'd', ['x'], 3, 'd', ['x']], stamp)
  const context = { stamp, seed: 's' }
  const draft = policy.edit(policy.draft(state, tags), { kind: 'set', value: ['mine'] }, tags, context)
  expect(policy.readDraft(draft, tags)).toEqual(['mine'])
  const after = policy.apply(state, policy.finish(draft, tags, context)!, stamp)
  expect(policy.read(after, tags)).toEqual(['mine'])
})

test('[ME3] values that are nested deeper than any app writes change nothing', () => {
  let deep: Value = 'x'
  for (let i = 0; i < 64; i++) deep = [deep]
  expect(tags.policy.read(tags.policy.apply(undefined, [0, 1, 'd', [deep]], { at: 1, writer: 'w' }), tags)).toEqual([
    deep,
  ])
  for (let i = 0; i < 50_000; i++) deep = [deep]
  expect(tags.policy.apply(undefined, [0, 1, 'd', ['x', deep]], { at: 1, writer: 'w' })).toBe(undefined)
})

test('[SE3] [SE4] edits of one operation come to the same as operations of their own, however many they are and in whatever order', () => {
  const edit = fc.record({
    n: fc.constantFrom(1, 1, -1, 2, -2),
    dot: fc.constantFrom('a', 'b', 'c'),
    values: fc.array(fc.constantFrom<Value>('x', 'y', 'z', 7, { x: 1, y: 2 }, { y: 2, x: 1 }), { maxLength: 6 }),
  })
  const stamp = { at: 1, writer: 'w1' }
  let most = 0
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 30, size: 'max' }), fc.nat(), (edits, salt) => {
      const written = edits.filter(({ values }) => values.length > 0)
      most = Math.max(most, written.length)
      const payloadOf = (some: typeof edits): Value => [0, ...some.flatMap(({ n, dot, values }) => [n, dot, values])]
      const apart = shuffled(edits, salt).reduce<unknown>(
        (state, one) => tags.policy.apply(state, payloadOf([one]), stamp),
        undefined,
      )
      const together: unknown = tags.policy.apply(undefined, payloadOf(edits), stamp)
      expect(canonical(together)).toEqual(canonical(apart))
    }),
    { seed: 77 },
  )
  expect(most).toBeGreaterThan(15)
})

test('[SE3] a set whose values came one by one is cleared and filled again', () => {
  const [one] = replicas('w1') as [Replica]
  const values = Array.from({ length: 300 }, (_, i) => `value ${i}`)
  for (const value of values) one.transact((tx) => tx.include(tags, value))
  one.transact((tx) => tx.set(tags, []))
  expect([read(one), known(one)]).toEqual([[], 0])
  one.transact((tx) => tx.include(tags, ...values))
  expect(read(one)).toEqual(values.toSorted())
})
