import { equalValues, noting, watchKey, type CellKey, type Readable, type Snapshot } from '@syncline/stm'
import type { Selector } from './report.ts'

/** What one subscriber selects. */
export interface Selection {
  /** The cells that it depends on now. The same object until they change. */
  readonly keys: readonly CellKey[] | 'all'
  /** Takes what is selected in a Snapshot as known. Throws what a function throws. */
  begin(snapshot: Snapshot): void
  /** Adds to `touched` those of the changed cells for which it matters which they are. */
  note(changed: ReadonlySet<CellKey>, touched: Set<CellKey>): void
  /**
   * Whether what is selected reads differently in `now` than in `before`, or than what is known of it; then `now` is what is known. Of the
   * cells only those in `touched` may differ; undefined when it may be any of them. Throws what a function throws.
   */
  moved(before: Snapshot, now: Snapshot, touched: ReadonlySet<CellKey> | undefined): boolean
  /**
   * Only of a single ref: what it reads in `now`, or `unchanged` when that is what it reads in `before`. Then nothing is kept from one commit
   * to the next.
   */
  news?(before: Snapshot, now: Snapshot): unknown
  /** What is selected in the Snapshot that was last known, read when somebody asks. */
  value(now: Snapshot): () => unknown
}

/** Makes the selection of one subscriber. From now on the collections and lists in it are kept up to date. */
export function selectionOf(selector: Selector): Selection {
  if (typeof selector === 'function') return whatItReads(selector)
  if (isMany(selector)) return readablesOf(selector, (now) => selector.map((readable) => now.get(readable)))
  if (selector.kind === 'everything') return all
  if (selector.kind === 'ref') return new OneRef(selector)
  return readablesOf([selector], (now) => now.get(selector))
}

/** Said of what reads as it did. */
export const unchanged: unique symbol = Symbol('unchanged')

/** A single ref, which is what most subscribers select: a class, because of them there are thousands. */
class OneRef implements Selection {
  readonly keys: readonly CellKey[]
  readonly #ref: Readable<unknown>

  constructor(ref: Readable<unknown>) {
    this.keys = [ref.key]
    this.#ref = ref
  }

  begin(snapshot: Snapshot): void {
    snapshot.get(this.#ref)
  }

  note(changed: ReadonlySet<CellKey>, touched: Set<CellKey>): void {
    if (changed.has(this.#ref.key)) touched.add(this.#ref.key)
  }

  moved(before: Snapshot, now: Snapshot, touched: ReadonlySet<CellKey> | undefined): boolean {
    return touched?.size !== 0 && this.news(before, now) !== unchanged
  }

  news(before: Snapshot, now: Snapshot): unknown {
    const value = now.get(this.#ref)
    return equalValues(before.get(this.#ref), value) ? unchanged : value
  }

  value(now: Snapshot): () => unknown {
    return () => now.get(this.#ref)
  }
}

function isMany(selector: Exclude<Selector, () => unknown>): selector is readonly Readable<unknown>[] {
  return Array.isArray(selector)
}

const all: Selection = {
  keys: 'all',
  begin: () => undefined,
  note: () => undefined,
  moved: (before, now) => before !== now,
  value: (now) => () => now,
}

function readablesOf(readables: readonly Readable<unknown>[], read: (now: Snapshot) => unknown): Selection {
  const byKey = new Map<CellKey, Readable<unknown>[]>()
  for (const readable of readables) {
    const key = watchKey(readable)
    const same = byKey.get(key)
    if (same === undefined) byKey.set(key, [readable])
    else same.push(readable)
  }
  const keys: readonly CellKey[] = [...byKey.keys()]

  function differs(key: CellKey, before: Snapshot, now: Snapshot): boolean {
    // A state may change and read the same, and a range is told of all that happens around it.
    return byKey.get(key)!.some((readable) => !equalValues(before.get(readable), now.get(readable)))
  }

  return {
    keys,
    begin(snapshot) {
      for (const readable of readables) snapshot.get(readable)
    },
    note(changed, touched) {
      // Of all that is selected: then it does not matter which.
      if (touched.size === keys.length) return
      if (changed.size < keys.length) {
        for (const key of changed) if (byKey.has(key)) touched.add(key)
      } else {
        for (const key of keys) if (changed.has(key)) touched.add(key)
      }
    },
    moved(before, now, touched) {
      for (const key of touched ?? keys) if (differs(key, before, now)) return true
      return false
    },
    value(now) {
      let value: { readonly of: unknown } | undefined
      return () => (value ??= { of: read(now) }).of
    },
  }
}

function whatItReads(selector: (snapshot: Snapshot) => unknown): Selection {
  let keys: readonly CellKey[] = []
  let known: unknown

  function run(snapshot: Snapshot): unknown {
    const seen = new Set<CellKey>()
    // What was read before a throw is watched too: a change of it may mend the function.
    try {
      return selector(noting(snapshot, (readable) => seen.add(watchKey(readable))))
    } finally {
      // What is read from it later is not noticed.
      if (!sameKeys(keys, seen)) keys = [...seen]
    }
  }

  return {
    get keys() {
      return keys
    },
    begin(snapshot) {
      known = run(snapshot)
    },
    note: () => undefined,
    moved(_before, now) {
      const result = run(now)
      if (equalValues(known, result)) return false
      known = result
      return true
    },
    value() {
      const value = known
      return () => value
    },
  }
}

function sameKeys(a: readonly CellKey[], b: ReadonlySet<CellKey>): boolean {
  return a.length === b.size && a.every((key) => b.has(key))
}
