import type { Op, Stamp } from './change.ts'
import type { Policy } from './policy.ts'
import { makeRef, type AnyRef } from './ref.ts'
import { cellKeyOf } from './sealed-op.ts'
import type { Cells } from './undo.ts'
import type { Value } from './value.ts'
import type { DraftWrite } from './write.ts'

/** An operation that was made before, and the state that it is to change. */
interface ReadyMade {
  readonly payload: Value
  readonly before: unknown
}

/**
 * Operations that were made before as the writes of a transaction, so that they go every way that a body's writes go: held against schemas
 * and invariants, sealed, decided about. `refOf` gives the refs that an app has declared, as far as they are known; others are held against
 * nothing of their own. Operations of a policy that the cells do not know are left out. Cost: the operations.
 *
 * @example
 * import { createMemory, readyMade, sealPure } from '@syncline/stm'
 *
 * const title = register('title', '')
 * const memory = createMemory()
 * memory.adopt(title.policy)
 * const op = { tag: 'register', address: 'title', arbiter: 'local', payload: ['Hello'] } as const
 * const writes = readyMade([op], memory)
 * expect(sealPure(writes, { stamp: { at: 1, writer: 'w1' }, seed: 'seed1' })).toMatchObject([op])
 */
export function readyMade(
  ops: readonly Op[],
  cells: Cells,
  refOf: (op: Op) => AnyRef | undefined = () => undefined,
): readonly DraftWrite[] {
  const policies = new Map<string, Policy>()
  return ops.flatMap((op) => {
    const { tag, address, arbiter, payload } = op
    const policy = cells.policy(tag)
    if (policy === undefined) return []
    let made = policies.get(tag)
    if (made === undefined) policies.set(tag, (made = readyMadeBy(policy)))
    const ref = refOf(op) ?? makeRef(policy, address, undefined, arbiter === 'local' ? undefined : { arbiter })
    const draft: ReadyMade = { payload, before: cells.state(cellKeyOf(op)) }
    const commutes = policy.reversal !== 'none' && policy.reversal?.commutes === true
    return { ref, policy: made, draft, ...(commutes && { commuted: nothing }) }
  })
}

const nothing: readonly never[] = []

/** A policy whose drafts are ready. It is never late: what was made before is not written into a live document, but applied like anybody's. */
function readyMadeBy(policy: Policy): Policy<unknown, unknown, ReadyMade> {
  const { exists, place } = policy
  return {
    tag: policy.tag,
    apply: (state, payload, stamp) => policy.apply(state, payload, stamp),
    read: (state, ref) => policy.read(state, ref),
    draft: (before) => ({ payload: null, before }),
    edit: (draft) => draft,
    readDraft: ({ payload, before }, ref) => policy.read(policy.apply(before, payload, LATEST), ref),
    finish: ({ payload }) => payload,
    ...(policy.content !== undefined && { content: (state) => policy.content!(state) }),
    ...(exists !== undefined && { exists: (state) => policy.exists!(state) }),
    ...(place !== undefined && { place: (state, field) => policy.place!(state, field) }),
  }
}

/** As the Change will be: later than all that is there. */
const LATEST: Stamp = { at: Number.MAX_SAFE_INTEGER, writer: '' }
