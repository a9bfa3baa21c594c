import { rmSync } from 'node:fs'
import { storageContract } from '@syncline/store/contracts'
import { fileStorage } from '../src/index.ts'
import { freshFolder } from './fresh-folder.ts'

storageContract('[FS1] fileStorage', async () => {
  const folder = freshFolder()
  return {
    tabs: [fileStorage(folder), fileStorage(folder)],
    dispose: async () => rmSync(folder, { recursive: true, force: true }),
  }
})
