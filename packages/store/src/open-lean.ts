import { assemble } from './assemble.ts'
import type { StoreOptions } from './options.ts'
import type { MembersOf, Part, PlainMember } from './part.ts'
import type { Store } from './store.ts'

/** What a lean store is made of: what any store is, and the parts that it has. */
export interface LeanOptions<P extends readonly Part[] = readonly Part[]> extends StoreOptions {
  /** What the store can do beside what every store can. What a part needs of another one it brings along. */
  readonly parts: P
}

/** A store that was opened with some parts: it has the members that every store has, and those that these add. */
export type LeanStore<P extends readonly Part[] = readonly []> = Pick<Store, PlainMember | MembersOf<P>>

/**
 * Opens a space as `openStore` does, with the parts that are named: an app downloads the code of these, and not of the others.
 *
 * Everything that the store has does what it does in a whole one, and what it stores and sends is the same: tabs of one browser and people of
 * one space may have different parts. It has no member of a part that is absent. What would go unheeded without its part is
 * refused with `StoreError` `part-missing`, whose `part` names it: a transport without `link`, `presence` without `presence`; in transactions
 * a ref with a `schema`, `maxBytes` or `upgrade` that is written without `validity`, an `arbiter` without `browserRefs` or `relayRefs`, a
 * `tx.send` without `agents`, the option `undo` without `undo`.
 * Rejects as `openStore` does, and with `invalid-parts` for `parts` that are none.
 *
 * @example
 * import { counter } from '@syncline/merge'
 * import { openLean, undo } from '@syncline/store/lean'
 *
 * const apples = counter('apples')
 * const store = await openLean({ space: 'kitchen', parts: [undo] })
 * store.transact((tx) => tx.add(apples, 3))
 * store.undo()
 * expect(store.get(apples)).toBe(0)
 * expect('transactAsync' in store).toBe(false)
 * await store.close()
 */
export async function openLean<const P extends readonly Part[]>(options: LeanOptions<P>): Promise<LeanStore<P>> {
  return assemble(options, options.parts)
}
