import type { Epoch, WriterId } from '@syncline/stm'
import { ByteReader } from './reader.ts'
import { ByteWriter } from './writer.ts'

/**
 * What makes a record a piece of a **join**: the state of a space as one client has it of a log that the relay has lost. `deps` of the record say up to where of that log it is,
 * and of some writers up to which seq; its Yjs clients are all inherited, from the writers whose they are; its `meta` is a part of the bytes of {@link joinBytes}.
 */
export interface JoinPiece {
  /** How many pieces come after it: with the last one the join counts. */
  readonly left: number
  /** Other epochs of which it has everything, and up to where: those that were joined to that log in turn. */
  readonly also: readonly Covered[]
}

/** An epoch, and the relaySeq up to which everything of it is there. */
export type Covered = readonly [epoch: Epoch, relaySeq: number]

const WHAT = 'piece of a join'

/** An epoch and the shortest relaySeq. */
const LEAST_BYTES = 17

/** The bytes of the precondition that makes a record a piece of a join. */
export function encodeJoinPiece({ left, also }: JoinPiece): Uint8Array {
  const out = new ByteWriter(WHAT)
  out.varuint(left)
  out.varuint(also.length)
  for (const [epoch, relaySeq] of [...also].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (relaySeq === 0) throw out.unfit('0 as a relaySeq, which counts from 1')
    out.id(epoch)
    out.varuint(relaySeq)
  }
  return out.finish()
}

/** Reads to the end of `input`. All of its Yjs clients must be somebody's, and it must be of some epoch. */
export function readJoinPiece(input: ByteReader, { deps, touched, documents, inherited }: PieceHeader): JoinPiece {
  if (deps.epoch === null || deps.relaySeq === 0) throw input.malformed('a join of no log')
  if (touched.length > 0) throw input.malformed('a join that writes a ref as a Change does')
  if (inherited.size < documents.length) throw input.malformed('a Yjs client that is nobody’s')
  const left = input.varuint()
  const also: Covered[] = []
  let previous = ''
  for (let count = input.count(LEAST_BYTES); count > 0; count--) {
    const epoch = input.id()
    if (epoch <= previous) throw input.malformed(`the epoch ${epoch} after ${previous}, out of order`)
    previous = epoch
    also.push([epoch, input.positive('a relaySeq')])
  }
  input.done()
  return { left, also }
}

/** What of a header is otherwise in a piece of a join. */
interface PieceHeader {
  readonly deps: { readonly epoch: Epoch | null; readonly relaySeq: number }
  readonly touched: readonly unknown[]
  readonly documents: readonly number[]
  readonly inherited: ReadonlyMap<number, WriterId>
}

/**
 * The bytes of a join, which its pieces have one after the other: entries, the parts of a checkpoint.
 *
 * @example
 * import { entriesOfJoin, joinBytes } from '@syncline/protocol'
 *
 * const parts = [new Uint8Array([1, 2]), new Uint8Array([3])]
 * expect(entriesOfJoin(joinBytes(parts))).toEqual(parts)
 */
export function joinBytes(entries: readonly Uint8Array[]): Uint8Array {
  const out = new ByteWriter(WHAT)
  out.varuint(entries.length)
  for (const entry of entries) out.bytes(entry)
  return out.finish()
}

/** The entries in the bytes of a join. Throws `ProtocolError` for what is none. */
export function entriesOfJoin(bytes: Uint8Array): readonly Uint8Array[] {
  const input = new ByteReader(WHAT, bytes)
  const entries: Uint8Array[] = []
  for (let left = input.count(1); left > 0; left--) entries.push(input.bytes())
  input.done()
  return entries
}
