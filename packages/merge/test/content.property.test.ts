import { equalValues, type Policy, type Ref, type Value } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  collection,
  count,
  counter,
  field,
  json,
  group,
  list,
  lww,
  optional,
  place,
  record,
  set,
  type GroupFields,
  type Fields,
} from '../src/index.ts'
import { shuffled } from './history.ts'

const names = ['title', 'n', '__proto__', 'newer']

/** Every name as a field of one kind. */
function all(declared: () => Fields[string]): Fields {
  return Object.fromEntries(names.map((name) => [name, declared()]))
}

const declarations: readonly Fields[] = [
  all(() => field<Value>('one')),
  all(() => field<Value>('two')),
  all(optional<Value>),
  // Told apart by what parts of it lie over.
  all(() => json<Value>({})),
  all(() => json<Value>({ a: 3, z: 4 })),
  all(() => json<Value>({ a: { a: 5, z: 6 }, ['__proto__']: { a: 7, ['__proto__']: { a: 8, z: 9 } } })),
  all(count),
  all(place),
]

/** The cells that are tried: all refs that some version of an app may have declared there. */
const cells: readonly (readonly Ref<any, any>[])[] = [
  [lww<Value>('any', null), lww<Value>('any', 'other')],
  [counter('votes')],
  [list<Value>('steps')],
  declarations.flatMap((fields) => [record('things', fields), collection('things', fields).at('a')]),
  [set<Value>('tags')],
  // Counts and places are none of its fields.
  declarations.slice(0, 3).map((fields) => group('unit', fields as GroupFields)),
]

const value: fc.Arbitrary<Value> = fc.constantFrom<Value>(null, 'one', 'two', 0, 1, false, [], ['a'], { a: 1 })
const sum = fc.constantFrom<Value>(1, -1, 2, 0.1, -0.1, [0.30000000000000004, -2.7755575615628914e-17])
const name = fc.constantFrom(...names)
const spot = fc.constantFrom<Value>(null, ['', 'a0'], ['p', 'a0'], ['p', 'a1'])
const path = fc.array(fc.constantFrom('a', '__proto__'), { minLength: 1, maxLength: 2 })
const entry: fc.Arbitrary<Value[]> = fc.oneof(
  fc.tuple(fc.constant(0), name, value),
  fc.tuple(fc.constant(1), name, fc.constant(null)),
  fc.tuple(fc.constant(2), name, sum),
  fc.tuple(fc.constant(3), name, spot),
  fc.tuple(
    fc.constant(4),
    name,
    fc.tuple(value, path).map(([set, keys]) => [set, ...keys]),
  ),
  fc.tuple(fc.constantFrom(5, 6), name, path),
)
const incarnation = fc.constantFrom(0, 1, 1, 2)
const edit: fc.Arbitrary<Value[]> = fc.oneof(
  fc.tuple(fc.constant(0), fc.constantFrom('i', 'j', 'k'), fc.constantFrom('a0', 'a1'), value),
  fc.tuple(fc.constant(1), fc.constantFrom('i', 'j'), fc.constantFrom('a0', 'a2')),
  fc.tuple(fc.constant(2), fc.constantFrom('i', 'j', 'k')),
)
const payloads: readonly fc.Arbitrary<Value>[] = [
  fc.tuple(fc.constant(0), value),
  fc.tuple(fc.constant(0), sum),
  fc.array(edit, { minLength: 1, maxLength: 2 }).map((edits) => edits.flat()),
  fc.oneof(
    fc
      .tuple(fc.constantFrom(1, 2, 2), incarnation, fc.array(entry, { maxLength: 2 }))
      .map(([kind, life, entries]) => [kind, life, ...entries.flat()]),
    fc.tuple(fc.constant(3), fc.constantFrom(1, 2)),
    // One that yields, and has seen what a writer had written until then.
    fc
      .tuple(fc.constantFrom(1, 2), fc.nat(20), fc.constantFrom('w1', 'w2'))
      .map(([life, at, writer]) => [
        4,
        life,
        [at, writer],
        ...names
          .flatMap((path) => [`0${path}`, `2${path}`, `1["${path}","${writer}"]`, `.["${path}","a"]`])
          .flatMap((path) => [path, 0]),
      ]),
  ),
  fc
    .array(fc.tuple(fc.constantFrom(1, -1), fc.constantFrom('d', 'e'), fc.array(value, { maxLength: 2 })), {
      maxLength: 2,
    })
    .map((edits) => [0, ...edits.flat()]),
  fc.oneof(
    fc.tuple(fc.constant(0), fc.dictionary(name, value, { maxKeys: 2 })),
    fc.tuple(fc.constantFrom(0, 1), fc.constantFrom(null, 'one', [])),
  ) as fc.Arbitrary<Value>,
]

/** Operations with their stamps, each writer's own. */
const told = (which: number): fc.Arbitrary<(readonly [Value, number, string])[]> =>
  fc.array(fc.tuple(payloads[which]!, fc.nat(20), fc.constantFrom('w1', 'w2')), { maxLength: 5 })

function fold(policy: Policy, operations: readonly (readonly [Value, number, string])[]): unknown {
  return operations.reduce<unknown>(
    (state, [payload, at, writer]) => policy.apply(state, payload, { at, writer }),
    undefined,
  )
}

function isAlike(refs: readonly Ref<any, any>[], a: unknown, b: unknown): boolean {
  return refs.every((ref) => equalValues(ref.policy.read(a, ref), ref.policy.read(b, ref)))
}

test('[ME50] [NJ5] contents are equal exactly when every declaration reads the same, whatever the order of arrival', () => {
  const tried = { equal: 0, different: 0 }
  fc.assert(
    fc.property(
      fc.nat(cells.length - 1).chain((which) => fc.tuple(fc.constant(which), told(which), told(which), fc.nat(500))),
      ([which, first, second, salt]) => {
        const refs = cells[which]!
        const { policy } = refs[0]!
        const [a, b] = [fold(policy, first), fold(policy, second)]
        const [contentA, contentB] = [policy.content!(a), policy.content!(b)]
        const isEqual = equalValues(contentA, contentB)
        expect(isEqual).toBe(isAlike(refs, a, b))
        tried[isEqual ? 'equal' : 'different'] += 1
        expect(policy.content!(fold(policy, shuffled(first, salt)))).toEqual(contentA)
      },
    ),
    { seed: 50, numRuns: 4_000 },
  )
  expect(tried.equal).toBeGreaterThan(400)
  expect(tried.different).toBeGreaterThan(1_000)
})

test('[ME51] [ME52] contents have the documented form', () => {
  const stamp = { at: 1, writer: 'w' }
  const content = ({ policy }: Ref<any, any>, ...operations: Value[]): Value | undefined =>
    policy.content!(operations.reduce<unknown>((state, payload) => policy.apply(state, payload, stamp), undefined))
  const [any] = cells[0]!
  expect([content(any!), content(any!, [0, null])]).toEqual([undefined, null])
  const [votes] = cells[1]!
  expect([content(votes!), content(votes!, [0, 2]), content(votes!, [0, 2], [0, -2])]).toEqual([
    undefined,
    2,
    undefined,
  ])
  const [steps] = cells[2]!
  expect([content(steps!), content(steps!, [0, 'i', 'a0', 'x']), content(steps!, [2, 'i'])]).toEqual([
    undefined,
    ['x'],
    undefined,
  ])
  const [things] = cells[3]!
  expect(content(things!)).toBeUndefined()
  expect(content(things!, [1, 1])).toEqual([true, {}, {}, {}])
  expect(content(things!, [1, 1], [3, 1])).toBeUndefined()
  const whole = [
    1,
    3,
    0,
    'title',
    'T',
    1,
    'cleared',
    null,
    2,
    'n',
    2,
    2,
    'none',
    1,
    2,
    'none',
    -1,
    3,
    'at',
    ['p', 'a0'],
  ]
  expect(content(things!, whole)).toEqual([true, { title: 'T' }, { n: 2 }, { at: ['p', 'a0'] }])
  expect(content(things!, [2, 0, 0, 'title', 'T'])).toEqual([false, { title: 'T' }, {}, {}])
})

test('[ME52] [NJ5] parts over what a declaration starts with stand beside the registers, others are in them', () => {
  const { policy } = cells[3]![0]!
  const content = (...entries: Value[]) => policy.content!(fold(policy, [[[1, 1, ...entries], 1, 'w']]))
  expect(content(4, 'n', [1, 'b', 'c'], 4, 'n', [2, 'a'], 5, 'n', ['d'], 6, 'n', ['e'])).toEqual([
    true,
    {},
    {},
    {},
    { n: [[['a'], 2], [['b', 'c'], 1], [['d']]] },
  ])
  expect(content(0, 'n', { a: 1, b: 2 }, 4, 'n', [3, 'c', 'd'], 5, 'n', ['b'], 6, 'm', ['x'])).toEqual([
    true,
    { n: { a: 1, c: { d: 3 } } },
    {},
    {},
  ])
})

test('[ME52] a member that was deleted and made anew with the same fields has the content it had', () => {
  const { policy } = cells[3]![0]!
  const made = fold(policy, [[[1, 1, 0, 'title', 'T'], 1, 'w1']])
  const again = fold(policy, [
    [[1, 1, 0, 'title', 'T'], 1, 'w1'],
    [[3, 1], 2, 'w1'],
    [[1, 2, 0, 'title', 'T'], 3, 'w2'],
  ])
  expect(policy.content!(again)).toEqual(policy.content!(made))
})
