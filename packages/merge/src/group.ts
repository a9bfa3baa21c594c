import {
  checkName,
  equalValues,
  makeRef,
  setKey,
  StmError,
  toValue,
  type Arbiter,
  type PlainOptions,
  type Policy,
  type PolicyRef,
  type Ref,
  type RefOptions,
  type StandardSchema,
  type Value,
} from '@syncline/stm'
import { recordSpec, type Field, type Narrowed, type RecordPatch, type RecordSpec, type RecordValue } from './fields.ts'
import { asObject, isObject, lensOf, type Lens, type Registers } from './lens.ts'
import { checkValue, entriesOf, fieldOf } from './record-draft.ts'
import { buildView } from './record-state.ts'
import { wholePolicy } from './whole.ts'
import { noSuchWrite } from './writes.ts'

interface GroupSpec extends RecordSpec {
  /** What values read as, so that one value is one object. */
  readonly views: WeakMap<object, unknown>
  readonly initial: unknown
}

/** Several values that are written as a whole. The write with the latest stamp wins. */
const policy = wholePolicy<unknown, GroupSpec>({
  tag: 'group',

  fits: (value) => value === undefined || isObject(value),

  isNothing: (value) => isObject(value) && Object.keys(value).length === 0,

  show(value, spec) {
    if (!isObject(value)) return spec.initial
    let view = spec.views.get(value)
    if (view === undefined) spec.views.set(value, (view = viewOf(value, spec)))
    return view
  },

  write(now, intent, ref, spec) {
    switch (intent.kind) {
      case 'patch':
        return written(now, entriesOf(intent.fields, ref), ref, spec)
      case 'set':
        return written(now, wholeOf(intent.value, ref, spec), ref, spec)
      case 'merge': {
        const base = new Map(entriesOf(intent.base, ref))
        const mine = wholeOf(intent.mine, ref, spec)
        // Who changed nothing in the whole writes nothing; who changed something wants the whole.
        const isSame = mine.every(([name, value]) => equalValues(base.get(name), value))
        return isSame ? undefined : written(now, mine, ref, spec)
      }
      default:
        throw noSuchWrite(ref.address, intent, 'a group', 'set, patch and merge')
    }
  },
})

function viewOf(value: Registers, spec: RecordSpec): unknown {
  return buildView(spec, ({ name, initial }) => (Object.hasOwn(value, name) ? value[name] : initial))
}

/** Checks that no field is missing: where `optional` ones have no value they are named, to be cleared. */
function wholeOf(value: unknown, ref: PolicyRef, spec: RecordSpec): [string, unknown][] {
  const given = new Map(entriesOf(value, ref))
  for (const { name, kind } of spec.fields) {
    if (given.has(name)) continue
    if (kind === 'optional') given.set(name, undefined)
    else {
      throw new StmError(
        'invalid-value',
        `The value for "${ref.address}" lacks the field "${name}". Give all fields, or use patch to write some.`,
      )
    }
  }
  return [...given]
}

/** The whole with some fields written, those that newer code has put there included. */
function written(
  now: Value | undefined,
  fields: readonly (readonly [string, unknown])[],
  ref: PolicyRef,
  spec: GroupSpec,
): Value | undefined {
  const before = isObject(now) ? now : {}
  let after: Record<string, Value> | undefined
  for (const [name, given] of fields) {
    const field = fieldOf(name, ref, spec)
    const value = checkValue(given, field, ref)
    const standing = Object.hasOwn(before, name) ? before[name] : field.initial
    if (equalValues(value, standing)) continue
    after ??= { ...before }
    if (value === undefined) delete after[name]
    else setKey(after, name, value)
  }
  return after && toValue(after, `"${ref.address}"`)
}

/** What a group may be made of: fields that are values. */
export interface GroupFields {
  readonly [name: string]: string | number | boolean | Field<any, 'data' | 'optional'>
}

/** The writes of a group. */
export type GroupWrites<F extends GroupFields> = {
  readonly set: RecordValue<F>
  readonly patch: RecordPatch<F>
  readonly merge: RecordValue<F>
}

/**
 * Several values that belong together: of two writes at the same time the later stands as a whole, never some values of the one and some of the
 * other. One that has seen the other builds on it.
 *
 * Fields are declared as those of a `record` are, by what they start with, `field` or `optional`; a `record` merges them one by one. In a
 * record or collection a `field` that holds an object is such a whole. Throws as `record` does, and `invalid-value` for a count or place.
 *
 * @example
 * import { group } from '@syncline/merge'
 * import { openStore } from '@syncline/store'
 *
 * const range = group('range', { from: 1, to: 10 })
 * const store = await openStore({ space: 'board' })
 * store.transact((tx) => tx.patch(range, { to: 20 }))
 * store.transact((tx) => tx.update(range, ({ from, to }) => ({ from: from + 5, to })))
 * expect(store.get(range)).toEqual({ from: 6, to: 20 })
 * await store.close()
 */
export function group<F extends GroupFields, S extends StandardSchema, A extends Arbiter = 'local'>(
  name: string,
  fields: F,
  options: RefOptions<A> & { readonly schema: S },
): Ref<RecordValue<Narrowed<F, S>>, GroupWrites<Narrowed<F, S>>, A>
export function group<F extends GroupFields, A extends Arbiter = 'local'>(
  name: string,
  fields: F,
  options?: PlainOptions<A>,
): Ref<RecordValue<F>, GroupWrites<F>, A>
export function group<F extends GroupFields, A extends Arbiter = 'local'>(
  name: string,
  fields: F,
  options?: RefOptions<A>,
): Ref<RecordValue<F>, GroupWrites<F>, A> {
  const lens = options === undefined ? undefined : lensOf(name, options)
  const spec = recordSpec(name, fields, false, lens && objectsOnly(lens))
  const stray = spec.fields.find(({ kind }) => kind !== 'data' && kind !== 'optional')
  if (stray !== undefined) {
    throw new StmError(
      'invalid-value',
      `The field "${stray.name}" of the group "${name}" is a ${stray.kind}, which merges by itself. Use a record, or a field that holds a value.`,
    )
  }
  const initial = viewOf({}, spec)
  const whole: GroupSpec = Object.freeze({ ...spec, views: new WeakMap(), initial })
  return makeRef<RecordValue<F>, GroupWrites<F>, A>(policy as Policy, checkName(name), whole, options)
}

/** The lens of values that are objects: what makes something else of one has failed. */
function objectsOnly(lens: Lens): Lens {
  return { ...lens, up: (value, from) => asObject(lens.up(value, from)) }
}
