import type { Storage } from '@syncline/store'
import { createChannels } from './channels.ts'
import { type Connection, connect } from './connection.ts'
import { watchLeaving } from './leaving.ts'
import { createLocks } from './locks.ts'
import { createLog } from './log.ts'
import { watchPersistence } from './persistence.ts'
import { type Surroundings, surroundingsHere } from './surroundings.ts'

/**
 * A storage in this browser's IndexedDB, shared by all tabs that use the same `name`.
 *
 * Nothing is opened before the first space is. Then `openLog`, and with it `openStore`, meets a `StoreError`: `storage-failed` where the
 * browser keeps nothing (a store then works in memory), `storage-newer` and `storage-blocked` when other tabs run another version of the
 * app. An append costs one transaction; a log that another tab has closed, deleted or upgraded says so through `onLost`.
 * `surroundings` are those of this page; a simulator gives others.
 *
 * @example
 * import { indexedDb } from '@syncline/idb'
 * import { openStore } from '@syncline/store'
 *
 * const store = await openStore({ space: 'board', storage: indexedDb('my-app') })
 * // Node has no IndexedDB, so this example ends in memory.
 * expect(store.status.storage).toBe('memory-only')
 * await store.close()
 */
export function indexedDb(name: string, surroundings: Surroundings = surroundingsHere): Storage {
  /** The connection of the logs that are open; made for the first, closed with the last. */
  let shared: { readonly connection: Connection; logs: number } | undefined

  return {
    async openLog(space) {
      // After a loss the open logs stay lost, and new ones start on what is there then.
      if (shared === undefined || shared.connection.lost() !== undefined)
        shared = { connection: connect(name, surroundings), logs: 0 }
      const mine = shared
      const release = (): void => {
        mine.logs--
        if (mine.logs > 0) return
        mine.connection.close()
        if (shared === mine) shared = undefined
      }
      mine.logs++
      try {
        await mine.connection.ready()
      } catch (error) {
        release()
        throw error
      }
      return createLog(name, space, mine.connection, surroundings, release)
    },
    locks: createLocks(name, surroundings),
    channels: createChannels(name, surroundings),
    onLeaving: (listener) => watchLeaving(surroundings, listener),
    onPersistence: (listener) => watchPersistence(surroundings, listener),
  }
}
