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
import { freezeValue } from './freeze.ts'
import {
  checkUnversioned,
  lensOf,
  lifted,
  liftedOnce,
  plainOf,
  readOnly,
  storedAs,
  versionOf,
  type Lens,
  type Lifted,
} from './lens.ts'
import { lwwReversal } from './lww-reversal.ts'
import { CLEAR, SET, type LwwState } from './lww-state.ts'
import { wins } from './order.ts'
import { checkType, noSuchWrite } from './writes.ts'

interface LwwSpec {
  readonly initial: Value
  readonly type: string | undefined
  readonly lens: Lens | undefined
}

interface LwwDraft {
  readonly base: LwwState | undefined
  /** What this transaction wrote; undefined when nothing. */
  readonly value: Value | undefined
}

/** One value. The write with the latest stamp wins. */
const policy: Policy<Value, LwwState, LwwDraft> = {
  tag: 'lww',

  apply(state, payload, stamp) {
    if (!Array.isArray(payload) || payload.length !== 2) return state!
    const [kind, written] = payload as readonly Value[]
    if (kind === SET ? written === undefined : kind !== CLEAR || written !== null) return state!
    const value = kind === SET ? written : undefined
    if (state !== undefined && !wins(stamp, value, state.stamp, state.value)) return state
    return { value: freezeValue(value), stamp }
  },

  read(state, ref) {
    const spec = specOf(ref)
    if (state?.value === undefined) return spec.initial
    const value = spec.lens === undefined ? plainOf(state.value) : liftedState(state, spec).value
    return value === undefined ? spec.initial : value
  },

  problems(state, ref) {
    const { problem } = liftedState(state, specOf(ref))
    return problem === undefined ? [] : [{ message: problem, path: [] }]
  },

  content: (state) => state?.value,

  draft: (base) => ({ base, value: undefined }),

  edit(draft, intent, ref) {
    if (intent.kind !== 'set' && intent.kind !== 'merge')
      throw noSuchWrite(ref.address, intent, 'a register', 'set and merge')
    const { type, lens } = specOf(ref)
    const [version, known] = [versionOf(draft.base?.value), lens?.version ?? 1]
    if (version > known) throw readOnly(ref.address, version, known)
    const given = intent.kind === 'set' ? intent.value : intent.mine
    const value = isFit(given, type) ? given : checked(given, type, ref)
    // A register is a whole: who changed nothing in it writes nothing.
    if (intent.kind === 'merge' && equalValues(value, intent.base)) return draft
    return equalValues(value, policy.readDraft(draft, ref)) ? draft : { base: draft.base, value }
  },

  readDraft(draft, ref) {
    return draft.value === undefined ? policy.read(draft.base, ref) : draft.value
  },

  finish(draft, ref) {
    if (draft.value === undefined || equalValues(draft.value, policy.read(draft.base, ref))) return undefined
    const { lens } = specOf(ref)
    if (lens === undefined) return [SET, draft.value]
    const at = Math.max(lens.writes, versionOf(draft.base?.value))
    const value = lens.down(draft.value, at)
    return [SET, at === 1 ? value : storedAs(value, at)]
  },

  reversal: lwwReversal,
}

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

/** What a state comes to at the version of a declaration. */
function liftedState(state: LwwState, { lens }: LwwSpec): Lifted<Value | undefined> {
  const stored = state.value
  if (stored === undefined) return { value: undefined, problem: undefined }
  return liftedOnce(lens, state, () => lifted(stored, lens))
}

function specOf(ref: PolicyRef): LwwSpec {
  // Refs of this policy are made below, and only there.
  return ref.spec as LwwSpec
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
