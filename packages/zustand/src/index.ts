// A store as a zustand StoreApi
export { snapshotApi } from './snapshot-api.ts'
export type { SnapshotApi } from './snapshot-api.ts'
export { storeApi } from './store-api.ts'
export type { ShapeApi } from './store-api.ts'

// What its state is made of
export type { CompleteOf, Shape, StateOf, WritableOf } from './shape.ts'

// Errors
export { ZustandBindingError } from './errors.ts'
export type { ZustandBindingErrorCode } from './errors.ts'
