import { type Locks, StoreError } from '@syncline/store'
import { createChannels } from './channels.ts'
import type { Surroundings } from './surroundings.ts'

/**
 * The locks of `leases.ts`, whose code is loaded when the first is asked for: a browser that has Web Locks never needs it. Undefined where tabs cannot talk to each other.
 *
 * What is asked for meanwhile is asked then, in turn. Where the code cannot be loaded it is refused, for who went on without a lock could be a second one; whoever asks next has it loaded again.
 */
export function createLateLeases(name: string, surroundings: Surroundings): Locks | undefined {
  const channels = createChannels(name, surroundings)
  if (channels === undefined) return undefined
  let loading: Promise<Required<Locks>> | undefined

  function load(): Promise<Required<Locks>> {
    loading ??= surroundings.loadLeases().then(
      ({ createLeases }) => createLeases(name, channels!, surroundings),
      (error: unknown) => {
        loading = undefined
        throw notLoadedError(name, error)
      },
    )
    return loading
  }

  /** Asks when the code is there, one after the other. Nobody who has given up waits for it. */
  function whenLoaded<T>(ask: (leases: Required<Locks>) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      const giveUp = (): void => reject(signal!.reason)
      signal?.addEventListener('abort', giveUp)
      load().then((leases) => {
        signal?.removeEventListener('abort', giveUp)
        if (signal?.aborted !== true) resolve(ask(leases))
      }, reject)
    })
  }

  return {
    hold: (key, signal) => whenLoaded((leases) => leases.hold(key, signal), signal),
    share: (key, signal) => whenLoaded((leases) => leases.share(key, signal), signal),
    tryHold: (key) => whenLoaded((leases) => leases.tryHold(key)),
    steal: (key) => whenLoaded((leases) => leases.steal(key)),
  }
}

function notLoadedError(name: string, cause: unknown): StoreError {
  return new StoreError(
    'storage-failed',
    `Cannot open "${name}": there are no Web Locks here, and the code of leases was not loaded (${String(cause)}). ` +
      'Reload the page when there is a network, or serve it over HTTPS.',
    { cause },
  )
}
