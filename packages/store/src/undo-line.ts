import type { ChangeId, Inverse, Stamp } from '@syncline/stm'

/** One of our own Changes, as far as taking it back needs it. */
export interface OwnChange {
  /** The id and the stamp that it has now: it may be authored again. */
  id: ChangeId
  stamp: Stamp
  inverses(): readonly Inverse[]
  /** It has left its line, as the oldest of too many. */
  isGone?: boolean
}

/** What is taken back at once. */
interface Step {
  /** Where it stands among all steps of the line: the later the greater. */
  readonly number: number
  /** Who may still add to it; undefined when nobody. */
  group: unknown
  readonly changes: OwnChange[]
  /** The step that this one took back, should this one be refused. */
  readonly instead: Step | undefined
}

/** How a Change joins a line: as a new step, as part of the newest, by taking that back, by doing it again. */
export type Part = 'step' | 'more' | 'undo' | 'redo'

/**
 * What can be taken back in one scope, and what can be done again.
 *
 * Deterministic, and told by the numbers of steps alone: the same Changes in the same order give the same line, whatever steps there were
 * in between that left no Change.
 */
export interface UndoLine {
  readonly undoable: boolean
  readonly redoable: boolean
  /** All Changes in it. */
  changes(): Iterable<OwnChange>
  /** What is taken back next, the newest Change first; undefined when there is nothing. */
  next(direction: 'undo' | 'redo'): { readonly number: number; readonly changes: readonly OwnChange[] } | undefined
  /** The number and the part of a Change that is committed now. */
  place(group: unknown): { readonly number: number; readonly part: 'step' | 'more' }
  /** A Change has been made. */
  add(change: OwnChange, part: Part, number: number, group?: unknown): void
  /** Nothing was left to do in the next step: it is gone. */
  skip(direction: 'undo' | 'redo'): void
  /** Changes were refused: they are in no step any more. What they took back can be taken back again. */
  drop(ids: ReadonlySet<ChangeId>): void
}

/** So many steps can be taken back. */
export const MOST_STEPS = 500

/** Makes an empty line. */
export function createUndoLine(): UndoLine {
  let undos: Step[] = []
  let redos: Step[] = []

  function add(change: OwnChange, part: Part, number: number, group?: unknown): void {
    switch (part) {
      case 'more': {
        const last = undos.at(-1)
        redos = []
        if (last?.number === number) {
          last.changes.push(change)
          return
        }
        break
      }
      case 'undo': {
        const instead = undos.find((step) => step.number === number)
        undos = undos.filter((step) => step.number < number)
        closeGroups()
        redos.push(made(change, number, instead))
        return
      }
      case 'redo': {
        const instead = redos.find((step) => step.number === number)
        redos = redos.filter((step) => step.number > number)
        undos = undos.filter((step) => step.number < number)
        undos.push(made(change, number, instead))
        return
      }
      case 'step':
    }
    redos = []
    while (undos.length > 0 && undos.at(-1)!.number >= number) undos.pop()
    undos.push({ number, group, changes: [change], instead: undefined })
    if (undos.length > MOST_STEPS) for (const gone of undos.shift()!.changes) gone.isGone = true
  }

  function made(change: OwnChange, number: number, instead: Step | undefined): Step {
    // One step back is enough: nobody is refused an undo, and then the redo of it, and then wants the undo.
    return { number, group: undefined, changes: [change], instead: instead && { ...instead, instead: undefined } }
  }

  /** Whoever goes back and forth does not go on with what they did before. */
  function closeGroups(): void {
    for (const step of undos) step.group = undefined
  }

  /** Steps without the Changes that are gone; where those had taken steps back, these return to `other`. */
  function without(steps: readonly Step[], ids: ReadonlySet<ChangeId>, returned: Step[]): Step[] {
    return steps.flatMap((step) => {
      const left = step.changes.filter(({ id }) => !ids.has(id))
      if (left.length === step.changes.length) return [step]
      if (left.length > 0) return [{ ...step, changes: left }]
      if (step.instead !== undefined) returned.push(step.instead)
      return []
    })
  }

  return {
    get undoable() {
      return undos.length > 0
    },
    get redoable() {
      return redos.length > 0
    },
    *changes() {
      for (const { changes } of [...undos, ...redos]) yield* changes
    },
    next(direction) {
      const step = (direction === 'undo' ? undos : redos).at(-1)
      return step && { number: step.number, changes: step.changes.toReversed() }
    },
    place(group) {
      const last = undos.at(-1)
      if (last !== undefined && group !== undefined && last.group === group)
        return { number: last.number, part: 'more' }
      return { number: (last?.number ?? 0) + 1, part: 'step' }
    },
    add,
    skip(direction) {
      if (direction === 'undo') {
        undos.pop()
        closeGroups()
      } else redos.pop()
    },
    drop(ids) {
      const toUndo: Step[] = []
      const toRedo: Step[] = []
      const keptUndos = without(undos, ids, toRedo)
      const keptRedos = without(redos, ids, toUndo)
      // Back to where they were, unless something has been done in their place since.
      undos = [...keptUndos]
      for (const step of without(toUndo, ids, [])) {
        if ((undos.at(-1)?.number ?? 0) < step.number) undos.push(step)
      }
      redos = [...keptRedos]
      for (const step of without(toRedo, ids, [])) {
        if ((redos.at(-1)?.number ?? Infinity) > step.number) redos.push(step)
      }
    },
  }
}
