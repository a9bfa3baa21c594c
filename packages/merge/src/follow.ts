import { isMemberId, StmError, type Arbiter, type Readable, type Ref, type Writes } from '@syncline/stm'
import type { RecordSpec } from './fields.ts'

/** Whatever refs can be read from: a Snapshot, the `tx` of a transaction, a store. */
export interface Reader {
  get<V>(readable: Readable<V>): V
}

type Fields<V> = NonNullable<V>

/** The names of the fields of a value that refer to members. */
export type ReferenceNames<V> = {
  [N in keyof Fields<V>]-?: '__member' extends keyof NonNullable<Fields<V>[N]> ? N : never
}[keyof Fields<V>] &
  string

/** What following a field gives: the member, or what stands for a missing one; undefined where nothing is referred to. */
export type Followed<V, N extends keyof Fields<V>> =
  NonNullable<Fields<V>[N]> extends { readonly __member?: (is: readonly [infer T, infer M]) => unknown }
    ? T | M | undefined
    : never

/**
 * The member that a field of a record, or of a member of a collection, refers to: what it reads as. Undefined where the field is empty, or the
 * member that has it does not exist.
 *
 * Where the member that is referred to does not exist, it is what the field's `onMissing` says: undefined, a value of its own, or `StmError`
 * `missing-target`, which names both. It reads both from `reader`, so a transaction depends on both, and a hook renders again when one changes.
 * Throws `invalid-value` for a field that is no reference.
 *
 * @example
 * import { collection, follow, reference } from '@syncline/merge'
 * import { openStore } from '@syncline/store'
 *
 * const people = collection('people', { name: '' })
 * const cards = collection('cards', {
 *   owner: reference(people, { onMissing: { value: { name: 'somebody who has left' } } }),
 *   reviewer: reference(people, { onMissing: 'throw' }),
 * })
 * const card = cards.at('c1')
 * const store = await openStore({ space: 'board' })
 * store.transact((tx) => tx.create(card, { owner: 'ada', reviewer: 'bob' }))
 * expect(follow(store, card, 'owner')?.name).toBe('somebody who has left')
 * expect(() => follow(store, card, 'reviewer')).toThrow('"cards/c1" refers by "reviewer" to "people/bob", which does not exist')
 * expect(store.transact((tx) => {
 *   tx.create(people.at('ada'), { name: 'Ada' })
 *   return follow(tx, card, 'owner')
 * }).value).toEqual({ name: 'Ada' })
 * await store.close()
 */
export function follow<V, N extends ReferenceNames<V>>(
  reader: Reader,
  ref: Ref<V, Writes, Arbiter>,
  field: N,
): Followed<V, N> {
  // Only what the types above say comes out: the target's value, or what stands for it.
  return followed(reader, ref, field) as Followed<V, N>
}

function followed(reader: Reader, ref: Ref<unknown, Writes, Arbiter>, field: string): unknown {
  // The spec of a ref of another policy has no fields.
  const target = (ref.spec as Partial<RecordSpec> | undefined)?.byName?.get(field)?.refersTo
  if (target === undefined) {
    throw new StmError(
      'invalid-value',
      `"${ref.address}" has no reference ${JSON.stringify(field)}. Declare the field by reference(collection), or read it with get.`,
    )
  }
  const from = reader.get(ref)
  // What others sent may be no object, and no id.
  const id: unknown =
    typeof from === 'object' && from !== null && Object.hasOwn(from, field)
      ? (from as Record<string, unknown>)[field]
      : undefined
  if (id === undefined) return undefined
  const collection = target.collection()
  const to = isMemberId(id) ? collection.at(id) : undefined
  const value = to === undefined ? undefined : reader.get(to)
  if (value !== undefined || target.onMissing === 'undefined') return value
  if (target.onMissing !== 'throw') return target.onMissing.value
  throw new StmError(
    'missing-target',
    `"${ref.address}" refers by "${field}" to ${to === undefined ? `what is no id of "${collection.name}"` : `"${to.address}", which does not exist`}. ` +
      'Create it, clear the field, or say with onMissing what stands for it.',
    { refs: to === undefined ? [ref.key] : [ref.key, to.key] },
  )
}
