import { byGeneration, FORGOTTEN, type Parent, type Version, type VersionId } from './version.ts'

/**
 * Versions that came from one, without a cycle: each names its parents. Replicas that have received the same versions have the same history:
 * whatever the order, as long as nothing was forgotten; and then, when each came after its parents, as Changes do.
 */
export interface History {
  /** Those that are kept, the latest first. */
  readonly versions: ReadonlyMap<VersionId, Version>
  /** Those that none names as a parent, ascending by id. */
  readonly heads: readonly VersionId[]
  /** Those that were named as a parent by others that came before them, ascending. They are no heads when they come. */
  readonly awaited: readonly VersionId[]
  /** The latest version that is too much: of those up to it only heads are kept. */
  readonly horizon: Parent | undefined
}

/** Before anybody wrote. */
export const emptyHistory: History = Object.freeze({
  versions: new Map<VersionId, Version>(),
  heads: [],
  awaited: [],
  horizon: undefined,
})

/** How much a history keeps beside its heads. */
export interface Limits {
  /** So many latest versions, as long as together they take no more than `sizeBytes`; `atLeast` so many whatever they take. */
  readonly versions: number
  readonly sizeBytes: number
  readonly atLeast: number
}

/**
 * What every replica keeps, so it belongs to the format. A hundred savings of a text are some days of work on it; sizes are upper bounds, three
 * bytes a character, and eight versions are what a handful of people make in an hour apart.
 */
export const LIMITS: Limits = Object.freeze({ versions: 128, sizeBytes: 4 * 2 ** 20, atLeast: 8 })

/**
 * The history with some versions more. It keeps the latest, by generation, and all heads: so it does not grow with the number of edits, and
 * somebody who comes late still finds the base of what they wrote, unless that much was written meanwhile.
 *
 * A version of which the history has forgotten the children would be taken for a head; none is, for children are later than parents. So what
 * is kept depends on what was received alone. Cost: of all versions kept.
 */
export function withVersions(history: History, added: readonly Version[], limits: Limits = LIMITS): History {
  const versions = new Map(history.versions)
  const heads = new Set(history.heads)
  const awaited = new Set(history.awaited)
  let isChanged = false
  for (const version of added) {
    if (versions.has(version.id)) continue
    isChanged = true
    versions.set(version.id, version)
    if (!awaited.delete(version.id)) heads.add(version.id)
    for (const parent of version.parents) {
      // When something was forgotten, a parent that is not here may be one of those.
      const isKnown = heads.delete(parent) || versions.has(parent) || parent === FORGOTTEN
      if (!isKnown && history.horizon === undefined) awaited.add(parent)
    }
  }
  if (!isChanged) return history
  const latest = [...versions.values()].sort(byGeneration)
  const horizon = horizonOf(latest, history.horizon, limits)
  const kept = latest.filter((each) => heads.has(each.id) || isAbove(each, horizon))
  return {
    versions: new Map(kept.map((each) => [each.id, each])),
    heads: [...heads].sort(),
    awaited: [...awaited].sort(),
    horizon,
  }
}

/**
 * What two histories know together, of which each may have versions that the other has not: the first one itself when it has all. What one of them has
 * forgotten and the other ends in is a head. Cost: of all versions kept.
 */
export function joinedHistories(mine: History, theirs: History, limits: Limits = LIMITS): History {
  const [one, other] = [mine.horizon, theirs.horizon]
  const horizon = one === undefined || (other !== undefined && byGeneration(other, one) < 0) ? other : one
  const awaited = theirs.awaited.filter((id) => !mine.versions.has(id))
  const both = { ...mine, awaited: [...mine.awaited, ...awaited], horizon }
  const joined = withVersions(both, [...theirs.versions.values()].reverse(), limits)
  return joined === both ? mine : joined
}

function isAbove(version: Parent, horizon: Parent | undefined): boolean {
  return horizon === undefined || byGeneration(version, horizon) < 0
}

/** It only rises: what is later than the old one is all there, so what is too much now is found among that. */
function horizonOf(latest: readonly Version[], before: Parent | undefined, limits: Limits): Parent | undefined {
  let count = 0
  let sizeBytes = 0
  for (const version of latest) {
    if (!isAbove(version, before)) return before
    count += 1
    sizeBytes += version.sizeBytes
    const { id, generation } = version
    if (count > limits.versions || (count > limits.atLeast && sizeBytes > limits.sizeBytes)) return { id, generation }
  }
  return before
}
