import {
  createCellsEntry,
  decodeEntry,
  encodeChange,
  encodeEntry,
  encodeWhole,
  entriesIn,
  gatherRows,
  type CheckpointEntry,
  type LogEntry,
  type RunChange,
} from '@syncline/protocol'
import {
  cellsOfRows,
  emptyBasis,
  nobodys,
  type Change,
  type DistilledCell,
  type DistilledRows,
  type Stamp,
  type Value,
} from '@syncline/stm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { entry } from './arbitraries.ts'
import { codeOf } from './attempt.ts'
import { resealed, sealedOf } from './resealed.ts'
import { vectorsOf } from './vectors.ts'

const A = '000102030405060708090a0b0c0d0e0f'
const B = '101112131415161718191a1b1c1d1e1f'
const CHANGE: Change = {
  writer: A,
  seq: 1,
  deps: emptyBasis,
  at: 7,
  ops: [{ tag: 'lww', address: 'title', arbiter: 'local', payload: 'Plan' }],
  effects: [],
  meta: null,
}
const LATER = { ...emptyBasis, writers: new Map([[B, 1]]) }
const runOf = (...changes: readonly Change[]): unknown => {
  return { kind: 'run', changes: changes.map((change) => ({ change, inverse: null })) }
}
const PART = { checkpoint: 1, part: 1 }
const cellOf = (stamp: Stamp): DistilledCell => ({ ...CELL, ops: [{ payload: [0, 1], stamp }] })
const CELL: DistilledCell = {
  tag: 'lww',
  address: 'title',
  arbiter: 'local',
  ops: [{ payload: [0, 1], stamp: nobodys }],
}

const ROWS: DistilledRows = {
  tag: 'record',
  arbiter: 'local',
  prefix: 'cards/',
  ids: ['a'],
  like: [[1, 1, 0, 'title', null]],
  stamps: [[nobodys]],
  columns: [['Plan']],
}

/** A sealed entry of rows, of which this stands in place of the columns. */
function rowsOf(columns: string): Uint8Array {
  const bytes = [...encodeEntry({ kind: 'rows', ...PART, rows: ROWS })]
  // The columns are the last, with their length.
  const text = new TextEncoder().encode('[["a"],["Plan"]]')
  const written = new TextEncoder().encode(columns)
  return sealedOf(bytes.slice(0, bytes.length - 4 - text.length - 1), [written.length, ...written])
}

describe('log entries', () => {
  test('[EN1] every entry comes back, and its bytes again from it', () => {
    const kinds = new Set<string>()
    fc.assert(
      fc.property(entry, (of) => {
        kinds.add(of.kind)
        const bytes = encodeEntry(of)
        const decoded = decodeEntry(bytes)
        expect(decoded).toEqual(of)
        expect(encodeEntry(decoded)).toEqual(bytes)
        bytes.fill(0)
        expect(decoded).toEqual(of)
      }),
      { seed: 601, numRuns: 300 },
    )
    expect(kinds.size).toBe(14)
  })

  test('[EN10] of a lent entry what is half of it or more is a view of it, and all else is not', () => {
    const cells = [new Uint8Array(1000).fill(1), new Uint8Array(300).fill(2)].map((payload, i): DistilledCell => ({
      ...CELL,
      address: `text ${i}`,
      ops: [{ payload, stamp: nobodys }],
    }))
    const bytes = encodeEntry({ kind: 'cells', ...PART, cells })
    const payloads = (isLending?: boolean): readonly Value[] => {
      const entry = decodeEntry(bytes, isLending)
      expect(entry).toEqual({ kind: 'cells', ...PART, cells })
      return (entry as Extract<LogEntry, { kind: 'cells' }>).cells.map(({ ops }) => ops[0]!.payload)
    }
    const isView = (payload: Value): boolean => (payload as Uint8Array).buffer === bytes.buffer
    expect(payloads(true).map(isView)).toEqual([true, false])
    expect(payloads().map(isView)).toEqual([false, false])
  })

  test('[EN5] of cells, what they have in common is said once', () => {
    const entry = createCellsEntry(PART)
    const row = (n: number): DistilledCell => ({
      tag: 'record',
      address: `cards/${n}`,
      arbiter: 'local',
      ops: [{ payload: [1, 1, 0, 'title', n, 0, 'done', false], stamp: { at: 1_800_000_000_000_000, writer: A } }],
    })
    entry.add(row(10))
    const first = entry.length
    entry.add(row(11))
    expect(entry.length - first).toBeLessThan(20)
    expect(decodeEntry(entry.finish())).toEqual({ kind: 'cells', ...PART, cells: [row(10), row(11)] })
  })

  test('[EN6] of Changes in a run, what they have in common is said once', () => {
    const made = (n: number): RunChange => ({
      change: {
        writer: A,
        seq: n,
        deps: emptyBasis,
        at: 1_800_000_000_000_000 + 250 * n,
        ops: [{ tag: 'record', address: `cards/${n % 100}`, arbiter: 'local', payload: [0, 1, 0, 'votes', 7 * n] }],
        effects: [],
        meta: null,
      },
      inverse: [2, A, '', 0, n, n, [], [], [[0, 1, [[1_700_000_000_000_000 + n, A]], 0, 'votes', n, 0]], [], []],
    })
    const run = Array.from({ length: 300 }, (_, i) => made(i + 1))
    const [bytes, most] = [
      encodeEntry({ kind: 'run', changes: run }),
      encodeEntry({ kind: 'run', changes: run.slice(0, 200) }),
    ]
    expect((bytes.length - most.length) / 100).toBeLessThan(50)
    const read = decodeEntry(bytes)
    expect(read).toEqual({ kind: 'run', changes: run })
    // Whoever is to have one of them gets the bytes that its author would have sent.
    const changes = read.kind === 'run' ? read.changes : []
    expect(changes.map(({ change }) => encodeChange(change))).toEqual(run.map(({ change }) => encodeChange(change)))
  })

  test('[EN2] every single flipped bit is found', () => {
    let flips = 0
    for (const vector of vectorsOf('entry')) {
      const bytes = vector.encode()
      for (let bit = 0; bit < 8 * bytes.length; bit++) {
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        expect(codeOf(() => decodeEntry(bytes))).toBe('damaged')
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        flips += 1
      }
    }
    expect(flips).toBeGreaterThan(3000)
  })

  test('[EN7] columns are what they must be, or it is malformed', () => {
    for (const columns of ['[["a"],["Plan"]]', ' [ ["\\u0061"], ["Plan"] ]']) {
      expect(decodeEntry(rowsOf(columns))).toEqual({ kind: 'rows', ...PART, rows: ROWS })
    }
    const wrong = [
      '',
      '[["a"],["Plan"]',
      '[["a"]]',
      '[["a"],["Plan"],[1]]',
      '[["a"],["Plan","b"]]',
      '[["a","b"],["Plan"]]',
      '[[1],["Plan"]]',
      '[["a"],[{}]]',
      '[["a"],[[1]]]',
      '[["a"],[1e999]]',
      '[["a"],[-0]]',
      '{"0":["a"],"1":["Plan"]}',
    ]
    expect(wrong.filter((columns) => codeOf(() => decodeEntry(rowsOf(columns))) !== 'malformed')).toEqual([])
  })

  test('[EN7] cells that are alike are gathered as rows, and are the same again; others are not', () => {
    const cell = (id: string, ...payloads: readonly (readonly Value[])[]): DistilledCell => ({
      tag: 'record',
      address: `cards/${id}`,
      arbiter: 'local',
      ops: payloads.map((payload, i) => ({ payload, stamp: { at: i, writer: A } })),
    })
    const first = cell('a', [1, 1, 0, 'title', 'x', 0, 'due', null], [2, 1, 0, 'done', true])
    const rows = gatherRows(first)!
    const next = cell('b', [1, 1, 0, 'title', 'y', 0, 'due', 1.5], [2, 1, 0, 'done', null])
    expect(rows.add(next)).toBe(true)
    const others = [
      { ...next, tag: 'lww' },
      { ...next, arbiter: 'browser' as const },
      { ...next, address: 'people/b' },
      cell('c', [1, 1, 0, 'title', 'x', 0, 'due', null]),
      cell('c', [1, 2, 0, 'title', 'x', 0, 'due', null], [2, 1, 0, 'done', true]),
      cell('c', [1, 1, 0, 'title', 'x', 0, 'at', null], [2, 1, 0, 'done', true]),
      cell('c', [1, 1, 0, 'title', { a: 1 }, 0, 'due', null], [2, 1, 0, 'done', true]),
      cell('c', [1, 1, 0, 'title', Number.NaN, 0, 'due', null], [2, 1, 0, 'done', true]),
    ]
    expect(others.filter((other) => rows.add(other))).toEqual([])
    expect([...cellsOfRows(rows.rows())]).toEqual([first, next])
    const never = [
      { ...first, address: 'title' },
      cell('a', [1, 1, 0, 'title']),
      cell('a', [3]),
      cell('a', [1, 1, 2, 'votes', [1]]),
      cell('a', [1, 1, 0, ['title'], 1]),
      cell('a', [1, 1, 0, 'votes', -0]),
      { ...first, ops: [{ payload: new Uint8Array([1]), stamp: nobodys }] },
    ]
    expect(never.filter((other) => gatherRows(other) !== undefined)).toEqual([])
  })

  test('[EN3] a newer version and a newer kind are told from damage', () => {
    const newer = encodeEntry({ kind: 'dropped', changes: [] })
    newer[0] = 2
    expect(codeOf(() => decodeEntry(newer))).toBe('damaged')
    expect(codeOf(() => decodeEntry(resealed(newer)))).toBe('newer-version')
    expect(codeOf(() => decodeEntry(sealedOf([1, 99, 0])))).toBe('newer-version')
    expect(codeOf(() => decodeEntry(sealedOf([1, 5, 0])))).toBeUndefined()
    expect(codeOf(() => decodeEntry(sealedOf([1, 5, 0, 0])))).toBe('malformed')
    // What is in itself would go as deep as somebody likes.
    for (const kind of [8, 11]) {
      const inner = kind === 8 ? [1, 8, 0] : [1, 10, 1, 1, 0, 8, 2, 6, 5, ...new TextEncoder().encode('notes'), 8, 0]
      const once = [...sealedOf(inner)]
      const list = kind === 8 ? [1] : []
      expect(codeOf(() => decodeEntry(sealedOf([1, 11, once.length, ...once])))).toBe(
        kind === 11 ? undefined : 'malformed',
      )
      const twice = [...sealedOf([1, 11, once.length, ...once])]
      expect(codeOf(() => decodeEntry(sealedOf([1, kind, ...list, twice.length, ...twice])))).toBe('malformed')
    }
    // A part of a checkpoint that says what no part says: null, and a list of nothing that is known.
    expect(codeOf(() => decodeEntry(sealedOf([1, 10, 1, 1, 1, 0])))).toBe('malformed')
    expect(codeOf(() => decodeEntry(sealedOf([1, 10, 1, 1, 1, 8, 2, 6, 1, 120, 8, 0])))).toBe('malformed')
  })

  test('[EN9] a whole checkpoint is its parts as if each were joined, also beside others', () => {
    const parts: readonly CheckpointEntry[] = [
      { kind: 'rows', ...PART, rows: ROWS },
      { kind: 'rest', checkpoint: 1, part: 2, isLast: true, rest: ['notes', []] },
    ]
    const whole = decodeEntry(encodeWhole(parts.map(encodeEntry)))
    expect(entriesIn(whole)).toEqual(parts.map((part) => ({ kind: 'joined', part })))
    const dropped = { kind: 'dropped', changes: [] } as const
    const together = decodeEntry(encodeEntry({ kind: 'together', entries: [dropped, { kind: 'whole', parts }] }))
    expect(entriesIn(together)).toEqual([dropped, ...entriesIn(whole)])
  })

  test.each<[string, unknown]>([
    ['an unknown kind', { kind: 'whispered' }],
    [
      'a record shorter than any can be',
      { kind: 'commits', changes: [{ record: new Uint8Array(3), local: new Uint8Array(0) }] },
    ],
    ['a run of nothing', { kind: 'run', changes: [] }],
    ['a run that begins at seq 0', runOf({ ...CHANGE, seq: 0 })],
    ['a run of two writers', runOf(CHANGE, { ...CHANGE, writer: B, seq: 2 })],
    ['a run with a gap', runOf(CHANGE, { ...CHANGE, seq: 3 })],
    ['a run of Changes that depend on something else', runOf(CHANGE, { ...CHANGE, seq: 2, deps: LATER })],
    ['a run that goes back in time', runOf(CHANGE, { ...CHANGE, seq: 2, at: 1 })],
    ['effects in a run', runOf({ ...CHANGE, effects: [{ id: 'e', handler: 'mail', input: null }] })],
    ['a browser ref in a run', runOf({ ...CHANGE, ops: [{ ...CHANGE.ops[0]!, arbiter: 'browser' }] })],
    ['relaySeq 0', { kind: 'ordered', epoch: A, first: 0, items: [] }],
    ['an id that is none', { kind: 'dropped', changes: [`${A}:01`] }],
    ['an id without a seq', { kind: 'dropped', changes: [A] }],
    ['several in one of several', { kind: 'together', entries: [{ kind: 'together', entries: [] }] }],
    [
      'a part in one of several',
      { kind: 'together', entries: [{ kind: 'rest', ...PART, isLast: true, rest: ['notes', []] }] },
    ],
    [
      'something joined in one of several',
      { kind: 'together', entries: [{ kind: 'joined', part: { kind: 'cells', ...PART, cells: [] } }] },
    ],
    ['no part in a whole checkpoint', { kind: 'whole', parts: [{ kind: 'joined', part: PART }] }],
    ['no part that is joined', { kind: 'joined', part: { kind: 'dropped', changes: [] } }],
    ['a part without a number', { kind: 'rest', checkpoint: 1, part: 0, isLast: true, rest: ['notes', []] }],
    ['rows of an unknown arbiter', { kind: 'rows', ...PART, rows: { ...ROWS, arbiter: 'nobody' } }],
    ['rows of a writer that is none', { kind: 'rows', ...PART, rows: { ...ROWS, stamps: [[{ at: 1, writer: 'x' }]] } }],
    ['a cell without operations', { kind: 'cells', ...PART, cells: [{ ...CELL, ops: [] }] }],
    ['an unknown arbiter', { kind: 'cells', ...PART, cells: [{ ...CELL, arbiter: 'nobody' }] }],
    ['a time at which nobody wrote', { kind: 'cells', ...PART, cells: [cellOf({ at: 1, writer: '' })] }],
    ['a writer that is none', { kind: 'cells', ...PART, cells: [cellOf({ at: 1, writer: 'x' })] }],
    ['a seq above 2^53 - 1', { kind: 'dropped', changes: [`${A}:9007199254740992`] }],
  ])('[EN4] %s is not encoded', (_, of) => {
    expect(codeOf(() => encodeEntry(of as LogEntry))).toBe('malformed')
  })
})
