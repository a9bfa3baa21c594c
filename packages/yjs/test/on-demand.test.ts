import { memoryStorage } from '@syncline/store'
import { expect, test } from 'vitest'
import { documentsOnDemand } from './documents-on-demand.ts'

test('[OD1] [OD2] [OD3] [OD6] long texts and docs stay on the disk until they are opened, and while nobody has them open', async () => {
  expect(await documentsOnDemand(memoryStorage())).toEqual([])
})
