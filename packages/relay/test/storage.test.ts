import { createMemoryStorage } from '../src/index.ts'
import { logStorageContract } from './contract.ts'
import { openLmdbStorage } from '../src/lmdb.ts'
import { temporaryFolder } from './folder.ts'

logStorageContract('memory', async () => {
  const storage = createMemoryStorage()
  return { storage, reopen: async () => storage }
})

logStorageContract('LMDB', async () => {
  const folder = temporaryFolder()
  const storage = await openLmdbStorage(folder)
  return {
    storage,
    async reopen() {
      await storage.close()
      return openLmdbStorage(folder)
    },
  }
})
