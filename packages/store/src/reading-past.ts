import { decodeEntry, isOfDirectory, ProtocolError, type Directory } from '@syncline/protocol'
import { partsWanted, type Away } from './away.ts'
import type { Log, ReadRange } from './ports.ts'

/**
 * Reads a log as `Log.read` does, but for those parts of a checkpoint at its beginning that nobody wants: of these not a byte leaves the storage. Where a
 * checkpoint has no directory, or it is damaged, all is read.
 */
export function readPast(
  log: Log,
  away: Pick<Away, 'wants'>,
  ...[after, each, bad]: Parameters<Log['read']>
): Promise<number> {
  /** What was read first, of the log or of a checkpoint that has taken the place of one in the middle of which this was. */
  let first: { readonly bytes: Uint8Array; readonly position: number } | undefined
  let plan: Plan | undefined

  function next(last: number): ReadRange {
    if (plan === undefined || last < plan.from) {
      const known = first
      first = undefined
      if (known === undefined || known.position > last) return { most: 1 }
      plan = planFrom(known.bytes, known.position, away)
    }
    return plan.next(last)
  }

  return log.read(
    after,
    (bytes, position, claim) => {
      first ??= { bytes, position }
      return each(bytes, position, claim)
    },
    bad,
    next,
  )
}

/** What is read after the first entry. */
interface Plan {
  /** Where this entry stands. */
  readonly from: number
  next(last: number): ReadRange
}

function planFrom(bytes: Uint8Array, from: number, away: Pick<Away, 'wants'>): Plan {
  const directory = directoryIn(bytes)
  const all: Plan = { from, next: () => ({}) }
  if (directory === undefined) return all
  const { entries, lastOfCells } = directory
  // The first of so many parts stands at this fraction: see FORMAT.md of @syncline/idb. Where it does not, some are not there any more.
  const before = Math.floor(from)
  const positionOf = (part: number): number => before + part / entries
  if (from !== positionOf(1) || lastOfCells >= entries) return all
  const isWanted = partsWanted(directory, away)
  return {
    from,
    next(last) {
      let part = Math.round((last - before) * entries) + 1
      while (part <= lastOfCells && !isWanted(part)) part += 1
      const after = Math.max(last, positionOf(part - 1))
      while (part <= lastOfCells && isWanted(part)) part += 1
      return part > lastOfCells ? { after } : { after, upTo: positionOf(part - 1) }
    },
  }
}

function directoryIn(bytes: Uint8Array): Directory | undefined {
  if (!isOfDirectory(bytes)) return undefined
  try {
    const entry = decodeEntry(bytes)
    return entry.kind === 'rest' && entry.rest[0] === 'directory' && entry.part === 1 ? entry.rest[1] : undefined
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return undefined
  }
}
