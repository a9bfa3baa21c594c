import type { LogEntry } from '@syncline/protocol'
import { portionOfOp, type DistilledCell, type Epoch, type Portion } from '@syncline/stm'
import { noAgents, noUndoing } from './absent.ts'
import { allHere, type Away } from './away.ts'
import type { Core } from './core.ts'
import { createDamage } from './damage.ts'
import { createEnvelopes } from './envelopes.ts'
import type { StoreError } from './errors.ts'
import { createIntake } from './intake.ts'
import { readEntry } from './open-log.ts'
import { createPauses, type Pieces } from './pieces.ts'
import { readPast } from './reading-past.ts'
import { createReplica } from './replica.ts'
import { createWaiting } from './waiting.ts'

/** What this device's log says of a portion. */
export interface ReadPortion {
  /** What the relay has ordered up to here, as operations that make it of nothing. */
  readonly cells: readonly DistilledCell[]
  readonly relaySeq: number
  readonly epoch: Epoch | null
  /** Whether something of it is damaged, so that the relay is to be asked from the beginning. */
  readonly isPartial: boolean
}

/**
 * Reads one portion of a space from this device's log, as it was when the relay's order had come to `upTo`, or as far as the log goes: what a store would have of it that
 * was opened now. So it is read by what opens stores, into a replica that folds nothing, passes over all else, and is forgotten. What is damaged is set aside, and `onDamage` told.
 */
export async function readPortion(
  core: Core,
  portion: Portion,
  upTo: number,
  onDamage: (error: StoreError) => void,
): Promise<ReadPortion> {
  const { space, log } = core
  const away: Away = {
    ...allHere,
    present: (items) => items.filter((item) => portionOfOp(item) === portion),
    wants({ portions }) {
      const isApart = portions.some(([one]) => one === portion)
      return (one) => (one === undefined ? !isApart : one === portion)
    },
  }
  const replica = createReplica(
    (policy) => policy,
    () => undefined,
    core.replica.memory.rules,
    () => away,
  )
  const intake = createIntake({
    space,
    replica,
    waiting: createWaiting(),
    leavesAsleep: false,
    envelopes: createEnvelopes(),
    journal: core.journal,
    undoing: noUndoing,
    agents: noAgents,
    away,
    strand: () => undefined,
  })
  const damage = createDamage(space, onDamage)
  const pauses = createPauses(core.clock)

  function* taken(bytes: Uint8Array): Pieces<void> {
    const entry = readEntry(bytes, space)
    yield bytes.length
    yield* intake.entry(cutAt(entry, upTo), 'replay')
  }

  await readPast(
    log,
    intake.choice,
    0,
    (bytes, position) => pauses.through(damage.unlessInPieces(position, () => taken(bytes))),
    damage.note,
  )
  await pauses.through(intake.onRead())
  await damage.setAside(log)
  const { relaySeq, epoch } = replica.basis()
  // It knows no policy, and one that it does not know cannot refuse.
  return { cells: [...replica.acknowledged()!], relaySeq, epoch, isPartial: intake.gap() === 0 && relaySeq > 0 }
}

/** An entry without what the relay has ordered after a point. */
function cutAt(entry: LogEntry, upTo: number): LogEntry {
  if (entry.kind === 'together') {
    // What stands together is no such entry itself.
    return { ...entry, entries: entry.entries.map((one) => (one.kind === 'ordered' ? cutOrder(one, upTo) : one)) }
  }
  return entry.kind === 'ordered' ? cutOrder(entry, upTo) : entry
}

function cutOrder(entry: Extract<LogEntry, { kind: 'ordered' }>, upTo: number): Extract<LogEntry, { kind: 'ordered' }> {
  return { ...entry, items: entry.items.slice(0, Math.max(0, upTo + 1 - entry.first)) }
}
