import { StoreError } from './errors.ts'
import type { Clock } from './ports.ts'

/**
 * How long an append has been under way: `saving` when a person would notice, an error `storage-blocked` when it is not only slow. A transaction that a frozen tab
 * holds open keeps all others of its database waiting, without any error, until it is thawed.
 */
export interface Delay {
  /** An append begins. */
  begin(): void
  /** It has ended, one way or the other. */
  end(): void
  state(): 'saving' | StoreError | undefined
}

/** Most appends take a few milliseconds: what is over sooner than this is never shown, so that a status does not flicker as somebody types. */
const SAVING_AFTER_MS = 300
/** As long as a tab may take to let go of a database. */
const BLOCKED_AFTER_MS = 2000

/** Knows of no append. `onChange` is called when `state` has changed. */
export function createDelay(clock: Clock, onChange: () => void): Delay {
  let state: ReturnType<Delay['state']>
  let cancel: (() => void) | undefined

  function become(next: ReturnType<Delay['state']>): void {
    state = next
    onChange()
  }

  return {
    begin() {
      cancel = clock.setTimer(SAVING_AFTER_MS, () => {
        cancel = clock.setTimer(BLOCKED_AFTER_MS - SAVING_AFTER_MS, () => become(blockedError()))
        become('saving')
      })
    },
    end() {
      cancel?.()
      cancel = undefined
      if (state !== undefined) become(undefined)
    },
    state: () => state,
  }
}

/** Said of an append that does not end. */
function blockedError(): StoreError {
  return new StoreError(
    'storage-blocked',
    'Saving has waited for two seconds: another tab of this app holds the storage, or the disk is very busy. Bring the other tabs to the front, or close them.',
  )
}
