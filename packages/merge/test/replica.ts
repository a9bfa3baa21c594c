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
    seen.add(changeId(change))
    seqs.set(change.writer, Math.max(seqs.get(change.writer) ?? 0, change.seq))
    memory.apply(change.ops, { at: change.at, writer: change.writer }, emptyBasis)
  }

  function commit(ops: readonly Op[]): Change {
    const at = tick(clock, nowMs())
    const deps = { ...emptyBasis, writers: new Map([...seqs].filter(([other]) => other !== writer)) }
    clock = at
    seq += 1
    // What travels is encoded, so nothing is shared between replicas.
    const change: Change = { writer, seq, deps, at, ops: structuredClone(ops) as Op[], effects: [], meta: null }
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
      if (seen.has(changeId(change))) return false
      clock = witness(clock, change.at)
      take(structuredClone(change))
      return true
    },
    has: (change) => seen.has(changeId(change)),
    isReadyFor(change) {
      const own = change.writer === writer ? seq : (seqs.get(change.writer) ?? 0)
      return own >= change.seq - 1 && [...change.deps.writers].every(([other, n]) => (seqs.get(other) ?? 0) >= n)
    },
  }
}

/** The state of a cell as plain data with one form for one meaning, for comparing replicas. */
export function canonical(state: unknown): unknown {
  if (state === undefined) return null
  if (state instanceof Map) return [...state].map(([k, v]) => [k, canonical(v)]).sort(byText)
  if (typeof state !== 'object' || state === null || state instanceof Uint8Array) return state
  if (Array.isArray(state)) return state.map(canonical)
  const node = state as Record<string, any>
  if ('parts' in node) return [...nodesOf(node, [])].sort(byText)
  if ('shape' in node) {
    const fields = node.shape.names.map((name: string, i: number) => {
      const stamp = node.shape.kinds[i] === 1 ? null : (node.stamps?.[i] ?? node.stamp)
      return [node.shape.kinds[i], name, canonical(node.values[i]), stamp]
    })
    const seen = node.seen === undefined ? [] : [canonical(node.seen.stamps), node.seen.deleted]
    return [node.incarnation, node.created ?? null, node.deleted ?? null, fields.sort(byText), ...seen]
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
  return Object.entries(node)
    .filter(([key]) => key !== 'lastView')
    .map(([key, value]) => [key, canonical(value)])
    .sort(byText)
}

/** What was written at each place of a register, with its stamp. */
function* nodesOf(node: Record<string, any>, path: readonly string[]): Generator<unknown> {
  if (node.stamp !== undefined) yield ['at', path, node.kind, canonical(node.value), node.stamp]
  for (const [key, part] of node.parts) yield* nodesOf(part, [...path, key])
}

function byText(a: unknown, b: unknown): number {
  const x = JSON.stringify(a)
  const y = JSON.stringify(b)
  return x < y ? -1 : x > y ? 1 : 0
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
  return JSON.stringify([states.sort(byText), values])
}
