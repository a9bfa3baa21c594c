import { memoryStorage } from '../../src/index.ts'
import { storageContract } from './storage.ts'

storageContract('memoryStorage', async () => {
  const browser = memoryStorage()
  return { tabs: [browser, browser] }
})
