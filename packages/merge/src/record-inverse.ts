import type { Past, Stamp, Value } from '@syncline/stm'
import { JsonTree, readNodeEntry, RESET_AT } from './json-tree.ts'
import { Malformed, readStamps, StampTable, type Origins } from './origins.ts'
import { isThere, lifeOf, pathOf, pathsOf, registersIn, sketchOf, type Register, type Sketch } from './record-sketch.ts'
import { ADD, CLEAR, CREATE, DELETE, PUT, SET, WRITE, YIELD } from './record-op.ts'
import { isEntryValue, isOperation, type RecordState } from './record-state.ts'
import { DATA, PLACE } from './shape.ts'
import { addSums, decodeSum, encodeSum, noSum, splitSum, type Sum } from './sum.ts'

/**
 * The inverse of an operation on a record, as data:
 *
 * - of a write: `[WRITE, life, stamps, …entries]`;
 * - of what creates, deletes or brings back: `[CREATE, DELETE, YIELD or REVIVE, life, stamps, created, deleted, added, …entries]`: the life
 *   before and the places of its stamps, what the create itself adds, as `name, sum, …`, and all that the member held. In place of what is
 *   added, a yielding delete has the incarnation that it deletes, and what brings back has what the counts come to then.
 *
 * An entry is `kind, name, value, place of its stamp`, with the kinds of operations: what a register held before, and each of its parts that
 * was written by itself, or what a count was given.
 */
export type RecordInverse = WriteInverse | LifeInverse

/** Takes back a write: what the registers held, and what was added to the counts. */
export interface WriteInverse {
  readonly kind: typeof WRITE
  readonly life: number
  readonly registers: readonly Register[]
  readonly added: ReadonlyMap<string, Sum>
}

/** Takes back what created a member, deleted it or brought it back. */
export interface LifeInverse {
  readonly kind: typeof CREATE | typeof DELETE | typeof YIELD | typeof REVIVE
  readonly before: Sketch
  readonly added: ReadonlyMap<string, Sum>
  /** Of a yielding delete: which incarnation it deletes. */
  readonly incarnation: number | undefined
}

/** No operation, but what a write does that brings back a member whose delete yields. */
export const REVIVE = 5

/** The inverse of an operation that is about to be applied; undefined when it would change nothing. */
export function inverseOf(before: RecordState | undefined, payload: Value, origins: Origins): Value | undefined {
  if (!isOperation(payload)) return undefined
  const kind = payload[0] as number
  const incarnation = payload[1] as number
  if (before !== undefined && before.incarnation > incarnation) return undefined
  const isSame = before?.incarnation === incarnation
  const isDeleted = isSame && before.deleted !== undefined
  if (isDeleted && kind !== DELETE && before.seen === undefined) return undefined
  const stamps = new StampTable()
  if (kind === WRITE && !isDeleted) {
    const entries = replacedEntries(isSame ? before : undefined, payload, stamps)
    return [WRITE, isSame ? lifeOf(before, origins) : incarnation, stamps.data, ...entries]
  }
  const sketch = sketchOf(before, origins)
  let added: readonly Value[]
  if (kind === YIELD) added = [incarnation]
  else {
    const sums = new Map(kind === WRITE ? sketch.counts : undefined)
    for (const [name, sum] of addedIn(payload)) sums.set(name, addSums(sums.get(name) ?? noSum, sum))
    added = [...sums].flatMap(([name, sum]) => [name, encodeSum(splitSum(sum))])
  }
  const entries = isThere(sketch) || kind === WRITE ? entriesOf(sketch, stamps) : []
  const { created, deleted } = sketch
  // The places first, for they fill the table of stamps.
  const places = [stamps.place(created), stamps.place(deleted)]
  return [kind === WRITE ? REVIVE : kind, sketch.life, stamps.data, ...places, [...added], ...entries]
}

/**
 * The same of what most people do most of the time: one register of a record gets another value, as a whole, and nothing was taken back that the record
 * stands on. Undefined for all else. It makes what it gives and nothing beside.
 */
export function inverseOfOne(before: RecordState | undefined, payload: Value, past: Past): Value | undefined {
  if (before === undefined || !Array.isArray(payload) || payload.length !== 5 || !isOperation(payload)) return undefined
  const [kind, incarnation, entry, name] = payload as unknown as readonly [Value, Value, Value, string]
  const { created, deleted, shape, stamps } = before
  if (kind !== WRITE || entry !== SET || incarnation !== before.incarnation || deleted !== undefined) return undefined
  if (created !== undefined && past.restored(past.now(created)) !== undefined) return undefined
  const slot = shape.slot(DATA, name)
  const held = slot < 0 ? undefined : before.at(slot)
  if (slot < 0 || held instanceof JsonTree) return undefined
  const { at, writer } = stamps?.[slot] ?? before.stamp
  const [was, value] = held === undefined ? [CLEAR, null] : [SET, held as Value]
  return [WRITE, before.incarnation, [at, writer], was, name, value, 0]
}

/** What an operation adds to counts, in its order. */
function addedIn(payload: readonly Value[]): readonly (readonly [string, Sum])[] {
  const added: (readonly [string, Sum])[] = []
  for (let i = 2; i < payload.length; i += 3) {
    if (payload[i] === ADD) added.push([payload[i + 1] as string, decodeSum(payload[i + 2])!])
  }
  return added
}

/** What the registers of a write held before, with all their parts, and what it adds to counts. */
function replacedEntries(before: RecordState | undefined, payload: readonly Value[], stamps: StampTable): Value[] {
  const entries: Value[] = []
  for (let i = 2; i < payload.length; i += 3) {
    const [entry, name, data] = payload.slice(i, i + 3) as [Value, string, Value]
    if (entry === ADD) {
      entries.push(ADD, name, data, -1)
      continue
    }
    const keys = readNodeEntry(entry, data)?.path ?? []
    const slot = before === undefined ? -1 : before.shape.slot(entry === PUT ? PLACE : DATA, name)
    const replaced = slot < 0 ? [] : registersIn(before!, slot, keys)
    const path = pathOf(entry, name, keys)
    if (!replaced.some((register) => pathsOf(register)[0] === path)) {
      entries.push(
        ...(keys.length > 0 ? [RESET_AT, name, keys] : entry === PUT ? [PUT, name, null] : [CLEAR, name, null]),
        -1,
      )
    }
    for (const register of replaced) pushRegister(entries, register, stamps)
  }
  return entries
}

function entriesOf({ registers, counts }: Sketch, stamps: StampTable): Value[] {
  const entries: Value[] = []
  for (const register of registers.values()) pushRegister(entries, register, stamps)
  for (const [name, sum] of counts) if (sum.length > 0) entries.push(ADD, name, encodeSum(splitSum(sum)), -1)
  return entries
}

function pushRegister(entries: Value[], { entry, name, data, stamp }: Register, stamps: StampTable): void {
  entries.push(entry, name, data, stamps.place(stamp))
}

/** The inverse in data; throws {@link Malformed} when there is none. */
export function readInverse(data: Value): RecordInverse {
  if (!Array.isArray(data)) throw new Malformed()
  const [kind, life, stamps] = data as readonly Value[]
  const stampAt = readStamps(stamps)
  if (typeof life !== 'number') throw new Malformed()
  if (kind === WRITE) {
    const { registers, counts } = readEntries(data.slice(3), stampAt)
    return { kind, life, registers: [...registers.values()], added: counts }
  }
  if (kind !== CREATE && kind !== DELETE && kind !== YIELD && kind !== REVIVE) throw new Malformed()
  const [created, deleted, added, ...entries] = data.slice(3) as readonly Value[]
  if (!Array.isArray(added)) throw new Malformed()
  const before = { life, created: stampAt(created), deleted: stampAt(deleted), ...readEntries(entries, stampAt) }
  if (kind !== YIELD) return { kind, before, added: readAdded(added), incarnation: undefined }
  const [incarnation] = added as readonly Value[]
  if (typeof incarnation !== 'number') throw new Malformed()
  return { kind, before, added: new Map(), incarnation }
}

function readAdded(added: readonly Value[]): Map<string, Sum> {
  const sums = new Map<string, Sum>()
  for (let i = 0; i < added.length; i += 2) sums.set(nameIn(added[i]), sumIn(added[i + 1]))
  return sums
}

function readEntries(
  entries: readonly Value[],
  stampAt: (place: Value | undefined) => Stamp | undefined,
): { readonly registers: Map<string, Register>; readonly counts: Map<string, Sum> } {
  const registers = new Map<string, Register>()
  const counts = new Map<string, Sum>()
  for (let i = 0; i < entries.length; i += 4) {
    const [entry, given, data, place] = entries.slice(i, i + 4) as readonly (Value | undefined)[]
    const name = nameIn(given)
    if (entry === undefined || data === undefined || !isEntryValue(entry, data)) throw new Malformed()
    if (entry === ADD) counts.set(name, sumIn(data))
    else {
      const register = { entry, name, data, stamp: stampAt(place) }
      registers.set(pathsOf(register)[0], register)
    }
  }
  return { registers, counts }
}

function nameIn(name: Value | undefined): string {
  if (typeof name !== 'string') throw new Malformed()
  return name
}

function sumIn(value: Value | undefined): Sum {
  const sum = decodeSum(value)
  if (sum === undefined) throw new Malformed()
  return sum
}
