import type { Status } from './store.ts'

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
