import { diff, resolve, words, type Conflict } from '@syncline/merge/diff'
import type { Diff3Value } from '@syncline/merge/diff3'
import { toShown, toStored } from './description.ts'

/** Which of the texts of a place is to stand there. */
export type Pick = 'mine' | 'theirs' | 'both' | 'base'

/** What somebody wants at one place: a text, which may be the one of a side, changed or not. */
export interface Decision {
  /** Undefined for own words. */
  readonly pick: Pick | undefined
  readonly text: string
}

/** A conflict as it is shown. */
export interface Place {
  /** The line before it, to find one's way; undefined at the beginning. */
  readonly after: string | undefined
  readonly base: string
  readonly mine: string
  readonly theirs: string
}

export function placesOf({ value, conflicts }: Diff3Value<string>): readonly Place[] {
  return conflicts.map((conflict) => {
    const { base, mine, theirs } = conflict
    return { after: lineBefore(value, conflict), base: toShown(base), mine: toShown(mine), theirs: toShown(theirs) }
  })
}

function lineBefore(value: string, conflict: Conflict): string | undefined {
  if (conflict.kind !== 'span' || typeof value !== 'string') return undefined
  return value
    .slice(0, conflict.at)
    .split('\n')
    .findLast((line) => line.trim() !== '')
}

/** The text to choose; `first` is the side that comes first where both are kept. */
export function textOf(place: Place, pick: Pick, first: 'mine' | 'theirs'): string {
  if (pick !== 'both') return place[pick]
  const both = first === 'mine' ? [place.mine, place.theirs] : [place.theirs, place.mine]
  return both.filter((text) => text !== '').join('\n')
}

/** A part of a text, and whether another text does not have it. */
export interface Part {
  readonly text: string
  readonly isNew: boolean
}

/** A text in parts, with those that the other one does not have. */
export function partsOf(base: string, text: string): readonly Part[] {
  const parts: Part[] = []
  // How far the base is told.
  let told = 0
  for (const difference of diff(base, text, words)) {
    if (difference.kind !== 'splice') continue
    parts.push({ text: base.slice(told, difference.at), isNew: false })
    parts.push({ text: difference.added as string, isNew: true }) // of a text, so it is one
    told = difference.at + difference.removed.length
  }
  parts.push({ text: base.slice(told), isNew: false })
  return parts.filter((part) => part.text !== '')
}

/** The text that decisions about all places come to, with the copies that are to be kept behind it. */
export function decided(
  reading: Diff3Value<string>,
  decisions: readonly (Decision | undefined)[],
  copies: readonly string[],
): string {
  const { conflicts } = reading
  const value =
    conflicts.length === 0
      ? reading.value
      : resolve({ clean: false, ...reading }, (_, i) => ({ is: toStored(decisions[i]?.text ?? '') }))
  const parts = [value, ...copies].map((text) => toShown(text).trimEnd())
  return toStored(parts.filter((text) => text !== '').join('\n\n'))
}

/** Which side somebody has written who has saved `own` last; undefined when that cannot be told. */
export function ownSide({ mine, theirs }: Place, own: string | undefined): 'mine' | 'theirs' | undefined {
  if (own === undefined) return undefined
  const has = (text: string): boolean => text !== '' && own.includes(text)
  if (has(mine) !== has(theirs)) return has(mine) ? 'mine' : 'theirs'
  // Who has neither of two texts, of which one is empty, took the lines out.
  if (has(mine) || (mine !== '' && theirs !== '')) return undefined
  return mine === '' ? 'mine' : 'theirs'
}
