import { keepShape } from './shapes.ts'
import type { Basis } from './change.ts'
import { Cells, type Cell } from './cells.ts'
import type { RowCells } from './row-cells.ts'
import type { Location } from './location.ts'
import type { CellKey } from './ref.ts'

/**
 * All cells at one point of history, as the difference to a later one.
 *
 * Who holds a version holds what was overwritten after it, and nothing points back: a version that nobody holds is garbage by itself.
 */
export interface Version {
  /** Greater than those of all before it. */
  number: number
  /** Read it by `basisOf`. */
  basis: Basis | LaterBasis
  /** States that `next` does not have any more: what the cells held here. Undefined while this is the newest, and where nobody can ask. */
  replaced: Replaced | undefined
  next: Version | undefined
  /** Whether somebody may read it when it is not the newest any more, for good. */
  isHeld: boolean
  /** How many read it for a while. */
  lent: number
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

/** So few are looked through faster than a Map is made. */
const FEW = 8

/**
 * What a commit overwrites, each cell once: what the cells hold, and what they are to hold. It stays behind in the version that is
 * replaced. Most commits write a few cells, and a Map of them costs more than all the rest of such a commit; it is made when somebody reads
 * an old version.
 */
export class Overwritten {
  readonly #befores: unknown[]
  readonly #cells: Cell[]
  #afters: unknown[]
  #size = 0
  #keys: readonly CellKey[] | undefined
  /** By key, the place. */
  #places: Map<CellKey, number> | undefined

  /** `most` is how many will come: an array that grows as it is filled holds half as much again, and old versions are many. */
  constructor(most: number) {
    this.#befores = roomFor(most)
    this.#cells = roomFor(most)
    this.#afters = roomFor(most)
  }

  get size(): number {
    return this.#size
  }

  get keys(): readonly CellKey[] {
    return (this.#keys ??= this.#cells.map(({ key }) => key))
  }

  get befores(): readonly unknown[] {
    return this.#befores
  }

  get cells(): readonly Cell[] {
    return this.#cells
  }

  get afters(): readonly unknown[] {
    return this.#afters
  }

  add(cell: Cell, after: unknown): void {
    const place = this.#size++
    this.#befores[place] = cell.state
    this.#cells[place] = cell
    this.#afters[place] = after
    this.#keys = undefined
  }

  /** No more will come. */
  close(): void {
    if (this.#cells.length === this.#size) return
    this.#cells.length = this.#size
    this.#befores.length = this.#size
    this.#keys = undefined
  }

  has(key: CellKey): boolean {
    return this.#place(key) !== -1
  }

  /** What a cell held. */
  get(key: CellKey): unknown {
    const place = this.#place(key)
    return place === -1 ? undefined : this.#befores[place]
  }

  /** It is done: an old version must not keep what came after it. */
  settle(): void {
    this.#afters = nothing
  }

  /** Adds what it has and `to` has not. */
  addTo(to: Map<CellKey, unknown>): void {
    const { keys } = this
    for (let i = 0; i < keys.length; i++) if (!to.has(keys[i]!)) to.set(keys[i]!, this.#befores[i])
  }

  #place(key: CellKey): number {
    const { keys } = this
    if (keys.length <= FEW) return keys.indexOf(key)
    this.#places ??= new Map(keys.map((one, i) => [one, i]))
    return this.#places.get(key) ?? -1
  }
}

const nothing: unknown[] = []

/** An array that is given a length holds half as much again and sixteen more, which is nothing to many. */
function roomFor<T>(size: number): T[] {
  // It is written before it is read.
  if (size === 1) return [undefined as T]
  const items: T[] = []
  items.length = size
  return items
}

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

/** So many held versions apart stand the marks, at which differences are gathered although nobody reads. */
const MARK_EVERY = 1024

/** So many commits the last held version is kept although nobody may hold it any more: to ask whether somebody does costs something too. */
const SURE = 32

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
 *
 * A version that nobody was given leaves nothing behind: what is overwritten in it goes to the last one that somebody holds. Were each to
 * point to the next, one that has grown old in the memory of the engine would keep all later ones alive, with what they replaced, until the
 * next full collection.
 */
export class Versions {
  newest: Version
  readonly cells: Cells = new Cells()
  /** By their place among the marks: those that will gather again, which is one for each power of two at most. */
  readonly #marks = new Map<number, WeakRef<Version>>()
  /** How many commits it is to the next mark. */
  #toMark = MARK_EVERY
  #markCount = 0
  /** The last of those, as long as it is sure to be wanted; then only if somebody holds it. */
  #last: Version | undefined
  #lastWeak: WeakRef<Version> | undefined
  /** How many commits ago that was. */
  #since = 0

  /** Cells whose history became known late, and stands with a newer version than it is of: the last version that it tells of. */
  readonly #late = new Map<CellKey, number>()
  #lateUntil = 0

  /** Throws when a version has not what a key, or all that begins with a prefix, held then: it was away, and came back later. Undefined while nothing has. */
  assertHas: ((version: Version, key: CellKey) => void) | undefined

  constructor(basis: Basis) {
    this.newest = newVersion(0, basis)
    this.assertHas = undefined
  }

  /** The newest state of a cell. */
  now(key: CellKey): unknown {
    return this.cells.find(key)?.state
  }

  /** The cell of a key, made when there is none. */
  cell(key: CellKey): Cell {
    return this.cells.make(key)
  }

  /** The state of a cell at a version, undefined when it had none. */
  read(version: Version, key: CellKey): unknown {
    const cell = this.cells.find(key)
    if (cell !== undefined) return this.readCell(version, cell)
    return version.replaced === undefined ? undefined : this.#walk(version, key)
  }

  /** The same for the cell of a ref. */
  readAt(version: Version, location: Location): unknown {
    const cell = this.cells.findAt(location)
    if (cell !== undefined) return this.readCell(version, cell)
    return version.replaced === undefined ? undefined : this.#walk(version, location.prefix + location.id)
  }

  /** The same for a member of a collection. */
  readMember(version: Version, prefix: string, id: string): unknown {
    const cell = this.cells.member(prefix, id)
    if (cell !== undefined) return this.readCell(version, cell)
    return version.replaced === undefined ? undefined : this.#walk(version, prefix + id)
  }

  readCell(version: Version, cell: Cell): unknown {
    const { replaced } = version
    if (cell.writtenIn <= version.number || replaced === undefined) return cell.state
    if (
      cell.writtenIn === version.number + 1 &&
      replaced instanceof Overwritten &&
      replaced.cells[cell.place] === cell
    ) {
      return replaced.befores[cell.place]
    }
    return this.#walk(version, cell.key)
  }

  #walk(version: Version, key: CellKey): unknown {
    this.assertHas?.(version, key)
    let steps = 0
    for (let at = version; at.replaced !== undefined; at = at.next!) {
      const state = at.replaced.get(key)
      if (state !== undefined || at.replaced.has(key)) {
        return state instanceof Past ? state.at(version.number) : state
      }
      steps += 1
      if (steps > LONG_WALK) {
        gather(version)
        return this.#walk(version, key)
      }
    }
    return this.now(key)
  }

  /** Makes a newer version, in which cells have the states that they are to hold; undefined takes a cell away. */
  commit(overwritten: Overwritten, basis: Basis | LaterBasis): void {
    this.#write(overwritten, this.newest.number + 1)
    overwritten.settle()
    this.#advance(overwritten, basis)
  }

  /** Nothing was written after all. Cells that were about to be written are not mistaken for such that are written twice. */
  skip(): void {
    this.newest.number += 1
  }

  /**
   * With nothing after its loop. V8 compiles a long loop while it runs, with what comes behind it still unknown, and keeps that code: after one
   * commit of thousands of writes each small one would enter it, and leave it again at a cost of microseconds.
   */
  #write({ cells, afters, size }: Overwritten, number: number): void {
    for (let i = 0; i < size; i++) {
      const cell = cells[i]!
      cell.state = afters[i]
      cell.writtenIn = number
      cell.place = i
      if (cell.state === undefined) this.cells.remove(cell)
    }
  }

  /** Sets a cell to what follows from data that is there already. Older versions that were read without it would see it too. */
  derive(key: CellKey, state: unknown): void {
    const cell = state === undefined ? this.cells.find(key) : this.cells.make(key)
    if (cell === undefined) return
    cell.state = state
    if (state === undefined) this.cells.remove(cell)
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
      const cell = this.cells.find(key)
      if (cell !== undefined) cell.writtenIn = this.newest.number + 1
    }
    this.#advance(replaced, basisOf(this.newest))
  }

  /** The keys of all cells that were written after one version, up to a newer one; others may be among them where differences were gathered. */
  writtenBetween(older: Version, newer: Version): ReadonlySet<CellKey> {
    const keys = new Set<CellKey>()
    for (let at = older; at.number < newer.number; at = at.next!) {
      // Older than another version, so not the newest.
      for (const key of keysOf(at.replaced!)) keys.add(key)
    }
    if (older.number < this.#lateUntil) {
      for (const [key, until] of this.#late) if (older.number < until) keys.add(key)
    }
    return keys
  }

  /** The states that the members of one collection have at a version, by id. Cost: all members, and what was overwritten since. */
  *members(version: Version, prefix: string): Generator<readonly [id: string, state: unknown]> {
    this.assertHas?.(version, prefix)
    const replaced = version.replaced === undefined ? noneReplaced : gather(version)
    for (const [key, state] of replaced) {
      if (!key.startsWith(prefix)) continue
      const then = state instanceof Past ? state.at(version.number) : state
      if (then !== undefined) yield [key.slice(prefix.length), then]
    }
    const isAny = replaced.size > 0
    for (const cell of this.cells.family(prefix)?.cells.values() ?? []) {
      if (cell.state !== undefined && !(isAny && replaced.has(cell.key))) yield [cell.id, cell.state]
    }
  }

  /** The cells of one collection as they are now, some of which may have no state. */
  membersNow(prefix: string): Iterable<Cell> {
    return this.cells.family(prefix)?.cells.values() ?? []
  }

  /** The same of a collection that has come as rows; undefined for any other. */
  rowsNow(prefix: string): RowCells | undefined {
    return this.cells.family(prefix)?.rows
  }

  #advance(replaced: Replaced, basis: Basis | LaterBasis): void {
    const before = this.newest
    this.newest = newVersion(before.number + 1, basis)
    if (before.isHeld || before.lent > 0) this.#link(before, replaced)
    else this.#pass(replaced)
  }

  /** Leaves a version behind that somebody has. */
  #link(before: Version, replaced: Replaced): void {
    before.replaced = replaced
    before.next = this.newest
    this.#last = before
    this.#lastWeak = undefined
    this.#since = 0
    if (--this.#toMark > 0) return
    this.#toMark = MARK_EVERY
    this.#mark(before, ++this.#markCount)
  }

  /** Leaves a version behind that nobody has: what it held, only the one before it may be asked for. */
  #pass(replaced: Replaced): void {
    const last = this.#last ?? this.#lastWeak?.deref()
    if (last === undefined) {
      this.#lastWeak = undefined
      return
    }
    this.#toMark -= 1
    // It was left behind with what was replaced in it.
    if (!(last.replaced instanceof Map)) last.replaced = copied(last.replaced!)
    addTo(last.replaced as Map<CellKey, unknown>, replaced)
    last.next = this.newest
    if (this.#last === undefined || ++this.#since < SURE) return
    this.#lastWeak = new WeakRef(last)
    this.#last = undefined
  }

  #mark(mark: Version, number: number): void {
    for (let age = 1; number % age === 0 && age <= number; age *= 2) {
      const older = number - age
      const version = this.#marks.get(older)?.deref()
      if (version !== undefined) gather(version, mark)
      // The last time for this one: its number is not divisible by twice its age.
      if (older % (age * 2) !== 0) this.#marks.delete(older)
    }
    this.#marks.set(number, new WeakRef(mark))
  }
}

function newVersion(number: number, basis: Basis | LaterBasis): Version {
  return { number, basis, replaced: undefined, next: undefined, isHeld: false, lent: 0 }
}

function copied(replaced: Replaced): Map<CellKey, unknown> {
  const copy = new Map<CellKey, unknown>()
  addTo(copy, replaced)
  return copy
}

const noneReplaced: ReadonlyMap<CellKey, unknown> = new Map()

/**
 * Takes the differences between an old version and the newest, or the version `to`, into the old one, which then points there directly. Returns
 * what the old one's cells held, of all that were written since.
 */
function gather(version: Version, to?: Version): Map<CellKey, unknown> {
  const { replaced: own } = version
  const replaced = own instanceof Map ? own : new Map<CellKey, unknown>()
  if (own === undefined) return replaced
  let at = version
  for (; at.replaced !== undefined && at !== to; at = at.next!)
    if (at.replaced !== replaced) addTo(replaced, at.replaced)
  version.replaced = replaced
  version.next = at
  at.isHeld = true
  return replaced
}

function addTo(to: Map<CellKey, unknown>, from: Replaced): void {
  if (from instanceof Overwritten) from.addTo(to)
  else for (const [key, state] of from) if (!to.has(key)) to.set(key, state)
}

function keysOf(replaced: Replaced): Iterable<CellKey> {
  return replaced instanceof Overwritten ? replaced.keys : replaced.keys()
}

keepShape(new Overwritten(1))
