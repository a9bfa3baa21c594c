import type { Basis } from './change.ts'
import type { CellKey } from './ref.ts'

/**
 * All cells at one point of history, as the difference to a later one.
 *
 * Who holds a version holds what was overwritten after it, and nothing points back: a version that nobody holds is garbage by itself.
 */
export interface Version {
  readonly number: number
  /** Read it by `basisOf`. */
  basis: Basis | LaterBasis
  /** States that `next` does not have any more: what the cells held here. Undefined while this is the newest. */
  replaced: Replaced | undefined
  next: Version | undefined
}

/** Gives a basis, the same each time. Of most versions nobody asks for it, and it has a Map. */
export type LaterBasis = () => Basis

/** The basis of a version. */
export function basisOf(version: Version): Basis {
  if (typeof version.basis === 'function') version.basis = version.basis()
  return version.basis
}

/** What some cells held. */
type Replaced = ReadonlyMap<CellKey, unknown> | Overwritten

/**
 * What a commit overwrites, each cell once: what the cells hold, and what they are to hold. It stays behind in the version that is
 * replaced. Most commits write one cell, and a Map of one cell costs more than all the rest of such a commit.
 */
export class Overwritten {
  #keys: CellKey[] = noCells as CellKey[]
  #befores: unknown[] = noCells
  #afters: unknown[] = noCells
  /** By key, from the second on: the place. */
  #places: Map<CellKey, number> | undefined

  get size(): number {
    return this.#keys.length
  }

  get keys(): readonly CellKey[] {
    return this.#keys
  }

  get befores(): readonly unknown[] {
    return this.#befores
  }

  get afters(): readonly unknown[] {
    return this.#afters
  }

  add(key: CellKey, before: unknown, after: unknown): void {
    const place = this.#keys.length
    if (place === 0) {
      // An array that is pushed to gets room for sixteen more, and most commits write one cell.
      this.#keys = [key]
      this.#befores = [before]
      this.#afters = [after]
      return
    }
    this.#keys.push(key)
    this.#befores.push(before)
    this.#afters.push(after)
    ;(this.#places ??= new Map([[this.#keys[0]!, 0]])).set(key, place)
  }

  has(key: CellKey): boolean {
    return this.#places === undefined ? this.#keys[0] === key : this.#places.has(key)
  }

  /** What a cell held. */
  get(key: CellKey): unknown {
    if (this.#places === undefined) return this.#keys[0] === key ? this.#befores[0] : undefined
    const place = this.#places.get(key)
    return place === undefined ? undefined : this.#befores[place]
  }

  /** It is done: an old version must not keep what came after it. */
  settle(): void {
    this.#afters = noCells
  }

  *[Symbol.iterator](): Iterator<[CellKey, unknown]> {
    for (let i = 0; i < this.#keys.length; i++) yield [this.#keys[i]!, this.#befores[i]]
  }
}

const noCells: unknown[] = []

/** What a cell held at older versions, where that became known only later. */
class Past {
  readonly #states: readonly Since[]

  /** Ascending; at versions before the first the cell had no state. */
  constructor(states: readonly Since[]) {
    this.#states = states
  }

  at(version: number): unknown {
    return this.#states.findLast(({ since }) => since <= version)?.state
  }
}

/** A state, and the number of the version that was the first to have it. */
export interface Since {
  readonly since: number
  readonly state: unknown
}

/** A walk through the differences that takes more steps than this gathers them, so that the next one is one step. */
const LONG_WALK = 32

/** So many versions apart stand the marks, at which differences are gathered although nobody reads. */
const MARK_EVERY = 1024

/**
 * The states of all cells, at the newest version and at every older one that somebody still holds.
 *
 * Shallow binding (Henry Baker, "Shallow binding makes functional arrays fast", 1991): the newest version is a plain Map. A commit leaves
 * in the version it replaces the states it overwrote, and a pointer forward. So taking a version costs nothing, reading the newest is one
 * look-up, and an old one is read by walking forward.
 *
 * A version that is held for long, read or not, must neither be slow nor keep every state that ever was. So each 1024th version is a mark,
 * known here weakly. When a mark is 1, 2, 4, 8 … marks old, as often as 2 divides its number (so Peter Fenwick's trees of 1994 are built),
 * and somebody still holds it or what is before it, it gathers the differences up to the newest version, each cell once. Any walk is
 * then 1024 steps at most to the next mark, 2 × log₂(n / 1024) marks over n commits, and 1024 steps from the last. It costs a commit about
 * one write into a Map for each cell, and nothing while nobody holds old versions.
 */
export class Versions {
  newest: Version
  readonly #states = new Map<CellKey, unknown>()
  /** By their number divided by MARK_EVERY: the marks that will gather again, which is one for each power of two at most. */
  readonly #marks = new Map<number, WeakRef<Version>>()

  /** Cells whose history became known late, and stands with a newer version than it is of: the last version that it tells of. */
  readonly #late = new Map<CellKey, number>()
  #lateUntil = 0

  constructor(basis: Basis) {
    this.newest = { number: 0, basis, replaced: undefined, next: undefined }
  }

  /** The newest state of a cell. */
  now(key: CellKey): unknown {
    return this.#states.get(key)
  }

  /** The state of a cell at a version, undefined when it had none. */
  read(version: Version, key: CellKey): unknown {
    let steps = 0
    for (let at = version; at.replaced !== undefined; at = at.next!) {
      const state = at.replaced.get(key)
      if (state !== undefined || at.replaced.has(key)) {
        return state instanceof Past ? state.at(version.number) : state
      }
      steps += 1
      if (steps > LONG_WALK) {
        gather(version)
        return this.read(version, key)
      }
    }
    return this.#states.get(key)
  }

  /** Makes a newer version, in which cells have the states that they are to hold; undefined takes a cell away. */
  commit(overwritten: Overwritten, basis: Basis | LaterBasis): void {
    const { keys, afters } = overwritten
    for (let i = 0; i < keys.length; i++) this.derive(keys[i]!, afters[i])
    overwritten.settle()
    this.#advance(overwritten, basis)
  }

  /** Sets a cell to what follows from data that is there already. Older versions that were read without it would see it too. */
  derive(key: CellKey, state: unknown): void {
    if (state === undefined) this.#states.delete(key)
    else this.#states.set(key, state)
  }

  /** Gives cells that had no state a whole history: every version, old ones included, then reads what was there at its time. */
  derivePast(histories: ReadonlyMap<CellKey, readonly Since[]>): void {
    const replaced = new Map<CellKey, unknown>()
    for (const [key, states] of histories) {
      const until = states.at(-1)!.since
      this.#late.set(key, until)
      this.#lateUntil = Math.max(this.#lateUntil, until)
      replaced.set(key, new Past(states))
      this.derive(key, states.at(-1)!.state)
    }
    this.#advance(replaced, basisOf(this.newest))
  }

  /** The keys of all cells that were written after one version, up to a newer one; others may be among them where differences were gathered. */
  writtenBetween(older: Version, newer: Version): ReadonlySet<CellKey> {
    const keys = new Set<CellKey>()
    for (let at = older; at.number < newer.number; at = at.next!) {
      // Older than another version, so not the newest.
      for (const [key] of at.replaced!) keys.add(key)
    }
    if (older.number < this.#lateUntil) {
      for (const [key, until] of this.#late) if (older.number < until) keys.add(key)
    }
    return keys
  }

  /** The keys of all cells that have a state at a version. Cost: all cells. */
  keys(version: Version): CellKey[] {
    if (version.replaced === undefined) return [...this.#states.keys()]
    const replaced = gather(version)
    const keys = []
    for (const [key, state] of replaced) {
      if ((state instanceof Past ? state.at(version.number) : state) !== undefined) keys.push(key)
    }
    for (const key of this.#states.keys()) if (!replaced.has(key)) keys.push(key)
    return keys
  }

  #advance(replaced: Replaced, basis: Basis | LaterBasis): void {
    const before = this.newest
    const number = before.number + 1
    this.newest = { number, basis, replaced: undefined, next: undefined }
    before.replaced = replaced
    before.next = this.newest
    if (number % MARK_EVERY === 0) this.#mark(number / MARK_EVERY)
  }

  #mark(number: number): void {
    for (let age = 1; number % age === 0 && age <= number; age *= 2) {
      const older = number - age
      const version = this.#marks.get(older)?.deref()
      if (version !== undefined) gather(version)
      // The last time for this one: its number is not divisible by twice its age.
      if (older % (age * 2) !== 0) this.#marks.delete(older)
    }
    this.#marks.set(number, new WeakRef(this.newest))
  }
}

/**
 * Takes the differences between an old version and the newest into the old one, which then points there directly. Returns what the old
 * one's cells held, of all that were written since.
 */
function gather(version: Version): Map<CellKey, unknown> {
  const { replaced: own } = version
  const replaced = own instanceof Map ? own : new Map<CellKey, unknown>(own)
  if (own === undefined) return replaced
  version.replaced = replaced
  let at = version.next!
  for (; at.replaced !== undefined; at = at.next!) {
    for (const [key, state] of at.replaced) if (!replaced.has(key)) replaced.set(key, state)
  }
  version.next = at
  return replaced
}
