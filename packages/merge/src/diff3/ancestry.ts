import type { History } from './history.ts'
import type { Version, VersionId } from './version.ts'

/** Who comes from whom in one history, as far as it is remembered. */
export interface Ancestry {
  /** The versions that one comes from, itself included. */
  of(id: VersionId): ReadonlySet<VersionId>
  /** The latest versions that are in both, ascending by id: all others in both are before one of them. */
  latestShared(mine: ReadonlySet<VersionId>, theirs: ReadonlySet<VersionId>): readonly Version[]
  /** Whether all that some versions come from is remembered, on some way: what two such have in common is at least what was before all. */
  goesBack(ids: ReadonlySet<VersionId>): boolean
  /** Parts heads in those that have something in common with the latest one, which comes first, and the others. */
  parted(heads: readonly VersionId[]): { readonly related: readonly Version[]; readonly copies: readonly Version[] }
}

/** Cost: of each version that is asked for, once, all that it comes from. */
export function createAncestry({ versions }: History): Ancestry {
  const known = new Map<VersionId, ReadonlySet<VersionId>>()

  const of = (id: VersionId): ReadonlySet<VersionId> => {
    let all = known.get(id)
    if (all === undefined) {
      const parents = versions.get(id)!.parents.filter((parent) => versions.has(parent))
      all = new Set([id, ...parents.flatMap((parent) => [...of(parent)])])
      known.set(id, all)
    }
    return all
  }

  const latestShared = (mine: ReadonlySet<VersionId>, theirs: ReadonlySet<VersionId>): readonly Version[] => {
    const shared = [...mine].filter((id) => theirs.has(id))
    const covered = new Set(shared.flatMap((id) => versions.get(id)!.parents))
    return shared
      .filter((id) => !covered.has(id))
      .sort()
      .map((id) => versions.get(id)!)
  }

  const goesBack = (ids: ReadonlySet<VersionId>): boolean =>
    [...ids].some((id) => versions.get(id)!.parents.length === 0)

  return {
    of,
    latestShared,
    goesBack,
    parted: (heads) => {
      const all = heads.map((id) => versions.get(id)!)
      const latest = all.reduce((best, head) => (head.generation > best.generation ? head : best))
      const seen = of(latest.id)
      const isRelated = ({ id }: Version): boolean => {
        const own = of(id)
        return [...own].some((each) => seen.has(each)) || (goesBack(own) && goesBack(seen))
      }
      const others = all.filter((head) => head !== latest)
      return { related: [latest, ...others.filter(isRelated)], copies: others.filter((head) => !isRelated(head)) }
    },
  }
}
