import type { KeptNote } from '@syncline/protocol'
import {
  cellKeyOf,
  invert,
  isHeavyToHold,
  isReversible,
  keepShape,
  takeBack,
  type Arbiter,
  type CellKey,
  type Cells,
  type Change,
  type Changed,
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
import type { Reworded } from './renames.ts'
import type { UndoMark } from './transact-options.ts'
import { createAskedChanges } from './undo-asked.ts'
import { arbiterOfAll, OwnChange, type Place, type Step } from './undo-line.ts'
import { decodeNote, encodeNote, readNote, type UndoNote } from './undo-note.ts'
import { createUndoSession, stampKey, type UndoSession } from './undo-session.ts'
import type { UndoStack } from './undo-stack.ts'
import { createUndoTaking, type Direction } from './undo-taking.ts'
import { createTyping } from './typing.ts'

/** Takes this tab's Changes back, and does them again. */
export interface Undoing {
  stack(scope: string): UndoStack
  /** Throws when a transaction cannot be undone as it says. */
  check(mark: UndoMark): void
  /** How a transaction that begins now can be undone, whenever it commits: with the group that it begins in. */
  marked(mark: Mark): Mark
  /** How a direct edit can be undone: with what was typed just before. */
  typed(op: Op): Mark
  /**
   * What is to be kept with a Change that is about to be made; undefined when nobody can take it back. `cells` are what it will be applied
   * to, by default the memory; `commuted` are the refs that it writes by operations which commute.
   */
  note(ops: readonly Op[], mark: Mark, cells?: Cells, commuted?: ReadonlySet<CellKey>): OwnNote | undefined
  /** Reads what an entry of the log has kept with a Change that is committed; `relaySeq` is the place in the order of one that the relay has decided about. */
  hear(change: Change, inverse: Value, relaySeq?: number): void
  /** The same of what a checkpoint has kept: as much as must be known before somebody takes it back. */
  hearKept(note: KeptNote): void
  /** Reads what is kept with a Change that the relay is to decide about. */
  hearAsked(change: Change, inverse: Value): void
  /** A Change, asked for by whomever, has its place in the relay's order. */
  onOrdered(change: Change, relaySeq: number, shift: number): void
  /** The relay has not accepted the Change of this writer. */
  onDismissed(writer: WriterId): void
  /** A Change has become another one; `reworded` says what is kept with it as it is now, where that is another. */
  onReauthored(from: Change, to: Change, reworded?: Reworded): void
  onRefused(ids: readonly ChangeId[]): void
  /** Calls who listens to stacks that have changed. */
  tell(): void
  /**
   * Goes on with what a tab that is gone could take back. `pull` reads what was written since, and is called at least once. Nobody has seen a stack before. Where it takes long
   * to see who is gone it resolves before, and goes on with it later if nothing was done by then.
   */
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
  /** The Change has been applied, and has changed this. */
  keep(change: Change, changed: Changed): void
  /** The relay is to decide about the Change. */
  ask(change: Change): void
}

/** So many sessions of tabs that are gone are asked for, the newest first. */
const MOST_TRIED = 16
/** Nobody waits longer for a store because of them. Where there are no Web Locks it takes seconds to see that a tab has ended without a word. */
const PATIENCE_MS = 200

/** Makes the undoing of one open store. */
export function createUndoing(core: Core, committing: Committing): Undoing {
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
  let name = core.writers.current().slice(0, 16)
  let own = createUndoSession(now)
  let lock: HeldLock | undefined
  /** Whether something was to be kept with a Change of ours: it names the session. */
  let isUsed = false
  let isOver = false
  /** Changes of the running task. */
  const fresh: OwnChange[] = []
  /** The group that Changes made now belong to, whatever they say themselves. */
  let group: object | undefined

  function now(stamp: Stamp): Stamp {
    if (renamed.size === 0) return stamp
    let current = stamp
    for (let next = renamed.get(stampKey(current)); next !== undefined; next = renamed.get(stampKey(current)))
      current = next
    return current
  }

  /** When the running task is over: until then heavy states are held, and of a long burst only the last are needed. */
  function settle(): void {
    for (const change of fresh.splice(0)) if (!change.isGone) change.inverses()
  }

  const pastOf = (key: CellKey): Past => own.past(key)

  const keeping: Keeping = {
    keep(note, change, changed) {
      note.found ??= invert(memory, change.ops, pastOf, changed)!
      const made = new OwnChange(change, note, note)
      own.add(made, note)
      if (isHeavyToHold(memory, change.ops) && fresh.push(made) === 1) queueMicrotask(settle)
    },
    ask: (note, change) => asked.ask(change.writer, landing(own, note)),
  }

  function landing(of: UndoSession, note: UndoNote): Parameters<typeof asked.ask>[1] {
    return {
      of,
      land(change, ordered, isMoved) {
        const lost = note.bound.filter((i) => isMoved(cellKeyOf(change.ops[i]!)))
        const left = lost.length === 0 ? note : { inverses: () => without(note.inverses(), lost) }
        of.add(new OwnChange(change, note, left, ordered), note)
      },
    }
  }

  function undone(changes: readonly OwnChange[]): readonly UndoneChange[] {
    return changes
      .map((change) => ({ stamp: change.stamp, ordered: change.ordered, inverses: change.inverses() }))
      .reverse()
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

  function addHeard(change: Pick<Change, 'writer' | 'seq' | 'at'>, note: UndoNote, relaySeq?: number): void {
    const ordered = relaySeq === undefined ? undefined : { at: relaySeq, writer: change.writer }
    sessionOf(note).addHeard(new OwnChange(change, note, note, ordered), note)
  }

  function stack(scope: string): UndoStack {
    const known = stacks.get(scope)
    if (known !== undefined) return known.stack
    const listeners = new Set<() => void>()
    const made: UndoStack = {
      scope,
      get undoable() {
        return own.line(scope).undoable()
      },
      get redoable() {
        return own.line(scope).redoable()
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

  const isOfUse = (session: UndoSession): boolean =>
    asked.isIn(session) || [...session.lines.values()].some((line) => line.undoable() || line.redoable())

  /** The lock of this tab's session, unless it goes on with another by then. */
  function take(held: HeldLock | undefined): void {
    if (lock === undefined && !isOver) lock = held
    else held?.release()
  }

  /** Goes on with the first of these whose tab is gone, if nothing was done by then: that begins a session of its own. Resolves to whether it does. */
  async function goOn(
    locks: Locks,
    left: readonly [string, UndoSession][],
    pull: () => Promise<void>,
  ): Promise<boolean> {
    let held: HeldLock | undefined
    const isUnused = (): boolean => !isOver && !isUsed
    try {
      for (const [session, found] of left) {
        held = isUnused() ? await locks.tryHold(lockName(core.space, session)) : undefined
        if (held === undefined) continue
        if (isUnused()) await pull()
        if (!isUnused()) break
        lock?.release()
        lock = held
        name = session
        own = found
        tell()
        return true
      }
      return false
    } finally {
      if (lock !== held) held?.release()
      endHearing()
    }
  }

  function endHearing(): void {
    isHearing = false
    sessions.clear()
    asked.keepOnly(own)
  }

  return {
    stack,
    check: () => undefined,
    marked: (mark) => (mark === false || group === undefined ? mark : { ...mark, group }),
    typed: createTyping(core.clock),
    note(ops, mark, cells, commuted = noKeys) {
      if (mark === false || !isReversible(memory, ops)) return undefined
      isUsed = true
      const { scope = '' } = mark
      const line = own.line(scope)
      const arbiter = arbiterOfAll(ops)
      const bound = arbiter === 'relay' ? boundIn(ops, memory, commuted) : none
      // What is applied here at once tells then what it has replaced.
      const inverses = cells && invert(cells, ops, pastOf)
      if (!('taken' in mark)) {
        const place = line.place(group ?? mark.group, arbiter)
        return new Note(keeping, name, scope, place, ops.length, arbiter, none, bound, inverses)
      }
      const place = line.placeOf(mark.direction, mark.step)
      const restored = restoredBy(mark.taken, ops)
      return new Note(keeping, name, scope, place, ops.length, arbiter, restored, bound, inverses)
    },
    hear(change, inverse, relaySeq) {
      if (inverse === null || !isHearing) return
      const note = decodeNote(inverse, change)
      if (note === undefined) return
      addHeard(change, note, relaySeq)
    },
    hearKept(kept) {
      if (!isHearing) return
      const note = readNote(kept, core.onDamage)
      const [writer, seq, at, relaySeq] = kept
      if (note !== undefined) addHeard({ writer, seq, at }, note, relaySeq || undefined)
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
    onReauthored(from, to, reworded) {
      renamed.set(stampKey(from), { at: to.at, writer: to.writer })
      for (const session of [own, ...sessions.values()]) session.rename(from, to, reworded)
    },
    onRefused(ids) {
      const gone = new Set(ids)
      for (const { lines } of [own, ...sessions.values()]) for (const line of lines.values()) line.drop(gone)
    },
    tell,
    async begin(locks, pull) {
      const left = (): [string, UndoSession][] => [...sessions].filter(([, session]) => isOfUse(session))
      // One reading does, where there is somebody to go on from: what they wrote last is read when they are known to be gone.
      const isLeft = locks !== undefined && left().length > 0
      if (!isLeft) await pull()
      const those = left().reverse().slice(0, MOST_TRIED)
      if (locks === undefined || those.length === 0) {
        endHearing()
        lock = await locks?.tryHold(lockName(core.space, name))
        return
      }
      let cancel: (() => void) | undefined
      const late = new Promise<false>((resolve) => (cancel = core.clock.setTimer(PATIENCE_MS, () => resolve(false))))
      const [isRead] = await Promise.all([
        Promise.race([goOn(locks, those, pull), late]).finally(() => cancel!()),
        locks.tryHold(lockName(core.space, name)).then(take),
      ])
      if (isLeft && !isRead) await pull()
    },
    close() {
      isOver = true
      lock?.release()
    },
  }
}

const none: readonly never[] = []
const noKeys: ReadonlySet<CellKey> = new Set()

/** What a note asks of the undoing that it belongs to. */
interface Keeping {
  keep(note: Note, change: Change, changed: Changed): void
  ask(note: Note, change: Change): void
}

/** What is kept with a Change. A class, because each commit makes one. */
class Note implements UndoNote, OwnNote {
  readonly session: string
  readonly scope: string
  readonly place: Place
  readonly size: number
  readonly arbiter: Arbiter
  readonly bound: readonly number[]
  /** Known when the Change was applied, if not before. */
  found: (() => readonly Inverse[]) | undefined
  readonly #keeping: Keeping
  readonly #restored: readonly Value[]

  constructor(
    keeping: Keeping,
    session: string,
    scope: string,
    place: Place,
    size: number,
    arbiter: Arbiter,
    restored: readonly Value[],
    bound: readonly number[],
    found: (() => readonly Inverse[]) | undefined,
  ) {
    this.session = session
    this.scope = scope
    this.place = place
    this.size = size
    this.arbiter = arbiter
    this.bound = bound
    this.#keeping = keeping
    this.#restored = restored
    this.found = found
  }

  inverses(): readonly Inverse[] {
    return this.found!()
  }

  restored(): readonly Value[] {
    return this.#restored
  }

  data(): Value {
    return encodeNote(this)
  }

  keep(change: Change, changed: Changed): void {
    this.#keeping.keep(this, change, changed)
  }

  ask(change: Change): void {
    this.#keeping.ask(this, change)
  }
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

function lockName(space: string, session: string): string {
  return `undo ${space} ${session}`
}

// What it is given is never looked at.
keepShape(new Note(undefined as never, '', '', undefined as never, 0, 'local', none, none, undefined))
