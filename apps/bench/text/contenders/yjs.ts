import * as Y from 'yjs'
import type { Contender } from '../contender.ts'

/** Yjs whose edits nobody hears of. */
export const yjs: Contender = {
  name: 'Yjs',
  receives: false,
  open(writer) {
    const { doc, edit } = openDocument(writer)
    return { edit, read: () => doc.getText('text').toString() }
  },
}

/** Yjs as a provider uses it: each edit is an update that is kept, and sent. */
export const yjsStored: Contender = {
  name: 'Yjs with updates',
  receives: true,
  open(writer) {
    const { doc, edit } = openDocument(writer)
    const updates: Uint8Array[] = []
    doc.on('update', (update: Uint8Array) => updates.push(update))
    return {
      edit(one) {
        edit(one)
        return updates[updates.length - 1]
      },
      receive: (update) => Y.applyUpdate(doc, update as Uint8Array),
      read: () => doc.getText('text').toString(),
      save: () => Y.encodeStateAsUpdate(doc),
    }
  },
  load(saved) {
    const doc = new Y.Doc()
    Y.applyUpdate(doc, saved as Uint8Array)
    return doc.getText('text').toString()
  },
}

function openDocument(writer: number) {
  const doc = new Y.Doc()
  doc.clientID = writer
  const text = doc.getText('text')
  return {
    doc,
    edit([at, removed, inserted]: readonly [number, number, string]): void {
      doc.transact(() => {
        if (removed > 0) text.delete(at, removed)
        if (inserted !== '') text.insert(at, inserted)
      })
    },
  }
}
