import fc from 'fast-check'
import type { Value } from '@syncline/stm'

/** Few letters, so that texts repeat themselves; some that tear when they are cut wrongly. */
export const smallText: fc.Arbitrary<string> = fc
  .array(fc.constantFrom('a', 'b', ' ', '\n', '.', 'é', '👍', '漢', '\u0301'), { maxLength: 24 })
  .map((letters) => letters.join(''))

/** Names that are more than names to JavaScript, beside plain ones. */
export const fieldName: fc.Arbitrary<string> = fc.constantFrom(
  'a',
  'b',
  'c',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  '',
)

/** Values that often have something in common. */
export const smallValue: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.constantFrom<Value>(null, true, 0, 1, 2, Number.NaN, 'x', 'y', ''),
    fc.constantFrom(new Uint8Array([1]), new Uint8Array([2])),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(fieldName, tie('value')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
  ),
})).value

/** Some changes of a value: what two people make of one. */
export const edit: fc.Arbitrary<(value: Value) => Value> = fc
  .array(fc.tuple(fc.nat(99), fc.nat(99), smallValue), { maxLength: 3 })
  .map((steps) => (value) => steps.reduce((before, [where, what, next]) => edited(before, where, what, next), value))

function edited(value: Value, where: number, what: number, next: Value): Value {
  if (Array.isArray(value)) {
    const array = value as readonly Value[]
    const at = where % (array.length + 1)
    if (what % 3 === 0) return array.toSpliced(at, 0, next)
    if (what % 3 === 1 || array[at] === undefined) return array.toSpliced(at, 1)
    return array.with(at, edited(array[at], where >> 1, what >> 1, next))
  }
  if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    const entries = Object.entries(value as { readonly [key: string]: Value })
    const at = where % (entries.length + 1)
    const [name, inside] = entries[at] ?? [['a', '__proto__', 'constructor', 'new'][what % 4]!, next]
    if (what % 3 === 0) return Object.fromEntries(entries.filter(([other]) => other !== name))
    const changed = what % 3 === 1 ? next : edited(inside, where >> 1, what >> 1, next)
    return Object.fromEntries([...entries.filter(([other]) => other !== name), [name, changed]])
  }
  return next
}

/** A base and what two people made of it. */
export const history: fc.Arbitrary<{ readonly base: Value; readonly mine: Value; readonly theirs: Value }> = fc
  .tuple(smallValue, edit, edit)
  .map(([base, one, other]) => ({ base, mine: one(base), theirs: other(base) }))

/** Arrays of items with ids, in any order. */
export const keyedArray: fc.Arbitrary<readonly { readonly id: string; readonly n: number }[]> = fc.uniqueArray(
  fc.record(
    { id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', '__proto__'), n: fc.nat(2) },
    { noNullPrototype: true },
  ),
  { selector: ({ id }) => id, maxLength: 9 },
)

/** Arrays of items with ids of which two come from one: moved, changed, added and removed. */
export const keyedHistory: fc.Arbitrary<{
  readonly base: readonly KeyedItem[]
  readonly mine: readonly KeyedItem[]
  readonly theirs: readonly KeyedItem[]
}> = fc
  .tuple(keyedArray, keyedEdits(), keyedEdits())
  .map(([base, one, other]) => ({ base, mine: one(base), theirs: other(base) }))

/** An item of a keyed array. */
export interface KeyedItem {
  readonly id: string
  readonly n: number
}

function keyedEdits(): fc.Arbitrary<(array: readonly KeyedItem[]) => readonly KeyedItem[]> {
  const step = fc.tuple(fc.nat(3), fc.nat(20), fc.nat(20), fc.constantFrom('k', 'l', 'm', 'n'))
  return fc.array(step, { maxLength: 4 }).map((steps) => (array) => {
    return steps.reduce<readonly KeyedItem[]>((items, [what, from, to, id]) => {
      const at = from % (items.length + 1)
      const item = items[at]
      if (what === 0 && !items.some((other) => other.id === id)) return items.toSpliced(at, 0, { id, n: to })
      if (item === undefined) return items
      if (what === 1) return items.toSpliced(at, 1)
      if (what === 2) return items.with(at, { ...item, n: to })
      return items.toSpliced(at, 1).toSpliced(to % items.length, 0, item)
    }, array)
  })
}
