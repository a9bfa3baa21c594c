import { counter, lww } from '@syncline/merge'
import { openStore, type Store } from '@syncline/store'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { watched } from '../src/source.ts'

const savings = counter('savings')
const broken = lww('broken', false)
let store: Store

beforeEach(async () => {
  store = await openStore({ space: 'sources' })
})
afterEach(() => store.close())

test('a selector is subscribed to what it reads from the start, before anybody asks again', () => {
  const source = watched(store, (snapshot) => snapshot.get(savings))
  const onChange = vi.fn<() => void>()
  const unsubscribe = source.subscribe(onChange)
  store.transact((tx) => tx.add(savings, 1))
  expect(onChange).toHaveBeenCalledTimes(1)
  expect(source.read()).toBe(1)
  unsubscribe()
  store.transact((tx) => tx.add(savings, 1))
  expect(onChange).toHaveBeenCalledTimes(1)
  // Without a subscription it still reads what is there now.
  expect(source.read()).toBe(2)
})

test('a selector that throws when it is subscribed to leaves nothing behind', () => {
  const source = watched(store, (snapshot) => {
    if (snapshot.get(broken)) throw new Error('Broken.')
  })
  source.read()
  store.transact((tx) => tx.set(broken, true))
  const onChange = vi.fn<() => void>()
  expect(() => source.subscribe(onChange)).toThrow('Broken.')
  store.transact((tx) => tx.set(broken, false))
  expect(onChange).toHaveBeenCalledTimes(0)
})
