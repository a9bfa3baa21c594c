import type { History, Op, Transaction, Unique } from '../src/index.ts'
import { isInRange } from '../src/history.ts'

/**
 * What the checker must say, found in the slowest and most obvious way: try every order, run the transactions one after the other on plain
 * maps, and see whether they read what the history says.
 */

/** Everything written so far. */
export interface State {
  readonly lists: ReadonlyMap<string, readonly Unique[]>
  readonly registers: ReadonlyMap<string, Unique>
  readonly members: ReadonlyMap<string, readonly string[]>
}

export const nothingWritten: State = { lists: new Map(), registers: new Map(), members: new Map() }

export function write(state: State, [kind, key, value]: Op): State {
  const { lists, registers, members } = state
  if (kind === 'append') return { ...state, lists: new Map(lists).set(key, [...(lists.get(key) ?? []), value]) }
  if (kind === 'write') return { ...state, registers: new Map(registers).set(key, value) }
  if (kind === 'add')
    return { ...state, members: new Map(members).set(key, [...(members.get(key) ?? []), value].toSorted()) }
  return state
}

/** The same operation, with what it would read in this state. */
export function read(state: State, op: Op): Op {
  if (op[0] === 'range') {
    const [kind, key, range] = op
    return [kind, key, range, (state.members.get(key) ?? []).filter((id) => isInRange(id, range))]
  }
  if (op[0] !== 'read') return op
  const [kind, key, value] = op
  return Array.isArray(value) ? [kind, key, state.lists.get(key) ?? []] : [kind, key, state.registers.get(key) ?? null]
}

/** A pair: the first must have committed before the second begins. */
type Before = (first: Transaction, second: Transaction) => boolean

export const inAnyOrder: Before = () => false
export const inRealTime: Before = (a, b) => a.outcome === 'ok' && a.completed! < b.invoked
export const inSessions: Before = (a, b) => a.outcome === 'ok' && a.process === b.process && a.invoked < b.invoked

export type Order = Readonly<Record<string, readonly Unique[]>>

/** Whether some serial order of those that committed, and of any of those that may have, explains every read. */
export function isSerializable(history: History, before: Before = inAnyOrder, versions?: Order): boolean {
  return choices(history).some((chosen) => {
    const search = (state: State, written: readonly Op[], rest: readonly Transaction[]): boolean => {
      if (rest.length === 0) return keepsOrder(written, versions)
      return rest.some((next) => {
        if (rest.some((other) => other !== next && before(other, next))) return false
        const after = run(state, next.ops)
        return (
          after !== undefined &&
          search(
            after,
            [...written, ...next.ops],
            rest.filter((each) => each !== next),
          )
        )
      })
    }
    return search(nothingWritten, [], chosen)
  })
}

/**
 * Whether some order of beginnings and commits explains every read: each transaction reads what had committed when it began, and of two at
 * the same time no two write the same list or register.
 */
export function hasSnapshots(history: History, before: Before = inAnyOrder, versions?: Order): boolean {
  return choices(history).some((chosen) => {
    const search = (
      state: State,
      written: readonly Op[],
      waiting: readonly Transaction[],
      running: readonly { readonly of: Transaction; readonly clashes: ReadonlySet<string> }[],
    ): boolean => {
      if (waiting.length === 0 && running.length === 0) return keepsOrder(written, versions)
      const isDue = (next: Transaction): boolean =>
        !waiting.some((other) => other !== next && before(other, next)) && !running.some(({ of }) => before(of, next))
      return (
        waiting.some(
          (next) =>
            isDue(next) &&
            run(state, next.ops) !== undefined &&
            search(
              state,
              written,
              waiting.filter((each) => each !== next),
              [...running, { of: next, clashes: new Set() }],
            ),
        ) ||
        running.some((next) => {
          const keys = next.of.ops.filter(([kind]) => kind === 'append' || kind === 'write').map(([, key]) => key)
          if (keys.some((key) => next.clashes.has(key))) return false
          const others = running
            .filter((each) => each !== next)
            .map(({ of, clashes }) => ({ of, clashes: new Set([...clashes, ...keys]) }))
          return search(next.of.ops.reduce(write, state), [...written, ...next.of.ops], waiting, others)
        })
      )
    }
    return search(nothingWritten, [], chosen, [])
  })
}

/** The state after these operations, if they read in it what they say. */
function run(state: State, ops: readonly Op[]): State | undefined {
  let now = state
  for (const op of ops) {
    if (JSON.stringify(read(now, op)) !== JSON.stringify(op)) return undefined
    now = write(now, op)
  }
  return now
}

function keepsOrder(written: readonly Op[], versions: Order | undefined): boolean {
  return Object.entries(versions ?? {}).every(([key, order]) => {
    const values = written.flatMap(([kind, of, value]) => (kind === 'write' && of === key ? [value] : []))
    return (
      JSON.stringify(values.filter((value) => order.includes(value))) ===
      JSON.stringify(order.filter((value) => values.includes(value)))
    )
  })
}

/** With each selection of those whose outcome is unknown. */
function choices(history: History): Transaction[][] {
  return history.reduce<Transaction[][]>(
    (chosen, transaction) => {
      if (transaction.outcome === 'fail') return chosen
      const withIt = chosen.map((each) => [...each, transaction])
      return transaction.outcome === 'ok' ? withIt : [...withIt, ...chosen]
    },
    [[]],
  )
}
