import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sortedInSteps, sortedSet, type SortedSet } from '../src/sorted.ts'

/** Short strings over few characters, among them a surrogate pair and a character above the surrogates: code units, not code points. */
const item = fc.string({ unit: fc.constantFrom('a', 'b', '\u0000', '\uffff', '😀', 'é'), maxLength: 4 })

function compare(set: SortedSet, model: ReadonlySet<string>): void {
  const sorted = [...model].sort()
  expect(set.items()).toEqual(sorted)
  expect(set.size).toBe(sorted.length)
}

test('[CO8] a sorted set is a sorted array, whatever goes in and out', () => {
  let changes = 0
  const step = fc.record({
    added: fc.array(item, { maxLength: 8 }),
    removed: fc.array(item, { maxLength: 8 }),
    from: fc.nat(30),
    to: fc.nat(30),
    probe: item,
  })
  fc.assert(
    fc.property(fc.array(item), fc.array(step, { maxLength: 12 }), (start, steps) => {
      let set = sortedSet(start)
      let model = new Set(start)
      compare(set, model)
      for (const { added, removed, from, to, probe } of steps) {
        const before = set
        const old = model
        model = new Set(old)
        for (const gone of removed) model.delete(gone)
        for (const come of added) model.add(come)
        set = set.change(added, removed)
        compare(set, model)
        compare(before, old)
        const isSame = old.size === model.size && [...old].every((one) => model.has(one))
        expect(set === before).toBe(isSame)
        if (!isSame) changes += 1
        const sorted = [...model].sort()
        expect(set.slice(from, to)).toEqual(sorted.slice(from, to))
        expect(set.has(probe)).toBe(model.has(probe))
        expect(set.rank(probe)).toBe(sorted.filter((one) => one < probe).length)
      }
    }),
    { seed: 31 },
  )
  expect(changes).toBeGreaterThan(200)
})

test('[CO8] thousands of items, one at a time and many at a time, in every order', () => {
  const count = 3000
  const names = Array.from({ length: count }, (_, i) => `item ${String((i * 7919) % count).padStart(5, '0')}`)
  let set = sortedSet()
  const model = new Set<string>()
  const check = (): void => {
    compare(set, model)
    const sorted = [...model].sort()
    for (let i = 0; i < sorted.length; i += 61) {
      expect([set.slice(i, i + 1), set.rank(sorted[i]!), set.has(sorted[i]!)]).toEqual([[sorted[i]], i, true])
    }
    expect(set.slice(500, 1100)).toEqual(sorted.slice(500, 1100))
  }
  for (const name of names) {
    model.add(name)
    set = set.change([name], [])
  }
  check()
  // All but every tenth go, which leaves small chunks that must come together.
  for (const name of names.filter((_, i) => i % 10 !== 0)) {
    model.delete(name)
    set = set.change([], [name])
  }
  check()
  set = set.change(names, [])
  for (const name of names) model.add(name)
  check()
  for (const name of names.toSorted()) {
    model.delete(name)
    set = set.change([], [name])
  }
  check()
  expect(set.size).toBe(0)
})

test('[CO8] what is sorted in steps is as sorted as at once, and a step is some thousands', () => {
  for (const count of [0, 1, 4_096, 4_097, 30_000]) {
    const items = Array.from({ length: count }, (_, i) => `item ${(i * 7919) % Math.max(1, count)}`)
    const work = sortedInSteps(items)
    let step = work.next()
    let steps = 0
    for (; step.done !== true; step = work.next()) {
      steps += 1
      expect(step.value).toBeLessThanOrEqual(4_096)
    }
    compare(step.value, new Set(items))
    expect(steps).toBeGreaterThanOrEqual(Math.floor(count / 4_096))
  }
})
