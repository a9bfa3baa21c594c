import {
  cellKey,
  cellKeyOf,
  type CellKey,
  type Change,
  type Folding,
  type Past,
  type Stamp,
  type Value,
} from '@syncline/stm'
import type { Reworded } from './renames.ts'
import { createRestored, type Restored } from './restored.ts'
import { createUndoLine, type OwnChange, type UndoLine } from './undo-line.ts'
import type { UndoNote } from './undo-note.ts'

/** What one tab, and those before it whose work it goes on with, can take back: a line for each scope. */
export interface UndoSession {
  readonly lines: ReadonlyMap<string, UndoLine>
  line(scope: string): UndoLine
  /** A Change of this session has been made. */
  add(change: OwnChange, note: UndoNote): void
  /** The same of one that was heard of: what it has put back is read when somebody asks. */
  addHeard(change: OwnChange, note: UndoNote): void
  /** What is known of the Changes that took others back, as far as a cell is concerned. */
  past(key: CellKey): Past
  /** A Change has been authored again; `reworded` says what is kept with it as it is now, where that is another. */
  rename(from: Change, to: Change, reworded?: Reworded): void
}

/** Makes an empty session. `now` says which stamp a Change has that was authored again. */
export function createUndoSession(now: (stamp: Stamp) => Stamp): UndoSession {
  const lines = new Map<string, UndoLine>()
  /** By the stamp that the Change has now; what it put back on `relay` refs also by the stamp of that. */
  const restored = createRestored()

  function line(scope: string): UndoLine {
    let found = lines.get(scope)
    if (found === undefined) lines.set(scope, (found = createUndoLine()))
    return found
  }

  return {
    lines,
    line,
    add(change, note) {
      line(note.scope).add(change, note.place)
      if (note.place.part === 'step') return
      const byCell = restoredIn(note)
      for (const stamp of stampsOf(change)) restored.remember(stamp, byCell)
    },
    addHeard(change, note) {
      line(note.scope).add(change, note.place)
      if (note.place.part === 'step') return
      for (const stamp of stampsOf(change)) restored.rememberLater(stamp, () => restoredIn(note))
    },
    past: (key) => new PastOfCell(key, now, restored),
    rename(from, to, reworded) {
      const refs = new Map(from.ops.map((op) => [cellKeyOf(op), op]))
      restored.rename(stampKey(from), stampKey(to), (key, value) => {
        const ref = refs.get(key)
        return ref === undefined || reworded === undefined ? value : reworded.restored(ref, value)
      })
      for (const one of lines.values()) one.rename(from, to, reworded)
    },
  }
}

/** The stamps that the operations of a Change have. */
function stampsOf({ stamp, ordered }: OwnChange): readonly string[] {
  return ordered === undefined ? [stampKey(stamp)] : [stampKey(stamp), stampKey(ordered)]
}

/** What a Change that took others back has put back in each cell. */
function restoredIn(note: UndoNote): ReadonlyMap<CellKey, Value> {
  const values = note.restored()
  const byCell = new Map<CellKey, Value>()
  note.inverses().forEach(({ tag, address, arbiter }, i) => {
    const value = values[i]
    if (value !== undefined) byCell.set(cellKey(tag, address, arbiter), value)
  })
  return byCell
}

/** A class, because each commit asks for the past of what it writes. */
class PastOfCell implements Past {
  readonly #key: CellKey
  readonly #now: (stamp: Stamp) => Stamp
  readonly #restored: Restored

  constructor(key: CellKey, now: (stamp: Stamp) => Stamp, restored: Restored) {
    this.#key = key
    this.#now = now
    this.#restored = restored
  }

  now(stamp: Stamp): Stamp {
    return this.#now(stamp)
  }

  restored(stamp: Stamp): Value | undefined {
    return this.#restored.has(this.#key) ? this.#restored.get(stampKey(stamp), this.#key) : undefined
  }

  restorations(): Iterable<Value> {
    return this.#restored.of(this.#key)
  }

  folded<T>(folding: Folding<T>): T {
    return this.#restored.folded(this.#key, folding)
  }
}

/** One text for one stamp. */
export function stampKey({ at, writer }: Stamp): string {
  return `${at} ${writer}`
}
