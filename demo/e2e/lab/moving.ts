import { indexedDb } from '@syncline/idb'
import { exportDatabase, importDatabase, repairDatabase, verifyDatabase, type Imported } from '@syncline/idb/care'
import { signOut, type SignedOut } from '@syncline/idb/principals'
import { counter } from '@syncline/merge'
import { openStore, memoryStorage } from '@syncline/store'
import { text } from '@syncline/yjs'
import { importYIndexeddb, type ImportedDatabase } from '@syncline/yjs/indexeddb'
import * as Y from 'yjs'

/** What takes data from one place of this browser to another. */
export interface Moving {
  /** A character for each byte. */
  backup(name: string): Promise<string>
  restore(name: string, backup: string): Promise<Imported>
  /** Counts one `writes` as somebody else, and hands that over. */
  handOver(space: string, to: string): Promise<SignedOut>
  /** Destroys what cannot be read; whether all is sound then. */
  dropDamaged(name: string): Promise<boolean>
  /** Stores some updates of a document as y-indexeddb does: small ones by one writer, and one by another that is so long. */
  writeOld(name: string, longLength: number): Promise<void>
  /** What of them comes into a store. */
  importOld(name: string): Promise<{ readonly imported: ImportedDatabase | undefined; readonly text: string }>
}

export const moving: Moving = {
  async backup(name) {
    const chunks: Uint8Array[] = []
    for await (const chunk of exportDatabase(name)) chunks.push(chunk)
    return chunks.map((chunk) => Array.from(chunk, (byte) => String.fromCharCode(byte)).join('')).join('')
  },

  restore: (name, backup) => importDatabase(name, [Uint8Array.from(backup, (byte) => byte.charCodeAt(0))]),

  async handOver(space, to) {
    const from = `${to} guest`
    const store = await openStore({ space, storage: indexedDb(from) })
    await store.transact((tx) => tx.add(counter('writes'), 1)).durable()
    await store.close()
    return signOut(from, { data: 'handOver', to })
  },

  async dropDamaged(name) {
    await repairDatabase(name, { dropAside: true })
    return (await verifyDatabase(name)).isSound
  },

  async writeOld(name, longLength) {
    const updates: Uint8Array[] = []
    const own = new Y.Doc()
    const other = new Y.Doc()
    for (const doc of [own, other]) doc.on('update', (update: Uint8Array) => updates.push(update))
    own.getText('note').insert(0, 'before')
    other.getMap('long').set('value', textOf(longLength))
    own.getText('note').insert(6, ' and after')
    const opening = indexedDB.open(name)
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore('updates', { autoIncrement: true })
      opening.result.createObjectStore('custom')
    }
    await new Promise((resolve) => (opening.onsuccess = resolve))
    const transaction = opening.result.transaction('updates', 'readwrite')
    for (const update of updates) transaction.objectStore('updates').add(update)
    await new Promise((resolve) => (transaction.oncomplete = resolve))
    opening.result.close()
  },

  async importOld(name) {
    const note = text('oldNote')
    const store = await openStore({ space: 'old', storage: memoryStorage() })
    const imported = await importYIndexeddb(store, name, [{ ref: note, root: 'note' }])
    const shown = store.get(note)
    await store.close()
    return { imported, text: shown }
  },
}

/** Text that nothing makes shorter. */
export function textOf(length: number): string {
  const parts: string[] = []
  for (let left = length; left > 0; left -= MOST_AT_ONCE) {
    const bytes = crypto.getRandomValues(new Uint8Array(Math.min(left, MOST_AT_ONCE)))
    parts.push(Array.from(bytes, (byte) => String.fromCharCode(33 + (byte % 90))).join(''))
  }
  return parts.join('')
}

/** As much as a browser gives at once. */
const MOST_AT_ONCE = 65_536
