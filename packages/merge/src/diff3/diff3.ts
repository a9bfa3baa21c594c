import {
  checkName,
  makeRef,
  toValue,
  type Arbiter,
  type PlainOptions,
  type Policy,
  type Ref,
  type RefOptions,
  type StandardSchema,
  type ValueOf,
} from '@syncline/stm'
import { inOrder } from '../canonical.ts'
import type { By } from '../diff/index.ts'
import { checkNoVersion } from '../lens.ts'
import { LIMITS } from './history.ts'
import { checked, diff3Policy, type Diff3Value, type Spec } from './policy.ts'

/** The end of a dispute: the value, and which reading of the ref it settles. Of what came after that reading nothing is taken away. */
export interface Settlement<V> {
  readonly value: V
  readonly settles: Diff3Value<V>
}

/** How the values of a ref are merged, and what it reads before anybody writes. */
export interface Diff3Spec<V> {
  /** `lines`, `words`, `characters`, `items`, `keyed(field)` or `json(fields)` of `@syncline/merge/diff`. */
  readonly by: By<V>
  readonly initial: V
}

const policy = /* @__PURE__ */ diff3Policy(LIMITS)

/**
 * A whole value that people edit apart from each other, as forms and files are: what they changed in different places is merged, and where they
 * changed the same it reads both, as a conflict, until somebody settles it. Nothing that was written is lost.
 *
 * It takes `set` of a new value; `merge(base, mine)`, where `mine` was made of `base` some time ago; and `patch({ value, settles })`, which
 * settles the conflicts and copies of a reading of it. An edit elsewhere leaves a conflict as it is, one in its place settles it.
 *
 * State: the latest 128 versions, of large values fewer, and all that have not been merged by anybody; each is a whole value. Not for
 * every key that is pressed: for that there is `text` of `@syncline/yjs`. Throws `StmError` `invalid-address`, `invalid-value` for an initial
 * value that is no data or cannot be merged by `by`, `validation-failed`, `invalid-options`.
 *
 * @example
 * import { lines, resolve } from '@syncline/merge/diff'
 * import { diff3 } from '@syncline/merge/diff3'
 * import { openStore } from '@syncline/store'
 *
 * const plan = diff3('plan', { by: lines, initial: 'pack\n\ndrive\n' })
 * const store = await openStore({ space: 'holiday' })
 * const before = store.get(plan).value
 * store.transact((tx) => tx.set(plan, 'pack\n\nfly\n'))
 *
 * // Somebody had the form open all the time, and saves.
 * store.transact((tx) => tx.merge(plan, before, 'pack tents\n\nsail\n'))
 * const now = store.get(plan)
 * expect(now).toMatchObject({ value: 'pack tents\n\ndrive\n', conflicts: [{ base: 'drive\n', mine: 'fly\n', theirs: 'sail\n' }] })
 *
 * const value = resolve({ clean: false, ...now }, () => 'mine')
 * store.transact((tx) => tx.patch(plan, { value, settles: now }))
 * expect(store.get(plan)).toEqual({ value, conflicts: [], waiting: 0, copies: [] })
 * await store.close()
 */
export function diff3<S extends StandardSchema, A extends Arbiter = 'local'>(
  name: string,
  spec: Diff3Spec<NoInfer<ValueOf<S>>>,
  options: RefOptions<A> & { readonly schema: S },
): Diff3Ref<ValueOf<S>, A>
export function diff3<V, A extends Arbiter = 'local'>(
  name: string,
  spec: Diff3Spec<V>,
  options?: PlainOptions<A>,
): Diff3Ref<V, A>
export function diff3<V, A extends Arbiter = 'local'>(
  name: string,
  { by, initial }: Diff3Spec<V>,
  options?: RefOptions<A>,
): Diff3Ref<V, A> {
  checkNoVersion(name, options)
  const spec: Spec = { by, initial: inOrder(toValue(initial, `The initial value of "${name}"`)), known: new WeakMap() }
  checked(spec.initial, 'it', { address: name, spec })
  return makeRef<Diff3Value<V>, Diff3Writes<V>, A>(policy as Policy, checkName(name), Object.freeze(spec), options)
}

/** The writes that a `diff3` ref takes. */
export interface Diff3Writes<V> {
  readonly set: V
  readonly merge: V
  readonly patch: Settlement<V>
}

/** A ref made by `diff3`. */
export type Diff3Ref<V, A extends Arbiter = 'local'> = Ref<Diff3Value<V>, Diff3Writes<V>, A>
