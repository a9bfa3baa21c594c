import { createMemory, draft, emptyBasis, sealPure, type Tx } from '@syncline/stm'
import { expect, test } from 'vitest'
import { collection, count, counter, lww, optional, place, record } from '../src/index.ts'

function replica() {
  const memory = createMemory()
  let at = 0
  return {
    memory,
    transact(body: (tx: Tx) => void) {
      const stamp = { at: (at += 1), writer: 'w'.repeat(32) }
      const context = { stamp, seed: `seed${at}` }
      const ops = sealPure(draft(memory, body, context).writes, context)
      memory.apply(ops, stamp, emptyBasis)
      return ops
    },
  }
}

test('registers, counters, records and collections work in a memory', () => {
  const { memory, transact } = replica()
  const title = lww('title', '')
  const votes = counter('votes')
  const settings = record('settings', { theme: 'light', starts: count(), last: optional<string>() })
  const cards = collection('cards', { title: '', at: place() })
  transact((tx) => {
    tx.set(title, 'hello')
    tx.add(votes, 2)
    tx.patch(settings, { theme: 'dark' })
    tx.add(settings, 3, 'starts')
    tx.create(cards.at('a'), { title: 'A' })
    tx.create(cards.at('b'), { title: 'B' })
  })
  const { snapshot } = memory
  expect(snapshot.get(title)).toBe('hello')
  expect(snapshot.get(votes)).toBe(2)
  expect(snapshot.get(settings)).toEqual({ theme: 'dark', starts: 3 })
  expect(snapshot.get(cards)).toEqual(['a', 'b'])
  expect(snapshot.get(cards.at('a'))).toEqual({ title: 'A' })
})
