// The same with everything that a store can do.
export { indexedDb } from '@syncline/idb'
export { counter, lww } from '@syncline/merge'
export { openStore } from '@syncline/store'
export { websocket } from '@syncline/websocket'
