import type { Value } from '@syncline/stm'

/** The key of an item of a keyed array. */
export type Key = string | number

/** Where something is inside a value: names of fields, and items of keyed arrays by their key, as `{ id: 'c1' }`. */
export type Path = readonly (string | { readonly [field: string]: Key })[]

/**
 * A disagreement that a merge found, as plain data: it can be stored, sent, shown and resolved later. What a version does not have is absent.
 * In the merged value each conflict stands as the base has it.
 */
export type Conflict = ValueConflict | SpanConflict | PlaceConflict

/** Both sides changed one value, or one changed it and the other removed it, or both added it. */
export interface ValueConflict {
  readonly kind: 'value'
  readonly path: Path
  readonly base?: Value
  readonly mine?: Value
  readonly theirs?: Value
}

/** Both sides changed the same span of a text or an array, which is a part of the text or array. */
export interface SpanConflict {
  readonly kind: 'span'
  readonly path: Path
  /** Where it begins in the merged value, in UTF-16 code units or items. `base` stands there. */
  readonly at: number
  readonly base: string | readonly Value[]
  readonly mine: string | readonly Value[]
  readonly theirs: string | readonly Value[]
}

/** Both sides put one item of a keyed array to different places. Each is told by the key of the item before it, null at the beginning. */
export interface PlaceConflict {
  readonly kind: 'place'
  /** The item. */
  readonly path: Path
  readonly base?: Key | null
  readonly mine: Key | null
  readonly theirs: Key | null
}

/** What a three-way merge gives. */
export type Merged<V> =
  | { readonly clean: true; readonly value: V }
  | {
      readonly clean: false
      /** Everything on which the sides agree or which only one has changed; conflicts stand as the base has them. */
      readonly value: V
      /** Ascending by where they are. Never empty. */
      readonly conflicts: readonly Conflict[]
    }
