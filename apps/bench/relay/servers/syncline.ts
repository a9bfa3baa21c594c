import { createMemoryStorage, createRelay } from '@syncline/relay'
import { openLmdbStorage } from '@syncline/relay/lmdb'
import { attachRelay } from '@syncline/relay/node'
import type { Contender } from './server.ts'

/** The relay as it is started: nothing is told to anybody before it is on the disk. */
export const syncline: Contender = {
  async attach(server, folder) {
    attachRelay(server, createRelay({ storage: await openLmdbStorage(folder) }))
  },
}

/** The same in memory, to see what the disk costs. */
export const synclineMemory: Contender = {
  attach: (server) => void attachRelay(server, createRelay({ storage: createMemoryStorage() })),
}
