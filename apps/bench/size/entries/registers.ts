// The least that syncs: registers and counters, kept in IndexedDB, shared through a relay, and no part that this does not need.
export { indexedDb } from '@syncline/idb'
export { counter, lww } from '@syncline/merge'
export { link, openLean } from '@syncline/store/lean'
export { websocket } from '@syncline/websocket'
