import type { PlainStore } from '@syncline/store'
import * as Y from 'yjs'
import type { BoundDocuments } from './bound.ts'
import { YjsError } from './errors.ts'
import { readForeign } from './foreign-update.ts'
import type { UpdateVersion } from './foreign-update.ts'
import { wholeOf } from './foreign-whole.ts'
import { fromClock, writeForeign } from './foreign-writing.ts'
import { oldIn } from './generation-old.ts'
import type { Generations } from './generations.ts'
import { partsOf } from './import-parts.ts'
import type { Elsewhere, Part } from './import-parts.ts'
import type { LiveDocument } from './live.ts'
import type { Replica } from './replica.ts'

/** What of a document goes out, and how. */
export interface ExportUpdateOptions {
  /** The encoding of Yjs. Default 1, that of `Y.applyUpdate`; 2 is that of `Y.applyUpdateV2`. */
  readonly version?: UpdateVersion
  /** The state vector of who gets it (`Y.encodeStateVector`): only what they lack is written. Default: all. */
  readonly since?: Uint8Array
}

/**
 * What refs hold as one update of Yjs, for `Y.applyUpdate`: a document that has it shows the same, may be edited on, and `importUpdate` brings the edits back. With names
 * of roots it is an update of the document that the refs came from, with all that was written here since.
 *
 * Name all refs that were imported from one document: what stood in roots that are in none of them has gone, so a document that does not have it yet would
 * never get it. What was deleted in a `doc` is in it as deleted. Throws `YjsError` `import-unfit` where one root is named twice, and `update-refused` for a `since` that
 * is no state vector. Cost: one pass over each document; several when roots have other names or several refs go out.
 *
 * @example
 * import { openStore } from '@syncline/store'
 * import { exportUpdate, text } from '@syncline/yjs'
 * import * as Y from 'yjs'
 *
 * const store = await openStore({ space: 'example' })
 * const note = text('note')
 * store.transact((tx) => tx.insert(note, 0, 'Buy apples'))
 *
 * const plain = new Y.Doc()
 * Y.applyUpdate(plain, exportUpdate(store, { ref: note, root: 'codemirror' }))
 * expect(plain.getText('codemirror').toString()).toBe('Buy apples')
 * await store.close()
 */
export function exportUpdate(
  store: PlainStore,
  from: Elsewhere | readonly Elsewhere[],
  { version = 1, since }: ExportUpdateOptions = {},
): Uint8Array {
  const { all } = partsOf(from)
  const clocks = since === undefined ? new Map<number, number>() : clocksIn(since)
  const docs = all.map((part) => {
    const { doc, generations } = replicaOf(store, part)
    return { part, doc, generations }
  })
  const isPlain = docs.length === 1 && keepsNames(all[0]!) && !hasGone(docs[0]!.doc)
  const update = isPlain ? Y.encodeStateAsUpdate(docs[0]!.doc, since) : together(docs, clocks)
  return version === 2 ? Y.convertUpdateFormatV1ToV2(update) : update
}

/**
 * How far refs know each client, as `Y.encodeStateVector` says it of a document: who answers with `Y.encodeStateAsUpdate(doc, vector)` sends what is new to
 * them. Throws as {@link exportUpdate}.
 *
 * @example
 * import { openStore } from '@syncline/store'
 * import { exportStateVector, exportUpdate, importUpdate, text } from '@syncline/yjs'
 * import * as Y from 'yjs'
 *
 * const store = await openStore({ space: 'example' })
 * const note = text('note')
 * store.transact((tx) => tx.insert(note, 0, 'Buy apples'))
 * const plain = new Y.Doc()
 * Y.applyUpdate(plain, exportUpdate(store, note))
 *
 * plain.getText('text').insert(4, 'three ')
 * const news = Y.encodeStateAsUpdate(plain, exportStateVector(store, note))
 * store.transact((tx) => importUpdate(tx, note, news))
 * expect(store.get(note)).toBe('Buy three apples')
 * await store.close()
 */
export function exportStateVector(store: PlainStore, from: Elsewhere | readonly Elsewhere[]): Uint8Array {
  const clocks = new Map<number, number>()
  for (const part of partsOf(from).all) {
    for (const [client, clock] of Y.decodeStateVector(Y.encodeStateVector(replicaOf(store, part).doc)))
      clocks.set(client, Math.max(clock, clocks.get(client) ?? 0))
  }
  return Y.encodeStateVector(clocks)
}

function replicaOf(store: PlainStore, { ref }: Part): Replica {
  // Texts and docs of a store have live documents.
  const bound = store.policyOf(ref) as unknown as BoundDocuments<unknown, never, LiveDocument<unknown>>
  bound.flush()
  return bound.live(ref.address).replica
}

function keepsNames({ names }: Part): boolean {
  for (const [name, own] of names) if (name !== own) return false
  return names.size === 1 || names.size === 4
}

/** Whether something in it stands for what is in no root of it. */
function hasGone({ store }: Y.Doc): boolean {
  for (const structs of store.clients.values()) if (structs.some((struct) => struct instanceof Y.GC)) return true
  return false
}

function clocksIn(vector: Uint8Array): Map<number, number> {
  try {
    return Y.decodeStateVector(vector)
  } catch (cause) {
    throw new YjsError(
      'update-refused',
      `${vector.length} bytes are not a state vector of Yjs. Give what Y.encodeStateVector(doc) returns.`,
      { cause },
    )
  }
}

function together(
  docs: readonly { readonly part: Part; readonly doc: Y.Doc; readonly generations: Generations | undefined }[],
  clocks: ReadonlyMap<number, number>,
): Uint8Array {
  const { structs, deletes } = wholeOf(docs.map(({ part, doc }) => ({ part, update: Y.encodeStateAsUpdate(doc) })))
  const runs = [...structs].map(([client, list]) => [...fromClock(list, clocks.get(client) ?? 0)])
  // Who knows what a new life has taken over under other names would have it twice.
  const old = docs.flatMap(({ generations }) =>
    generations === undefined ? [] : readForeign(oldIn(generations.lives), 1).deletes,
  )
  for (const range of old) deletes.set(range, true)
  return writeForeign(
    runs,
    Array.from(deletes, ({ range }) => range),
  )
}
