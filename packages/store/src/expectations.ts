import { contentId, type ContentId, type Expectation } from '@syncline/protocol'
import {
  cellKey,
  StmError,
  type AnyCollection,
  type AnyList,
  type AnyRef,
  type CellKey,
  type DraftWrite,
  type Memory,
  type Op,
  type Policy,
  type Range,
  type Readable,
  type Stamp,
} from '@syncline/stm'

/** What a transaction on `relay` refs depends on, and does. */
export interface Dependence {
  /** What it read, or ensured, and must find again. */
  readonly checked: readonly Readable<unknown>[]
  readonly writes: readonly DraftWrite[]
  readonly ops: readonly Op[]
  /** A stamp that is later than all in the memory, as the place of the Change in the relay's log will be. */
  readonly next: Stamp
}

/**
 * What the relay must find for a transaction to commit: the contents of the `relay` refs that it read or wrote, as the memory has them now.
 * What it commuted, or writes with `onConflict: 'merge'`, it does not depend on. Refs with another arbiter are not the relay's.
 *
 * Throws `StmError` `invalid-write` for a ref whose content cannot be told.
 */
export function expectationsOf(memory: Memory, { checked, writes, ops, next }: Dependence): Expectation[] {
  const expected = new Map<CellKey, Expectation>()

  function expectRef(ref: AnyRef, payload: Op['payload'] | undefined): void {
    if (ref.arbiter !== 'relay' || ref.options.onConflict === 'merge') return
    const policy = memory.adopt(ref.policy)
    const state: unknown = memory.state(ref.key)
    const content = contentOf(policy, state, ref)
    const after = payload === undefined ? undefined : contentOf(policy, policy.apply(state, payload, next), ref)
    expected.set(ref.key, { kind: 'ref', tag: policy.tag, address: ref.address, content, after })
  }

  function expectIds(of: AnyCollection | AnyList, readable: Readable<unknown>, bounds: Range | undefined): void {
    const collection = of.kind === 'list' ? of.collection : of
    if (collection.options.arbiter !== 'relay') return
    // Collections, lists and ranges of them all read as ids.
    const content = contentId(memory.snapshot.get(readable) as readonly string[])
    const { policy, name } = collection
    const place = { tag: policy.tag, collection: name, content }
    if (of.kind === 'list') {
      const { field, parent } = of
      // A range of a list has positions as bounds.
      const [from, to] = [(bounds?.from ?? 0) as number, bounds?.to as number | undefined]
      if (to !== 0) expected.set(readable.key, { kind: 'list', ...place, field, parent, from, to })
      return
    }
    // One of a collection has ids.
    const from = wellFormedBound((bounds?.from ?? '') as string)
    const to = bounds?.to === undefined ? undefined : wellFormedBound(bounds.to as string)
    if (to !== '') expected.set(readable.key, { kind: 'members', ...place, from, to })
  }

  for (const readable of checked) {
    // The kind tells which of the readables it is.
    if (readable.kind === 'ref') expectRef(readable as AnyRef, undefined)
    else if (readable.kind === 'range') expectIds((readable as Range).of, readable, readable as Range)
    else expectIds(readable as AnyCollection | AnyList, readable, undefined)
  }
  const payloads = new Map(ops.map((op) => [cellKey(op.tag, op.address, op.arbiter), op.payload]))
  for (const { ref, commuted } of writes) if (commuted === undefined) expectRef(ref, payloads.get(ref.key))
  return [...expected.values()]
}

function contentOf(policy: Policy, state: unknown, ref: AnyRef): ContentId {
  if (policy.content !== undefined) return contentId(policy.content(state))
  throw new StmError(
    'invalid-write',
    `"${ref.address}" cannot be a relay ref: what a ref of the policy "${policy.tag}" holds cannot be compared. Use a local ref for it.`,
    { refs: [ref.key] },
  )
}

/**
 * The bound that divides well-formed strings as `bound` does, and is well-formed itself, so that it can be sent: what a prefix ends before
 * may be half of a surrogate pair. All are compared by UTF-16 code units.
 */
export function wellFormedBound(bound: string): string {
  for (let i = 0; i < bound.length; i++) {
    const unit = bound.charCodeAt(i)
    if (unit < 0xd800 || unit > 0xdfff) continue
    const low = bound.charCodeAt(i + 1)
    const before = bound.slice(0, i)
    if (unit < 0xdc00 && low >= 0xdc00 && low <= 0xdfff) {
      i += 1
      continue
    }
    // A low half where a character begins: after all pairs, and before what comes behind the surrogates.
    if (unit >= 0xdc00) return `${before}\ue000`
    // A high half: after nothing or something less it divides before all its pairs, else behind them.
    if (!(low > 0xdfff)) return `${before}${String.fromCharCode(unit, 0xdc00)}`
    return unit === 0xdbff ? `${before}\ue000` : `${before}${String.fromCharCode(unit + 1, 0xdc00)}`
  }
  return bound
}
