import { TestingError } from './errors.ts'
import type { History, Op, Transaction, Unique } from './history.ts'

/** One transaction of a history, with a name. */
export interface Entry {
  readonly index: number
  readonly name: string
  readonly source: Transaction
}

/** Who wrote a value. */
export interface Write {
  readonly entry: Entry
  /** Whether the same transaction wrote the same key again afterwards. */
  isFinal: boolean
}

/** A history in order: who wrote what, and who counts as committed. */
export interface Ledger {
  readonly entries: readonly Entry[]
  readonly committed: readonly Entry[]
  /** Those whose reads must be explained: the committed ones, and under opacity also the failed ones. */
  readonly judged: readonly Entry[]
  isCommitted(entry: Entry): boolean
  /** Who wrote this value to this key, whatever became of it. */
  writeOf(key: string, value: Unique): Write | undefined
}

/** Throws `TestingError` `malformed-history` when no client can have recorded it so. Cost: linear in the size of the history. */
export function openLedger(history: History, isOpaque: boolean): Ledger {
  const entries = history.map((source, index) => ({ index, name: source.id ?? `T${index + 1}`, source }))
  const writes = writesOf(entries)
  checkNames(entries)
  checkTimes(entries)
  checkKinds(entries)
  const writeOf = (key: string, value: Unique): Write | undefined => writes.get(key)?.get(value)
  const judged = new Set(
    entries.filter(({ source }) => source.outcome === 'ok' || (isOpaque && source.outcome === 'fail')),
  )
  addObserved(judged, writeOf)
  const isCommitted = (entry: Entry): boolean => entry.source.outcome !== 'fail' && judged.has(entry)
  return {
    entries,
    committed: entries.filter(isCommitted),
    judged: entries.filter((entry) => judged.has(entry)),
    isCommitted,
    writeOf,
  }
}

function writesOf(entries: readonly Entry[]): Map<string, Map<Unique, Write>> {
  const writes = new Map<string, Map<Unique, Write>>()
  for (const entry of entries) {
    const last = new Map<string, Write>()
    for (const [kind, key, value] of entry.source.ops) {
      if (kind === 'read' || kind === 'range') continue
      const ofKey = writes.get(key) ?? new Map<Unique, Write>()
      writes.set(key, ofKey)
      const other = ofKey.get(value)
      if (other !== undefined) {
        throw malformed(
          `${JSON.stringify(value)} is written to ${key} twice, by ${other.entry.name} and by ${entry.name}. ` +
            'Give each write of a key a value of its own, so that a read tells which write it saw.',
        )
      }
      const write = { entry, isFinal: true }
      const earlier = last.get(key)
      // Members do not replace each other: to see one of two that were added together is another anomaly.
      if (earlier !== undefined && kind !== 'add') earlier.isFinal = false
      last.set(key, write)
      ofKey.set(value, write)
    }
  }
  return writes
}

/** Whoever is read by somebody who counts has committed, and so has whom that one read. */
function addObserved(known: Set<Entry>, writeOf: Ledger['writeOf']): void {
  const queue = [...known]
  for (let at = 0; at < queue.length; at++) {
    for (const op of queue[at]!.source.ops) {
      for (const value of valuesRead(op)) {
        const writer = writeOf(op[1], value)?.entry
        if (writer === undefined || writer.source.outcome !== 'info' || known.has(writer)) continue
        known.add(writer)
        queue.push(writer)
      }
    }
  }
}

function valuesRead(op: Op): readonly Unique[] {
  if (op[0] === 'range') return op[3]
  if (op[0] !== 'read' || op[2] === null) return []
  return isList(op[2]) ? op[2] : [op[2]]
}

function checkNames(entries: readonly Entry[]): void {
  const seen = new Set<string>()
  for (const { name } of entries) {
    if (seen.has(name)) throw malformed(`Two transactions are called ${name}. Give each an id of its own, or none.`)
    seen.add(name)
  }
}

function checkTimes(entries: readonly Entry[]): void {
  const lastOf = new Map<string | number, Entry>()
  for (const entry of entries.toSorted((a, b) => a.source.invoked - b.source.invoked)) {
    const { invoked, completed, outcome, process } = entry.source
    if (outcome !== 'info' && completed === undefined) {
      throw malformed(`${entry.name} is "${outcome}" and has no time of completion. Record one, or call it "info".`)
    }
    if (completed !== undefined && !(completed >= invoked)) {
      throw malformed(`${entry.name} completed at ${completed}, before it was invoked at ${invoked}.`)
    }
    const before = lastOf.get(process)
    // A process whose transaction ended in "info" may go on: clients usually take a new name then, but need not.
    if (before?.source.completed !== undefined && before.source.completed > invoked) {
      throw malformed(
        `${before.name} and ${entry.name} overlap in process ${process}. ` +
          'What runs at the same time belongs to different processes.',
      )
    }
    lastOf.set(process, entry)
  }
}

function checkKinds(entries: readonly Entry[]): void {
  const kindOf = new Map<string, string>()
  for (const { name, source } of entries) {
    for (const op of source.ops) {
      const kind = kindOfKey(op)
      const other = kindOf.get(op[1]) ?? kind
      if (other !== kind) throw malformed(`${name} uses ${op[1]} as a ${kind}, and others as a ${other}.`)
      kindOf.set(op[1], kind)
    }
  }
}

function kindOfKey(op: Op): string {
  if (op[0] === 'add' || op[0] === 'range') return 'collection'
  return op[0] === 'append' || (op[0] === 'read' && isList(op[2])) ? 'list' : 'register'
}

/** `Array.isArray` does not narrow a readonly array. */
export function isList(value: unknown): value is readonly Unique[] {
  return Array.isArray(value)
}

export function malformed(message: string): TestingError {
  return new TestingError('malformed-history', message)
}
