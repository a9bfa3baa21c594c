import { emptyBasis, type Change } from '@syncline/stm'
import {
  decodeChange,
  decodeChangeInSteps,
  decodeHeader,
  decidedBytes,
  decidedCells,
  encodeChange,
  encodeEntry,
  joinBytes,
  joinFlaw,
  MAX_CHANGE_BYTES,
  recordAuthor,
  recordChecksum,
  type Covered,
  type Expectation,
} from '@syncline/protocol'
import { describe, expect, test } from 'vitest'
import { codeOf } from './attempt.ts'
import { resealed, sealedOf } from './resealed.ts'

const A = '000102030405060708090a0b0c0d0e0f'
const B = 'f0e0d0c0b0a090807060504030201000'

const change: Change = {
  writer: A,
  seq: 7,
  deps: {
    epoch: B,
    relaySeq: 12,
    writers: new Map([
      [B, 1],
      [A, 6],
    ]),
  },
  at: 1_700_000_000_000_000,
  ops: [
    { tag: 'lww', address: 'title', arbiter: 'local', payload: 'one' },
    { tag: 'counter', address: 'n', arbiter: 'relay', payload: 1 },
    { tag: 'lww', address: 'title', arbiter: 'local', payload: 'two' },
  ],
  effects: [{ id: 'e', handler: 'mail', input: [1] }],
  meta: { why: 'test' },
}

const items: Expectation = {
  kind: 'list',
  tag: 'record',
  collection: 'cards',
  field: 'at',
  parent: '',
  from: 0,
  to: undefined,
  content: A,
}

// The parts of a record that is made by hand: a header up to its touched refs, what may follow them, and a body.
const head = [0, ...Array.from({ length: 16 }, (_, i) => i), 1, 0, 0, 0, 0]
/** Another writer than that of `head`. */
const owner = Array.from({ length: 16 }, () => 0xee)
const title = [3, 0x6c, 0x77, 0x77, 1, 0x74, 0]
const other = [3, 0x6c, 0x77, 0x77, 1, 0x75, 0]
const emptyBody = [0, 0, 0]

function recordOf(header: readonly number[], body: readonly number[] = emptyBody): Uint8Array {
  return sealedOf([1, header.length], header, [body.length], body)
}

test('[CH2] records that were made one after the other stay as they were', () => {
  const made = Array.from({ length: 500 }, (_, i) => {
    const record = encodeChange({ ...change, seq: i + 1, meta: 'x'.repeat((i * 37) % 600) })
    return { record, copy: record.slice() }
  })
  for (const { record, copy } of made) expect(record).toEqual(copy)
})

/** A Change whose record is exactly `length` bytes. */
function changeOfLength(length: number): Change {
  const withPayload = (size: number): Change => ({
    ...change,
    ops: [{ ...change.ops[0]!, payload: new Uint8Array(size) }],
  })
  // Lengths from 2 MiB on take four bytes, and so do those of payload and body here.
  const overhead = encodeChange(withPayload(4 * 1024 * 1024)).length - 4 * 1024 * 1024
  return withPayload(length - overhead)
}

describe('Change records', () => {
  test('[CH1] a Change comes back, and its header without its body', () => {
    const record = encodeChange(change, [9, 4, 9])
    expect(decodeChange(record)).toEqual(change)
    expect(decodeHeader(record)).toEqual({
      writer: A,
      seq: 7,
      deps: change.deps,
      at: change.at,
      touched: [
        { tag: 'lww', address: 'title', arbiter: 'local' },
        { tag: 'counter', address: 'n', arbiter: 'relay' },
      ],
      documents: [4, 9],
      inherited: new Map(),
      expectations: undefined,
    })
  })

  test('[CH1] a record made by hand is what encoding gives', () => {
    const smallest: Change = { writer: A, seq: 1, deps: emptyBasis, at: 0, ops: [], effects: [], meta: null }
    expect(encodeChange(smallest)).toEqual(recordOf([...head, 0, 0, 0, 0]))
    expect(encodeChange(smallest).length).toBe(36)
  })

  test('[CH2] the order of writers, keys and documents makes no difference', () => {
    const same: Change = {
      ...change,
      deps: {
        ...change.deps,
        writers: new Map([
          [A, 6],
          [B, 1],
        ]),
      },
    }
    expect(encodeChange(same, [1, 2])).toEqual(encodeChange(change, [2, 1, 2]))
  })

  test('[CH2] what a record gives back is independent of its bytes', () => {
    const record = encodeChange({ ...change, meta: Uint8Array.of(1, 2) })
    const decoded = decodeChange(record)
    record.fill(0)
    expect(decoded.meta).toEqual(Uint8Array.of(1, 2))
  })

  test('[CH3] the checksum at the end is over everything before it', () => {
    const record = encodeChange(change)
    const damaged = record.slice()
    damaged[40]! ^= 1
    expect(codeOf(() => decodeChange(damaged))).toBe('damaged')
    expect(codeOf(() => decodeHeader(damaged))).toBe('damaged')
    expect(recordChecksum(record)).toBe(new DataView(record.slice().buffer).getUint32(record.length - 4, true))
    expect(recordChecksum(encodeChange({ ...change, at: change.at + 1 }))).not.toBe(recordChecksum(record))
    expect(codeOf(() => recordChecksum(record.slice(0, 35)))).toBe('truncated')
  })

  test('[CH3] the header is not given out when the body is damaged', () => {
    const record = encodeChange(change)
    record[record.length - 6]! ^= 4
    expect(codeOf(() => decodeHeader(record))).toBe('damaged')
  })

  test('[CH4] the header is read whatever the body says', () => {
    const record = recordOf([...head, 1, ...title, 0, 0, 0], [99, 98, 97])
    expect(decodeHeader(record).touched).toEqual([{ tag: 'lww', address: 't', arbiter: 'local' }])
    expect(codeOf(() => decodeChange(record))).toBe('truncated')
  })

  test('[CH5] a precondition of an unknown kind is refused, by the header alone and by the whole', () => {
    const alone = recordOf([...head, 0, 0, 0, 1, 6, 2, 0xaa, 0xbb])
    const besideOurs = recordOf([...head, 0, 0, 0, 2, 1, 1, 0, 6, 2, 0xaa, 0xbb])
    for (const record of [alone, besideOurs]) {
      expect(codeOf(() => decodeHeader(record))).toBe('unknown-precondition')
      expect(codeOf(() => decodeChange(record))).toBe('unknown-precondition')
      expect(recordAuthor(record)).toEqual({ writer: A, seq: 1 })
    }
    expect(codeOf(() => decodeHeader(recordOf([...head, 0, 0, 0, 1, 6, 9, 0xaa])))).toBe('truncated')
  })

  test.each<[string, readonly number[]]>([
    ['its expectations in two places', [2, 1, 1, 0, 1, 1, 0]],
    ['its expectations after others', [2, 2, 18, 1, 7, ...owner, 1, 1, 0]],
    ['an expectation of an unknown form', [1, 1, 20, 1, 4, ...Array.from({ length: 18 }, () => 0)]],
    ['more bytes than its expectations', [1, 1, 2, 0, 0]],
    ['a piece of a join of no log', [1, 3, 2, 0, 0]],
    ['expectations, and an adoption', [2, 1, 1, 0, 5, 3, 7, 0, 0]],
    ['an adoption of nobody knows what', [1, 5, 3, 7, 3, 0]],
    ['more bytes than an adoption', [1, 5, 4, 7, 0, 0, 0]],
  ])('[CH9] a precondition that has %s is malformed', (_, bytes) => {
    const record = recordOf([...head, 0, 0, 0, ...bytes])
    expect(codeOf(() => decodeHeader(record))).toBe('malformed')
    expect(codeOf(() => decodeChange(record))).toBe('malformed')
  })

  test('[CH13] a piece of a join writes no ref, and names no Yjs client that is nobody’s', () => {
    const deps = { epoch: A, relaySeq: 3, writers: new Map([[A, 2]]) }
    const piece: Change = { writer: A, seq: 1, deps, at: 1, ops: [], effects: [], meta: Uint8Array.of(1) }
    const ops = [{ tag: 'lww', address: 't', arbiter: 'local', payload: 1 }] as const
    const read = (change: Change, clients: readonly number[], also: readonly Covered[] = []): unknown =>
      codeOf(() => decodeHeader(encodeChange(change, clients, undefined, undefined, { join: { left: 0, also } })))
    expect(read(piece, [], [[A, 1]])).toBeUndefined()
    expect(read({ ...piece, ops }, [])).toBe('malformed')
    expect(read(piece, [7])).toBe('malformed')
    expect(read({ ...piece, deps: { ...deps, relaySeq: 0 } }, [])).toBe('malformed')
    expect(read(piece, [], [[A, 0]])).toBe('malformed')
    expect(
      read(
        piece,
        [],
        [
          [A, 1],
          [A, 2],
        ],
      ),
    ).toBe('malformed')
  })

  test('[CH14] an adoption writes no ref, and what it has are cells of relay refs', () => {
    const apart = { adoption: { shift: 7, taken: 'log', covers: [] } } as const
    const adoption: Change = { writer: A, seq: 1, deps: emptyBasis, at: 1, ops: [], effects: [], meta: null }
    const ops = [{ tag: 'lww', address: 't', arbiter: 'relay', payload: 1 }] as const
    const read = (change: Change, clients: readonly number[]): unknown =>
      codeOf(() => decodeHeader(encodeChange(change, clients, undefined, undefined, apart)))
    expect([read(adoption, []), read({ ...adoption, ops }, []), read(adoption, [7])]).toEqual([
      undefined,
      'malformed',
      'malformed',
    ])
    const cell = { tag: 'lww', address: 't', ops: [{ payload: [0, 1], stamp: { at: 1, writer: A } }] }
    const many = Array.from({ length: 9_000 }, (_, i) => ({ ...cell, address: `t${i}`, arbiter: 'relay' as const }))
    expect(decidedCells(decidedBytes(many))).toEqual(many)
    expect(codeOf(() => decidedCells(decidedBytes([{ ...cell, arbiter: 'local' }])))).toBe('malformed')
    expect(codeOf(() => decidedCells(joinBytes([encodeEntry({ kind: 'dropped', changes: [] })])))).toBe('malformed')
  })

  test('[CH15] a piece of a join is one as long as its numbers leave room for what comes after it', () => {
    const most = 2 ** 52
    const flawOf = (numbers: {
      relaySeq?: number
      shift?: number
      at?: number
      also?: number
      named?: number
    }): unknown => {
      const { relaySeq = 3, shift = 0, at = 1, also = 1, named = 1 } = numbers
      const deps = { epoch: A, relaySeq, writers: new Map([[A, named]]) }
      const piece: Change = { writer: B, seq: 1, deps, at, ops: [], effects: [], meta: Uint8Array.of(1) }
      const join = { left: 0, also: [[B, also] as const], decided: { shift } }
      return joinFlaw(decodeHeader(encodeChange(piece, [], undefined, undefined, { join })))
    }
    expect(flawOf({ relaySeq: 3, shift: most - 3, at: most, also: most, named: most })).toBeUndefined()
    expect(flawOf({ relaySeq: 4, shift: most - 3 })).toBe(`it reaches up to ${most + 1}`)
    expect(flawOf({ relaySeq: most + 1 })).toBe(`it reaches up to ${most + 1}`)
    for (const one of [{ at: most + 1 }, { also: most + 1 }, { named: most + 1 }])
      expect(flawOf(one)).toBe(`it reaches up to ${most + 1}`)
  })

  test.each<[string, readonly number[]]>([
    ['nothing', [1, 2, 1, 0]],
    ['a client that it does not name', [1, 2, 18, 1, 8, ...owner]],
    ['a client twice', [1, 2, 35, 2, 7, ...owner, 7, ...owner]],
    ['a client from its own author', [1, 2, 18, 1, 7, ...head.slice(1, 17)]],
    ['more bytes than its clients', [1, 2, 19, 1, 7, ...owner, 0]],
  ])('[CH10] a Change that inherits %s is malformed', (_, bytes) => {
    const record = recordOf([...head, 0, 1, 7, 0, ...bytes])
    expect(codeOf(() => decodeHeader(record))).toBe('malformed')
    expect(codeOf(() => decodeChange(record))).toBe('malformed')
  })

  test('[CH10] a Change that inherits what it does not name, or from its own author, is not encoded', () => {
    expect(codeOf(() => encodeChange(change, [7], undefined, new Map([[8, B]])))).toBe('malformed')
    expect(codeOf(() => encodeChange(change, [7], undefined, new Map([[7, A]])))).toBe('malformed')
  })

  test('[CH9] more expectations than there are bytes for are not waited for', () => {
    const record = recordOf([...head, 0, 0, 0, 1, 1, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f])
    expect(codeOf(() => decodeHeader(record))).toBe('truncated')
  })

  test.each<[string, Expectation]>([
    ['a content of 31 digits', { kind: 'ref', tag: 'lww', address: 'a', content: A.slice(1) }],
    ['ids before the first', { kind: 'members', tag: 'record', collection: 'c', from: '', to: '', content: A }],
    ['positions before the first', { ...items, to: 0 }],
    ['a negative position', { ...items, from: -1 }],
    ['an unknown kind', { ...items, kind: 'guess' as 'list' }],
  ])('[CH9] %s is not encoded', (_, expected) => {
    expect(codeOf(() => encodeChange(change, [], [expected]))).toBe('malformed')
  })

  test('[CH6] a newer version, flag or effect is told from damage', () => {
    const newer = encodeChange(change)
    newer[0] = 2
    expect(codeOf(() => decodeChange(newer))).toBe('damaged')
    expect(codeOf(() => decodeChange(resealed(newer)))).toBe('newer-version')
    expect(codeOf(() => decodeHeader(resealed(newer)))).toBe('newer-version')
    expect(codeOf(() => decodeHeader(recordOf([4, ...head.slice(1), 0, 0, 0, 0])))).toBe('newer-version')
    expect(codeOf(() => decodeHeader(recordOf([...head, 0, 0, 1, 0])))).toBe('newer-version')
    expect(codeOf(() => recordAuthor(newer))).toBe('newer-version')
    expect(codeOf(() => recordAuthor(Uint8Array.of(1, 30, 0, 0)))).toBe('truncated')
  })

  test('[CH7] a Change of the greatest length is taken, and of one byte more is not, both ways', () => {
    const record = encodeChange(changeOfLength(MAX_CHANGE_BYTES))
    expect(record.length).toBe(MAX_CHANGE_BYTES)
    expect(decodeHeader(record).writer).toBe(A)
    expect((decodeChange(record).ops[0]!.payload as Uint8Array).length).toBeGreaterThan(MAX_CHANGE_BYTES - 200)
    expect(codeOf(() => encodeChange(changeOfLength(MAX_CHANGE_BYTES + 1)))).toBe('too-large')
    expect(codeOf(() => decodeHeader(new Uint8Array(MAX_CHANGE_BYTES + 1)))).toBe('too-large')
    expect(codeOf(() => decodeChange(new Uint8Array(MAX_CHANGE_BYTES + 1)))).toBe('too-large')
  })

  test('[CH7] what is far too large is not built first', () => {
    const mebibyte = new Uint8Array(1024 * 1024)
    const ops = Array.from({ length: 100_000 }, () => ({ ...change.ops[0]!, payload: mebibyte }))
    expect(codeOf(() => encodeChange({ ...change, ops }))).toBe('too-large')
  })

  const inCollection = [1, 116, 4, 99, 47, 97, 98, 0] // t, c/ab, local
  const beside = [0, 1, 98] // c/b
  const row = [8, 5, 3, 1, 3, 1, 3, 0, 6, 1, 110] // [1, 1, 0, 'n', …

  test('[CH11] a collection is named once, and what operations on it have in common is said once', () => {
    const ops = (values: readonly unknown[], ids: readonly string[]): Change['ops'] =>
      values.map((value, i) => ({
        tag: 't',
        address: `c/${ids[i]!}`,
        arbiter: 'local',
        payload: [1, 1, 0, 'n', value as string],
      }))
    const written = encodeChange({ ...change, ops: ops(['x', [2], null], ['ab', 'b', '']), effects: [], meta: null })
    const { length } = recordOf(
      [...head, 3, ...inCollection, ...beside, 0, 0, 0, 0, 0],
      [3, 0, ...row, 6, 1, 120, 1, 10, 8, 1, 3, 2, 2, 10, 0, 0, 0],
    )
    // The deps of the Change here are others than those of `head`.
    expect(written.length - length).toBe(encodeChange({ ...change, ops: [], effects: [], meta: null }).length - 36)
    expect(decodeChange(written).ops).toEqual(ops(['x', [2], null], ['ab', 'b', '']))
    expect(Object.isFrozen(decodeChange(written).ops[1]!.payload)).toBe(true)
  })

  test('[CH11] an address that is no longer than what apps can name is all that a few bytes stand for', () => {
    const long = (name: string): Change => ({
      ...change,
      ops: ['a', 'b'].map((id) => ({ tag: 't', address: `${name}/${id}`, arbiter: 'local', payload: id })),
    })
    const bytes = (name: string): number => encodeChange(long(name)).length - 2 * name.length
    expect(bytes('x'.repeat(129)) - bytes('x'.repeat(128))).toBeGreaterThan(128)
    expect(decodeChange(encodeChange(long('x'.repeat(129))))).toEqual(long('x'.repeat(129)))
  })

  test.each<[string, Uint8Array]>([
    ['a ref beside none', recordOf([...head, 1, ...beside, 0, 0, 0], [1, 0, 0, 0, 0])],
    ['a ref beside one in no collection', recordOf([...head, 2, ...title, ...beside, 0, 0, 0], [2, 0, 0, 1, 0, 0, 0])],
    [
      'a collection named again',
      recordOf([...head, 2, ...inCollection, 1, 116, 3, 99, 47, 98, 0, 0, 0, 0], [2, 0, 0, 1, 0, 0, 0]),
    ],
    [
      'a ref twice, once beside itself',
      recordOf([...head, 2, ...inCollection, 0, 2, 97, 98, 0, 0, 0], [2, 0, 0, 1, 0, 0, 0]),
    ],
    ['an operation like none', recordOf([...head, 1, ...inCollection, 0, 0, 0], [1, 0, 10, 3, 5, 0, 0])],
    [
      'an operation like one that is no row',
      recordOf([...head, 2, ...inCollection, ...beside, 0, 0, 0], [2, 0, 8, 2, 3, 1, 3, 1, 1, 10, 3, 5, 0, 0]),
    ],
    [
      'an operation that says again what the one before it says',
      recordOf([...head, 2, ...inCollection, ...beside, 0, 0, 0], [2, 0, ...row, 3, 5, 1, ...row, 3, 6, 0, 0]),
    ],
  ])('[CH11] %s is refused', (_, record) => {
    expect(codeOf(() => decodeChange(record))).toBe('malformed')
  })

  test.each<[string, Uint8Array]>([
    ['a touched ref without an operation', recordOf([...head, 1, ...title, 0, 0, 0])],
    ['an operation on no touched ref', recordOf([...head, 0, 0, 0, 0], [1, 0, 0, 0, 0])],
    [
      'touched refs in another order than first used',
      recordOf([...head, 2, ...title, ...other, 0, 0, 0], [2, 1, 0, 0, 0, 0, 0]),
    ],
    ['a touched ref twice', recordOf([...head, 2, ...title, ...title, 0, 0, 0], [2, 0, 0, 1, 0, 0, 0])],
    ['an unknown arbiter', recordOf([...head, 1, ...title.slice(0, -1), 3, 0, 0, 0], [1, 0, 0, 0, 0])],
    ['documents out of order', recordOf([...head, 0, 2, 5, 4, 0, 0])],
    ['seq 0', recordOf([...head.slice(0, 17), 0, ...head.slice(18), 0, 0, 0, 0])],
    ['bytes after the header', recordOf([...head, 0, 0, 0, 0, 0])],
    ['bytes after the body', recordOf([...head, 0, 0, 0, 0], [0, 0, 0, 0])],
    ['bytes between body and checksum', sealedOf([1, 26], head, [0, 0, 0, 0], [3, 0, 0, 0], [0])],
    ['an epoch flag of 2', recordOf([...head.slice(0, 18), 2, ...head.slice(19), 0, 0, 0, 0])],
  ])('[CH8] %s is refused', (_, record) => {
    expect(codeOf(() => decodeChange(record))).toBe('malformed')
  })

  test.each<[string, Partial<Change>]>([
    ['a writer of 31 digits', { writer: A.slice(1) }],
    ['a writer in capital letters', { writer: A.toUpperCase() }],
    ['seq 0', { seq: 0 }],
    ['a negative seq', { seq: -1 }],
    ['a time before 1970', { at: -1 }],
    ['a fraction of a microsecond', { at: 0.5 }],
    ['no time', { at: NaN }],
    ['an epoch that is none', { deps: { ...emptyBasis, epoch: 'x' } }],
    ['a dependency on seq 2^53', { deps: { ...emptyBasis, writers: new Map([[A, 2 ** 53]]) } }],
    ['an unknown arbiter', { ops: [{ tag: 'lww', address: 'a', arbiter: 'judge' as 'local', payload: 1 }] }],
    [
      'an address that is no text',
      { ops: [{ tag: 'lww', address: 5 as unknown as string, arbiter: 'local', payload: 1 }] },
    ],
  ])('[CH8] %s is not encoded', (_, part) => {
    expect(codeOf(() => encodeChange({ ...change, ...part }))).toBe('malformed')
  })
})

describe('[CH12] in steps', () => {
  /** What comes in the end, and how many bytes each step has told. */
  function stepped(record: Uint8Array): { readonly change: Change; readonly steps: readonly number[] } {
    const work = decodeChangeInSteps(record)
    const steps: number[] = []
    for (;;) {
      const step = work.next()
      if (step.done === true) return { change: step.value, steps }
      steps.push(step.value)
    }
  }

  test('a Change comes as it does at once, and no step reads more than 1,024 operations', () => {
    const ops = Array.from({ length: 5_000 }, (_, i): Change['ops'][number] => ({
      tag: 'lww',
      address: `refs/${i}`,
      arbiter: 'local',
      payload: [0, i],
    }))
    const record = encodeChange({ ...change, ops: [...ops, ops[7]!] })
    const { change: decoded, steps } = stepped(record)
    expect(decoded).toEqual(decodeChange(record))
    // The header, and five thousand and one operations.
    expect(steps).toHaveLength(1 + 5)
    expect(steps.every((bytes) => bytes > 0)).toBe(true)
    // But for what follows the operations.
    expect(record.length - steps.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(64)
    expect(stepped(encodeChange(change)).change).toEqual(change)
    expect(stepped(encodeChange({ ...change, ops: [] })).change).toEqual({ ...change, ops: [] })
  })

  test('what is refused at once is refused', () => {
    const record = encodeChange(change)
    const codes = new Set<string | undefined>()
    for (let at = 0; at < record.length; at++) {
      const other = record.slice()
      other[at]! ^= 1
      for (const one of [other, resealed(other)]) {
        const code = codeOf(() => decodeChange(one))
        expect(codeOf(() => stepped(one))).toBe(code)
        codes.add(code)
      }
      expect(codeOf(() => stepped(record.subarray(0, at)))).toBe(codeOf(() => decodeChange(record.subarray(0, at))))
    }
    expect(codes).toContain('damaged')
    expect(codes).toContain('malformed')
  })
})
