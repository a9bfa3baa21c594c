import { LoroDoc } from 'loro-crdt'
import type { Contender, Edit } from '../contender.ts'

/** Loro whose edits nobody hears of. */
export const loro: Contender = {
  name: 'Loro',
  receives: false,
  open(writer) {
    const { doc, edit } = openDocument(writer)
    return { edit, read: () => doc.getText('text').toString() }
  },
}

/** Loro whose edits are kept, and sent. */
export const loroStored: Contender = {
  name: 'Loro with updates',
  receives: true,
  open(writer) {
    const { doc, edit } = openDocument(writer)
    const updates: Uint8Array[] = []
    doc.subscribeLocalUpdates((update) => void updates.push(update))
    return {
      edit(one) {
        edit(one)
        return updates[updates.length - 1]
      },
      receive: (update) => void doc.import(update as Uint8Array),
      read: () => doc.getText('text').toString(),
      save: () => doc.export({ mode: 'snapshot' }),
    }
  },
  load(saved) {
    const doc = new LoroDoc()
    doc.import(saved as Uint8Array)
    return doc.getText('text').toString()
  },
}

function openDocument(writer: number) {
  const doc = new LoroDoc()
  doc.setPeerId(writer)
  const text = doc.getText('text')
  return {
    doc,
    edit([at, removed, inserted]: Edit): void {
      if (removed > 0) text.delete(at, removed)
      if (inserted !== '') text.insert(at, inserted)
      doc.commit()
    },
  }
}
