import { StoreError } from '@syncline/store'
import { connect, type Connection } from '../connection.ts'
import { originWide, type AsideRecord } from '../format.ts'
import { nameOf, toStoreError } from '../problems.ts'
import { writeAtOnce } from '../requests.ts'
import { type Surroundings, surroundingsHere } from '../surroundings.ts'
import { createBackupReader, type Piece } from './backup.ts'
import { createIntoSpace, type IntoSpace } from './into-space.ts'

/** The bytes of a backup, in chunks of any size: a `ReadableStream` as `file.stream()` gives it, or anything that can be iterated over. */
export type Backup = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | Iterable<Uint8Array>

/** What to take in. */
export interface ImportOptions {
  /** These spaces only. Default: all. */
  readonly spaces?: readonly string[]
  readonly surroundings?: Surroundings
}

/** What became of a backup. */
export interface Imported {
  readonly spaces: readonly ImportedSpace[]
  /** What the backup had set aside, or could not understand; it is set aside here. */
  readonly aside: number
  /** Bytes of the backup that are damaged. What was in them is not here. */
  readonly damagedBytes: number
  /** Whether the backup has come to its end, with nothing missing. */
  readonly isWhole: boolean
}

/** What became of one space of a backup. */
export interface ImportedSpace {
  readonly space: string
  /**
   * `imported`: what the backup has of it is here. `other-epoch`: nothing of it was taken, because the space here follows another log of the relay than the
   * backup does; under another name of the storage it can be imported. `not-asked`: the backup has it, and it is none of those that were asked for.
   */
  readonly outcome: 'imported' | 'other-epoch' | 'not-asked'
  /** Entries that are new here, and entries that were here already. */
  readonly added: number
  readonly known: number
}

/**
 * Takes a backup into the storage called `name`, beside what is there. What was here already is not added again, so a backup may be imported twice, and
 * where work has gone on since. A space that was not here is then as it was, with its pending Changes and its undo stacks; one that was has what both had: `browser` refs,
 * refused Changes and undo stacks too. The relay has each Change once, whoever sends it. Stores that have a space open show what has come.
 *
 * What is damaged in the backup is left out and counted, and all else is taken in. When it breaks off, what was taken in by then stays, and to import again
 * adds the rest. Rejects with `StoreError` `invalid-backup` for what is none, `storage-newer` for one of newer code, `storage-failed` and `storage-blocked` when
 * it cannot be stored. Holds a few mebibytes in memory, or one checkpoint where that is larger, and eight bytes for each entry that is here already.
 *
 * @example
 * import { importDatabase } from '@syncline/idb/care'
 *
 * const restore = (file: Blob) => importDatabase('my-app', file.stream())
 * // Node has no IndexedDB.
 * await expect(restore(new Blob())).rejects.toThrow('no IndexedDB')
 */
export async function importDatabase(
  name: string,
  backup: Backup,
  { spaces, surroundings = surroundingsHere }: ImportOptions = {},
): Promise<Imported> {
  const connection = connect(name, surroundings)
  try {
    await connection.ready()
    return await takeIn(name, connection, surroundings, backup, spaces)
  } catch (error) {
    throw connection.lost() ?? (error instanceof StoreError ? error : toStoreError(error, name, 'import into'))
  } finally {
    connection.close()
  }
}

async function takeIn(
  name: string,
  connection: Connection,
  surroundings: Surroundings,
  backup: Backup,
  wanted: readonly string[] | undefined,
): Promise<Imported> {
  const isWanted = (space: string): boolean => wanted === undefined || wanted.includes(space)
  const reader = createBackupReader()
  const spaces = new Map<string, IntoSpace>()
  const others = new Set<string>()
  let pieces = 0
  let end: number | undefined
  let aside = 0

  async function spaceOf(space: string, epochs: readonly string[] = []): Promise<IntoSpace> {
    let into = spaces.get(space)
    if (into === undefined) spaces.set(space, (into = await createIntoSpace(connection, surroundings, space, epochs)))
    return into
  }

  async function take(piece: Piece): Promise<void> {
    if (piece.kind === 'end') end = piece.pieces
    else pieces++
    if (piece.kind === 'database' || piece.kind === 'end') return
    if (!isWanted(piece.space)) {
      // What could not be understood may be of no space that anybody knows.
      if (piece.kind !== 'aside') others.add(piece.space)
      return
    }
    if (piece.kind === 'space') await spaceOf(piece.space, piece.epochs)
    if (piece.kind === 'entry') await (await spaceOf(piece.space)).take(piece.entry, piece.isClaimed)
    if (piece.kind === 'aside' && (await setAside(connection, piece))) aside++
  }

  for await (const chunk of chunksOf(backup)) for (const piece of reader.take(chunk)) await take(piece)
  for (const piece of reader.end()) await take(piece)
  const imported: ImportedSpace[] = []
  for (const [space, into] of spaces) {
    const { outcome, added, known } = await into.finish()
    imported.push({ space, outcome, added, known })
    if (added > 0) tellTabs(name, space, surroundings)
  }
  for (const space of others) imported.push({ space, outcome: 'not-asked', added: 0, known: 0 })
  return {
    spaces: imported,
    aside,
    damagedBytes: reader.strayBytes,
    isWhole: end === pieces && reader.strayBytes === 0,
  }
}

/** Keeps what the backup could not understand; false when it is here already. */
async function setAside(
  connection: Connection,
  { from, key, space, reason, value }: Extract<Piece, { kind: 'aside' }>,
): Promise<boolean> {
  // Its key is one of another database, where another record may have had it that is set aside here: it is kept under what it is.
  const record: AsideRecord = { from: 'backup', key: [from, JSON.stringify([key, value])], space, reason, value }
  try {
    await connection.begin(['aside'], 'readwrite', {}, (transaction) =>
      writeAtOnce(transaction, () => transaction.objectStore('aside').add(record)),
    )
    return true
  } catch (error) {
    if (nameOf(error) !== 'ConstraintError') throw error
    return false
  }
}

/** Stores that are open read on when they hear this. */
function tellTabs(name: string, space: string, { openChannel }: Surroundings): void {
  const channel = openChannel?.(originWide(name, `space ${space}`))
  channel?.postMessage({ type: 'news' })
  channel?.close()
}

async function* chunksOf(backup: Backup): AsyncGenerator<Uint8Array> {
  if (!('getReader' in backup)) {
    yield* backup
    return
  }
  // Not every browser can iterate over a stream.
  const reader = backup.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel()
  }
}
