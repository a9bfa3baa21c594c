import { counter, lww } from '@syncline/merge'
import { createFrameReader, decodeEntry, MAX_PACKET_BYTES } from '@syncline/protocol'
import { expect, test } from 'vitest'
import { everything, memoryStorage, openStore, StoreError, type Storage } from '../src/index.ts'
import { growing } from './growing.ts'
import { brittleStorage, createWorld, listener, mortalTab, settle } from './world.ts'

const title = lww('title', '')
const votes = counter('votes')

test('[ST6] a Change lists what its author had seen', async () => {
  const world = await createWorld(1)
  const storage = memoryStorage()
  const wire = world.wire()
  const one = await world.open({ storage, transport: wire })
  await world.clock.pass(100)
  await one.transact((tx) => tx.set(title, 'stored')).synced()
  wire.cut()
  const two = await world.open({ storage, transport: wire })
  const seen = one.transact((tx) => tx.set(title, 'pending')).change!
  await settle()
  const answer = two.transact((tx) => tx.set(title, `${tx.get(title)}, seen`)).change!
  expect(answer.deps).toEqual({
    epoch: one.snapshot.basis.epoch,
    relaySeq: 1,
    writers: new Map([[seen.writer, seen.seq]]),
  })
  expect(answer.deps.epoch).toMatch(/^[0-9a-f]{32}$/)
  await world.close()
})

test('[ST13] without a storage that works a store lives in memory and says so', async () => {
  const storage = {
    openLog: () =>
      Promise.reject(new StoreError('storage-failed', 'This browser denies IndexedDB in private windows.')),
  }
  const store = await openStore({ space: 'board', storage })
  const receipt = store.transact((tx) => tx.set(title, 'x'))
  await expect(receipt.durable()).rejects.toMatchObject({ code: 'storage-failed' })
  await expect(store.durable()).rejects.toMatchObject({ code: 'storage-failed' })
  expect(store.get(title)).toBe('x')
  expect(store.status).toMatchObject({
    storage: 'memory-only',
    saved: 'memory',
    storageError: { code: 'storage-failed' },
  })
  await store.close()
})

/** A storage that notes when a tab tells the others that the log has grown. */
function noting(base: Storage, onNews: () => void): Storage {
  return {
    ...base,
    channels: {
      open(name, onMessage) {
        const channel = base.channels!.open(name, onMessage)
        return {
          ...channel,
          post(message) {
            if ((message as { readonly type: string }).type === 'news') onNews()
            channel.post(message)
          },
        }
      },
    },
  }
}

test('[ST38] who waits for a commit to be stored goes on before the other tabs are told, and they are told all the same', async () => {
  const world = await createWorld(1)
  const storage = memoryStorage()
  const happened: string[] = []
  const one = await world.open({ storage: noting(storage, () => happened.push('told')) })
  const two = await world.open({ storage })
  for (const value of ['a', 'b']) {
    const commit = async (): Promise<void> => one.transact((tx) => tx.set(title, value)).durable()
    // Whoever awaits it may be awaited in turn.
    const save = async (): Promise<void> => commit()
    await save()
    happened.push(`${value} stored`)
    await settle()
    expect(two.get(title)).toBe(value)
  }
  const last = one.transact((tx) => tx.set(title, 'c')).durable()
  await one.close()
  await last
  await settle()
  expect(two.get(title)).toBe('c')
  expect(happened).toEqual(['a stored', 'told', 'b stored', 'told', 'told'])
  await world.close()
})

test('[ST17] a tab whose fence is over writes no more of the relay’s order', async () => {
  const world = await createWorld(2)
  const storage = memoryStorage()
  const outcomes: string[] = []
  const witnessed: Storage = {
    ...storage,
    async openLog(space) {
      const log = await storage.openLog(space)
      return {
        ...log,
        async append(entry, options) {
          try {
            const position = await log.append(entry, options)
            outcomes.push(`fence ${options?.fence} stored`)
            return position
          } catch (error) {
            outcomes.push(`fence ${options?.fence} ${(error as StoreError).code}`)
            throw error
          }
        },
      }
    },
  }
  const one = await world.open({ storage: witnessed, transport: world.wire() })
  await world.clock.pass(100)
  // Another tab has taken over while this one was frozen.
  await (await storage.openLog('board')).takeFence()
  const two = await world.open({ transport: world.wire() })
  two.transact((tx) => tx.set(title, 'from elsewhere'))
  await world.clock.pass(60_000)
  two.transact((tx) => tx.add(votes, 1))
  await world.clock.pass(60_000)
  // What it was not allowed to write it asks for again, when it stands again and has a fence of its own.
  expect(outcomes).toEqual(['fence 1 fenced', 'fence 3 stored', 'fence 3 stored'])
  expect([one.get(title), one.get(votes)]).toEqual(['from elsewhere', 1])
  await world.close()
  const again = await world.open({ storage })
  expect([again.get(title), again.get(votes)]).toEqual(['from elsewhere', 1])
  await again.close()
})

test('[ST17] what waits behind a stretch of the relay’s order that was fenced off is not written: it would leave a gap', async () => {
  const world = await createWorld(4)
  const shared = memoryStorage()
  const tab = mortalTab(shared)
  let isFull = false
  const storage = brittleStorage(tab.storage, () => (isFull ? new Error('the disk is full') : undefined))
  await world.open({ storage, transport: world.wire() })
  const two = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  isFull = true
  two.transact((tx) => tx.set(title, 'kept waiting by a full disk'))
  await world.clock.pass(100)
  // It is frozen, loses the link, and has it again: with a new fence, and what it had not written yet still waiting.
  tab.freeze()
  await world.clock.pass(100)
  two.transact((tx) => tx.add(votes, 1))
  await world.clock.pass(100)
  isFull = false
  await world.clock.pass(60_000)

  const stretches: [first: number, count: number][] = []
  const log = await shared.openLog('board')
  await log.read(0, (bytes) => {
    const entry = decodeEntry(bytes)
    if (entry.kind === 'ordered') stretches.push([entry.first, entry.items.length])
  })
  await log.close()
  let end = 0
  for (const [first, count] of stretches) {
    expect(first).toBeLessThanOrEqual(end + 1)
    end = first + count - 1
  }
  expect(end).toBe(2)
  await world.close()
})

test('[ST16] a link is online also when a sibling has brought what was missing', async () => {
  const world = await createWorld(5)
  const far = await world.open({ transport: world.wire() })
  await far.transact((tx) => tx.set(title, 'from afar')).synced()
  const storage = memoryStorage()
  const wire = world.wire()
  const reader = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })
  wire.filter = (direction, message) =>
    direction === 'up' || !reader.push(message).some(({ type }) => type === 'changes')
  const one = await world.open({ storage, transport: wire })
  await world.clock.pass(100)
  expect([one.get(title), one.status.link]).toEqual(['', 'catching-up'])
  // Without locks each tab has a link, as with a storage that fails.
  const two = await world.open({ storage: { ...storage, locks: undefined }, transport: world.wire() })
  await world.clock.pass(1000)
  for (const store of [one, two]) expect([store.get(title), store.status.link]).toEqual(['from afar', 'online'])
  await world.close()
})

test('[ST16] what a tab that is gone has said of its link, and comes late, says nothing of the one there is', async () => {
  const world = await createWorld(6)
  const shared = memoryStorage()
  const tab = mortalTab(shared)
  const late: (() => void)[] = []
  let isLate = false
  const storage: Storage = {
    ...tab.storage,
    channels: {
      open(name, onMessage) {
        const channel = shared.channels!.open(name, onMessage)
        return {
          ...channel,
          post: (message) => (isLate ? late.push(() => channel.post(message)) : channel.post(message)),
        }
      },
    },
  }
  const [wire, other] = [world.wire(), world.wire()]
  await world.open({ storage, transport: wire })
  await world.clock.pass(1_000)
  const [second, third] = [
    await world.open({ storage: shared, transport: other }),
    await world.open({ storage: shared, transport: other }),
  ]
  const lean = await world.openLean([], { storage: shared })
  isLate = true
  wire.cut()
  await world.clock.pass(100)
  expect(late.length).toBeGreaterThan(0)
  tab.die()
  await world.clock.pass(10_000)
  const links = (): string[] => [second, third, lean].map(({ status }) => status.link)
  expect(links()).toEqual(['online', 'online', 'online'])
  for (const say of late) say()
  await world.clock.pass(100)
  expect(links()).toEqual(['online', 'online', 'online'])
  await world.close()
})

test('[ST16] a tab that thawed, took the fence and lost the lock again does not silence the one that runs the link', async () => {
  const world = await createWorld(6)
  const storage = memoryStorage()
  const wire = world.wire()
  const first = await world.open({ storage, transport: wire })
  const second = await world.open({ storage, transport: wire })
  await world.clock.pass(1_000)
  const log = await storage.openLog('board')
  const fence = await log.takeFence()
  await log.close()
  const channel = storage.channels!.open('space board', () => undefined)
  const state = { link: 'connecting', problem: undefined, retryAtMs: undefined }
  channel.post({ type: 'link', state, offsetMs: 0, fence })
  channel.close()
  await world.clock.pass(10_000)
  expect([first, second].map(({ status }) => status.link)).toEqual(['online', 'online'])
  wire.cut()
  await world.clock.pass(100)
  expect(new Set([first, second].map(({ status }) => status.link))).not.toContain('online')
  await world.close()
})

test('[ST30] presence reaches siblings and everybody in the space, and ends with the session or the link', async () => {
  const world = await createWorld(3)
  const storage = memoryStorage()
  const wire = world.wire()
  const sides = [listener(), listener(), listener()]
  const say = (i: number, words: string): void => sides[i]!.say(words)
  const tab1 = await world.open({ storage, transport: wire, presence: sides[0]!.maker })
  const tab2 = await world.open({ storage, transport: wire, presence: sides[1]!.maker })
  await world.clock.pass(100)
  say(0, 'tab 1')
  say(1, 'tab 2')
  await world.clock.pass(100)
  const far = await world.open({ transport: world.wire(), presence: sides[2]!.maker })
  await world.clock.pass(100)
  say(2, 'far')
  await world.clock.pass(100)
  const words = (i: number): readonly string[] => sides[i]!.words
  expect([words(0), words(1), words(2)]).toEqual([
    ['far', 'tab 2'],
    ['far', 'tab 1'],
    ['tab 1', 'tab 2'],
  ])

  // The tab that runs the link goes; the other one takes over.
  await tab1.close()
  await world.clock.pass(100)
  expect([words(1), words(2)]).toEqual([['far'], ['tab 2']])
  wire.cut()
  await world.clock.pass(100)
  expect([words(1), words(2)]).toEqual([[], []])
  wire.mend()
  await world.clock.pass(60_000)
  expect([words(1), words(2)]).toEqual([['far'], ['tab 2']])
  await far.close()
  await world.clock.pass(100)
  expect(words(1)).toEqual([])
  expect(tab2.status.link).toBe('online')
  await world.close()
})

test('[ST5] direct edits are one Change per task, before the next transaction', async () => {
  const { ref, edit } = growing()
  const store = await openStore({ space: 'board' })
  const seen: string[] = []
  expect(store.get(ref)).toBe('')
  store.changes(everything, ({ now }) => seen.push(`${now.get(ref)}|${now.get(title)}`))
  edit('a')
  edit('b')
  await settle()
  edit('c')
  store.transact((tx) => tx.set(title, 'after c'))
  await settle()
  expect(seen).toEqual(['ab|', 'abc|', 'abc|after c'])
  expect(() => store.transact((tx) => tx.insert(ref, 3, 'd'.repeat(17 * 1024 * 1024)))).toThrow(
    expect.objectContaining({ code: 'change-too-large' }),
  )
  store.transact((tx) => tx.insert(ref, 3, 'd'))
  expect(store.get(ref)).toBe('abcd')
  expect(store.status.pending).toBe(4)
  await store.close()
})

test('[ST2] a Change that is too large is refused before anything happens', async () => {
  const store = await openStore({ space: 'board' })
  const before = store.snapshot
  expect(() => store.transact((tx) => tx.set(title, 'x'.repeat(17 * 1024 * 1024)))).toThrow(
    /one Change holds 16777216 at most/,
  )
  expect(store.snapshot).toBe(before)
  await store.close()
})
