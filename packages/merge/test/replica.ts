import {
  changeId,
  createMemory,
  draft,
  emptyBasis,
  sealPure,
  type CellKey,
  type Change,
  type Memory,
  type Op,
  type Policy,
  type Readable,
  type Tx,
  type Value,
} from '@syncline/stm'
import { tick, witness } from '../src/index.ts'
import { canonicalText } from './canonical.ts'

/** One replica of a small model of a space: a memory, a clock, and the Changes it has, each applied once whatever arrives. */
export interface Replica {
  readonly writer: string
  readonly memory: Memory
  /** Commits the writes of `body`; undefined when it wrote nothing. */
  transact(body: (tx: Tx) => void, beforeCommit?: (ops: readonly Op[]) => void): Change | undefined
  /** Commits operations that were made somewhere else. */
  commit(ops: readonly Op[]): Change
  /** Takes a Change that came from somewhere; false when it was here already. */
  receive(change: Change): boolean
  has(change: Change): boolean
  /** Whether everything that the author of `change` had seen is here. */
  isReadyFor(change: Change): boolean
}

export function createReplica(writer: string, policies: readonly Policy[], nowMs: () => number = () => 1): Replica {
  const memory = createMemory()
  for (const policy of policies) memory.adopt(policy)
  const seen = new Set<string>()
  const seqs = new Map<string, number>()
  let clock = 0
  let seq = 0

  function take(change: Change): void {
    seen.add(idOf(change))
    seqs.set(change.writer, Math.max(seqs.get(change.writer) ?? 0, change.seq))
    memory.apply(change.ops, { at: change.at, writer: change.writer }, emptyBasis)
  }

  function commit(ops: readonly Op[]): Change {
    const at = tick(clock, nowMs())
    const deps = { ...emptyBasis, writers: new Map([...seqs].filter(([other]) => other !== writer)) }
    clock = at
    seq += 1
    // What travels is encoded, so nothing is shared between replicas.
    const change: Change = { writer, seq, deps, at, ops: copyOf(ops), effects: [], meta: null }
    take(change)
    return change
  }

  return {
    writer,
    memory,
    transact(body, beforeCommit) {
      const at = tick(clock, nowMs())
      const context = { stamp: { at, writer }, seed: `${writer}${seq + 1}` }
      const ops = sealPure(draft(memory, body, context).writes, context)
      if (ops.length === 0) return undefined
      beforeCommit?.(ops)
      return commit(ops)
    },
    commit,
    receive(change) {
      if (seen.has(idOf(change))) return false
      clock = witness(clock, change.at)
      take({ ...change, ops: copyOf(change.ops) })
      return true
    },
    has: (change) => seen.has(idOf(change)),
    isReadyFor(change) {
      const own = change.writer === writer ? seq : (seqs.get(change.writer) ?? 0)
      if (own < change.seq - 1) return false
      for (const [other, n] of change.deps.writers) if ((seqs.get(other) ?? 0) < n) return false
      return true
    },
  }
}

const changeIds = new WeakMap<Change, string>()

/** The id of a Change, which a history asks for again and again. */
function idOf(change: Change): string {
  let id = changeIds.get(change)
  if (id === undefined) changeIds.set(change, (id = changeId(change)))
  return id
}

/** What `structuredClone` makes of operations, without a serialised form in between: that took a tenth of all the time. */
const copyOf = (ops: readonly Op[]): Op[] => ops.map((op) => ({ ...op, payload: copyOfValue(op.payload) }))

function copyOfValue(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(copyOfValue)
  if (value instanceof Uint8Array) return value.slice()
  const copy: Record<string, Value> = {}
  for (const [key, part] of Object.entries(value)) {
    // Set in the usual way it would be something else than a key.
    if (key === '__proto__') Object.defineProperty(copy, key, { value: copyOfValue(part), enumerable: true })
    else copy[key] = copyOfValue(part)
  }
  return copy
}

/** The state of a cell as plain data with one form for one meaning, for comparing replicas. */
export function canonical(state: unknown): unknown {
  if (state === undefined) return null
  if (state instanceof Map) return sorted([...state].map(([k, v]) => [k, canonical(v)]))
  if (typeof state !== 'object' || state === null || state instanceof Uint8Array) return state
  if (Array.isArray(state)) return state.map(canonical)
  const node = state as Record<string, any>
  if ('parts' in node) return sorted([...nodesOf(node, [])])
  if ('shape' in node) {
    const fields = node.shape.names.map((name: string, i: number) => {
      const stamp = node.shape.kinds[i] === 1 ? null : (node.stamps?.[i] ?? node.stamp)
      return [node.shape.kinds[i], name, canonical(node.values[i]), stamp]
    })
    const seen = node.seen === undefined ? [] : [canonical(node.seen.stamps), node.seen.deleted]
    return [node.incarnation, node.created ?? null, node.deleted ?? null, sorted(fields), ...seen]
  }
  if ('items' in node) {
    return node.items.map((item: any) => [
      item.id,
      item.removed ?? null,
      item.key ?? null,
      item.key === undefined ? null : item.keyStamp,
      item.value ?? null,
      item.value === undefined ? null : item.valueStamp,
    ])
  }
  return sorted(
    Object.entries(node)
      .filter(([key]) => key !== 'lastView')
      .map(([key, value]) => [key, canonical(value)]),
  )
}

/** What was written at each place of a register, with its stamp. */
function* nodesOf(node: Record<string, any>, path: readonly string[]): Generator<unknown> {
  if (node.stamp !== undefined) yield ['at', path, node.kind, canonical(node.value), node.stamp]
  for (const [key, part] of node.parts) yield* nodesOf(part, [...path, key])
}

/** By their text. */
function sorted(parts: readonly unknown[]): readonly unknown[] {
  if (parts.length < 2) return parts
  return parts
    .map((part) => [JSON.stringify(part), part] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, part]) => part)
}

/** All that a replica holds and shows of these cells and readables, as text. */
export function picture(memory: Memory, cells: Iterable<CellKey>, readables: readonly Readable<unknown>[]): string {
  const states = [...cells].map((key) => {
    const state = memory.state(key)
    const content = memory.policy(key.slice(0, key.indexOf(' ')))?.content?.(state)
    return [key, canonical(state), canonicalText(content)]
  })
  const values = readables.map((readable) => {
    const value = memory.snapshot.get(readable)
    // As text in two ways: also the order of keys is the same everywhere.
    return [readable.key, value ?? null, canonicalText(value as Value | undefined)]
  })
  return JSON.stringify([sorted(states), values])
}
