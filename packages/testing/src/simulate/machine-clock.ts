import type { Clock } from '@syncline/store'
import type { Kernel } from './kernel.ts'
import type { Life } from './life.ts'

/** The clock of one machine, which may be wrong. Timers count the time that really passes, as they do on a machine whose clock is set. */
export interface MachineClock {
  /** How far it is ahead of the time that nobody sees. */
  readonly skewMs: number
  /** Sets it; `onRead` hears when somebody reads it for the first time after that. */
  set(skewMs: number, onRead: () => void): void
  nowMs(): number
  /** The clock as one of the machine's programs has it. */
  of(life: Life): Clock
}

/** When schedules begin, for a clock that is right. */
const BEGIN_MS = 1_700_000_000_000

export function createMachineClock(kernel: Kernel, before = 0): MachineClock {
  let skewMs = before
  let onRead: (() => void) | undefined
  const clock: MachineClock = {
    get skewMs() {
      return skewMs
    },
    set(to, heard) {
      skewMs = to
      onRead = heard
    },
    nowMs() {
      onRead?.()
      onRead = undefined
      return Math.floor(BEGIN_MS + kernel.nowMs() + skewMs)
    },
    of: (life) => ({
      nowMs: clock.nowMs,
      setTimer: (delayMs, fn) => life.plan({ kind: 'timer', label: 'timer', inMs: Math.max(0, delayMs), run: fn }),
    }),
  }
  return clock
}
