// Transactions without a store: what a test of a policy, or another store, builds on.
export { lww } from '@syncline/merge'
export { createMemory, draft, emptyBasis, sealPure } from '@syncline/stm'
