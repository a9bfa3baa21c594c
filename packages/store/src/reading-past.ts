import { isOfDirectory, type Directory } from '@syncline/protocol'
import type { PartsChosen } from './away.ts'
import type { Log, ReadRange } from './ports.ts'

/** What is read of a checkpoint. */
export interface Choice {
  /** The directory that has come last, if one has. */
  directory(): Directory | undefined
  isWanted: PartsChosen
}

/**
 * Reads a log as `Log.read` does, but for those parts of a checkpoint at its beginning that are not wanted: of these not a byte leaves the storage. Where a
 * checkpoint has no directory all is read.
 */
export function readPast(log: Log, choice: Choice, ...[after, each, bad]: Parameters<Log['read']>): Promise<number> {
  /** What was read first, of the log or of a checkpoint that has taken the place of one in the middle of which this was. */
  let first: { readonly position: number; readonly isDirectory: boolean } | undefined
  let plan: ((last: number) => ReadRange) | undefined
  let from = 0

  function next(last: number): ReadRange {
    if (plan === undefined || last < from) {
      const begun = first
      first = plan = undefined
      if (begun === undefined || begun.position > last) return firstOnly
      from = begun.position
      plan = begun.isDirectory ? planFrom(from, choice) : () => ({})
    }
    return plan(last)
  }

  return log.read(
    after,
    (bytes, position, claim) => {
      first ??= { position, isDirectory: isOfDirectory(bytes) }
      return each(bytes, position, claim)
    },
    bad,
    next,
  )
}

/** What a directory leaves out is not asked for; where there is none, nothing waits until the first entry is taken in. */
const firstOnly: ReadRange = { most: 1, isBeginning: (entry) => !isOfDirectory(entry) }

/** What is read after the first entry. */
function planFrom(from: number, { directory, isWanted }: Choice): (last: number) => ReadRange {
  const entries = directory()?.entries ?? 0
  // The first of so many parts stands at this fraction: see FORMAT.md of @syncline/idb. Where it does not, some are not there any more.
  const before = Math.floor(from)
  const positionOf = (part: number): number => before + part / entries
  if (from !== positionOf(1)) return () => ({})
  return (last) => {
    let part = Math.min(entries, Math.round((last - before) * entries) + 1)
    while (part < entries && !isWanted(part)) part += 1
    const after = Math.max(last, positionOf(part - 1))
    while (part < entries && isWanted(part)) part += 1
    if (part < entries) return { after, upTo: positionOf(part - 1) }
    return { after: isWanted(entries) ? after : Infinity }
  }
}
