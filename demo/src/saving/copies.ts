import { deleteDatabase, indexedDb } from '@syncline/idb'
import { openStore, type Status, type Store } from '@syncline/store'
import { addBoard, parseBoard, readBoard, type BoardContent } from '../board/content.ts'
import { databaseOf } from '../shell/opening.ts'

// A copy is a file with one board in it. Where the storage of this device has all that is shown, it is a backup of that: with what no relay has
// yet, what was refused, and what can be undone. Else it is what is shown.

/** Looking after what is stored is code that few people ever need. */
const care = () => import('@syncline/idb/care')

/** Makes a copy of the board as it is here. */
export async function copyOf(store: Store): Promise<File> {
  const { space } = store
  const name = `${space} ${new Date().toISOString().slice(0, 10)}`
  if (!isStored(store.status)) return new File([JSON.stringify(readBoard(store), null, 2)], `${name}.json`)
  await store.durable()
  const { exportDatabase } = await care()
  const chunks = []
  for await (const chunk of exportDatabase(databaseOf(space), { spaces: [space] })) chunks.push(chunk)
  return new File(chunks, `${name}.syncline`)
}

/** Whether this device has all that is shown, or will in a moment. */
function isStored({ storage, storageError }: Status): boolean {
  if (storage === 'evicted') return storageError?.code === 'storage-cleared'
  return storage === 'ok' || storage === 'saving' || storage === 'damaged'
}

/** What became of a copy that was to be taken in. */
export type TakenIn =
  | { readonly outcome: 'added' | 'known'; readonly isWhole: boolean }
  /** It is one of other boards. */
  | { readonly outcome: 'other-board'; readonly space: string }
  | { readonly outcome: 'no-copy' }

/** Adds what a copy has to the board, beside what is here. Rejects with a `StoreError` when that cannot be read or stored. */
export async function takeIn(store: Store, file: Blob): Promise<TakenIn> {
  const isPlain = (await file.slice(0, 1).text()) === '{'
  return isPlain ? takeInContent(store, await file.text()) : takeInBackup(store, file)
}

function takeInContent(store: Store, text: string): TakenIn {
  const content = parseBoard(text)
  if (content === undefined) return { outcome: 'no-copy' }
  if (content.space !== store.space) return { outcome: 'other-board', space: content.space }
  return added(add(store, content), true)
}

async function takeInBackup(store: Store, file: Blob): Promise<TakenIn> {
  const { space } = store
  const { importDatabase } = await care()
  const { spaces, isWhole } = await importDatabase(databaseOf(space), file.stream(), { spaces: [space] })
  const own = spaces.find((each) => each.space === space)
  if (own === undefined) return spaces[0] ? { outcome: 'other-board', space: spaces[0].space } : { outcome: 'no-copy' }
  if (own.outcome === 'imported') return added(own.added, isWhole)
  // The relay has begun anew since: the two histories cannot be joined, but what is on the boards can.
  const content = await contentOf(space, file)
  return added(add(store, content), isWhole)
}

/** What is on the board that a backup holds: it is opened for a moment, apart from all others. */
async function contentOf(space: string, file: Blob): Promise<BoardContent> {
  const name = `${databaseOf(space)} copy`
  const { importDatabase } = await care()
  try {
    await importDatabase(name, file.stream(), { spaces: [space] })
    const copy = await openStore({ space, storage: indexedDb(name) })
    try {
      return readBoard(copy)
    } finally {
      await copy.close()
    }
  } finally {
    await deleteDatabase(name)
  }
}

function add(store: Store, content: BoardContent): number {
  return store.transact((tx) => addBoard(tx, content)).value
}

function added(count: number, isWhole: boolean): TakenIn {
  return { outcome: count > 0 ? 'added' : 'known', isWhole }
}
