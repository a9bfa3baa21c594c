import type { Value } from '@syncline/stm'
import type { Conflict, Key, Path } from './conflict.ts'

/**
 * A way of looking at values: what their parts are and when two parts are the same one. `lines`, `words`, `characters`, `items`, `keyed` and
 * `json` are the ones there are; an app imports those that it needs and downloads no other.
 */
export interface By<V> {
  /** What it is called in messages. */
  readonly name: string
  /** What keeps a value from being looked at this way; undefined when nothing does. */
  objection(value: Value): Objection | undefined
  /** How `b` differs from `a`. `path` leads to them. */
  diff(a: V, b: V, path: Path): readonly Difference[]
  /** The merge of values that are all there and fit. */
  merge(base: V | undefined, mine: V, theirs: V, path: Path): Part
}

/** Why a value cannot be looked at in some way. */
export interface Objection {
  readonly code: 'invalid-value' | 'duplicate-key'
  readonly message: string
}

/** What a merge makes of one place. */
export interface Part {
  /** Undefined where the merge has nothing. */
  readonly value: Value | undefined
  readonly conflicts: readonly Conflict[]
}

/** One difference, as plain data. A list of them is in the order of the places. */
export type Difference =
  | {
      /** A value was added, removed or replaced. */
      readonly kind: 'set'
      readonly path: Path
      /** Absent when it was added. */
      readonly was?: Value
      /** Absent when it was removed. */
      readonly is?: Value
      /** With an item that was added to a keyed array: the key of the item before it, null at the beginning. */
      readonly behind?: Key | null
    }
  | {
      /** A span of a text or an array was replaced. */
      readonly kind: 'splice'
      readonly path: Path
      /** Where it begins in the value before, in UTF-16 code units or items. */
      readonly at: number
      readonly removed: string | readonly Value[]
      readonly added: string | readonly Value[]
    }
  | {
      /** An item of a keyed array was moved. */
      readonly kind: 'move'
      readonly path: Path
      /** The key of the item that it stands behind now, null at the beginning. */
      readonly behind: Key | null
    }
