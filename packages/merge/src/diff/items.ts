import type { Value } from '@syncline/stm'
import type { By } from './by.ts'
import { disputed } from './part.ts'
import { diffSequences, mergeSequences, type Sequences } from './sequence.ts'
import { nameOf } from './text.ts'

const arrays: Sequences<readonly Value[]> = {
  cut: (array) => ({
    count: array.length,
    at: (index) => index,
    slice: (start, end) => array.slice(start, end),
    numbered: (numbering) => numbering.of(array),
  }),
  join: (parts) => parts.flat(),
  effort: { skims: false },
}

/**
 * Arrays item by item. Items have no identity: two are the same when they are equal, so an item that was changed is one removed and another
 * added. Where items have ids use `keyed`.
 *
 * @example
 * import { items, merge3 } from '@syncline/merge/diff'
 *
 * expect(merge3({ base: [1, 2, 3], mine: [0, 1, 2, 3], theirs: [1, 2], by: items })).toEqual({ clean: true, value: [0, 1, 2] })
 */
// The items are of any type that an app has; they are only compared.
export const items: By<readonly any[]> = Object.freeze<By<readonly Value[]>>({
  name: 'items',
  objection: (value) =>
    Array.isArray(value) ? undefined : { code: 'invalid-value', message: `is ${nameOf(value)} and no array` },
  diff: (a, b, path) => diffSequences(arrays, a, b, path),
  merge: (base, mine, theirs, path) =>
    base === undefined ? disputed(base, mine, theirs, path) : mergeSequences(arrays, base, mine, theirs, path),
})
