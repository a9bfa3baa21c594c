import {
  checkName,
  equalValues,
  makeRef,
  toValue,
  type Arbiter,
  type Policy,
  type PolicyRef,
  type Ref,
  type PlainOptions,
  type RefOptions,
  type StandardSchema,
  type Value,
  type ValueOf,
} from '@syncline/stm'
import { checkUnversioned, lensOf } from './lens.ts'
import { wholePolicy, type WholeSpec } from './whole.ts'
import { checkType, noSuchWrite } from './writes.ts'

interface LwwSpec extends WholeSpec {
  readonly initial: Value
  readonly type: string | undefined
}

/** One value. The write with the latest stamp wins. */
const policy = wholePolicy<Value, LwwSpec>({
  tag: 'lww',

  fits: () => true,

  show: (value, { initial }) => (value === undefined ? initial : value),

  write(_now, intent, ref, { type }) {
    if (intent.kind !== 'set' && intent.kind !== 'merge') {
      throw noSuchWrite(ref.address, intent, 'a register', 'set and merge')
    }
    const given = intent.kind === 'set' ? intent.value : intent.mine
    const value = isFit(given, type) ? given : checked(given, type, ref)
    // Who changed nothing in the whole writes nothing.
    return intent.kind === 'merge' && equalValues(value, intent.base) ? undefined : value
  },
})

/** Whether a value is one that every register of its type takes: most are, and for them no words about their place are put together. */
function isFit(value: unknown, type: string | undefined): value is Value {
  const is = typeof value
  return (is === 'boolean' || (is === 'number' && value !== 0)) && (type === undefined || type === is)
}

/** A value as it is stored. Throws what is wrong with it. */
function checked(value: unknown, type: string | undefined, { address }: PolicyRef): Value {
  if (value !== null) checkType(value, type, `"${address}"`)
  return checkUnversioned(toValue(value, `"${address}"`), `The value for "${address}"`)
}

/** The writes of a register of `T`. */
export interface LwwWrites<T> {
  readonly set: T
  readonly merge: T
}

/**
 * A register: one value, and the last writer wins.
 *
 * Its type is that of `initial`, which it reads while nobody has written; say more with a type argument, or with a schema. A register that
 * starts with a string, number or boolean takes that type, or null, and refuses others with `StmError` `invalid-value`; start with null for
 * a mix. Throws `StmError` `invalid-address` for a name that cannot be one, `invalid-value` for an initial value that is no data,
 * `validation-failed` for one that the schema does not take, `invalid-options`.
 *
 * @example
 * import { lww } from '@syncline/merge'
 *
 * const title = lww('title', '')
 * const owner = lww<string | null>('owner', null)
 * const seat = lww<string | null>('seat', null, { arbiter: 'relay' })
 * expect([title.key, owner.key, seat.arbiter]).toEqual(['lww title', 'lww owner', 'relay'])
 */
export function lww<S extends StandardSchema, A extends Arbiter = 'local'>(
  name: string,
  initial: NoInfer<ValueOf<S>>,
  options: RefOptions<A> & { readonly schema: S },
): Ref<ValueOf<S>, LwwWrites<ValueOf<S>>, A>
export function lww<T>(
  name: string,
  initial: T,
  options: PlainOptions<'browser'> & { readonly arbiter: 'browser' },
): Ref<T, LwwWrites<T>, 'browser'>
export function lww<T>(
  name: string,
  initial: T,
  options: PlainOptions<'relay'> & { readonly arbiter: 'relay' },
): Ref<T, LwwWrites<T>, 'relay'>
export function lww<T, A extends Arbiter = 'local'>(
  name: string,
  initial: T,
  options?: PlainOptions<A>,
): Ref<T, LwwWrites<T>, A>
export function lww<T, A extends Arbiter = 'local'>(
  name: string,
  initial: T,
  options?: RefOptions<A>,
): Ref<T, LwwWrites<T>, A> {
  const value = toValue(initial, `The initial value of "${name}"`)
  checkUnversioned(value, `The initial value of "${name}"`)
  const lens = options === undefined ? undefined : lensOf(name, options)
  const spec: LwwSpec = { initial: value, type: typeof value === 'object' ? undefined : typeof value, lens }
  return makeRef<T, LwwWrites<T>, A>(policy as Policy, checkName(name), Object.freeze(spec), options)
}
