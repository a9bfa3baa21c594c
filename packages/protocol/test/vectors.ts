import { emptyBasis, nobodys, toValue, type Change, type DistilledCell, type Value } from '@syncline/stm'
import {
  broughtBackBytes,
  broughtBackIn,
  decidedBytes,
  decidedCells,
  decodeChange,
  decodeEntry,
  decodeHeader,
  decodeValue,
  createFrameReader,
  asleepOf,
  encodeChange,
  encodeEntry,
  encodeFrames,
  encodeValue,
  spareWith,
  type Adoption,
  type Expectation,
  type Frame,
  type JoinPiece,
  type LogEntry,
  type RunChange,
} from '@syncline/protocol'

/** One thing whose bytes are fixed. */
export interface Vector {
  readonly name: string
  readonly family: 'value' | 'change' | 'frame' | 'entry'
  readonly data: unknown
  readonly encode: () => Uint8Array
  readonly decode: (bytes: Uint8Array) => unknown
}

const A = '000102030405060708090a0b0c0d0e0f'
const B = 'f0e0d0c0b0a090807060504030201000'
const EPOCH = '0123456789abcdef0123456789abcdef'
const SESSION = 'ffeeddccbbaa99887766554433221100'
const NONE = new Map<string, number>()

const values: { readonly [name: string]: Value } = {
  null: null,
  false: false,
  true: true,
  zero: 0,
  'one byte, 127': 127,
  'two bytes, 128': 128,
  'two words, 2^31': 2 ** 31,
  'greatest whole, 2^53 - 1': Number.MAX_SAFE_INTEGER,
  'minus one': -1,
  'least whole, -(2^53 - 1)': Number.MIN_SAFE_INTEGER,
  half: 0.5,
  '2^53 is a float': 2 ** 53,
  NaN: NaN,
  '-Infinity': -Infinity,
  'empty text': '',
  text: 'card',
  'text of one to four bytes a character': 'aß€😀',
  'no bytes': Uint8Array.of(),
  bytes: Uint8Array.of(0, 127, 128, 255),
  'empty array': [],
  array: [1, 'a', [null]],
  'empty object': {},
  'object with keys in any order': { b: 1, a: 2, B: 3, '': 4 },
  'keys by code unit, not by code point': { '\uff5e': 1, '😀': 2 },
  'keys that other code trips over': JSON.parse(
    '{"__proto__": {"polluted": true}, "constructor": 1, "10": 2, "9": 3}',
  ) as Value,
}

const smallest: Change = {
  writer: A,
  seq: 1,
  deps: { epoch: null, relaySeq: 0, writers: NONE },
  at: 0,
  ops: [],
  effects: [],
  meta: null,
}

const ordinary: Change = {
  writer: A,
  seq: 300,
  deps: { epoch: EPOCH, relaySeq: 4711, writers: new Map([[B, 2]]) },
  at: 1_700_000_000_000_000,
  ops: [
    { tag: 'record', address: 'cards/c1', arbiter: 'local', payload: { title: 'Write it down' } },
    { tag: 'counter', address: 'votes', arbiter: 'local', payload: -3 },
    { tag: 'record', address: 'cards/c1', arbiter: 'local', payload: { done: true } },
  ],
  effects: [],
  meta: { source: 'keyboard' },
}

const full: Change = {
  writer: B,
  seq: Number.MAX_SAFE_INTEGER,
  deps: {
    epoch: EPOCH,
    relaySeq: Number.MAX_SAFE_INTEGER,
    writers: new Map([
      [EPOCH, 1],
      [A, 300],
    ]),
  },
  at: Number.MAX_SAFE_INTEGER,
  ops: [
    { tag: 'text', address: 'note', arbiter: 'local', payload: Uint8Array.of(1, 2, 3) },
    { tag: 'lww', address: 'draft', arbiter: 'browser', payload: null },
    { tag: 'lww', address: 'draft', arbiter: 'relay', payload: 'same address, another arbiter' },
  ],
  effects: [{ id: 'e1', handler: 'mail', input: { to: 'ada' } }],
  meta: null,
}

/** Operations that have much in common. */
const table: Change = {
  writer: A,
  seq: 2,
  deps: { epoch: null, relaySeq: 0, writers: NONE },
  at: 1_700_000_000_000_000,
  ops: [
    { tag: 'record', address: 'cards/c1', arbiter: 'local', payload: [1, 1, 0, 'title', 'One', 0, 'done', false] },
    { tag: 'record', address: 'cards/c2', arbiter: 'local', payload: [1, 1, 0, 'title', 'Two', 0, 'done', true] },
    { tag: 'record', address: 'cards/c3', arbiter: 'local', payload: [1, 1, 0, 'title', ['Three'], 0, 'done', null] },
    { tag: 'record', address: 'cards/c4', arbiter: 'local', payload: [1, 2, 0, 'title', 'Four', 0, 'done', false] },
    { tag: 'record', address: 'notes/c1', arbiter: 'local', payload: [1, 2, 0, 'title', 'Five', 0, 'done', false] },
    { tag: 'record', address: 'notes/c1', arbiter: 'relay', payload: [3, 2] },
  ],
  effects: [],
  meta: null,
}

/** Asks for a check, of each form of expectation. */
const asking: Change = {
  writer: B,
  seq: 1,
  deps: { epoch: EPOCH, relaySeq: 9, writers: NONE },
  at: 1_700_000_000_000_000,
  ops: [{ tag: 'lww', address: 'seat', arbiter: 'relay', payload: [0, 'ada'] }],
  effects: [],
  meta: null,
}

/** What is said of a record that is no Change. */
interface Apart {
  readonly join?: JoinPiece
  readonly adoption?: Adoption
}

const decidedSeats: readonly DistilledCell[] = [
  { tag: 'lww', address: 'seat', arbiter: 'relay', ops: [{ payload: [0, 'ada'], stamp: { at: 299, writer: B } }] },
]

const expectations: readonly Expectation[] = [
  { kind: 'ref', tag: 'lww', address: 'price', content: A },
  { kind: 'ref', tag: 'lww', address: 'seat', content: EPOCH, after: SESSION },
  { kind: 'members', tag: 'record', collection: 'seats', from: '', to: undefined, content: A },
  { kind: 'members', tag: 'record', collection: 'seats', from: 'a/', to: 'a0', content: B },
  { kind: 'list', tag: 'record', collection: 'cards', field: 'at', parent: 'todo', from: 0, to: undefined, content: A },
  { kind: 'list', tag: 'record', collection: 'cards', field: 'at', parent: '', from: 2, to: 300, content: B },
]

const record = encodeChange(smallest)

const frames: { readonly [name: string]: Frame } = {
  hello: { type: 'hello', protocol: 1, oldest: 1, agent: 'syncline/0', schema: 3, credential: Uint8Array.of(7, 7) },
  welcome: {
    type: 'welcome',
    protocol: 1,
    timeMs: 1_700_000_000_000,
    session: SESSION,
    maxMessageBytes: 1024 * 1024,
    maxChangeBytes: 16 * 1024 * 1024,
  },
  'open, first time': { type: 'open', channel: 1, space: 'board', basis: { epoch: null, relaySeq: 0, writers: NONE } },
  'open, again': {
    type: 'open',
    channel: 130,
    space: 'board',
    basis: { epoch: EPOCH, relaySeq: 9, writers: new Map([[A, 4]]) },
  },
  basis: {
    type: 'basis',
    channel: 1,
    head: 9,
    writers: new Map([
      [A, 4],
      [B, 0],
    ]),
  },
  'changes from a client': { type: 'changes', channel: 1, first: 0, records: [record] },
  'changes from the relay': { type: 'changes', channel: 1, first: 10, records: [record, encodeChange(ordinary, [5])] },
  acknowledgement: { type: 'acknowledgement', channel: 1, first: 12, writer: A, firstSeq: 5, count: 3 },
  refusal: { type: 'refusal', channel: 1, writer: A, seq: 8, code: 'clock-ahead', message: 'Your clock is ahead.' },
  presence: { type: 'presence', channel: 1, session: SESSION, slot: 2, payload: Uint8Array.of(1) },
  'presence, gone': { type: 'presence', channel: 1, session: '0'.repeat(32), slot: 0, payload: Uint8Array.of() },
  'failure of a channel': {
    type: 'failure',
    channel: 1,
    code: 'epoch-changed',
    message: 'Open again.',
    retryAfterMs: 0,
  },
  'failure of the connection': {
    type: 'failure',
    channel: 0,
    code: 'too-busy',
    message: 'Come back.',
    retryAfterMs: 1500,
  },
  leave: { type: 'leave', channel: 1 },
  ping: { type: 'ping', token: 4_294_967_295 },
  pong: { type: 'pong', token: 4_294_967_295 },
  abort: { type: 'abort', channel: 1, writer: B, seq: 1 },
  epoch: { type: 'epoch', channel: 1, epoch: EPOCH },
  newcomer: { type: 'newcomer', channel: 1 },
  'checkpoint, the first piece': { type: 'checkpoint', channel: 1, isLast: false, piece: Uint8Array.of(1, 17) },
  'checkpoint, the last piece': { type: 'checkpoint', channel: 1, isLast: true, piece: Uint8Array.of(0) },
  apart: { type: 'apart', channel: 1, relaySeq: 4711, isTurn: true },
  join: { type: 'join', channel: 1, epoch: EPOCH, first: 10, last: 12 },
  rolls: { type: 'rolls', least: 64, most: 10_000 },
  roll: { type: 'roll', channel: 130, roll: A, count: 300, root: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) },
  unnamed: { type: 'unnamed', channel: 130 },
  names: { type: 'names', channel: 130, names: ['board', 'board/1', 'board/12', 'boards/😀', 'boards/😁', 'über'] },
  marks: {
    type: 'marks',
    channel: 130,
    marks: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 1, 35, 69, 103, 137, 171, 205, 246),
  },
  below: { type: 'below', channel: 130, level: 1, nodes: [0, 1, 18] },
  stand: { type: 'stand', channel: 130 },
  singly: { type: 'singly', channel: 130 },
  sent: { type: 'sent', bytes: 70_000 },
  expires: { type: 'expires', inMs: 900_000 },
  credential: { type: 'credential', credential: Uint8Array.of(7, 8) },
}

/** One edit after the other, each with what takes it back. */
const typed = (seq: number, at: number, ops: Change['ops'], inverse: Value, meta: Value = null): RunChange => ({
  change: { ...smallest, seq, at: 1_700_000_000_000_000 + at, ops, meta },
  inverse,
})
const vote = (id: string, votes: Value): Change['ops'][number] => {
  return { tag: 'record', address: `cards/${id}`, arbiter: 'local', payload: [0, 1, 0, 'votes', votes] }
}

const run: readonly RunChange[] = [
  typed(1, 0, [vote('c1', 7)], [2, 'tab', '', 0, 1, 1, [], [], [[0, 1, [[5, A]], 0, 'votes', 6, 0]], [], []]),
  typed(2, 3, [vote('c2', 8)], [2, 'tab', '', 0, 2, 2, [], [], [[0, 1, [[9, A]], 0, 'votes', 6, 0]], [], []]),
  typed(3, 3, [vote('c1', 10), vote('c2', -1)], null, { source: 'keyboard' }),
  typed(4, 200, [{ ...vote('c1', [2, NaN]), arbiter: 'relay' }], null, { source: 'keyboard' }),
  typed(5, 200, [vote('c1', [3, 0.5]), { tag: 'lww', address: 'title', arbiter: 'local', payload: 'Plan' }], true),
  typed(6, 201, [], true),
]

const entries: { readonly [name: string]: LogEntry } = {
  run: { kind: 'run', changes: run },
  commits: {
    kind: 'commits',
    changes: [
      { record, local: Uint8Array.of() },
      { record: encodeChange(ordinary), local: Uint8Array.of(9) },
    ],
  },
  join: {
    kind: 'join',
    epoch: EPOCH,
    relaySeq: 12,
    known: { relaySeq: 300, stretches: [{ epoch: A, first: 1 }] },
    pieces: [record],
    before: [record, encodeChange(ordinary)],
  },
  ordered: { kind: 'ordered', epoch: EPOCH, first: 10, items: [record, { writer: B, seq: 2 }] },
  refused: { kind: 'refused', writer: A, seq: 8, code: 'forbidden', message: 'You may only read.' },
  ended: {
    kind: 'ended',
    writer: A,
    lastSeq: 7,
    refused: [{ record, code: 'forbidden', message: 'You may only read.' }],
    reauthored: [encodeChange(ordinary)],
  },
  dropped: { kind: 'dropped', changes: [`${A}:8`, `${B}:9007199254740991`] },
  prepared: { kind: 'prepared', by: A, record: encodeChange(asking, [], expectations), local: Uint8Array.of(9) },
  decided: { kind: 'decided', writer: B, code: 'conflict', message: 'The seat is taken.' },
  together: {
    kind: 'together',
    entries: [
      { kind: 'commits', changes: [{ record, local: Uint8Array.of(1) }] },
      { kind: 'ended', writer: A, lastSeq: 7, refused: [], reauthored: [encodeChange(ordinary)] },
    ],
  },
}

const card = (id: string): DistilledCell => ({
  tag: 'record',
  address: `cards/${id}`,
  arbiter: 'local',
  ops: [
    { payload: [1, 1, 0, 'title', id, 0, 'done', false], stamp: { at: 8, writer: B } },
    { payload: [2, 1, 0, 'done', true], stamp: { at: 9, writer: A } },
  ],
})

const checkpoint: { readonly [name: string]: LogEntry } = {
  'cells, of each arbiter, of families and of none': {
    kind: 'cells',
    checkpoint: 300,
    part: 1,
    cells: [
      { tag: 'lww', address: 'title', arbiter: 'local', ops: [{ payload: [0, 'Plan'], stamp: { at: 7, writer: A } }] },
      { tag: 'lww', address: 'title', arbiter: 'browser', ops: [{ payload: [1, null], stamp: { at: 6, writer: B } }] },
      card('a'),
      card('b'),
      { tag: 'set', address: 'tags', arbiter: 'relay', ops: [{ payload: [0, 1, 'x', ['a']], stamp: nobodys }] },
      { tag: 'text', address: 'notes/1', arbiter: 'local', ops: [{ payload: new Uint8Array([1, 2]), stamp: nobodys }] },
      card('c'),
    ],
  },
  'rows, of two operations': {
    kind: 'rows',
    checkpoint: 3,
    part: 2,
    rows: {
      tag: 'record',
      arbiter: 'local',
      prefix: 'cards/',
      ids: ['a', 'b', '\ud800'],
      like: [
        [1, 1, 0, 'title', null, 0, 'due', null],
        [2, 1, 0, 'done', null],
      ],
      stamps: [
        [
          { at: 8, writer: B },
          { at: 8, writer: B },
          { at: 9, writer: A },
        ],
        [
          { at: 10, writer: A },
          { at: 11, writer: A },
          { at: 11, writer: A },
        ],
      ],
      columns: [
        ['Plan', 'Tést \u2028', ''],
        [1_700_000_000.5, -1, 0],
        [true, false, null],
      ],
    },
  },
  'cells, none': { kind: 'cells', checkpoint: 1, part: 1, cells: [] },
  'the rest, pending': {
    kind: 'rest',
    checkpoint: 1,
    part: 2,
    isLast: false,
    rest: ['pending', [[encodeChange(smallest), new Uint8Array(0), [[A, 3]]]]],
  },
  'the rest, pending and asleep': {
    kind: 'rest',
    checkpoint: 1,
    part: 2,
    isLast: false,
    rest: ['asleep', [1, encodeValue([[encodeChange(smallest), new Uint8Array(0), [[A, 3]]]])]],
  },
  'the rest, pending and asleep in runs': {
    kind: 'rest',
    checkpoint: 1,
    part: 2,
    isLast: false,
    rest: ['asleep', asleepOf([[encodeChange(smallest), new Uint8Array(0), [[A, 3]]], { run }])],
  },
  'the rest, a spare for what is asleep': {
    kind: 'rest',
    checkpoint: 1,
    part: 3,
    isLast: false,
    rest: ['spare', spareWith(undefined, asleepOf([[encodeChange(smallest), new Uint8Array(0), [[A, 3]]]]))],
  },
  'the rest, refused': {
    kind: 'rest',
    checkpoint: 1,
    part: 3,
    isLast: false,
    rest: ['refused', [[encodeChange(smallest), new Uint8Array(0), 'forbidden', 'The board is locked.']]],
  },
  'the rest, asked': {
    kind: 'rest',
    checkpoint: 1,
    part: 4,
    isLast: false,
    rest: ['asked', [[B, encodeChange(smallest), new Uint8Array(0)]]],
  },
  'the rest, notes': {
    kind: 'rest',
    checkpoint: 1,
    part: 5,
    isLast: false,
    rest: ['notes', [[A, 7, 1000, 0, [['lww', 'title', 'local']], [2, 's', '', 0, 1, 1, [], [], [null], [], []]]]],
  },
  'the rest, what can be taken back': {
    kind: 'rest',
    checkpoint: 1,
    part: 5,
    isLast: false,
    rest: ['undoable', [[A, 7, 1000, 0, [1, 's', '', 0, 1, 1, [], [], [], 1, 0], new Uint8Array([8, 0])]]],
  },
  'the rest, the directory': {
    kind: 'rest',
    checkpoint: 3,
    part: 1,
    isLast: false,
    rest: ['directory', { entries: 6, lastOfCells: 3, portions: [['record archive/', 3, 1, 700]] }],
  },
  'the rest, the directory of what is asleep': {
    kind: 'rest',
    checkpoint: 3,
    part: 1,
    isLast: false,
    rest: [
      'directory',
      {
        entries: 8,
        lastOfCells: 3,
        portions: [],
        asleep: [
          4,
          2,
          70_000,
          [
            [A, 1, 900],
            [B, 4, 4],
          ],
        ],
      },
    ],
  },
  'the rest, the last part': {
    kind: 'rest',
    checkpoint: 1,
    part: 6,
    isLast: true,
    rest: [
      'ledger',
      {
        relaySeq: 12,
        stretches: [[EPOCH, 1]],
        foreign: [],
        seqs: [
          [A, 7, -1],
          [B, 3, 2],
        ],
        clocks: [1_000, 900, 0],
        browserWriter: '',
        dismissed: [],
        refusals: [[B, 4, 'forbidden', 'The board is locked.']],
        ended: [[SESSION, 2, 5]],
        became: [[SESSION, 3, 800, A, 1, 801]],
        renames: [['text note', SESSION, 3, new Uint8Array([1]), new Uint8Array([2])]],
        owners: [[4_294_967_295, A]],
        clientsOfRefused: [7],
      },
    ],
  },
  'the rest, the last part, after a join': {
    kind: 'rest',
    checkpoint: 1,
    part: 7,
    isLast: true,
    rest: [
      'ledger',
      {
        relaySeq: 12,
        stretches: [[EPOCH, 12]],
        foreign: [A],
        seqs: [[A, 7, 0]],
        clocks: [1_000, 1_000, 0],
        browserWriter: '',
        dismissed: [],
        refusals: [],
        ended: [],
        became: [],
        renames: [],
        owners: [],
        clientsOfRefused: [],
        joined: [[A, 300]],
      },
    ],
  },
  'the rest, the last part, where cells count what is pending': {
    kind: 'rest',
    checkpoint: 1,
    part: 7,
    isLast: true,
    rest: [
      'ledger',
      {
        relaySeq: 0,
        stretches: [],
        foreign: [],
        seqs: [[A, 7, -1]],
        clocks: [1_000, 0, 0],
        browserWriter: '',
        dismissed: [],
        refusals: [],
        ended: [],
        became: [],
        renames: [],
        owners: [],
        clientsOfRefused: [],
        counted: [[A, 7]],
      },
    ],
  },
  'a ledger of what waits to be adopted': {
    kind: 'rest',
    checkpoint: 5,
    part: 1,
    isLast: true,
    rest: [
      'ledger',
      {
        relaySeq: 4,
        stretches: [[EPOCH, 4]],
        foreign: [B],
        seqs: [[A, 7, 0]],
        clocks: [7, 7, 0],
        browserWriter: '',
        dismissed: [],
        refusals: [],
        ended: [],
        became: [],
        renames: [],
        owners: [],
        clientsOfRefused: [],
        joined: [[B, 300]],
        decided: [300, [[B, 300]], [[301, encodeChange(smallest)]]],
      },
    ],
  },
  'joined, cells': {
    kind: 'joined',
    part: {
      kind: 'cells',
      checkpoint: 0xffff_ffff,
      part: 1,
      cells: [
        { tag: 'lww', address: 'draft', arbiter: 'browser', ops: [{ payload: [0, 'x'], stamp: { at: 7, writer: A } }] },
      ],
    },
  },
  'joined, the rest': {
    kind: 'joined',
    part: { kind: 'rest', checkpoint: 1, part: 2, isLast: false, rest: ['notes', []] },
  },
  whole: {
    kind: 'whole',
    parts: [
      {
        kind: 'cells',
        checkpoint: 1,
        part: 1,
        cells: [
          { tag: 'lww', address: 'title', arbiter: 'local', ops: [{ payload: [0, 'x'], stamp: { at: 7, writer: A } }] },
        ],
      },
      { kind: 'rest', checkpoint: 1, part: 2, isLast: false, rest: ['notes', []] },
    ],
  },
}

/** The frames in one message. */
export function readMessage(message: Uint8Array): Frame[] {
  return createFrameReader({ maxPacketBytes: 1024 * 1024 }).push(message)
}

/** Everything whose bytes are fixed, with at least one of each tag, frame and entry. */
export const vectors: readonly Vector[] = [
  ...Object.entries(values).map(([name, data]): Vector => {
    return { name, family: 'value', data: toValue(data), encode: () => encodeValue(data), decode: decodeValue }
  }),
  ...Object.entries({ smallest, ordinary, full, table }).map(([name, data]): Vector => {
    const documents = name === 'full' ? [4_294_967_295, 7] : []
    return { name, family: 'change', data, encode: () => encodeChange(data, documents), decode: decodeChange }
  }),
  ...Object.entries({ 'asking for nothing': [], 'asking for each form of content': expectations }).map(
    ([name, expected]): Vector => {
      const data = { change: asking, expectations: expected }
      return {
        name,
        family: 'change',
        data,
        encode: () => encodeChange(asking, [], expected),
        decode: (bytes) => ({ change: decodeChange(bytes), expectations: decodeHeader(bytes).expectations }),
      }
    },
  ),
  ...Object.entries({
    'inheriting clients': { expected: undefined, inherited: new Map([[4_294_967_295, A]]) },
    'inheriting clients, and asking': {
      expected: expectations.slice(0, 1),
      inherited: new Map([
        [300, EPOCH],
        [7, A],
      ]),
    },
  }).map(([name, { expected, inherited }]): Vector => {
    const change: Change = { ...smallest, writer: B, ops: full.ops.slice(0, 1) }
    return {
      name,
      family: 'change',
      data: { change, expected, inherited },
      encode: () => encodeChange(change, [7, 300, 4_294_967_295], expected, inherited),
      decode: (bytes) => {
        const header = decodeHeader(bytes)
        return { change: decodeChange(bytes), expected: header.expectations, inherited: header.inherited }
      },
    }
  }),
  ...Object.entries({ 'a piece of a join': [], 'the last piece of one': [[EPOCH, 7] as const] }).map(
    ([name, also], i): Vector => {
      const deps = { epoch: A, relaySeq: 300, writers: new Map([[B, 7]]) }
      const change: Change = { ...smallest, writer: EPOCH, seq: i + 1, deps, meta: Uint8Array.of(1, 2, 3) }
      const inherited = new Map(i === 0 ? [] : [[7, B] as const])
      const join = { left: 1 - i, also }
      return {
        name,
        family: 'change',
        data: { change, join, inherited },
        encode: () => encodeChange(change, [...inherited.keys()], undefined, inherited, { join }),
        decode: (bytes) => {
          const header = decodeHeader(bytes)
          return { change: decodeChange(bytes), join: header.join, inherited: header.inherited }
        },
      }
    },
  ),
  ...Object.entries<Apart>({
    'a piece of a join, of what was decided': { join: { left: 0, also: [[B, 7]], decided: { shift: 300 } } },
    'an adoption of what was brought back': {
      adoption: { shift: 300, taken: 'brought back', covers: [[A, Number.MAX_SAFE_INTEGER]] },
    },
    'an adoption of what the log has': { adoption: { shift: 0, taken: 'log', covers: [] } },
    'an adoption of what is the same': {
      adoption: {
        shift: 1,
        taken: 'same',
        covers: [
          [A, 300],
          [B, 1],
        ],
      },
    },
  }).map(([name, apart]): Vector => {
    const deps = apart.join === undefined ? emptyBasis : { epoch: A, relaySeq: 300, writers: NONE }
    const brought = { cells: decidedSeats, beside: [[301, encodeChange(smallest)] as const] }
    const meta = apart.join === undefined ? decidedBytes(decidedSeats) : broughtBackBytes(brought)
    const change: Change = { ...smallest, writer: EPOCH, deps, meta }
    return {
      name,
      family: 'change',
      data: {
        change: { ...change, ...(apart.adoption && apart) },
        join: apart.join,
        has: apart.join === undefined ? decidedSeats : brought,
      },
      encode: () => encodeChange(change, [], undefined, undefined, apart),
      decode: (bytes) => {
        const { join } = decodeHeader(bytes)
        const read = decodeChange(bytes)
        const has = (join === undefined ? decidedCells : broughtBackIn)(read.meta as Uint8Array)
        return { change: read, join, has }
      },
    }
  }),
  ...Object.entries(frames).map(([name, data]): Vector => {
    return {
      name,
      family: 'frame',
      data: [data],
      encode: () => encodeFrames([data], 1024 * 1024)[0]!,
      decode: readMessage,
    }
  }),
  ...Object.entries({ ...entries, ...checkpoint }).map(([name, data]): Vector => {
    return { name, family: 'entry', data, encode: () => encodeEntry(data), decode: decodeEntry }
  }),
]

/** The vectors of one family. */
export function vectorsOf(family: Vector['family']): readonly Vector[] {
  return vectors.filter((vector) => vector.family === family)
}
