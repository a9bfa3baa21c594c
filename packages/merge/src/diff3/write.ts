import type { Value } from '@syncline/stm'
import { resolve, type By } from '../diff/index.ts'
import { createAncestry } from './ancestry.ts'
import { makeVersion, type History, type IdOf, type Version } from './history.ts'
import { createFold, type Reading } from './read.ts'
import { mergeValues } from './values.ts'

/**
 * The versions that stand for it that somebody made `to` of what a reading shows: one, or, while sides disagree, one for each side, so that the
 * dispute stays what it was. Where the change is at odds with a side, the change stands: who changes what is disputed
 * settles it. None when nothing was changed.
 */
export function versionsAfter(
  history: History,
  reading: Reading,
  to: Value,
  { initial, by, idOf }: { readonly initial: Value; readonly by: By<any>; readonly idOf: IdOf },
): readonly Version[] {
  if (reading.sides.length === 1) return [makeVersion(to, reading.sides[0].heads, idOf)]
  const changed = reading.sides.map((side) => {
    return { ...side, value: resolve(mergeValues(reading.value, to, side.value, by), () => 'mine') ?? null }
  })
  const gathered = createFold(createAncestry(history), initial, by).gather(changed)
  return gathered.map(({ value, heads }) => makeVersion(value, heads, idOf))
}

/** The version that settles everything: all sides, and the copies, have been seen by who writes it. */
export function settlingVersion(reading: Reading, to: Value, idOf: IdOf): Version {
  return makeVersion(to, [...reading.sides.flatMap(({ heads }) => heads), ...reading.copies], idOf)
}
