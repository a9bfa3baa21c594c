import {
  decodeHeader,
  ProtocolError,
  recordChecksum,
  type ChangeHeader,
  type Covered,
  type Stretch,
} from '@syncline/protocol'
import type { WriterId } from '@syncline/stm'
import { broughtIn, hasToBeAdopted, mayBeAdopted } from '../adopting.ts'
import { basisFlaw, type Joined } from '../basis-flaw.ts'
import { joinedAt } from '../joining.ts'
import type { Hole, LmdbFile } from '../lmdb-file.ts'
import { decodeQuarantine, noQuarantine, QUARANTINE_KEY, type Quarantine } from '../lmdb-quarantine.ts'
import { decodeOwner, decodeWriter, unseal } from '../lmdb-rows.ts'
import { RECENT } from '../writers.ts'
import { isDamage, readData } from './reading.ts'
import { wordsOf, type DataReport, type Finding, type SpaceReport, type Unadopted } from './report.ts'
import { placesIn, spacesIn, stretchesIn, tablesOf, type NamedSpace, type Tables } from './spaces.ts'

/** One damaged page may be about thousands of rows. */
const FINDINGS_OF_A_SPACE = 10

/**
 * Reads everything in a data folder and says what there is, and what is not as it was written: the pages of the file, the checksum of each row, that each log is without gaps and
 * causal, and that what is kept of its writers and Yjs clients is what the log says. A relay may go on writing meanwhile: it is what stands there at this moment.
 *
 * Rejects with `RelayError`: `data-missing`, `data-older`, `data-newer`, or `damaged` when nothing in it can be read. Cost: everything is read once; the writers and Yjs clients of
 * one space are in memory at a time.
 *
 * @example
 * import { mkdtempSync, rmSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { verifyData } from '@syncline/relay/care'
 * import { openLmdbStorage } from '@syncline/relay/lmdb'
 *
 * const folder = mkdtempSync(join(tmpdir(), 'verify-'))
 * const storage = await openLmdbStorage(folder)
 * expect(await verifyData(folder)).toEqual({ spaces: [], findings: [] })
 * await storage.close()
 * rmSync(folder, { recursive: true })
 */
export function verifyData(folder: string): Promise<DataReport> {
  return readData(folder, reportOn)
}

/** Reports on a file of a data folder that is open. */
export function reportOn(file: LmdbFile): DataReport {
  const findings: Finding[] = file
    .check()
    .map((hole) => ({ space: undefined, relaySeq: undefined, message: wordsOf(hole) }))
  const inFolder = (message: string): void => void findings.push({ space: undefined, relaySeq: undefined, message })
  // What cannot be read was found above.
  const known: Hole[] = []
  const tables = tablesOf(file, known)
  const { spaces: unserved, isNameless } = quarantineOf(file, inFolder)
  if (isNameless) inFolder('Names of spaces were lost, so no space is served that is not known.')
  const spaces = spacesIn(file, known, inFolder).map((named) => {
    const message = 'It is not served, because rows of it were lost that nobody could miss.'
    if (unserved.has(named.number)) findings.push({ space: named.space, relaySeq: undefined, message })
    return verifySpace(named, tables, findings)
  })
  return { spaces: spaces.sort((a, b) => (a.space < b.space ? -1 : 1)), findings }
}

function quarantineOf(file: LmdbFile, onDamage: (message: string) => void): Quarantine {
  const row = [...file.rows('meta', [])].find(({ key }) => key.equals(QUARANTINE_KEY))
  try {
    return row === undefined ? noQuarantine : decodeQuarantine(row.value)
  } catch (error) {
    if (!isDamage(error)) throw error
    onDamage(error.message)
    return noQuarantine
  }
}

/** What a log says of one writer. */
interface Wrote {
  lastSeq: number
  readonly recent: number[]
}

/** What a log says, as far as it was read. */
interface Log {
  readonly stretches: readonly Stretch[]
  readonly writers: Map<WriterId, Wrote>
  /** Whose the Yjs clients are. */
  readonly owners: Map<number, WriterId>
  /** The relaySeq of the last piece of the newest join; 0 before the first. */
  joinedAt: number
  /** Of which epochs it has everything by that, and up to where. */
  joined: Joined | undefined
  /** The pieces of it, as they come. */
  pieces: Buffer[]
  /** That of the newest adoption, and what it covers. */
  adoptedAt: number
  adopted: readonly Covered[]
  /** The Changes on `relay` refs, by their places. */
  readonly decided: { readonly relaySeq: number; readonly writer: WriterId; readonly seq: number }[]
  sizeBytes: number
  latestAt: number
  /** Unset when something of it could not be read: then it does not say who has written what. */
  isWhole: boolean
}

type Tell = (message: string, relaySeq?: number) => void

function verifySpace(named: NamedSpace, tables: Tables, findings: Finding[]): SpaceReport {
  const { space, number, head, latestAt } = named
  let count = 0
  const tell: Tell = (message, relaySeq) => {
    if (++count <= FINDINGS_OF_A_SPACE) findings.push({ space, relaySeq, message })
  }
  const stretches = stretchesIn(tables.epochs.of(number), named, tell)
  const log: Log = {
    stretches,
    writers: new Map(),
    owners: new Map(),
    joinedAt: 0,
    joined: undefined,
    pieces: [],
    adoptedAt: 0,
    adopted: [],
    decided: [],
    sizeBytes: 0,
    latestAt: 0,
    isWhole: true,
  }
  const onDamage = (relaySeq: number, message: string): void => {
    log.isWhole = false
    tell(message, relaySeq)
  }
  for (const { relaySeq, record } of placesIn(tables.log.of(number), named, onDamage)) {
    if (record === undefined) continue
    if (relaySeq > head) tell(`Its log goes on to Change ${relaySeq}, and its entry says ${head}.`, relaySeq)
    follow(record, relaySeq, log, tell)
  }
  if (log.isWhole && log.joinedAt !== named.joinedAt)
    tell(`What was joined to its log last ends at ${log.joinedAt}, and its entry says ${named.joinedAt}.`)
  if (log.isWhole && log.adoptedAt !== named.adoptedAt)
    tell(`What was adopted last in its log stands at ${log.adoptedAt}, and its entry says ${named.adoptedAt}.`)
  if (log.isWhole && log.latestAt > latestAt)
    tell(`Its greatest stamp is ${log.latestAt}, and its entry says ${latestAt}.`)
  const writers = compareWriters(log, tables.writers.of(number), tell)
  compareOwners(log, tables.documents.of(number), tell)
  const unadopted = unadoptedIn(log, tell)
  return { space, changes: head, sizeBytes: log.sizeBytes, epochs: stretches.length, writers, latestAt, unadopted }
}

function unadoptedIn({ joined, pieces, adoptedAt, adopted, decided }: Log, tell: Tell): Unadopted | undefined {
  if (!mayBeAdopted(joined, adoptedAt)) return undefined
  try {
    const { cells, seen } = broughtIn(pieces)
    const [epoch, relaySeq] = joined.covers.at(-1)!
    const since = decided.filter((one) => one.relaySeq > joined.base && one.seq > (seen.get(one.writer) ?? 0))
    return {
      joinedAt: joined.last,
      epoch,
      relaySeq,
      refs: cells.length,
      decidedSince: since.length,
      isAwaited: hasToBeAdopted(joined, adopted),
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    tell(`What was brought back of relay refs cannot be read: ${error.message}`, joined.last)
    return undefined
  }
}

/** Takes the next Change of a log into account, and tells what is wrong with it there. */
function follow(record: Uint8Array, relaySeq: number, log: Log, tell: Tell): void {
  log.sizeBytes += record.length
  let header: ChangeHeader
  try {
    header = decodeHeader(record)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    log.isWhole = false
    return tell(`Change ${relaySeq} cannot be read: ${error.message}`, relaySeq)
  }
  const { writer, seq, deps, at, documents, inherited, join, adoption, expectations, touched } = header
  const wrote = log.writers.get(writer) ?? { lastSeq: 0, recent: [] }
  // Of what cannot be read there may be any.
  if (log.isWhole && seq !== wrote.lastSeq + 1) {
    tell(
      `Change ${relaySeq} is number ${seq} of writer ${writer}, of whom the log has ${wrote.lastSeq} before it.`,
      relaySeq,
    )
  }
  const flaw = basisFlaw(deps, { stretches: log.stretches, head: relaySeq - 1, joined: log.joined })
  // What somebody joins is of another log.
  if (flaw !== undefined && join === undefined)
    tell(`Change ${relaySeq} depends on Change ${deps.relaySeq} in epoch ${deps.epoch}, ${flaw}.`, relaySeq)
  for (const [other, needed] of log.isWhole && join === undefined ? deps.writers : []) {
    const has = log.writers.get(other)?.lastSeq ?? 0
    if (needed > has)
      tell(`Change ${relaySeq} depends on ${other}:${needed}, and the log has that writer up to ${has}.`, relaySeq)
  }
  wrote.lastSeq = seq
  wrote.recent.push(recordChecksum(record))
  if (wrote.recent.length > RECENT) wrote.recent.shift()
  log.writers.set(writer, wrote)
  for (const client of documents) if (!log.owners.has(client)) log.owners.set(client, inherited.get(client) ?? writer)
  log.latestAt = Math.max(log.latestAt, at)
  if (join !== undefined) followPiece(header, record, relaySeq, log)
  if (adoption !== undefined) {
    log.adoptedAt = relaySeq
    log.adopted = adoption.covers
  }
  if (expectations !== undefined && touched.some(({ arbiter }) => arbiter === 'relay'))
    log.decided.push({ relaySeq, writer, seq })
}

/** Takes what a piece of a join says into account: of writers, and with the last one of epochs. */
function followPiece({ deps, join, ...header }: ChangeHeader, record: Uint8Array, relaySeq: number, log: Log): void {
  if (header.seq === 1) log.pieces = []
  // What is read is a view of a row.
  log.pieces.push(Buffer.from(record))
  for (const [writer, seq] of deps.writers) {
    if (seq > (log.writers.get(writer)?.lastSeq ?? 0)) log.writers.set(writer, { lastSeq: seq, recent: [] })
  }
  if (join!.left > 0) return
  log.joinedAt = relaySeq
  log.joined = joinedAt({ stretches: log.stretches, head: relaySeq }, relaySeq, { deps, join, ...header })
}

function compareWriters(
  log: Log,
  rows: Iterable<{ readonly key: Buffer; readonly value: Buffer }>,
  tell: Tell,
): number {
  let count = 0
  for (const { key, value } of rows) {
    count += 1
    const writer = key.toString('hex', 4)
    const wrote = log.writers.get(writer) ?? { lastSeq: 0, recent: [] }
    log.writers.delete(writer)
    try {
      const { lastSeq, recent } = decodeWriter(unseal(key, value, `What is kept of writer ${writer}`))
      const isSame = lastSeq === wrote.lastSeq && recent.join() === wrote.recent.join()
      if (log.isWhole && !isSame) tell(`What is kept of writer ${writer} is not what the log has of it.`)
    } catch (error) {
      if (!isDamage(error)) throw error
      tell(error.message)
    }
  }
  for (const writer of log.writers.keys()) tell(`Nothing is kept of writer ${writer}, of whom the log has Changes.`)
  return count
}

function compareOwners(log: Log, rows: Iterable<{ readonly key: Buffer; readonly value: Buffer }>, tell: Tell): void {
  for (const { key, value } of rows) {
    const client = Number(key.readBigUInt64BE(4))
    const owner = log.owners.get(client)
    log.owners.delete(client)
    try {
      const kept = decodeOwner(unseal(key, value, `Whose Yjs client ${client} is`))
      if (log.isWhole && kept !== owner)
        tell(`Yjs client ${client} is kept as that of ${kept}, and the log says ${owner ?? 'nobody'}.`)
    } catch (error) {
      if (!isDamage(error)) throw error
      tell(error.message)
    }
  }
  for (const client of log.owners.keys()) tell(`Nothing is kept of Yjs client ${client}, which the log names.`)
}
