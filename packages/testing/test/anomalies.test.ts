import { expect, test } from 'vitest'
import {
  checkHistory,
  checkListAppend,
  checkRegisters,
  type CheckOptions,
  type History,
  type ListOp,
  type Model,
  type Op,
} from '../src/index.ts'
import { by, committed, during, failed, unknown } from './histories.ts'

const types = (history: History, options?: CheckOptions): string[] => [
  ...new Set(checkHistory(history, options).anomalies.map(({ type }) => type)),
]
const models = (history: History): Model[] => {
  const { holds } = checkHistory(history)
  return (Object.keys(holds) as Model[]).filter((model) => holds[model])
}
const everything: Model[] = [
  'serializable',
  'session-serializable',
  'strict-serializable',
  'snapshot-isolation',
  'session-snapshot-isolation',
  'strong-snapshot-isolation',
]

test('an honest history has no anomalies and keeps every promise', () => {
  const history: History<ListOp> = [
    during(1, 2, committed(['append', 'x', 1], ['append', 'y', 1], ['read', 'x', [1]])),
    during(3, 4, committed(['read', 'x', [1]], ['append', 'x', 2], ['append', 'x', 3], ['read', 'x', [1, 2, 3]])),
    during(5, 6, committed(['read', 'x', [1, 2, 3]], ['read', 'y', [1]])),
  ]
  const report = checkListAppend(history, { realTime: true, sessions: true })
  expect(report.anomalies).toEqual([])
  expect(models(history)).toEqual(everything)
  expect(report.counts).toMatchObject({ committed: 3, reads: 5, writes: 4, dependencies: { ww: 1, wr: 3, rw: 0 } })
})

test('nothing is proved by no history, by one without conflicts, and by one where nobody committed', () => {
  const nothing = expect.objectContaining({ code: 'nothing-checked' })
  expect(() => checkHistory([])).toThrow(nothing)
  expect(() =>
    checkHistory([committed(['append', 'x', 1]), committed(['append', 'y', 1], ['read', 'y', [1]])]),
  ).toThrow(nothing)
  expect(() => checkHistory([failed(['append', 'x', 1]), failed(['read', 'x', []])])).toThrow(nothing)
  expect(() => checkHistory([committed(['read', 'x', []]), unknown(['append', 'x', 1])])).toThrow(nothing)
  expect(() => checkHistory([committed(['read', 'x', []]), committed(['read', 'x', []])])).toThrow(nothing)
})

test('G0: two transactions overwrote each other', () => {
  const readX = committed(['read', 'x', [1, 2]])
  const history = [
    committed(['append', 'x', 1], ['append', 'y', 1]),
    committed(['append', 'x', 2], ['append', 'y', 2]),
    readX,
  ]
  expect(types([...history, committed(['read', 'y', [2, 1]])])).toContain('G0')
  expect(models([...history, committed(['read', 'y', [2, 1]])])).toEqual([])
  expect(types([...history, committed(['read', 'y', [1, 2]])])).toEqual([])

  const writes = [committed(['write', 'x', 1], ['write', 'y', 1]), committed(['write', 'x', 2], ['write', 'y', 2])]
  expect(types(writes, { versions: { x: [1, 2], y: [2, 1] } })).toEqual(['G0'])
  expect(types(writes, { versions: { x: [1, 2], y: [1, 2] } })).toEqual([])
})

test('G0: an append that nobody read follows what was read', () => {
  const history = [
    committed(['append', 'x', 1], ['append', 'x', 3]),
    committed(['append', 'x', 2]),
    committed(['read', 'x', [1, 2]]),
  ]
  expect(types(history)).toContain('G0')
})

test('G1a: somebody read what did not commit', () => {
  const reads = [committed(['append', 'x', 1]), committed(['read', 'x', [1, 2]])]
  expect(types([failed(['append', 'x', 2]), ...reads])).toEqual(['G1a'])
  expect(types([unknown(['append', 'x', 2]), ...reads])).toEqual([])
  expect(types([failed(['write', 'x', 1]), committed(['read', 'x', 1])])).toEqual(['G1a'])
  expect(types([committed(['write', 'x', 1]), committed(['read', 'x', 1])])).toEqual([])
  expect(types([failed(['add', 'c', 'a']), committed(['range', 'c', {}, ['a']])])).toEqual(['G1a'])
  expect(checkHistory([failed(['append', 'x', 2]), ...reads]).anomalies[0]!.explanation).toBe(
    'T3 read 2 from x, which T1 wrote, and T1 did not commit.',
  )
})

test('G1b: somebody read what its writer overwrote', () => {
  const writer = committed(['append', 'x', 1], ['append', 'x', 2])
  expect(types([writer, committed(['read', 'x', [1]])])).toContain('G1b')
  expect(types([writer, committed(['read', 'x', [1, 2]])])).toEqual([])
  const register = committed(['read', 'x', null], ['write', 'x', 1], ['write', 'x', 2])
  expect(types([register, committed(['read', 'x', 1])])).toContain('G1b')
  expect(types([register, committed(['read', 'x', 2])])).toEqual([])
})

test('G1c: two transactions saw each other', () => {
  const mutual = [committed(['append', 'x', 1], ['read', 'y', [1]]), committed(['append', 'y', 1], ['read', 'x', [1]])]
  expect(types(mutual)).toEqual(['G1c'])
  expect(models(mutual)).toEqual([])
  expect(types([mutual[0]!, committed(['append', 'y', 1], ['read', 'x', []])])).toEqual([])
  expect(
    types([committed(['write', 'x', 1], ['read', 'y', 1]), committed(['write', 'y', 1], ['read', 'x', 1])]),
  ).toEqual(['G1c'])
})

test('G-single: somebody saw one half of a transaction', () => {
  const writer = committed(['append', 'x', 1], ['append', 'y', 1])
  expect(types([writer, committed(['read', 'x', [1]], ['read', 'y', []])])).toEqual(['G-single'])
  expect(models([writer, committed(['read', 'x', [1]], ['read', 'y', []])])).toEqual([])
  expect(types([writer, committed(['read', 'x', [1]], ['read', 'y', [1]])])).toEqual([])
  expect(types([writer, committed(['read', 'x', []], ['read', 'y', []])])).toEqual([])
  expect(types([committed(['add', 'c', 'a'], ['add', 'c', 'b']), committed(['range', 'c', {}, ['b']])])).toEqual([
    'G-single',
  ])
})

test('G-single: a phantom in a range that was read, and none outside of it', () => {
  const adds = committed(['add', 'c', 'b2'], ['write', 'total', 1])
  const reader = (range: object) => committed(['range', 'c', range, []], ['read', 'total', 1])
  expect(types([adds, reader({ prefix: 'b' })])).toEqual(['G-single'])
  expect(types([adds, reader({ from: 'b2' })])).toEqual(['G-single'])
  expect(types([adds, reader({ prefix: 'a' })])).toEqual([])
  expect(types([adds, reader({ from: 'a', to: 'b2' })])).toEqual([])
})

test('lost update: somebody overwrote what it had not seen', () => {
  const lists = [committed(['read', 'x', []], ['append', 'x', 1]), committed(['read', 'x', []], ['append', 'x', 2])]
  expect(types(lists)).toEqual(['lost-update'])
  expect(types([...lists, committed(['read', 'x', [2, 1]])])).toEqual(['lost-update'])
  expect(models(lists)).toEqual([])
  expect(types([lists[0]!, committed(['read', 'x', [1]], ['append', 'x', 2])])).toEqual([])
  // Two that did not look cannot lose anything.
  expect(
    types([committed(['append', 'x', 1]), committed(['append', 'x', 2]), committed(['read', 'x', [1, 2]])]),
  ).toEqual([])

  const registers = [
    committed(['read', 'x', null], ['write', 'x', 1]),
    committed(['read', 'x', null], ['write', 'x', 2]),
  ]
  expect(types(registers)).toEqual(['lost-update'])
  expect(models(registers)).toEqual([])
  expect(types([registers[0]!, committed(['read', 'x', 1], ['write', 'x', 2])])).toEqual([])
  const blind = [registers[0]!, committed(['write', 'x', 2])]
  expect(types(blind, { versions: { x: [2, 1] } })).toEqual(['lost-update'])
  expect(types(blind, { versions: { x: [1, 2] } })).toEqual([])
  expect(checkHistory(registers).anomalies[0]!.explanation).toBe(
    'T2 read x = nothing and wrote 2, but T1 overwrote that with 1 too.',
  )
})

test('G2: write skew, which snapshot isolation allows', () => {
  const skew = [committed(['read', 'x', []], ['append', 'y', 1]), committed(['read', 'y', []], ['append', 'x', 1])]
  expect(types(skew)).toEqual(['G2'])
  expect(models(skew)).toEqual(['snapshot-isolation', 'session-snapshot-isolation', 'strong-snapshot-isolation'])
  expect(types([skew[0]!, committed(['read', 'y', [1]], ['append', 'x', 1])])).toEqual([])
})

test('G2: write skew over a predicate', () => {
  const book = (id: string, seen: string[]) =>
    committed(['range', 'seats', { prefix: 'r1/' }, seen], ['add', 'seats', id])
  expect(types([book('r1/a', []), book('r1/b', [])])).toEqual(['G2'])
  expect(types([book('r1/a', []), book('r1/b', ['r1/a'])])).toEqual([])
  expect(types([book('r1/a', []), book('r2/b', []), committed(['range', 'seats', {}, ['r1/a', 'r2/b']])])).toEqual([])
})

test('G-nonadjacent: two anti-dependencies that no snapshots explain', () => {
  // Each of two readers saw one of two independent writes and missed the other: a long fork.
  const fork = [
    committed(['append', 'x', 1]),
    committed(['append', 'y', 1]),
    committed(['read', 'x', [1]], ['read', 'y', []]),
    committed(['read', 'x', []], ['read', 'y', [1]]),
  ]
  expect(types(fork)).toEqual(['G-nonadjacent'])
  expect(models(fork)).toEqual([])
  expect(types([...fork.slice(0, 3), committed(['read', 'x', [1]], ['read', 'y', [1]])])).toEqual([])
})

test('duplicate elements and incompatible orders', () => {
  const writers = [committed(['append', 'x', 1]), committed(['append', 'x', 2])]
  expect(types([...writers, committed(['read', 'x', [1, 2, 1]])])).toContain('duplicate-elements')
  expect(types([...writers, committed(['read', 'x', [1, 2]]), committed(['read', 'x', [2]])])).toContain(
    'incompatible-orders',
  )
  expect(types([...writers, committed(['read', 'x', [1, 2]]), committed(['read', 'x', [2, 1]])])).toContain(
    'incompatible-orders',
  )
  expect(types([...writers, committed(['read', 'x', [1, 2]]), committed(['read', 'x', [1]])])).toEqual([])
})

test('internal: a transaction contradicts itself', () => {
  const other = committed(['append', 'x', 1])
  const internal = (...ops: readonly Op[]) => types([other, committed(['read', 'x', [1]]), committed(...ops)])
  expect(internal(['append', 'x', 2], ['read', 'x', [1]])).toEqual(['internal'])
  expect(internal(['append', 'x', 2], ['read', 'x', [2, 1]])).toContain('internal')
  expect(internal(['read', 'x', []], ['read', 'x', [1]])).toEqual(['internal'])
  expect(internal(['read', 'x', [1, 2]], ['append', 'x', 2])).toContain('internal')
  expect(internal(['read', 'x', [1]], ['append', 'x', 2], ['read', 'x', [1, 2]])).toEqual([])
  expect(internal(['append', 'x', 2], ['append', 'x', 3], ['read', 'x', [1, 2, 3]])).toEqual([])
  expect(internal(['read', 'r', null], ['write', 'r', 1], ['read', 'r', null])).toEqual(['internal'])
  expect(internal(['read', 'r', 1], ['write', 'r', 1])).toEqual(['internal'])
  expect(internal(['read', 'r', null], ['write', 'r', 1], ['read', 'r', 1])).toEqual([])
  expect(internal(['add', 'c', 'a'], ['range', 'c', {}, []])).toEqual(['internal'])
  expect(internal(['range', 'c', {}, ['a']], ['add', 'c', 'a'])).toEqual(['internal'])
  expect(internal(['range', 'c', { prefix: 'b' }, ['a']], ['add', 'c', 'a'])).toContain('internal')
  expect(internal(['range', 'c', {}, []], ['add', 'c', 'a'], ['range', 'c', { to: 'b' }, ['a']])).toEqual([])
  expect(
    types([
      committed(['add', 'c', 'a'], ['add', 'c', 'b']),
      committed(['range', 'c', { prefix: 'a' }, ['a']], ['range', 'c', {}, ['b']]),
    ]),
  ).toContain('internal')
})

test('unknown values: read and written by nobody', () => {
  expect(types([committed(['read', 'x', [7]])])).toEqual(['unknown-value'])
  expect(types([committed(['read', 'x', 7])])).toEqual(['unknown-value'])
  expect(types([committed(['range', 'c', {}, ['a']])])).toEqual(['unknown-value'])
})

test('real time: who began after another had completed comes after it', () => {
  const stale = (completed: number) => [
    during(1, completed, committed(['append', 'x', 1])),
    during(3, 4, committed(['read', 'x', []])),
  ]
  expect(types(stale(2), { realTime: true })).toEqual(['real-time'])
  expect(models(stale(2))).toEqual([
    'serializable',
    'session-serializable',
    'snapshot-isolation',
    'session-snapshot-isolation',
  ])
  expect(types(stale(2))).toEqual([])
  expect(types(stale(3), { realTime: true })).toEqual([])
  expect(checkHistory(stale(2), { realTime: true }).anomalies[0]!.explanation).toBe(
    'T1 had completed (at 2) when T2 was invoked (at 3), so T1 comes before T2; ' +
      'T2 read x = [], without the 1 that T1 appended, so T2 comes before T1.',
  )
})

test('real time across many transactions in between, and none for what never completed', () => {
  const between = Array.from({ length: 50 }, (_, n) => during(3 + 2 * n, 4 + 2 * n, committed(['append', 'y', n])))
  const stale = during(200, 201, committed(['read', 'x', []]))
  expect(types([during(1, 2, committed(['append', 'x', 1])), ...between, stale], { realTime: true })).toEqual([
    'real-time',
  ])
  const seenInfo = [
    { ...unknown(['append', 'x', 1]), invoked: 1 },
    ...between,
    stale,
    during(202, 203, committed(['read', 'x', [1]])),
  ]
  expect(types(seenInfo, { realTime: true })).toEqual([])
})

test('real time that only two anti-dependencies in a row violate leaves strong snapshots whole', () => {
  const history = [
    during(1, 10, committed(['read', 'y', []], ['append', 'x', 1])),
    during(2, 3, committed(['append', 'y', 1])),
    during(4, 5, committed(['read', 'x', []])),
  ]
  expect(types(history, { realTime: true })).toEqual(['G2-real-time'])
  expect(models(history)).toContain('strong-snapshot-isolation')
  expect(models(history)).not.toContain('strict-serializable')
})

test('sessions: a process keeps its own order', () => {
  const at = (moment: number, process: string, ...ops: readonly Op[]) =>
    by(process, during(moment, moment + 1, committed(...ops)))
  const forgets = [at(1, 'a', ['append', 'x', 1]), at(3, 'a', ['read', 'x', []])]
  expect(types(forgets, { sessions: true })).toEqual(['session'])
  expect(types(forgets)).toEqual([])
  expect(models(forgets)).toEqual(['serializable', 'snapshot-isolation'])
  const late = [at(1, 'a', ['append', 'x', 1]), at(3, 'b', ['read', 'x', []])]
  expect(types(late, { sessions: true })).toEqual([])
  const goesBack = [at(1, 'a', ['append', 'x', 1]), at(3, 'b', ['read', 'x', [1]]), at(5, 'b', ['read', 'x', []])]
  expect(types(goesBack, { sessions: true })).toEqual(['session'])
})

test('opacity: attempts that failed must have seen what could be', () => {
  const writer = committed(['append', 'x', 1], ['append', 'y', 1])
  const whole = committed(['read', 'x', [1]])
  const torn = failed(['read', 'x', [1]], ['read', 'y', []], ['append', 'x', 9])
  expect(types([writer, whole, torn])).toEqual([])
  expect(types([writer, whole, torn], { opacity: true })).toEqual(['G-single'])
  const fine = failed(['read', 'x', []], ['read', 'y', []], ['append', 'x', 9], ['read', 'x', [9]])
  expect(types([writer, whole, fine], { opacity: true })).toEqual([])
  expect(types([writer, whole, failed(['append', 'x', 9], ['read', 'x', [1]])], { opacity: true })).toEqual([
    'internal',
  ])
})

test('an unknown outcome counts when somebody who committed has read it, through others too', () => {
  const chain = [
    unknown(['append', 'x', 1]),
    unknown(['read', 'x', [1]], ['append', 'y', 1]),
    committed(['read', 'y', [1]]),
  ]
  expect(checkHistory(chain).counts).toMatchObject({ committed: 3, unknown: 0 })
  expect(types([...chain, committed(['read', 'x', []], ['read', 'y', [1]])])).toEqual(['G-single'])
  const unread = [
    unknown(['append', 'x', 1]),
    committed(['append', 'y', 1]),
    committed(['read', 'y', [1]], ['read', 'x', []]),
  ]
  expect(checkHistory(unread)).toMatchObject({ anomalies: [], counts: { committed: 2, unknown: 1 } })
})

test('only the first ten of a type are told, and all are counted', () => {
  const history = Array.from({ length: 30 }, (_, n) => [
    failed(['append', `x${n}`, 1]),
    committed(['read', `x${n}`, [1]]),
  ]).flat()
  const { anomalies, counts } = checkHistory(history)
  expect(anomalies).toHaveLength(10)
  expect(counts.anomalies).toEqual({ G1a: 30 })
})

test('a history that nobody can have recorded is refused', () => {
  const refused = (text: string) =>
    expect.objectContaining({ code: 'malformed-history', message: expect.stringContaining(text) })
  expect(() => checkHistory([committed(['append', 'x', 1]), failed(['append', 'x', 1])])).toThrow(
    refused('written to x twice'),
  )
  expect(() => checkHistory([during(3, 2, committed())])).toThrow(refused('completed at 2'))
  expect(() => checkHistory([{ ...committed(), completed: undefined }])).toThrow(refused('no time of completion'))
  expect(() => checkHistory([by('a', committed()), by('a', committed())])).toThrow(refused('overlap in process a'))
  expect(() =>
    checkHistory([
      { ...committed(), id: 'A' },
      { ...committed(), id: 'A' },
    ]),
  ).toThrow(refused('called A'))
  expect(() => checkHistory([committed(['append', 'x', 1]), committed(['read', 'x', 1])])).toThrow(
    refused('uses x as a register'),
  )
  expect(() => checkRegisters([committed(['write', 'x', 1]), committed(['write', 'x', 2])])).toThrow(
    refused('without reading x before'),
  )
  expect(() => checkRegisters([committed(['write', 'x', 1])], { versions: { x: [2] } })).toThrow(
    refused('not in the order supplied'),
  )
})

test('long histories: a chain of twelve thousand transactions, longer than any call stack is deep', () => {
  const chain = (length: number): History =>
    Array.from({ length }, (_, n) =>
      during(2 * n, 2 * n + 1, committed(['read', 'x', n === 0 ? null : n], ['write', 'x', n + 1])),
    )
  expect(checkHistory(chain(12_000), { realTime: true }).anomalies).toEqual([])
  const stale = during(200_000, 200_001, committed(['read', 'x', 1]))
  expect(types([...chain(2_000), stale], { realTime: true })).toEqual(['real-time'])
})
