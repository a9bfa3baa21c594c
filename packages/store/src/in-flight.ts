import { covers, type CellKey, type Readable } from '@syncline/stm'

/** What this tab has on its way to the relay: who depends on it need not ask before that is decided, for the answer would be no. */
export interface InFlight {
  /** Resolves when something is decided that writes what one of these reads; undefined when nothing on its way does. */
  ahead(of: readonly Readable<unknown>[]): Promise<void> | undefined
  /** These are written by something on its way, until the function that it returns is called. */
  enter(writes: readonly CellKey[]): () => void
}

/** Makes an empty sky. */
export function createInFlight(): InFlight {
  const flights = new Set<{ readonly writes: readonly CellKey[]; readonly landed: Promise<void> }>()
  return {
    ahead(of) {
      for (const { writes, landed } of flights) {
        if (of.some((readable) => writes.some((key) => covers(readable, key)))) return landed
      }
      return undefined
    },
    enter(writes) {
      let land = (): void => undefined
      const flight = { writes, landed: new Promise<void>((resolve) => (land = resolve)) }
      flights.add(flight)
      return () => {
        flights.delete(flight)
        land()
      }
    },
  }
}
