import { createRuledMemory, type Memory, type UnreadOp } from './memory.ts'
import type { Policy } from './policy.ts'
import { rulesOfRefs, type Rules } from './rules.ts'

/**
 * Makes an empty memory. `bind` is called once for each policy that becomes known, with the operations that waited for it, and may
 * return another policy in its place: one that is bound to live documents. `rules` are what bodies must keep to: those
 * that refs bring with them, when nothing is said.
 *
 * A store keeps one; use it alone to fold a log, or to test a policy. Cost of `apply`: the cells it writes, and for each collection or
 * list that was read before and changes, one entry of a sorted set. The first read of a collection or list looks at all cells.
 *
 * @example
 * import { createMemory, emptyBasis } from '@syncline/stm'
 *
 * const title = register('title', '')
 * const memory = createMemory()
 * const before = memory.snapshot
 * memory.adopt(title.policy)
 * const op = { tag: 'register', address: 'title', arbiter: 'local', payload: ['Hello'] }
 * const changed = memory.apply([op], { at: 1, writer: 'w1' }, emptyBasis)
 * expect([...changed]).toEqual([title.key])
 * expect(memory.snapshot.get(title)).toBe('Hello')
 * expect(before.get(title)).toBe('')
 */
export function createMemory(
  bind: (policy: Policy, waiting: readonly UnreadOp[]) => Policy = (policy) => policy,
  rules: Rules = rulesOfRefs,
): Memory {
  return createRuledMemory(bind, rules)
}
