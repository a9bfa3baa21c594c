import { deleteDatabase, indexedDb } from '@syncline/idb'
import { expect, test } from 'vitest'
import { documentsOnDemand } from './documents-on-demand.ts'

test('[OD1] [OD2] [OD3] [OD6] so it is with a real IndexedDB', async () => {
  const name = `on-demand-${String(performance.timeOrigin)}`
  expect(await documentsOnDemand(indexedDb(name))).toEqual([])
  await deleteDatabase(name)
})
