import type { Policy, Ref, Value } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  collection,
  count,
  counter,
  field,
  group,
  json,
  list,
  lww,
  optional,
  place,
  record,
  set,
} from '../src/index.ts'
import { compareValues } from '../src/order.ts'
import { shuffled } from './history.ts'
import { canonical } from './replica.ts'

const cards = collection('cards', {
  title: '',
  tags: field<Value>([]),
  due: optional<Value>(),
  n: count(),
  at: place(),
  nested: json<Value>({ a: { b: 1 }, constructor: 2 }),
})
const refs: readonly Ref<any, any>[] = [
  lww<Value>('any', null),
  counter('votes'),
  list<Value>('steps'),
  record('settings', { title: '', n: count(), at: place() }),
  cards.at('a'),
  set<Value>('tags'),
  group('unit', { title: '', due: optional<Value>() }),
]

const names = fc.constantFrom('title', 'tags', 'due', 'n', 'at', 'nested', '__proto__', 'constructor', 'newer')
const incarnations = fc.constantFrom(0, 1, 2, 3, -1, 1.5, 2 ** 53)
const values: fc.Arbitrary<any> = fc.oneof(
  fc.anything({
    withNullPrototype: false,
    values: [fc.constantFrom(null, true, 1, 0.1, -7, 1e300, Number.NaN, 'x', '')],
    maxDepth: 2,
  }),
  fc.constant(new Uint8Array([1, 2])),
  fc.constantFrom<Value[]>(['p', 'a0'], ['p', 'a0', 1], ['p', ''], ['p', '-'], [1, 2], [0.1, 1e-18]),
)
const path = fc.array(fc.constantFrom('a', 'b', '__proto__', 'constructor'), { minLength: 1, maxLength: 3 })
const nested = fc.constantFrom('nested', 'nested', 'title', '__proto__')
const entries = fc.array(
  fc.oneof(
    fc.tuple(fc.constantFrom<any>(0, 1, 2, 3, 4, 5, 6, 7, 'x'), fc.oneof(names, values), values),
    fc.tuple(fc.constantFrom(5, 6), nested, path),
    fc.tuple(
      fc.constant(4),
      nested,
      fc.tuple(values, path).map(([value, keys]) => [value, ...keys]),
    ),
    fc.tuple(fc.constant(1), nested, fc.constant(null)),
    fc.tuple(fc.constant(0), nested, values),
  ),
  { maxLength: 4 },
)
const edits = fc.array(
  fc.oneof(
    fc.tuple(fc.constant(0), fc.constantFrom('i', 'j', 'k'), fc.constantFrom('a0', 'a1', 'zz', '!'), values),
    fc.tuple(fc.constant(1), fc.constantFrom('i', 'j', 'k'), fc.constantFrom('a2', 'a3')),
    fc.tuple(fc.constant(2), fc.constantFrom('i', 'j')),
    fc.tuple(fc.constant(3), fc.constantFrom('i', 'j', 'k'), values),
    fc.tuple(values, values),
  ),
  { maxLength: 3 },
)

const counts = fc.array(
  fc.tuple(
    fc.constantFrom(1, -1, 2, -2, 0, 0.5, 1e7),
    fc.oneof(fc.constantFrom('d', 'e'), values),
    fc.oneof(fc.array(values, { maxLength: 12 }), values),
  ),
  { maxLength: 3 },
)
/** What a delete may say that it has seen: of what is there, of what is not, and what makes no sense. */
const seenPath = fc.constantFrom<any>(
  '0title',
  '0nested',
  '.["nested","a"]',
  '1["n","w1"]',
  '1["n","w2"]',
  '2at',
  'x',
  5,
)
const seenStamp = fc.oneof(fc.nat(6), fc.constantFrom<any>(9, Number.NaN, -1, 'x'))

/** Operations that are nearly right, right, or anything. */
const payloads: fc.Arbitrary<Value> = fc.oneof(
  fc.tuple(fc.constantFrom(0, 1), values),
  fc.tuple(fc.constantFrom(1, 2, 2, 4), incarnations, entries).map(([kind, n, list]) => [kind, n, ...list.flat(1)]),
  fc.tuple(fc.constant(3), incarnations),
  fc
    .tuple(
      fc.constantFrom(1, 1, 2, -1),
      fc.array(fc.tuple(seenPath, seenStamp, fc.constantFrom('w1', 'w2')), { maxLength: 4 }),
    )
    .map(([n, seen]) => [
      4,
      n,
      seen.flatMap(([, at, writer]) => [at, writer]),
      ...seen.flatMap(([path], i) => [path, i]),
    ]),
  edits.map((list) => list.flat(1)),
  counts.map((list) => [0, ...list.flat(1)]),
  values,
) as fc.Arbitrary<any>

test('[ME3] [NJ1] [KE2] [ME1] [ME53] whatever is in an operation, policies do not throw and replicas converge, whatever the order', () => {
  let changed = 0
  let ignored = 0
  fc.assert(
    fc.property(
      fc.nat(refs.length - 1),
      // Few different stamps, so that a faulty writer's repeated stamp [ME7] is among them.
      fc.array(fc.tuple(payloads, fc.nat(6), fc.constantFrom('w1', 'w2')), { minLength: 1, maxLength: 12 }),
      fc.nat(1_000),
      (which, told, salt) => {
        const ref = refs[which]!
        const policy: Policy = ref.policy
        const fold = (order: typeof told) =>
          order.reduce<unknown>((state, [payload, at, writer]) => {
            const before = JSON.stringify(canonical(state))
            const after = policy.apply(state as any, structuredClone(payload), { at, writer })
            expect(JSON.stringify(canonical(state))).toBe(before)
            if (after === state) ignored += 1
            else changed += 1
            return after
          }, undefined)
        const states = [told, told.toReversed(), shuffled(told, salt), shuffled(told, salt + 1)].map(fold)
        const pictures = states.map((state) => JSON.stringify(canonical(state)))
        expect(new Set(pictures).size).toBe(1)
        const reads = states.map((state) => policy.read(state as any, ref))
        for (const value of reads) expect(value).toEqual(reads[0])
        policy.exists?.(states[0] as any)
        policy.place?.(states[0] as any, 'at')
        for (const state of states) expect(policy.content!(state as any)).toEqual(policy.content!(states[0] as any))
        const context = { stamp: { at: 100, writer: 'w3' }, seed: 's' }
        const draft = policy.draft(states[0] as any, ref)
        expect(policy.finish(draft, ref, context)).toBe(undefined)
        expect(policy.readDraft(draft, ref)).toEqual(reads[0])
      },
    ),
    { seed: 3, numRuns: 2_100 },
  )
  expect(changed).toBeGreaterThan(2_000)
  expect(ignored).toBeGreaterThan(2_000)
})

test('[ME3] what makes no sense is named here, and changes nothing', () => {
  const nonsense: [Ref<any, any>, Value[]][] = [
    [lww<Value>('any', null), [null, 'x', 5, [], [0], [1, 'x'], [0, 1, 2], { 0: 0, 1: 1 }]],
    [
      counter('votes'),
      [1, [0], [0, '1'], [0, Number.NaN], [0, Infinity], [0, 2 ** 53], [0, [1, 'x']], [0, []], [0, 0], [1, 1]],
    ],
    [
      cards.at('a'),
      [
        [],
        [1, 0],
        [1, -1],
        [1, 1.5],
        [1, 1, 0],
        [1, 1, 0, 'title'],
        [1, 1, 0, 5, 'x'],
        [1, 1, 9, 'title', 'x'],
        [2, 1],
        [2, 1, 1, 'title', 'x'],
        [2, 1, 2, 'n', 'x'],
        [2, 1, 3, 'at', ['p']],
        [2, 1, 3, 'at', ['p', '']],
        [2, 1, 3, 'at', ['p', 'a 0']],
        [2, 1, 4, 'nested', []],
        [2, 1, 4, 'nested', [1]],
        [2, 1, 4, 'nested', [1, 'a', 2]],
        [2, 1, 4, 'nested', { 0: 1, 1: 'a' }],
        [2, 1, 5, 'nested', []],
        [2, 1, 5, 'nested', ['a', null]],
        [2, 1, 6, 'nested', 'a'],
        [2, 1, 6, 'nested', ['\u0000version', 'a']],
        [2, 1, 5, 'nested', Array.from({ length: 66 }, () => 'a')],
        [2, 1, 4, 'nested', [[[]], ...Array.from({ length: 64 }, () => 'a')]],
        [3, 0],
        [3, 1, 0],
        [4, 1],
        [4, 0, []],
        [4, 1, [], '0title', 0],
        [4, 1, [1, 'w'], '0title', -1],
        [4, 1, [1.5, 'w'], '0title', 0],
        [4, 1, [1, 'w'], 5, 0],
        [4, 1, [1, 'w'], '0title'],
        [5, 1],
      ],
    ],
    [
      list('steps'),
      [
        [0],
        [0, 'i'],
        [0, 'i', 'a0'],
        [0, 'i', '', 'x'],
        [1, 'i', 5],
        [1, 5, 'a0'],
        [2],
        [4, 'i', 'x'],
        [0, 'i', 'a0', 'x', 7],
      ],
    ],
    [group('unit', { title: '' }), [null, [0], [0, 5], [0, 'x'], [0, null], [0, []], [1, {}], [0, {}, 1]]],
    [
      set<Value>('tags'),
      [
        [],
        [0],
        [1],
        [1, 1, 'd', ['x']],
        [0, 1, 'd'],
        [0, 1, 'd', 'x'],
        [0, 1, 'd', []],
        [0, 0, 'd', ['x']],
        [0, 1.5, 'd', ['x']],
        [0, 1_000_001, 'd', ['x']],
        [0, '1', 'd', ['x']],
        [0, 1, 4, ['x']],
        [0, 1, 'd', ['x'], 1],
        [0, 1, 'd', ['x'], 1, 'e', null],
      ],
    ],
  ]
  let checked = 0
  for (const [ref, list] of nonsense) {
    for (const payload of list) {
      expect(ref.policy.apply(undefined, payload, { at: 1, writer: 'w' })).toBe(undefined)
      checked += 1
    }
  }
  expect(checked).toBeGreaterThan(40)
})

test('[ME7] values are totally ordered', () => {
  const some: (Value | undefined)[] = [
    undefined,
    null,
    false,
    true,
    Number.NaN,
    -Infinity,
    -1,
    0,
    1,
    '',
    'a',
    'b',
    new Uint8Array([0]),
    new Uint8Array([1]),
    [],
    [1],
    [2],
    {},
    { a: 1 },
    { a: 2 },
    { b: 0 },
  ]
  some.forEach((a, i) => {
    some.forEach((b, j) => expect(Math.sign(compareValues(a, b))).toBe(Math.sign(i - j)))
  })
})

test('[ME36] operations have the documented form', () => {
  const context = { stamp: { at: 1, writer: 'w' }, seed: 'seed' }
  const write = (ref: Ref<any, any>, state: unknown, ...intents: any[]) => {
    const policy: Policy = ref.policy
    const draft = intents.reduce(
      (draft, intent) => policy.edit(draft, intent, ref, context),
      policy.draft(state as any, ref),
    )
    const payload = policy.finish(draft, ref, context)!
    return [payload, policy.apply(state as any, payload, context.stamp)] as const
  }
  expect(write(refs[0]!, undefined, { kind: 'set', value: { a: 1 } })[0]).toEqual([0, { a: 1 }])
  expect(write(refs[1]!, undefined, { kind: 'add', delta: 2 })[0]).toEqual([0, 2])
  const exact = [
    { kind: 'add', delta: 0.1 },
    { kind: 'add', delta: 0.2 },
  ]
  expect(write(refs[1]!, undefined, ...exact)[0]).toEqual([0, [0.30000000000000004, -2.7755575615628914e-17]])
  const [created, state] = write(
    refs[4]!,
    undefined,
    { kind: 'create', value: { title: 'T', due: 1 } },
    { kind: 'add', delta: 1, field: 'n' },
  )
  expect(created).toEqual([1, 1, 0, 'title', 'T', 0, 'due', 1, 2, 'n', 1])
  const [written] = write(refs[4]!, state, {
    kind: 'patch',
    fields: { due: undefined, at: { parent: 'p', key: 'a0' } },
  })
  expect(written).toEqual([2, 1, 1, 'due', null, 3, 'at', ['p', 'a0']])
  expect(write(refs[4]!, state, { kind: 'delete' })[0]).toEqual([3, 1])
  expect(write(refs[3]!, undefined, { kind: 'patch', fields: { title: 'x' } })[0]).toEqual([2, 0, 0, 'title', 'x'])
  const [inserted, items] = write(refs[2]!, undefined, { kind: 'insert', index: 0, content: ['a', 'b'] })
  const [first, second] = [(inserted as Value[])[2], (inserted as Value[])[6]] as [string, string]
  expect(inserted).toEqual([0, 'seed.0', first, 'a', 0, 'seed.1', second, 'b'])
  expect(first).toMatch(/^a0[0-9A-Za-z]{6}a1$/)
  expect(second).toBe(`${first.slice(0, -1)}2`)
  const [patched, whole] = write(refs[6]!, undefined, { kind: 'patch', fields: { title: 'x' } })
  expect(patched).toEqual([0, { title: 'x' }])
  expect(write(refs[6]!, whole, { kind: 'patch', fields: { due: 1 } })[0]).toEqual([0, { title: 'x', due: 1 }])
  const [put, some] = write(refs[5]!, undefined, { kind: 'include', values: ['b', 'a', 'b'] })
  expect(put).toEqual([0, 1, 'seed', ['a', 'b']])
  expect(write(refs[5]!, some, { kind: 'set', value: ['b', 7] })[0]).toEqual([0, 1, 'seed', [7], -1, 'seed', ['a']])
  const later = { ...context, seed: 'other' }
  const policy: Policy = refs[2]!.policy
  const moved = policy.edit(policy.draft(items, refs[2]!), { kind: 'move', from: 0, to: 1 }, refs[2]!, later)
  expect(policy.finish(moved, refs[2]!, later)).toEqual([1, 'seed.0', expect.stringMatching(/^a1[0-9A-Za-z]{6}a1$/)])
  const removed = policy.edit(policy.draft(items, refs[2]!), { kind: 'remove', index: 1, length: 1 }, refs[2]!, later)
  expect(policy.finish(removed, refs[2]!, later)).toEqual([2, 'seed.1'])
})
