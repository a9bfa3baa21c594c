import * as Y from 'yjs'
import type { Contender, Replica } from '../contender.ts'
import { columns, type Row } from '../rows.ts'

/** How cells are kept: a map for each row, or one map with a key for each cell. */
interface Layout {
  put(doc: Y.Doc, row: Row): void
  set(doc: Y.Doc, id: string, column: string, value: string | number | boolean): void
  each(doc: Y.Doc, visit: (row: Row) => void): void
}

const nested: Layout = {
  put(doc, { id, ...fields }) {
    const map = new Y.Map<unknown>()
    for (const column of columns) map.set(column, fields[column])
    doc.getMap('table').set(id, map)
  },
  set(doc, id, column, value) {
    ;(doc.getMap('table').get(id) as Y.Map<unknown>).set(column, value)
  },
  each(doc, visit) {
    doc.getMap('table').forEach((map, id) => visit({ id, ...(map as Y.Map<unknown>).toJSON() } as Row))
  },
}

const flat: Layout = {
  put(doc, { id, ...fields }) {
    const map = doc.getMap('table')
    for (const column of columns) map.set(`${id}/${column}`, fields[column])
  },
  set: (doc, id, column, value) => void doc.getMap('table').set(`${id}/${column}`, value),
  each(doc, visit) {
    const rows = new Map<string, Record<string, unknown>>()
    doc.getMap('table').forEach((value, key) => {
      const [id, column] = key.split('/') as [string, string]
      let row = rows.get(id)
      if (row === undefined) rows.set(id, (row = { id }))
      row[column] = value
    })
    for (const row of rows.values()) visit(row as unknown as Row)
  },
}

function open(layout: Layout, writer: number, saved?: Uint8Array): Replica {
  const doc = new Y.Doc()
  doc.clientID = writer
  if (saved !== undefined) Y.applyUpdate(doc, saved)
  let sent: Uint8Array = new Uint8Array()
  doc.on('update', (update: Uint8Array) => {
    sent = update
  })
  const transact = (body: () => void): Uint8Array => {
    doc.transact(body)
    return sent
  }
  return {
    setKeys: (entries) =>
      transact(() => {
        const map = doc.getMap('cells')
        for (const [key, value] of entries) map.set(key, value)
      }),
    setKey: (key, value) => transact(() => doc.getMap('cells').set(key, value)),
    eachKey: (visit) => doc.getMap('cells').forEach((value, key) => visit(key, value as number)),
    insertRows: (rows) =>
      transact(() => {
        for (const row of rows) layout.put(doc, row)
      }),
    setCells: (writes) =>
      transact(() => {
        for (const { id, column, value } of writes) layout.set(doc, id, column, value)
      }),
    eachRow: (visit) => layout.each(doc, visit),
    apply: (update) => Y.applyUpdate(doc, update as Uint8Array),
    save: () => Y.encodeStateAsUpdate(doc),
    keptBytes: () => Y.encodeStateAsUpdate(doc).length,
  }
}

function contender(name: string, layout: Layout): Contender {
  return {
    name,
    open: (writer) => open(layout, writer),
    load: (saved, writer) => open(layout, writer, saved as Uint8Array),
  }
}

export const yjs: Contender = contender('Yjs', nested)
export const yjsFlat: Contender = contender('Yjs, flat', flat)
