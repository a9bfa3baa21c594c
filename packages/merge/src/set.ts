import {
  checkName,
  makeRef,
  StmError,
  toValue,
  type Arbiter,
  type EditContext,
  type PlainOptions,
  type Policy,
  type PolicyRef,
  type Ref,
  type RefOptions,
  type StandardSchema,
  type Value,
  type ValueOf,
} from '@syncline/stm'
import { checkNoVersion } from './lens.ts'
import { applySet, distillSet, emptySet, gather, setPayload, type SetEdit, type SetState } from './set-state.ts'
import { setReversal } from './set-reversal.ts'
import { describe, noSuchWrite } from './writes.ts'

interface SetDraft {
  readonly base: SetState | undefined
  readonly state: SetState
  readonly touched: Touched | undefined
}

/** The values that a transaction took in or out, the latest first: shared by the drafts that follow each other. */
interface Touched {
  readonly values: readonly Value[]
  readonly before: Touched | undefined
}

/** Values without an order, each of them once. */
const policy: Policy<readonly Value[], SetState, SetDraft> = {
  tag: 'set',

  // A state that is not there stays away when an operation makes no sense.
  apply: (state, payload, stamp) => applySet(state, payload, stamp)!,

  read: (state) => (state ?? emptySet).view,

  distill: distillSet,

  content: (state) => (state === undefined || state.view.length === 0 ? undefined : state.view),

  draft: (base) => ({ base, state: base ?? emptySet, touched: undefined }),

  edit(draft, intent, ref, context) {
    switch (intent.kind) {
      case 'include':
        return include(draft, valuesOf(intent.values, ref), context)
      case 'exclude':
        return exclude(draft, valuesOf(intent.values, ref))
      case 'set': {
        const wanted = valuesOf(intent.value, ref)
        return include(exclude(draft, without(draft.state.view, wanted)), wanted, context)
      }
      case 'merge': {
        const [base, mine] = [valuesOf(intent.base, ref), valuesOf(intent.mine, ref)]
        return include(exclude(draft, without(base, mine)), without(mine, base), context)
      }
      default:
        throw noSuchWrite(ref.address, intent, 'a set', 'include, exclude, set and merge')
    }
  },

  readDraft: (draft) => draft.state.view,

  finish({ base = emptySet, state, touched }, _ref, { seed }) {
    const added: Value[] = []
    const removed = new Map<string, SetEdit & { readonly values: Value[] }>()
    for (const { value } of setOf(valuesIn(touched)).elements) {
      const isThere = state.has(value)
      if (isThere === base.has(value)) continue
      if (isThere) added.push(value)
      else for (const { id, n } of base.element(value)!.dots) if (n > 0) gather(removed, -n, id, value)
    }
    const edits = added.length === 0 ? [] : [{ n: 1, dot: seed, values: added }]
    return setPayload([...edits, ...removed.values()])
  },

  reversal: setReversal,
}

function valuesIn(touched: Touched | undefined): Value[] {
  const values: Value[] = []
  for (let at = touched; at !== undefined; at = at.before) for (const value of at.values) values.push(value)
  return values
}

function include(draft: SetDraft, values: readonly Value[], { seed }: EditContext): SetDraft {
  const news = setOf(values).view.filter((value) => !draft.state.has(value))
  return news.length === 0 ? draft : written(draft, draft.state.count(seed, 1, news), news)
}

function exclude(draft: SetDraft, values: readonly Value[]): SetDraft {
  const gone = setOf(values).view.filter((value) => draft.state.has(value))
  const counts = new Map<string, SetEdit & { readonly values: Value[] }>()
  for (const value of gone) {
    for (const { id, n } of draft.state.element(value)!.dots) if (n > 0) gather(counts, -n, id, value)
  }
  return gone.length === 0 ? draft : written(draft, draft.state.countAll([...counts.values()]), gone)
}

function written({ base, touched: before }: SetDraft, state: SetState, values: readonly Value[]): SetDraft {
  return { base, state, touched: { values, before } }
}

/** Each of some values once. */
function setOf(values: readonly Value[]): SetState {
  return values.length === 0 ? emptySet : emptySet.count('', 1, values)
}

function without(values: readonly Value[], others: readonly Value[]): readonly Value[] {
  const unwanted = setOf(others)
  return values.filter((value) => !unwanted.has(value))
}

function valuesOf(values: unknown, ref: PolicyRef): readonly Value[] {
  if (Array.isArray(values)) return values.map((value: unknown) => toValue(value, `A value for "${ref.address}"`))
  throw new StmError('invalid-value', `"${ref.address}" is a set and got ${describe(values)}. Give an array of values.`)
}

/** The writes of a set of `T`. */
export interface SetWrites<T> {
  readonly include: T
  readonly set: readonly T[]
  readonly merge: readonly T[]
}

/**
 * A set of values: each is in it once, in the same order everywhere. Who puts a value in wins over who takes it out at the same time, and a
 * removal takes away what its author has seen and nothing else. Reads an empty array while nobody has written.
 *
 * Values are any data, equal by value; the order is by kind (null, booleans, numbers, texts, bytes, arrays, objects), then ascending. `set` and
 * `merge` write what differs. For entries with fields of their own use a `collection`. Cost of an edit: one copy of the array of values;
 * what was taken out leaves nothing behind.
 *
 * @example
 * import { set } from '@syncline/merge'
 * import { openStore } from '@syncline/store'
 *
 * const tags = set<string>('tags')
 * const store = await openStore({ space: 'board' })
 * store.transact((tx) => tx.include(tags, 'urgent', 'blue', 'urgent'))
 * store.transact((tx) => tx.exclude(tags, 'blue'))
 * expect(store.get(tags)).toEqual(['urgent'])
 * await store.close()
 */
export function set<S extends StandardSchema<readonly unknown[]>, A extends Arbiter = 'local'>(
  name: string,
  options: RefOptions<A> & { readonly schema: S },
): Ref<readonly ItemOf<S>[], SetWrites<ItemOf<S>>, A>
export function set<T>(
  name: string,
  options: PlainOptions<'browser'> & { readonly arbiter: 'browser' },
): Ref<readonly T[], SetWrites<T>, 'browser'>
export function set<T>(
  name: string,
  options: PlainOptions<'relay'> & { readonly arbiter: 'relay' },
): Ref<readonly T[], SetWrites<T>, 'relay'>
export function set<T, A extends Arbiter = 'local'>(
  name: string,
  options?: PlainOptions<A>,
): Ref<readonly T[], SetWrites<T>, A>
export function set<T, A extends Arbiter = 'local'>(
  name: string,
  options?: RefOptions<A>,
): Ref<readonly T[], SetWrites<T>, A> {
  checkNoVersion(name, options)
  return makeRef<readonly T[], SetWrites<T>, A>(policy as Policy, checkName(name), undefined, options)
}

type ItemOf<S> = ValueOf<S> extends readonly (infer T)[] ? T : unknown
