import * as A from '@automerge/automerge'
import type { Contender, Replica } from '../contender.ts'
import type { Row } from '../rows.ts'

interface Doc {
  cells: Record<string, number>
  table: Record<string, Record<string, string | number | boolean>>
}

/** What every replica begins with: maps that two make at the same time would be two maps. */
const empty = A.save(A.from<Record<string, unknown>>({ cells: {}, table: {} }, { actor: '00'.repeat(16) }))

function open(writer: number, saved: Uint8Array = empty): Replica {
  let doc = A.load<Doc>(saved, { actor: writer.toString(16).padStart(32, '0') })
  const change = (body: (doc: Doc) => void): Uint8Array => {
    doc = A.change(doc, body)
    return A.getLastLocalChange(doc)!
  }
  return {
    setKeys: (entries) =>
      change(({ cells }) => {
        for (const [key, value] of entries) cells[key] = value
      }),
    setKey: (key, value) =>
      change(({ cells }) => {
        cells[key] = value
      }),
    eachKey(visit) {
      for (const [key, value] of Object.entries(doc.cells)) visit(key, value)
    },
    insertRows: (rows) =>
      change(({ table }) => {
        for (const { id, ...fields } of rows) table[id] = fields
      }),
    setCells: (writes) =>
      change(({ table }) => {
        for (const { id, column, value } of writes) table[id]![column] = value
      }),
    eachRow(visit) {
      for (const [id, row] of Object.entries(doc.table)) visit({ id, ...row } as unknown as Row)
    },
    apply(update) {
      ;[doc] = A.applyChanges(doc, [update as Uint8Array])
    },
    save: () => A.save(doc),
    keptBytes: () => A.save(doc).length,
  }
}

export const automerge: Contender = {
  name: 'Automerge',
  open: (writer) => open(writer),
  load: (saved, writer) => open(writer, saved as Uint8Array),
}
