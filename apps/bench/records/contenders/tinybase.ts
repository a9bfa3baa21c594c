import { createMergeableStore, type MergeableChanges, type MergeableContent } from 'tinybase'
import type { Contender, Replica } from '../contender.ts'
import type { Row } from '../rows.ts'

function open(writer: number, saved?: string): Replica {
  const store = createMergeableStore(`writer${writer}`)
  if (saved !== undefined) store.setMergeableContent(JSON.parse(saved) as MergeableContent)
  let sent = ''
  // As its synchronizers do.
  store.addDidFinishTransactionListener(() => {
    sent = JSON.stringify(store.getTransactionMergeableChanges())
  })
  const transact = (body: () => void): string => {
    store.transaction(body)
    return sent
  }
  return {
    setKeys: (entries) =>
      transact(() => {
        for (const [key, value] of entries) store.setValue(key, value)
      }),
    setKey: (key, value) => transact(() => store.setValue(key, value)),
    eachKey: (visit) => store.forEachValue((key, value) => visit(key, value as number)),
    insertRows: (rows) =>
      transact(() => {
        for (const { id, ...fields } of rows) store.setRow('table', id, fields)
      }),
    setCells: (writes) =>
      transact(() => {
        for (const { id, column, value } of writes) store.setCell('table', id, column, value)
      }),
    eachRow: (visit) =>
      store.forEachRow('table', (id) => visit({ id, ...store.getRow('table', id) } as unknown as Row)),
    apply: (update) => void store.applyMergeableChanges(JSON.parse(update as string) as MergeableChanges),
    save: () => JSON.stringify(store.getMergeableContent()),
    keptBytes: () => JSON.stringify(store.getMergeableContent()).length,
  }
}

export const tinybase: Contender = {
  name: 'TinyBase',
  open: (writer) => open(writer),
  load: (saved, writer) => open(writer, saved as string),
}
