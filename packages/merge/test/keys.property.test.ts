import fc from 'fast-check'
import { expect, test } from 'vitest'
import { collection, place } from '../src/index.ts'
import { isCramped } from '../src/keys.ts'

const { keysFor } = collection('rows', { at: place() }).list()

interface Item {
  readonly id: string
  readonly key: string
}

/** Inserts as a transaction does: looks at what is near, and at everything when that is cramped. Returns the list afterwards. */
function inserted(items: readonly Item[], index: number, count: number, seed: string): Item[] {
  const from = Math.max(0, index - 64)
  let found = keysFor(items.slice(from, index + 64), index - from, count, seed)
  if (isCramped(found)) found = keysFor(items, index, count, seed)
  const moved = new Map(found.rekeyed.map((item) => [item.id, item]))
  const others = items.map((item) => moved.get(item.id) ?? item)
  return others.toSpliced(index, 0, ...found.keys.map((key, i) => ({ id: `${seed}.${i}`, key })))
}

function isAscending(items: readonly Item[]): boolean {
  return items.every(({ key }, i) => i === 0 || items[i - 1]!.key < key)
}

function sorted(items: readonly Item[]): Item[] {
  return items.toSorted((a, b) => (a.key < b.key || (a.key === b.key && a.id < b.id) ? -1 : 1))
}

const inserts = fc.array(fc.tuple(fc.nat(1_000), fc.integer({ min: 1, max: 5 })), { minLength: 1, maxLength: 40 })

test('[ME27] whatever is inserted where, keys ascend and nothing moves', () => {
  let made = 0
  fc.assert(
    fc.property(inserts, (plan) => {
      let items: Item[] = []
      for (const [where, count] of plan) {
        items = inserted(items, where % (items.length + 1), count, `s${made++}`)
        expect(isAscending(items)).toBe(true)
      }
    }),
    { seed: 27, numRuns: 300 },
  )
  expect(made).toBeGreaterThan(1_000)
})

test('[ME27] concurrent runs at overlapping spots differ and do not mix', () => {
  let pairs = 0
  fc.assert(
    fc.property(
      inserts,
      fc.array(fc.tuple(fc.nat(1_000), fc.integer({ min: 1, max: 8 }), fc.nat(2), fc.boolean()), {
        minLength: 2,
        maxLength: 5,
      }),
      (before, writers) => {
        let base: Item[] = []
        before.forEach(([where, count], i) => (base = inserted(base, where % (base.length + 1), count, `b${i}`)))
        const spot = writers[0]![0] % (base.length + 1)
        const runs = writers.map(([, count, shift, lagging], i) => {
          // Each has seen all of the base, or lacks an item beside the spot, and inserts at the spot or close to it.
          const seen = lagging && base.length > 0 ? base.toSpliced(Math.min(spot, base.length - 1), 1) : base
          const after = inserted(seen, Math.min(spot + shift, seen.length), count, `run${i}`)
          expect(isAscending(after)).toBe(true)
          return after.filter(({ id }) => id.startsWith(`run${i}.`))
        })
        const all = sorted([...base, ...runs.flat()])
        expect(new Set(all.map(({ key }) => key)).size).toBe(all.length)
        for (const run of runs) {
          const at = all.findIndex(({ id }) => id === run[0]!.id)
          expect(all.slice(at, at + run.length)).toEqual(run)
          pairs += runs.length - 1
        }
      },
    ),
    { seed: 272, numRuns: 300 },
  )
  expect(pairs).toBeGreaterThan(600)
})

test('[ME28] further insertions of a transaction beside its own run join it', () => {
  let joined = 0
  fc.assert(
    fc.property(
      inserts,
      fc.nat(1_000),
      fc.array(fc.tuple(fc.nat(9), fc.integer({ min: 1, max: 3 })), { minLength: 1, maxLength: 20 }),
      (before, where, plan) => {
        let base: Item[] = []
        before.forEach(([place, count], i) => (base = inserted(base, place % (base.length + 1), count, `b${i}`)))
        const spot = where % (base.length + 1)
        const other = inserted(base, spot, 3, 'other').filter(({ id }) => id.startsWith('other'))
        let items = base
        let length = 0
        for (const [at, count] of plan) {
          items = inserted(items, spot + (at % (length + 1)), count, 'mine')
          length += count
          joined += count
        }
        expect(isAscending(items)).toBe(true)
        const mine = items.slice(spot, spot + length)
        const all = sorted([...items.map((item, i) => ({ ...item, id: `${i}` })), ...other])
        const first = all.findIndex(({ key }) => key === mine[0]!.key)
        expect(all.slice(first, first + length).map(({ key }) => key)).toEqual(mine.map(({ key }) => key))
      },
    ),
    { seed: 28, numRuns: 150 },
  )
  expect(joined).toBeGreaterThan(1_000)
})

test('[ME29] neighbours with equal or malformed keys make room and keep their order', () => {
  let rekeyings = 0
  const anyKey = fc.constantFrom(
    'a0',
    'a0',
    'a1',
    'a1V',
    'a10',
    'Zz',
    'z',
    '0',
    'b',
    'a0000',
    `A${'0'.repeat(26)}`,
    'a2zzz0',
    `a5${'z'.repeat(130)}`,
  )
  fc.assert(
    fc.property(
      fc.array(anyKey, { minLength: 1, maxLength: 12 }),
      fc.nat(100),
      fc.integer({ min: 1, max: 4 }),
      (keys, where, count) => {
        const items = sorted(keys.map((key, i) => ({ id: `i${i}`, key })))
        const index = where % (items.length + 1)
        const after = inserted(items, index, count, 'new')
        rekeyings += after.filter(({ id, key }) => items.some((item) => item.id === id && item.key !== key)).length
        expect(sorted(after)).toEqual(after)
        expect(after.filter(({ id }) => id.startsWith('i'))).toHaveLength(items.length)
        expect(after.slice(index, index + count).every(({ key }) => key.length < 128)).toBe(true)
      },
    ),
    { seed: 29, numRuns: 250 },
  )
  expect(rekeyings).toBeGreaterThan(100)
})

test('[ME29] a neighbourhood filled with equal keys beyond reach stops nobody', () => {
  const items = Array.from({ length: 300 }, (_, i) => ({ id: String(1_000 + i), key: 'a0' }))
  const narrow = keysFor(items.slice(86, 214), 64, 2, 'new')
  expect(narrow.keys).toHaveLength(2)
  expect(isCramped(narrow) || narrow.keys[0]! > 'a0').toBe(true)
  const after = inserted(items, 150, 2, 'new')
  expect(sorted(after)).toEqual(after)
  expect(after.slice(150, 152).map(({ id }) => id)).toEqual(['new.0', 'new.1'])
})

const spots: Record<string, (length: number, i: number) => number> = {
  'at the start': () => 0,
  'at the end': (length) => length,
  'after the first': (length) => Math.min(1, length),
  'before the last': (length) => Math.max(0, length - 1),
  'always between the last two that were inserted': (length) => length >> 1,
  'all over': (length, i) => (i * 7_919) % (length + 1),
}
for (const [where, spot] of Object.entries(spots)) {
  test(`[ME30] 10,000 insertions ${where} give no key of 128 bytes`, () => {
    let items: Item[] = []
    let rekeyed = 0
    for (let i = 0; i < 10_000; i++) {
      const index = spot(items.length, i)
      const from = Math.max(0, index - 64)
      let found = keysFor(items.slice(from, index + 64), index - from, 1, `w${i}`)
      if (isCramped(found)) found = keysFor(items, index, 1, `w${i}`)
      if (found.rekeyed.length > 0) {
        const moved = new Map(found.rekeyed.map((item) => [item.id, item]))
        items = items.map((item) => moved.get(item.id) ?? item)
        rekeyed += moved.size
      }
      items.splice(index, 0, { id: `i${i}`, key: found.keys[0]! })
    }
    expect(items).toHaveLength(10_000)
    expect(isAscending(items)).toBe(true)
    expect(Math.max(...items.map(({ key }) => key.length))).toBeLessThan(128)
    expect(rekeyed).toBeLessThan(100_000)
  })
}

test('[ME27] equal arguments give equal keys, other seeds give others', () => {
  const items = [{ id: 'x', key: 'a0' }]
  expect(keysFor(items, 1, 3, 'seed')).toEqual(keysFor(items, 1, 3, 'seed'))
  const marks = Array.from({ length: 5_000 }, (_, i) => keysFor(items, 1, 1, `w${i}`).keys[0])
  expect(new Set(marks).size).toBe(5_000)
  expect(keysFor(items, 1, 0, 'seed')).toEqual({ keys: [], rekeyed: [] })
})
