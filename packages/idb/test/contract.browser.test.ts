import { storageContract } from '@syncline/store/contracts'
import { deleteDatabase, indexedDb } from '../src/index.ts'
import { freshName } from './names.ts'

storageContract('[ID1] indexedDb', async () => {
  const name = freshName()
  return { tabs: [indexedDb(name), indexedDb(name)], dispose: () => deleteDatabase(name) }
})
