import type { Findings } from './findings.ts'
import type { Unique } from './history.ts'
import { isList, type Entry, type Ledger } from './ledger.ts'
import { judgeSources, show } from './sources.ts'

/** What one transaction did to one list. */
interface Access {
  readonly entry: Entry
  /** What it read of others, if it read. */
  base?: readonly Unique[]
  readonly appended: Unique[]
}

/**
 * Dependencies over lists. A list only grows, so its longest read is the order of its writes, and a shorter read must be a
 * beginning of it; what nobody has read yet comes after it. Nothing is guessed, so all of it is exact (Kingsbury & Alvaro, "Elle",
 * VLDB 2020, section 4).
 */
export function findListDependencies(ledger: Ledger, findings: Findings): void {
  const accessesByKey = new Map<string, Access[]>()
  for (const entry of ledger.judged) {
    for (const [key, access] of accessesOf(entry, ledger, findings)) {
      const others = accessesByKey.get(key)
      if (others === undefined) accessesByKey.set(key, [access])
      else others.push(access)
    }
  }
  for (const [key, accesses] of accessesByKey) ofOneList(key, accesses, ledger, findings)
}

function accessesOf(entry: Entry, ledger: Ledger, findings: Findings): Map<string, Access> {
  const accesses = new Map<string, Access>()
  for (const op of entry.source.ops) {
    if (op[0] !== 'append' && op[0] !== 'read') continue
    const [, key, value] = op
    const access = accesses.get(key) ?? { entry, appended: [] }
    if (op[0] === 'append') {
      access.appended.push(op[2])
    } else if (!isList(value)) {
      continue
    } else {
      readAgain(key, access, value, findings)
    }
    accesses.set(key, access)
  }
  // What did not commit has read and not written.
  if (!ledger.isCommitted(entry)) for (const { appended } of accesses.values()) appended.length = 0
  return accesses
}

/** A read without the transaction's own appends, which must be at the end of it. */
function readAgain(key: string, access: Access, value: readonly Unique[], findings: Findings): void {
  const { name } = access.entry
  const base = value.slice(0, Math.max(0, value.length - access.appended.length))
  if (!equal(value.slice(base.length), access.appended)) {
    findings.anomaly(
      'internal',
      [name],
      `${name} appended ${access.appended.join(', ')} to ${key} and then read ${key} = ${show(value)}, ` +
        'which does not end with that.',
    )
  } else if (access.base !== undefined && !equal(access.base, base)) {
    findings.anomaly(
      'internal',
      [name],
      `${name} read ${key} = ${show(access.base)} and later found ${show(base)} in it, apart from its own appends.`,
    )
  } else {
    access.base = base
  }
}

function ofOneList(key: string, accesses: readonly Access[], ledger: Ledger, findings: Findings): void {
  const readers = accesses.filter(({ base }) => base !== undefined)
  for (const { entry, base } of readers) {
    checkDuplicates(key, entry, base!, findings)
    judgeSources(key, entry, base!, ledger, findings)
    checkIntermediate(key, entry, base!, ledger, findings)
  }
  const order = readers.reduce<readonly Unique[]>(
    (longest, { base }) => (base!.length > longest.length ? base! : longest),
    [],
  )
  const authorOf = (value: Unique | undefined): Entry | undefined => {
    const author = value === undefined ? undefined : ledger.writeOf(key, value)?.entry
    return author !== undefined && ledger.isCommitted(author) ? author : undefined
  }
  const known = new Set(order)
  const unread = accesses.flatMap(({ entry, appended }) => {
    const value = appended.find((each) => !known.has(each))
    return value === undefined ? [] : [{ entry, value }]
  })

  for (const [at, value] of order.entries()) {
    const author = authorOf(value)
    if (author === undefined) continue
    const next = order[at + 1]
    const followers = at + 1 < order.length ? [{ entry: authorOf(next), value: next! }] : unread
    for (const follower of followers) {
      if (follower.entry === undefined) continue
      const { entry, value: after } = follower
      findings.edge(
        'ww',
        author.index,
        entry.index,
        () => `${entry.name} appended ${after} to ${key} after the ${value} of ${author.name}`,
      )
    }
  }

  for (const access of readers) {
    const { entry, base } = access
    if (!equal(order.slice(0, base!.length), base!)) {
      const longest = readers.find((each) => each.base === order)!.entry
      findings.anomaly(
        'incompatible-orders',
        [entry.name, longest.name],
        `${entry.name} read ${key} = ${show(base!)} and ${longest.name} read ${key} = ${show(order)}: neither is a beginning of the other.`,
      )
      continue
    }
    const last = base!.at(-1)
    const author = authorOf(last)
    if (author !== undefined) {
      findings.edge(
        'wr',
        author.index,
        entry.index,
        () => `${entry.name} read ${key} = ${show(base!)}, with the ${last} that ${author.name} appended`,
      )
    }
    const missed =
      base!.length < order.length ? [{ entry: authorOf(order[base!.length]), value: order[base!.length]! }] : unread
    for (const { entry: writer, value } of missed) {
      if (writer === undefined) continue
      findings.edge(
        'rw',
        entry.index,
        writer.index,
        () => `${entry.name} read ${key} = ${show(base!)}, without the ${value} that ${writer.name} appended`,
      )
    }
  }
  findLostUpdates(key, readers, order, authorOf, unread, findings)
}

/** A transaction that read a list and appended to it must be the next to append. */
function findLostUpdates(
  key: string,
  readers: readonly Access[],
  order: readonly Unique[],
  authorOf: (value: Unique | undefined) => Entry | undefined,
  unread: readonly { readonly entry: Entry; readonly value: Unique }[],
  findings: Findings,
): void {
  let firstAtEnd: Entry | undefined
  for (const { entry, base, appended } of readers) {
    if (appended.length === 0 || !equal(order.slice(0, base!.length), base!)) continue
    const isAtEnd = base!.length === order.length
    const other: Entry | undefined = isAtEnd ? firstAtEnd : authorOf(order[base!.length])
    if (isAtEnd && firstAtEnd === undefined) {
      firstAtEnd = entry
      for (const { entry: later, value } of unread) {
        findings.edge(
          'ww',
          entry.index,
          later.index,
          () =>
            `${entry.name} appended to ${key} right after what it had read, so ${later.name} appended ${value} after that`,
        )
      }
    }
    if (other === undefined || other === entry) continue
    findings.anomaly(
      'lost-update',
      [entry.name, other.name],
      `${entry.name} read ${key} = ${show(base!)} and appended ${appended[0]}, ` +
        `but ${isAtEnd ? `${other.name} read the same and appended too` : `${order[base!.length]} of ${other.name} came first`}.`,
    )
  }
}

function checkDuplicates(key: string, entry: Entry, base: readonly Unique[], findings: Findings): void {
  if (new Set(base).size === base.length) return
  const twice = base.find((value, at) => base.indexOf(value) < at)
  findings.anomaly(
    'duplicate-elements',
    [entry.name],
    `${entry.name} read ${key} = ${show(base)}, which holds ${twice} twice.`,
  )
}

function checkIntermediate(
  key: string,
  entry: Entry,
  base: readonly Unique[],
  ledger: Ledger,
  findings: Findings,
): void {
  const last = base.at(-1)
  const write = last === undefined ? undefined : ledger.writeOf(key, last)
  if (write === undefined || write.isFinal || write.entry === entry || !ledger.isCommitted(write.entry)) return
  findings.anomaly(
    'G1b',
    [entry.name, write.entry.name],
    `${entry.name} read ${key} = ${show(base)}, which ends in the middle of ${write.entry.name}: it appended more after the ${last}.`,
  )
}

function equal(a: readonly Unique[], b: readonly Unique[]): boolean {
  return a.length === b.length && a.every((value, at) => value === b[at])
}
