import { storageContract } from '@syncline/store/contracts'
import { deleteDatabase, indexedDb, type Surroundings } from '../src/index.ts'
import { surroundingsHere } from '../src/surroundings.ts'
import { freshName } from './names.ts'

storageContract('[ID1] indexedDb', async () => {
  const name = freshName()
  return { tabs: [indexedDb(name), indexedDb(name)], dispose: () => deleteDatabase(name) }
})

// As on an insecure origin, where tabs hold leases instead.
const withoutLocks: Surroundings = Object.create(surroundingsHere, { locks: { value: undefined } })

storageContract('[ID1] [ID26] indexedDb without Web Locks', async () => {
  const name = freshName()
  return {
    tabs: [indexedDb(name, withoutLocks), indexedDb(name, withoutLocks)],
    dispose: () => deleteDatabase(name, withoutLocks),
  }
})
