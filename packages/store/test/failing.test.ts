import { counter, lww } from '@syncline/merge'
import { createFrameReader, decodeEntry, encodeFrames, entriesIn, MAX_PACKET_BYTES } from '@syncline/protocol'
import { expect, test } from 'vitest'
import { memoryStorage, openStore, StoreError, type Storage, type Transport } from '../src/index.ts'
import { growing } from './growing.ts'
import { openMortalTab } from './tab.ts'
import { withLog } from './with-log.ts'
import { brittleStorage, createWorld, mortalTab, settle, virtualClock, type World } from './world.ts'

const votes = counter('votes')
const title = lww('title', '')

test('[ST2] meta is data like any other: checked before anything happens, and part of the size', async () => {
  const store = await openStore({ space: 'board', storage: memoryStorage() })
  const before = store.snapshot
  expect(() => store.transact((tx) => tx.add(votes, 1), { meta: { when: new Date() } as never })).toThrow(/meta.when/)
  expect(() => store.transact((tx) => tx.add(votes, 1), { meta: 'x'.repeat(17 << 20) })).toThrow(
    expect.objectContaining({ code: 'change-too-large' }),
  )
  expect(store.snapshot).toBe(before)
  const meta = { by: ['me'] }
  const receipt = store.transact((tx) => tx.add(votes, 1), { meta })
  meta.by.push('changed later')
  expect(receipt.change?.meta).toEqual({ by: ['me'] })
  await receipt.durable()
  await store.close()
})

test('[ST2] one transaction may write very many refs', async () => {
  const store = await openStore({ space: 'board', storage: memoryStorage() })
  await store
    .transact((tx) => {
      for (let i = 0; i < 150_000; i++) tx.add(counter(`k${i}`), 1)
    })
    .durable()
  expect(store.get(counter('k149999'))).toBe(1)
  await store.close()
})

test('[ST2] text of one byte a character fills a Change to the brim', async () => {
  const store = await openStore({ space: 'board', storage: memoryStorage() })
  await store.transact((tx) => tx.set(title, 'x'.repeat(15 << 20))).durable()
  expect(store.get(title)).toHaveLength(15 << 20)
  await store.close()
})

test('[ST5] a direct edit that is too large stops nothing else', async () => {
  const errors: unknown[] = []
  const { ref, edit } = growing()
  const store = await openStore({ space: 'board', storage: memoryStorage(), onError: (error) => errors.push(error) })
  store.get(ref)
  const rejections: unknown[] = []
  const listen = (error: unknown): void => void rejections.push(error)
  process.on('uncaughtException', listen)
  edit('x'.repeat(17 << 20))
  await settle()
  process.off('uncaughtException', listen)
  expect(rejections).toMatchObject([{ code: 'change-too-large' }])
  await store.transact((tx) => tx.add(votes, 1)).durable()
  expect(store.status).toMatchObject({ storage: 'ok', unsaved: 0 })
  await store.close()
})

test('[ST12] a storage that could not be read is read again, though no sibling says anything any more', async () => {
  const clock = virtualClock()
  const base = memoryStorage()
  let isBroken = false
  const broken: Storage = {
    ...base,
    async openLog(space) {
      const log = await base.openLog(space)
      return {
        ...log,
        read: (after, each) =>
          isBroken ? Promise.reject(new StoreError('storage-lost', 'The connection is lost.')) : log.read(after, each),
      }
    },
  }
  const errors: unknown[] = []
  const [one, two] = [
    await openStore({ space: 'board', storage: broken, clock, onError: (error) => errors.push(error) }),
    await openStore({ space: 'board', storage: base, clock }),
  ]
  isBroken = true
  two.transact((tx) => tx.add(votes, 1))
  await clock.pass(1500)
  expect(one.status).toMatchObject({ storage: 'lost', storageError: { code: 'storage-lost' } })
  isBroken = false
  await clock.pass(1000)
  expect(one.get(votes)).toBe(1)
  expect(one.status).toMatchObject({ storage: 'ok', storageError: undefined })
  expect(errors).toMatchObject([{ code: 'storage-lost' }])
  isBroken = true
  two.transact((tx) => tx.add(votes, 1))
  await clock.pass(500)
  await one.close()
  await two.close()
  expect(clock.timers).toBe(0)
})

test('[ST14] an opening that fails lets go of everything', async () => {
  const base = memoryStorage()
  const held = { logs: 0, locks: 0, channels: 0 }
  let reads = 0
  const storage: Storage = {
    async openLog(space) {
      const log = await base.openLog(space)
      held.logs++
      return {
        ...log,
        read: (after, each) =>
          ++reads === 2 ? Promise.reject(new StoreError('storage-failed', 'The disk is gone.')) : log.read(after, each),
        close() {
          held.logs--
          return log.close()
        },
      }
    },
    locks: {
      ...base.locks!,
      async tryHold(name) {
        const lock = await base.locks!.tryHold(name)
        if (lock === undefined) return lock
        held.locks++
        return {
          ...lock,
          release() {
            held.locks--
            lock.release()
          },
        }
      },
    },
    channels: {
      open(name, onMessage) {
        const channel = base.channels!.open(name, onMessage)
        held.channels++
        return {
          ...channel,
          close() {
            held.channels--
            channel.close()
          },
        }
      },
    },
  }
  await expect(openStore({ space: 'board', storage })).rejects.toThrow('The disk is gone.')
  expect(held).toEqual({ logs: 0, locks: 0, channels: 0 })

  const store = await openStore({ space: 'board', storage })
  store.transact((tx) => tx.add(votes, 1))
  await store.close()
  expect(held).toEqual({ logs: 0, locks: 0, channels: 0 })
})

test('[ST14] close tells what could not be saved, and does not wait for ever', async () => {
  const world = await createWorld(1)
  const base = memoryStorage()
  const refusing: Storage = {
    ...base,
    openLog: async (space) => ({ ...(await base.openLog(space)), append: () => Promise.reject(new Error('quota')) }),
  }
  const one = await world.open({ storage: refusing })
  one.transact((tx) => tx.add(votes, 1))
  await expect(one.close()).rejects.toMatchObject({ code: 'storage-failed' })

  const silent: Storage = {
    ...base,
    openLog: async (space) => ({ ...(await base.openLog(space)), append: () => new Promise(() => undefined) }),
  }
  const two = await world.open({ storage: silent })
  two.transact((tx) => tx.add(votes, 1))
  const closing = Promise.allSettled([two.close()])
  await world.clock.pass(6_000)
  expect(await closing).toMatchObject([{ status: 'rejected', reason: { code: 'storage-failed' } }])
  expect(world.clock.timers).toBe(0)
})

test('[ST14] what a log refuses while a store closes is offered to it once more', async () => {
  const world = await createWorld(1)
  const base = memoryStorage()
  let refuse = (): void => undefined
  let asked = 0
  const refusingOnce = withLog(base, (log) => ({
    append: (entry, options) =>
      asked++ > 0
        ? log.append(entry, options)
        : new Promise((_, reject) => (refuse = () => reject(new Error('quota')))),
  }))
  const store = await world.open({ storage: refusingOnce })
  store.transact((tx) => tx.add(votes, 1))
  await settle()
  const closing = store.close()
  await settle()
  refuse()
  await closing
  const again = await world.open({ storage: base })
  expect(again.get(votes)).toBe(1)
  await world.close()
})

test('[ST14] [ST29] a store that closes settles nothing more: who is left does it', async () => {
  const world = await createWorld(1, {
    refuse: ({ touched }) =>
      touched.some(({ address }) => address === 'secret') ? { code: 'forbidden', message: 'Not yours.' } : undefined,
  })
  const base = memoryStorage()
  const wire = world.wire()
  wire.cut()
  const dead = await openMortalTab({ storage: base, wire }, world, () => undefined)
  await dead.store.transact((tx) => tx.set(lww('secret', ''), 'no')).durable()
  dead.kill()

  let isFull = false
  const kinds: string[] = []
  const slow = withLog(base, (log) => ({
    async append(entry, options) {
      if (isFull) throw new Error('quota')
      // The others do what they do while this tab closes.
      await settle()
      kinds.push(...entriesIn(decodeEntry(entry)).map(({ kind }) => kind))
      return log.append(entry, options)
    },
  }))
  const store = await world.open({ storage: slow, transport: wire })
  await world.clock.pass(100)
  const sibling = await world.open({ storage: base, transport: wire })
  isFull = true
  // It had seen what is refused, and has to wait until that is settled.
  store.transact((tx) => tx.set(title, 'mine'))
  wire.mend()
  await world.clock.pass(60_000)
  isFull = false
  await store.close()
  expect(kinds.toSorted()).toEqual(['commits', 'refused', 'refused'])
  await world.clock.pass(60_000)
  const far = await world.open({ transport: world.wire() })
  await world.clock.pass(1_000)
  expect([sibling.status.pending, sibling.refused.list().length]).toEqual([0, 1])
  expect([sibling.get(title), far.get(title)]).toEqual(['mine', 'mine'])
  await sibling.close()
  await far.close()
})

test('[ST19] a tab whose storage fails, and that does not run the link, gets its work to the relay', async () => {
  const world = await createWorld(2)
  const base = memoryStorage()
  let isFull = false
  const full = brittleStorage(base, () => (isFull ? new Error('quota') : undefined))
  const elected = await world.open({ storage: base, transport: world.wire() })
  const tab = await world.open({ storage: full, transport: world.wire() })
  const far = await world.open({ transport: world.wire() })
  await world.clock.pass(1_000)
  isFull = true
  tab.transact((tx) => tx.add(votes, 1))
  await world.clock.pass(5_000)
  expect(far.get(votes)).toBe(1)
  isFull = false
  await world.clock.pass(5_000)
  expect([elected.get(votes), tab.status.link, tab.status.storage, elected.status.link]).toEqual([
    1,
    'online',
    'ok',
    'online',
  ])
  await world.close()
  const again = await world.open({ storage: base })
  expect(again.get(votes)).toBe(1)
  await again.close()
})

test('[ST19] [ST27] a tab with a link of its own is not shown what a sibling has authored again before it has read that', async () => {
  const world = await createWorld(1, {
    refuse: ({ touched }) =>
      touched.some(({ address }) => address === 'secret') ? { code: 'forbidden', message: 'Not yours.' } : undefined,
  })
  const base = memoryStorage()
  const wire = world.wire()
  const elected = await world.open({ storage: base, transport: wire })
  let isFull = false
  let isLate = false
  const full = brittleStorage(base, () => (isFull ? new Error('quota') : undefined))
  const channels: Storage['channels'] = {
    open: (name, onMessage) =>
      base.channels!.open(name, (message) => {
        if (isLate) world.clock.setTimer(5_000, () => onMessage(message))
        else onMessage(message)
      }),
  }
  const store = await world.open({ storage: { ...full, channels }, transport: world.wire() })
  await world.clock.pass(1_000)
  const shown: number[] = []
  store.changes(votes, ({ now }) => shown.push(now.get(votes)))
  wire.cut()
  elected.transact((tx) => tx.set(lww('secret', ''), 'no'))
  elected.transact((tx) => tx.add(votes, 1))
  await elected.durable()
  await world.clock.pass(100)
  isFull = isLate = true
  store.transact((tx) => tx.set(title, 'mine'))
  await world.clock.pass(1_000)
  wire.mend()
  await world.clock.pass(3_000)
  expect([elected.status.pending, elected.refused.list().length]).toEqual([0, 1])
  expect(store.snapshot.basis.relaySeq).toBe(elected.snapshot.basis.relaySeq)
  isFull = isLate = false
  await world.clock.pass(20_000)
  // What is authored again is the same vote.
  expect([new Set(shown), store.get(votes), elected.get(title)]).toEqual([new Set([1]), 1, 'mine'])
  await world.close()
})

test('[ST19] a tab with a link of its own takes in what the relay tells also when its log does not answer', async () => {
  const world = await createWorld(1)
  const base = memoryStorage()
  let isStuck = false
  let goOn = (): void => undefined
  const unstuck = new Promise<void>((resolve) => (goOn = resolve))
  const stuck = withLog(base, (log) => ({
    append: (...how) => (isStuck ? Promise.reject(new Error('quota')) : log.append(...how)),
    async read(...how) {
      if (isStuck) await unstuck
      return log.read(...how)
    },
  }))
  await world.open({ storage: base, transport: world.wire() })
  const store = await world.open({ storage: stuck, transport: world.wire() })
  const far = await world.open({ transport: world.wire() })
  await world.clock.pass(1_000)
  isStuck = true
  store.transact((tx) => tx.set(title, 'mine'))
  await world.clock.pass(1_000)
  far.transact((tx) => tx.add(votes, 1))
  await world.clock.pass(500)
  expect(store.get(votes)).toBe(0)
  await world.clock.pass(1_000)
  expect([store.get(votes), far.get(title), store.status.link]).toEqual([1, 'mine', 'online'])
  isStuck = false
  goOn()
  await world.clock.pass(10_000)
  expect(store.status).toMatchObject({ storage: 'ok', pending: 0 })
  await world.close()
  expect(world.clock.timers).toBe(0)
})

test('[ST19] a link that only rescues what one tab has done says nothing about that of the browser', async () => {
  const world = await createWorld(2)
  const base = memoryStorage()
  let isFull = false
  const full = brittleStorage(base, () => (isFull ? new Error('quota') : undefined))
  const elected = await world.open({ storage: base, transport: world.wire() })
  const tab = await world.open({ storage: full, transport: world.wire() })
  const other = await world.open({ storage: base, transport: world.wire() })
  await world.clock.pass(1_000)
  const shown = new Set<string>()
  other.onStatus(() => shown.add(other.status.link))
  const links = new Set<string>()
  tab.onStatus(() => links.add(tab.status.link))
  isFull = true
  tab.transact((tx) => tx.add(votes, 1))
  await world.clock.pass(100)
  isFull = false
  await world.clock.pass(5_000)
  expect(links).toContain('connecting')
  expect([...shown].filter((link) => link !== 'online')).toEqual([])
  expect([elected, tab, other].map(({ status }) => status.link)).toEqual(['online', 'online', 'online'])
  // So the relay can be asked there.
  await other.transactAsync((tx) => tx.set(seat, 'other'), { arbiter: 'relay' })
  expect(elected.get(seat)).toBe('other')
  await world.close()
})

const seat = lww<string | null>('seat', null, { arbiter: 'relay' })

const refusing = {
  refuse: (header: { readonly touched: readonly { readonly address: string }[] }) =>
    header.touched.some(({ address }) => address === 'secret')
      ? { code: 'forbidden', message: 'Not yours.' }
      : undefined,
}
const secret = lww('secret', '')

test('[ST27] a Change that is authored again goes with what its author had seen, and with nothing else', async () => {
  const world = await createWorld(3, refusing)
  const storage = memoryStorage()
  const wire = world.wire()
  const [one, two] = [await world.open({ storage, transport: wire }), await world.open({ storage, transport: wire })]
  const [shared, own] = [lww('shared', ''), lww('own', '')]
  await world.clock.pass(1_000)
  wire.cut()
  await world.clock.pass(100)
  // Written before the refused Change is known there: it stays.
  const before = two.transact((tx) => tx.set(own, 'unseen')).synced()
  one.transact((tx) => {
    tx.set(secret, 'x')
    tx.set(shared, 'refused')
    tx.set(own, 'refused')
  })
  await world.clock.pass(100)
  const free = one.transact((tx) => tx.add(votes, 1)).synced()
  await world.clock.pass(100)
  // Built on what is refused, through a Change that is authored again.
  const built = two.transact((tx) => tx.set(shared, `${tx.get(shared)}, and more, at ${tx.get(votes)}`)).synced()
  const outcomes = Promise.allSettled([before, free, built])
  wire.mend()
  await world.clock.pass(60_000)
  expect((await outcomes).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
  const fresh = await world.open({ transport: world.wire() })
  await world.clock.pass(1_000)
  for (const store of [one, two, fresh]) {
    expect([store.get(own), store.get(shared), store.get(votes)]).toEqual(['unseen', '', 1])
  }
  await world.close()
})

test('[ST29] a refusal is settled once, also when its entry is slow', async () => {
  const world = await createWorld(4, refusing)
  const base = memoryStorage()
  const waiting: (() => void)[] = []
  let isSlow = false
  const slow: Storage = {
    ...base,
    async openLog(space) {
      const log = await base.openLog(space)
      return {
        ...log,
        async append(entry, how) {
          if (isSlow) await new Promise<void>((resolve) => waiting.push(resolve))
          return log.append(entry, how)
        },
      }
    },
  }
  const elected = await world.open({ storage: base, transport: world.wire() })
  const tab = await world.open({ storage: slow, transport: world.wire() })
  await world.clock.pass(1_000)
  tab.transact((tx) => tx.set(secret, 'x'))
  tab.transact((tx) => tx.add(votes, 1))
  await Promise.resolve()
  isSlow = true
  await Promise.resolve()
  tab.transact((tx) => tx.add(votes, 10))
  await world.clock.pass(1_000)
  waiting.shift()?.()
  await world.clock.pass(1_000)
  isSlow = false
  for (const go of waiting.splice(0)) go()
  await world.clock.pass(60_000)
  expect([elected.status.pending, tab.status.pending, tab.status.saved]).toEqual([0, 0, 'relay'])
  expect([elected.get(votes), tab.get(votes)]).toEqual([11, 11])
  await world.close()
})

test('[ST27] a stamp that was ahead is made earlier and never later, also by a clock that is still ahead', async () => {
  const world = await createWorld(5)
  const shared = memoryStorage()
  const mortal = mortalTab(shared)
  const wire = world.wire()
  const clock = { ...world.clock, nowMs: () => world.clock.nowMs() + 3_600_000 }
  const one = await world.open({ storage: mortal.storage, transport: wire, clock })
  const stop = one.onStatus(() => {
    if (one.status.problem?.code === 'clock-ahead') wire.cut()
  })
  one.transact((tx) => tx.set(title, 'first'))
  await world.clock.pass(1_000)
  expect(wire.isWhole).toBe(false)
  stop()
  // It goes on under another writer, on top of what is refused, and is gone before it knows the time.
  mortal.freeze()
  await settle()
  await one.transact((tx) => tx.set(title, 'second')).durable()
  mortal.die()
  await world.clock.pass(10_000)
  const again = await world.open({ storage: shared, transport: world.wire(), clock })
  const far = await world.open({ transport: world.wire() })
  const shown: string[] = []
  for (const store of [again, far]) store.changes(title, ({ value }) => void shown.push(value))
  await world.clock.pass(60_000)
  expect([again.get(title), far.get(title), again.status.pending]).toEqual(['second', 'second', 0])
  expect(shown.slice(shown.indexOf('second'))).not.toContain('first')
  await world.close()
})

test('[ST27] a stamp that was ahead stays above what it was written on, though that is still pending and the clock is behind by now', async () => {
  const world = await createWorld(6)
  const wire = world.wire()
  let skewMs = 0
  let isDeaf = true
  const clock = { ...world.clock, nowMs: () => world.clock.nowMs() + skewMs }
  // The relay takes the first of two, and this device hears that it has refused the second one.
  const reader = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })
  const transport: Transport = {
    connect: (events) =>
      wire.connect({
        ...events,
        onMessage(message) {
          const frames = reader.push(message).filter(({ type }) => !isDeaf || type !== 'acknowledgement')
          for (const one of encodeFrames(frames, MAX_PACKET_BYTES)) events.onMessage(one)
        },
      }),
  }
  const store = await world.open({ transport, clock })
  await world.clock.pass(1_000)
  wire.cut()
  skewMs = 30_000
  store.transact((tx) => tx.set(title, 'first'))
  skewMs = 3_600_000
  store.transact((tx) => tx.set(title, 'second'))
  skewMs = 0
  const shown: string[] = []
  store.changes(title, ({ value }) => void shown.push(value))
  wire.mend()
  await world.clock.pass(10_000)
  isDeaf = false
  wire.cut()
  wire.mend()
  await world.clock.pass(60_000)
  expect([store.get(title), shown, store.status.pending]).toEqual(['second', [], 0])
  await world.close()
})

test('[ST28] a relay whose clock is set back takes what comes after what it has', async () => {
  let behindMs = 0
  const world: World = await createWorld(6, {
    clock: { nowMs: () => world.clock.nowMs() - behindMs, setTimer: (ms, fn) => world.clock.setTimer(ms, fn) },
  })
  const [one, other] = [await world.open({ transport: world.wire() }), await world.open({ transport: world.wire() })]
  await world.clock.pass(1_000)
  one.transact((tx) => tx.set(title, 'before'))
  await world.clock.pass(1_000)
  behindMs = 3_600_000
  await world.restartRelay()
  other.transact((tx) => tx.set(title, 'after'))
  await world.clock.pass(60_000)
  expect([one.get(title), other.status.pending, other.status.refused]).toEqual(['after', 0, 0])
  await world.close()
})

test('[ST28] a tab that was told that its clock is wrong hears the time from the one that runs the link', async () => {
  const world = await createWorld(7)
  const base = memoryStorage()
  let isFull = false
  const full = brittleStorage(base, () => (isFull ? new Error('quota') : undefined))
  let aheadMs = 0
  const clock = { ...world.clock, nowMs: () => world.clock.nowMs() + aheadMs, setTimer: world.clock.setTimer }
  const elected = await world.open({ storage: base, transport: world.wire(), clock })
  const wire = world.wire()
  const tab = await world.open({ storage: full, transport: wire, clock })
  await world.clock.pass(1_000)
  // It has a link of its own for as long as its storage fails, and that ends when the relay is to tell the time.
  isFull = true
  aheadMs = 86_400_000
  tab.transact((tx) => tx.set(title, 'mine'))
  for (let i = 0; i < 100 && tab.status.problem?.code !== 'clock-ahead'; i++) await world.clock.pass(10)
  expect(tab.status.problem?.code).toBe('clock-ahead')
  wire.cut()
  isFull = false
  await world.clock.pass(60_000)
  expect([tab.status.pending, tab.status.refused, elected.get(title)]).toEqual([0, 0, 'mine'])
  await world.close()
})

test('[ST28] two tabs that write on top of each other by a clock that is wrong get all to the relay, however often that takes', async () => {
  const world = await createWorld(8)
  const storage = memoryStorage()
  let aheadMs = 0
  const clock = { ...world.clock, nowMs: () => world.clock.nowMs() + aheadMs, setTimer: world.clock.setTimer }
  const linked = await world.open({ storage, transport: world.wire(), clock })
  const sibling = await world.open({ storage, transport: world.wire(), clock })
  await world.clock.pass(1_000)
  linked.disconnect()
  await settle()
  aheadMs = 3_600_000
  // More than the times that a Change is mended without any of them getting there: the sibling hears of these only by the log.
  for (let i = 0; i < 14; i++) {
    linked.transact((tx) => tx.add(votes, 1))
    await settle()
    sibling.transact((tx) => tx.add(votes, 1))
    await settle()
  }
  const refused: number[] = []
  for (const store of [linked, sibling]) store.onStatus(({ refused: count }) => void refused.push(count))
  linked.connect()
  await world.clock.pass(600_000)
  expect([linked.status.pending, sibling.status.pending, Math.max(...refused)]).toEqual([0, 0, 0])
  const fresh = await world.open({ transport: world.wire() })
  await world.clock.pass(1_000)
  expect([linked.get(votes), sibling.get(votes), fresh.get(votes)]).toEqual([28, 28, 28])
  await world.close()
})

test('[ST28] a clock that jumps ahead while online is mended', async () => {
  const world = await createWorld(5)
  let aheadMs = 0
  const clock = { ...world.clock, nowMs: () => world.clock.nowMs() + aheadMs, setTimer: world.clock.setTimer }
  const store = await world.open({ transport: world.wire(), clock })
  await world.clock.pass(1_000)
  aheadMs = 86_400_000
  store.transact((tx) => tx.set(title, 'mine'))
  await world.clock.pass(60_000)
  expect([store.get(title), store.status.refused, store.status.pending]).toEqual(['mine', 0, 0])
  await world.close()
})
