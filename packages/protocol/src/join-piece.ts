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
  /** Other epochs of which it has everything, and up to where: those of its log before that, and those that were joined to that log in turn. Of a join the last piece says it. */
  readonly also: readonly Covered[]
  /**
   * Given for the last pieces, whose `meta` is a part of the bytes of `broughtBackBytes`: what the relay had decided of that log. It does not count before it is adopted, nor does what the log that it is joined to
   * has decided before it.
   */
  readonly decided?: Decided | undefined
}

/** What is to be known of what a relay had decided. */
export interface Decided {
  /** How much above its relaySeq that log stamped what it decided at its end. */
  readonly shift: number
}

/** An epoch, and the relaySeq up to which everything of it is there. */
export type Covered = readonly [epoch: Epoch, relaySeq: number]

const WHAT = 'piece of a join'

/** An epoch and the shortest relaySeq. */
const LEAST_BYTES = 17

/** Writes epochs, and up to where. */
export function writeCovered(out: ByteWriter, covers: readonly Covered[]): void {
  out.varuint(covers.length)
  for (const [epoch, relaySeq] of [...covers].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (relaySeq === 0) throw out.unfit('0 as a relaySeq, which counts from 1')
    out.id(epoch)
    out.varuint(relaySeq)
  }
}

/** Reads such: ascending by epoch, none twice. */
export function readCovered(input: ByteReader): readonly Covered[] {
  const covers: Covered[] = []
  let previous = ''
  for (let count = input.count(LEAST_BYTES); count > 0; count--) {
    const epoch = input.id()
    if (epoch <= previous) throw input.malformed(`the epoch ${epoch} after ${previous}, out of order`)
    previous = epoch
    covers.push([epoch, input.positive('a relaySeq')])
  }
  return covers
}

/** Whether everything of an epoch up to a relaySeq is among what is covered. */
export function isCovered(covers: readonly Covered[], [epoch, relaySeq]: Covered): boolean {
  return covers.some(([other, upTo]) => other === epoch && relaySeq <= upTo)
}

/** The bytes of the precondition that makes a record a piece of a join. */
export function encodeJoinPiece({ left, also, decided }: JoinPiece): Uint8Array {
  const out = new ByteWriter(WHAT)
  out.varuint(left)
  writeCovered(out, also)
  if (decided !== undefined) out.varuint(decided.shift)
  return out.finish()
}

/** Reads to the end of `input`; `isDecided` says whether it is one of what was decided. All of its Yjs clients must be somebody's, and it must be of some epoch. */
export function readJoinPiece(
  input: ByteReader,
  isDecided: boolean,
  { deps, touched, documents, inherited }: PieceHeader,
): JoinPiece {
  if (deps.epoch === null || deps.relaySeq === 0) throw input.malformed('a join of no log')
  if (touched.length > 0) throw input.malformed('a join that writes a ref as a Change does')
  if (inherited.size < documents.length) throw input.malformed('a Yjs client that is nobody’s')
  const left = input.varuint()
  const also = readCovered(input)
  const decided = isDecided ? { shift: input.varuint() } : undefined
  input.done()
  return { left, also, ...(decided !== undefined && { decided }) }
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
