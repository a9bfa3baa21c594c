import {
  decodeHeader,
  isCovered,
  type CheckpointEntry,
  type Covered,
  type JoinedEntry,
  type KeptNote,
  type Ledger,
  type SingleEntry,
} from '@syncline/protocol'
import { cellKeyOf, changeId, type Change, type ChangeId, type Op, type Value, type WriterId } from '@syncline/stm'
import { readLocal, readRecordInPieces } from './open-log.ts'
import { BYTES_OF_A_CELL, type Pieces } from './pieces.ts'
import { asHeard, nobody, withLocalPart } from './read-change.ts'
import { createAskedChanges } from './undo-asked.ts'
import { decodeNote, keepNote, readNote, type UndoNote } from './undo-note.ts'

/** Gathers from a log what is kept with the Changes of this browser, so that they can be taken back when the log is not there any more. */
export interface NoteKeeping {
  /** An entry of the log, in its order. Throws what reading it throws. */
  take(entry: SingleEntry | CheckpointEntry | JoinedEntry): Pieces<void>
  /** The notes that are wanted, but for those of Changes that are kept themselves, under the names that their Changes have now. */
  wanted(ledger: Ledger, isKept: (id: ChangeId) => boolean): Pieces<readonly KeptNote[]>
}

/** So many sessions are of use to a tab that opens: it asks for no more. */
const MOST_SESSIONS = 16
/** So many steps of a session can be taken back, in each scope. */
const MOST_STEPS = 500
/** As undoing has it: more operations than these can be taken back only within one step. */
const MOST_OPERATIONS = 50_000

export function createNoteKeeping(space: string): NoteKeeping {
  const notes = new Map<ChangeId, KeptNote>()
  /** Those of Changes that the relay is to decide about have their place in its order when it has. */
  const asked = createAskedChanges<Value>()
  /** By how much more than its place in the relay's order what the relay decides is stamped. */
  let shift = 0

  function keep(change: Change, inverse: Value, ordered = 0): void {
    const note = inverse === null ? undefined : decodeNote(inverse, change)
    if (note !== undefined) notes.set(changeId(change), keepNote(change, note, ordered))
  }

  function ask(change: Change, inverse: Value): void {
    if (inverse === null) return
    asked.ask(change.writer, {
      of: inverse,
      land(_, { at }, isMoved) {
        const note = decodeNote(inverse, change)
        if (note === undefined) return
        const isLost = (i: number): boolean => note.bound.includes(i) && isMoved(cellKeyOf(change.ops[i]!))
        const inverses = note.inverses().map((one, i) => (isLost(i) ? { ...one, inverse: null } : one))
        notes.set(changeId(change), keepNote(change, { ...note, inverses: () => inverses }, at))
      },
    })
  }

  function* read(record: Uint8Array, local: Uint8Array, then: (change: Change, inverse: Value) => void): Pieces<void> {
    // Most Changes have nothing beside them.
    if (local.length === 0) return
    const part = readLocal(local, space)
    yield local.length
    if (part.inverse !== null) then(withLocalPart(yield* readRecordInPieces(record, space), part), part.inverse)
  }

  function* take(entry: SingleEntry | CheckpointEntry | JoinedEntry): Pieces<void> {
    switch (entry.kind) {
      case 'commits':
        for (const { record, local } of entry.changes) yield* read(record, local, keep)
        return
      case 'run':
        for (const { change, inverse } of entry.changes) {
          yield change.ops.length * BYTES_OF_A_CELL
          keep(change, inverse)
        }
        return
      case 'prepared':
        yield* read(entry.record, entry.local, ask)
        return
      case 'decided':
        asked.dismiss(entry.writer)
        return
      case 'ordered':
        for (const [i, item] of entry.items.entries()) {
          const { writer, seq, deps, at, touched, adoption } =
            item instanceof Uint8Array
              ? decodeHeader(item)
              : { ...item, deps: undefined, at: 0, touched: [], adoption: undefined }
          if (item instanceof Uint8Array) yield item.length
          if (adoption !== undefined) ({ shift } = adoption)
          if (deps === undefined && !asked.has(writer)) continue
          const ops = touched.map((ref): Op => ({ ...ref, payload: null }))
          asked.onOrdered({ ...nobody, writer, seq, at, deps: deps ?? nobody.deps, ops }, entry.first + i, shift)
        }
        return
      case 'join': {
        const { deps, join } = decodeHeader(entry.pieces.at(-1)!)
        let waits: readonly Covered[] = join?.decided === undefined ? [] : [[deps.epoch!, deps.relaySeq]]
        shift = join?.decided === undefined ? 0 : deps.relaySeq + join.decided.shift
        for (const record of entry.before) {
          const { adoption } = decodeHeader(record)
          if (adoption === undefined || !waits.every((one) => isCovered(adoption.covers, one))) continue
          ;({ shift } = adoption)
          waits = []
        }
        return
      }
      case 'ended':
        for (const { record } of entry.refused) notes.delete(changeId(decodeHeader(record)))
        return
      case 'rest': {
        const rest = entry.rest
        if (rest[0] === 'ledger') [shift] = rest[1].decided ?? [0]
        if (rest[0] === 'undoable')
          for (const note of rest[1]) notes.set(changeId({ writer: note[0], seq: note[1] }), note)
        if (rest[0] === 'notes') for (const note of rest[1]) keep(...asHeard(note))
        if (rest[0] === 'pending') for (const [record, local] of rest[1]) yield* read(record, local, keep)
        if (rest[0] === 'asked') for (const [, record, local] of rest[1]) yield* read(record, local, ask)
        if (rest[0] === 'refused') for (const [record] of rest[1]) notes.delete(changeId(decodeHeader(record)))
        return
      }
      case 'joined':
        yield* take(entry.part)
    }
  }

  return {
    take,
    *wanted(ledger, isKept) {
      const became = new Map<ChangeId, readonly [WriterId, number, number]>()
      for (const [writer, seq, , nextWriter, nextSeq, nextAt] of ledger.became) {
        became.set(changeId({ writer, seq }), [nextWriter, nextSeq, nextAt])
      }
      const found = new Map<ChangeId, KeptNote>()
      for (const [id, [writer, seq, at, ...more]] of notes) {
        let name: readonly [WriterId, number, number] = [writer, seq, at]
        let now = id
        for (let next = became.get(now); next !== undefined; next = became.get(now)) {
          name = next
          now = changeId({ writer: next[0], seq: next[1] })
        }
        // Two logs that have become one may have it under both names.
        if (!isKept(now)) found.set(now, [...name, ...more])
      }
      return yield* newest([...found.values()])
    },
  }
}

/** Of the sessions that were written to last, the last steps. */
function* newest(notes: readonly KeptNote[]): Pieces<readonly KeptNote[]> {
  const steps = new Map<string, Map<string, Steps>>()
  const placed: { readonly note: KeptNote; readonly head: UndoNote }[] = []
  for (const note of notes) {
    const head = readNote(note, () => undefined)
    if (head !== undefined) placed.push({ note, head })
    yield BYTES_OF_A_CELL
  }
  for (const { head } of placed.toReversed()) {
    const { session, scope, place, size } = head
    let scopes = steps.get(session)
    if (scopes === undefined) {
      if (steps.size >= MOST_SESSIONS) continue
      steps.set(session, (scopes = new Map()))
    }
    let own = scopes.get(scope)
    if (own === undefined) scopes.set(scope, (own = { numbers: new Set(), operations: 0 }))
    // The newest counts whatever it has.
    if (own.numbers.size >= MOST_STEPS || own.operations >= MOST_OPERATIONS) continue
    own.numbers.add(place.number)
    own.operations += size
  }
  return placed
    .filter(({ head: { session, scope, place } }) => steps.get(session)?.get(scope)?.numbers.has(place.number) === true)
    .map(({ note }) => note)
}

/** Those of a scope, and how many operations they have. */
interface Steps {
  readonly numbers: Set<number>
  operations: number
}
