import { expect, test } from 'vitest'
import { bringBack, portionOf, portionOfOp, sendAway, type States } from '../src/away.ts'
import type { CellKey, Readable } from '../src/ref.ts'
import { cardsNamed, register, tally } from './policies.ts'
import { replica, thrownBy } from './replica.ts'

const title = register('title', '')
const votes = tally('votes')
const cards = cardsNamed('cards')
const others = cardsNamed('others')

/** A replica with something everywhere. */
function filled() {
  const one = replica()
  one.transact((tx) => {
    tx.set(title, 'Plan')
    tx.add(votes, 3)
    for (const id of ['a', 'b', 'c']) tx.create(cards.at(id), { title: `card ${id}` })
    tx.create(others.at('x'), { title: 'other' })
    tx.move(cards.at('b'), cards.list('todo'), 0)
  })
  return one
}

/** What is in the memory under these prefixes. */
function cellsIn({ memory }: ReturnType<typeof replica>, portion: string): States {
  return memory.inside(({ versions }) => {
    const states = new Map<CellKey, unknown>()
    for (const { key, state } of versions.cells) if (key.startsWith(portion)) states.set(key, state)
    return states
  })
}

const cardsAway = portionOf(cards)

test('[SN22] a portion is a collection with all its members, or a ref that is in none', () => {
  expect([portionOf(cards.at('a')), portionOf(cards.list('todo'))]).toEqual([cardsAway, cardsAway])
  expect(portionOfOp({ tag: cards.policy.tag, address: 'cards/a/b', arbiter: 'local' })).toBe(cardsAway)
  expect(portionOf(others)).not.toBe(cardsAway)
  expect(portionOf(title)).toBe(title.key)
  expect(portionOfOp({ tag: 'x', address: 'title', arbiter: 'relay' })).toBe('x@relay title')
})

test('[SN22] what was sent away takes no memory and is refused everywhere; all else is as it was', () => {
  const one = filled()
  const { memory } = one
  const before = memory.snapshot
  expect([before.get(cards), before.get(cards.list('todo'))]).toEqual([['a', 'b', 'c'], ['b']])
  const { size } = cellsIn(one, '')
  for (const portion of [cardsAway, title.key]) sendAway(memory, portion)
  expect(cellsIn(one, cardsAway).size).toBe(0)
  // Three members, what is sorted of them twice, and the title.
  expect(cellsIn(one, '').size).toBe(size - 6)

  const reads: readonly Readable<unknown>[] = [title, cards, cards.at('a'), cards.at('nobody'), cards.list('todo')]
  for (const snapshot of [before, memory.snapshot]) {
    for (const readable of reads) {
      expect(thrownBy(() => snapshot.get(readable))).toMatchObject({ code: 'not-loaded', refs: [portionOf(readable)] })
    }
    expect(thrownBy(() => [...snapshot.items(cards)]).code).toBe('not-loaded')
    expect([snapshot.get(votes), snapshot.get(others)]).toEqual([3, ['x']])
  }
  const { basis } = memory.snapshot
  const bodies: readonly Parameters<typeof one.transact>[0][] = [
    (tx) => tx.set(title, 'never'),
    (tx) => tx.create(cards.at('new'), { title: '' }),
    (tx) => tx.delete(cards.at('a')),
    (tx) => tx.move(cards.at('a'), cards.list('todo'), 0),
  ]
  for (const body of bodies) {
    const all = (): unknown => one.transact((tx) => (tx.add(votes, 1), body(tx)))
    expect(thrownBy(all).code).toBe('not-loaded')
  }
  expect([memory.snapshot.basis, memory.snapshot.get(votes)]).toEqual([basis, 3])
  one.transact((tx) => tx.create(others.at('y'), { title: '' }))
  expect(memory.snapshot.get(others)).toEqual(['x', 'y'])
})

test('[SN22] brought back it reads from the newest version on, and older Snapshots refuse it', () => {
  const one = filled()
  const { memory } = one
  const first = memory.snapshot
  first.get(cards)
  const states = cellsIn(one, cardsAway)
  sendAway(memory, cardsAway)
  one.transact((tx) => tx.add(votes, 1))
  const { snapshot } = memory
  // One was deleted meanwhile.
  states.delete(cards.at('c').key)
  bringBack(memory, cardsAway, states)
  expect(memory.snapshot).toBe(snapshot)
  for (const now of [snapshot, memory.snapshot]) {
    expect([now.get(cards), now.get(cards.list('todo')), now.get(cards.at('a'))?.title]).toEqual([
      ['a', 'b'],
      ['b'],
      'card a',
    ])
  }
  const old: readonly Readable<unknown>[] = [
    cards,
    cards.at('a'),
    cards.at('c'),
    cards.at('nobody'),
    cards.list('todo'),
  ]
  for (const readable of old) expect(thrownBy(() => first.get(readable)).code).toBe('not-loaded')
  expect([first.get(votes), first.get(others), first.get(title)]).toEqual([3, ['x'], 'Plan'])

  // It is written as ever, and from here on each version keeps what it had.
  const changed = one.transact((tx) => (tx.delete(cards.at('a')), tx.create(cards.at('d'), { title: 'd' }))).changed
  expect(changed).toContain(cards.key)
  expect(memory.snapshot.get(cards)).toEqual(['b', 'd'])
  expect([snapshot.get(cards), snapshot.get(cards.at('a'))?.title, snapshot.get(cards.at('d'))]).toEqual([
    ['a', 'b'],
    'card a',
    undefined,
  ])
  for (const readable of old) expect(thrownBy(() => first.get(readable)).code).toBe('not-loaded')

  // Once more, and one that is alone.
  sendAway(memory, cardsAway)
  sendAway(memory, votes.key)
  expect(thrownBy(() => snapshot.get(cards.at('a'))).code).toBe('not-loaded')
  bringBack(memory, votes.key, new Map())
  bringBack(memory, cardsAway, new Map())
  expect([memory.snapshot.get(cards), memory.snapshot.get(votes)]).toEqual([[], 0])
  expect(thrownBy(() => snapshot.get(votes)).code).toBe('not-loaded')
})

test('[SN22] what is brought back when its policy has just become known reads from the version that is shown on, and older ones refuse it', () => {
  const one = replica()
  const { memory } = one
  sendAway(memory, cardsAway)
  const { tag } = cards.policy
  const first = memory.snapshot
  expect(first.get(title)).toBe('')
  // What nobody here can read yet.
  const { ops } = filled().transact((tx) => tx.create(others.at('y'), { title: 'other' }))
  for (const { address, payload } of ops) one.receive(tag, address, payload)
  const shown = memory.snapshot
  memory.adopt(cards.policy)
  bringBack(memory, cardsAway, cellsIn(filled(), cardsAway))
  expect(memory.snapshot).toBe(shown)
  expect([shown.get(cards), shown.get(cards.at('a'))?.title, shown.get(others)]).toEqual([
    ['a', 'b', 'c'],
    'card a',
    ['y'],
  ])
  expect(thrownBy(() => first.get(cards)).code).toBe('not-loaded')
  expect(first.get(others)).toEqual([])
  one.transact((tx) => tx.delete(cards.at('a')))
  expect([shown.get(cards), memory.snapshot.get(cards)]).toEqual([
    ['a', 'b', 'c'],
    ['b', 'c'],
  ])
})
