import type { Chance, Clock } from './ports.ts'

/**
 * Notices that the tab that runs the link stands still: a debugger holds it, its machine is out of memory, a script of it does not end. It keeps its
 * lock then, and is not told of anything.
 *
 * It is asked, and answers, by messages, for timers of tabs in the background come late. All waiting tabs hear the question and the answer, so
 * that they ask about as often as one of them would.
 */
export interface Vigil {
  /** This tab waits from now on for another one. */
  begin(): void
  /** Somebody runs the link, and has said so. */
  onAnswer(): void
  /** Another tab has asked. */
  onAsk(): void
  end(): void
}

/** How long nothing is asked after an answer, and how much longer by chance, so that of many tabs one asks. */
const REST_MS = 1500
const SPREAD_MS = 500
/** How long an answer may take. A tab that works answers between two tasks, so it is one that lasts longer that is taken for no end. */
const PATIENCE_MS = 1250
/** After a machine has slept, timers come before the messages that have waited; they do not come twice. */
const MOST_ASKED = 2

/** Makes the vigil of one open store. `onSilence` is called when nobody has answered. */
export function createVigil(
  clock: Clock,
  chance: Chance,
  { ask, onSilence }: { ask(): void; onSilence(): void },
): Vigil {
  let cancel: (() => void) | undefined
  /** How often has been asked since the last answer. */
  let asked = 0

  function wait(ms: number): void {
    cancel?.()
    cancel = clock.setTimer(ms + SPREAD_MS * chance.fraction(), look)
  }

  function look(): void {
    if (asked >= MOST_ASKED) {
      onSilence()
      rest()
      return
    }
    ask()
    onAsk()
  }

  function onAsk(): void {
    if (cancel === undefined) return
    asked += 1
    wait(PATIENCE_MS)
  }

  function rest(): void {
    asked = 0
    wait(REST_MS)
  }

  return {
    begin: rest,
    onAnswer() {
      if (cancel !== undefined) rest()
    },
    onAsk,
    end() {
      cancel?.()
      cancel = undefined
    },
  }
}
