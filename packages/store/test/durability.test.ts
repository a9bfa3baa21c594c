import { counter, lww } from '@syncline/merge'
import { expect, test } from 'vitest'
import { memoryStorage, openStore, type Store } from '../src/index.ts'
import { withLog } from './with-log.ts'

const title = lww('title', '')
const votes = counter('votes')
const draft = lww('draft', '', { arbiter: 'browser' })

const strict = { durability: 'strict' } as const
const browser = { arbiter: 'browser' } as const

/** How what is done in a task of a new store is appended, entry by entry. */
async function appended(work: (store: Store) => unknown): Promise<readonly unknown[]> {
  const durabilities: unknown[] = []
  const storage = withLog(memoryStorage(), (log) => ({
    append(entry, options) {
      durabilities.push(options?.durability)
      return log.append(entry, options)
    },
  }))
  const store = await openStore({ space: 'board', storage })
  await work(store)
  await store.close()
  return durabilities
}

test('[ST51] a transaction that asks for it is appended strict, and no other', async () => {
  expect(await appended((store) => store.transact((tx) => tx.add(votes, 1)).durable())).toEqual(['relaxed'])
  expect(await appended((store) => store.transact((tx) => tx.add(votes, 1), strict).durable())).toEqual(['strict'])
  const both = async (store: Store): Promise<void> => {
    await store.transact((tx) => tx.add(votes, 1), strict).durable()
    await store.transact((tx) => tx.add(votes, 1)).durable()
  }
  expect(await appended(both)).toEqual(['strict', 'relaxed'])
})

test.each([
  ['first', strict, {}],
  ['second', {}, strict],
])('[ST51] of two in one entry the %s asks for it: the entry is strict', async (_, first, second) => {
  const work = (store: Store): Promise<void> => {
    store.transact((tx) => tx.add(votes, 1), first)
    return store.transact((tx) => tx.set(title, 'two'), second).durable()
  }
  expect(await appended(work)).toEqual(['strict'])
})

test('[ST51] what the browser decides about is appended strict where that is asked for, alone or with others', async () => {
  const write = (store: Store, options = {}): Promise<unknown> =>
    store.transactAsync((tx) => tx.set(draft, 'mine'), { ...browser, ...options })
  expect(await appended((store) => write(store))).toEqual(['relaxed'])
  expect(await appended((store) => write(store, strict))).toEqual(['strict'])
  const durabilities = await appended((store) => Promise.all([write(store, strict), write(store)]))
  expect(durabilities[0]).toBe('strict')
})
