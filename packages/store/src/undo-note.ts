import type { Change, Inverse, Value } from '@syncline/stm'
import type { Part, Place } from './undo-line.ts'

/** What the local part of a Change keeps so that the Change can be taken back. */
export interface UndoNote {
  /** The line of tabs, one after the other, that may take it back. */
  readonly session: string
  readonly scope: string
  readonly place: Place
  /** For each operation. */
  inverses(): readonly Inverse[]
  /** For each operation of a Change that took others back, what it puts back; else nothing. */
  readonly restored: readonly Value[]
  /** The places of the operations on `relay` refs whose inverses hold only if nobody has written there since the Change was asked for. */
  readonly bound: readonly number[]
}

const VERSION = 2
const PARTS: readonly Part[] = ['step', 'undo', 'redo']

/** The note as data: `[2, session, scope, part, number, order, [taken, …], [gone, …], [inverse or null, …], [restored, …], [bound, …]]`. */
export function encodeNote(note: UndoNote): Value {
  const { session, scope, place, restored, bound } = note
  const { part, number, order, taken, gone } = place
  const kept = note.inverses().map(({ inverse }) => inverse)
  return [VERSION, session, scope, PARTS.indexOf(part), number, order, taken, gone, kept, restored, bound]
}

/** The note in data, with the operations of its Change; undefined when there is none that this version can read. */
export function decodeNote(data: Value, { ops }: Change): UndoNote | undefined {
  if (!Array.isArray(data)) return undefined
  const [version, session, scope, kind, number, order, taken, gone, inverses, restored, bound] =
    data as readonly Value[]
  const part = typeof kind === 'number' ? PARTS[kind] : undefined
  if (version !== VERSION || part === undefined) return undefined
  if (typeof session !== 'string' || typeof scope !== 'string') return undefined
  if (typeof number !== 'number' || typeof order !== 'number') return undefined
  if (!isNumbers(taken) || !isNumbers(gone) || !isNumbers(bound)) return undefined
  if (!Array.isArray(inverses) || !Array.isArray(restored) || inverses.length !== ops.length) return undefined
  const kept = ops.map(({ tag, address, arbiter }, i) => ({ tag, address, arbiter, inverse: inverses[i] as Value }))
  const place = { part, number, order, taken, gone }
  return { session, scope, place, inverses: () => kept, restored: restored as readonly Value[], bound }
}

function isNumbers(data: Value | undefined): data is readonly number[] {
  return Array.isArray(data) && data.every((one) => typeof one === 'number')
}
