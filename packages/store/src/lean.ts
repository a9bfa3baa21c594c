// A store of parts
export { openLean } from './open-lean.ts'
export type { LeanOptions, LeanStore } from './open-lean.ts'
export type { Part, PartName } from './part.ts'

// The parts
export {
  agents,
  asyncTransactions,
  browserRefs,
  compaction,
  handles,
  link,
  onDemand,
  presence,
  relayRefs,
  undo,
  validity,
} from './parts.ts'
