import { cellKeyOf, type CellKey, type Change, type Stamp, type WriterId } from '@syncline/stm'

/** A Change that the relay is to decide about, and that can be taken back when it has. */
export interface Asked<S> {
  /** What it will be a part of. */
  readonly of: S
  /** It has its place in the relay's order. `isMoved` tells which cells others have written since it was asked for. */
  land(change: Change, ordered: Stamp, isMoved: (key: CellKey) => boolean): void
}

/** The Changes that the relay is to decide about, by the writers that were made for them. Each is part of an `S`. */
export interface AskedChanges<S> {
  has(writer: WriterId): boolean
  /** Whether one of them is part of this. */
  isIn(of: S): boolean
  ask(writer: WriterId, asked: Asked<S>): void
  /** It was not accepted. */
  dismiss(writer: WriterId): void
  /** The log has been read: those that are part of something else are nobody's here. */
  keepOnly(of: S): void
  /** A Change has its place in the relay's order, and is stamped by so much more. To be told of each one, in that order. */
  onOrdered(change: Change, relaySeq: number, shift: number): void
}

/** Makes an empty set. Cost: one number for each `relay` ref that is written while the log is read, or while there is one. */
export function createAskedChanges<S>(): AskedChanges<S> {
  const waiting = new Map<WriterId, Asked<S>>()
  /** Where in the relay's order each cell was written last, since the oldest of them was asked for. */
  const writtenAt = new Map<CellKey, number>()
  /** In the log one stands behind what had come when it was asked for, and perhaps behind more. */
  let isReading = true

  function forget(): void {
    if (!isReading && waiting.size === 0) writtenAt.clear()
  }

  return {
    has: (writer) => waiting.has(writer),
    isIn: (of) => [...waiting.values()].some((asked) => asked.of === of),
    ask: (writer, asked) => void waiting.set(writer, asked),
    dismiss(writer) {
      waiting.delete(writer)
      forget()
    },
    keepOnly(of) {
      for (const [writer, asked] of waiting) if (asked.of !== of) waiting.delete(writer)
      isReading = false
      forget()
    },
    onOrdered(change, relaySeq, shift) {
      const { writer, deps, ops } = change
      const asked = waiting.get(writer)
      waiting.delete(writer)
      const isMoved = (key: CellKey): boolean => (writtenAt.get(key) ?? 0) > deps.relaySeq
      asked?.land(change, { at: relaySeq + shift, writer }, isMoved)
      forget()
      if (!isReading && waiting.size === 0) return
      for (const op of ops) if (op.arbiter === 'relay') writtenAt.set(cellKeyOf(op), relaySeq)
    },
  }
}
