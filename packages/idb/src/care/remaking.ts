import {
  asleepMissing,
  encodeEntry,
  noSleeping,
  noteSleeping,
  pendingIn,
  ProtocolError,
  type AsleepPending,
  type CheckpointEntry,
} from '@syncline/protocol'
import type { Connection } from '../connection.ts'
import type { EntryRecord } from '../format.ts'
import { writeUnless } from '../requests.ts'
import { soundnessOf } from '../soundness.ts'

/** Where an entry stands, and the checksum of its record. */
export type Place = Pick<EntryRecord, 'position' | 'sum'>

/** A part of a checkpoint that is not there, or damaged, and was made again of the others. */
export interface Remade {
  readonly list: AsleepPending
  readonly entry: Uint8Array
  /** Where it stood; undefined when that cannot be said. */
  readonly position: number | undefined
  /** Of what it was made: it belongs there as long as this does. */
  readonly spare: Place | undefined
}

/** Makes again what is asleep in the checkpoints of one log. */
export interface Remaking {
  /** Takes in a part, which stands at that place. Gives what had to be made when the spare comes, which is behind all that it is for. */
  take(entry: CheckpointEntry, place: Place | undefined): Remade | undefined
  /** What was made in the newest checkpoint. */
  made(): Remade | undefined
}

export function createRemaking(): Remaking {
  let checkpoint = 0
  let sleeping = noSleeping()
  /** How many entries the checkpoint is. */
  let count = 0
  let positions = new Map<number, number>()
  let made: Remade | undefined

  /** Where a part stands that is not there, by where the spare does. FORMAT.md says where the parts of a checkpoint are. */
  function positionOf(part: number, beside: number, at: number): number | undefined {
    const base = Math.floor(at)
    // One that was imported lies where there was room, each part behind the one before it.
    if (base === at) {
      const position = at - beside + part
      return positions.get(part - 1) === position - 1 && positions.get(part + 1) === position + 1 ? position : undefined
    }
    return base + beside / count === at ? base + part / count : undefined
  }

  return {
    take(entry, place) {
      if (entry.checkpoint !== checkpoint || entry.part === 1) {
        checkpoint = entry.checkpoint
        sleeping = noSleeping()
        positions = new Map()
        made = undefined
      }
      if (place !== undefined) positions.set(entry.part, place.position)
      if (entry.kind !== 'rest') return undefined
      if (entry.rest[0] === 'directory') count = entry.rest[1].entries
      noteSleeping(sleeping, entry.part, entry.rest)
      if (entry.rest[0] !== 'spare') return undefined
      const again = asleepMissing(sleeping)
      sleeping = noSleeping()
      if (again === undefined || !isList(again[1])) return undefined
      const [part, list] = again
      made = {
        list,
        entry: encodeEntry({ kind: 'rest', checkpoint, part, isLast: false, rest: ['asleep', list] }),
        position: place && positionOf(part, entry.part, place.position),
        spare: place,
      }
      return made
    },
    made: () => made,
  }
}

/** Puts a part back where it stood, whatever is there now; false where somebody has compacted meanwhile. */
export async function putBack(
  connection: Connection,
  space: string,
  { entry, position, spare }: Remade,
): Promise<boolean> {
  if (position === undefined || spare === undefined) return false
  const { sumOf } = soundnessOf(space)
  return connection.begin(['entries'], 'readwrite', {}, (transaction) => {
    const entries = transaction.objectStore('entries')
    return writeUnless<EntryRecord | undefined, IDBValidKey>(
      transaction,
      entries.get(spare.position),
      (found) => found?.space !== space || found.sum !== spare.sum,
      () => entries.put({ position, space, entry, sum: sumOf(entry, undefined) }),
    )
  })
}

function isList(list: AsleepPending): boolean {
  try {
    pendingIn(list)
    return true
  } catch (error) {
    if (error instanceof ProtocolError) return false
    throw error
  }
}
