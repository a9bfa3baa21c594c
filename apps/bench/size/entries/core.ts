// What an app with records, lists and counters imports: kept in IndexedDB, shared through a relay.
export { indexedDb } from '@syncline/idb'
export { collection, count, counter, field, list, lww, optional, place, record } from '@syncline/merge'
export { openStore } from '@syncline/store'
export { websocket } from '@syncline/websocket'
