import {
  cellKeyOf,
  changeId,
  invert,
  takeBack,
  type Arbiter,
  type CellKey,
  type Cells,
  type Change,
  type ChangeId,
  type Inverse,
  type Op,
  type Past,
  type Stamp,
  type TakenBack,
  type UndoneChange,
  type Value,
  type WriterId,
} from '@syncline/stm'
import type { Committing } from './committing.ts'
import type { Core } from './core.ts'
import { closedError } from './errors.ts'
import type { HeldLock, Locks } from './ports.ts'
import type { UndoMark } from './transact-options.ts'
import { createAskedChanges } from './undo-asked.ts'
import type { OwnChange, Step } from './undo-line.ts'
import { decodeNote, encodeNote, type UndoNote } from './undo-note.ts'
import { createUndoSession, stampKey, type UndoSession } from './undo-session.ts'
import type { UndoStack } from './undo-stack.ts'
import { createUndoTaking, type Direction } from './undo-taking.ts'

/** Takes this tab's Changes back, and does them again. */
export interface Undoing {
  stack(scope: string): UndoStack
  /** Throws when a transaction cannot be undone as it says. */
  check(mark: UndoMark): void
  /** How a transaction that begins now can be undone, whenever it commits: with the group that it begins in. */
  marked(mark: Mark): Mark
  /**
   * What is to be kept with a Change that is about to be made; undefined when nobody can take it back. `cells` are what it will be applied
   * to, by default the memory; `commuted` are the refs that it writes by operations which commute.
   */
  note(ops: readonly Op[], mark: Mark, cells?: Cells, commuted?: ReadonlySet<CellKey>): OwnNote | undefined
  /** Reads what an entry of the log has kept with a Change that is committed. */
  hear(change: Change, inverse: Value): void
  /** Reads what is kept with a Change that the relay is to decide about. */
  hearAsked(change: Change, inverse: Value): void
  /** A Change, asked for by whomever, has its place in the relay's order. */
  onOrdered(change: Change, relaySeq: number): void
  /** The relay has not accepted the Change of this writer. */
  onDismissed(writer: WriterId): void
  onReauthored(from: Change, to: Change): void
  onRefused(ids: readonly ChangeId[]): void
  /** Calls who listens to stacks that have changed. */
  tell(): void
  /** Goes on with what a tab that is gone could take back. `pull` reads what that wrote last. Nobody has seen a stack before. */
  begin(locks: Locks | undefined, pull: () => Promise<void>): Promise<void>
  close(): void
}

/** How a Change can be undone, or which step it takes. */
export type Mark = false | { readonly scope?: string | undefined; readonly group?: unknown } | Taking

/** A step that is being taken, as it was looked at last. */
export interface Taking {
  readonly scope: string
  readonly direction: Direction
  readonly step: Step
  readonly taken: TakenBack
}

/** What is kept with one of our own Changes. */
export interface OwnNote {
  data(): Value
  /** The Change has been made. */
  keep(change: Change): void
  /** The relay is to decide about the Change. */
  ask(change: Change): void
}

/** So many sessions of tabs that are gone are asked for, the newest first. */
const MOST_TRIED = 16

/** Makes the undoing of one open store. */
export function createUndoing(core: Core, committing: Committing, isLasting: boolean): Undoing {
  const { replica } = core
  const { memory } = replica
  /** What Changes that were authored again have as their stamps now, by those they had. */
  const renamed = new Map<string, Stamp>()
  /** Those in the log, by name, the one that was written to last as the last, until ours is chosen. */
  const sessions = new Map<string, UndoSession>()
  /** Whether notes in the log are heard: until ours is chosen. From then on our own are kept as they are made, and the others are not ours. */
  let isHearing = true
  const stacks = new Map<string, { readonly stack: UndoStack; tell(): void }>()
  const asked = createAskedChanges<UndoSession>()
  let name = core.writers.current.slice(0, 16)
  let own = createUndoSession(now)
  let lock: HeldLock | undefined
  /** Changes of the running task. */
  const fresh: OwnChange[] = []
  /** The group that Changes made now belong to, whatever they say themselves. */
  let group: object | undefined

  function now(stamp: Stamp): Stamp {
    let current = stamp
    for (let next = renamed.get(stampKey(current)); next !== undefined; next = renamed.get(stampKey(current)))
      current = next
    return current
  }

  /** When the running task is over: until then inverses hold whole states, and of a long burst only the last are needed. */
  function settle(): void {
    for (const { isGone, inverses } of fresh.splice(0)) if (isGone !== true) inverses()
  }

  const pastOf = (key: CellKey): Past => own.past(key)

  function kept(note: UndoNote): OwnNote {
    return {
      // What no reload can find need not be encoded.
      data: () => (isLasting ? encodeNote(note) : null),
      keep(change) {
        const made = ownChange(change, note)
        own.add(made, note)
        if (fresh.push(made) === 1) queueMicrotask(settle)
      },
      ask: (change) => asked.ask(change.writer, landing(own, note)),
    }
  }

  function landing(of: UndoSession, note: UndoNote): Parameters<typeof asked.ask>[1] {
    return {
      of,
      land(change, ordered, isMoved) {
        const lost = note.bound.filter((i) => isMoved(cellKeyOf(change.ops[i]!)))
        const inverses = lost.length === 0 ? note.inverses : () => without(note.inverses(), lost)
        of.add(ownChange(change, { ...note, inverses }, ordered), note)
      },
    }
  }

  function undone(changes: readonly OwnChange[]): readonly UndoneChange[] {
    return changes.map(({ stamp, ordered, inverses }) => ({ stamp, ordered, inverses: inverses() })).reverse()
  }

  const taking = createUndoTaking(core, committing, {
    line: (scope) => own.line(scope),
    undone,
    pastOf,
    tell,
  })

  /** The session of a note in the log, now the one that was written to last. */
  function sessionOf(note: UndoNote): UndoSession {
    const session = sessions.get(note.session) ?? createUndoSession(now)
    sessions.delete(note.session)
    sessions.set(note.session, session)
    return session
  }

  function stack(scope: string): UndoStack {
    const known = stacks.get(scope)
    if (known !== undefined) return known.stack
    const listeners = new Set<() => void>()
    const made: UndoStack = {
      scope,
      get undoable() {
        return own.line(scope).undoable
      },
      get redoable() {
        return own.line(scope).redoable
      },
      get isWaiting() {
        return taking.isWaiting(scope)
      },
      undo: () => taking.take(scope, 'undo'),
      redo: () => taking.take(scope, 'redo'),
      undoAsync: (options) => taking.takeAsync(scope, 'undo', options),
      redoAsync: (options) => taking.takeAsync(scope, 'redo', options),
      group(body) {
        const around = group
        group ??= {}
        try {
          return body()
        } finally {
          group = around
        }
      },
      inverse: (id) => inverseOf(scope, id),
      onChange(listener) {
        if (core.isClosed) throw closedError()
        const one = (): void => listener()
        listeners.add(one)
        return () => listeners.delete(one)
      },
    }
    let told = showing(made)
    stacks.set(scope, {
      stack: made,
      tell() {
        const before = told
        told = showing(made)
        if (told === before) return
        for (const listener of [...listeners]) {
          try {
            listener()
          } catch (error) {
            core.onError(error)
          }
        }
      },
    })
    return made
  }

  function inverseOf(scope: string, id: ChangeId): TakenBack | undefined {
    let current = id
    for (let next = core.renamed.get(current); next !== undefined; next = core.renamed.get(current)) current = next
    for (const change of own.line(scope).changes()) {
      if (change.id === current) return takeBack(memory, undone([change]), pastOf)
    }
    return undefined
  }

  function tell(): void {
    for (const one of stacks.values()) one.tell()
  }

  return {
    stack,
    check: () => undefined,
    marked: (mark) => (mark === false || group === undefined ? mark : { ...mark, group }),
    note(ops, mark, cells = memory, commuted = noKeys) {
      const inverses = mark === false ? undefined : invert(cells, ops, pastOf)
      if (mark === false || inverses === undefined) return undefined
      const { scope = '' } = mark
      const line = own.line(scope)
      const bound = boundIn(ops, cells, commuted)
      if (!('taken' in mark)) {
        const place = line.place(group ?? mark.group, arbiterOf(ops))
        return kept({ session: name, scope, place, inverses, restored: none, bound })
      }
      const place = line.placeOf(mark.direction, mark.step)
      return kept({ session: name, scope, place, inverses, restored: restoredBy(mark.taken, ops), bound })
    },
    hear(change, inverse) {
      if (inverse === null || !isHearing) return
      const note = decodeNote(inverse, change)
      if (note !== undefined) sessionOf(note).add(ownChange(change, note), note)
    },
    hearAsked(change, inverse) {
      if (inverse === null || !isHearing) return
      const note = decodeNote(inverse, change)
      if (note === undefined) return
      const session = sessionOf(note)
      session.line(note.scope).reserve(note.place.order)
      asked.ask(change.writer, landing(session, note))
    },
    onOrdered: asked.onOrdered,
    onDismissed: asked.dismiss,
    onReauthored(from, to) {
      const stamp = stampOf(to)
      renamed.set(stampKey(stampOf(from)), stamp)
      for (const session of [own, ...sessions.values()]) session.rename(from, { id: changeId(to), stamp })
    },
    onRefused(ids) {
      const gone = new Set(ids)
      for (const { lines } of [own, ...sessions.values()]) for (const line of lines.values()) line.drop(gone)
    },
    tell,
    async begin(locks, pull) {
      const isOfUse = (session: UndoSession): boolean =>
        asked.isIn(session) || [...session.lines.values()].some(({ undoable, redoable }) => undoable || redoable)
      const left = [...sessions].filter(([, session]) => isOfUse(session))
      for (const [session, found] of locks === undefined ? [] : left.reverse().slice(0, MOST_TRIED)) {
        lock = await locks!.tryHold(lockName(core.space, session))
        if (lock === undefined) continue
        name = session
        own = found
        break
      }
      if (lock === undefined) lock = await locks?.tryHold(lockName(core.space, name))
      if (sessions.get(name) === own) await pull()
      isHearing = false
      sessions.clear()
      asked.keepOnly(own)
    },
    close() {
      lock?.release()
    },
  }
}

const none: readonly never[] = []
const noKeys: ReadonlySet<CellKey> = new Set()

function ownChange(change: Change, { place, inverses }: UndoNote, ordered?: Stamp): OwnChange {
  const made: OwnChange = {
    id: changeId(change),
    stamp: stampOf(change),
    ordered,
    order: place.order,
    arbiter: arbiterOf(change.ops),
    inverses: () => (made.isRefused === true ? inverses().filter(isBrowsers) : inverses()),
  }
  return made
}

/** Who has decided about these: with local ones there are those of one arbiter at most. */
function arbiterOf(ops: readonly Op[]): Arbiter {
  return ops.find(({ arbiter }) => arbiter !== 'local')?.arbiter ?? 'local'
}

function isBrowsers({ arbiter }: Inverse): boolean {
  return arbiter === 'browser'
}

/** The operations whose inverses say what was there when the relay was asked: of no use when it was something else when it has answered. */
function boundIn(ops: readonly Op[], { policy }: Cells, commuted: ReadonlySet<CellKey>): readonly number[] {
  let bound: number[] | undefined
  for (const [i, op] of ops.entries()) {
    if (op.arbiter !== 'relay' || commuted.has(cellKeyOf(op))) continue
    const reversal = policy(op.tag)?.reversal
    if (reversal === undefined || reversal === 'none' || reversal.commutes !== true) (bound ??= []).push(i)
  }
  return bound ?? none
}

function without(inverses: readonly Inverse[], lost: readonly number[]): readonly Inverse[] {
  return inverses.map((inverse, i) => (lost.includes(i) ? { ...inverse, inverse: null } : inverse))
}

/** What each operation puts back: an arbiter may have them in another order. */
function restoredBy({ ops, restored }: TakenBack, made: readonly Op[]): readonly Value[] {
  const byCell = new Map(ops.map((op, i) => [cellKeyOf(op), restored[i]!]))
  return made.map((op) => byCell.get(cellKeyOf(op)) ?? null)
}

/** What listeners are told of, as one text. */
function showing({ undoable, redoable, isWaiting }: UndoStack): string {
  return `${undoable} ${redoable} ${isWaiting}`
}

function stampOf({ at, writer }: Change): Stamp {
  return { at, writer }
}

function lockName(space: string, session: string): string {
  return `undo ${space} ${session}`
}
