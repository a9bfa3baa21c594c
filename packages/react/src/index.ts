// The provider
export { SynclineProvider, useStore } from './provider.tsx'
export type { SynclineProviderProps } from './provider.tsx'

// Hooks
export { useLoaded, usePresence, useSnapshot, useStatus, useTransact, useUndo, useValue } from './hooks.ts'
export type { ReadOptions, SelectOptions } from './hooks.ts'
export type { PresenceNow, UndoNow } from './source.ts'

// Errors
export { ReactBindingError } from './errors.ts'
export type { ReactBindingErrorCode } from './errors.ts'
