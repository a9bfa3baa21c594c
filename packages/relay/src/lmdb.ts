import { accessSync, constants, realpathSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import type { Head, Stretch } from '@syncline/protocol'
import type { WriterId } from '@syncline/stm'
import { reasonOf, RelayError } from './errors.ts'
import { flush, makeFolder } from './folders.ts'
import { isAlive, ownerOf, type Owner } from './lmdb-owner.ts'
import {
  DATA_FILE,
  decodeEpoch,
  decodeOwner,
  decodeSpace,
  decodeWriter,
  documentKey,
  encodeEpoch,
  encodeOwner,
  encodeSpace,
  encodeWriter,
  FORMAT,
  FORMAT_KEY,
  OWNER_KEY,
  recordKey,
  relaySeqOf,
  seal,
  spaceKey,
  unseal,
  writerKey,
  type Rows,
  type SpaceRow,
} from './lmdb-rows.ts'
import { changesIn, runsOf } from './lmdb-runs.ts'
import { makeFit } from './lmdb-mend.ts'
import { quarantineIn, type Quarantine } from './lmdb-quarantine.ts'
import { upgrade } from './lmdb-upgrade.ts'
import { silentLog } from './system.ts'
import type { LogStorage, RelayLog, SpaceAppend, SpaceState, WriterState } from './ports.ts'

/** A batch costs some 0.4 ms of processor time whatever is in it, and nobody sees whether others see it 3 ms later. */
const GATHER_MS = 3

/** So many rows of spaces are read in some two milliseconds. */
const HEADS_A_TURN = 512

const SPACES_KEY = Buffer.from('spaces')

/** No relaySeq is greater: keys give it six bytes. */
const MAX_RELAY_SEQ = 2 ** 48 - 1

/** Data folders that this process has open. */
const openFolders = new Set<string>()

/**
 * Opens the {@link LogStorage} in a folder, by LMDB. One process at a time; the folder of a process that died is taken over.
 *
 * Where the file is damaged, what is whole in it is copied and the file set aside; `report` is told. Then other spaces serve, and one that lost rows says so when it is read.
 *
 * Rejects with `RelayError`: `data-unwritable`, `data-in-use`, `data-newer`, or `damaged` when the file is not LMDB's, or nothing can be made of it.
 */
export async function openLmdbStorage(folder: string, report: RelayLog = silentLog): Promise<LogStorage> {
  const path = prepare(folder)
  if (openFolders.has(path)) throw inUse(folder, 'this process')
  const self = ownerOf(path)
  const file = join(path, DATA_FILE)
  await makeFit(file, folder, self, (row) => checkOwner(row, self, folder), report)
  const root = openRoot(folder, file)
  const table = (name: string): Rows => root.openDB(name, { encoding: 'binary', keyEncoding: 'binary' })
  const meta = table('meta')
  const spaces = table('spaces')
  const log = table('log')
  const writers = table('writers')
  const documents = table('documents')
  /** The epoch of each stretch, under its first relaySeq. */
  const epochs = table('epochs')
  let quarantine: Quarantine
  try {
    // Writing transactions exclude each other across processes, so two that start together cannot both find it free.
    root.transactionSync(() => {
      const format = takeOver(meta, self, folder)
      if (format !== undefined && format < FORMAT) upgrade({ spaces, log, documents, epochs }, format, folder)
    })
    // LMDB waits for what is in its file, and a new one has a name as well.
    flush(path)
    quarantine = quarantineIn(meta)
    const { spaces: unserved, isNameless } = quarantine
    if (unserved.size > 0 || isNameless) {
      report.error(
        { folder, unserved: unserved.size, isNameless },
        'Spaces that lost what nobody could miss are not served.',
      )
    }
  } catch (error) {
    await root.close()
    throw error instanceof RelayError ? error : unwritable(folder, error)
  }
  openFolders.add(path)
  let appending: Promise<void> = Promise.resolve()
  let isClosed = false

  function checkOpen(): void {
    if (isClosed) throw new RelayError('closed', `The data folder ${folder} was closed. Open it again.`)
  }

  function rowOf(space: string): SpaceRow | undefined {
    const key = spaceKey(space)
    const row = spaces.get(key)
    const found = row && decodeSpace(unseal(key, row, `The entry of the space "${space}" in ${folder}`))
    if (found === undefined ? quarantine.isNameless : quarantine.spaces.has(found.number)) {
      const lost =
        found === undefined
          ? 'names of spaces were lost, and it may be one of them'
          : 'rows of it were lost that nobody could miss'
      throw new RelayError(
        'damaged',
        `The space "${space}" in ${folder} is not served: ${lost}. Restore the data folder from a backup.`,
      )
    }
    return found
  }

  async function space(name: string): Promise<SpaceState | undefined> {
    checkOpen()
    const row = rowOf(name)
    if (row === undefined) return undefined
    // One transaction wrote both; should that ever not have held, nothing may be built upon it.
    const [last] = log.getKeys({
      start: recordKey(row.number, MAX_RELAY_SEQ),
      end: recordKey(row.number, 0),
      reverse: true,
      limit: 1,
    })
    const found = last === undefined ? 0 : relaySeqOf(last)
    if (found !== row.head) {
      const message = `The log of "${name}" in ${folder} ends at ${found}, and its entry says ${row.head}. Restore the data folder from a backup.`
      throw new RelayError('damaged', message, { relaySeq: Math.min(found, row.head) + 1 })
    }
    return {
      stretches: stretchesOf(name, row),
      head: row.head,
      latestAt: row.latestAt,
      ...(row.joinedAt > 0 && { joinedAt: row.joinedAt }),
      ...(row.adoptedAt > 0 && { adoptedAt: row.adoptedAt }),
    }
  }

  function stretchesOf(name: string, { number, epoch, head }: SpaceRow): readonly Stretch[] {
    const range = { start: recordKey(number, 0), end: recordKey(number, MAX_RELAY_SEQ) }
    const stretches = [...epochs.getRange(range)].map(({ key, value }): Stretch => {
      const first = relaySeqOf(key)
      return { epoch: decodeEpoch(unseal(key, value, `The epoch of "${name}" from ${first} on in ${folder}`)), first }
    })
    const isWhole = head === 0 ? stretches.length === 0 : stretches[0]?.first === 1 && stretches.at(-1)!.first <= head
    if (isWhole && (stretches.at(-1)?.epoch ?? null) === epoch) return stretches
    const message = `The epochs of "${name}" in ${folder} are not those of its log. Restore the data folder from a backup.`
    throw new RelayError('damaged', message)
  }

  async function heads(names: readonly string[]): Promise<readonly (Head | undefined)[]> {
    const found: (Head | undefined)[] = []
    for (const name of names) {
      // Some milliseconds of work, and then others have their turn.
      if (found.length % HEADS_A_TURN === HEADS_A_TURN - 1) await new Promise((resolve) => setImmediate(resolve))
      checkOpen()
      found.push(headOf(name))
    }
    return found
  }

  function headOf(name: string): Head | undefined {
    try {
      const { epoch, head } = rowOf(name) ?? { epoch: null, head: 0 }
      return { epoch, relaySeq: head }
    } catch (error) {
      if (error instanceof RelayError && error.code === 'damaged') return undefined
      throw error
    }
  }

  async function read(name: string, after: number, upTo: number, maxBytes: number): Promise<readonly Uint8Array[]> {
    checkOpen()
    const row = rowOf(name)
    const end = Math.min(upTo, row?.head ?? 0)
    if (row === undefined || after >= end) return []
    const records: Uint8Array[] = []
    let left = maxBytes
    // The row that has a Change is the first one from its relaySeq on.
    const range = { start: recordKey(row.number, after + 1), end: recordKey(row.number, MAX_RELAY_SEQ) }
    for (const { key, value } of log.getRange(range)) {
      const wanted = after + records.length + 1
      let found
      try {
        const what = `Change ${wanted} of the space "${name}" in ${folder}`
        found = changesIn(key, unseal(key, value, what, wanted))
      } catch (error) {
        // What is before it is whole; the next read starts at it.
        if (records.length > 0) return records
        throw error
      }
      if (found.first > wanted) break
      for (const record of found.records.slice(wanted - found.first, end - found.first + 1)) {
        left -= record.length
        if (left < 0 && records.length > 0) return records
        records.push(new Uint8Array(record))
      }
      if (after + records.length === end) return records
    }
    if (records.length > 0) return records
    const message = `Change ${after + 1} of the space "${name}" in ${folder} is missing. Restore the data folder from a backup.`
    throw new RelayError('damaged', message, { relaySeq: after + 1 })
  }

  async function append(batch: readonly SpaceAppend[]): Promise<void> {
    checkOpen()
    try {
      // A child transaction is undone whole when it throws; and its promise is that of the commit, which is synced to the disk.
      await root.childTransaction(() => {
        for (const add of batch) put(add)
      })
    } catch (error) {
      throw await failureOf(error)
    }
  }

  function put(add: SpaceAppend): void {
    const { space: name, epoch, follows, first, records, latestAt } = add
    const known = rowOf(name)
    const last = known?.epoch ?? null
    if (first !== (known?.head ?? 0) + 1 || follows !== last) {
      throw new RelayError(
        'fenced',
        `The log of "${name}" ends at ${known?.head ?? 0} in epoch ${last ?? 'none'}, and was to go on at ${first} after epoch ` +
          `${follows ?? 'none'}. Another relay writes to ${folder}: let only one relay use a data folder.`,
      )
    }
    const number = known?.number ?? nextNumber()
    const isMore = records.length > 0
    if (isMore && epoch !== last) putRow(epochs, recordKey(number, first), encodeEpoch(epoch))
    for (const { key, row } of runsOf(number, first, records)) log.putSync(key, row)
    for (const [writer, state] of add.writers) putRow(writers, writerKey(number, writer), encodeWriter(state))
    for (const [client, owner] of add.documents) putRow(documents, documentKey(number, client), encodeOwner(owner))
    const joinedAt = add.joinedAt ?? known?.joinedAt ?? 0
    const adoptedAt = add.adoptedAt ?? known?.adoptedAt ?? 0
    const head = first - 1 + records.length
    const row = { number, epoch: isMore ? epoch : last, head, latestAt, joinedAt, adoptedAt }
    putRow(spaces, spaceKey(name), encodeSpace(row))
  }

  function nextNumber(): number {
    const row = meta.get(SPACES_KEY)
    const number =
      row === undefined ? 1 : unseal(SPACES_KEY, row, `The count of spaces in ${folder}`).readUInt32BE(0) + 1
    const value = Buffer.alloc(4)
    value.writeUInt32BE(number)
    putRow(meta, SPACES_KEY, value)
    return number
  }

  async function failureOf(error: unknown): Promise<RelayError> {
    if (error instanceof RelayError) return error
    let cause = error
    // LMDB gives the true reason as one more promise, which would be an unhandled rejection otherwise.
    if (error instanceof Error && 'commitError' in error) {
      cause = await Promise.resolve(error.commitError).catch((reason: unknown) => reason)
    }
    const message = `The relay cannot write to ${folder}: ${reasonOf(cause)}. Look for a full or failing disk.`
    return new RelayError('storage-failed', message, { cause })
  }

  return {
    gatherMs: GATHER_MS,
    space,
    heads,
    async writers(name, ids) {
      checkOpen()
      const found = new Map<WriterId, WriterState>()
      const row = rowOf(name)
      for (const id of row === undefined ? [] : ids) {
        const key = writerKey(row!.number, id)
        const state = writers.get(key)
        if (state === undefined) continue
        found.set(id, decodeWriter(unseal(key, state, `What is kept of writer ${id} in "${name}" in ${folder}`)))
      }
      return found
    },
    async documents(name, clients) {
      checkOpen()
      const found = new Map<number, WriterId>()
      const row = rowOf(name)
      for (const client of row === undefined ? [] : clients) {
        const key = documentKey(row!.number, client)
        const owner = documents.get(key)
        if (owner === undefined) continue
        found.set(client, decodeOwner(unseal(key, owner, `Whose Yjs client ${client} is in "${name}" in ${folder}`)))
      }
      return found
    },
    read,
    append(batch) {
      const appended = append(batch)
      appending = appended.catch(() => {
        // Whoever appended was told. `close` only has to know that it is over.
      })
      return appended
    },
    async close() {
      if (isClosed) return
      isClosed = true
      await appending
      root.transactionSync(() => void meta.removeSync(OWNER_KEY))
      await root.close()
      openFolders.delete(path)
    },
  }
}

/** Makes the folder and gives its real path. */
function prepare(folder: string): string {
  try {
    makeFolder(resolve(folder))
    accessSync(folder, constants.R_OK | constants.W_OK)
    return realpathSync(folder)
  } catch (error) {
    throw unwritable(folder, error)
  }
}

function openRoot(folder: string, file: string): RootDatabase<Buffer, Buffer> {
  try {
    return open<Buffer, Buffer>({
      path: file,
      noSubdir: true,
      encoding: 'binary',
      keyEncoding: 'binary',
      // A commit is then synced before its promise resolves and rejects when that failed. With overlapping syncs, LMDB's promise
      // of the flush stays pending for ever after a failed one.
      overlappingSync: false,
      commitDelay: 0,
      // Otherwise LMDB gathers what an event turn writes, and keeps a promise of that for itself: when the disk is full it rejects, nobody
      // holds it, and Node ends the process. The committer has gathered already.
      eventTurnBatching: false,
    })
  } catch (error) {
    throw unwritable(folder, error)
  }
}

/** Checks the version of the folder and who uses it, and writes this process down as its owner. Gives the version that was found, if any. */
function takeOver(meta: Rows, self: Owner, folder: string): number | undefined {
  const format = meta.get(FORMAT_KEY)
  const found = format && unseal(FORMAT_KEY, format, `The format of ${folder}`).readUInt32BE(0)
  if (found !== undefined) {
    if (found > FORMAT) {
      const message = `${folder} was written by a newer Syncline (format ${found}; this one knows ${FORMAT}). Update Syncline, or choose another folder.`
      throw new RelayError('data-newer', message)
    }
  }
  const row = meta.get(OWNER_KEY)
  if (row !== undefined) checkOwner(row, self, folder)
  const version = Buffer.alloc(4)
  version.writeUInt32BE(FORMAT)
  putRow(meta, FORMAT_KEY, version)
  putRow(meta, OWNER_KEY, Buffer.from(JSON.stringify(self)))
  return found
}

function checkOwner(row: Buffer, self: Owner, folder: string): void {
  const owner = JSON.parse(unseal(OWNER_KEY, row, `The owner of ${folder}`).toString()) as Owner
  if (isAlive(owner, self)) throw inUse(folder, `process ${owner.pid}`)
}

function putRow(rows: Rows, key: Buffer, value: Uint8Array): void {
  rows.putSync(key, seal(key, value))
}

function inUse(folder: string, by: string): RelayError {
  return new RelayError(
    'data-in-use',
    `${folder} is in use by ${by}. Stop that relay, or choose another folder for this one.`,
  )
}

function unwritable(folder: string, cause: unknown): RelayError {
  const message = `The data folder ${folder} cannot be used: ${reasonOf(cause)}. Choose a folder that this user may write to.`
  return new RelayError('data-unwritable', message, { cause })
}
