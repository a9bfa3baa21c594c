// State of one tab: a store without storage, relay and parts, and registers.
export { lww } from '@syncline/merge'
export { openLean } from '@syncline/store/lean'
