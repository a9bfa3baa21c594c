import type { Basis } from './change.ts'
import type { CellKey } from './ref.ts'

/**
 * The states of all cells, at the newest version and at every older one that somebody still holds.
 *
 * Shallow binding (Henry Baker, "Shallow binding makes functional arrays fast", 1991): the newest version is a plain Map. A commit
 * leaves in the version it replaces the states it overwrote, and a pointer forward. So taking a version costs nothing, reading the
 * newest is one look-up, an old one is read by walking forward, and a version that nobody holds is garbage by itself.
 */
export interface Version {
  readonly number: number
  readonly basis: Basis
  /** What the next commit overwrote; undefined while this is the newest. */
  replaced: Map<CellKey, unknown> | undefined
  next: Version | undefined
}

/** An old version whose walk forward is longer than this is given all the differences at once. */
const LONG_WALK = 1000

/** The cells of one memory. */
export class Versions {
  newest: Version
  readonly #states = new Map<CellKey, unknown>()

  constructor(basis: Basis) {
    this.newest = { number: 0, basis, replaced: undefined, next: undefined }
  }

  /** The state of a cell at a version, undefined when it had none. */
  read(version: Version, key: CellKey): unknown {
    let steps = 0
    for (let at = version; at.replaced !== undefined; at = at.next!) {
      if (at.replaced.has(key)) return at.replaced.get(key)
      if (++steps > LONG_WALK) {
        this.#collapse(version)
        return this.read(version, key)
      }
    }
    return this.#states.get(key)
  }

  /** Makes a newer version, in which the given cells have new states. */
  commit(states: ReadonlyMap<CellKey, unknown>, basis: Basis): Version {
    const replaced = new Map<CellKey, unknown>()
    for (const [key, state] of states) {
      replaced.set(key, this.#states.get(key))
      if (state === undefined) this.#states.delete(key)
      else this.#states.set(key, state)
    }
    const next: Version = { number: this.newest.number + 1, basis, replaced: undefined, next: undefined }
    this.newest.replaced = replaced
    this.newest.next = next
    this.newest = next
    return next
  }

  /** Sets a cell of the newest version to what follows from data that is there already, so that no new version is needed. */
  derive(key: CellKey, state: unknown): void {
    this.#states.set(key, state)
  }

  /** The keys of all cells that have a state at a version. Cost: all cells. */
  *keys(version: Version): Iterable<CellKey> {
    if (version.replaced === undefined) {
      yield* this.#states.keys()
      return
    }
    this.#collapse(version)
    const { replaced } = version as { replaced: Map<CellKey, unknown> }
    for (const [key, state] of replaced) if (state !== undefined) yield key
    for (const key of this.#states.keys()) if (!replaced.has(key)) yield key
  }

  /** Gathers all the differences between an old version and the newest in the old one, which then points there directly. */
  #collapse(version: Version): void {
    const gathered = new Map(version.replaced)
    for (let at = version.next!; at.replaced !== undefined; at = at.next!) {
      for (const [key, state] of at.replaced) if (!gathered.has(key)) gathered.set(key, state)
    }
    version.replaced = gathered
    version.next = this.newest
  }
}
