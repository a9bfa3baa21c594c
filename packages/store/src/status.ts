import type { StoreError } from './errors.ts'
import type { Persistence, StorageState } from './storage-state.ts'

/** Where the data is, and how the link is doing. */
export interface Status {
  /** The safest place that has all that was committed here: the relay, this device, or only the memory of this tab. */
  readonly saved: 'memory' | 'device' | 'relay'
  /** Changes of this tab that are not on this device yet. */
  readonly unsaved: number
  /** Changes of this browser that are not on the relay yet. */
  readonly pending: number
  /** Changes that the relay refused and that wait for a decision. */
  readonly refused: number
  /**
   * What is lost when this page ends now: Changes that wait for the relay or for a decision, and `browser` refs, which no relay is sent, as far as only the memory of this tab has
   * them. What is on its way into a storage that works is counted until it is there.
   */
  readonly atRisk: number
  /** `off`: switched off, or no transport; the app knows which, as it does either. `waiting`: between attempts. */
  readonly link: 'off' | 'connecting' | 'catching-up' | 'online' | 'waiting'
  /** Why the link is not up, or what the relay does not do although it is (`unadopted`), in words for a person and a code for a program. */
  readonly problem: Problem | undefined
  /** When the next attempt is due, in milliseconds since 1970, while `link` is `waiting`. */
  readonly retryAtMs: number | undefined
  /** How the storage on this device is doing. */
  readonly storage: StorageState
  /** Why `storage` is not `ok`, and what to do, in words for a person and a code for a program. */
  readonly storageError: StoreError | undefined
  /** Whether what is on this device is kept until a person deletes it. Where it is not `granted`, the browser may clear it. */
  readonly persistence: Persistence
}

/** Why something is not working. */
export interface Problem {
  readonly code: string
  readonly message: string
}

/** Shows the status, and tells listeners when it has moved: once, after the running task. */
export interface StatusBoard {
  read(): Status
  subscribe(listener: (status: Status) => void): () => void
  /** Something that the status shows has moved. */
  touch(): void
  close(): void
}

/** Makes the board of one store over the function that looks. */
export function createStatusBoard(look: () => Status, onError: (error: unknown) => void): StatusBoard {
  const listeners = new Set<(status: Status) => void>()
  let shown: Status | undefined
  let due = false
  let closed = false

  function read(): Status {
    return (shown ??= Object.freeze(look()))
  }

  return {
    read,
    subscribe(listener) {
      const own = (status: Status): void => listener(status)
      listeners.add(own)
      return () => listeners.delete(own)
    },
    touch() {
      shown = undefined
      if (due || listeners.size === 0) return
      due = true
      queueMicrotask(() => {
        due = false
        if (closed) return
        for (const listener of [...listeners]) {
          try {
            listener(read())
          } catch (error) {
            onError(error)
          }
        }
      })
    },
    close() {
      closed = true
      listeners.clear()
    },
  }
}
