import type { Contender, Replica } from '../contender.ts'
import type { Row } from '../rows.ts'

/** Objects in a Map, and JSON: what reading and holding the data costs when nothing merges. */
function open(saved?: string): Replica {
  const rows = new Map((saved === undefined ? [] : (JSON.parse(saved) as Row[])).map((row) => [row.id, row]))
  const keys = new Map<string, number>()
  return {
    setKeys(entries) {
      for (const [key, value] of entries) keys.set(key, value)
      return ''
    },
    setKey(key, value) {
      keys.set(key, value)
      return ''
    },
    eachKey: (visit) => keys.forEach((value, key) => visit(key, value)),
    insertRows(inserted) {
      for (const row of inserted) rows.set(row.id, row)
      return ''
    },
    setCells(writes) {
      for (const { id, column, value } of writes) rows.set(id, { ...rows.get(id)!, [column]: value })
      return ''
    },
    eachRow: (visit) => rows.forEach((row) => visit(row)),
    apply() {
      throw new Error('Plain objects do not merge.')
    },
    save: () => JSON.stringify([...rows.values()]),
    keptBytes: () => JSON.stringify([...keys]).length,
  }
}

export const plain: Contender = {
  name: 'plain objects',
  lacks: ['apply'],
  open: () => open(),
  load: (saved) => open(saved as string),
}
