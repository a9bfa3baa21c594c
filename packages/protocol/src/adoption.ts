import { readCovered, writeCovered, type Covered } from './join-piece.ts'
import type { ByteReader } from './reader.ts'
import { ByteWriter } from './writer.ts'

/**
 * What makes a record an **adoption**: from its place in the log on, `relay` refs hold what is in its `meta`, the bytes of `decidedBytes`, and nothing of what they held before. It ends the
 * wait of those to whom a join has brought what another log had decided.
 */
export interface Adoption {
  /** What is decided from here on is stamped by its relaySeq plus this: later than all that is adopted. */
  readonly shift: number
  /** What was taken: what was brought back, what this log had, or both, where they are the same. */
  readonly taken: Taken
  /** Of which epochs nothing that was decided there has to wait any more, and up to where. */
  readonly covers: readonly Covered[]
}

export type Taken = 'brought back' | 'log' | 'same'

const TAKEN: readonly Taken[] = ['brought back', 'log', 'same']

const WHAT = 'adoption'

/** The bytes of the precondition that makes a record an adoption. */
export function encodeAdoption({ shift, taken, covers }: Adoption): Uint8Array {
  const out = new ByteWriter(WHAT)
  out.varuint(shift)
  out.byte(TAKEN.indexOf(taken))
  writeCovered(out, covers)
  return out.finish()
}

/** Reads to the end of `input`. It writes nothing as a Change does. */
export function readAdoption(input: ByteReader, { touched, documents }: AdoptionHeader): Adoption {
  if (touched.length + documents.length > 0) throw input.malformed('an adoption that writes as a Change does')
  const shift = input.varuint()
  const taken = TAKEN[input.byte()]
  if (taken === undefined) throw input.malformed('the adoption of nobody knows what')
  const covers = readCovered(input)
  input.done()
  return { shift, taken, covers }
}

/** What of a header is otherwise in an adoption. */
interface AdoptionHeader {
  readonly touched: readonly unknown[]
  readonly documents: readonly unknown[]
}
