import { indexedDb } from '@syncline/idb'
import { collection } from '@syncline/merge'
import { openStore } from '@syncline/store'
import type { Contender } from '../contender.ts'

const rows = collection('rows', { at: 0 })

export const syncline: Contender = {
  name: 'Syncline',
  isStored: true,
  async open(onRow) {
    const store = await openStore({ space: 'table', storage: indexedDb('tabs'), ready: [rows] })
    const seen = new Set<string>()
    store.changes(rows, ({ now }) => {
      for (const [id, { at }] of now.items(rows)) {
        if (seen.has(id)) continue
        seen.add(id)
        onRow(id, at)
      }
    })
    return { write: (id, at) => store.transact((tx) => tx.create(rows.at(id), { at })).durable() }
  },
}
