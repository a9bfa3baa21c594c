import { assemble } from './assemble.ts'
import type { StoreOptions } from './options.ts'
import {
  agents,
  asyncTransactions,
  browserRefs,
  compaction,
  handles,
  link,
  onDemand,
  presence,
  relayRefs,
  undo,
  validity,
} from './parts.ts'
import type { Store } from './store.ts'

/**
 * Opens a space: reads what this device has of it, then keeps it in step with the other tabs and the relay.
 *
 * Resolves when the local data is there; does not wait for the relay. Rejects with a `StoreError` when the storage belongs to a newer
 * version, is blocked by another tab, or is damaged. When the storage cannot be used at all, the store works in memory and its status
 * says so. Cost: one pass over the log.
 *
 * @example
 * import { counter } from '@syncline/merge'
 * import { openStore } from '@syncline/store'
 *
 * const apples = counter('apples')
 * const store = await openStore({ space: 'kitchen' })
 * store.transact((tx) => tx.add(apples, 3))
 * expect(store.get(apples)).toBe(3)
 * await store.close()
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  return assemble(options, [
    validity,
    undo,
    asyncTransactions,
    browserRefs,
    compaction,
    relayRefs,
    handles,
    agents,
    link,
    onDemand,
    presence,
  ] as const)
}
