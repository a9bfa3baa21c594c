// State of one tab: a store without storage and relay, and registers.
export { lww } from '@syncline/merge'
export { openStore } from '@syncline/store'
