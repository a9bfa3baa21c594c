import { copyFileSync, existsSync, linkSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { open } from 'lmdb'
import { reasonOf, RelayError } from './errors.ts'
import { flush } from './folders.ts'
import { LmdbFile, type Hole, type Row } from './lmdb-file.ts'
import { isRunning, type Owner } from './lmdb-owner.ts'
import {
  decodeQuarantine,
  encodeQuarantine,
  joined,
  noQuarantine,
  QUARANTINE_KEY,
  quarantineOf,
} from './lmdb-quarantine.ts'
import { decodeSpace, OWNER_KEY, unseal, type Rows } from './lmdb-rows.ts'
import type { RelayLog } from './ports.ts'

const CHECKSUM_BYTES = 4

/** So much is put in one transaction. */
const BYTES_AT_A_TIME = 8 * 1024 * 1024

const TABLES = ['spaces', 'log', 'writers', 'documents', 'epochs']

/**
 * Makes sure that LMDB can open the file of a data folder. It believes what stands in a page, so where one is damaged it would end the process, or leave out rows that nobody
 * misses. So the file is looked at first; where something is wrong, it is set aside beside the folder's new file, into which everything goes that is whole. What lost rows that could
 * not be missed is in quarantine there.
 *
 * Throws `RelayError`: `damaged` when nothing can be made of it, `data-in-use` when somebody writes to it. Cost: the file is read once but for long values, a second and a half for
 * each GB that the system has in memory.
 */
export async function makeFit(
  path: string,
  folder: string,
  self: Owner,
  checkOwner: (row: Buffer) => void,
  log: RelayLog,
): Promise<void> {
  // An empty file is what is left of a relay that died before it had written anything.
  if (!existsSync(path) || statSync(path).size === 0) return
  let file = new LmdbFile(path)
  try {
    const owner = rowOf(file, OWNER_KEY)
    // Whoever writes to it moves what is looked at.
    if (owner !== undefined) checkOwner(owner)
    const holes = file.check(isSound)
    if (holes.length === 0) return
    const { transaction } = file
    file.close()
    file = new LmdbFile(path)
    if (file.transaction !== transaction) {
      throw new RelayError(
        'data-in-use',
        `${folder} is written to by another process. Stop that one, or choose another folder.`,
      )
    }
    const [lost] = holes.filter(({ table }) => table === 'tables' || table === 'meta')
    if (lost !== undefined) {
      throw new RelayError(
        'damaged',
        `Page ${lost.page} of ${path}, on which everything depends, ${lost.why}. Restore the data folder from a backup.`,
      )
    }
    await mend(file, path, holes, self, log)
  } finally {
    file.close()
  }
}

/**
 * Whether a row is what was written. Keys of the rows of a table have one length, and some values too: so a page of one table in the place of another's is found. Changes are looked
 * at when they are read.
 */
const isSound: Readonly<Record<string, (row: Row) => boolean>> = {
  meta: isSealed,
  spaces: isSealed,
  writers: (row) => row.key.length === 20 && isSealed(row),
  documents: (row) => row.key.length === 12 && row.value.length === CHECKSUM_BYTES + 16 && isSealed(row),
  epochs: (row) => row.key.length === 10 && row.value.length === CHECKSUM_BYTES + 16 && isSealed(row),
}

function isSealed({ key, value }: Row): boolean {
  try {
    unseal(key, value, 'A row')
    return true
  } catch (error) {
    if (error instanceof RelayError) return false
    throw error
  }
}

async function mend(file: LmdbFile, path: string, holes: readonly Hole[], self: Owner, log: RelayLog): Promise<void> {
  const fresh = claim(path, self)
  const [first] = holes
  log.error(
    { path, holes: holes.length, first: first!.why, page: first!.page, table: first!.table },
    'The data is damaged. What is whole is copied.',
  )
  try {
    await rewrite(file, fresh, holes)
    flush(fresh)
    const aside = setAside(path)
    renameSync(fresh, path)
    flush(dirname(path))
    rmSync(`${fresh}-lock`, { force: true })
    log.error({ aside }, 'The damaged data is set aside, and what was whole in it is served.')
  } catch (error) {
    for (const left of [fresh, `${fresh}-lock`]) rmSync(left, { force: true })
    if (error instanceof RelayError) throw error
    throw new RelayError(
      'storage-failed',
      `${path} is damaged, and what is whole in it cannot be copied: ${reasonOf(error)}. Look for a full disk.`,
      { cause: error },
    )
  }
}

/** A file of this process to write to. Two that start together must not both put theirs in the place of the damaged one. */
function claim(path: string, self: Owner): string {
  const prefix = `${basename(path)}.mending-`
  const own = `${prefix}${self.pid}-${self.started}`
  const folder = dirname(path)
  const fresh = join(folder, own)
  writeFileSync(fresh, '')
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(prefix) || name === own || name.endsWith('-lock')) continue
    const [pid, started] = name.slice(prefix.length).split('-')
    if (isRunning({ pid: Number(pid), started: started ?? '' })) {
      rmSync(fresh, { force: true })
      throw new RelayError(
        'data-in-use',
        `${folder} is being mended by process ${pid}. Stop that one, or choose another folder.`,
      )
    }
    for (const left of [name, `${name}-lock`]) rmSync(join(folder, left), { force: true })
  }
  return fresh
}

/** Puts everything that is whole into a new file. */
async function rewrite(file: LmdbFile, fresh: string, holes: readonly Hole[]): Promise<void> {
  const root = open({ path: fresh, noSubdir: true, encoding: 'binary', keyEncoding: 'binary', overlappingSync: false })
  try {
    const table = (name: string): Rows => root.openDB(name, { encoding: 'binary', keyEncoding: 'binary' })
    const numbers: number[] = []
    for (const name of TABLES) {
      const rows = table(name)
      for (const batch of batchesOf(file.rows(name, []))) {
        root.transactionSync(() => {
          for (const row of batch) {
            if (isSound[name]?.(row) === false) continue
            rows.putSync(row.key, row.value)
            if (name === 'spaces') numbers.push(decodeSpace(row.value.subarray(CHECKSUM_BYTES)).number)
          }
        })
      }
    }
    const before = rowOf(file, QUARANTINE_KEY)
    const earlier = before === undefined ? noQuarantine : decodeQuarantine(before)
    const quarantine = joined(earlier, quarantineOf(holes, numbers))
    const meta = table('meta')
    root.transactionSync(() => {
      for (const { key, value } of file.rows('meta', [])) if (!key.equals(OWNER_KEY)) meta.putSync(key, value)
      meta.putSync(QUARANTINE_KEY, encodeQuarantine(quarantine))
    })
  } finally {
    await root.close()
  }
}

function* batchesOf(rows: Iterable<Row>): Iterable<readonly Row[]> {
  let batch: Row[] = []
  let bytes = 0
  for (const row of rows) {
    batch.push(row)
    bytes += row.key.length + row.value.length
    if (bytes < BYTES_AT_A_TIME) continue
    yield batch
    batch = []
    bytes = 0
  }
  yield batch
}

function rowOf(file: LmdbFile, wanted: Buffer): Buffer | undefined {
  for (const { key, value } of file.rows('meta', [])) if (key.equals(wanted)) return value
  return undefined
}

/** Gives the damaged file another name besides its own, which stays until there is another file. */
function setAside(path: string): string {
  let aside = `${path}.damaged`
  for (let i = 2; existsSync(aside); i++) aside = `${path}.damaged-${i}`
  try {
    linkSync(path, aside)
  } catch {
    // Not every file system has links.
    copyFileSync(path, aside)
    flush(aside)
  }
  return aside
}
