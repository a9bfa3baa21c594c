import { emptyBasis } from '@syncline/stm'
import type { Basis, WriterId } from '@syncline/stm'
import type { ByteReader } from './reader.ts'
import type { ByteWriter } from './writer.ts'

/** A writer id and the shortest seq. */
const LEAST_BYTES = 17

export function writeBasis(out: ByteWriter, basis: Basis): void {
  if (basis.epoch === null) {
    out.byte(0)
  } else {
    out.byte(1)
    out.id(basis.epoch)
  }
  out.varuint(basis.relaySeq)
  writeWriters(out, basis.writers)
}

export function readBasis(input: ByteReader): Basis {
  const known = input.byte()
  if (known > 1) throw input.malformed(`${known} where 0 or 1 says whether an epoch follows`)
  const epoch = known === 1 ? input.id() : null
  const relaySeq = input.varuint()
  return { epoch, relaySeq, writers: readWriters(input) }
}

/** Seqs by writer, ascending by writer id, so that equal maps give equal bytes. */
export function writeWriters(out: ByteWriter, writers: ReadonlyMap<WriterId, number>): void {
  out.varuint(writers.size)
  if (writers.size === 0) return
  for (const writer of [...writers.keys()].sort()) {
    out.id(writer)
    out.varuint(writers.get(writer)!)
  }
}

export function readWriters(input: ByteReader): ReadonlyMap<WriterId, number> {
  const count = input.count(LEAST_BYTES)
  if (count === 0) return emptyBasis.writers
  const writers = new Map<WriterId, number>()
  let previous = ''
  for (let i = 0; i < count; i++) {
    const writer = input.id()
    if (writer <= previous) throw input.malformed(`the writer ${writer} after ${previous}, out of order`)
    previous = writer
    writers.set(writer, input.varuint())
  }
  return writers
}
