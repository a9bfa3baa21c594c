import { join } from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import { reasonOf, RelayError } from '../errors.ts'
import { LmdbFile, type Hole, type Row } from '../lmdb-file.ts'
import { DATA_FILE, FORMAT, FORMAT_KEY, spaceOf, unseal } from '../lmdb-rows.ts'

/** The oldest format whose rows say all that is asked here. */
const OLDEST_FORMAT = 3

/**
 * Calls `look` with what stands in a data folder at this moment, while a relay may go on writing to it. Nothing in the folder is believed, so damage ends nothing.
 *
 * Rejects with `RelayError`: `data-missing`, `data-older`, `data-newer`, or `damaged` when nothing in it can be read.
 */
export async function readData<T>(
  folder: string,
  look: (file: LmdbFile, root: RootDatabase) => T,
): Promise<Awaited<T>> {
  const path = join(folder, DATA_FILE)
  // LMDB would make a file where there is none, and end the process where it is no file of its own.
  new LmdbFile(path).close()
  const root = openToRead(path)
  // As long as somebody reads, nothing is written over what was there then. That is all that LMDB does here.
  const transaction = root.useReadTransaction()
  try {
    const file = new LmdbFile(path)
    try {
      checkFormat(file, folder)
      return await look(file, root)
    } finally {
      file.close()
    }
  } finally {
    transaction.done()
    await root.close()
  }
}

function openToRead(path: string): RootDatabase {
  try {
    return open({ path, noSubdir: true, readOnly: true, encoding: 'binary', keyEncoding: 'binary' })
  } catch (error) {
    // Who reads writes that down, so that nobody writes over it.
    const message = `${path}-lock cannot be written: ${reasonOf(error)}. Read it as a user who may write there, or read a copy of the folder.`
    throw new RelayError('data-unwritable', message, { cause: error })
  }
}

function checkFormat(file: LmdbFile, folder: string): void {
  const format = formatIn(file, folder)
  if (format > FORMAT) {
    const message = `${folder} was written by a newer Syncline (format ${format}; this one knows ${FORMAT}). Update Syncline.`
    throw new RelayError('data-newer', message)
  }
  if (format < OLDEST_FORMAT) {
    const message = `${folder} was written by an older Syncline (format ${format}). Start the relay on it once, which brings it up to date.`
    throw new RelayError('data-older', message)
  }
}

/** What cannot be read is said by those who look for damage: then it is the newest. */
function formatIn(file: LmdbFile, folder: string): number {
  const row = [...file.rows('meta', [])].find(({ key }) => key.equals(FORMAT_KEY))
  try {
    return row === undefined ? FORMAT : unseal(row.key, row.value, `The format of ${folder}`).readUInt32BE(0)
  } catch (error) {
    if (isDamage(error)) return FORMAT
    throw error
  }
}

export function isDamage(error: unknown): error is RelayError {
  return error instanceof RelayError && error.code === 'damaged'
}

/** The rows of a table space by space: all tables but that of the names have the number of the space before everything else in their keys. */
export class BySpace {
  readonly #rows: Iterator<Row>
  #next: Row | undefined

  constructor(file: LmdbFile, table: string, holes: Hole[]) {
    this.#rows = file.rows(table, holes)[Symbol.iterator]()
    this.#advance()
  }

  /** The rows of the space with a number. Numbers have to ascend; what is of a lower one is passed over. */
  *of(number: number): Iterable<Row> {
    for (let row = this.#next; row !== undefined && spaceOf(row.key) <= number; row = this.#next) {
      this.#advance()
      if (spaceOf(row.key) === number) yield row
    }
  }

  #advance(): void {
    const { done, value } = this.#rows.next()
    this.#next = done === true ? undefined : value
  }
}
