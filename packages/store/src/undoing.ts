import {
  changeId,
  invert,
  StmError,
  takeBack,
  type CellKey,
  type Change,
  type ChangeId,
  type Op,
  type Past,
  type Stamp,
  type TakenBack,
  type UndoneChange,
  type Value,
} from '@syncline/stm'
import { nothingChanged, type Committing } from './committing.ts'
import type { Core } from './core.ts'
import { closedError, StoreError } from './errors.ts'
import type { HeldLock, Locks } from './ports.ts'
import type { Receipt } from './receipt.ts'
import type { UndoMark } from './transact-options.ts'
import type { OwnChange, UndoLine } from './undo-line.ts'
import { decodeNote, encodeNote, type UndoNote } from './undo-note.ts'
import { createUndoSession, stampKey, type UndoSession } from './undo-session.ts'
import type { Undone, UndoStack } from './undo-stack.ts'

/** Takes this tab's Changes back, and does them again. */
export interface Undoing {
  stack(scope: string): UndoStack
  /** Throws when a transaction cannot be undone as it says. */
  check(mark: UndoMark): void
  /** What is to be kept with a Change that is about to be applied; undefined when nobody can take it back. */
  note(ops: readonly Op[], mark: UndoMark): OwnNote | undefined
  /** Reads what an entry of the log has kept with a Change. */
  hear(change: Change, inverse: Value): void
  onReauthored(from: Change, to: Change): void
  onRefused(ids: readonly ChangeId[]): void
  /** Calls who listens to stacks that have changed. */
  tell(): void
  /** Goes on with what a tab that is gone could take back. `pull` reads what that wrote last. Nobody has seen a stack before. */
  begin(locks: Locks | undefined, pull: () => Promise<void>): Promise<void>
  close(): void
}

/** What is kept with one of our own Changes. */
export interface OwnNote {
  data(): Value
  /** The Change has been made. */
  keep(change: Change): void
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

  function kept(note: UndoNote, noteGroup?: unknown): OwnNote {
    return {
      // What no reload can find need not be encoded.
      data: () => (isLasting ? encodeNote(note) : null),
      keep(change) {
        const made = ownChange(change, note)
        own.add(made, note, noteGroup)
        if (fresh.push(made) === 1) queueMicrotask(settle)
      },
    }
  }

  function undone(changes: readonly OwnChange[]): readonly UndoneChange[] {
    return changes.map(({ stamp, inverses }) => ({ stamp, inverses: inverses() }))
  }

  function take(scope: string, direction: 'undo' | 'redo'): Undone {
    if (core.isClosed) throw closedError()
    if (committing.isRunning) {
      throw new StmError(
        'nested-transaction',
        `${direction}() was called in the body of a transaction. Call it when that has returned.`,
      )
    }
    replica.flushDocuments()
    const line = own.line(scope)
    const step = line.next(direction)
    if (step === undefined) return { ...nothingChanged, superseded: none, irreversible: none }
    checkPolicies(step.changes, direction)
    const { ops, restored, superseded, irreversible } = takeBack(memory, undone(step.changes), pastOf)
    let receipt: Receipt<void> = nothingChanged
    if (ops.length === 0) line.skip(direction)
    else {
      core.validity.judgeOps(ops, memory, committing.context())
      const inverses = invert(memory, ops, pastOf)!
      const note = kept({ session: name, scope, part: direction, number: step.number, inverses, restored })
      receipt = committing.commit(ops, null, { note })
    }
    tell()
    return { ...receipt, superseded, irreversible }
  }

  /** After a reload operations are taken back by policies that come with the refs of the app. */
  function checkPolicies(changes: readonly OwnChange[], direction: string): void {
    for (const { inverses } of changes) {
      const strange = inverses().find(({ tag, inverse }) => inverse !== null && memory.policy(tag) === undefined)
      if (strange === undefined) continue
      throw new StoreError(
        'unknown-policy',
        `${direction}() would write "${strange.address}", and this store has not met a "${strange.tag}" ref yet. ` +
          'Nothing has happened: read one first, as with store.get(ref).',
      )
    }
  }

  function stack(scope: string): UndoStack {
    const known = stacks.get(scope)
    if (known !== undefined) return known.stack
    const listeners = new Set<() => void>()
    const line = own.line(scope)
    let told = [line.undoable, line.redoable]
    const made: UndoStack = {
      scope,
      get undoable() {
        return own.line(scope).undoable
      },
      get redoable() {
        return own.line(scope).redoable
      },
      undo: () => take(scope, 'undo'),
      redo: () => take(scope, 'redo'),
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
    stacks.set(scope, {
      stack: made,
      tell() {
        const [undoable, redoable] = told
        told = [made.undoable, made.redoable]
        if (undoable === told[0] && redoable === told[1]) return
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
    note(ops, mark) {
      const inverses = mark === false ? undefined : invert(memory, ops, pastOf)
      if (mark === false || inverses === undefined) return undefined
      const { scope = '' } = mark
      const ownGroup = group ?? mark.group
      const { number, part } = own.line(scope).place(ownGroup)
      return kept({ session: name, scope, part, number, inverses, restored: none }, ownGroup)
    },
    hear(change, inverse) {
      if (inverse === null || !isHearing) return
      const note = decodeNote(inverse, change)
      if (note === undefined) return
      const session = sessions.get(note.session) ?? createUndoSession(now)
      sessions.delete(note.session)
      sessions.set(note.session, session)
      session.add(ownChange(change, note), note)
    },
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
      const left = [...sessions].filter(([, { lines }]) => [...lines.values()].some(isOfUse))
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
    },
    close() {
      lock?.release()
    },
  }
}

const none: readonly never[] = []

function ownChange(change: Change, { inverses }: UndoNote): OwnChange {
  return { id: changeId(change), stamp: stampOf(change), inverses }
}

function stampOf({ at, writer }: Change): Stamp {
  return { at, writer }
}

function isOfUse({ undoable, redoable }: UndoLine): boolean {
  return undoable || redoable
}

function lockName(space: string, session: string): string {
  return `undo ${space} ${session}`
}
