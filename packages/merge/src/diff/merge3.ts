import { StmError, toValue, type Value } from '@syncline/stm'
import { freezeValue } from '../freeze.ts'
import type { By, Difference } from './by.ts'
import type { Merged } from './conflict.ts'
import { diffAt, mergeAt } from './json.ts'

/**
 * How `b` differs from `a`, as data: what was set, spliced and moved, in the order of the places. Nothing for equal values.
 *
 * Throws `StmError` `invalid-value` for what is no `Value` or cannot be looked at this way, `duplicate-key` for a keyed array with two items
 * of one key. Cost: near the size of both, `n log n` for keyed arrays; (n + m)^1.5 for long texts and arrays that share little but frequent
 * lines.
 *
 * @example
 * import { diff, json } from '@syncline/merge/diff'
 *
 * expect(diff({ name: 'Ada', born: 1815 }, { name: 'Ada', died: 1852 }, json())).toEqual([
 *   { kind: 'set', path: ['born'], was: 1815 },
 *   { kind: 'set', path: ['died'], is: 1852 },
 * ])
 */
export function diff<V>(a: V, b: V, by: By<V>): readonly Difference[] {
  const [before, after] = [taken(a, by, 'The first value'), taken(b, by, 'The second value')]
  return frozen(diffAt(before, after, by, []))
}

/** The inputs of a three-way merge: what both started from, and what each has now. */
export interface Merge3<V> {
  readonly base: V
  readonly mine: V
  readonly theirs: V
  readonly by: By<V>
}

/**
 * The three-way merge: both what `mine` changed of `base` and what `theirs` did. Where they changed the same differently, the result is not
 * clean: its value has there what the base has, and its conflicts say who wants what. See `resolve`.
 *
 * The same inputs give the same result everywhere. Exchanging `mine` and `theirs` exchanges the sides of conflicts and nothing else. Changes of
 * lines, words or items that touch each other, with nothing unchanged between them, conflict. Inputs are not changed; the result is frozen.
 *
 * Throws and costs as `diff` does.
 *
 * @example
 * import { lines, merge3 } from '@syncline/merge/diff'
 *
 * const base = 'salt\nflour\nwater\nyeast\n'
 * expect(merge3({ base, mine: 'flour\nwater\nyeast\n', theirs: 'salt\nflour\nmilk\nyeast\n', by: lines })).toEqual({
 *   clean: true,
 *   value: 'flour\nmilk\nyeast\n',
 * })
 * expect(merge3({ base, mine: 'salt\nrye\nwater\nyeast\n', theirs: 'salt\nspelt\nwater\nyeast\n', by: lines })).toEqual({
 *   clean: false,
 *   value: base,
 *   conflicts: [{ kind: 'span', path: [], at: 5, base: 'flour\n', mine: 'rye\n', theirs: 'spelt\n' }],
 * })
 */
export function merge3<V>({ base, mine, theirs, by }: Merge3<V>): Merged<V> {
  const values = [taken(base, by, 'The base'), taken(mine, by, 'Mine'), taken(theirs, by, 'Theirs')] as const
  const { value, conflicts } = mergeAt(...values, by, [])
  // A merge of values that are all there is there, and of the type that they have.
  const merged = toValue(value) as V
  if (conflicts.length === 0) return Object.freeze({ clean: true, value: merged })
  return Object.freeze({ clean: false, value: merged, conflicts: frozen(conflicts) })
}

/** Differences and conflicts are plain data, though their types have no index signature that says so. */
function frozen<T extends object>(data: T): T {
  freezeValue(data as unknown as Value)
  return data
}

function taken<V>(input: V, by: By<V>, what: string): Value {
  const value = toValue(input, what)
  const objection = by.objection(value)
  if (objection === undefined) return value
  throw new StmError(
    objection.code,
    `${what} ${objection.message}, so it cannot be compared by ${by.name}. Compare it by another way, or mend it first.`,
  )
}
