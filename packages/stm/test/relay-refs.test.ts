import { expect, test } from 'vitest'
import { emptyBasis, type Op } from '../src/change.ts'
import { createMemory } from '../src/memory-of-refs.ts'
import { listKey, makeRef, membersKey, type AnyCollection, type AnyList, type Ref } from '../src/ref.ts'
import { watchKey } from '../src/watch.ts'
import { cardsNamed, register } from './policies.ts'

const local = register('seat', '')
const decided: Ref<string, { set: string }, 'relay'> = makeRef(local.policy, 'seat', '', { arbiter: 'relay' })

function set(value: string, arbiter: 'local' | 'relay'): Op {
  return { tag: 'register', address: 'seat', arbiter, payload: [value] }
}

function at(relaySeq: number): typeof emptyBasis {
  return { ...emptyBasis, relaySeq }
}

test('[RF1] a relay ref is another one than the local ref of the same name', () => {
  expect(decided.key).not.toBe(local.key)
  const memory = createMemory()
  memory.adopt(local.policy)
  memory.apply([set('mine', 'local')], { at: 9, writer: 'w1' }, at(0))
  expect([memory.snapshot.get(local), memory.snapshot.get(decided)]).toEqual(['mine', ''])
  const changed = memory.apply([set('theirs', 'relay')], { at: 1, writer: 'w2' }, at(1))
  expect([...changed]).toEqual([decided.key])
  expect([memory.snapshot.get(local), memory.snapshot.get(decided)]).toEqual(['mine', 'theirs'])
})

test('[RF5] operations on relay refs apply in the order of the log, also those that wait for their policy', () => {
  const told: readonly (readonly [string, number])[] = [
    ['first', 900],
    ['second', 5],
    ['third', 700],
  ]
  for (const isLate of [false, true]) {
    const memory = createMemory()
    if (!isLate) memory.adopt(local.policy)
    const seen = told.map(([value, clock], i) => {
      memory.apply([set(value, 'relay')], { at: clock, writer: `w${i}` }, at(i + 1))
      return memory.snapshot
    })
    expect(seen.map((snapshot) => snapshot.get(decided))).toEqual(['first', 'second', 'third'])
  }
})

test('[RF5] a collection of relay refs has the members that its own operations made, and keeps up with them', () => {
  const plain = cardsNamed('cards')
  const options = { arbiter: 'relay' } as const
  const cards: AnyCollection = { ...plain, options, key: membersKey('card', 'cards', 'relay') }
  const todo: AnyList = {
    ...plain.list('todo'),
    collection: cards,
    key: listKey('card', 'cards', 'at', 'todo', 'relay'),
  }
  const memory = createMemory()
  memory.adopt(plain.policy)
  const [op] = memberOps(memory)
  memory.apply([op('a', 'local')], { at: 1, writer: 'w1' }, at(1))
  expect([memory.snapshot.get(plain), memory.snapshot.get(cards), memory.snapshot.get(todo)]).toEqual([['a'], [], []])
  const changed = memory.apply([op('b', 'relay')], { at: 1, writer: 'w2' }, at(2))
  expect(new Set(changed)).toEqual(new Set([`card@relay cards/b`, watchKey(cards), watchKey(todo)]))
  expect([memory.snapshot.get(plain), memory.snapshot.get(cards), memory.snapshot.get(todo)]).toEqual([
    ['a'],
    ['b'],
    ['b'],
  ])
  expect([cards.key, todo.key]).toEqual([watchKey(cards), watchKey(todo)])

  /** Operations that make a member of each name, placed in the list: found by making one. */
  function memberOps(of: typeof memory): [(id: string, arbiter: 'local' | 'relay') => Op] {
    const { policy } = plain
    const context = { stamp: { at: 1, writer: 'w' }, seed: 's' }
    const ref = plain.at('x')
    let draft = policy.draft(of.state(ref.key), ref)
    draft = policy.edit(draft, { kind: 'create', value: { title: 'x' } }, ref, context)
    draft = policy.edit(draft, { kind: 'patch', fields: { at: { parent: 'todo', key: 'mmm' } } }, ref, context)
    const payload = policy.finish(draft, ref, context)!
    return [(id, arbiter) => ({ tag: 'card', address: `cards/${id}`, arbiter, payload })]
  }
})
