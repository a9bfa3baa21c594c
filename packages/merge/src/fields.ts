import { StmError, toValue, type Place, type Value, type ValueOf } from '@syncline/stm'
import { checkUnversioned, isReserved, type Lens } from './lens.ts'
import type { Target } from './reference.ts'
import { COUNT, DATA, PLACE, type SlotKind } from './shape.ts'

/** How a field merges: `data` and `optional` are registers, `count` is a counter, `place` is where an item stands in a list. */
export type FieldKind = 'data' | 'optional' | 'count' | 'place'

/** The declaration of one field of a record. `T` is what it reads. */
export interface Field<T = unknown, K extends FieldKind = FieldKind> {
  readonly field: K
  /** What it reads while nobody has written. */
  readonly initial: Value | undefined
  /** How it is written part by part; as a whole where nothing is said. */
  readonly parts?: Parts
  /** What it refers to, when it is a reference. */
  readonly refersTo?: Target
  /** Carries the type only. */
  readonly __type?: T
}

/** The code that writes a register part by part, which comes with the fields that want it. */
export interface Parts {
  /**
   * The entries of an operation that make `before` to `after`, all of them inside of the register, below `path`; undefined when it has to be
   * written as a whole.
   */
  entries(name: string, before: Value | undefined, after: Value, path: readonly string[]): readonly Value[] | undefined
  /** What there is now, with what differs between what somebody had and what they want. */
  merged(now: Value | undefined, base: unknown, mine: Value): Value
  /** A value of which only parts were written, over what it starts with. */
  over(initial: Value | undefined, parts: Value): Value
}

/** The fields of a record by name: a literal stands for a register that starts with it and holds values of its type. */
export type Fields = { readonly [name: string]: string | number | boolean | Field<any> }

/**
 * A register of type `T` that reads `initial` until it is written. Whole values: of two concurrent writes the later wins.
 *
 * @example
 * import { collection, field } from '@syncline/merge'
 *
 * const cards = collection('cards', { title: '', tags: field<readonly string[]>([]) })
 * expect(cards.name).toBe('cards')
 */
export function field<T>(initial: T): Field<T, 'data'> {
  return Object.freeze<Field<T, 'data'>>({
    field: 'data',
    initial: checkUnversioned(toValue(initial, 'The initial value of a field'), 'The initial value of a field'),
  })
}

/** A register of type `T` that may be absent: it has no key until it is written, and none again after undefined was written. */
export function optional<T>(): Field<T, 'optional'> {
  return anOptional
}

/** A counter that starts at 0. Write it with `tx.add(ref, delta, 'field')`: concurrent additions sum up. */
export function count(): Field<number, 'count'> {
  return aCount
}

/** Where a member stands: in the list of `parent`, at a sort key. Absent until `tx.move` puts the member into a list. */
export function place(): Field<Place, 'place'> {
  return aPlace
}

const anOptional: Field<any, 'optional'> = Object.freeze<Field<any, 'optional'>>({
  field: 'optional',
  initial: undefined,
})
const aCount: Field<number, 'count'> = Object.freeze<Field<number, 'count'>>({ field: 'count', initial: 0 })
const aPlace: Field<Place, 'place'> = Object.freeze<Field<Place, 'place'>>({ field: 'place', initial: undefined })

type Widen<T> = T extends string ? string : T extends number ? number : T extends boolean ? boolean : T
type TypeOf<D> = D extends Field<infer T> ? T : Widen<D>
type NamesOf<F extends Fields, K extends FieldKind> = {
  [N in keyof F]: F[N] extends Field<any, infer Q> ? (Q extends K ? N : never) : 'data' extends K ? N : never
}[keyof F]
type Flat<T> = { [N in keyof T]: T[N] }

/** What a record with these fields reads. */
export type RecordValue<F extends Fields> = Flat<
  { readonly [N in NamesOf<F, 'data' | 'count'>]: TypeOf<F[N]> } & {
    readonly [N in NamesOf<F, 'optional' | 'place'>]?: TypeOf<F[N]>
  }
>

/** The registers of a record, all optional: what `patch` and `create` take. Counts take `tx.add`, places take `tx.move`. */
export type RecordPatch<F extends Fields> = Flat<{ readonly [N in NamesOf<F, 'data' | 'optional'>]?: TypeOf<F[N]> }>

/** The names of the fields that are places. */
export type PlaceNames<F extends Fields> = NamesOf<F, 'place'> & string

type KindOf<D> = D extends Field<any, infer K> ? K : 'data'
// What a schema says of a reference is that it is a string.
type NarrowedBy<D, V> = D extends { readonly refersTo: Target } ? D : [V] extends [TypeOf<D>] ? Field<V, KindOf<D>> : D

/** Fields with the types that a schema for the whole record gives to some of them. */
export type Narrowed<F extends Fields, S> = {
  readonly [N in keyof F]: N extends keyof ValueOf<S> ? NarrowedBy<F[N], Exclude<ValueOf<S>[N], undefined>> : F[N]
}

/** One declared field, ready for use. */
export interface FieldSpec {
  readonly name: string
  readonly kind: FieldKind
  readonly slotKind: SlotKind
  readonly initial: Value | undefined
  /** What `typeof` must say of its values, for a field declared by a literal. */
  readonly type: string | undefined
  readonly parts: Parts | undefined
  readonly refersTo: Target | undefined
  /** Its position among the declared fields. */
  readonly index: number
  /** How registers that were written by other versions of the app are read; undefined in version 1. */
  readonly lens: Lens | undefined
}

/** The declared fields of a record or collection. */
export interface RecordSpec {
  /** Whether refs are members of a collection, which come and go, or one record, which always is. */
  readonly member: boolean
  readonly fields: readonly FieldSpec[]
  readonly byName: ReadonlyMap<string, FieldSpec>
  /** Whether members that are deleted come back when somebody has edited them meanwhile. */
  readonly keeps: boolean
  readonly lens: Lens | undefined
  /** What a transaction that has written nothing has written, by declared field. */
  readonly untouched: readonly unknown[]
}

/** Stands where a transaction has written nothing. */
export const UNTOUCHED: unique symbol = Symbol('untouched')

/** Checks and keeps the declared fields. Throws `StmError` `invalid-value` for a declaration that is neither a literal nor a field. */
export function recordSpec(
  owner: string,
  fields: Fields,
  member: boolean,
  lens: Lens | undefined,
  keeps = false,
): RecordSpec {
  const specs = Object.keys(fields).map((name, index): FieldSpec => {
    // The name travels in operations as data, so it must be data.
    toValue(name, `A field name of "${owner}"`)
    if (isReserved(name)) {
      throw new StmError(
        'invalid-value',
        `${JSON.stringify(name)} of "${owner}" has a meaning of its own. Call the field otherwise.`,
      )
    }
    const declared: unknown = fields[name]
    switch (typeof declared) {
      case 'string':
      case 'number':
      case 'boolean': {
        const initial = toValue(declared, `The initial value of field "${name}" of "${owner}"`)
        const type = typeof declared
        return { name, kind: 'data', slotKind: DATA, initial, type, parts: undefined, refersTo: undefined, index, lens }
      }
      case 'object':
        if (declared !== null && 'field' in declared) {
          const { field: kind, initial, parts, refersTo } = declared as Field
          const slotKind = kind === 'count' ? COUNT : kind === 'place' ? PLACE : DATA
          return { name, kind, slotKind, initial, type: undefined, parts, refersTo, index, lens }
        }
    }
    throw new StmError(
      'invalid-value',
      `Field "${name}" of "${owner}" is declared by ${declared === null ? 'null' : `a value of type ${typeof declared}`}. ` +
        'Declare it by a string, number or boolean to start with, or by field(initial), json(initial), optional(), count() or place().',
    )
  })
  const byName = new Map(specs.map((spec) => [spec.name, spec]))
  // Not frozen: engines are slow to copy what is.
  const untouched = specs.map(() => UNTOUCHED)
  return Object.freeze({ member, fields: specs, byName, keeps, lens, untouched })
}
