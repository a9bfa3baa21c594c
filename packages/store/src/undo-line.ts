import {
  changeId,
  type Arbiter,
  type Change,
  type ChangeId,
  type Inverse,
  type Op,
  type Stamp,
  type WriterId,
} from '@syncline/stm'
import type { Reworded } from './renames.ts'
import { Steps } from './steps.ts'

/** One of our own Changes, as far as taking it back needs it. A class, because each commit makes one. */
export class OwnChange {
  /** When it was asked for, among all of its line: the later the greater. */
  readonly order: number
  /** Who must decide when it is taken back. */
  readonly arbiter: Arbiter
  /** The stamp of its operations on `relay` refs: its place in the relay's log. */
  readonly ordered: Stamp | undefined
  /** How many operations it has. */
  readonly size: number
  /** It has left its line, as the oldest of too many. */
  isGone = false
  /** The relay has refused it. What it did to `browser` refs stands. */
  isRefused = false
  #at: number
  #writer: WriterId
  #seq: number
  #kept: Kept

  constructor({ at, writer, seq }: Named, { place, arbiter, size }: Noted, kept: Kept, ordered?: Stamp) {
    this.order = place.order
    this.arbiter = arbiter
    this.ordered = ordered
    this.size = size
    this.#at = at
    this.#writer = writer
    this.#seq = seq
    this.#kept = kept
  }

  /** The id that it has now: it may be authored again. */
  get id(): ChangeId {
    return changeId({ writer: this.#writer, seq: this.#seq })
  }

  /** The stamp that it has now. */
  get stamp(): Stamp {
    return { at: this.#at, writer: this.#writer }
  }

  inverses(): readonly Inverse[] {
    const inverses = this.#kept.inverses()
    return this.isRefused ? inverses.filter(({ arbiter }) => arbiter === 'browser') : inverses
  }

  /** Whether it has the stamp of a Change. */
  isOf({ at, writer }: Stamp): boolean {
    return this.#at === at && this.#writer === writer
  }

  /** It has been authored again, and its inverses are said by `reworded` now. */
  becomes({ at, writer, seq }: Change, reworded?: Reworded): void {
    this.#at = at
    this.#writer = writer
    this.#seq = seq
    if (reworded === undefined) return
    const kept = this.#kept
    const say = (one: Inverse): Inverse => ({ ...one, inverse: reworded.inverse(one, one.inverse) })
    this.#kept = { inverses: () => kept.inverses().map((one) => (one.inverse === null ? one : say(one))) }
  }
}

type Named = Pick<Change, 'writer' | 'seq' | 'at'>

/** What a line needs to know of it at once. */
interface Noted {
  readonly place: Place
  readonly arbiter: Arbiter
  readonly size: number
}

/** Where its inverses are. */
interface Kept {
  inverses(): readonly Inverse[]
}

/** Who has decided about these: with local ones there are those of one arbiter at most. */
export function arbiterOfAll(ops: readonly Op[]): Arbiter {
  for (const { arbiter } of ops) if (arbiter !== 'local') return arbiter
  return 'local'
}

/** What is taken back at once. */
export interface Step {
  /** Who must decide when it is taken back. */
  readonly arbiter: Arbiter
  /** The oldest first. */
  readonly changes: readonly OwnChange[]
}

/** A step as its line keeps it. */
class KeptStep implements Step {
  /** What its Changes have in common: the order of the one that began it. */
  readonly number: number
  readonly changes: OwnChange[]
  /** The step that this one took back, should this one be refused. */
  readonly instead: KeptStep | undefined
  /** How many operations it has. */
  size = 0

  constructor(number: number, changes: OwnChange[], instead?: KeptStep) {
    this.number = number
    this.changes = changes
    this.instead = instead
    for (const change of changes) this.size += change.size
  }

  get arbiter(): Arbiter {
    return this.changes.reduce<Arbiter>((sum, { arbiter }) => together(sum, arbiter) ?? sum, 'local')
  }

  get order(): number {
    return this.changes.at(-1)!.order
  }

  /** Mostly a newer one, but what an arbiter decides about may come after those that were asked for later. */
  add(change: OwnChange): void {
    const isNewest = this.order < change.order
    this.changes.push(change)
    this.size += change.size
    if (!isNewest) this.changes.sort((a, b) => a.order - b.order)
  }

  /** Whether one of its Changes has one of these orders. */
  has(orders: ReadonlySet<number>): boolean {
    return this.changes.some(({ order }) => orders.has(order))
  }
}

/** How a Change joins a line: as a step or a part of one, by taking a step back, by doing it again. */
export type Part = 'step' | 'undo' | 'redo'

/** Where a Change belongs in its line. */
export interface Place {
  readonly part: Part
  /** Of its step: the order of the Change that began it. */
  readonly number: number
  readonly order: number
  /** For an undo or a redo: the orders of the Changes that it takes back. */
  readonly taken: readonly number[]
  /** The orders of Changes that were gone before: nothing was left to do in their steps, so there is no Change that has taken them. */
  readonly gone: readonly number[]
}

/**
 * What can be taken back in one scope, and what can be done again.
 *
 * Told by the places of Changes alone, and not by when they come: what another arbiter decides about comes later than what was
 * done after it, and in the log perhaps otherwise than in the memory. The same Changes give the same line.
 */
export interface UndoLine {
  undoable(): boolean
  redoable(): boolean
  /** All Changes in it. */
  changes(): Iterable<OwnChange>
  /** What is taken back next; undefined when there is nothing. */
  next(direction: 'undo' | 'redo'): Step | undefined
  /** A step as it is now, where it is still to be taken: some of its Changes may have been refused since, and others have come into it. */
  find(direction: 'undo' | 'redo', step: Step): Step | undefined
  /** The place of a Change that is made now. */
  place(group: unknown, arbiter: Arbiter): Place
  /** The place of a Change that takes a step back. */
  placeOf(direction: 'undo' | 'redo', step: Step): Place
  /** A Change with this order may still come. */
  reserve(order: number): void
  /** A Change has been made. */
  add(change: OwnChange, place: Place): void
  /** Nothing was left to do in a step: it is gone. */
  skip(step: Step): void
  /** Nobody adds to the newest step any more: whoever goes back and forth does not go on with what they did before. */
  closeGroup(): void
  /**
   * A Change has been authored again: also one that was taken back, for it returns when what took it back is refused. `reworded` says its
   * inverses as they are now.
   */
  rename(from: Stamp, to: Change, reworded?: Reworded): void
  /** Changes were refused: they are in no step any more. What they took back can be taken back again. */
  drop(ids: ReadonlySet<ChangeId>): void
}

/** So many steps can be taken back. */
const MOST_STEPS = 500

/** With so many operations; the newest step counts whatever it has. A few large imports would else hold what the whole space once held. */
const MOST_OPERATIONS = 50_000

/** Makes an empty line. */
export function createUndoLine(): UndoLine {
  /** Both by the order of the newest Change in a step, the next one as the last. */
  let undos = new Steps<KeptStep>()
  let redos = new Steps<KeptStep>()
  /** How many operations can be undone. */
  let size = 0
  /** The greatest order there was. */
  let newest = 0
  /** That of the newest Change that was neither undo nor redo: what was taken back before it cannot be done again. */
  let newestStep = 0
  /** Who may still add to which step. */
  let open: { readonly number: number; readonly group: unknown; readonly arbiter: Arbiter } | undefined
  /** The orders of Changes that are gone, and that no Change which is there has said so of. */
  let gone: readonly number[] = none

  /** Takes the step out that has one of these Changes. */
  function takeOut(steps: Steps<KeptStep>, orders: ReadonlySet<number>): KeptStep | undefined {
    const step = steps.takeOut((one) => one.has(orders))
    if (step !== undefined && steps === undos) size -= step.size
    return step
  }

  /** Takes the step out that was begun with this order. Nothing in it is older. */
  function takeBegun(number: number): KeptStep | undefined {
    const step = undos.takeOut((one) => one.number === number, number)
    if (step !== undefined) size -= step.size
    return step
  }

  function takeGone(orders: ReadonlySet<number>): void {
    const left = (step: KeptStep): KeptStep[] => {
      if (!step.has(orders)) return [step]
      const changes = step.changes.filter(({ order }) => !orders.has(order))
      return changes.length === 0 ? [] : [made(step.number, changes, step.instead)]
    }
    become([...undos].flatMap(left), [...redos].flatMap(left))
  }

  function become(nextUndos: readonly KeptStep[], nextRedos: readonly KeptStep[]): void {
    undos = new Steps(nextUndos)
    redos = new Steps(nextRedos)
    size = nextUndos.reduce((sum, step) => sum + step.size, 0)
  }

  function addStep(step: KeptStep): void {
    undos.insert(step)
    size += step.size
    while (undos.size > MOST_STEPS || (size > MOST_OPERATIONS && undos.size > 1)) {
      const oldest = undos.shift()!
      size -= oldest.size
      for (const change of oldest.changes) change.isGone = true
    }
  }

  function add(change: OwnChange, { part, number, order, taken, gone: before }: Place): void {
    newest = Math.max(newest, order)
    if (before.length > 0) {
      const said = new Set(before)
      takeGone(said)
      gone = gone.filter((one) => !said.has(one))
    }
    if (part === 'step') {
      newestStep = Math.max(newestStep, order)
      if (redos.size > 0) redos = new Steps([...redos].filter((step) => step.order > order))
      const begun = takeBegun(number)
      begun?.add(change)
      addStep(begun ?? made(number, [change]))
      return
    }
    open = undefined
    const orders = new Set(taken)
    const step = takeOut(part === 'undo' ? undos : redos, orders)
    let instead: KeptStep | undefined
    if (step !== undefined) {
      instead = made(
        step.number,
        step.changes.filter((one) => orders.has(one.order)),
      )
      // What has come into it in the meantime stays.
      const left = step.changes.filter((one) => !orders.has(one.order))
      if (left.length > 0) addStep(made(step.number, left))
    }
    if (part === 'redo') addStep(made(order, [change], instead))
    else if (newestStep < order) redos.insert(made(order, [change], instead))
  }

  /** Steps without the Changes that are gone; where those had taken steps back, these return to `other`. */
  function without(steps: Iterable<KeptStep>, ids: ReadonlySet<ChangeId>, returned: KeptStep[]): KeptStep[] {
    return [...steps].flatMap((step) => {
      if (!step.changes.some(({ id }) => ids.has(id))) return [step]
      const left = step.changes.filter((change) => {
        if (!ids.has(change.id)) return true
        change.isRefused = true
        return step.instead === undefined && change.arbiter === 'browser'
      })
      if (left.length > 0) return [made(step.number, left, step.instead)]
      if (step.instead !== undefined) returned.push(step.instead)
      return []
    })
  }

  return {
    undoable: () => undos.size > 0,
    redoable: () => redos.size > 0,
    *changes() {
      for (const { changes } of [...undos, ...redos]) yield* changes
    },
    next: (direction) => (direction === 'undo' ? undos : redos).last,
    find(direction, { changes }) {
      const orders = new Set(changes.map(({ order }) => order))
      return (direction === 'undo' ? undos : redos).find((step) => step.has(orders))
    },
    place(group, arbiter) {
      const order = (newest += 1)
      const joint = open?.group === group && group !== undefined ? together(open!.arbiter, arbiter) : undefined
      const number = joint === undefined ? order : open!.number
      open = group === undefined ? undefined : { number, group, arbiter: joint ?? arbiter }
      return { part: 'step', number, order, taken: none, gone }
    },
    placeOf(direction, { changes }) {
      const order = (newest += 1)
      return { part: direction, number: order, order, taken: changes.map((change) => change.order), gone }
    },
    reserve: (order) => void (newest = Math.max(newest, order)),
    add,
    skip({ changes }) {
      const orders = changes.map(({ order }) => order)
      takeGone(new Set(orders))
      gone = [...gone, ...orders]
      open = undefined
    },
    closeGroup: () => void (open = undefined),
    rename(from, to, reworded) {
      for (const { changes, instead } of [...undos, ...redos]) {
        for (const change of changes) if (change.isOf(from)) change.becomes(to, reworded)
        for (const change of instead?.changes ?? none) if (change.isOf(from)) change.becomes(to, reworded)
      }
    },
    drop(ids) {
      const toUndo: KeptStep[] = []
      const toRedo: KeptStep[] = []
      become(without(undos, ids, toRedo), without(redos, ids, toUndo))
      for (const step of without(toUndo, ids, [])) addStep(step)
      // Unless something has been done since.
      for (const step of without(toRedo, ids, [])) if (step.order > newestStep) redos.insert(step)
    },
  }
}

const none: readonly never[] = []

/** One step back is enough in `instead`: nobody is refused an undo, and then the redo of it, and then wants the undo. */
function made(number: number, changes: OwnChange[], instead?: KeptStep): KeptStep {
  return new KeptStep(number, changes, instead && new KeptStep(instead.number, instead.changes))
}

/** Who decides about what two arbiters have decided about, as one Change; undefined when nobody can. */
function together(a: Arbiter, b: Arbiter): Arbiter | undefined {
  if (a === b || b === 'local') return a
  return a === 'local' ? b : undefined
}
