import {
  columnsIn,
  isColumn,
  type Arbiter,
  type DistilledCell,
  type DistilledRows,
  type Stamp,
  type Value,
} from '@syncline/stm'
import { ARBITERS, createStampReading, createStampWriting } from './cells.ts'
import type { ByteReader } from './reader.ts'
import { seal } from './seal.ts'
import { readValue, writeValue } from './value.ts'
import type { ByteWriter } from './writer.ts'

/** Gathers cells that are alike, to be written as rows. */
export interface RowsGathering {
  /** Takes in a cell, if it is like the first one. */
  add(cell: DistilledCell): boolean
  /** How many there are. */
  readonly count: number
  /** About how many bytes they take, and no more than they do. */
  readonly length: number
  rows(): DistilledRows
}

/**
 * Begins rows with a cell; undefined for one that cannot be a row: one that is in no collection, or whose operations say more than scalars in the places of columns.
 *
 * @example
 * import { gatherRows } from '@syncline/protocol'
 *
 * const stamp = { at: 7, writer: '000102030405060708090a0b0c0d0e0f' }
 * const card = (id: string) =>
 *   ({ tag: 'record', address: `cards/${id}`, arbiter: 'local', ops: [{ payload: [1, 1, 0, 'title', id], stamp }] }) as const
 * const gathering = gatherRows(card('a'))!
 * expect(gathering.add(card('b'))).toBe(true)
 * expect(gathering.rows()).toMatchObject({ prefix: 'cards/', ids: ['a', 'b'], columns: [['a', 'b']] })
 */
export function gatherRows(first: DistilledCell): RowsGathering | undefined {
  const { tag, arbiter, address } = first
  const prefix = address.slice(0, address.indexOf('/') + 1)
  if (prefix === '' || !first.ops.every(({ payload }) => isRow(payload))) return undefined
  const like = first.ops.map(({ payload }) => blanked(payload as readonly Value[]))
  const ids: string[] = []
  const stamps: Stamp[][] = like.map(() => [])
  const columns: Value[][] = like.flatMap(({ length }) => Array.from(columnsIn(length), () => []))
  let length = 0

  function isAlike(cell: DistilledCell): boolean {
    if (cell.tag !== tag || cell.arbiter !== arbiter || !cell.address.startsWith(prefix)) return false
    return cell.ops.length === like.length && like.every((one, op) => isLike(cell.ops[op]!.payload, one))
  }

  function take({ address: at, ops }: DistilledCell): void {
    const id = at.slice(prefix.length)
    ids.push(id)
    length += id.length + BYTES_OF_QUOTES
    let column = 0
    for (const [op, { payload, stamp }] of ops.entries()) {
      stamps[op]!.push(stamp)
      for (const place of columnsIn((payload as readonly Value[]).length)) {
        const value = (payload as readonly Value[])[place]!
        columns[column++]!.push(value)
        length += typeof value === 'string' ? value.length + BYTES_OF_QUOTES : String(value).length + 1
      }
    }
  }

  take(first)
  return {
    add(cell) {
      if (!isAlike(cell)) return false
      take(cell)
      return true
    },
    get count() {
      return ids.length
    },
    get length() {
      return length
    },
    rows: () => ({ tag, arbiter, prefix, ids, like, stamps, columns }),
  }
}

/** With the comma behind them. */
const BYTES_OF_QUOTES = 3

/** Whether all items of a payload are scalars that JSON can say, and after the first two there are threes of them. */
function isRow(payload: Value): boolean {
  if (!Array.isArray(payload) || payload.length < 2 || payload.length % 3 !== 2) return false
  return (payload as readonly Value[]).every(isScalar)
}

function isLike(payload: Value, like: readonly Value[]): boolean {
  if (!Array.isArray(payload) || payload.length !== like.length) return false
  const items = payload as readonly Value[]
  for (let i = 0; i < like.length; i++) {
    if (isColumn(i) ? !isScalar(items[i]!) : items[i] !== like[i]) return false
  }
  return true
}

function isScalar(value: Value): boolean {
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0)
  return value === null || typeof value === 'string' || typeof value === 'boolean'
}

function blanked(payload: readonly Value[]): readonly Value[] {
  const like = payload.slice()
  for (const place of columnsIn(like.length)) like[place] = null
  return Object.freeze(like)
}

/** Writes rows. */
export function writeRows(
  out: ByteWriter,
  { tag, arbiter, prefix, ids, like, stamps, columns }: DistilledRows,
): Uint8Array {
  const code = ARBITERS.indexOf(arbiter)
  if (code < 0) throw out.unfit(`the unknown arbiter "${String(arbiter)}"`)
  out.string(tag)
  out.byte(code)
  out.string(prefix)
  out.varuint(ids.length)
  writeValue(out, like)
  const stamping = createStampWriting(out)
  for (const list of stamps) {
    for (let from = 0; from < ids.length;) {
      let to = from + 1
      while (to < ids.length && isSame(list[from]!, list[to]!)) to += 1
      out.varuint(to - from)
      stamping(list[from]!)
      from = to
    }
  }
  out.string(JSON.stringify([ids, ...columns]))
  return seal(out)
}

function isSame(one: Stamp, other: Stamp): boolean {
  return one === other || (one.at === other.at && one.writer === other.writer)
}

/** Reads rows. */
export function readRows(input: ByteReader): DistilledRows {
  const tag = input.string()
  const arbiter: Arbiter | undefined = ARBITERS[input.byte()]
  if (arbiter === undefined) throw input.malformed('an unknown arbiter')
  const prefix = input.string()
  if (prefix === '' || prefix.indexOf('/') !== prefix.length - 1) throw input.malformed(`the prefix "${prefix}"`)
  // Of each at least the quotes of its id.
  const count = input.some('rows', 2)
  const like = readValue(input)
  if (!isLikes(like)) throw input.malformed('rows that are like nothing')
  const readStamp = createStampReading(input)
  const stamps = like.map((): readonly Stamp[] => {
    const list: Stamp[] = []
    while (list.length < count) {
      const run = input.varuint()
      if (run === 0 || run > count - list.length) throw input.malformed(`${run} rows of one stamp`)
      const stamp = readStamp()
      for (let left = run; left > 0; left--) list.push(stamp)
    }
    return list
  })
  const [ids, ...columns] = readColumns(input, count)
  const width = like.reduce((sum, { length }) => sum + [...columnsIn(length)].length, 0)
  if (columns.length !== width || !ids!.every((id) => typeof id === 'string')) {
    throw input.malformed(`${columns.length} columns, where ${width} belong`)
  }
  return { tag, arbiter, prefix, ids: ids as readonly string[], like, stamps, columns }
}

/** The ids, and the columns. */
function readColumns(input: ByteReader, count: number): readonly (readonly Value[])[] {
  let columns: unknown
  const text = input.longString()
  try {
    columns = JSON.parse(text)
  } catch {
    throw input.malformed('columns that are no JSON')
  }
  if (!Array.isArray(columns) || columns.length === 0 || !columns.every((column) => isOfScalars(column, count))) {
    throw input.malformed('something else than columns of scalars')
  }
  return columns
}

/** By a loop for texts, as which most come, and one for all else: what is called for each value costs more than to read it. */
function isOfScalars(column: unknown, count: number): boolean {
  if (!Array.isArray(column) || column.length !== count) return false
  let i = 0
  while (i < count && typeof column[i] === 'string') i += 1
  while (i < count && isScalar(column[i] as Value)) i += 1
  return i === count
}

function isLikes(like: Value): like is readonly (readonly Value[])[] {
  return Array.isArray(like) && like.length > 0 && like.every(isRow)
}
