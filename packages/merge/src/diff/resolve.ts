import { equalValues, setKey, StmError, toValue, type Value } from '@syncline/stm'
import type { Conflict, Key, Merged, Path, PlaceConflict, SpanConflict } from './conflict.ts'
import { keyOf } from './keyed.ts'

/**
 * What to put where a conflict is: what one version has, or something else. `is` is the value, undefined for none; the text or items of a
 * span; or the key of the item to stand behind, null for the beginning.
 */
export type Choice = 'base' | 'mine' | 'theirs' | { readonly is: Value | undefined }

/**
 * The value of a merge with its conflicts resolved, one by one, as `choose` says. Conflicts are plain data, so this works long after the merge,
 * and on a replica that knows neither the base nor how the merge was made.
 *
 * Throws `StmError` `invalid-value` when a conflict is not about this value: it was changed since.
 *
 * @example
 * import { merge3, resolve, words } from '@syncline/merge/diff'
 *
 * const merged = merge3({ base: 'a red car', mine: 'a blue car', theirs: 'a green car!', by: words })
 * expect(resolve(merged, () => 'theirs')).toBe('a green car!')
 * expect(resolve(merged, ({ mine, theirs }) => ({ is: `${mine} or ${theirs}` }))).toBe('a blue or green car!')
 */
export function resolve<V>(merged: Merged<V>, choose: (conflict: Conflict, index: number) => Choice): V {
  if (merged.clean) return merged.value
  const chosen = merged.conflicts.map((conflict, i) => ({ conflict, is: chosenOf(conflict, choose(conflict, i)) }))
  // From the last to the first, so that what is longer or shorter now moves no place that is still to come. Items are moved at the end.
  const isPlace = ({ conflict }: { readonly conflict: Conflict }): boolean => conflict.kind === 'place'
  const steps = [...chosen.filter((step) => !isPlace(step)).reverse(), ...chosen.filter(isPlace)]
  const value = steps.reduce<Value | undefined>(
    (before, { conflict, is }) => settled(before, conflict, is),
    // What a merge gives went through `toValue`.
    merged.value as Value,
  )
  // As long as nobody removes the whole value, which is of the type that the merge had.
  return (value === undefined ? undefined : toValue(value)) as V
}

function chosenOf(conflict: Conflict, choice: Choice): Value | undefined {
  return typeof choice === 'string' ? conflict[choice] : choice.is
}

function settled(value: Value | undefined, conflict: Conflict, is: Value | undefined): Value | undefined {
  switch (conflict.kind) {
    case 'value':
      return changedAt(value, conflict.path, () => is)
    case 'span':
      return changedAt(value, conflict.path, (whole) => spliced(whole, conflict, is))
    case 'place':
      return changedAt(value, conflict.path.slice(0, -1), (array) => moved(array, conflict, is))
    default:
      return conflict satisfies never
  }
}

type Step = Path[number]

/** The value with what `path` leads to replaced by what `change` makes of it. */
function changedAt(
  value: Value | undefined,
  path: Path,
  change: (value: Value | undefined) => Value | undefined,
): Value | undefined {
  const [step, ...rest] = path
  if (step === undefined) return change(value)
  if (typeof step !== 'string') {
    if (!Array.isArray(value)) throw misfit(step)
    const array = value as readonly Value[]
    const index = indexIn(array, step)
    const item = changedAt(array[index], rest, change)
    return item === undefined ? array.toSpliced(index, 1) : array.with(index, item)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw misfit(step)
  const object = value as { readonly [key: string]: Value }
  const inside = changedAt(Object.hasOwn(object, step) ? object[step] : undefined, rest, change)
  const copy: Record<string, Value> = {}
  for (const key of Object.keys(object)) if (key !== step || inside !== undefined) setKey(copy, key, object[key]!)
  if (inside !== undefined) setKey(copy, step, inside)
  return copy
}

function indexIn(array: readonly Value[], step: Exclude<Step, string>): number {
  const [[field, key] = ['', '']] = Object.entries(step)
  const index = array.findIndex((item) => Object.is(keyOf(item, field), key))
  if (index === -1) throw misfit(step)
  return index
}

function spliced(whole: Value | undefined, { at, base }: SpanConflict, is: Value | undefined): Value {
  const end = at + base.length
  if (typeof whole === 'string' && typeof is === 'string' && whole.slice(at, end) === base) {
    return whole.slice(0, at) + is + whole.slice(end)
  }
  if (Array.isArray(whole) && Array.isArray(is) && equalValues(whole.slice(at, end), base)) {
    // A value that was stored, so its items are values. Not `toSpliced`: a call takes only so many arguments.
    const [array, added] = [whole as readonly Value[], is as readonly Value[]]
    return [...array.slice(0, at), ...added, ...array.slice(end)]
  }
  throw misfit(at)
}

function moved(array: Value | undefined, { path }: PlaceConflict, behind: Value | undefined): Value {
  const step = path.at(-1)
  if (!Array.isArray(array) || step === undefined || typeof step === 'string') throw misfit(step)
  const index = indexIn(array, step)
  // An item that the base does not have stays where the merge has put it when the base is chosen.
  if (behind === undefined) return array as readonly Value[]
  const others = (array as readonly Value[]).toSpliced(index, 1)
  const [field = ''] = Object.keys(step)
  const place = behind === null ? 0 : indexIn(others, { [field]: behind as Key }) + 1
  return others.toSpliced(place, 0, array[index] as Value)
}

function misfit(place: unknown): StmError {
  return new StmError(
    'invalid-value',
    `A conflict is about ${JSON.stringify(place)}, which the value does not have as the merge left it. ` +
      'Resolve conflicts on the value that came with them, or merge again.',
  )
}
