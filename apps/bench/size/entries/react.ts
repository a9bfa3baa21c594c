// What the hooks add to an app that has React and a store.
export { SynclineProvider, usePresence, useSnapshot, useStatus, useStore, useTransact, useValue } from '@syncline/react'
