import { closeSync, fsyncSync, mkdirSync, openSync, realpathSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Database, open, type RootDatabase } from 'lmdb'
import { inUseError, newerError, unusableError } from './problems.ts'
import { isInUse, type Owner, ownerOf } from './owner.ts'
import { createWriting, type Writing } from './writing.ts'

/** The version of what stands in the file; `FORMAT.md` says what it is. */
export const FORMAT = 1

/** Where an entry of a space stands. */
export type Place = [space: string, position: number]

/** What is counted of a space. */
export interface Counts {
  /** The greatest position that was ever given. */
  readonly last: number
  readonly fence: number
  /** The number of the newest entry that was appended with a claim. */
  readonly claim: number
}

/** A folder that this process has open, for as many stores as like. */
export interface Folder {
  readonly writing: Writing
  readonly entries: Database<Buffer, Place>
  /** What was set aside: the row as it stood, and why. */
  readonly aside: Database<{ readonly row: Buffer; readonly reason: string }, Place>
  readonly counts: Database<Counts, string>
  /** One of those who use it is done. The last one closes it. */
  release(): Promise<void>
}

interface Shared {
  readonly folder: Folder
  users: number
}

/** By their real paths: stores of one process share a folder as tabs of a browser share a database. */
const folders = new Map<string, Promise<Shared>>()

/** Opens a folder, or takes part in what is open. Rejects with `StoreError` `storage-failed`, `storage-blocked` or `storage-newer`. */
export async function openFolder(name: string): Promise<Folder> {
  const path = prepare(name)
  for (;;) {
    let opening = folders.get(path)
    if (opening === undefined) folders.set(path, (opening = begin(path)))
    let shared: Shared
    try {
      shared = await opening
    } catch (error) {
      if (folders.get(path) === opening) folders.delete(path)
      throw error
    }
    // Whoever was the last one may have closed it meanwhile.
    if (folders.get(path) !== opening) continue
    shared.users += 1
    return shared.folder
  }
}

async function begin(path: string): Promise<Shared> {
  const root = openRoot(path)
  const meta = root.openDB<unknown, string>('meta', {})
  const entries = root.openDB<Buffer, Place>('entries', { encoding: 'binary' })
  const aside = root.openDB<{ readonly row: Buffer; readonly reason: string }, Place>('aside', {})
  const counts = root.openDB<Counts, string>('counts', {})
  try {
    const self = ownerOf(path)
    // Writing transactions keep each other out over all processes, so of two that start together one finds it in use.
    root.transactionSync(() => {
      const format = (meta.get('format') as number | undefined) ?? FORMAT
      if (format > FORMAT) throw newerError(path, format, FORMAT)
      const owner = meta.get('owner') as Owner | undefined
      if (owner !== undefined && isInUse(owner, self)) throw inUseError(path, owner.pid)
      meta.putSync('format', FORMAT)
      meta.putSync('owner', self)
    })
    syncFolder(path)
  } catch (error) {
    await root.close()
    throw error
  }
  const writing = createWriting(root, path)
  const shared: Shared = {
    users: 0,
    folder: {
      writing,
      entries,
      aside,
      counts,
      async release() {
        shared.users -= 1
        if (shared.users > 0) return
        folders.delete(path)
        await writing.idle()
        root.transactionSync(() => void meta.removeSync('owner'))
        await root.close()
      },
    },
  }
  return shared
}

function prepare(name: string): string {
  try {
    mkdirSync(resolve(name), { recursive: true })
    return realpathSync(name)
  } catch (error) {
    throw unusableError(name, error)
  }
}

function openRoot(path: string): RootDatabase {
  try {
    return open({
      path: join(path, 'store.mdb'),
      noSubdir: true,
      // What a promise says is stored then is on the disk, and it rejects when it is not.
      overlappingSync: false,
      commitDelay: 0,
      // Of what LMDB gathers in a turn it keeps a promise for itself, which ends the process when the disk is full.
      eventTurnBatching: false,
    })
  } catch (error) {
    throw unusableError(path, error)
  }
}

/** A file that is new has a name, which waits for the disk as well. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
