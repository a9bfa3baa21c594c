import { collection, place } from '@syncline/merge'
import { expect, test } from 'vitest'
import { openStore } from '../src/index.ts'

const cards = collection('cards', { place: place() })

test('10,000 inserts into ever the same gap keep their order and short keys', async () => {
  const store = await openStore({ space: 'board' })
  const list = cards.list('todo')
  let longest = 0
  for (let start = 0; start < 10_000; start += 500) {
    store.transact((tx) => {
      for (let i = start; i < start + 500; i++) {
        const card = cards.at(`c${i}`)
        tx.create(card, {})
        // Always between the last two: the gap halves each time.
        tx.move(card, list, Math.max(0, i - 1))
      }
    })
  }
  const ids = store.get(list)
  expect(ids).toHaveLength(10_000)
  expect(new Set(ids).size).toBe(10_000)
  expect([ids[0], ids[1], ids[2], ids.at(-1)]).toEqual(['c1', 'c2', 'c3', 'c0'])
  for (const id of ids) longest = Math.max(longest, store.get(cards.at(id))!.place!.key.length)
  expect(longest).toBeLessThan(128)
  await store.close()
})
