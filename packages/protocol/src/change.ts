import type { Change, Effect, Op, Value, WriterId } from '@syncline/stm'
import { ProtocolError } from './errors.ts'
import type { Expectation } from './expectation.ts'
import { opOn, readAuthor, readHeader, repeatedRef, writeHeader } from './header.ts'
import type { Apart, ChangeHeader } from './header.ts'
import { nothingInherited, type Inherited } from './inherited.ts'
import { MAX_CHANGE_BYTES } from './limits.ts'
import { readPayload, writePayload } from './payload.ts'
import { ByteReader } from './reader.ts'
import { sealBeside, sealOf, unknownVersion, unseal } from './seal.ts'
import { readValue, writeValue } from './value.ts'
import { ByteWriter } from './writer.ts'

const WHAT = 'Change record'
const VERSION = 1

/** The shortest Change: version, two lengths, a header of 26 bytes, a body of 3, the checksum. */
export const MIN_CHANGE_BYTES = 36

/** The place of a touched ref, and the shortest value. */
const LEAST_OP_BYTES = 2

/** Two empty strings and the shortest value. */
const LEAST_EFFECT_BYTES = 3

/**
 * The record of a Change: what is stored, sent and forwarded, byte for byte, for ever. Equal Changes give equal records.
 *
 * `documents` are the Yjs client ids under which its author writes; the header names them, and of those that are `inherited` whose they were.
 * With `expectations`, also an empty list of them, the Change is accepted only when they are met. With `apart` it is none, but a piece of a join or an adoption.
 * Throws `ProtocolError` `too-large` above `MAX_CHANGE_BYTES`, `malformed` for what is no Change. Short records lie beside others in one buffer: copy
 * what is to be given to somebody who takes the whole buffer, as `postMessage` does.
 *
 * @example
 * import { decodeChange, decodeHeader, encodeChange } from '@syncline/protocol'
 * import { emptyBasis, type Change } from '@syncline/stm'
 *
 * const change: Change = {
 *   writer: '000102030405060708090a0b0c0d0e0f',
 *   seq: 1,
 *   deps: emptyBasis,
 *   at: 1_700_000_000_000_000,
 *   ops: [{ tag: 'lww', address: 'title', arbiter: 'local', payload: 'Hello' }],
 *   effects: [],
 *   meta: null,
 * }
 * const record = encodeChange(change)
 * expect(decodeChange(record)).toEqual(change)
 * expect(decodeHeader(record).touched).toEqual([{ tag: 'lww', address: 'title', arbiter: 'local' }])
 */
export function encodeChange(
  change: Change,
  documents: readonly number[] = [],
  expectations?: readonly Expectation[],
  inherited: Inherited = nothingInherited,
  apart: Apart = {},
): Uint8Array {
  const out = new ByteWriter(WHAT, MAX_CHANGE_BYTES)
  out.byte(VERSION)
  const header = out.begin()
  const places = writeHeader(out, change, documents, expectations, inherited, apart)
  out.end(header)
  const body = out.begin()
  writeBody(out, change, places)
  out.end(body)
  const record = sealBeside(out)
  if (record.length > MAX_CHANGE_BYTES) throw tooLarge(record.length)
  return record
}

/** A Change that was read, and of an adoption what its header says. */
export type DecodedChange = Change & Partial<Pick<ChangeHeader, 'adoption'>>

/** The Change that a record holds. Throws `ProtocolError` for anything that `encodeChange` cannot have given. Cost: its length. */
export function decodeChange(record: Uint8Array): DecodedChange {
  const begun = beginBody(record)
  readOps(begun, begun.left)
  return finishBody(begun)
}

/**
 * The same in steps, for who has other things to do in between: each tells about how many bytes it has read. A step is some milliseconds at most, but for the first,
 * which reads the header.
 *
 * @example
 * import { decodeChange, decodeChangeInSteps, encodeChange } from '@syncline/protocol'
 * import { emptyBasis } from '@syncline/stm'
 *
 * const ops = [{ tag: 'lww', address: 'title', arbiter: 'local', payload: 'Hello' }] as const
 * const record = encodeChange({ writer: '0'.repeat(32), seq: 1, deps: emptyBasis, at: 1, ops, effects: [], meta: null })
 * const steps = decodeChangeInSteps(record)
 * let step = steps.next()
 * while (!step.done) step = steps.next()
 * expect(step.value).toEqual(decodeChange(record))
 */
export function* decodeChangeInSteps(record: Uint8Array): Generator<number, DecodedChange, undefined> {
  const begun = beginBody(record)
  let { at } = begun.body
  yield record.length - begun.body.left
  while (begun.left > 0) {
    readOps(begun, STEP)
    yield begun.body.at - at
    at = begun.body.at
  }
  return finishBody(begun)
}

/** So many operations are read in one step. */
const STEP = 1024

/** A Change of which the header has been read, and some operations. */
interface Begun extends Pick<ChangeHeader, 'writer' | 'seq' | 'deps' | 'at' | 'touched' | 'adoption'> {
  readonly body: ByteReader
  readonly ops: Op[]
  /** How many operations are still to be read. */
  left: number
  /** How many of the touched refs those that were read are on. */
  used: number
  /** The payload of the last one. */
  before: Value
}

function beginBody(record: Uint8Array): Begun {
  const input = open(record)
  const { writer, seq, deps, at, touched, adoption } = readHeader(input.part(WHAT, input.varuint()))
  const body = input.part(WHAT, input.varuint())
  input.done()
  const repeated = repeatedRef(touched)
  if (repeated !== undefined) throw body.malformed(`the ref "${repeated.address}" twice among the touched`)
  const left = body.count(LEAST_OP_BYTES)
  return { writer, seq, deps, at, touched, adoption, body, ops: [], left, used: 0, before: null }
}

/** Reads the next operations, `most` at most. */
function readOps(begun: Begun, most: number): void {
  const { body, touched, ops } = begun
  let { used, before } = begun
  const count = Math.min(most, begun.left)
  begun.left -= count
  for (let left = count; left > 0; left--) {
    const place = body.varuint()
    const ref = touched[place]
    // The order of the touched refs is that of their first operations: one Change, one encoding.
    if (ref === undefined || place > used)
      throw body.malformed(`an operation on touched ref ${place}, before one on ${used}`)
    if (place === used) used += 1
    before = readPayload(body, before)
    ops.push(opOn(ref, before))
  }
  begun.used = used
  begun.before = before
}

function finishBody({ writer, seq, deps, at, touched, adoption, body, ops, used }: Begun): DecodedChange {
  if (used < touched.length) throw body.malformed(`no operation on touched ref ${used}, which its header names`)
  const effects = readEffects(body)
  const meta: Value = readValue(body)
  body.done()
  const change = { writer, seq, deps, at, ops, effects, meta }
  return adoption === undefined ? change : { ...change, adoption }
}

/**
 * The header of a record. Verifies the checksum of the whole and never looks into the body.
 * Throws `ProtocolError`; a Change with a precondition of an unknown kind is always refused with `unknown-precondition`, never read without it.
 */
export function decodeHeader(record: Uint8Array): ChangeHeader {
  const input = open(record)
  const header = readHeader(input.part(WHAT, input.varuint()))
  input.skip(input.varuint())
  input.done()
  return header
}

/** The checksum stored at the end of a record: with (writer, seq), its fingerprint. Not verified. Throws `truncated` when there is none. */
export function recordChecksum(record: Uint8Array): number {
  if (record.length < MIN_CHANGE_BYTES) {
    throw new ProtocolError(
      'truncated',
      `A Change record of ${record.length} bytes is shorter than any can be (${MIN_CHANGE_BYTES}). Get it again, whole.`,
    )
  }
  return sealOf(record)
}

/**
 * Whose a record is, also when it asks for a check that this version does not know: then `decodeHeader` throws, and the refusal
 * must still name the Change. The checksum is not verified. Throws `ProtocolError` for what has no header. Cost: constant.
 */
export function recordAuthor(record: Uint8Array): { readonly writer: WriterId; readonly seq: number } {
  const input = new ByteReader(WHAT, record)
  const version = input.byte()
  if (version !== VERSION) throw unknownVersion(WHAT, version, VERSION)
  return readAuthor(input.part(WHAT, input.varuint()))
}

function open(record: Uint8Array): ByteReader {
  if (record.length > MAX_CHANGE_BYTES) throw tooLarge(record.length)
  return unseal(WHAT, record, VERSION, MIN_CHANGE_BYTES)
}

function writeBody(out: ByteWriter, change: Change, places: readonly number[] | undefined): void {
  out.varuint(change.ops.length)
  writeOps(out, change.ops, places)
  out.varuint(change.effects.length)
  for (const effect of change.effects) {
    out.string(effect.id)
    out.string(effect.handler)
    writeValue(out, effect.input)
  }
  writeValue(out, change.meta)
}

/** With nothing after its loop, as those of `crc32c` are. */
function writeOps(out: ByteWriter, ops: readonly Op[], places: readonly number[] | undefined): void {
  for (let i = 0; i < ops.length; i++) {
    out.varuint(places === undefined ? i : places[i]!)
    writePayload(out, ops[i]!.payload, i === 0 ? null : ops[i - 1]!.payload)
  }
}

function readEffects(input: ByteReader): readonly Effect[] {
  const effects: Effect[] = []
  for (let left = input.count(LEAST_EFFECT_BYTES); left > 0; left--) {
    effects.push({ id: input.string(), handler: input.string(), input: readValue(input) })
  }
  return effects
}

function tooLarge(length: number): ProtocolError {
  return new ProtocolError(
    'too-large',
    `A Change of ${length} bytes is longer than the ${MAX_CHANGE_BYTES} allowed. Split the work into several transactions.`,
  )
}
