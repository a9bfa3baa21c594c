import type { Clock } from './ports.ts'

/** Somebody who has to say something now and then. What is here is moved by {@link Silence} alone. */
export interface Speaker {
  heardAtMs: number
  /** Who was last heard before and after. */
  earlier: Speaker | undefined
  later: Speaker | undefined
  /** Ends it, which forgets it. */
  endSilent(silentMs: number): void
}

/** Ends those who say nothing for too long. */
export interface Silence {
  /** Begins to listen to somebody, or has heard them again. */
  heard(speaker: Speaker): void
  /** Listens to them no longer. */
  forget(speaker: Speaker): void
}

/**
 * Listens to everybody by one timer: one for each would weigh as much as whatever else there is of a session. They stand in the order in
 * which they were last heard, in a list that is linked through themselves, so to have heard somebody costs next to nothing. `settled` is
 * called after each turn in which somebody may have been ended.
 */
export function createSilence(clock: Clock, timeoutMs: number, settled: () => void): Silence {
  let first: Speaker | undefined
  let last: Speaker | undefined
  let cancelTimer: (() => void) | undefined

  function append(speaker: Speaker, nowMs: number): void {
    speaker.heardAtMs = nowMs
    if (speaker === last) return
    unlink(speaker)
    speaker.earlier = last
    if (last === undefined) first = speaker
    else last.later = speaker
    last = speaker
  }

  /** Does nothing to who is not in the list. */
  function unlink(speaker: Speaker): void {
    const { earlier, later } = speaker
    if (first === speaker) first = later
    if (last === speaker) last = earlier
    if (earlier !== undefined) earlier.later = later
    if (later !== undefined) later.earlier = earlier
    speaker.earlier = speaker.later = undefined
  }

  function endTheSilent(): void {
    cancelTimer = undefined
    const nowMs = clock.nowMs()
    while (first !== undefined) {
      const silentMs = nowMs - first.heardAtMs
      if (silentMs >= timeoutMs) first.endSilent(silentMs)
      // A clock that was set back must not keep a dead connection for ever, nor end a living one.
      else if (silentMs < 0) append(first, nowMs)
      else {
        cancelTimer = clock.setTimer(timeoutMs - silentMs, endTheSilent)
        break
      }
    }
    settled()
  }

  return {
    heard(speaker) {
      append(speaker, clock.nowMs())
      cancelTimer ??= clock.setTimer(timeoutMs, endTheSilent)
    },
    forget(speaker) {
      unlink(speaker)
      if (first !== undefined) return
      cancelTimer?.()
      cancelTimer = undefined
    },
  }
}
