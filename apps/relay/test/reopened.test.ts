import { createServer } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { queryObjects } from 'node:v8'
import { counter, lww } from '@syncline/merge'
import { createRelay } from '@syncline/relay'
import { openLmdbStorage } from '@syncline/relay/lmdb'
import { attachRelay, listen } from '@syncline/relay/node'
import { everything, memoryStorage, openStore, type Store } from '@syncline/store'
import { websocket } from '@syncline/websocket'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { heldBytes } from './held.ts'
import { temporaryFolder } from './launch.ts'

const isLong = process.env.SYNCLINE_LONG === '1'

/** So many are looked at by themselves. */
const WATCHED = 60

const title = lww('title', '')
const visits = counter('visits')

/** What is there in the long run: objects, and what they and their buffers take. To count them takes seconds. */
async function held(): Promise<Held> {
  const bytes = await heldBytes()
  return { bytes, objects: queryObjects(Object, { format: 'count' }) }
}

interface Held {
  readonly objects: number
  readonly bytes: number
}

/** An open one is 1,200 objects of 108 kB. Code comes, and goes, in some of the turns; what a store leaves behind is there after each. */
function expectNoGrowth(more: readonly Held[]): void {
  expect(Math.min(...more.map(({ objects }) => objects))).toBeLessThan(0.5)
  expect(more.map(({ bytes }) => bytes).sort((a, b) => a - b)[Math.floor(more.length / 2)]).toBeLessThan(1_000)
}

test('a store that was opened, used and closed leaves nothing in the memory of its page, nor of its relay', async () => {
  const [spaces, atATime] = [50, 10]
  const relay = createRelay({ storage: await openLmdbStorage(temporaryFolder()) })
  const server = createServer()
  const attached = attachRelay(server, relay)
  const { port } = await listen(server, 0, '127.0.0.1')
  const url = `ws://127.0.0.1:${port}/sync`
  const errors: unknown[] = []
  let opened = 0
  const stores: WeakRef<Store>[] = []

  async function openAndClose(): Promise<void> {
    const number = ++opened
    const store = await openStore({
      space: `space ${number % spaces}`,
      storage: memoryStorage(),
      transport: websocket(url, { WebSocket }),
      onError: (error) => errors.push(error),
    })
    // Of those that are counted nothing is kept, also no reference that holds nothing.
    if (number <= WATCHED) stores.push(new WeakRef(store))
    // Who closes a store need not have ended what watches it.
    let told = 0
    store.changes(title, () => (told += 1))
    store.changes(everything, () => (told += 1), { every: 10 })
    store.onStatus(() => (told += 1))
    store.transact((tx) => {
      tx.set(title, `title ${number}`)
      tx.add(visits, 1)
    })
    store.undo()
    store.transact((tx) => tx.add(visits, 1))
    // Some leave with something on its way.
    if (number % 3 !== 0) await store.synced()
    await store.close()
    expect(told).toBeGreaterThan(0)
  }

  /** What is there when so many more were opened and closed. */
  async function reopen(times: number): Promise<void> {
    const until = opened + times
    await Promise.all(
      Array.from({ length: atATime }, async () => {
        while (opened < until) await openAndClose()
      }),
    )
    for (let turn = 0; turn < 1000 && relay.load.sessions > 0; turn++) await nextTurn()
    expect(relay.load).toEqual({ sessions: 0, rooms: 0 })
  }

  /** By how much each one more lets what is there grow. */
  async function growth(): Promise<readonly Held[]> {
    const [turns, turnOf] = [5, 200]
    const more: Held[] = []
    let before = await held()
    for (let turn = 0; turn < turns; turn++) {
      await reopen(turnOf)
      const after = await held()
      more.push({ objects: (after.objects - before.objects) / turnOf, bytes: (after.bytes - before.bytes) / turnOf })
      before = after
    }
    return more
  }

  await reopen(isLong ? 800 : WATCHED)
  // Nothing holds one of them any more, but perhaps what was on the stack last.
  await heldBytes()
  expect(stores.filter((store) => store.deref() !== undefined).length).toBeLessThanOrEqual(atATime)
  expect(stores.length).toBeGreaterThan(5 * atATime)
  // Code is compiled, and what is kept for all is there.
  if (isLong) expectNoGrowth(await growth())
  expect(errors).toEqual([])
  await attached.close()
  await new Promise((resolve) => server.close(resolve))
  await relay.close()
}, 300_000)
