import {
  cellsOfRows,
  createMemory,
  emptyBasis,
  type DistilledRows,
  type Memory,
  type Op,
  type Snapshot,
} from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { collection } from '../src/index.ts'
import { canonical } from './replica.ts'

const isLong = process.env['SYNCLINE_LONG'] === '1'

const cards = collection('cards', { title: '', votes: 0 })
const others = collection('cards', { title: 'none' })
const everyId = Array.from({ length: 24 }, (_, i) => `card ${i}`)
/** Nobody here could make members of these; the last two would be a whole character beside each other. */
const noIds = ['card\u0007', 'card \ud83d', '\udc00']
const stampAt = (at: number) => ({ at, writer: '0a' })

/** Rows as a checkpoint has them: mostly ascending, and never with one twice; beside them such as only damage or others bring. */
const blocks: fc.Arbitrary<readonly DistilledRows[]> = fc
  .tuple(
    fc.oneof(
      { weight: 3, arbitrary: fc.subarray(everyId.toSorted()) },
      { weight: 1, arbitrary: fc.subarray([...everyId, ...noIds].toSorted()) },
      {
        weight: 1,
        arbitrary: fc.array(fc.constantFrom(...everyId, ...noIds, ''), { maxLength: 16 }),
      },
    ),
    fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
    fc.boolean(),
  )
  .map(([ids, lengths, isEdited]) => {
    const found: DistilledRows[] = []
    for (let at = 0, i = 0; at < ids.length; i++) {
      const some = ids.slice(at, (at += lengths[i % lengths.length]!))
      const isTwice = isEdited && i % 2 === 0
      const like = isTwice
        ? [
            [1, 1, 0, 'title', null],
            [2, 1, 0, 'votes', null],
          ]
        : [[1, 1, 0, 'title', null, 0, 'votes', null]]
      found.push({
        tag: 'record',
        arbiter: 'local',
        prefix: 'cards/',
        ids: some,
        like,
        stamps: like.map((_, op) => some.map((_id, row) => stampAt(1 + i * 10 + row + op * 5))),
        columns: [some.map((id) => `Of ${id}`), some.map((_, row) => row)],
      })
    }
    return found
  })

type Step =
  | readonly ['create' | 'patch' | 'delete' | 'get' | 'has', string]
  | readonly ['items' | 'ids' | 'hold' | 'ready' | 'distil' | 'others', string]

const step: fc.Arbitrary<Step> = fc.tuple(
  fc.constantFrom('create', 'patch', 'delete', 'get', 'has', 'items', 'ids', 'hold', 'ready', 'distil', 'others'),
  fc.constantFrom(...everyId),
) as fc.Arbitrary<Step>

/** A memory, and the Snapshots of it that somebody holds. */
class Reader {
  readonly memory: Memory = createMemory()
  readonly held: Snapshot[] = []
  #at = 1_000

  do([what, id]: Step): unknown {
    const { memory } = this
    const card = cards.at(id)
    const { snapshot } = memory
    switch (what) {
      case 'create':
        return this.#apply(id, [1, 3, 0, 'title', 'New', 0, 'votes', 1])
      case 'patch':
        return this.#apply(id, [2, 1, 0, 'votes', this.#at])
      case 'delete':
        return this.#apply(id, [3, 1])
      case 'get':
        return snapshot.get(card)
      case 'has':
        return canonical(memory.state(card.key))
      case 'items':
        return [...snapshot.items(cards)]
      case 'ids':
        return snapshot.get(cards)
      case 'others':
        return [...snapshot.items(others)]
      case 'hold':
        this.held.push(snapshot)
        return undefined
      case 'ready':
        for (const _ of memory.ready(cards));
        return undefined
      case 'distil': {
        const cells = [...memory.distilled({ inPlaceOf: new Map(), counts: () => true })!]
        // In what order they come is nobody's business.
        return new Set(cells.map((cell) => canonical(cell)))
      }
    }
  }

  #apply(id: string, payload: Op['payload']): unknown {
    const op: Op = { tag: 'record', address: `cards/${id}`, arbiter: 'local', payload }
    return [...this.memory.apply([op], stampAt((this.#at += 1)), emptyBasis).keys()].sort()
  }
}

test('[DS3] [SN12] who has rows has what the cells of them make, whatever is read and written afterwards, at every version', () => {
  let [laid, read] = [0, 0]
  fc.assert(
    fc.property(blocks, fc.array(step, { maxLength: 20 }), fc.boolean(), (all, steps, isExpected) => {
      const [rows, cells] = [new Reader(), new Reader()]
      for (const { memory } of [rows, cells]) memory.adopt(cards.policy)
      if (isExpected) rows.memory.expect(cards)
      for (const block of all) {
        expect(rows.memory.layRows(block)).toBe(true)
        expect(cells.memory.lay(cellsOfRows(block))).toBe(true)
        laid += block.ids.length
      }
      for (const one of steps) expect(rows.do(one)).toEqual(cells.do(one))
      for (const reader of [rows, cells]) reader.held.push(reader.memory.snapshot)
      for (const [i, then] of rows.held.entries()) {
        const same = cells.held[i]!
        expect([...then.items(cards)]).toEqual([...same.items(cards)])
        for (const [id, value] of then.items(cards)) {
          expect(then.get(cards.at(id))).toBe(value)
          read += 1
        }
        for (const id of everyId) expect(then.get(cards.at(id))).toEqual(same.get(cards.at(id)))
      }
    }),
    { seed: 20_264, numRuns: isLong ? 20_000 : 200 },
  )
  expect(laid).toBeGreaterThan(1_000)
  expect(read).toBeGreaterThan(1_000)
})

test('[DS3] the members of a collection that was asked for are distilled in the order of their ids', () => {
  for (const isLaid of [false, true]) {
    const { memory } = new Reader()
    memory.adopt(cards.policy)
    const ids = ['b', 'd', 'a', 'c', 'e']
    const born = (id: string): Op => ({
      tag: 'record',
      address: `cards/${id}`,
      arbiter: 'local',
      payload: [1, 1, 0, 'title', id],
    })
    if (isLaid) {
      const like = [[1, 1, 0, 'title', null]]
      const rows = { tag: 'record', arbiter: 'local', prefix: 'cards/', ids: ['a', 'c', 'd'], like } as const
      memory.layRows({ ...rows, stamps: [[1, 2, 3].map(stampAt)], columns: [['a', 'c', 'd']] })
    }
    memory.apply(ids.map(born), stampAt(9), emptyBasis)
    memory.apply([{ ...born('d'), payload: [3, 1] }], stampAt(10), emptyBasis)
    expect(memory.snapshot.get(cards)).toEqual(['a', 'b', 'c', 'e'])
    const cells = [...memory.distilled({ inPlaceOf: new Map(), counts: () => true })!]
    // What is no member any more comes after them.
    expect(cells.map(({ address }) => address)).toEqual(['a', 'b', 'c', 'e', 'd'].map((id) => `cards/${id}`))
  }
})

test('[CO9] a row that is read while its collection is made ready is a member once', () => {
  const { memory } = new Reader()
  memory.expect(cards)
  const ids = Array.from({ length: 500 }, (_, i) => `card ${10_000 + i}`)
  const like = [[1, 1, 0, 'title', null]]
  const rows = { tag: 'record', arbiter: 'local', prefix: 'cards/', ids, like } as const
  memory.layRows({ ...rows, stamps: [ids.map(() => stampAt(1))], columns: [ids] })
  // These come in the wrong order, so they have cells.
  const more = Array.from({ length: 3_000 }, (_, i) => `card ${30_000 - i}`)
  memory.layRows({ ...rows, ids: more, stamps: [more.map(() => stampAt(1))], columns: [more] })
  let steps = 0
  for (const _ of memory.ready(cards)) if (steps++ === 0) memory.snapshot.get(cards.at(ids[7]!))
  expect(steps).toBeGreaterThan(0)
  expect(memory.snapshot.get(cards)).toEqual([...ids, ...more.toSorted()])
})
