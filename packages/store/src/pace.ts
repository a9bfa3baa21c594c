import type { Snapshot } from '@syncline/stm'
import type { Clock } from './ports.ts'

/** Somebody who is told at most once in an interval. */
export interface Paced {
  /** When it was told last, by the clock. */
  toldMs: number
  /** Decides what there is to tell of a Snapshot; what is returned tells it. */
  take(now: Snapshot): (() => void) | undefined
}

/**
 * Tells all readers of one rate together, of one Snapshot: at once when an interval has passed since the last time, else when it has. A
 * timer runs only while somebody is due.
 */
export interface Pace {
  join(reader: Paced): void
  leave(reader: Paced): void
  /** There is something to tell a reader. */
  due(reader: Paced): void
  /** Tells who is due, or sees to it that it happens in time. */
  tend(): void
  /** Tells who is due, whatever the time. */
  flush(): void
  /** Whether nobody has this rate any more, and a new pace would tell no earlier than this one. */
  isSpent(): boolean
}

/** Makes the pace of one rate. `present` is the newest Snapshot that everybody else was told of. */
export function createPace(everyMs: number, clock: Clock, present: () => Snapshot): Pace {
  const readers = new Set<Paced>()
  const waiting = new Set<Paced>()
  let sampledMs = -Infinity
  let stopTimer: (() => void) | undefined

  function tend(): void {
    if (waiting.size === 0 || stopTimer !== undefined) return
    const nowMs = clock.nowMs()
    // A clock that was set back starts the interval anew, for all of them.
    sampledMs = Math.min(sampledMs, nowMs)
    for (const reader of waiting) reader.toldMs = Math.min(reader.toldMs, nowMs)
    const leftMs = sampledMs + everyMs - nowMs
    if (leftMs > 0) {
      stopTimer = clock.setTimer(leftMs, () => {
        stopTimer = undefined
        tend()
      })
      return
    }
    sample(nowMs, (reader) => reader.toldMs + everyMs <= nowMs)
    // Who was told in this interval already is due in the next one.
    tend()
  }

  function sample(nowMs: number, isRested: (reader: Paced) => boolean): void {
    sampledMs = nowMs
    const snapshot = present()
    const tells: (() => void)[] = []
    // All decide before the first is told: what a listener commits is of the next interval.
    for (const reader of [...waiting]) {
      if (!isRested(reader)) continue
      waiting.delete(reader)
      const tell = reader.take(snapshot)
      if (tell !== undefined) tells.push(tell)
    }
    for (const tell of tells) tell()
  }

  return {
    join: (reader) => readers.add(reader),
    leave(reader) {
      readers.delete(reader)
      waiting.delete(reader)
      if (waiting.size > 0) return
      stopTimer?.()
      stopTimer = undefined
    },
    due: (reader) => waiting.add(reader),
    tend,
    flush() {
      if (waiting.size > 0) sample(clock.nowMs(), () => true)
    },
    isSpent: () => readers.size === 0 && sampledMs + everyMs <= clock.nowMs(),
  }
}
