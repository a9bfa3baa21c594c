import type { Arbiter, Distilled, DistilledCell, Stamp, Value, WriterId } from '@syncline/stm'
import { readPayload, writePayload } from './payload.ts'
import type { ByteReader } from './reader.ts'
import { seal } from './seal.ts'
import type { ByteWriter } from './writer.ts'

/** Puts cells into one entry, one after the other. */
export interface CellsWriter {
  /** Throws `ProtocolError` `malformed` for what is no cell. */
  add(cell: DistilledCell): void
  /** How many bytes there are. */
  readonly length: number
  /** The entry. Nothing may be added after it. */
  finish(): Uint8Array
}

/** Where the family of one more cell would stand. */
const END = 0
/** The writer of what nobody wrote as it is. */
const NOBODY = 0
/** Before the first operation. */
const NO_PAYLOAD: Value = null
export const ARBITERS: readonly Arbiter[] = ['local', 'browser', 'relay']

/** Writes cells. Who wrote, and in which families cells are, is said where it comes first and named by its number then. */
export function writeCells(out: ByteWriter): CellsWriter {
  const families = new Map<string, number>()
  const writeStamp = createStampWriting(out)
  let before = NO_PAYLOAD

  function writeFamily({ tag, arbiter }: DistilledCell, prefix: string): void {
    const code = ARBITERS.indexOf(arbiter)
    if (code < 0) throw out.unfit(`the unknown arbiter "${String(arbiter)}"`)
    const key = `${code} ${tag} ${prefix}`
    const known = families.get(key)
    out.varuint(known ?? families.size + 1)
    if (known !== undefined) return
    families.set(key, families.size + 1)
    out.string(tag)
    out.byte(code)
    out.string(prefix)
  }

  return {
    add(cell) {
      const { address, ops } = cell
      if (ops.length === 0) throw out.unfit('a cell without operations')
      const prefix = address.slice(0, address.indexOf('/') + 1)
      writeFamily(cell, prefix)
      out.string(address.slice(prefix.length))
      out.varuint(ops.length)
      for (const { payload, stamp } of ops) {
        writeStamp(stamp)
        writePayload(out, payload, before)
        before = payload
      }
    },
    get length() {
      return out.length
    },
    finish() {
      out.byte(END)
      return seal(out)
    },
  }
}

interface Family {
  readonly tag: string
  readonly arbiter: Arbiter
  readonly prefix: string
}

/** Reads cells up to their end. */
export function readCells(input: ByteReader): readonly DistilledCell[] {
  const families: Family[] = []
  const known = new Set<string>()
  const readStamp = createStampReading(input)
  let before = NO_PAYLOAD

  /** What stands there for the first time must be new, or the same cells would have several encodings. */
  function note(key: string): void {
    if (known.has(key)) throw input.malformed(`"${key}" twice`)
    known.add(key)
  }

  function familyAt(place: number): Family {
    if (place > families.length + 1) throw input.malformed(`the family ${place} of ${families.length}`)
    if (place > families.length) {
      const tag = input.string()
      const arbiter = ARBITERS[input.byte()]
      const prefix = input.string()
      if (arbiter === undefined) throw input.malformed('an unknown arbiter')
      if (prefix !== '' && prefix.indexOf('/') !== prefix.length - 1) throw input.malformed(`the prefix "${prefix}"`)
      note(`${arbiter} ${tag} ${prefix}`)
      families.push({ tag, arbiter, prefix })
    }
    return families[place - 1]!
  }

  function readOp(): Distilled {
    const stamp = readStamp()
    before = readPayload(input, before)
    return { payload: before, stamp }
  }

  const cells: DistilledCell[] = []
  for (let place = input.varuint(); place !== END; place = input.varuint()) {
    const { tag, arbiter, prefix } = familyAt(place)
    const id = input.string()
    if (prefix === '' && id.includes('/')) throw input.malformed(`the id "${id}"`)
    // Of an operation the writer, and a payload of one byte.
    const count = input.count(2)
    if (count === 0) throw input.malformed('a cell without operations')
    const ops: Distilled[] = []
    for (let left = count; left > 0; left--) ops.push(readOp())
    cells.push({ tag, address: prefix + id, arbiter, ops })
  }
  return cells
}

/** Writes stamps. A writer stands there where it comes first, and is named by its number then. */
export function createStampWriting(out: ByteWriter): (stamp: Stamp) => void {
  const writers = new Map<WriterId, number>()
  return ({ at, writer }) => {
    if (writer === '') {
      if (at !== 0) throw out.unfit(`${at} as the time at which nobody wrote`)
      out.byte(NOBODY)
      return
    }
    const known = writers.get(writer)
    out.varuint(known ?? writers.size + 1)
    if (known === undefined) {
      writers.set(writer, writers.size + 1)
      out.id(writer)
    }
    out.varuint(at)
  }
}

/** Reads such. What stands there for the first time must be new, or the same stamps would have several encodings. */
export function createStampReading(input: ByteReader): () => Stamp {
  const writers: WriterId[] = []
  return () => {
    const place = input.varuint()
    if (place === NOBODY) return { at: 0, writer: '' }
    if (place > writers.length + 1) throw input.malformed(`the writer ${place} of ${writers.length}`)
    if (place > writers.length) {
      const writer = input.id()
      if (writers.includes(writer)) throw input.malformed(`"${writer}" twice`)
      writers.push(writer)
    }
    return { at: input.varuint(), writer: writers[place - 1]! }
  }
}
