import type { Findings } from './findings.ts'
import type { Unique } from './history.ts'
import { isList, malformed, type Entry, type Ledger } from './ledger.ts'
import { judgeSources, show } from './sources.ts'

/** What one transaction did to one register: what it read of others, and the value it left behind. */
interface Access {
  readonly entry: Entry
  read?: Unique | null
  written?: Unique
}

/** The state of a register: who left it behind, or `null` before anybody wrote. */
type Version = Entry | null

/** In which order the values of registers became visible, by key. */
export type Versions = Readonly<Record<string, readonly Unique[]>>

/**
 * Dependencies over registers. One read does not tell the order of writes, so it is either supplied, or follows from transactions that
 * read a register before they write it: what they write comes right after what they read.
 */
export function findRegisterDependencies(ledger: Ledger, versions: Versions, findings: Findings): void {
  const accessesByKey = new Map<string, Access[]>()
  for (const entry of ledger.judged) {
    for (const [key, access] of accessesOf(entry, ledger, findings)) {
      const others = accessesByKey.get(key)
      if (others === undefined) accessesByKey.set(key, [access])
      else others.push(access)
    }
  }
  for (const [key, accesses] of accessesByKey) ofOneRegister(key, accesses, ledger, versions[key], findings)
}

function accessesOf(entry: Entry, ledger: Ledger, findings: Findings): Map<string, Access> {
  const accesses = new Map<string, Access>()
  for (const [kind, key, value] of entry.source.ops) {
    if (kind !== 'write' && kind !== 'read') continue
    if (isList(value)) continue
    const access = accesses.get(key) ?? { entry }
    accesses.set(key, access)
    if (kind === 'write') {
      access.written = value
      continue
    }
    const expected = access.written ?? access.read
    if (expected !== undefined && expected !== value) {
      const did = access.written === undefined ? 'read' : 'wrote'
      findings.anomaly(
        'internal',
        [entry.name],
        `${entry.name} ${did} ${key} = ${show(expected)} and then read ${key} = ${show(value)}.`,
      )
    }
    if (access.written === undefined && access.read === undefined) access.read = value
  }
  // What did not commit has read and not written.
  if (!ledger.isCommitted(entry)) for (const access of accesses.values()) access.written = undefined
  return accesses
}

function ofOneRegister(
  key: string,
  accesses: readonly Access[],
  ledger: Ledger,
  supplied: readonly Unique[] | undefined,
  findings: Findings,
): void {
  const writtenBy = new Map(accesses.flatMap(({ entry, written }) => (written === undefined ? [] : [[entry, written]])))
  const nexts = supplied === undefined ? nextsByReading(key, accesses, ledger) : nextsInOrder(key, writtenBy, supplied)

  for (const [before, after] of nexts) {
    if (before === null) continue
    for (const entry of after) {
      findings.edge(
        'ww',
        before.index,
        entry.index,
        () =>
          `${entry.name} overwrote the ${writtenBy.get(before)} of ${before.name} in ${key} with ${writtenBy.get(entry)}`,
      )
    }
  }
  for (const { entry, read, written } of accesses) {
    if (read === undefined) continue
    if (read !== null) judgeSources(key, entry, [read], ledger, findings)
    const version = versionOf(key, read, ledger)
    if (version === undefined || version === entry) continue
    if (version !== null) {
      checkIntermediate(key, entry, read!, ledger, findings)
      findings.edge(
        'wr',
        version.index,
        entry.index,
        () => `${entry.name} read ${key} = ${show(read)}, which ${version.name} wrote`,
      )
    }
    const after = nexts.get(version) ?? []
    const [first] = after
    if (written !== undefined && first !== undefined && first !== entry) {
      findings.anomaly(
        'lost-update',
        [entry.name, first.name],
        `${entry.name} read ${key} = ${show(read)} and wrote ${written}, but ${first.name} overwrote that with ${writtenBy.get(first)} too.`,
      )
    }
    // Of two that follow one version nobody knows which was first, so nothing is said between them but that an update was lost.
    if (after.length > 1 && after.includes(entry)) continue
    for (const writer of after) {
      findings.edge(
        'rw',
        entry.index,
        writer.index,
        () => `${entry.name} read ${key} = ${show(read)}, which ${writer.name} overwrote with ${writtenBy.get(writer)}`,
      )
    }
  }
}

/** Who wrote right after which version, as far as the writers had read it. Several after one version have lost an update. */
function nextsByReading(key: string, accesses: readonly Access[], ledger: Ledger): Map<Version, Entry[]> {
  const nexts = new Map<Version, Entry[]>()
  const writers = accesses.filter(({ written }) => written !== undefined)
  for (const { entry, read, written } of writers) {
    if (read === undefined && writers.length > 1) {
      throw malformed(
        `${entry.name} wrote ${key} = ${written} without reading ${key} before, so nobody can tell where that belongs in the order of ` +
          `writes. Read it first in the same transaction, or supply the order: { versions: { ${JSON.stringify(key)}: [ … ] } }.`,
      )
    }
    const version = versionOf(key, read ?? null, ledger)
    if (version === undefined || version === entry) continue
    nexts.set(version, [...(nexts.get(version) ?? []), entry])
  }
  return nexts
}

function nextsInOrder(
  key: string,
  writtenBy: ReadonlyMap<Entry, Unique>,
  supplied: readonly Unique[],
): Map<Version, Entry[]> {
  const places = new Map(supplied.map((value, at) => [value, at]))
  const unplaced = [...writtenBy].find(([, value]) => !places.has(value))
  if (unplaced !== undefined) {
    throw malformed(
      `${unplaced[0].name} committed ${key} = ${unplaced[1]}, which is not in the order supplied for ${key}: ${show(supplied)}. ` +
        'List the last value that each transaction wrote.',
    )
  }
  const order = [...writtenBy].toSorted(([, a], [, b]) => places.get(a)! - places.get(b)!).map(([entry]) => entry)
  return new Map(order.map((entry, at) => [at === 0 ? null : order[at - 1]!, [entry]]))
}

/** Undefined when it was read from somebody who did not commit, or from nobody. */
function versionOf(key: string, value: Unique | null, ledger: Ledger): Version | undefined {
  if (value === null) return null
  const writer = ledger.writeOf(key, value)?.entry
  return writer !== undefined && ledger.isCommitted(writer) ? writer : undefined
}

function checkIntermediate(key: string, entry: Entry, value: Unique, ledger: Ledger, findings: Findings): void {
  const write = ledger.writeOf(key, value)!
  if (write.isFinal) return
  findings.anomaly(
    'G1b',
    [entry.name, write.entry.name],
    `${entry.name} read ${key} = ${value}, which ${write.entry.name} itself overwrote later.`,
  )
}
