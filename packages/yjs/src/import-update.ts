import type { Ref, Tx } from '@syncline/stm'
import * as Y from 'yjs'
import { YjsError } from './errors.ts'
import { newsFor } from './foreign-news.ts'
import { readForeign } from './foreign-update.ts'
import type { UpdateVersion } from './foreign-update.ts'
import { wholeOf } from './foreign-whole.ts'
import { Foreign } from './foreign.ts'
import type { ForeignKind, Stretch } from './foreign.ts'
import { oldIn } from './generation-old.ts'
import { partsOf } from './import-parts.ts'
import type { Elsewhere, Part } from './import-parts.ts'
import { taking } from './taking.ts'
import type { UpdateFor } from './taking.ts'
import type { Id } from './update.ts'

/** A root of a document elsewhere. */
export interface ForeignRoot {
  readonly name: string
  readonly kind: ForeignKind
  /** The address of the ref that it goes to; undefined when it is left out because nobody has named it. */
  readonly into: string | undefined
}

/** An update that was left out, or from where on, and why. */
export interface SetAside {
  /** Its place in the list, or its key in the database. */
  readonly record: number
  readonly error: YjsError
}

/** What was imported, and what was not. */
export interface Imported {
  /** All roots of the document, also those that nobody has named. */
  readonly roots: readonly ForeignRoot[]
  /** Updates that were left out. What does not build on them is imported. */
  readonly setAside: readonly SetAside[]
  /** What was in no update and is built on: the first of it that is missing, by Yjs client. It may come some day; then import again. */
  readonly missing: readonly { readonly client: number; readonly clock: number }[]
  /** The updates of which something waits for what is missing. It is not imported. */
  readonly waiting: readonly number[]
}

/** How updates are read. */
export interface ImportUpdateOptions {
  /** The encoding of Yjs. Default 1, that of `Y.encodeStateAsUpdate` and of what `doc.on('update')` gives; 2 is that of those whose names end in `V2`. */
  readonly version?: UpdateVersion
  /**
   * What is done about content that a ref cannot hold, as formats in a `text`. `refuse`, the default: it throws. `set-aside`: what holds it is left out, and what
   * builds on that waits.
   */
  readonly unfit?: 'refuse' | 'set-aside'
}

/**
 * Takes a Yjs document from elsewhere into refs, from one or several updates, as a part of a transaction: what is new in them is there when that commits, and is stored,
 * sent, merged and undone as all else. What is there already is not written again, so the same may be imported any number of times, by anybody, and is there once; both
 * sides may be edited on, and what is new imported again. Returns what could not be taken, and all roots there are.
 *
 * `into` says which root goes where. Roots that nobody names are left out, for good: import them into other refs. What was imported and deleted here does not come
 * back. A ref is either imported into or written in one transaction.
 *
 * Throws `YjsError`, and the transaction does so too: `update-refused` for bytes that are no update, `import-unfit` for content that a ref cannot hold, with what and why,
 * and `import-mismatch` where a ref has taken other roots of the document. Cost: several passes over the updates, and one over the document of a ref that is not open.
 *
 * @example
 * import { openStore } from '@syncline/store'
 * import { importUpdate, text } from '@syncline/yjs'
 * import * as Y from 'yjs'
 *
 * const old = new Y.Doc()
 * old.getText('codemirror').insert(0, 'Buy apples')
 *
 * const store = await openStore({ space: 'example' })
 * const note = text('note')
 * const into = { ref: note, root: 'codemirror' }
 * store.transact((tx) => importUpdate(tx, into, Y.encodeStateAsUpdate(old)))
 * expect(store.get(note)).toBe('Buy apples')
 *
 * old.getText('codemirror').insert(4, 'three ')
 * store.transact((tx) => importUpdate(tx, into, Y.encodeStateAsUpdateV2(old), { version: 2 }))
 * expect(store.get(note)).toBe('Buy three apples')
 * await store.close()
 */
export function importUpdate(
  tx: Tx,
  into: Elsewhere | readonly Elsewhere[],
  updates: Uint8Array | readonly Uint8Array[],
  { version = 1, unfit = 'refuse' }: ImportUpdateOptions = {},
): Imported {
  const { all, byRoot } = partsOf(into)
  const foreign = new Foreign(byRoot)
  const list = updates instanceof Uint8Array ? [updates] : updates
  list.forEach((update, i) => {
    try {
      foreign.add(i, readForeign(update, version))
    } catch (error) {
      throw notAnUpdate(update, error, `It is number ${i + 1} of ${list.length}. Nothing was imported. `)
    }
  })
  foreign.settle(Infinity)
  if (foreign.isWaiting) fillIn(tx, foreign, all)
  foreign.settle(Infinity)
  const imported = importedOf(foreign, unfit)
  takeIn(tx, foreign, all, { from: 0, to: foreign.order.length })
  return imported
}

/** What is to be told of a document that was read. Throws `YjsError` `import-unfit` unless content that does not fit is to be set aside. */
export function importedOf(
  foreign: Foreign,
  unfit: 'refuse' | 'set-aside',
  damaged: readonly SetAside[] = [],
): Imported {
  const setAside = [...damaged]
  for (const { record, kind, why } of foreign.leftOut) {
    if (kind === 'damaged') {
      setAside.push({
        record,
        error: new YjsError('update-refused', `Update ${record} is damaged: ${why}. It is set aside from there on.`),
      })
      continue
    }
    const error = new YjsError(
      'import-unfit',
      `Update ${record} holds what its ref cannot: ${why}. ` +
        (unfit === 'refuse'
          ? 'Nothing was imported. Take the root into a ref that holds it (formats and nested types need a doc), change it where it comes from, ' +
            "or import the rest with { unfit: 'set-aside' }."
          : 'It is set aside, and what builds on it waits.'),
    )
    if (unfit === 'refuse') throw error
    setAside.push({ record, error })
  }
  return {
    roots: foreign.roots.map(({ name, kind, part }) => ({ name, kind, into: part?.ref.address })),
    setAside: setAside.sort((a, b) => a.record - b.record),
    missing: foreign.missing.map(({ client, clock }: Id) => ({ client, clock })),
    waiting: foreign.waiting,
  }
}

/** Lets a document count as known what its refs have of it. */
export function fillIn(tx: Tx, foreign: Foreign, parts: readonly Part[]): void {
  const known: { readonly part: Part; readonly update: Uint8Array }[] = []
  for (const part of parts) {
    edit(tx, part, ({ doc, generations }) => {
      known.push({ part, update: Y.encodeStateAsUpdate(doc) })
      if (generations !== undefined) known.push({ part, update: oldIn(generations.lives) })
      return undefined
    })
  }
  foreign.fillFrom(wholeOf(known))
}

/** Writes what refs lack of a stretch of a document. */
export function takeIn(tx: Tx, foreign: Foreign, parts: readonly Part[], stretch: Stretch): void {
  for (const part of parts) edit(tx, part, newsFor(foreign, part, stretch))
}

function edit(tx: Tx, { ref }: Part, updateFor: UpdateFor): void {
  // Not what the types of a text or a doc offer: their policies know it by itself.
  tx.edit(ref as Ref<unknown, { edit: never }>, taking(updateFor))
}

/** What is thrown or reported of bytes that are no update. */
export function notAnUpdate(bytes: unknown, cause: unknown, place: string): YjsError {
  const what = bytes instanceof Uint8Array ? `${bytes.length} bytes are` : `A value of type ${typeof bytes} is`
  const why = cause instanceof Error ? cause.message : String(cause)
  return new YjsError('update-refused', `${what} not an update of Yjs: ${why}. ${place}`, { cause })
}
