import { isMemberId, StmError, toValue, type Arbiter, type Collection, type Writes } from '@syncline/stm'
import type { Field } from './fields.ts'
import { describe } from './writes.ts'

/**
 * The id of a member of a collection: a string. Beside it the type carries what the member reads as, and what `follow` gives where there is
 * none, so that an id of another collection does not compile.
 */
export type MemberId<V = unknown, M = unknown> = string & {
  readonly __member?: (is: readonly [V, M]) => readonly [V, M]
}

/** A field that holds the id of a member of a collection. */
export interface ReferenceField<V = unknown, M = unknown> extends Field<MemberId<V, M>, 'optional'> {
  readonly refersTo: Target
}

/** What a reference refers to, and what to do where that does not exist. */
export interface Target {
  /** The collection, which may be made after the field that refers to it. */
  readonly collection: () => AnyMembers
  readonly onMissing: OnMissing
  /** Throws what is wrong with something that is to be written there. */
  check(id: unknown, where: string): void
}

/** What `follow` does where the member that is referred to does not exist: it gives undefined, throws, or gives `value`. */
export type OnMissing<T = unknown> = 'undefined' | 'throw' | { readonly value: T }

type Members<V> = Collection<V, Writes, Arbiter>
type AnyMembers = Members<unknown>

/**
 * A field that refers to a member of a collection: it holds the member's id, or nothing. It is an `optional` register in all else. Give a
 * function where the collection is made later, or is the one that has the field.
 *
 * A reference may dangle: deleting a member changes nothing of what refers to it, and others may delete what you refer to at the same time.
 * `follow` gives the member, and `onMissing` says what it does where there is none: gives `'undefined'`, which is the default, throws
 * `StmError` `missing-target` for `'throw'`, or gives a value of yours. What is to go together goes in one transaction, as below. Writing what
 * cannot be the id of a member is `invalid-value`; another `onMissing` is `invalid-options`.
 *
 * @example
 * import { collection, follow, reference } from '@syncline/merge'
 * import { openStore } from '@syncline/store'
 *
 * const people = collection('people', { name: '' })
 * const cards = collection('cards', { title: '', owner: reference(people) })
 * const store = await openStore({ space: 'board' })
 * store.transact((tx) => {
 *   tx.create(people.at('ada'), { name: 'Ada' })
 *   tx.create(cards.at('c1'), { title: 'Engine', owner: 'ada' })
 * })
 * expect(follow(store, cards.at('c1'), 'owner')).toEqual({ name: 'Ada' })
 *
 * // Who is deleted owns nothing any more.
 * store.transact((tx) => {
 *   for (const [id, card] of tx.items(cards)) if (card.owner === 'ada') tx.patch(cards.at(id), { owner: undefined })
 *   tx.delete(people.at('ada'))
 * })
 * expect(store.get(cards.at('c1'))).toEqual({ title: 'Engine' })
 * await store.close()
 */
export function reference<V>(
  to: Members<V> | (() => Members<V>),
  options?: { readonly onMissing?: 'undefined' | 'throw' },
): ReferenceField<V, undefined>
export function reference<V, T>(
  to: Members<V> | (() => Members<V>),
  options: { readonly onMissing: { readonly value: T } },
): ReferenceField<V, T>
export function reference(
  to: AnyMembers | (() => AnyMembers),
  { onMissing = 'undefined' }: { readonly onMissing?: OnMissing } = {},
): ReferenceField<any, any> {
  const collection = typeof to === 'function' ? to : () => to
  return Object.freeze<ReferenceField<any, any>>({
    field: 'optional',
    initial: undefined,
    refersTo: Object.freeze<Target>({
      collection,
      onMissing: checked(onMissing),
      check(id, where) {
        if (isMemberId(id)) return
        throw new StmError(
          'invalid-value',
          `${where} refers to a member of "${collection().name}" and got ${describe(id)}. Write its id: 1 to 512 characters without control characters.`,
        )
      },
    }),
  })
}

function checked(onMissing: OnMissing): OnMissing {
  if (onMissing === 'undefined' || onMissing === 'throw') return onMissing
  if (typeof onMissing === 'object' && onMissing !== null && 'value' in onMissing) {
    return Object.freeze({ value: toValue(onMissing.value, 'What stands for a missing member') })
  }
  throw new StmError(
    'invalid-options',
    `onMissing of a reference is ${describe(onMissing)}. Say 'undefined', 'throw', or { value } to stand for what is missing.`,
  )
}
