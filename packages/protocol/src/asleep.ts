import type { WriterId } from '@syncline/stm'
import { ProtocolError } from './errors.ts'
import { ByteReader } from './reader.ts'
import type { Rest, SleepingParts } from './rest.ts'
import { readRun, writeRun, type RunChange } from './run.ts'
import { bytes, listOf, text, tuple, whole, type Shape } from './shapes.ts'
import { decodeValue } from './value.ts'
import { ByteWriter } from './writer.ts'

/** How a pending Change is kept: its bytes, what never leaves the browser, and which pending Changes its author had seen. */
export type KeptPending = readonly [
  record: Uint8Array,
  local: Uint8Array,
  saw: readonly (readonly [writer: WriterId, seq: number])[],
]

/** Changes as in the entry of a run, which says all of them in a fraction of the bytes. Their authors had seen what their `deps` say. */
export interface KeptRun {
  readonly run: readonly RunChange[]
}

/**
 * Pending Changes that nobody need look at: how many, and the bytes of their list. A list of form 1 has runs; what has no form was written by an older version, as one
 * value.
 */
export type AsleepPending = readonly [count: number, list: Uint8Array, form?: 1]

/**
 * What makes a list again that is not there any more, when all others are: how many Changes, how many bytes and which form, and the bytes, each of all lists put together by
 * exclusive or.
 */
export type SpareAsleep = readonly [count: number, length: number, form: number, bytes: Uint8Array]

/** What a checkpoint says of what is asleep in it, as far as its parts have come. */
export interface Sleeping {
  /** By their parts. */
  readonly lists: Map<number, AsleepPending>
  parts: SleepingParts | undefined
  spare: SpareAsleep | undefined
}

/** Whether a value is a list of pending Changes. */
export const arePending: Shape = listOf(tuple(bytes, bytes, listOf(tuple(text, whole))))

const WHAT = 'list of pending Changes'

const KEPT = 0
const RUN = 1

/** Three empty lists. */
const LEAST_ITEM_BYTES = 4
/** An id and a number. */
const LEAST_SEEN_BYTES = 17

/**
 * Puts pending Changes to sleep, in their order.
 *
 * @example
 * import { asleepOf, pendingIn } from '@syncline/protocol'
 *
 * const kept = [[new Uint8Array([1]), new Uint8Array(0), []]] as const
 * expect(pendingIn(asleepOf(kept))).toEqual(kept)
 */
export function asleepOf(items: readonly (KeptPending | KeptRun)[]): AsleepPending {
  const out = new ByteWriter(WHAT)
  let count = 0
  out.varuint(items.length)
  for (const item of items) {
    if ('run' in item) {
      count += item.run.length
      out.byte(RUN)
      writeRun(out, item.run)
      continue
    }
    const [record, local, saw] = item
    count += 1
    out.byte(KEPT)
    out.bytes(record)
    out.bytes(local)
    out.varuint(saw.length)
    for (const [writer, seq] of saw) {
      out.id(writer)
      out.varuint(seq)
    }
  }
  return [count, out.finish(), 1]
}

/**
 * A spare for one more list; without one before, for this alone.
 *
 * @example
 * import { asleepMissing, asleepOf, spareWith } from '@syncline/protocol'
 *
 * const [one, two] = [asleepOf([]), asleepOf([[new Uint8Array([1]), new Uint8Array(0), []]])]
 * const spare = spareWith(spareWith(undefined, one), two)
 * expect(asleepMissing({ parts: [7, 3, 0, []], lists: new Map([[7, one]]), spare })).toEqual([8, two])
 */
export function spareWith(
  [count, length, form, before]: SpareAsleep = noSpare,
  [one, list, ofOne]: AsleepPending,
): SpareAsleep {
  const all = new Uint8Array(Math.max(before.length, list.length))
  all.set(before)
  list.forEach((byte, i) => (all[i]! ^= byte))
  return [count ^ one, length ^ list.length, form ^ (ofOne ?? 0), all]
}

const noSpare: SpareAsleep = [0, 0, 0, new Uint8Array(0)]

/**
 * Nothing, to which `noteSleeping` adds.
 *
 * @example
 * import { asleepMissing, asleepOf, noSleeping, noteSleeping, spareWith } from '@syncline/protocol'
 *
 * const one = asleepOf([])
 * const sleeping = noSleeping()
 * noteSleeping(sleeping, 1, ['directory', { entries: 5, lastOfCells: 1, portions: [], asleep: [2, 2, 0, []] }])
 * noteSleeping(sleeping, 3, ['spare', spareWith(undefined, one)])
 * expect(asleepMissing(sleeping)).toEqual([2, one])
 */
export function noSleeping(): Sleeping {
  return { lists: new Map(), parts: undefined, spare: undefined }
}

/** Takes in a part of a checkpoint, whatever it is of. */
export function noteSleeping(sleeping: Sleeping, part: number, rest: Rest): void {
  if (rest[0] === 'asleep') sleeping.lists.set(part, rest[1])
  else if (rest[0] === 'spare') sleeping.spare = rest[1]
  else if (rest[0] === 'directory') sleeping.parts = rest[1].asleep
}

/**
 * The list of some parts that is not there, made of those by their parts that are, and the spare, which is the last of the parts. Undefined when none is missing, or more than
 * can be made.
 */
export function asleepMissing({
  parts,
  lists,
  spare,
}: Sleeping): readonly [part: number, list: AsleepPending] | undefined {
  if (parts === undefined || spare === undefined || lists.size !== parts[1] - 2) return undefined
  let [part] = parts
  while (lists.has(part)) part += 1
  const [count, length, form, bytes] = [...lists.values()].reduce(spareWith, spare)
  const list = bytes.slice(0, length)
  return [part, form === 1 ? [count, list, 1] : [count, list]]
}

/** The pending Changes of a list. Throws `ProtocolError` where it is none of so many. */
export function pendingIn([count, list, form]: AsleepPending): readonly (KeptPending | KeptRun)[] {
  const items = form === undefined ? olderItems(list) : readItems(list)
  if (items.reduce((sum, item) => sum + ('run' in item ? item.run.length : 1), 0) === count) return items
  throw new ProtocolError('malformed', `A ${WHAT} has not ${count} of them. Get it from another copy.`)
}

function readItems(list: Uint8Array): (KeptPending | KeptRun)[] {
  const input = new ByteReader(WHAT, list)
  const items: (KeptPending | KeptRun)[] = []
  for (let left = input.count(LEAST_ITEM_BYTES); left > 0; left--) {
    const form = input.byte()
    if (form === RUN) items.push({ run: readRun(input) })
    else if (form === KEPT) items.push([input.bytes(), input.bytes(), readSeen(input)])
    else throw input.malformed(`an item of the unknown form ${form}`)
  }
  input.done()
  return items
}

function readSeen(input: ByteReader): KeptPending[2] {
  const seen: (readonly [WriterId, number])[] = []
  for (let left = input.count(LEAST_SEEN_BYTES); left > 0; left--) seen.push([input.id(), input.varuint()])
  return seen
}

function olderItems(list: Uint8Array): readonly KeptPending[] {
  const kept: unknown = decodeValue(list)
  // Which that is.
  return arePending(kept) ? (kept as readonly KeptPending[]) : []
}
