import { LoroDoc, LoroMap } from 'loro-crdt'
import type { Contender, Replica } from '../contender.ts'
import { columns, type Row } from '../rows.ts'

function open(writer: number, saved?: Uint8Array): Replica {
  const doc = new LoroDoc()
  doc.setPeerId(writer)
  if (saved !== undefined) doc.import(saved)
  let sent: Uint8Array = new Uint8Array()
  doc.subscribeLocalUpdates((update) => {
    sent = update
  })
  const commit = (): Uint8Array => {
    doc.commit()
    return sent
  }
  const cells = doc.getMap('cells')
  const table = doc.getMap('table')
  return {
    setKeys(entries) {
      for (const [key, value] of entries) cells.set(key, value)
      return commit()
    },
    setKey(key, value) {
      cells.set(key, value)
      return commit()
    },
    eachKey(visit) {
      for (const [key, value] of Object.entries(cells.toJSON() as Record<string, number>)) visit(key, value)
    },
    insertRows(rows) {
      for (const { id, ...fields } of rows) {
        const row = table.setContainer(id, new LoroMap())
        for (const column of columns) row.set(column, fields[column])
      }
      return commit()
    },
    setCells(writes) {
      for (const { id, column, value } of writes) (table.get(id) as LoroMap).set(column, value)
      return commit()
    },
    eachRow(visit) {
      const rows = table.toJSON() as Record<string, Omit<Row, 'id'>>
      for (const [id, row] of Object.entries(rows)) visit({ id, ...row })
    },
    apply: (update) => void doc.import(update as Uint8Array),
    save: () => doc.export({ mode: 'snapshot' }),
    keptBytes: () => doc.export({ mode: 'snapshot' }).length,
  }
}

export const loro: Contender = {
  name: 'Loro',
  open: (writer) => open(writer),
  load: (saved, writer) => open(writer, saved as Uint8Array),
}
