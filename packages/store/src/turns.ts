import { covers, type CellKey, type Readable } from '@syncline/stm'
import type { Clock } from './ports.ts'

/** Lets the oldest transaction through that was overtaken again and again: younger ones hold back what it depends on. */
export interface Turns {
  /** A transaction begins. */
  enter(): Turn
}

/** One transaction's place among those that may be overtaken. */
export interface Turn {
  /** It has to run again, because these have moved. */
  overtaken(moved: readonly Readable<unknown>[]): void
  /** Resolves when no older one depends on what it wants to write, or has had its time; undefined when it need not wait. */
  pass(writes: readonly CellKey[]): Promise<void> | undefined
  leave(): void
}

/** So many times a transaction is overtaken before the younger ones wait for it. */
const PATIENCE = 3
/** So long they wait: a body may itself wait for one of them, which nobody can see. */
const MOST_MS = 1000

interface Entrant {
  readonly age: number
  losses: number
  readonly claims: Map<CellKey, Readable<unknown>>
  readonly waiting: Set<() => void>
}

/** Makes the turns of one open store. */
export function createTurns(clock: Clock): Turns {
  let born = 0
  /** Those that others wait for, by age. */
  const seniors = new Set<Entrant>()

  /** The oldest of the older ones that depends on one of these. */
  function olderOn(age: number, writes: readonly CellKey[]): Entrant | undefined {
    let oldest: Entrant | undefined
    for (const senior of seniors) {
      if (senior.age >= age || (oldest !== undefined && oldest.age < senior.age)) continue
      const depends = [...senior.claims.values()].some((claim) => writes.some((key) => covers(claim, key)))
      if (depends) oldest = senior
    }
    return oldest
  }

  function waitFor(senior: Entrant): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel()
        senior.waiting.delete(end)
        resolve()
      }
      const cancel = clock.setTimer(MOST_MS, end)
      senior.waiting.add(end)
    })
  }

  return {
    enter() {
      const me: Entrant = { age: born++, losses: 0, claims: new Map(), waiting: new Set() }
      return {
        overtaken(moved) {
          me.losses += 1
          for (const readable of moved) me.claims.set(readable.key, readable)
          if (me.losses >= PATIENCE) seniors.add(me)
        },
        pass(writes) {
          const senior = seniors.size === 0 ? undefined : olderOn(me.age, writes)
          return senior === undefined ? undefined : waitFor(senior)
        },
        leave() {
          seniors.delete(me)
          for (const end of [...me.waiting]) end()
        },
      }
    },
  }
}
