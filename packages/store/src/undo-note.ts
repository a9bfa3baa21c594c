import type { Change, Inverse, Value } from '@syncline/stm'
import type { Part } from './undo-line.ts'

/** What the local part of a Change keeps so that the Change can be taken back. */
export interface UndoNote {
  /** The line of tabs, one after the other, that may take it back. */
  readonly session: string
  readonly scope: string
  readonly part: Part
  readonly number: number
  /** For each operation. */
  inverses(): readonly Inverse[]
  /** For each operation of a Change that took others back, what it puts back; else nothing. */
  readonly restored: readonly Value[]
}

const VERSION = 1
const PARTS: readonly Part[] = ['step', 'more', 'undo', 'redo']

/** The note as data: `[1, session, scope, part, number, [inverse or null, …], [restored, …]]`. */
export function encodeNote({ session, scope, part, number, inverses, restored }: UndoNote): Value {
  return [VERSION, session, scope, PARTS.indexOf(part), number, inverses().map(({ inverse }) => inverse), restored]
}

/** The note in data, with the operations of its Change; undefined when there is none that this version can read. */
export function decodeNote(data: Value, { ops }: Change): UndoNote | undefined {
  if (!Array.isArray(data)) return undefined
  const [version, session, scope, kind, number, inverses, restored] = data as readonly Value[]
  const part = typeof kind === 'number' ? PARTS[kind] : undefined
  if (version !== VERSION || part === undefined) return undefined
  if (typeof session !== 'string' || typeof scope !== 'string' || typeof number !== 'number') return undefined
  if (!Array.isArray(inverses) || !Array.isArray(restored) || inverses.length !== ops.length) return undefined
  const kept = ops.map(({ tag, address, arbiter }, i) => ({ tag, address, arbiter, inverse: inverses[i] as Value }))
  return { session, scope, part, number, inverses: () => kept, restored: restored as readonly Value[] }
}
