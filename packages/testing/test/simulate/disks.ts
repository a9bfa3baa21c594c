import { indexedDb, type Surroundings } from '@syncline/idb'
import { openStore, type Clock, type Storage, type Store, type StoreOptions } from '@syncline/store'
import { startBrowser, type Browser } from '../../src/simulate/browser/browser.ts'
import { createDisk, type Disk, type StoredStore } from '../../src/simulate/browser/disk.ts'
import type { Key } from '../../src/simulate/browser/keys.ts'
import { createPage, type SimulatedPage } from '../../src/simulate/browser/page.ts'
import { unheard, type StorageCalls } from '../../src/simulate/calls.ts'
import { createKernel, type Kernel } from '../../src/simulate/kernel.ts'
import { beginLife, type Life } from '../../src/simulate/life.ts'
import { createMachineClock } from '../../src/simulate/machine-clock.ts'
import { createWeather } from '../../src/simulate/weather.ts'

/** A machine with a browser of its own, in virtual time. */
export interface Machine {
  readonly disk: Disk
  /** Its browser, with which something may happen. */
  readonly browser: Browser
  /** The storage called `app`, in a tab of its own. */
  storage(): Storage
  surroundings(life?: Life): Surroundings
  /** A tab that does nothing yet. */
  life(): Life
  /** The time of this machine, for whoever is beside it. */
  clock(): Clock
  /** Opens a store in a tab of its own. What it reports goes to `errors`. */
  open(options?: Partial<StoreOptions>): Promise<Store>
  /** The same, and the tab. */
  openTab(options?: Partial<StoreOptions>): Promise<OpenTab>
  readonly errors: unknown[]
  /** Lets everything happen until the promise is settled. */
  until<T>(promise: Promise<T>): Promise<T>
  /** Lets so many events happen, or all that there are. */
  run(most?: number): Promise<void>
}

/** A tab with a store that is open. */
export interface OpenTab {
  readonly store: Store
  readonly life: Life
  readonly page: SimulatedPage
}

/** Turns on a machine; the same seed does the same. `calls` hears of those of its storage. Without Web Locks its tabs hold leases. */
export function machineOf(
  seed: number,
  disk: Disk = createDisk(),
  calls: StorageCalls = unheard,
  hasWebLocks = true,
): Machine {
  const kernel: Kernel = createKernel(seed)
  const { decider } = kernel
  const weather = createWeather(decider, {})
  const browser: Browser = startBrowser(disk, weather, decider, calls, hasWebLocks)
  const clock = createMachineClock(kernel)
  const errors: unknown[] = []
  let tabs = 0
  const newLife = (): Life => beginLife(kernel, `tab ${++tabs}`)
  const machine: Machine = {
    disk,
    browser,
    errors,
    surroundings: (life = newLife()) => browser.surroundings(life, createPage()),
    life: newLife,
    clock: () => clock.of(newLife()),
    storage: () => indexedDb('app', machine.surroundings()),
    open: async (options) => (await machine.openTab(options)).store,
    async openTab(options = {}) {
      const life = newLife()
      const page = createPage()
      const store = await machine.until(
        openStore({
          space: 'board',
          storage: indexedDb('app', browser.surroundings(life, page)),
          clock: clock.of(life),
          chance: decider.chance(life.party),
          onError: (error) => errors.push(error),
          ...options,
        }),
      )
      return { store, life, page }
    },
    async until(promise) {
      let isOver = false
      const over = (): void => void (isOver = true)
      promise.then(over, over)
      for (let steps = 0; !isOver; steps++) {
        if (steps > 100_000) throw new Error('It does not come to an end.')
        if (!(await kernel.step())) await new Promise((resolve) => setImmediate(resolve))
      }
      return promise
    },
    async run(most = 100_000) {
      for (let steps = 0; steps < most && (await kernel.step()); steps++)
        await new Promise((resolve) => setImmediate(resolve))
    },
  }
  return machine
}

/** One record of a disk. */
export interface Place {
  readonly store: string
  readonly key: Key
}

/** Where the records of the database called `app` are, of these object stores. */
export function placesOf(disk: Disk, ...names: readonly string[]): readonly Place[] {
  return names.flatMap((store) =>
    storeOf(disk, store)
      .records.keysBetween({ lower: -Infinity, upper: [[[[]]]], lowerOpen: false, upperOpen: false }, Infinity)
      .map((key) => ({ store, key })),
  )
}

/** Puts something else in the place of a record, as no transaction would: indexes stay as they are. */
export function damage(disk: Disk, { store, key }: Place, change: (value: unknown) => unknown): void {
  const { records } = storeOf(disk, store)
  records.put(key, change(records.get(key)))
}

/** Takes a record out of its store, and out of the indexes. */
export function makeHole(disk: Disk, { store, key }: Place): void {
  const { records, indexes } = storeOf(disk, store)
  records.delete(key)
  for (const { records: indexed } of indexes.values()) {
    for (const at of indexed.keysBetween(
      { lower: -Infinity, upper: [[[[]]]], lowerOpen: false, upperOpen: false },
      Infinity,
    )) {
      if (JSON.stringify(indexed.get(at)) === JSON.stringify(key)) indexed.delete(at)
    }
  }
}

/** What stands in a place. */
export function valueAt(disk: Disk, { store, key }: Place): unknown {
  return storeOf(disk, store).records.get(key)
}

function storeOf(disk: Disk, name: string): StoredStore {
  return disk.databases.get('syncline:app')!.stores.get(name)!
}
