/** What may end a transaction from outside while it runs or waits: the app's signal, its time limit, the closing of the store. */
export interface Ending {
  /** Settles as `work` does, or rejects when the end comes first. */
  race<T>(work: T | PromiseLike<T>): Promise<Awaited<T>>
  /** Ends it now. */
  end(error: unknown): void
  /** Throws when the end has come. */
  throwIfOver(): void
  /** Lets go of signal and timer. */
  stop(): void
}

/** Makes the ending of one transaction. `arm` may prepare what ends it, and returns what lets go of that. */
export function createEnding(
  signal: AbortSignal | undefined,
  arm: (end: (error: unknown) => void) => () => void,
): Ending {
  const rejects = new Set<(error: unknown) => void>()
  let over: { readonly error: unknown } | undefined

  function end(error: unknown): void {
    if (over !== undefined) return
    over = { error }
    for (const reject of [...rejects]) reject(error)
    rejects.clear()
  }

  const abort = (): void => end(signal!.reason)
  if (signal?.aborted === true) abort()
  else signal?.addEventListener('abort', abort, { once: true })
  const disarm = arm(end)

  return {
    race<T>(work: T | PromiseLike<T>) {
      return new Promise<Awaited<T>>((resolve, reject) => {
        if (over !== undefined) reject(over.error)
        else rejects.add(reject)
        // Also when the end has come: what the work ends in is heard, if by nobody else, here.
        Promise.resolve(work).then(
          (value) => {
            rejects.delete(reject)
            resolve(value)
          },
          (error: unknown) => {
            rejects.delete(reject)
            reject(error)
          },
        )
      })
    },
    end,
    throwIfOver() {
      if (over !== undefined) throw over.error
    },
    stop() {
      signal?.removeEventListener('abort', abort)
      disarm()
      rejects.clear()
    },
  }
}
