import {
  cellKeyOf,
  type Basis,
  type CellKey,
  type Change,
  type ChangeId,
  type DistilledCell,
  type Memory,
  type Op,
  type Policy,
  type Stamp,
  type UnreadOp,
} from '@syncline/stm'
import type { Away } from './away.ts'
import type { Pending } from './pending.ts'
import { stampOf, stampText } from './stamps.ts'

/** A cell that pending Changes touch. */
export interface Overlaid {
  /** How many operations of them. */
  operations: number
  /** The state without them. */
  acknowledged: unknown
  /** The Yjs clients that have written in them, once somebody has asked. */
  clients?: ReadonlySet<number> | undefined
}

/**
 * The operations of pending Changes lie over what the relay has ordered: in the memory are the states with them, and here, of the cells that they touch, those without.
 * What is away is not among them.
 */
export interface Overlay {
  readonly cells: Map<CellKey, Overlaid>
  /** The operations of a pending Change come to lie over what they touch. To be called before they are applied. */
  lay(ops: readonly Op[]): void
  /** The same of Changes that were counted in the states all the time, with nothing under them. */
  surface(woken: readonly Pending[]): void
  /** Those of a pending Change become part of what is under the others. */
  acknowledge(change: Change): void
  /** Those of a Change of somebody else come to lie under the pending ones. */
  underlay(change: Change): void
  /** Those of Changes that are pending no more are gone, as far as they had been laid: these cells are to be computed anew. */
  lift(changes: Iterable<Change>): ReadonlySet<CellKey>
  /** Computes cells anew: the acknowledged state, and the pending operations that are left, in their order. */
  rebuild(keys: ReadonlySet<CellKey>): ReadonlySet<CellKey>
  /** Computes anew, live documents too, what an ordered Change has touched where the pending ones cannot just stay over it. `isOwn` when it was pending itself. */
  setRight(change: Change, isOwn: boolean): Iterable<CellKey>
  /** Operations that waited for their policy become readable: pending ones lie over the others. */
  learn(policy: Policy, waiting: readonly UnreadOp[]): void
  /** What the relay has ordered, and what needs no order, as it is now: what need be kept of it. Undefined when a policy cannot say its states. */
  acknowledged(): Iterable<DistilledCell> | undefined
}

/** Makes the overlay of what is `pending` and awake. `basis` is what the memory is at, and `reset` makes live documents anew. */
export function createOverlay(
  memory: Memory,
  pending: () => ReadonlyMap<ChangeId, Pending>,
  isSomeAsleep: () => boolean,
  basis: () => Basis,
  reset: (keys: ReadonlySet<CellKey>) => void,
  away: () => Away,
): Overlay {
  const cells = new Map<CellKey, Overlaid>()

  /** One more operation lies over a cell. */
  function add(op: Op, stateUnder: (op: Op) => unknown): void {
    const key = cellKeyOf(op)
    const cell = cells.get(key)
    if (cell === undefined) cells.set(key, { operations: 1, acknowledged: stateUnder(op) })
    else {
      cell.operations += 1
      cell.clients = undefined
    }
  }

  function fold(cell: Overlaid, op: Op, stamp: Stamp): void {
    cell.acknowledged = memory.policy(op.tag)?.apply(cell.acknowledged, op.payload, stamp)
  }

  function rebuild(keys: ReadonlySet<CellKey>): ReadonlySet<CellKey> {
    const states = new Map<CellKey, unknown>()
    for (const key of keys) states.set(key, cells.get(key)!.acknowledged)
    for (const { change } of pending().values()) {
      for (const op of change.ops) {
        const key = cellKeyOf(op)
        if (keys.has(key)) states.set(key, memory.policy(op.tag)?.apply(states.get(key), op.payload, stampOf(change)))
      }
    }
    for (const key of keys) if (cells.get(key)!.operations === 0) cells.delete(key)
    return memory.put(states, basis())
  }

  function clientsIn(key: CellKey): ReadonlySet<number> {
    const clients = new Set<number>()
    for (const { change } of pending().values()) {
      for (const op of change.ops) {
        if (cellKeyOf(op) !== key) continue
        const renaming = memory.policy(op.tag)?.renaming
        for (const { client } of renaming?.written(op.payload) ?? none) clients.add(client)
        if (renaming?.divides?.(op.payload) === true) clients.add(DIVIDED)
      }
    }
    return clients
  }

  return {
    cells,
    lay(ops) {
      memory.place(ops, Infinity)
      const isBare = isSomeAsleep()
      for (const op of away().present(ops)) add(op, isBare ? nobodyWrote : memory.stateOn)
    },
    surface(woken) {
      for (const { change } of woken) {
        memory.place(change.ops, Infinity)
        for (const op of change.ops) add(op, nobodyWrote)
      }
      // Those that wait for their policy come as they were made, in place of what was made of them.
      memory.forget((_, { arbiter }, isLaid) => isLaid && arbiter !== 'browser', opsOf(woken))
    },
    acknowledge(change) {
      for (const op of change.ops) {
        const key = cellKeyOf(op)
        const cell = cells.get(key)
        // Nothing lies over what is away.
        if (cell === undefined) continue
        cell.operations -= 1
        if (cell.operations === 0) cells.delete(key)
        else fold(cell, op, stampOf(change))
      }
    },
    underlay(change) {
      if (cells.size === 0) return
      for (const op of change.ops) {
        const cell = cells.get(cellKeyOf(op))
        if (cell !== undefined) fold(cell, op, stampOf(change))
      }
    },
    lift(changes) {
      const affected = new Set<CellKey>()
      for (const { ops } of changes) {
        for (const op of away().present(ops)) {
          const key = cellKeyOf(op)
          affected.add(key)
          cells.get(key)!.operations -= 1
        }
      }
      return affected
    },
    rebuild,
    /**
     * Whoever has written under a Yjs client of something pending, and has not said so to the relay: which of both a document takes depends on
     * which it is given first. So do operations that divide those before them from those after them. So these are computed in the relay's order, as everybody else has them.
     */
    setRight({ ops }, isOwn) {
      let wrong: Set<CellKey> | undefined
      for (const op of cells.size === 0 ? none : ops) {
        const renaming = memory.policy(op.tag)?.renaming
        const key = renaming && cellKeyOf(op)
        const cell = key && cells.get(key)
        if (cell === undefined) continue
        const clients = (cell.clients ??= clientsIn(key!))
        const isWrong =
          clients.has(DIVIDED) ||
          renaming!.divides?.(op.payload) === true ||
          (!isOwn && renaming!.written(op.payload).some(({ client }) => clients.has(client)))
        if (isWrong) (wrong ??= new Set()).add(key!)
      }
      if (wrong === undefined) return none
      const changed = rebuild(wrong)
      reset(wrong)
      return changed
    },
    learn(policy, waiting) {
      // Under what is asleep there is nothing.
      if (waiting.length === 0 || isSomeAsleep()) return
      // Of all that is pending mostly few are looked for, and to put a text together for each takes long.
      const times = new Set<number>()
      for (const { stamp } of waiting) times.add(stamp.at)
      const stamps = new Set<string>()
      for (const { change } of pending().values()) if (times.has(change.at)) stamps.add(stampText(change))
      let last: Stamp | undefined
      let isPending = false
      for (const { op, stamp } of waiting) {
        // Those of one Change have one.
        if (stamp !== last) {
          last = stamp
          isPending = stamps.has(stampText(stamp))
        }
        const cell = isPending ? undefined : cells.get(cellKeyOf(op))
        // It is not known yet to the memory.
        if (cell !== undefined) cell.acknowledged = policy.apply(cell.acknowledged, op.payload, stamp)
      }
    },
    acknowledged() {
      const stamps = new Set<string>()
      for (const { change } of pending().values()) stamps.add(stampText(change))
      const acknowledged = new Map<CellKey, unknown>()
      for (const [key, cell] of cells) acknowledged.set(key, cell.acknowledged)
      // What a pending Change has done to browser refs is done.
      const counts = ({ op, stamp }: UnreadOp): boolean => op.arbiter === 'browser' || !stamps.has(stampText(stamp))
      return memory.distilled({ inPlaceOf: acknowledged, counts })
    },
  }
}

function* opsOf(all: readonly Pending[]): Iterable<UnreadOp> {
  for (const { change } of all) for (const op of change.ops) yield { op, stamp: stampOf(change) }
}

function nobodyWrote(): undefined {}

/** Among the clients of what is pending: something of it divides. */
const DIVIDED = -1
const none: readonly never[] = []
