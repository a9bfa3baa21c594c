import { counter, lww } from '@syncline/merge'
import { expect, test } from 'vitest'
import { memoryStorage, openStore, type StoreOptions } from '../src/index.ts'
import { collect, living } from './living.ts'

const title = lww('title', '')
const clicks = counter('clicks', { arbiter: 'browser' })

/** How many of a hundred Changes are still kept when nobody holds them. */
async function keptOf(options: Partial<StoreOptions>): Promise<number> {
  const store = await openStore({ space: 'board', ...options })
  const changes: WeakRef<object>[] = []
  for (let i = 0; i < 100; i++) {
    const { change } = store.transact((tx) => tx.set(title, `title ${i}`), { undo: false })
    changes.push(new WeakRef(change!))
  }
  await collect()
  const kept = living(changes)
  expect(store.status.pending).toBe(100)
  await store.close()
  return kept
}

test('[ST13] a store that is alone keeps no Change; one with a storage keeps what is pending', async () => {
  expect(await keptOf({})).toBeLessThan(5)
  expect(await keptOf({ storage: memoryStorage() })).toBe(100)
})

test('[ST13] in a store that is alone what is written for others is pending all the same, up to the end', async () => {
  const store = await openStore({ space: 'board' })
  await store.synced()
  const first = store.transact((tx) => tx.set(title, 'one'))
  const last = store.transact((tx) => tx.set(title, 'two'))
  const own = await store.transactAsync((tx) => tx.add(clicks, 1), { arbiter: 'browser' })
  await own.synced()
  expect(store.status).toMatchObject({ pending: 2, saved: 'memory' })
  const gone = new AbortController()
  const outcomes = Promise.allSettled([
    first.synced({ signal: gone.signal }),
    last.synced(),
    store.synced(),
    store.synced({ signal: gone.signal }),
  ])
  gone.abort(new Error('gone'))
  await store.close()
  const why = (await outcomes).map((one) => one.status === 'rejected' && String(one.reason))
  const closed: unknown = expect.stringContaining('closed')
  expect(why).toEqual(['Error: gone', closed, closed, 'Error: gone'])
  await expect(last.synced()).rejects.toMatchObject({ code: 'closed' })
})
