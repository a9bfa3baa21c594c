import { createMemoryStorage, createRelay, type RelayLog } from '@syncline/relay'
import { keepCheckpoints } from '@syncline/relay-app/checkpoints'
import { openLmdbStorage } from '@syncline/relay/lmdb'
import { attachRelay } from '@syncline/relay/node'
import type { Contender } from './server.ts'

const nothing = (): void => undefined
/** What goes wrong is to be seen. */
const log: RelayLog = { debug: nothing, info: nothing, warn: console.warn, error: console.error }

/** The relay as it is started: nothing is told to anybody before it is on the disk, and there are checkpoints. */
export const syncline: Contender = {
  async attach(server, folder) {
    const storage = await openLmdbStorage(folder)
    const checkpoints = await keepCheckpoints({ folder, storage, log })
    attachRelay(server, createRelay({ storage, checkpoints, log }))
  },
}

/** The same in memory, to see what the disk costs. */
export const synclineMemory: Contender = {
  attach: (server) => void attachRelay(server, createRelay({ storage: createMemoryStorage() })),
}
