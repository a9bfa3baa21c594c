import type { Findings } from './findings.ts'
import { isInRange, type Range } from './history.ts'
import type { Entry, Ledger } from './ledger.ts'
import { judgeSources, show } from './sources.ts'

interface RangeRead {
  readonly reader: Entry
  readonly range: Range
  /** What it found of others. */
  readonly ids: ReadonlySet<string>
}

/**
 * Dependencies over collections, by predicate reads: whoever added a member that a range read found comes before the reader, and
 * whoever added one that it should have found comes after it (a phantom, when that makes a cycle). Members are never taken away and
 * never replaced, so adding has no order of its own. Cost: members × reads, for each collection.
 */
export function findMemberDependencies(ledger: Ledger, findings: Findings): void {
  const addedByCollection = new Map<string, [id: string, entry: Entry][]>()
  const readsByCollection = new Map<string, RangeRead[]>()
  for (const entry of ledger.judged) {
    for (const op of entry.source.ops) {
      if (op[0] !== 'add' || !ledger.isCommitted(entry)) continue
      const added = addedByCollection.get(op[1]) ?? []
      addedByCollection.set(op[1], [...added, [op[2], entry]])
    }
    for (const [collection, read] of rangeReadsOf(entry, findings)) {
      readsByCollection.set(collection, [...(readsByCollection.get(collection) ?? []), read])
    }
  }
  for (const [collection, reads] of readsByCollection) {
    const added = addedByCollection.get(collection) ?? []
    for (const read of reads) {
      judgeSources(collection, read.reader, [...read.ids], ledger, findings)
      connect(collection, read, added, findings)
    }
  }
}

function connect(
  collection: string,
  { reader, range, ids }: RangeRead,
  added: readonly (readonly [id: string, entry: Entry])[],
  findings: Findings,
): void {
  const asked = `${collection} ${JSON.stringify(range)}`
  for (const [id, writer] of added) {
    if (!isInRange(id, range)) continue
    if (ids.has(id)) {
      findings.edge(
        'wr',
        writer.index,
        reader.index,
        () => `${reader.name} found ${id} in ${asked}, which ${writer.name} added`,
      )
    } else {
      findings.edge(
        'rw',
        reader.index,
        writer.index,
        () => `${reader.name} found ${show([...ids])} in ${asked}, without the ${id} that ${writer.name} added`,
      )
    }
  }
}

/** Range reads without the transaction's own members, which must all be in them. */
function rangeReadsOf(entry: Entry, findings: Findings): (readonly [collection: string, read: RangeRead])[] {
  const ownByCollection = new Map<string, Set<string>>()
  const reads: (readonly [string, RangeRead])[] = []
  for (const op of entry.source.ops) {
    if (op[0] !== 'add' && op[0] !== 'range') continue
    const collection = op[1]
    const own = ownByCollection.get(collection) ?? new Set<string>()
    ownByCollection.set(collection, own)
    if (op[0] === 'add') {
      own.add(op[2])
      continue
    }
    const [, , range, found] = op
    const strayed = found.find((id) => !isInRange(id, range))
    const missing = [...own].find((id) => isInRange(id, range) && !found.includes(id))
    const asked = `${collection} ${JSON.stringify(range)}`
    if (strayed !== undefined || missing !== undefined) {
      const what = missing === undefined ? `with ${strayed}, which is not in it` : `without its own ${missing}`
      findings.anomaly('internal', [entry.name], `${entry.name} found ${show(found)} in ${asked}, ${what}.`)
    }
    const ids = new Set(found.filter((id) => !own.has(id)))
    checkAgain(entry, collection, reads, { reader: entry, range, ids }, findings)
    reads.push([collection, { reader: entry, range, ids }])
  }
  return reads
}

/** What two reads of one transaction both asked for, they both found or both did not. */
function checkAgain(
  entry: Entry,
  collection: string,
  earlier: readonly (readonly [string, RangeRead])[],
  now: RangeRead,
  findings: Findings,
): void {
  for (const [other, before] of earlier) {
    if (other !== collection) continue
    const differs =
      [...now.ids].find((id) => isInRange(id, before.range) && !before.ids.has(id)) ??
      [...before.ids].find((id) => isInRange(id, now.range) && !now.ids.has(id))
    if (differs === undefined) continue
    findings.anomaly(
      'internal',
      [entry.name],
      `${entry.name} read ${collection} twice, and ${differs} of somebody else was in one of the results only.`,
    )
    return
  }
}
