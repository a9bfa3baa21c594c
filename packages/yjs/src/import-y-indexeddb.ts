import type { PlainStore, TransactOptions } from '@syncline/store'
import { YjsError } from './errors.ts'
import { readForeign } from './foreign-update.ts'
import { Foreign } from './foreign.ts'
import { partsOf } from './import-parts.ts'
import type { Elsewhere } from './import-parts.ts'
import { fillIn, importedOf, notAnUpdate, takeIn } from './import-update.ts'
import type { Imported, ImportUpdateOptions, SetAside } from './import-update.ts'
import { openUpdates } from './y-indexeddb.ts'

/** How far an import is: of the records that are read, or of what is then written. */
export interface ImportProgress {
  readonly phase: 'reading' | 'writing'
  readonly done: number
  readonly total: number
}

/** What was imported from a database. */
export interface ImportedDatabase extends Imported {
  /** How many records were read. */
  readonly records: number
  /** How many Changes were made; none when all was here already. */
  readonly changes: number
}

/** Options of an import from a database. `meta` and `durability` are those of its Changes. */
export interface ImportYIndexeddbOptions
  extends Pick<ImportUpdateOptions, 'unfit'>, Pick<TransactOptions, 'meta' | 'durability' | 'undo'> {
  /** Called after each slice. */
  readonly onProgress?: (progress: ImportProgress) => void
  /** Ends it between two slices; the promise rejects with its reason. What was written until then stays, and another import goes on. */
  readonly signal?: AbortSignal
}

/** Some milliseconds of work. */
const SLICE_RECORDS = 100
const SLICE_PARTS = 2_000
/** A megabyte of text, or some 4,000 keys that were pressed: what is smaller is one Change. One may have 16 MB, but the page stands still while it is written. */
const CHANGE_BYTES = 1 << 20

/**
 * Takes a database that y-indexeddb 9 has written over into refs of a store, and leaves it as it is: it is read only, the old app goes on with it, also meanwhile, and
 * what it writes later comes with the next import. Resolves with undefined when there is no database of that name; none is made.
 *
 * `into` says which root goes where, as for `importUpdate`. What is there already is not written again, so two tabs, or two people who both have the document, may
 * import it and have it once. Records that are damaged, or that the browser cannot read, are set aside, and told with what is missing because of them; all others are imported.
 *
 * It works in slices, between which the page goes on, and writes one Change for each megabyte, or 4,000 keys that were pressed: they are one step to undo, unless
 * something else is written between them.
 *
 * Rejects with `YjsError` `not-y-indexeddb`, `import-interrupted`, and as `importUpdate` throws, before anything was written; with what `transact` throws where a `schema` or
 * `maxBytes` of a ref does not allow it. Cost: several passes over the records, one read in memory as a whole, and one Change at a time.
 *
 * @example
 * import { openStore } from '@syncline/store'
 * import { doc, text } from '@syncline/yjs'
 * import { importYIndexeddb } from '@syncline/yjs/indexeddb'
 *
 * const store = await openStore({ space: 'example' })
 * const imported = await importYIndexeddb(store, 'recipes', [
 *   { ref: text('title'), root: 'title' },
 *   { ref: doc('page'), roots: { fragment: 'default', map: 'settings' } },
 * ])
 * for (const { record, error } of imported?.setAside ?? []) console.warn(record, error.message)
 * expect(imported).toBeUndefined() // Node has no IndexedDB, and so no database of that name
 * await store.close()
 */
export async function importYIndexeddb(
  store: PlainStore,
  name: string,
  into: Elsewhere | readonly Elsewhere[],
  options: ImportYIndexeddbOptions = {},
): Promise<ImportedDatabase | undefined> {
  const { all, byRoot } = partsOf(into)
  const { unfit = 'refuse', onProgress, signal } = options
  const foreign = new Foreign(byRoot)
  const read = await readAll(name, foreign, options)
  if (read === undefined) return undefined
  if (foreign.isWaiting) store.transact((tx) => fillIn(tx, foreign, all))
  while (!foreign.settle(SLICE_PARTS)) {
    await pause()
    signal?.throwIfAborted()
  }
  const imported = importedOf(foreign, unfit, read.damaged)

  const terms = { undo: { group: `import ${uniqueName()}` }, ...termsIn(options) }
  const stretches = foreign.stretches(CHANGE_BYTES)
  let changes = 0
  for (const [i, stretch] of stretches.entries()) {
    if (i > 0) await pause()
    signal?.throwIfAborted()
    const { change } = store.transact((tx) => takeIn(tx, foreign, all, stretch), terms)
    if (change !== undefined) changes += 1
    onProgress?.({ phase: 'writing', done: i + 1, total: stretches.length })
  }
  return { ...imported, records: read.records, changes }
}

/** Reads all records there are; undefined when there is no database. */
async function readAll(
  name: string,
  foreign: Foreign,
  { onProgress, signal }: ImportYIndexeddbOptions,
): Promise<{ readonly records: number; readonly damaged: readonly SetAside[] } | undefined> {
  const database = await openUpdates(name, signal)
  if (database === undefined) return undefined
  const damaged: SetAside[] = []
  let records = 0
  try {
    const total = await database.count()
    let last: number | undefined
    for (;;) {
      signal?.throwIfAborted()
      // What the old app puts together meanwhile comes as a later record, so nothing is passed by.
      const { found, next } = await database.after(last, SLICE_RECORDS)
      for (const { key, value, unreadable } of found) {
        if (unreadable !== undefined) {
          damaged.push({ record: key, error: notReadable(key, name, unreadable) })
          continue
        }
        try {
          foreign.add(key, readForeign(bytesOf(value), 1))
        } catch (error) {
          damaged.push({ record: key, error: notAnUpdate(value, error, `Record ${key} of "${name}" is set aside.`) })
        }
      }
      while (!foreign.settle(SLICE_PARTS)) {
        await pause()
        signal?.throwIfAborted()
      }
      records += found.length
      if (found.length > 0) onProgress?.({ phase: 'reading', done: records, total: Math.max(records, total) })
      if (next === undefined) break
      last = next
    }
  } finally {
    database.close()
  }
  return { records, damaged }
}

function notReadable(record: number, name: string, cause: unknown): YjsError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new YjsError(
    'update-refused',
    `The browser cannot read record ${record} of "${name}" (${why}). It is set aside.`,
    { cause },
  )
}

function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  throw new Error('it is no bytes')
}

function termsIn({ meta, durability, undo }: ImportYIndexeddbOptions): TransactOptions {
  return {
    ...(meta !== undefined && { meta }),
    ...(durability !== undefined && { durability }),
    ...(undo !== undefined && { undo }),
  }
}

/** So that an import is no step with the one before it. */
function uniqueName(): string {
  return crypto.getRandomValues(new Uint32Array(2)).join('-')
}

/** Lets the page do what it has to. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0))
}
