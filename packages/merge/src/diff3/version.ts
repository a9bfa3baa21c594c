import { toValue, valueSizeBytes, type Value } from '@syncline/stm'
import { canonicalText, hexOf, inOrder, utf8Of } from '../canonical.ts'
import { sha256 } from '../sha256.ts'

/** What a version is known by: a hash of all it is, as 32 lower-case hexadecimal digits. */
export type VersionId = string

/** Named as a parent where that is forgotten. No version has this id. */
export const FORGOTTEN: VersionId = '0'.repeat(32)

/** What somebody wrote, and what they had seen. */
export interface Version {
  readonly id: VersionId
  /** One more than the greatest of its parents; 1 where it has none. */
  readonly generation: number
  /** The versions that its author had seen, ascending. None for what was written first. */
  readonly parents: readonly VersionId[]
  /** Undefined when it was cleared: it reads what the ref starts with. */
  readonly value: Value | undefined
  readonly sizeBytes: number
}

/** Everything that a version is, before it has a name. `seed` is that of the transaction, so that no two transactions make the same version. */
export interface VersionContent {
  readonly generation: number
  readonly parents: readonly VersionId[]
  readonly value: Value | undefined
  readonly seed: string
}

/** Cost: one SHA-256 over the value. */
export function versionOf({ generation, parents, value: given, seed }: VersionContent): Version {
  const value = given === undefined ? undefined : ordered(given)
  const text = canonicalText([generation, parents, seed, ...(value === undefined ? [] : [value])])
  const id = hexOf(sha256(utf8Of(text)).subarray(0, 16))
  return { id, generation, parents, value, sizeBytes: value === undefined ? 0 : valueSizeBytes(value) }
}

/** What a version reads as: null is a value, cleared is none. */
export function valueIn({ value }: Version, initial: Value): Value {
  return value === undefined ? initial : value
}

/** In order, and known to be a value, so that no merge walks over it to find out. */
function ordered(given: Value): Value {
  const value = inOrder(given)
  return value === given ? given : toValue(value)
}

/** What a version takes of those that it comes from. */
export type Parent = Pick<Version, 'id' | 'generation'>

/** A version made by somebody who has seen `parents`. */
export function makeVersion(value: Value | undefined, parents: readonly Parent[], seed: string): Version {
  const generation = parents.reduce((most, parent) => Math.max(most, parent.generation), 0) + 1
  const ids = [...new Set(parents.map(({ id }) => id))].sort()
  // What somebody hostile has numbered to the end has followers of the same number.
  return versionOf({ generation: Math.min(generation, Number.MAX_SAFE_INTEGER), parents: ids, value, seed })
}

/** The latest first, by generation and then by id: an order that depends on nothing but the versions. */
export function byGeneration(a: Parent, b: Parent): number {
  return b.generation - a.generation || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0)
}
