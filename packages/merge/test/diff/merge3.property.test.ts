import { equalValues, toValue, type Value } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  characters,
  items,
  json,
  keyed,
  lines,
  merge3,
  resolve,
  words,
  type By,
  type Conflict,
  type Merged,
} from '../../src/diff/index.ts'
import { regionsOf, type Region } from '../../src/diff/regions.ts'
import { hunksOf, type Hunk } from '../../src/diff/script.ts'
import { createNumbering } from '../../src/diff/symbols.ts'
import { matchingOf, textbookDiff3 } from './model.ts'
import { history, keyedHistory, smallText, type KeyedItem } from './values.ts'

interface Case {
  readonly base: Value
  readonly mine: Value
  readonly theirs: Value
  readonly by: By<any>
}

const texts = fc
  .tuple(smallText, smallText, smallText, fc.constantFrom(lines, words, characters))
  .map(([base, mine, theirs, by]): Case => ({ base, mine, theirs, by }))
const trees = history.map((each): Case => ({ ...each, by: json({ a: words, b: keyed('c') }) }))
const arrays = history.map(({ base, mine, theirs }): Case => {
  const [a, b, c] = [base, mine, theirs].map((value) => (Array.isArray(value) ? value : [value]))
  return { base: a!, mine: b!, theirs: c!, by: items }
})
const keyedArrays = keyedHistory.map(({ base, mine, theirs }): Case => {
  return { base: toValue(base), mine: toValue(mine), theirs: toValue(theirs), by: keyed('id') }
})
const cases = fc.oneof(texts, trees, arrays, keyedArrays)

function hunksBetween(a: readonly Value[], b: readonly Value[], skims: boolean): readonly Hunk[] {
  const numbering = createNumbering()
  return hunksOf(numbering.of(a), numbering.of(b), numbering.count(), { skims })
}

function regionsBetween(
  base: readonly Value[],
  mine: readonly Value[],
  theirs: readonly Value[],
  skims: boolean,
): readonly Region[] {
  const numbering = createNumbering()
  const [toMine, toTheirs] = [mine, theirs].map((side) => hunksBetween(base, side, skims))
  return regionsOf({ symbols: numbering.of(mine), hunks: toMine! }, { symbols: numbering.of(theirs), hunks: toTheirs! })
}

/** The same conflicts, seen from the other side. */
const swapped = (merged: Merged<unknown>): unknown =>
  merged.clean ? merged : { ...merged, conflicts: merged.conflicts.map((each) => swapSides(each)) }

function swapSides({ mine, theirs, ...rest }: Conflict): unknown {
  return { ...rest, ...(theirs !== undefined && { mine: theirs }), ...(mine !== undefined && { theirs: mine }) }
}

test('[D3-1] who changed nothing takes what the other has, and who did the same agrees', () => {
  fc.assert(
    fc.property(cases, ({ base, mine, by }) => {
      const unchanged: unknown[] = [
        merge3({ base, mine, theirs: base, by }),
        merge3({ base, mine: base, theirs: mine, by }),
        merge3({ base, mine, theirs: mine, by }),
      ]
      for (const merged of unchanged) expect(merged).toEqual({ clean: true, value: mine })
    }),
  )
})

test('[D3-2] exchanging the sides exchanges the sides of conflicts and nothing else', () => {
  let conflicts = 0
  fc.assert(
    fc.property(cases, ({ base, mine, theirs, by }) => {
      const merged = merge3({ base, mine, theirs, by })
      if (!merged.clean) conflicts++
      const mirrored = merge3({ base, mine: theirs, theirs: mine, by })
      expect(swapped(mirrored)).toEqual(merged)
    }),
  )
  expect(conflicts).toBeGreaterThan(20)
})

test('[D3-3] the regions of a merge are the chunks of the textbook', () => {
  const small = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 14 })
  const found = { mine: 0, theirs: 0, same: 0, conflict: 0 }
  fc.assert(
    fc.property(small, small, small, fc.boolean(), (base, mine, theirs, skims) => {
      const regions = regionsBetween(base, mine, theirs, skims)
      const [inMine, inTheirs] = [mine, theirs].map((side) => matchingOf(base.length, hunksBetween(base, side, skims)))
      expect(regions).toEqual(textbookDiff3(base, mine, theirs, inMine!, inTheirs!))
      for (const { kind } of regions) found[kind]++
    }),
  )
  for (const count of Object.values(found)) expect(count).toBeGreaterThan(5)
})

test('[D3-4] conflicts stand in the value as the base has them, in the order of their places', () => {
  let found = 0
  fc.assert(
    fc.property(cases, ({ base, mine, theirs, by }) => {
      const merged = merge3({ base, mine, theirs, by })
      if (merged.clean) return
      found++
      expect(merged.conflicts.length).toBeGreaterThan(0)
      // That the span or value of each is what the base has is checked by putting it there.
      expect(
        equalValues(
          resolve<Value>(withoutPlaces(merged), () => 'base'),
          merged.value,
        ),
      ).toBe(true)
      const spans = merged.conflicts.filter((each) => each.kind === 'span')
      for (const [i, span] of spans.entries()) {
        const next = spans[i + 1]
        const isBehind = next !== undefined && JSON.stringify(next.path) === JSON.stringify(span.path)
        expect(isBehind ? next.at : Infinity).toBeGreaterThan(span.at + span.base.length)
      }
      const places = merged.conflicts.map(({ kind, path, ...rest }) =>
        JSON.stringify([kind, path, 'at' in rest && rest.at]),
      )
      expect(new Set(places).size).toBe(places.length)
    }),
  )
  expect(found).toBeGreaterThan(20)
})

const withoutPlaces = (merged: Merged<Value>): Merged<Value> =>
  merged.clean ? merged : { ...merged, conflicts: merged.conflicts.filter(({ kind }) => kind !== 'place') }

test('[D3-5] resolved for one side, it is that side where the sides disagree, and what either changed elsewhere', () => {
  const letters = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 14 })
  let disagreed = 0
  fc.assert(
    fc.property(letters, letters, letters, (base, mine, theirs) => {
      const regions = regionsBetween(base, mine, theirs, false)
      const assembled = (side: 'mine' | 'theirs'): string[] => {
        let done = 0
        const parts = regions.flatMap((region) => {
          const before = base.slice(done, region.base.start)
          done = region.base.end
          const from = region.kind === 'conflict' ? side : region.kind === 'theirs' ? 'theirs' : 'mine'
          return [...before, ...{ mine, theirs }[from].slice(region[from].start, region[from].end)]
        })
        return [...parts, ...base.slice(done)]
      }
      const merged = merge3<readonly string[]>({ base, mine, theirs, by: items })
      if (!merged.clean) disagreed++
      for (const side of ['mine', 'theirs'] as const) expect(resolve(merged, () => side)).toEqual(assembled(side))
    }),
  )
  fc.assert(
    fc.property(keyedArrays, trees, (a, b) => {
      for (const { base, mine, theirs, by } of [a, b]) {
        const merged = merge3({ base, mine, theirs, by })
        const [ours, others] = [resolve(merged, () => 'mine'), resolve(merged, () => 'theirs')]
        const mirrored = merge3({ base, mine: theirs, theirs: mine, by })
        expect(resolve(mirrored, () => 'theirs')).toEqual(ours)
        expect(merged.clean ? others : ours).toEqual(ours)
      }
    }),
  )
  expect(disagreed).toBeGreaterThan(20)
})

test('[D3-6] [D3-13] nothing that was given is changed, and what comes out is frozen, plain data', () => {
  fc.assert(
    fc.property(trees, ({ base, mine, theirs, by }) => {
      const [a, b, c] = structuredClone([base, mine, theirs])
      const merged = merge3({ base: a, mine: b, theirs: c, by })
      expect([a, b, c]).toEqual([base, mine, theirs])
      const walk = (value: unknown): void => {
        if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return
        expect(Object.isFrozen(value)).toBe(true)
        expect([Object.prototype, Array.prototype]).toContain(Object.getPrototypeOf(value))
        for (const inside of Object.values(value)) walk(inside)
      }
      walk(merged)
      const conflicts = merged.clean ? [] : merged.conflicts
      expect(equalValues(toValue(conflicts), conflicts)).toBe(true)
      expect(Object.keys(Object.prototype)).toEqual([])
    }),
  )
})

test('[D3-9] of keyed arrays each item is there once, and an order that only one side changed is theirs', () => {
  let moved = 0
  fc.assert(
    fc.property(keyedHistory, ({ base, mine, theirs }) => {
      const merged = merge3<readonly KeyedItem[]>({ base, mine, theirs, by: keyed('id') })
      const ids = (array: readonly KeyedItem[]): string[] => array.map(({ id }) => id)
      const value = ids(merged.value)
      expect(new Set(value).size).toBe(value.length)
      const isIn = (id: string, array: readonly KeyedItem[]): boolean => ids(array).includes(id)
      const isKept = (id: string): boolean => {
        const [inBase, inMine, inTheirs] = [base, mine, theirs].map((array) => array.find((item) => item.id === id))
        if (inMine !== undefined && inTheirs !== undefined) return true
        const left = inMine ?? inTheirs
        return left !== undefined && (inBase === undefined || !equalValues(inBase, left))
      }
      expect(value.toSorted()).toEqual([...new Set(ids([...base, ...mine, ...theirs]))].filter(isKept).sort())

      // What both have stands in one order when only one side changed it.
      const common = (array: readonly KeyedItem[]): string[] =>
        ids(array).filter((id) => [base, mine, theirs].every((other) => isIn(id, other)))
      if (common(theirs).join() !== common(base).join()) return
      if (common(mine).join() !== common(base).join()) moved++
      expect(value.filter((id) => common(mine).includes(id))).toEqual(common(mine))
    }),
  )
  expect(moved).toBeGreaterThan(10)
})
