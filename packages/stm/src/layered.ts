import { behindOf, setBehind } from './behind.ts'
import type { Op, Stamp } from './change.ts'
import { collectionOf, familyIn, memberPrefix, sortedKey, sortingOf, type Group } from './family.ts'
import type { View } from './memory.ts'
import { judged } from './reading.ts'
import type { Policy } from './policy.ts'
import { cellKey, type AnyCollection, type AnyList, type AnyRef, type CellKey, type Readable } from './ref.ts'
import { itemsOf, type Snapshot } from './snapshot.ts'
import type { SortedSet } from './sorted.ts'
import { speculate } from './speculation.ts'

/** A view with Changes on top of it that no memory has yet. */
interface LayeredView extends View {
  readonly base: View
  readonly states: ReadonlyMap<CellKey, unknown>
}

/** Layers by themselves, so that one more lies on the memory and not on the others: a long pile reads as fast as a flat one. */
const layers = new WeakMap<View, LayeredView>()

/**
 * A view as it will be once the operations of one more Change are applied. `policyOf` finds the policies of a memory;
 * `depth` says how many bodies lie in it that nobody commits.
 *
 * It lets transactions that commit together see each other's writes before anybody else does. Cost: what the layers touch; of a collection
 * or list that is read, one entry of a sorted set for each member that they change.
 *
 * @example
 * import { createMemory, layered } from '@syncline/stm'
 *
 * const title = register('title', '')
 * const memory = createMemory()
 * memory.adopt(title.policy)
 * const op = { tag: 'register', address: 'title', arbiter: 'local', payload: ['Hello'] } as const
 * const later = layered(memory.view, [op], { at: 1, writer: 'w1' }, memory.policy)
 * expect([later.snapshot.get(title), memory.snapshot.get(title)]).toEqual(['Hello', ''])
 */
export function layered(
  under: View,
  ops: readonly Op[],
  stamp: Stamp,
  policyOf: (tag: string) => Policy | undefined,
  depth = 0,
): View {
  const base = layers.get(under)?.base ?? under
  const states = new Map(layers.get(under)?.states)
  for (const op of ops) {
    const policy = policyOf(op.tag)
    // As in the memory itself, what nobody can read yet waits.
    if (policy === undefined) continue
    const key = cellKey(op.tag, op.address, op.arbiter)
    const before: unknown = states.has(key) ? states.get(key) : base.state(key)
    states.set(key, policy.apply(before, op.payload, stamp))
  }
  const view = viewOver(base, states, depth)
  layers.set(view, view)
  return view
}

/** The cells that a view has on top of its memory, if any. */
export function layerOver(view: View): ReadonlyMap<CellKey, unknown> | undefined {
  return layers.get(view)?.states
}

function viewOver(base: View, states: ReadonlyMap<CellKey, unknown>, depth: number): LayeredView {
  const sets = new Map<CellKey, SortedSet>()

  function state(key: CellKey): unknown {
    return states.has(key) ? states.get(key) : base.state(key)
  }

  function sorted(readable: AnyCollection | AnyList): SortedSet {
    const key = sortedKey(readable)
    const kept = sets.get(key)
    if (kept !== undefined) return kept
    const policy = base.adopt(collectionOf(readable).policy)
    const prefix = memberPrefix(readable)
    const { entryOfState } = sortingOf(readable)
    const added: string[] = []
    const removed: string[] = []
    for (const [member, after] of states) {
      if (!member.startsWith(prefix)) continue
      const id = member.slice(prefix.length)
      const was = entryOfState(readable, policy, id, base.state(member))
      const is = entryOfState(readable, policy, id, after)
      if (was === is) continue
      if (was !== undefined) removed.push(was)
      if (is !== undefined) added.push(is)
    }
    const set = base.sorted(readable).change(added, removed)
    sets.set(key, set)
    return set
  }

  function get(readable: Readable<unknown>): unknown {
    // The kind tells which of the readables it is.
    if (readable.kind === 'ref') {
      const ref = readable as AnyRef
      return base.adopt(ref.policy).read(state(ref.key), ref)
    }
    const group = readable as Group
    return sortingOf(group).idsIn(group, sorted(familyIn(group)))
  }

  const snapshot: Snapshot = {
    basis: base.snapshot.basis,
    isSpeculative: true,
    get: <V>(readable: Readable<V>) => get(readable) as V,
    read: (ref) => judged(ref, snapshot.get(ref), base.adopt(ref.policy), state(ref.key)),
    items: (collection) => itemsOf(snapshot, collection),
    with: (body) => speculate(snapshot, body).snapshot,
  }
  const view: LayeredView = {
    base,
    states,
    snapshot,
    get: snapshot.get,
    adopt: base.adopt,
    state,
    stateOf: ({ key }) => state(key),
    sorted,
  }
  const behind = behindOf(base.snapshot)
  if (behind !== undefined) setBehind(snapshot, { ...behind, view, over: states, depth })
  return view
}
