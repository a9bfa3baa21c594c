import {
  cellKey,
  invert,
  takeBack,
  type CellKey,
  type Change,
  type Inverse,
  type LeftPart,
  type Op,
  type Past,
  type Stamp,
  type Tx,
  type UndoneChange,
  type Value,
} from '@syncline/stm'
import type { Replica } from './replica.ts'

/** A replica whose user takes back and does again: the smallest thing that keeps inverses as a store does. */
export interface Undoing {
  readonly replica: Replica
  /** Commits `body`. With `join` it becomes part of the step before. */
  transact(body: (tx: Tx) => void, join?: boolean): Change | undefined
  undo(): Taken | undefined
  redo(): Taken | undefined
  readonly undoable: number
  readonly redoable: number
}

/** What became of one undo or redo. */
export interface Taken {
  readonly change: Change | undefined
  readonly superseded: readonly LeftPart[]
}

/** All inverses travel as data would: what is kept on disk is what is read from it. */
export function createUndoing(replica: Replica, encode: <T extends Value>(value: T) => T = structuredClone): Undoing {
  const undos: UndoneChange[][] = []
  const redos: UndoneChange[][] = []
  const restored = new Map<string, Map<CellKey, Value>>()

  const pastOf = (key: CellKey): Past => ({
    now: (stamp) => stamp,
    restored: (stamp) => restored.get(nameOf(stamp))?.get(key),
    restorations: () => [...restored.values()].flatMap((byCell) => (byCell.has(key) ? [byCell.get(key)!] : [])),
  })

  function kept(ops: readonly Op[]): readonly Inverse[] {
    return invert(replica.memory, ops, pastOf)!().map((one) => ({ ...one, inverse: encode(one.inverse) }))
  }

  function take(from: UndoneChange[][], to: UndoneChange[][]): Taken | undefined {
    const step = from.pop()
    if (step === undefined) return undefined
    const taken = takeBack(replica.memory, step.toReversed(), pastOf)
    if (taken.ops.length === 0) return { change: undefined, superseded: taken.superseded }
    const inverses = kept(taken.ops)
    const change = replica.commit(taken.ops)
    const stamp = { at: change.at, writer: change.writer }
    restored.set(
      nameOf(stamp),
      new Map(taken.ops.map(({ tag, address }, i) => [cellKey(tag, address), encode(taken.restored[i]!)])),
    )
    to.push([{ stamp, inverses }])
    return { change, superseded: taken.superseded }
  }

  return {
    replica,
    transact(body, join = false) {
      let inverses: readonly Inverse[] = []
      const change = replica.transact(body, (ops) => (inverses = kept(ops)))
      if (change === undefined) return undefined
      const undone = { stamp: { at: change.at, writer: change.writer }, inverses }
      if (join && undos.length > 0 && redos.length === 0) undos.at(-1)!.push(undone)
      else undos.push([undone])
      redos.length = 0
      return change
    },
    undo: () => take(undos, redos),
    redo: () => take(redos, undos),
    get undoable() {
      return undos.length
    },
    get redoable() {
      return redos.length
    },
  }
}

function nameOf({ at, writer }: Stamp): string {
  return `${at} ${writer}`
}
