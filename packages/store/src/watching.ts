import {
  createWatchers,
  watchKey,
  type CellKey,
  type Collection,
  type Memory,
  type Readable,
  type Snapshot,
} from '@syncline/stm'
import type { Watch } from './store.ts'

/** Tells whoever watches what a commit changed: in commit order, each commit once, as a whole. */
export interface Watching {
  /** A commit has become visible. */
  publish(changed: ReadonlySet<CellKey>, snapshot: Snapshot): void
  changes(readables: readonly Readable<unknown>[], listener: (snapshot: Snapshot) => void): () => void
  onCommit(listener: (snapshot: Snapshot) => void): () => void
  watch<T>(selector: (snapshot: Snapshot) => T, onChange: () => void): Watch<T>
  /** How many listeners there are. */
  readonly size: number
  close(): void
}

/** Makes the watching of one memory. What listeners throw goes to `report`. */
export function createWatching(memory: Memory, report: (error: unknown) => void): Watching {
  const watchers = createWatchers<Snapshot>(report)
  const listeners = new Set<(snapshot: Snapshot) => void>()
  const due: { readonly changed: ReadonlySet<CellKey>; readonly snapshot: Snapshot }[] = []
  let publishing = false

  function publish(changed: ReadonlySet<CellKey>, snapshot: Snapshot): void {
    if (changed.size === 0) return
    due.push({ changed, snapshot })
    // A listener may commit: its commit is told after this one has been told to everybody.
    if (publishing) return
    publishing = true
    try {
      for (let next = due.shift(); next !== undefined; next = due.shift()) {
        watchers.notify(next.changed, next.snapshot)
        for (const listener of [...listeners]) {
          try {
            listener(next.snapshot)
          } catch (error) {
            report(error)
          }
        }
      }
    } finally {
      publishing = false
    }
  }

  /** The cell behind a readable, kept up to date from now on. */
  function attend(readable: Readable<unknown>): CellKey {
    memory.snapshot.get(readable)
    return watchKey(readable)
  }

  function watch<T>(selector: (snapshot: Snapshot) => T, onChange: () => void): Watch<T> {
    let result: T
    let fresh = false
    let ranOn: Snapshot | undefined
    let stopped = false
    let keys: ReadonlySet<CellKey> = new Set()
    let unsubscribe = (): void => undefined

    const changed = (): void => {
      fresh = false
      onChange()
    }

    function run(): void {
      ranOn = memory.snapshot
      const { reader, seen } = noting(ranOn)
      // What was read before a throw is watched too: a change of it may mend the selector.
      try {
        result = selector(reader)
        fresh = true
      } finally {
        if (!stopped && !sameKeys(keys, seen)) {
          unsubscribe()
          keys = seen
          unsubscribe = watchers.subscribe(seen, changed)
        }
      }
    }

    return {
      read() {
        // While commits wait to be told, nobody has said yet that the result is old.
        if (!fresh || stopped || (due.length > 0 && ranOn !== memory.snapshot)) run()
        return result
      },
      stop() {
        stopped = true
        unsubscribe()
      },
    }
  }

  return {
    publish,
    changes: (readables, listener) => watchers.subscribe(readables.map(attend), listener),
    onCommit(listener) {
      // Each call is a subscription of its own, also of the same function.
      const own = (snapshot: Snapshot): void => listener(snapshot)
      listeners.add(own)
      return () => listeners.delete(own)
    },
    watch,
    get size() {
      return watchers.size + listeners.size
    },
    close() {
      listeners.clear()
      watchers.clear()
    },
  }
}

/** A snapshot that notes what is read from it. */
function noting(snapshot: Snapshot): { readonly reader: Snapshot; readonly seen: ReadonlySet<CellKey> } {
  const seen = new Set<CellKey>()
  const reader: Snapshot = {
    basis: snapshot.basis,
    get<V>(readable: Readable<V>): V {
      const value = snapshot.get(readable)
      seen.add(watchKey(readable))
      return value
    },
    *items<V>(collection: Collection<V>) {
      for (const id of reader.get(collection)) yield [id, reader.get(collection.at(id)) as V] as const
    },
  }
  return { reader, seen }
}

function sameKeys(a: ReadonlySet<CellKey>, b: ReadonlySet<CellKey>): boolean {
  if (a.size !== b.size) return false
  for (const key of a) if (!b.has(key)) return false
  return true
}
