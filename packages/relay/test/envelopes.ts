import { contentId, encodeChange, type ContentId, type Expectation } from '@syncline/protocol'
import { emptyBasis, type Arbiter, type Basis, type Op, type Value } from '@syncline/stm'
import { startMs, type Client } from './kit.ts'

export interface EnvelopeOptions {
  readonly seq?: number
  readonly deps?: Partial<Basis>
  readonly at?: number
}

/** An operation on a `relay` ref. */
export function op(tag: string, address: string, payload: Value, arbiter: Arbiter = 'relay'): Op {
  return { tag, address, arbiter, payload }
}

/** The record of a Change with expectations. */
export function envelope(
  writer: string,
  expectations: readonly Expectation[],
  ops: readonly Op[],
  { seq = 1, deps = {}, at = startMs * 1000 }: EnvelopeOptions = {},
): Uint8Array {
  const change = { writer, seq, deps: { ...emptyBasis, ...deps }, at, ops, effects: [], meta: null }
  return encodeChange(change, [], expectations)
}

/** That a ref is read and not written. */
export function holds(tag: string, address: string, content: Value | undefined): Expectation {
  return { kind: 'ref', tag, address, content: contentId(content) }
}

/** That a ref is written. */
export function becomes(
  tag: string,
  address: string,
  before: Value | undefined,
  after: Value | undefined,
): Expectation {
  return { kind: 'ref', tag, address, content: contentId(before), after: contentId(after) }
}

/** A register that goes from one value to another. */
export function assign(
  writer: string,
  address: string,
  before: Value | undefined,
  after: Value,
  options?: EnvelopeOptions,
): Uint8Array {
  return envelope(writer, [becomes('lww', address, before, after)], [op('lww', address, [0, after])], options)
}

export function ids(list: readonly string[]): ContentId {
  return contentId(list)
}

/** What became of the envelope of a writer, as far as a client was told: its place in the log, or the code of its refusal. */
export function outcome(client: Client, writer: string): number | string | undefined {
  const accepted = client.all('acknowledgement').find((frame) => frame.writer === writer)
  return accepted?.first ?? client.all('refusal').find((frame) => frame.writer === writer)?.code
}
