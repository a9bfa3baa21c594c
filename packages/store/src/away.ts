import type { Directory } from '@syncline/protocol'
import type { Change, DistilledCell, Op, Portion } from '@syncline/stm'
import type { Log } from './ports.ts'

/** Something with a place: an operation, or a cell. */
export type Placed = Pick<Op, 'tag' | 'address' | 'arbiter'>

/** What of a space is in this device's log and not in the memory of this tab. */
export interface Away {
  /** Those of some operations or cells that are on what is here. */
  present<T extends Placed>(items: readonly T[]): readonly T[]
  /** A Change has its place in the relay's order now: what it does to what is away is kept until the log has it. */
  ordered(relaySeq: number, change: Change): void
  /** More of the relay's order is in the log. */
  onStored(): void
  /** The relay's order comes anew, from its beginning. */
  onOrderForgotten(): void
  /** Whether this tab reads the parts of a checkpoint that have a portion; or, when none is given, those that have all others. */
  wants(directory: Directory): (portion: Portion | undefined) => boolean
  /** Reads a log as `Log.read` does, without what nobody wants. */
  read(log: Log, ...how: Parameters<Log['read']>): Promise<number>
  /** Which portion shall have parts of a checkpoint of its own, of those that a cell can be in; undefined where it need not. */
  apart(place: Placed): Portion | undefined
  /** All portions that shall. */
  readonly portions: Iterable<Portion>
  /** What is away now, for a checkpoint of what the replica holds now. Nothing comes or goes before it is let go of. */
  hold(): HeldAway
}

/** What was away at one moment. */
export interface HeldAway {
  /** What need be kept of it, as it was at that moment. Undefined when this device's log does not say it, now. */
  cells(): Promise<readonly DistilledCell[] | undefined>
  letGo(): void
}

/** Which parts of a checkpoint are meant, by their numbers. One that is beyond them stands for all that comes after the checkpoint. */
export type PartsChosen = (part: number) => boolean

/** Those of pending Changes that are asleep. */
export function partsAsleep({ asleep }: Directory): PartsChosen {
  if (asleep === undefined) return () => false
  const [first, parts] = asleep
  return (part) => first <= part && part < first + parts
}

/** Which parts of a checkpoint are read. */
export function partsWanted(directory: Directory, { wants }: Pick<Away, 'wants'>): PartsChosen {
  const isWanted = wants(directory)
  return (part) => {
    if (part === 1 || part > directory.lastOfCells) return true
    const own = directory.portions.find(([, first, parts]) => first <= part && part < first + parts)
    return isWanted(own?.[0])
  }
}

/** In a store that has all of its space in memory. */
export const allHere: Away = {
  present: (items) => items,
  ordered: nothing,
  onStored: nothing,
  onOrderForgotten: nothing,
  wants: () => () => true,
  read: (log, ...how) => log.read(...how),
  apart: nothing,
  portions: [],
  hold: () => ({ cells: async () => [], letGo: nothing }),
}

function nothing(): undefined {}
