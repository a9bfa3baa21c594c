import type { CheckpointEntry, JoinedEntry, SingleEntry } from '@syncline/protocol'
import type { Epoch } from '@syncline/stm'

/** The epochs of the relay's log that an entry knows of. */
export function epochsIn(entry: SingleEntry | CheckpointEntry | JoinedEntry): readonly Epoch[] {
  if (entry.kind === 'joined') return epochsIn(entry.part)
  if (entry.kind === 'ordered' || entry.kind === 'join') return [entry.epoch]
  return entry.kind === 'rest' && entry.rest[0] === 'ledger' ? entry.rest[1].stretches.map(([epoch]) => epoch) : []
}
