import { decodeNoteBody, encodeNoteBody, ProtocolError, type KeptNote, type NoteBody } from '@syncline/protocol'
import type { Arbiter, Change, Inverse, Value } from '@syncline/stm'
import { StoreError } from './errors.ts'
import { arbiterOfAll, type Part, type Place } from './undo-line.ts'

/** What is kept with a Change so that it can be taken back. */
export interface UndoNote {
  /** The line of tabs, one after the other, that may take it back. */
  readonly session: string
  readonly scope: string
  readonly place: Place
  /** How many operations the Change has, and who has decided about them. */
  readonly size: number
  readonly arbiter: Arbiter
  /** The places of the operations on `relay` refs whose inverses hold only if nobody has written there since the Change was asked for. */
  readonly bound: readonly number[]
  /** For each operation. */
  inverses(): readonly Inverse[]
  /** For each operation of a Change that took others back, what it puts back; else nothing. */
  restored(): readonly Value[]
}

/** The version in the local part of a Change, and that in a checkpoint. */
const VERSION = 2
const KEPT_VERSION = 1
const PARTS: readonly Part[] = ['step', 'undo', 'redo']
const ARBITERS: readonly Arbiter[] = ['local', 'browser', 'relay']

/** The note as data: `[2, session, scope, part, number, order, [taken, …], [gone, …], [inverse or null, …], [restored, …], [bound, …]]`. */
export function encodeNote(note: UndoNote): Value {
  const kept = note.inverses().map(({ inverse }) => inverse)
  return [VERSION, ...encodeHead(note), kept, note.restored(), note.bound]
}

/** The note in data, with the operations of its Change; undefined when there is none that this version can read. */
export function decodeNote(data: Value, { ops }: Pick<Change, 'ops'>): UndoNote | undefined {
  const head = decodeHead(data, VERSION)
  if (head === undefined) return undefined
  const [inverses, restored, bound] = head.more
  if (!isList(inverses) || inverses.length !== ops.length || !isList(restored) || !isNumbers(bound)) return undefined
  const body = once(() => invertedBy(ops, inverses))
  return { ...head, size: ops.length, arbiter: arbiterOfAll(ops), bound, inverses: body, restored: () => restored }
}

/**
 * The note as a checkpoint has it. The head is `[1, session, scope, part, number, order, [taken, …], [gone, …], size, arbiter, [bound, …]]`; the body has the refs of the operations, and of
 * these `[[inverse or null, …], [restored, …]]`.
 */
export function keepNote({ writer, seq, at }: Named, note: UndoNote, ordered: number): KeptNote {
  const refs = note.inverses()
  const body = encodeNoteBody({ refs, said: [refs.map(({ inverse }) => inverse), note.restored()] })
  const head = [KEPT_VERSION, ...encodeHead(note), note.size, ARBITERS.indexOf(note.arbiter), note.bound]
  return [writer, seq, at, ordered, head, body]
}

/**
 * The note of a checkpoint; undefined when there is none that this version can read. Its body is read when somebody asks for it: where that makes no sense, `onDamage` is
 * told, once, and there is nothing to take back.
 */
export function readNote([, , , , data, body]: KeptNote, onDamage: (error: StoreError) => void): UndoNote | undefined {
  const head = decodeHead(data, KEPT_VERSION)
  if (head === undefined) return undefined
  const [size, code, bound] = head.more
  const arbiter = ARBITERS.find((_, i) => i === code)
  if (typeof size !== 'number' || arbiter === undefined || !isNumbers(bound)) return undefined
  const read = once(() => {
    try {
      return understood(decodeNoteBody(body), size)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      onDamage(new StoreError('storage-damaged', `${error.message} What the step did stands.`, { cause: error }))
      return { inverses: none, restored: none }
    }
  })
  return { ...head, size, arbiter, bound, inverses: () => read().inverses, restored: () => read().restored }
}

type Named = Pick<Change, 'writer' | 'seq' | 'at'>

const none: readonly never[] = []

function understood(
  { refs, said }: NoteBody,
  size: number,
): { inverses: readonly Inverse[]; restored: readonly Value[] } {
  const [inverses, restored] = isList(said) ? said : none
  if (isList(inverses) && isList(restored) && inverses.length === size && refs.length === size) {
    return { inverses: invertedBy(refs, inverses), restored }
  }
  throw new ProtocolError('malformed', `A note of how to undo a step has not ${size} operations.`)
}

function invertedBy(refs: NoteBody['refs'], inverses: readonly Value[]): readonly Inverse[] {
  return refs.map(({ tag, address, arbiter }, i) => ({ tag, address, arbiter, inverse: inverses[i]! }))
}

function encodeHead({ session, scope, place }: UndoNote): readonly Value[] {
  const { part, number, order, taken, gone } = place
  return [session, scope, PARTS.indexOf(part), number, order, taken, gone]
}

/** What data begin with, and what comes behind it. */
function decodeHead(
  data: Value,
  known: number,
): (Pick<UndoNote, 'session' | 'scope' | 'place'> & { readonly more: readonly Value[] }) | undefined {
  if (!isList(data) || data[0] !== known) return undefined
  const [, session, scope, kind, number, order, taken, gone, ...more] = data
  const part = PARTS.find((_, i) => i === kind)
  if (typeof session !== 'string' || typeof scope !== 'string' || part === undefined) return undefined
  if (typeof number !== 'number' || typeof order !== 'number' || !isNumbers(taken) || !isNumbers(gone)) return undefined
  return { session, scope, place: { part, number, order, taken, gone }, more }
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}

function isList(data: Value | undefined): data is readonly Value[] {
  return Array.isArray(data)
}

function isNumbers(data: Value | undefined): data is readonly number[] {
  return isList(data) && data.every((one) => typeof one === 'number')
}
