import { createMergeableStore } from 'tinybase'
import { createIndexedDbPersister } from 'tinybase/persisters/persister-indexed-db'
import { createBroadcastChannelSynchronizer } from 'tinybase/synchronizers/synchronizer-broadcast-channel'
import type { Contender } from '../contender.ts'

/** Tabs merge over a channel, and each keeps what it has. */
export const tinybase: Contender = {
  name: 'TinyBase',
  isStored: true,
  async open(onRow) {
    const store = createMergeableStore()
    const persister = createIndexedDbPersister(store, 'tinybase')
    await persister.load()
    await persister.startAutoSave()
    const synchronizer = createBroadcastChannelSynchronizer(store, 'tinybase')
    await synchronizer.startSync()
    store.addCellListener('rows', null, 'at', (_store, _table, id, _cell, at) => onRow(id, at as number))
    return {
      async write(id, at) {
        store.setRow('rows', id, { at })
        // It saves after each transaction, one after the other: what is asked for now comes last.
        await persister.save()
      },
    }
  },
}
