import { keepShape } from './shapes.ts'
import type { CellKey } from './ref.ts'

/** The keys of the cells that a commit changed, each once. */
export interface Changed extends ReadonlySet<CellKey> {
  /** What each held before, in the same order. */
  readonly befores: readonly unknown[]
}

/** What was found to change. Its keys are put together when somebody asks. */
interface Found {
  readonly keys: readonly CellKey[]
  readonly befores: readonly unknown[]
}

/** Looked up by key only where many changed and few are watched, so a Set is made only then. */
export class ChangedCells implements Changed {
  readonly #found: Found
  #set: Set<CellKey> | undefined

  constructor(found: Found) {
    this.#found = found
  }

  get list(): readonly CellKey[] {
    return this.#found.keys
  }

  get befores(): readonly unknown[] {
    return this.#found.befores
  }

  get size(): number {
    return this.#found.befores.length
  }

  has(key: CellKey): boolean {
    if (this.list.length === 1) return this.list[0] === key
    return (this.#set ??= new Set(this.list)).has(key)
  }

  forEach(callback: (key: CellKey, again: CellKey, set: ReadonlySet<CellKey>) => void): void {
    for (const key of this.list) callback(key, key, this)
  }

  *entries(): SetIterator<[CellKey, CellKey]> {
    for (const key of this.list) yield [key, key]
  }

  keys(): SetIterator<CellKey> {
    return this.list.values()
  }

  values(): SetIterator<CellKey> {
    return this.list.values()
  }

  [Symbol.iterator](): SetIterator<CellKey> {
    return this.list.values()
  }
}

keepShape(new ChangedCells({ keys: [], befores: [] }))
