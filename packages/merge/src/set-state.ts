import { nobodys, setKey, type Distilled, type Stamp, type Value } from '@syncline/stm'
import { freezeValue } from './freeze.ts'
import { isWithin, MOST_LEVELS } from './levels.ts'
import { compareValues } from './order.ts'

/** Operation of a set: `[EDIT, …edits]`, an edit being `n, dot, values`: `n` is added to what is known of `dot` under each of the values. */
export const EDIT = 0

/** What came of one addition of a value: how often it was made, less how often it was removed. */
export interface Dot {
  /** Which addition: what no other has. */
  readonly id: string
  /** 1 when it stands; less than 0 when a removal has overtaken it, or several have removed it. Never 0. */
  readonly n: number
}

/** A value, and what is known of its additions. It is in the set while one of them stands. */
export interface Element {
  readonly value: Value
  /** Ascending by id. */
  readonly dots: readonly Dot[]
}

/**
 * An observed-remove set (Shapiro and others, "Conflict-free Replicated Data Types", 2011) that keeps nothing of what is gone: a removal
 * names the additions that it has seen, and both are counted, so that they cancel each other out in whatever order they come.
 */
export class SetState {
  /** Ascending by value. */
  readonly elements: readonly Element[]
  private lastView: readonly Value[] | undefined

  constructor(elements: readonly Element[]) {
    this.elements = elements
    this.lastView = undefined
  }

  /** The values in the set, as one frozen array. */
  get view(): readonly Value[] {
    this.lastView ??= Object.freeze(this.elements.filter(isIn).map(({ value }) => value))
    return this.lastView
  }

  /** What is known of a value. */
  element(value: Value): Element | undefined {
    const found = this.elements[placeOf(this.elements, value)]
    return found !== undefined && compareValues(found.value, value) === 0 ? found : undefined
  }

  has(value: Value): boolean {
    const element = this.element(value)
    return element !== undefined && isIn(element)
  }

  /** The state with `n` added to what is known of a dot under each of some values. Cost: a copy of the array. */
  count(id: string, n: number, values: readonly Value[]): SetState {
    return this.countAll([{ n, dot: id, values }])
  }

  /** The same of several dots. Cost: a copy of the array, however many there are. */
  countAll(edits: readonly SetEdit[]): SetState {
    const changes = edits.flatMap(({ n, dot, values }) => {
      const dots = [{ id: dot, n }]
      return values.map((value): Element => ({ value: plain(value), dots }))
    })
    if (changes.length === 0) return this
    const elements =
      changes.length > MANY ? merged(this.elements, changes.sort(byValue)) : changes.reduce(withOne, this.elements)
    return elements.length === 0 ? emptySet : new SetState(elements)
  }
}

/** So many changes are put in one by one, as copying an array is fast. */
const MANY = 8

/** The set that nobody has written to. */
export const emptySet: SetState = new SetState([])

/** Whether a value is in the set. */
function isIn({ dots }: Element): boolean {
  return dots.some(({ n }) => n > 0)
}

/**
 * Folds one operation into a state. What makes no sense changes nothing. Of what was put together of many, additions that the state knows are left out:
 * they were counted.
 */
export function applySet(state: SetState | undefined, payload: Value, { writer }: Stamp): SetState | undefined {
  const edits = parseSet(payload)
  // What writes no value makes no state.
  if (edits === undefined || edits.every(({ values }) => values.length === 0)) return state
  if (state === undefined) return emptySet.countAll(edits)
  if (writer !== nobodys.writer) return state.countAll(edits)
  const isNew = (dot: string, value: Value): boolean =>
    state.element(value)?.dots.every(({ id }) => id !== dot) !== false
  return state.countAll(
    edits.map((edit) => ({ ...edit, values: edit.values.filter((value) => isNew(edit.dot, value)) })),
  )
}

/** One edit of an operation. */
export interface SetEdit {
  readonly n: number
  readonly dot: string
  readonly values: readonly Value[]
}

/** The edits of an operation; undefined when it makes no sense. */
export function parseSet(payload: Value): readonly SetEdit[] | undefined {
  if (!Array.isArray(payload) || payload[0] !== EDIT || payload.length % 3 !== 1) return undefined
  const edits: SetEdit[] = []
  for (let i = 1; i < payload.length; i += 3) {
    const [n, dot, values] = payload.slice(i, i + 3) as readonly Value[]
    if (!isCount(n) || typeof dot !== 'string' || !Array.isArray(values)) return undefined
    if (!(values as readonly Value[]).every((value) => isWithin(value, MOST_LEVELS))) return undefined
    edits.push({ n, dot, values: values as readonly Value[] })
  }
  return edits
}

/** The operation with these edits; undefined when there are none. */
export function setPayload(edits: readonly SetEdit[]): Value | undefined {
  return edits.length === 0 ? undefined : [EDIT, ...edits.flatMap(({ n, dot, values }) => [n, dot, values])]
}

/** Puts a value into the edit that does the same to the same dot of others; into several where it is more than one can say. */
export function gather(
  edits: Map<string, SetEdit & { readonly values: Value[] }>,
  n: number,
  dot: string,
  value: Value,
): void {
  // A faulty writer may have put in the same addition again and again.
  for (let left = n; left !== 0;) {
    const part = Math.max(-GREATEST, Math.min(left, GREATEST))
    left -= part
    const key = `${part} ${dot}`
    const edit = edits.get(key)
    if (edit === undefined) edits.set(key, { n: part, dot, values: [value] })
    else edit.values.push(value)
  }
}

/** The operation that makes a set of nothing. Its names are in it, so it needs no stamp. */
export function distillSet({ elements }: SetState): readonly Distilled[] {
  const edits: Map<string, SetEdit & { readonly values: Value[] }> = new Map()
  for (const { value, dots } of elements) for (const { id, n } of dots) gather(edits, n, id, value)
  const payload = setPayload([...edits.values()])
  return payload === undefined ? [] : [{ payload, stamp: nobodys }]
}

/** Counts stay far below what would be rounded. */
const GREATEST = 1_000_000

function isCount(n: unknown): n is number {
  return typeof n === 'number' && Number.isInteger(n) && n !== 0 && Math.abs(n) <= GREATEST
}

/** The place of a value, or where it would stand. */
function placeOf(elements: readonly Element[], value: Value): number {
  let low = 0
  let high = elements.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareValues(elements[middle]!.value, value) < 0) low = middle + 1
    else high = middle
  }
  return low
}

function byValue(a: Element, b: Element): number {
  return compareValues(a.value, b.value)
}

function withOne(elements: readonly Element[], change: Element): readonly Element[] {
  const place = placeOf(elements, change.value)
  const result = elements.slice()
  if (!isOf(elements[place], change)) result.splice(place, 0, change)
  else {
    const after = counted(elements[place]!, change)
    if (after === undefined) result.splice(place, 1)
    else result[place] = after
  }
  return result
}

/** Two ascending arrays as one. */
function merged(elements: readonly Element[], changes: readonly Element[]): readonly Element[] {
  const result: Element[] = []
  let i = 0
  for (const change of changes) {
    while (i < elements.length && byValue(elements[i]!, change) < 0) result.push(elements[i++]!)
    // An operation may name a value twice.
    const before = isOf(elements[i], change) ? elements[i++] : isOf(result.at(-1), change) ? result.pop() : undefined
    const after = before === undefined ? change : counted(before, change)
    if (after !== undefined) result.push(after)
  }
  while (i < elements.length) result.push(elements[i++]!)
  return result
}

function isOf(element: Element | undefined, change: Element): boolean {
  return element !== undefined && byValue(element, change) === 0
}

/** What is known of a value after a change to one of its dots; undefined when nothing is any more. */
function counted(element: Element, { dots: [change] }: Element): Element | undefined {
  const { id, n } = change!
  const before = element.dots.find((dot) => dot.id === id)
  const others = before === undefined ? element.dots : element.dots.filter((dot) => dot !== before)
  const sum = (before?.n ?? 0) + n
  if (sum === 0 && others.length === 0) return undefined
  const dots = sum === 0 ? others : [...others, { id, n: sum }].sort((a, b) => (a.id < b.id ? -1 : 1))
  return { value: element.value, dots }
}

/** A value in the one form that all equal ones have: people write them in different orders, and everybody reads the same. */
function plain(value: Value): Value {
  return typeof value === 'object' ? freezeValue(inOneForm(value)) : value === 0 ? 0 : value
}

function inOneForm(value: Value): Value {
  if (value === 0) return 0
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  if (Array.isArray(value)) return (value as readonly Value[]).map(inOneForm)
  const object = value as { readonly [key: string]: Value }
  const copy: Record<string, Value> = {}
  for (const key of Object.keys(object).sort()) setKey(copy, key, inOneForm(object[key]!))
  return copy
}
