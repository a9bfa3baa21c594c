import type { Head } from '@syncline/protocol'
import type { Following } from './following.ts'
import type { KeptRolls, LogStorage } from './ports.ts'
import { Roll } from './roll.ts'
import type { Subscription } from './subscription.ts'

/** What rolls need of the relay around them. */
export interface RollsHost {
  readonly storage: LogStorage
  readonly maxIdleRollBytes: number
  /** Those that an earlier run has known. */
  readonly kept: KeptRolls | undefined
  /** Where the log of a space ends, as everybody is told who follows it; undefined when the space is not in memory. */
  headOf(space: string): Head | undefined
}

/**
 * The rolls that are known. Of each space it is known which of them have it: so what happens there costs by those who follow it, and a space in which nothing happens costs an entry for each roll, however many
 * follow that.
 */
export interface Rolls {
  /** Follows a roll that was named before; undefined when it has to be named. */
  join(id: string, following: Following): Roll | undefined
  /** Follows a roll whose names these are. */
  found(id: string, names: readonly string[], following: Following): Roll
  leave(roll: Roll, following: Following): void
  /** Finds out where the logs of all its spaces end. Of one that cannot be read that stays unknown. Rejects when the storage fails. */
  read(roll: Roll): Promise<void>
  /** Those who follow a space by a roll: from now on like everybody else. */
  claim(space: string): readonly Subscription[]
  /** The log of a space ends there from now on; undefined when that has to be read. Those who follow it by a roll were claimed before. */
  move(space: string, head: Head | undefined): void
}

/** Where a roll has a space. */
interface Place {
  readonly roll: Roll
  readonly at: number
}

const none: readonly never[] = []

export function createRolls({ storage, maxIdleRollBytes, kept, headOf }: RollsHost): Rolls {
  const rolls = new Map<string, Roll>()
  const places = new Map<string, Place[]>()
  /** What is being read, so that of many who come back at once one reads it. */
  const reading = new Map<Roll, Promise<void>>()
  /** Those that nobody follows, the one that somebody followed last as the last. */
  const idle = new Set<Roll>()
  let idleBytes = 0

  function follow(roll: Roll, following: Following): Roll {
    if (idle.delete(roll)) idleBytes -= roll.sizeBytes
    roll.followings.add(following)
    return roll
  }

  function make(id: string, names: readonly string[]): Roll {
    const roll = new Roll(id, names)
    rolls.set(id, roll)
    names.forEach((space, at) => {
      const there = places.get(space)
      if (there === undefined) places.set(space, [{ roll, at }])
      else there.push({ roll, at })
    })
    return roll
  }

  function recall(id: string): Roll | undefined {
    const names = kept?.read(id)
    return names && make(id, names)
  }

  function forget(roll: Roll): void {
    idle.delete(roll)
    idleBytes -= roll.sizeBytes
    rolls.delete(roll.id)
    for (const space of roll.names) {
      const left = places.get(space)!.filter((place) => place.roll !== roll)
      if (left.length > 0) places.set(space, left)
      else places.delete(space)
    }
  }

  async function read(roll: Roll): Promise<void> {
    for (let unknown = roll.unknown(); unknown.length > 0; unknown = roll.unknown()) {
      const { losses } = roll
      const heads = await storage.heads(unknown.map((at) => roll.names[at]!))
      // It may have been read before it was known which way a batch has ended.
      if (roll.losses !== losses) continue
      unknown.forEach((at, i) => {
        // What was told meanwhile is newer; and what is stored and about to be told is not told yet.
        if (roll.relaySeqAt(at) === undefined) roll.move(at, headOf(roll.names[at]!) ?? heads[i])
      })
      return
    }
  }

  return {
    join(id, following) {
      const roll = rolls.get(id) ?? recall(id)
      return roll && follow(roll, following)
    },
    found(id, names, following) {
      const roll = rolls.get(id)
      if (roll === undefined) kept?.keep(id, names)
      return follow(roll ?? make(id, names), following)
    },
    leave(roll, following) {
      if (!roll.followings.delete(following) || roll.followings.size > 0) return
      idle.add(roll)
      idleBytes += roll.sizeBytes
      for (const oldest of idle) {
        if (idleBytes <= maxIdleRollBytes) break
        forget(oldest)
      }
    },
    read(roll) {
      let underWay = reading.get(roll)
      if (underWay === undefined) {
        underWay = read(roll).finally(() => reading.delete(roll))
        reading.set(roll, underWay)
      }
      return underWay
    },
    claim(space) {
      const there = places.get(space)
      if (there === undefined) return none
      const claimed: Subscription[] = []
      for (const { roll, at } of there) {
        for (const following of roll.followings) {
          const subscription = following.claim(at)
          if (subscription !== undefined) claimed.push(subscription)
        }
      }
      return claimed
    },
    move(space, head) {
      for (const { roll, at } of places.get(space) ?? none) {
        for (const following of roll.followings) following.onMove(at)
        roll.move(at, head)
      }
    },
  }
}
