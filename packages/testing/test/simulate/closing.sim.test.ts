import { indexedDb } from '@syncline/idb'
import { counter, lww } from '@syncline/merge'
import { everything, StoreError, type Clock, type Log, type Storage, type Store, type Transport } from '@syncline/store'
import { expect, test } from 'vitest'
import { createPage, type SimulatedPage } from '../../src/simulate/browser/page.ts'
import { machineOf, makeHole, placesOf, type Machine } from './disks.ts'
import { openAs, relayOf, wayTo } from './people.ts'

// A schedule comes to rest before everybody closes, and by then most of what a store waits for has come.

const title = lww('title', '')
const votes = counter('votes')

/** A tab of which everything that it is given is known, until it is given back. */
interface Watched {
  readonly machine: Machine
  readonly store: Store
  readonly page: SimulatedPage
  /** What is not as it should be at the storage. */
  readonly trouble: { read?: StoreError; append?: StoreError; hangs?: boolean }
  /** The delays of the timers that are set. */
  readonly timers: () => readonly number[]
  /** Who listens for the loss of its log, and to its page. */
  readonly listeners: () => readonly string[]
}

async function watched(
  machine: Machine,
  options: { readonly transport?: Transport; readonly worthBytes?: number } = {},
): Promise<Watched> {
  const { worthBytes, transport } = options
  const page = createPage()
  const alive = new Map<object, number>()
  const real = machine.clock()
  const clock: Clock = {
    ...real,
    setTimer(delayMs, fn) {
      const key = {}
      alive.set(key, delayMs)
      const cancel = real.setTimer(delayMs, () => {
        alive.delete(key)
        fn()
      })
      return () => {
        alive.delete(key)
        cancel()
      }
    },
  }
  const trouble: { -readonly [K in keyof Watched['trouble']]: Watched['trouble'][K] } = {}
  let losses = 0
  // The page of a simulated browser is as much of one as is asked for.
  const storage = indexedDb('app', { ...machine.surroundings(), page, window: page } as never)
  const openLog: Storage['openLog'] = async (space) => {
    const log = await storage.openLog(space)
    const own: Log = {
      ...log,
      ...(worthBytes !== undefined && { worthBytes }),
      read: (...args) => (trouble.read === undefined ? log.read(...args) : Promise.reject(trouble.read)),
      append: (...args) => (trouble.append === undefined ? log.append(...args) : Promise.reject(trouble.append)),
      onLost(listener) {
        const stop = log.onLost(listener)
        losses += 1
        return () => {
          losses -= 1
          stop()
        }
      },
    }
    return own
  }
  const store = await machine.open({ storage: { ...storage, openLog }, clock, ...(transport && { transport }) })
  return {
    machine,
    store,
    page,
    trouble,
    timers: () => [...alive.values()],
    listeners: () => [...page.listeners, ...Array.from({ length: losses }, () => 'loss')],
  }
}

/** Closes it, whatever comes of that: nothing is held then. */
async function expectNothingLeft({ machine, store, timers, listeners }: Watched): Promise<void> {
  expect(listeners()).toEqual(expect.arrayContaining(['loss', 'visibilitychange', 'pagehide', 'freeze']))
  let isClosed = false
  const over = (): void => void (isClosed = true)
  store.close().then(over, over)
  while (!isClosed) {
    // What comes by itself comes before time passes: or it would pass up to what is waited for.
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
    if (!isClosed) await machine.run(1)
  }
  expect([timers(), listeners()]).toEqual([[], []])
}

/** Lets things happen until such a timer is set. */
async function untilSet({ machine, timers }: Watched, ms: number): Promise<void> {
  for (let i = 0; i < 200 && !timers().includes(ms); i++) await machine.run(1)
}

const lost = new StoreError('storage-lost', 'The connection is lost.')

/** How it comes that a store waits, for so many milliseconds, when it is closed. */
const waits: Readonly<Record<string, { readonly ms: number; arrange(machine: Machine): Promise<Watched> }>> = {
  'a storage that cannot be read is tried again': {
    ms: 1000,
    async arrange(machine) {
      const tab = await watched(machine)
      const sibling = await machine.open()
      tab.trouble.read = lost
      await machine.until(sibling.transact((tx) => tx.add(votes, 1)).durable())
      await untilSet(tab, 1000)
      expect(tab.store.status.storage).toBe('lost')
      return tab
    },
  },
  'a sibling is left with something that is not stored, and is looked for later': {
    ms: 1000,
    async arrange(machine) {
      const tab = await watched(machine)
      const { store, page } = await machine.openTab()
      await machine.run(20)
      store.transact((tx) => tx.add(votes, 1))
      page.show('hidden')
      await untilSet(tab, 1000)
      return tab
    },
  },
  'of a gap in the order of the relay it is told again': {
    ms: 5000,
    async arrange(machine) {
      const relay = relayOf(undefined, machine.clock())
      for (const name of ['ann', 'bob']) {
        const first = await openAs(machine, null, { transport: wayTo(relay), credential: () => new Uint8Array([65]) })
        for (let i = 0; i < 3; i++) await machine.until(first.transact((tx) => tx.set(title, `${name} ${i}`)).synced())
        await machine.until(first.close())
      }
      // Which record is in the middle of the order does not matter.
      for (const place of placesOf(machine.disk, 'entries')) {
        const other = machineOf(9, machine.disk.copy())
        makeHole(other.disk, place)
        const tab = await watched(other)
        if (tab.timers().includes(5000)) return tab
        await other.until(tab.store.close())
      }
      throw new Error('No hole makes a gap.')
    },
  },
  'what is being stored may take long': {
    ms: 300,
    async arrange(machine) {
      const tab = await watched(machine)
      tab.store.transact((tx) => tx.add(votes, 1))
      await Promise.resolve()
      return tab
    },
  },
  'what could not be stored is tried again': {
    ms: 1000,
    async arrange(machine) {
      const tab = await watched(machine)
      tab.trouble.append = lost
      tab.store.transact((tx) => tx.add(votes, 1))
      await untilSet(tab, 1000)
      expect(tab.store.status.storage).toBe('lost')
      return tab
    },
  },
  'a log is about to be compacted': {
    ms: 0,
    async arrange(machine) {
      const tab = await watched(machine, { worthBytes: 1 })
      tab.store.transact((tx) => tx.add(votes, 1))
      await untilSet(tab, 0)
      return tab
    },
  },
  'a relay is waited for': {
    ms: 10_000,
    async arrange(machine) {
      const silent: Transport = { connect: () => ({ bufferedBytes: 0, send: () => undefined, close: () => undefined }) }
      const tab = await watched(machine, { transport: silent })
      await untilSet(tab, 10_000)
      return tab
    },
  },
  'a state is shown later': {
    ms: 700,
    async arrange(machine) {
      const tab = await watched(machine)
      tab.store.changes(everything, () => undefined, { every: 700 })
      for (let i = 0; i < 2; i++) {
        tab.store.transact((tx) => tx.add(votes, 1))
        await machine.run(2)
      }
      return tab
    },
  },
  'a transaction has so much time': {
    ms: 12_345,
    async arrange(machine) {
      const tab = await watched(machine)
      const body = (): Promise<never> => new Promise(() => undefined)
      tab.store.transactAsync(body, { timeoutMs: 12_345 }).catch(() => undefined)
      tab.store.transactAsync(body, { arbiter: 'browser', timeoutMs: 12_345 }).catch(() => undefined)
      await new Promise((resolve) => setImmediate(resolve))
      expect(tab.timers()).toEqual([12_345, 12_345])
      return tab
    },
  },
}

test.each(Object.keys(waits))('nothing is left of a store that is closed while %s', async (what) => {
  const { ms, arrange } = waits[what]!
  const tab = await arrange(machineOf(3))
  expect(tab.timers()).toContain(ms)
  await expectNothingLeft(tab)
})
