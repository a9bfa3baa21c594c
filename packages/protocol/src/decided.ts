import { cellsOfRows, type DistilledCell } from '@syncline/stm'
import { createCellsEntry, decodeEntry } from './entry.ts'
import { ProtocolError } from './errors.ts'
import { entriesOfJoin, joinBytes } from './join-piece.ts'
import { ByteReader } from './reader.ts'
import { ByteWriter } from './writer.ts'

/** About so long is an entry. */
const ENTRY_BYTES = 64 * 1024

/**
 * The bytes of cells of `relay` refs, as an adoption has them.
 *
 * @example
 * import { decidedBytes, decidedCells } from '@syncline/protocol'
 *
 * const stamp = { at: 7, writer: '000102030405060708090a0b0c0d0e0f' }
 * const cells = [{ tag: 'lww', address: 'seat', arbiter: 'relay', ops: [{ payload: [0, 'ada'], stamp }] }] as const
 * expect(decidedCells(decidedBytes(cells))).toEqual(cells)
 */
export function decidedBytes(cells: Iterable<DistilledCell>): Uint8Array {
  const entries: Uint8Array[] = []
  let entry: ReturnType<typeof createCellsEntry> | undefined
  for (const cell of cells) {
    entry ??= createCellsEntry({ checkpoint: 1, part: entries.length + 1 })
    entry.add(cell)
    if (entry.length < ENTRY_BYTES) continue
    entries.push(entry.finish())
    entry = undefined
  }
  if (entry !== undefined) entries.push(entry.finish())
  return joinBytes(entries)
}

/** The cells in such bytes. Throws `ProtocolError` for what is none, also when a cell is of another ref than the relay's. */
export function decidedCells(bytes: Uint8Array): readonly DistilledCell[] {
  const cells: DistilledCell[] = []
  for (const one of entriesOfJoin(bytes)) {
    const entry = decodeEntry(one)
    if (entry.kind === 'cells') cells.push(...entry.cells)
    else if (entry.kind === 'rows') cells.push(...cellsOfRows(entry.rows))
    else throw new ProtocolError('malformed', `Among what a relay had decided is an entry of kind "${entry.kind}".`)
  }
  const other = cells.find(({ arbiter }) => arbiter !== 'relay')
  if (other === undefined) return cells
  throw new ProtocolError('malformed', `Among what a relay had decided is "${other.address}", which is no relay ref.`)
}

/** What a join brings back of what a relay had decided. */
export interface BroughtBack {
  readonly cells: readonly DistilledCell[]
  /** Where these wait to be adopted themselves: what the log in which they wait had decided beside them, as records, and what each was stamped by. */
  readonly beside: readonly DecidedBeside[]
}

export type DecidedBeside = readonly [at: number, record: Uint8Array]

const WHAT = 'what a relay had decided'

/**
 * The bytes of what a join brings back.
 *
 * @example
 * import { broughtBackBytes, broughtBackIn } from '@syncline/protocol'
 *
 * const stamp = { at: 7, writer: '000102030405060708090a0b0c0d0e0f' }
 * const cells = [{ tag: 'lww', address: 'seat', arbiter: 'relay', ops: [{ payload: [0, 'ada'], stamp }] }] as const
 * const brought = { cells, beside: [[9, new Uint8Array([1, 2])]] } as const
 * expect(broughtBackIn(broughtBackBytes(brought))).toEqual(brought)
 */
export function broughtBackBytes({ cells, beside }: BroughtBack): Uint8Array {
  const out = new ByteWriter(WHAT)
  out.bytes(decidedBytes(cells))
  out.varuint(beside.length)
  for (const [at, record] of beside) {
    out.varuint(at)
    out.bytes(record)
  }
  return out.finish()
}

/** What is in such bytes. Throws `ProtocolError` for what is none. */
export function broughtBackIn(bytes: Uint8Array): BroughtBack {
  const input = new ByteReader(WHAT, bytes)
  const cells = decidedCells(input.bytes())
  const beside: DecidedBeside[] = []
  for (let left = input.count(2); left > 0; left--) beside.push([input.varuint(), input.bytes()])
  input.done()
  return { cells, beside }
}
