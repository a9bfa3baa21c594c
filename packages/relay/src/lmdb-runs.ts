import { crc32 } from 'node:zlib'
import { recordKey, relaySeqOf } from './lmdb-rows.ts'

/*
 * How Changes stand in the table of the logs. Those that a batch brings to a space are one row, a run: to put a row costs more than most Changes are long. A run has the key
 * of its last Change and one byte more, so the first row from a relaySeq on has it. A lone Change is a row of its own, as all were up to the third format.
 */

/** So many bytes make a run, unless one Change alone is longer: what is read to find one Change, and what one damaged byte takes along. */
const RUN_BYTES = 64 * 1024

const RUN = 0x72
const RUN_KEY_BYTES = 11
const LENGTH_BYTES = 4

/** Puts the Changes of a batch, of which the first has the relaySeq `first`. A row has its checksum before it, as `seal` makes it. */
export function* runsOf(
  space: number,
  first: number,
  records: readonly Uint8Array[],
): Iterable<{ readonly key: Buffer; readonly row: Buffer }> {
  for (let from = 0; from < records.length;) {
    let bytes = LENGTH_BYTES + records[from]!.length
    let to = from + 1
    while (to < records.length && bytes + LENGTH_BYTES + records[to]!.length <= RUN_BYTES) {
      bytes += LENGTH_BYTES + records[to++]!.length
    }
    yield to === from + 1 ? single(space, first + from, records[from]!) : run(space, first, records, from, to, bytes)
    from = to
  }
}

function single(space: number, relaySeq: number, record: Uint8Array): { readonly key: Buffer; readonly row: Buffer } {
  const row = Buffer.allocUnsafe(4 + record.length)
  row.set(record, 4)
  return sealed(recordKey(space, relaySeq), row)
}

function run(
  space: number,
  first: number,
  records: readonly Uint8Array[],
  from: number,
  to: number,
  bytes: number,
): { readonly key: Buffer; readonly row: Buffer } {
  const row = Buffer.allocUnsafe(4 + bytes)
  let at = 4
  for (let i = from; i < to; i++) {
    const record = records[i]!
    row.writeUInt32LE(record.length, at)
    row.set(record, at + LENGTH_BYTES)
    at += LENGTH_BYTES + record.length
  }
  const key = Buffer.allocUnsafe(RUN_KEY_BYTES)
  key.set(recordKey(space, first + to - 1))
  key[RUN_KEY_BYTES - 1] = RUN
  return sealed(key, row)
}

function sealed(key: Buffer, row: Buffer): { readonly key: Buffer; readonly row: Buffer } {
  row.writeUInt32LE(crc32(row.subarray(4), crc32(key)), 0)
  return { key, row }
}

/** The Changes of a row: their relaySeqs end with that of its key. Views of `value`, which was found to be what was written. */
export function changesIn(
  key: Uint8Array,
  value: Buffer,
): { readonly first: number; readonly records: readonly Buffer[] } {
  const last = relaySeqOf(key)
  if (key.length !== RUN_KEY_BYTES) return { first: last, records: [value] }
  const records: Buffer[] = []
  for (let at = 0; at < value.length;) {
    const end = at + LENGTH_BYTES + value.readUInt32LE(at)
    records.push(value.subarray(at + LENGTH_BYTES, end))
    at = end
  }
  return { first: last - records.length + 1, records }
}
