import type { WriterId } from '@syncline/stm'
import { randomId } from './identity.ts'
import type { Chance, HeldLock, Locks } from './ports.ts'
import type { Replica } from './replica.ts'
import { writerLock } from './writers.ts'

/**
 * The identity under which this tab authors Changes that write `browser` refs and others together.
 *
 * Their seqs are given when the log has them, and the log may say no: the tab's ordinary writer goes on meanwhile and must have no gap.
 * When the relay refuses one, this tab lets go of the identity as if it had died, so that the elected tab settles it, and takes another.
 */
export interface MixedWriter {
  /** Resolves when there is one to author with. */
  prepare(): Promise<void>
  /** The one to author with; undefined when there is none ready. */
  current(): WriterId | undefined
  /** An entry with a Change of its is on its way into the log, or is not any more. Until then nobody else may settle for it. */
  isInFlight: boolean
  /** Lets go of it when it was refused. */
  tend(): void
  close(): void
}

/** Makes the mixed writer of one open store. */
export function createMixedWriter(replica: Replica, locks: Locks | undefined, chance: Chance): MixedWriter {
  let held: { readonly id: WriterId; readonly lock: HeldLock | undefined } | undefined
  let preparing: Promise<void> | undefined
  let isInFlight = false
  let closed = false

  async function take(): Promise<void> {
    const id = randomId(chance)
    const lock = await locks?.tryHold(writerLock(id))
    if (closed) {
      lock?.release()
      return
    }
    const mine = { id, lock }
    held = mine
    // Others may settle for it from then on, as for a dead tab.
    void lock?.lost.then(() => {
      if (held === mine) held = undefined
    })
  }

  function tend(): void {
    if (held === undefined || isInFlight || !replica.refusals.has(held.id)) return
    held.lock?.release()
    held = undefined
  }

  return {
    prepare() {
      tend()
      if (held !== undefined) return Promise.resolve()
      return (preparing ??= take().finally(() => (preparing = undefined)))
    },
    current: () => (held === undefined || replica.refusals.has(held.id) ? undefined : held.id),
    get isInFlight() {
      return isInFlight
    },
    set isInFlight(now) {
      isInFlight = now
      tend()
    },
    tend,
    close() {
      closed = true
      held?.lock?.release()
      held = undefined
    },
  }
}
