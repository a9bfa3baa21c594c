import { counter, lww } from '@syncline/merge'
import { expect, test } from 'vitest'
import {
  memoryStorage,
  openStore,
  StoreError,
  type Persistence,
  type Status,
  type Storage,
  type Store,
} from '../src/index.ts'
import { withLog } from './with-log.ts'
import { brittleStorage, createWorld, passing, settle, virtualClock } from './world.ts'

const votes = counter('votes')

/** Every state that listeners were told of, without repeats. */
function statesOf(store: Pick<Store, 'onStatus'>): string[] {
  const states: string[] = []
  store.onStatus(({ storage }: Status) => {
    if (states.at(-1) !== storage) states.push(storage)
  })
  return states
}

for (const [code, state] of [
  ['storage-full', 'quota'],
  ['storage-lost', 'lost'],
  ['storage-blocked', 'blocked'],
  ['storage-failed', 'degraded'],
] as const) {
  test(`[SS1] a storage that refuses with ${code} is ${state}; the tab goes on by itself, and all is stored in the end`, async () => {
    const world = await createWorld(6)
    const base = memoryStorage()
    let refusal: StoreError | undefined
    const elected = await world.open({ storage: base, transport: world.wire() })
    const store = await world.open({ storage: brittleStorage(base, () => refusal), transport: world.wire() })
    await world.clock.pass(500)
    const states = statesOf(store)
    refusal = new StoreError(code, 'Not now.')
    const receipt = store.transact((tx) => tx.add(votes, 1))
    await expect(receipt.durable()).rejects.toBe(refusal)
    expect(store.status).toMatchObject({ storage: state, storageError: refusal, saved: 'memory', unsaved: 1 })
    await world.clock.pass(500)
    await receipt.synced()
    expect(elected.get(votes)).toBe(1)
    // Not on this device, but safe.
    expect(store.status).toMatchObject({ storage: state, saved: 'relay', unsaved: 1 })
    refusal = undefined
    await world.clock.pass(2000)
    expect(store.status).toMatchObject({ storage: 'ok', storageError: undefined, unsaved: 0, saved: 'relay' })
    expect(states).toEqual(['ok', state, 'ok'])
    await world.close()
  })
}

test('[SS2] an append that takes long is told as saving, then as blocked, and is still waited for; a quick one is not told', async () => {
  const clock = virtualClock()
  const base = memoryStorage()
  let open: (() => void) | undefined
  let isHeld = false
  const storage = withLog(base, (log) => ({
    async append(entry, options) {
      if (isHeld) await new Promise<void>((resolve) => (open = resolve))
      return log.append(entry, options)
    },
  }))
  const store = await openStore({ space: 'board', storage, clock })
  const states = statesOf(store)
  await store.transact((tx) => tx.add(votes, 1)).durable()
  expect([states, clock.timers]).toEqual([['ok'], 0])

  isHeld = true
  const receipt = store.transact((tx) => tx.add(votes, 1))
  await clock.pass(299)
  expect(store.status).toMatchObject({ storage: 'ok', unsaved: 1, saved: 'memory' })
  await clock.pass(1)
  expect(store.status).toMatchObject({ storage: 'saving', storageError: undefined, unsaved: 1 })
  await clock.pass(1699)
  expect(store.status.storage).toBe('saving')
  await clock.pass(1)
  expect(store.status).toMatchObject({ storage: 'blocked', storageError: { code: 'storage-blocked' }, unsaved: 1 })
  const why = store.status.storageError
  store.transact((tx) => tx.add(votes, 1))
  expect(store.status.storageError).toBe(why)
  isHeld = false
  open!()
  await receipt.durable()
  await settle()
  expect(store.status).toMatchObject({ storage: 'ok', storageError: undefined, unsaved: 0, saved: 'device' })
  expect(states).toEqual(['ok', 'saving', 'blocked', 'ok'])
  await store.close()
  expect(clock.timers).toBe(0)
})

test('[SS2] closing while an append does not end leaves no timer', async () => {
  const clock = virtualClock()
  const storage = withLog(memoryStorage(), () => ({ append: () => new Promise(() => undefined) }))
  const store = await openStore({ space: 'board', storage, clock })
  store.transact((tx) => tx.add(votes, 1))
  const closing = Promise.allSettled([store.close()])
  await clock.pass(6000)
  expect(await closing).toMatchObject([{ reason: { code: 'storage-failed' } }])
  expect(clock.timers).toBe(0)
})

/** A storage that is gone, with this, once it is to be: it refuses everything then, and tells whoever listens. */
function losable(base: Storage, gone: StoreError): { readonly storage: Storage; go(): void; isHeard(): boolean } {
  let lose: ((error: Error) => void) | undefined
  let isGone = false
  const storage = withLog(
    brittleStorage(base, () => (isGone ? gone : undefined)),
    () => ({
      onLost(listener) {
        lose = listener
        return () => (lose = undefined)
      },
    }),
  )
  return {
    storage,
    go() {
      isGone = true
      lose!(gone)
    },
    isHeard: () => lose !== undefined,
  }
}

for (const [code, state] of [
  ['storage-evicted', 'evicted'],
  ['storage-newer', 'memory-only'],
] as const) {
  test(`[SS3] a storage that is gone with ${code} under an open store is ${state} at once; what it has goes to the relay`, async () => {
    const world = await createWorld(7)
    const gone = new StoreError(code, 'It is gone.')
    const base = memoryStorage()
    const { storage, go, isHeard } = losable(base, gone)
    const elected = await world.open({ storage: base, transport: world.wire() })
    const store = await world.open({ storage, transport: world.wire() })
    await world.clock.pass(500)
    const states = statesOf(store)
    go()
    await settle()
    expect(store.status).toMatchObject({ storage: state, storageError: gone })
    const receipt = store.transact((tx) => tx.add(votes, 3))
    await expect(receipt.durable()).rejects.toBe(gone)
    await world.clock.pass(3000)
    await receipt.synced()
    expect([store.get(votes), elected.get(votes)]).toEqual([3, 3])
    expect(store.status).toMatchObject({ storage: state, saved: 'relay', unsaved: 1, pending: 0 })
    expect(states).toEqual([state])
    await elected.close()
    await expect(store.close()).rejects.toMatchObject({ code: 'storage-failed', cause: gone })
    expect(isHeard()).toBe(false)
  })
}

for (const code of ['storage-evicted', 'storage-newer'] as const) {
  test(`[ST16] [SS3] the tab that runs the link leaves that to the others when its storage is gone with ${code}, and goes on by one of its own`, async () => {
    const world = await createWorld(8)
    const gone = new StoreError(code, 'It is gone.')
    const base = memoryStorage()
    const { storage, go } = losable(base, gone)
    const old = await world.open({ storage, transport: world.wire() })
    const other = await world.open({ storage: base, transport: world.wire() })
    const far = await world.open({ storage: memoryStorage(), transport: world.wire() })
    await world.clock.pass(500)
    go()
    await world.clock.pass(500)
    // What the old one can neither read nor send.
    other.transact((tx) => tx.add(votes, 1))
    await world.clock.pass(500)
    expect(other.status).toMatchObject({ link: 'online', pending: 0 })
    expect([old, other, far].map((each) => each.get(votes))).toEqual([1, 1, 1])
    old.transact((tx) => tx.add(votes, 10))
    await world.clock.pass(500)
    expect(old.status).toMatchObject({ link: 'online', pending: 0 })
    expect([old, other, far].map((each) => each.get(votes))).toEqual([11, 11, 11])
    await Promise.all([other.close(), far.close()])
    await expect(old.close()).rejects.toMatchObject({ code: 'storage-failed', cause: gone })
  })
}

test.each([
  // What was stored was cleared; newer code leaves it where it is.
  { code: 'storage-evicted', saved: 'memory' },
  { code: 'storage-newer', saved: 'device' },
] as const)('[SS6] what no relay has is in $saved when the storage is gone with $code', async ({ code, saved }) => {
  const gone = new StoreError(code, 'It is gone.')
  const { storage, go } = losable(memoryStorage(), gone)
  const store = await openStore({ space: 'board', storage })
  await store.transact((tx) => tx.add(votes, 1)).durable()
  expect(store.status).toMatchObject({ saved: 'device', unsaved: 0, pending: 1 })
  go()
  expect(store.status).toMatchObject({ saved, unsaved: 0, pending: 1 })
  store.transact((tx) => tx.add(votes, 1))
  expect(store.status).toMatchObject({ saved: 'memory', unsaved: 1, pending: 2 })
  await settle()
  await expect(store.close()).rejects.toMatchObject({ cause: gone })
})

test('[SS6] what the relay has refused, and no storage takes, is in memory', async () => {
  const world = await createWorld(10, { refuse: () => ({ code: 'locked', message: 'Nobody may.' }) })
  let refusal: StoreError | undefined
  const store = await world.open({ storage: brittleStorage(memoryStorage(), () => refusal), transport: world.wire() })
  const far = await world.open({ transport: world.wire() })
  await world.clock.pass(500)
  refusal = new StoreError('storage-full', 'No room.')
  store.transact((tx) => tx.add(votes, 1))
  await world.clock.pass(5_000)
  expect(store.status).toMatchObject({ refused: 1, pending: 0, saved: 'memory' })
  refusal = undefined
  await world.clock.pass(5_000)
  expect(store.status).toMatchObject({ refused: 1, pending: 0, unsaved: 0, storage: 'ok' })
  await far.close()
  await world.close()
})

const draft = lww('draft', '', { arbiter: 'browser' })
const browser = { arbiter: 'browser' } as const

test('[SS8] without storage what is in `browser` refs is at risk for good, and each counts once', async () => {
  const world = await createWorld(11)
  const store = await world.open({ storage: undefined, transport: world.wire() })
  expect(store.status).toMatchObject({ storage: 'memory-only', atRisk: 0 })
  store.transact((tx) => tx.add(votes, 1))
  expect(store.status).toMatchObject({ saved: 'memory', pending: 1, atRisk: 1 })
  await world.clock.pass(500)
  expect(store.status).toMatchObject({ saved: 'relay', pending: 0, atRisk: 0 })
  const told: number[] = []
  store.onStatus(({ atRisk }) => told.push(atRisk))
  for (const text of ['mine', 'mine still']) await store.transactAsync((tx) => tx.set(draft, text), browser)
  expect(store.status).toMatchObject({ saved: 'memory', pending: 0, atRisk: 1 })
  await store.transactAsync((tx) => {
    tx.set(draft, 'with a vote')
    tx.add(votes, 1)
  }, browser)
  expect(store.status).toMatchObject({ saved: 'memory', pending: 1, atRisk: 2 })
  await world.clock.pass(500)
  expect(store.status).toMatchObject({ saved: 'memory', pending: 0, unsaved: 0, atRisk: 1 })
  expect(told).toContain(1)
  await world.close()
})

test('[SS8] without storage a transient ref is at risk as long as it is open or made to stay, and what is deleted is not', async () => {
  const world = await createWorld(13)
  const store = await world.open({ storage: undefined, transport: world.wire() })
  store.transact((tx) => tx.add(votes, 1))
  await world.clock.pass(500)
  const filter = lww('filter', 'all', { arbiter: 'browser', persistence: 'transient' })
  const risks: number[] = []
  store.onStatus(({ atRisk }) => risks.push(atRisk))
  const handle = await store.open(filter, 'write')
  await handle.set('mine')
  expect(store.status).toMatchObject({ saved: 'memory', atRisk: 1 })
  await handle.close()
  expect(store.get(filter)).toBe('all')
  expect(store.status).toMatchObject({ saved: 'relay', atRisk: 0 })
  await settle()
  expect(risks.at(-1)).toBe(0)
  const again = await store.open(filter, 'write')
  await again.set('mine')
  await again.persist()
  await again.close()
  expect(store.get(filter)).toBe('mine')
  expect(store.status.atRisk).toBeGreaterThan(0)
  await store.delete(filter)
  expect(store.status).toMatchObject({ saved: 'relay', atRisk: 0 })
  await world.close()
})

test('[SS8] with a storage nothing of what it has is at risk, and of `browser` refs all is that it had when it was cleared', async () => {
  const gone = new StoreError('storage-evicted', 'It is gone.')
  const { storage, go } = losable(memoryStorage(), gone)
  const world = await createWorld(12)
  const store = await world.open({ storage, transport: world.wire() })
  store.transact((tx) => tx.add(votes, 1))
  await passing(
    world,
    store.transactAsync((tx) => tx.set(draft, 'mine'), browser),
  )
  await world.clock.pass(500)
  expect(store.status).toMatchObject({ saved: 'relay', pending: 0, atRisk: 0 })
  go()
  expect(store.status).toMatchObject({ saved: 'memory', pending: 0, atRisk: 1 })
  store.transact((tx) => tx.add(votes, 1))
  expect(store.status).toMatchObject({ saved: 'memory', pending: 1, atRisk: 2 })
  await world.clock.pass(3000)
  expect(store.status).toMatchObject({ saved: 'memory', pending: 0, atRisk: 1 })
  await expect(store.close()).rejects.toMatchObject({ cause: gone })
})

test('[SS8] of what is pending, and of what was refused, only what is not stored is at risk', async () => {
  const world = await createWorld(13, { refuse: () => ({ code: 'locked', message: 'Nobody may.' }) })
  let refusal: StoreError | undefined
  const store = await world.open({ storage: brittleStorage(memoryStorage(), () => refusal), transport: world.wire() })
  const bare = await world.open({ storage: undefined, transport: world.wire() })
  store.disconnect()
  await world.clock.pass(500)
  for (let i = 0; i < 3; i++) await store.transact((tx) => tx.add(votes, 1)).durable()
  refusal = new StoreError('storage-full', 'No room.')
  store.transact((tx) => tx.add(votes, 1))
  bare.transact((tx) => tx.add(votes, 1))
  await world.clock.pass(500)
  expect(store.status).toMatchObject({ saved: 'memory', pending: 4, atRisk: 1 })
  // Where nothing is stored, what waits for a decision is gone with the page.
  expect(bare.status).toMatchObject({ saved: 'memory', pending: 0, refused: 1, atRisk: 1 })
  bare.refused.drop(bare.refused.list()[0]!.id)
  expect(bare.status).toMatchObject({ refused: 0, atRisk: 0 })
  refusal = undefined
  await world.clock.pass(2_000)
  expect(store.status).toMatchObject({ saved: 'device', pending: 4, atRisk: 0 })
  await world.close()
})

test('[SS7] the status has what the browser says of keeping what is stored, and what it says later', async () => {
  let tell: ((persistence: Persistence) => void) | undefined
  const storage: Storage = {
    ...memoryStorage(),
    onPersistence(listener) {
      tell = listener
      return () => (tell = undefined)
    },
  }
  const store = await openStore({ space: 'board', storage })
  expect(store.status.persistence).toBe('unknown')
  const told: Persistence[] = []
  store.onStatus(({ persistence }) => told.push(persistence))
  for (const next of ['unasked', 'unasked', 'denied', 'granted'] as const) {
    tell!(next)
    await settle()
    expect(store.status.persistence).toBe(next)
  }
  expect(told).toEqual(['unasked', 'denied', 'granted'])
  await store.close()
  expect(tell).toBeUndefined()
  // Where nothing is stored there is nothing to be kept.
  const alone = await openStore({ space: 'board' })
  expect(alone.status.persistence).toBe('unknown')
  await alone.close()
})

test('[SS4] a storage that was cleared before is told as evicted until the next opening, and works like a new one', async () => {
  const base = memoryStorage()
  const cleared = new StoreError('storage-cleared', 'It was cleared.')
  const errors: unknown[] = []
  const store = await openStore({
    space: 'board',
    storage: withLog(base, () => ({ cleared })),
    onError: (error) => errors.push(error),
  })
  expect(store.status).toMatchObject({ storage: 'evicted', storageError: cleared, unsaved: 0 })
  await store.transact((tx) => tx.add(votes, 1)).durable()
  expect(store.status).toMatchObject({ storage: 'evicted', saved: 'device' })
  await store.close()
  expect(errors).toEqual([cleared])

  const again = await openStore({ space: 'board', storage: base, onError: (error) => errors.push(error) })
  expect(again.get(votes)).toBe(1)
  expect(again.status).toMatchObject({ storage: 'ok', storageError: undefined })
  expect(errors).toEqual([cleared])
  await again.close()
})

test('[SS5] what is worse is told before what is not', async () => {
  const base = memoryStorage()
  const log = await base.openLog('board')
  await log.append(Uint8Array.of(255, 255, 255))
  await log.close()
  let refusal: StoreError | undefined
  const cleared = new StoreError('storage-cleared', 'It was cleared.')
  const clock = virtualClock()
  const storage = withLog(
    brittleStorage(base, () => refusal),
    () => ({ cleared }),
  )
  const store = await openStore({ space: 'board', storage, clock, onError: () => undefined })
  expect(store.status).toMatchObject({ storage: 'damaged', storageError: { code: 'storage-damaged' } })
  refusal = new StoreError('storage-full', 'There is no room.')
  store.transact((tx) => tx.add(votes, 1))
  await settle()
  expect(store.status).toMatchObject({ storage: 'quota', storageError: refusal })
  refusal = undefined
  await clock.pass(1000)
  expect(store.status).toMatchObject({ storage: 'damaged', unsaved: 0 })
  await store.close()
})
