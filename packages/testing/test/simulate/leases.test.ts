import { deleteDatabase, indexedDb, type Surroundings } from '@syncline/idb'
import { lww } from '@syncline/merge'
import type { Storage, Store } from '@syncline/store'
import { beforeEach, expect, test } from 'vitest'
import { createPage, type SimulatedPage } from '../../src/simulate/browser/page.ts'
import { unheard } from '../../src/simulate/calls.ts'
import { createDisk } from '../../src/simulate/browser/disk.ts'
import type { Life } from '../../src/simulate/life.ts'
import { machineOf, type Machine } from './disks.ts'

/** A tab of a browser without Web Locks, with its locks. */
interface Tab {
  readonly life: Life
  readonly page: SimulatedPage
  readonly surroundings: Surroundings
  readonly locks: Required<NonNullable<Storage['locks']>>
}

const never = (): AbortSignal => new AbortController().signal
const withoutWebLocks = (seed: number): Machine => machineOf(seed, createDisk(), unheard, false)

function tabOf({ browser, life: newLife }: Machine, other?: (own: Surroundings) => Partial<Surroundings>): Tab {
  const life = newLife()
  const page = createPage()
  const own = browser.surroundings(life, page)
  const surroundings = { ...own, ...other?.(own) }
  return { life, page, surroundings, locks: indexedDb('app', surroundings).locks as Tab['locks'] }
}

/** What a tab may do with the table of leases. */
const disk = { canRead: true, canWrite: true }

/** A tab whose storage does what `disk` says. */
function brittleTab(machine: Machine): Tab {
  return tabOf(machine, ({ databases }) => ({
    databases: {
      ...databases!,
      async open(...which) {
        const database = await databases!.open(...which)
        const begin = database.transaction.bind(database)
        database.transaction = (names, mode, options) => {
          if (!disk.canRead) throw new DOMException('It cannot be read.', 'UnknownError')
          if (!disk.canWrite && mode === 'readwrite') throw new DOMException('There is no room.', 'QuotaExceededError')
          return begin(names, mode, options)
        }
        return database
      },
    },
  }))
}

beforeEach(() => void Object.assign(disk, { canRead: true, canWrite: true }))

/** Whether a promise has resolved when all that happens within some seconds has happened. */
async function isSettled(machine: Machine, promise: Promise<unknown>, seconds = 20): Promise<boolean> {
  let isOver = false
  void promise.then(() => (isOver = true))
  await machine.until(new Promise<void>((resolve) => void machine.clock().setTimer(seconds * 1000, resolve)))
  return isOver
}

test.each([
  ['freeze', 'resume'],
  ['pagehide', 'pageshow'],
] as const)(
  '[ID26] a page that had nothing any more while it was away (%s) is given what it asks for when it is back (%s)',
  async (away, back) => {
    const machine = withoutWebLocks(1)
    const { page, locks } = tabOf(machine)
    const held = await machine.until(locks.hold('x', never()))
    page.dispatch(away)
    await machine.until(held.lost)
    await machine.run()
    page.dispatch(back)
    const again = await machine.until(locks.hold('x', never()))
    again.release()
    await machine.until(again.freed)
    // Asked for meanwhile, it waits.
    const before = await machine.until(locks.hold('x', never()))
    page.dispatch(away)
    await machine.until(before.lost)
    await machine.run()
    const waiting = locks.hold('x', never())
    await machine.run()
    page.dispatch(back)
    const last = await machine.until(waiting)
    last.release()
    await machine.until(last.freed)
    expect(page.listeners).toEqual([])
  },
)

test('[ID26] who is robbed is told, at whatever moment the browser drops the connection of the thief', async () => {
  let drops = 0
  // What was under way is stored or not, as the seed has it.
  for (let seed = 2; seed < 12; seed++) {
    for (let moment = 0; ; moment++) {
      const machine = withoutWebLocks(seed)
      const [one, other] = [tabOf(machine), tabOf(machine)]
      const held = await machine.until(one.locks.hold('x', never()))
      let isOver = false
      const stealing = other.locks.steal!('x').finally(() => (isOver = true))
      await machine.run(moment)
      if (isOver) break
      if (machine.browser.indexedDb.drop(other.life)) drops++
      await machine.until(Promise.all([stealing, held.lost]))
    }
  }
  expect(drops).toBeGreaterThan(10)
})

test('[ID26] what is asked for while the code is loaded is given in turn, and who gives up does not wait for it', async () => {
  const machine = withoutWebLocks(20)
  let load: (() => void) | undefined
  const tab = tabOf(machine, ({ loadLeases }) => ({
    loadLeases: () => new Promise((resolve) => (load = () => resolve(loadLeases()))),
  }))
  const giving = new AbortController()
  const [held, tried, left] = [tab.locks.hold('x', never()), tab.locks.tryHold('x'), tab.locks.hold('y', giving.signal)]
  giving.abort(new Error('no longer wanted'))
  await expect(left).rejects.toThrow('no longer wanted')
  load!()
  const one = await machine.until(held)
  expect(await machine.until(tried)).toBeUndefined()
  expect(await machine.until(tab.locks.tryHold('y'))).toBeDefined()
  expect(await machine.until(tabOf(machine).locks.tryHold('x'))).toBeUndefined()
  one.release()
})

test('[ID26] where the code cannot be loaded a store does not open, and says why; it does when it is there', async () => {
  const machine = withoutWebLocks(21)
  let isThere = false
  const { surroundings } = tabOf(machine, ({ loadLeases }) => ({
    loadLeases: async () => {
      if (!isThere) throw new TypeError('Failed to fetch dynamically imported module')
      return loadLeases()
    },
  }))
  const storage = indexedDb('app', surroundings)
  await expect(machine.open({ storage })).rejects.toMatchObject({
    code: 'storage-failed',
    message: expect.stringMatching(/"app".*no Web Locks.*Failed to fetch/),
  })
  isThere = true
  const store = await machine.open({ storage })
  expect(store.status.storage).toBe('ok')
  await machine.until(store.close())
})

test('[ID26] where the table can be read and not written who lets go says so, and who waits is given the lock', async () => {
  const machine = withoutWebLocks(22)
  const [one, other] = [brittleTab(machine), brittleTab(machine)]
  const held = await machine.until(one.locks.hold('x', never()))
  // It goes on, and answers.
  const kept = await machine.until(one.locks.hold('y', never()))
  const waiting = other.locks.hold('x', never())
  expect(await isSettled(machine, waiting)).toBe(false)
  disk.canWrite = false
  held.release()
  const next = await machine.until(waiting)
  expect(await machine.until(other.locks.tryHold('y'))).toBeUndefined()
  disk.canWrite = true
  // What is in the table is theirs now.
  expect(await isSettled(machine, next.lost)).toBe(false)
  expect(await machine.until(one.locks.tryHold('x'))).toBeUndefined()
  kept.release()
  next.release()
})

test('[ID26] while the table cannot be read nobody is given what another one was seen to hold, and nobody loses what they hold', async () => {
  const machine = withoutWebLocks(23)
  const [one, other] = [brittleTab(machine), brittleTab(machine)]
  const held = await machine.until(one.locks.hold('x', never()))
  let isLost = false
  void held.lost.then(() => (isLost = true))
  const waiting = other.locks.hold('x', never())
  expect(await isSettled(machine, waiting)).toBe(false)
  disk.canRead = false
  held.keep()
  expect([await isSettled(machine, waiting), isLost]).toEqual([false, false])
  // Also then it is seen that it is dead.
  one.life.end()
  const next = await machine.until(waiting)
  next.release()
})

test('[ID26] what a dead tab shared is given to who tries for it again after twenty questions, and not what a living one shares', async () => {
  const machine = withoutWebLocks(27)
  const [dead, living, other] = [tabOf(machine), tabOf(machine), tabOf(machine)]
  await machine.until(dead.locks.share('x', never()))
  await machine.until(living.locks.share('y', never()))
  // A store that is open holds locks all the time.
  const own = await machine.until(other.locks.hold('own', never()))
  dead.life.end()
  expect(await machine.until(other.locks.tryHold('x'))).toBeUndefined()
  await isSettled(machine, own.lost, 10)
  const held = await machine.until(other.locks.tryHold('x'))
  expect(held).toBeDefined()
  for (let i = 0; i < 3; i++) {
    expect(await machine.until(other.locks.tryHold('y'))).toBeUndefined()
    await isSettled(machine, own.lost, 10)
  }
  // Who has let go of all asks nobody any more.
  living.life.end()
  expect(await machine.until(other.locks.tryHold('y'))).toBeUndefined()
  for (const each of [held!, own]) each.release()
  await machine.run()
  expect(other.life.holds()).toEqual([])
})

test('[ID26] a line of the table that is damaged is in nobody’s way', async () => {
  for (const [i, line] of ['rubbish', [17, null, {}], undefined].entries()) {
    const machine = withoutWebLocks(24 + i)
    const { disk: machineDisk } = machine
    await machine.until(tabOf(machine).locks.hold('x', never()))
    const lines = [...machineDisk.databases.values()].flatMap(({ stores }) => [...stores.values()])
    for (const { records } of lines) {
      const everything = { lower: [''], upper: ['x', []], lowerOpen: false, upperOpen: false }
      for (const key of records.keysBetween(everything as never, Infinity))
        records.put(key, { ...(records.get(key) as object), line })
    }
    const taken = await machine.until(tabOf(machine).locks.hold('x', never()))
    taken.release()
    await machine.until(taken.freed)
    expect(await machine.until(tabOf(machine).locks.tryHold('x'))).toBeDefined()
  }
})

test('[ID26] [ID8] who holds a lock when the storage is deleted holds it still, and who waits goes on waiting', async () => {
  for (let seed = 30; seed < 60; seed++) {
    const machine = withoutWebLocks(seed)
    const [one, other, third] = [tabOf(machine), tabOf(machine), tabOf(machine)]
    const held = await machine.until(one.locks.hold('x', never()))
    const shared = await machine.until(one.locks.share('y', never()))
    let isLost = false
    void held.lost.then(() => (isLost = true))
    let isGiven = false
    const waiting = other.locks.hold('x', never()).then((it) => ((isGiven = true), it))
    // It stands in the line.
    await isSettled(machine, waiting, 1)
    await machine.until(third.locks.tryHold('x'))
    await machine.until(deleteDatabase('app', third.surroundings))
    await isSettled(machine, held.lost, 2)
    expect([isLost, isGiven], `seed ${seed}`).toEqual([false, false])
    expect(await machine.until(third.locks.tryHold('x'))).toBeUndefined()
    expect(await machine.until(third.locks.tryHold('y'))).toBeUndefined()
    held.release()
    const next = await machine.until(waiting)
    for (const each of [next, shared]) each.release()
  }
})

test('[ID26] who held a lock when the table was cleared, and was not first to take it again, is told', async () => {
  const machine = withoutWebLocks(60)
  const [one, other] = [tabOf(machine), tabOf(machine)]
  const held = await machine.until(one.locks.hold('x', never()))
  one.life.freeze()
  machine.disk.databases.clear()
  machine.browser.indexedDb.drop(one.life)
  const taken = await machine.until(other.locks.hold('x', never()))
  one.life.thaw()
  await machine.until(held.lost)
  expect(await isSettled(machine, taken.lost)).toBe(false)
  taken.release()
})

const title = lww('title', '')

/** Ends a tab without a word, that could undo one step, and opens another. Resolves to that, and to how long it took. */
async function openAfterCrash(machine: Machine): Promise<{ readonly store: Store; readonly tookMs: number }> {
  const { store, life } = await machine.openTab()
  await machine.until(store.transact((tx) => tx.set(title, 'before')).durable())
  life.end()
  const clock = machine.clock()
  const began = clock.nowMs()
  const next = await machine.open()
  return { store: next, tookMs: clock.nowMs() - began }
}

test('[UN5] [ID26] nobody waits for a store until it is seen that a tab has ended; then it can undo what that could', async () => {
  const machine = withoutWebLocks(3)
  const { store, tookMs } = await openAfterCrash(machine)
  expect(tookMs).toBeLessThan(1000)
  expect(store.get(title)).toBe('before')
  const stack = store.undoStack()
  expect(stack.undoable).toBe(false)
  await machine.until(new Promise<void>((resolve) => stack.onChange(resolve)))
  expect(stack.undoable).toBe(true)
  store.undo()
  expect(store.get(title)).toBe('')
  await machine.until(store.close())
  // It is one stack: who comes next goes on with it.
  const next = await machine.open()
  expect(next.undoStack()).toMatchObject({ undoable: false, redoable: true })
  await machine.until(next.close())
  expect(machine.errors).toEqual([])
})

test('[UN5] [ID26] what was done before it was seen stays a stack of its own', async () => {
  const machine = withoutWebLocks(4)
  const { store } = await openAfterCrash(machine)
  await machine.until(store.transact((tx) => tx.set(title, 'mine')).durable())
  await machine.run()
  store.undo()
  expect([store.get(title), store.undoStack().undoable]).toEqual(['before', false])
  await machine.until(store.close())
  expect(machine.errors).toEqual([])
})

test('[UN5] [ID26] a store that is closed before it was seen leaves it to the next', async () => {
  const machine = withoutWebLocks(5)
  const { store } = await openAfterCrash(machine)
  await machine.until(store.close())
  await machine.run()
  const next = await machine.open()
  const stack = next.undoStack()
  if (!stack.undoable) await machine.until(new Promise<void>((resolve) => stack.onChange(resolve)))
  expect(next.get(title)).toBe('before')
  next.undo()
  expect(next.get(title)).toBe('')
  await machine.until(next.close())
  expect(machine.errors).toEqual([])
})
