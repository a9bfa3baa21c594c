import type { Change, Op, Value } from '@syncline/stm'
import { readLike, writeLike } from './alike.ts'
import { readBasis, writeBasis } from './basis.ts'
import { gatherTouched, opOn, readTouched, repeatedRef, writeTouched, type TouchedRef } from './header.ts'
import type { ByteReader } from './reader.ts'
import type { ByteWriter } from './writer.ts'

/** A Change as its own browser keeps it, of which `encodeChange` gives the record: it has no effects and nothing for this browser alone. */
export interface RunChange {
  readonly change: Change
  /** How to take the Change back; null when nobody wants to. */
  readonly inverse: Value
}

/** The time, how many operations, and that the rest is as before. */
const LEAST_CHANGE_BYTES = 4
/** The number of a ref, and that the payload is as before. */
const LEAST_OP_BYTES = 2

/** Writes Changes of one writer that come one after the other and depend on the same: what they have in common is said once. */
export function writeRun(out: ByteWriter, changes: readonly RunChange[]): void {
  const all: Op[] = []
  for (const { change } of changes) for (const op of change.ops) all.push(op)
  const { touched, places } = gatherTouched(all)
  let [count, payload, meta, inverse]: [number, Value, Value, Value] = [0, null, null, null]
  let before: Change | undefined
  for (const { change, inverse: own } of changes) {
    const { writer, seq, at, ops } = change
    const isNext = before === undefined ? seq > 0 : goesOn(before, change)
    if (!isNext || change.effects.length > 0 || ops.some(isBrowsers)) throw out.unfit(`${writer}:${seq} in a run`)
    if (before === undefined) {
      out.id(writer)
      out.varuint(seq)
      writeBasis(out, change.deps)
      writeTouched(out, touched)
      out.varuint(changes.length)
    }
    out.varuint(at - (before?.at ?? 0))
    out.varuint(ops.length)
    for (const op of ops) {
      out.varuint(places?.[count] ?? count)
      count += 1
      writeLike(out, op.payload, payload)
      payload = op.payload
    }
    writeLike(out, change.meta, meta)
    writeLike(out, own, inverse)
    meta = change.meta
    inverse = own
    before = change
  }
  if (before === undefined) throw out.unfit('no Change in a run')
}

/** Reads what `writeRun` wrote. */
export function readRun(input: ByteReader): readonly RunChange[] {
  const writer = input.id()
  let seq = input.positive('a seq')
  const deps = readBasis(input)
  const touched = readTouched(input)
  let [at, used, payload, meta, inverse]: [number, number, Value, Value, Value] = [0, 0, null, null, null]

  function readOp(): Op {
    const place = input.varuint()
    const ref = touched[place]
    if (ref === undefined || place > used)
      throw input.malformed(`an operation on touched ref ${place}, before one on ${used}`)
    if (place === used) used += 1
    return opOn(ref, (payload = readLike(input, payload)))
  }

  const changes: RunChange[] = []
  for (let left = input.some('Change', LEAST_CHANGE_BYTES); left > 0; left--) {
    at += input.varuint()
    if (at > Number.MAX_SAFE_INTEGER || seq > Number.MAX_SAFE_INTEGER) throw input.malformed(`${seq} at ${at}`)
    const ops: Op[] = []
    for (let more = input.count(LEAST_OP_BYTES); more > 0; more--) ops.push(readOp())
    meta = readLike(input, meta)
    inverse = readLike(input, inverse)
    changes.push({ change: { writer, seq, deps, at, ops, effects: noEffects, meta }, inverse })
    seq += 1
  }
  if (used < touched.length || touched.some(isBrowsers) || repeatedRef(touched) !== undefined) {
    throw input.malformed('other refs than a run touches')
  }
  return changes
}

const noEffects: readonly never[] = []

const isBrowsers = ({ arbiter }: TouchedRef): boolean => arbiter === 'browser'

/**
 * Whether two Changes may be in one run, one right after the other. What is in each of them is not looked at.
 *
 * @example
 * import { goesOn } from '@syncline/protocol'
 * import { emptyBasis, type Change } from '@syncline/stm'
 *
 * const one: Change = { writer: '0'.repeat(32), seq: 1, deps: emptyBasis, at: 1, ops: [], effects: [], meta: null }
 * expect(goesOn(one, { ...one, seq: 2 })).toBe(true)
 * expect(goesOn(one, { ...one, seq: 3 })).toBe(false)
 */
export function goesOn(before: Change, { writer, seq, at, deps }: Change): boolean {
  // An author has one basis for Changes between which nothing has come.
  return writer === before.writer && seq === before.seq + 1 && at >= before.at && deps === before.deps
}
