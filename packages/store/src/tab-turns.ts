import { CALLED_OFF } from './called-off.ts'
import type { Clock, Locks } from './ports.ts'

/**
 * Lets tabs that get in each other's way commit in turn: whoever has to check again has lost what it had computed, and would lose again to the
 * one that is ahead already.
 *
 * It is a courtesy. Nothing is wrong when two take the same turn, so a tab that does not end its turn is not waited for long.
 */
export interface TabTurns {
  /** Resolves when it is this tab's turn, to what ends it; to undefined when nobody is in the way. */
  take(): Promise<(() => void) | undefined>
  /** Another tab was first: from now on there are turns, in all tabs. */
  lost(): void
  /** Another tab says that it has lost. */
  heard(): void
  close(): void
}

/** So long there are turns after somebody has lost. */
const LASTS_MS = 1000
/** So long a tab waits for its turn. The work of a turn takes some milliseconds. */
const MOST_WAIT_MS = 500

/** Makes the turns of one tab. Without locks nobody can wait for a turn. */
export function createTabTurns(
  locks: Locks | undefined,
  space: string,
  clock: Clock,
  say: () => void,
  onError: (error: unknown) => void,
): TabTurns {
  let untilMs = 0
  const closing = new AbortController()

  async function wait(among: Locks): Promise<(() => void) | undefined> {
    const patience = new AbortController()
    const cancel = clock.setTimer(MOST_WAIT_MS, () => patience.abort(CALLED_OFF))
    try {
      const held = await among.hold(`turn ${space}`, AbortSignal.any([patience.signal, closing.signal]))
      return () => held.release()
    } catch (error) {
      if (!patience.signal.aborted && !closing.signal.aborted) onError(error)
      return undefined
    } finally {
      cancel()
    }
  }

  function begin(): void {
    untilMs = clock.nowMs() + LASTS_MS
  }

  return {
    take: () => (locks === undefined || clock.nowMs() >= untilMs ? Promise.resolve(undefined) : wait(locks)),
    lost() {
      begin()
      say()
    },
    heard: begin,
    close: () => closing.abort(CALLED_OFF),
  }
}
