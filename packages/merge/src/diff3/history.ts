import type { Value } from '@syncline/stm'

/** What a version is known by: a hash of all it is. */
export type VersionId = string

/** What somebody wrote, and what they had seen. Versions are made by edits only: a merge that nobody edited is none. */
export interface Version {
  readonly id: VersionId
  /** One more than the greatest of its parents; 1 where it has none. */
  readonly generation: number
  /** The heads that its author had seen, ascending. None for what was written first. */
  readonly parents: readonly VersionId[]
  readonly value: Value
}

/**
 * Versions that came from one, without a cycle: each names its parents. `heads` are those that none names, ascending by id. Replicas that have
 * received the same versions, each after its parents, have the same history, whatever the order.
 */
export interface History {
  readonly versions: ReadonlyMap<VersionId, Version>
  readonly heads: readonly VersionId[]
}

/** Before anybody wrote. */
export const emptyHistory: History = Object.freeze({ versions: new Map<VersionId, Version>(), heads: [] })

/** A hash of plain data: a function, so that nobody needs one who has no histories. */
export type IdOf = (data: readonly [generation: number, parents: readonly VersionId[], value: Value]) => VersionId

/** A version made by who has seen `parents`. Equal versions of two authors are one. */
export function makeVersion(value: Value, parents: readonly Version[], idOf: IdOf): Version {
  const generation = 1 + Math.max(0, ...parents.map((parent) => parent.generation))
  const ids = parents.map(({ id }) => id).sort()
  return { id: idOf([generation, ids, value]), generation, parents: ids, value }
}

/**
 * The history with one version more. It keeps the `keep` latest versions, by generation, and all heads: so it does not grow with the number of
 * edits, and somebody who comes late still finds the base of what they wrote, unless that many versions were made meanwhile.
 *
 * A version of which the history has forgotten the children would be taken for a head; none is, for children are later than parents. So what
 * is kept depends on what was received alone. Cost: of all versions kept.
 */
export function withVersion(history: History, version: Version, keep: number): History {
  if (history.versions.has(version.id)) return history
  const seen = new Set(version.parents)
  const heads = [...history.heads.filter((id) => !seen.has(id)), version.id].sort()
  const all = [...history.versions.values(), version]
  if (all.length <= keep) return { versions: new Map(all.map((each) => [each.id, each])), heads }
  const latest = new Set(all.toSorted(later).slice(0, keep))
  const kept = all.filter((each) => latest.has(each) || heads.includes(each.id))
  return { versions: new Map(kept.map((each) => [each.id, each])), heads }
}

function later(a: Version, b: Version): number {
  return b.generation - a.generation || (a.id < b.id ? 1 : -1)
}
