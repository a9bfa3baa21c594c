// What the adapter adds to an app that has zustand and a store.
export { snapshotApi, storeApi } from '@syncline/zustand'
