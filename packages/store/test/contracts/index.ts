// What an implementation of a port has to prove: one call in its tests
export { storageContract } from './storage.ts'
export type { BrowserUnderTest } from './storage.ts'
export { transportContract } from './transport.ts'
export type { FarEnd, TransportUnderTest } from './transport.ts'
