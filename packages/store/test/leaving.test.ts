import fc from 'fast-check'
import { counter, lww } from '@syncline/merge'
import { expect, test } from 'vitest'
import { memoryStorage, openStore, StoreError, type Storage, type Store } from '../src/index.ts'
import { createWorld, settle, virtualClock } from './world.ts'

const votes = counter('votes')
const title = lww('title', '')

/** What a page hands over to the browser, which stores it later, or does not. */
interface Page {
  readonly storage: Storage
  /** Handed over, and not stored yet. */
  readonly handed: number
  /** The page is left, hidden or frozen. */
  leave(): void
  /** Of what is handed over from now on the browser hears nothing. */
  end(): void
  /** The browser does what comes first, or refuses it; `unheard` when the page has died before it could hear of that. */
  perform(isStored: boolean, answer?: 'heard' | 'unheard'): Promise<void>
  readonly listeners: number
}

function pageOn(base: Storage): Page {
  const handed: ((isStored: boolean, isHeard: boolean) => Promise<unknown>)[] = []
  const listeners = new Set<() => void>()
  let isOver = false
  return {
    storage: {
      ...base,
      async openLog(space) {
        const log = await base.openLog(space)
        return {
          ...log,
          append: (entry, options) =>
            new Promise((resolve, reject) => {
              if (isOver) return
              handed.push((isStored, isHeard) => {
                if (isStored) return log.append(entry, options).then(isHeard ? resolve : undefined, reject)
                reject(new StoreError('storage-full', 'There is no room.'))
                return settle()
              })
            }),
        }
      },
      onLeaving(listener) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    },
    get handed() {
      return handed.length
    },
    leave: () => listeners.forEach((listener) => listener()),
    end: () => void (isOver = true),
    async perform(isStored, answer = 'heard') {
      await handed.shift()?.(isStored, answer === 'heard')
      await settle()
    },
    get listeners() {
      return listeners.size
    },
  }
}

const add = (store: Pick<Store, 'transact'>): void => void store.transact((tx) => tx.add(votes, 1))

for (const isFirstStored of [true, false]) {
  test(`[ST37] a page that ends while an append is under way has handed over what waits (the append is ${isFirstStored ? 'stored' : 'refused'})`, async () => {
    const base = memoryStorage()
    const page = pageOn(base)
    const clock = virtualClock()
    const store = await openStore({ space: 'board', storage: page.storage, clock })
    add(store)
    await settle()
    add(store)
    store.transact((tx) => tx.set(title, 'last words'))
    await settle()
    expect(page.handed).toBe(1)
    page.leave()
    expect(page.handed).toBe(2)
    page.end()

    await page.perform(isFirstStored)
    await page.perform(true)
    const next = await openStore({ space: 'board', storage: base, clock })
    expect([next.get(votes), next.get(title)]).toEqual([2, 'last words'])
    await next.close()
  })
}

test('[ST37] what others commit when they hear of it is handed over too, each in its own task', async () => {
  const base = memoryStorage()
  const page = pageOn(base)
  const store = await openStore({ space: 'board', storage: page.storage, clock: virtualClock() })
  page.leave()
  for (let i = 1; i <= 4; i++) {
    add(store)
    await settle()
    expect(page.handed).toBe(i)
  }
  page.end()
  for (let i = 0; i < 4; i++) await page.perform(true)
  const next = await openStore({ space: 'board', storage: base, clock: virtualClock() })
  expect(next.get(votes)).toBe(4)
  await next.close()
})

test('[ST37] when nothing waits nothing is handed over, and a page that comes back gathers what waits as before', async () => {
  const page = pageOn(memoryStorage())
  const store = await openStore({ space: 'board', storage: page.storage, clock: virtualClock() })
  page.leave()
  page.leave()
  await settle()
  expect(page.handed).toBe(0)
  add(store)
  await settle()
  page.leave()
  expect(page.handed).toBe(1)
  await page.perform(true)
  add(store)
  await settle()
  add(store)
  add(store)
  await settle()
  expect(page.handed).toBe(1)
  await page.perform(true)
  expect(page.handed).toBe(1)
  await page.perform(true)
  expect(store.status).toMatchObject({ unsaved: 0, saved: 'device' })
  await store.close()
  expect(page.listeners).toBe(0)
})

test('[ST37] a log that refuses is asked again at once, not after its second', async () => {
  const page = pageOn(memoryStorage())
  const clock = virtualClock()
  const store = await openStore({ space: 'board', storage: page.storage, clock })
  add(store)
  await settle()
  await page.perform(false)
  expect([page.handed, store.status.storage]).toEqual([0, 'quota'])
  page.leave()
  expect(page.handed).toBe(1)
  await page.perform(true)
  expect(store.status).toMatchObject({ storage: 'ok', unsaved: 0 })
  await store.close()
  expect(clock.timers).toBe(0)
})

test('[ST37] whatever the browser refuses, what a page has handed over is a prefix, and in the end all is stored once', async () => {
  let refused = 0
  let ahead = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('commit', 'commit', 'turn', 'leave', 'stored', 'refused'), {
        minLength: 12,
        maxLength: 40,
        size: 'max',
      }),
      async (steps) => {
        const base = memoryStorage()
        const page = pageOn(base)
        const clock = virtualClock()
        const store = await openStore({ space: 'board', storage: page.storage, clock })
        let committed = 0
        const durable: Promise<unknown>[] = []
        const shown: string[] = []
        const sibling = await openStore({ space: 'board', storage: base, clock })
        sibling.changes(votes, ({ value }) => void shown.push(`${value} ${sibling.get(title)}`))
        for (const step of steps) {
          switch (step) {
            case 'commit':
              committed += 1
              durable.push(
                store
                  .transact((tx) => {
                    tx.add(votes, 1)
                    tx.set(title, `title ${committed}`)
                  })
                  .durable()
                  .catch(() => undefined),
              )
              break
            case 'turn':
              await settle()
              break
            case 'leave': {
              const before = page.handed
              page.leave()
              if (before > 0 && page.handed > before) ahead += 1
              break
            }
            default:
              if (page.handed > 0 && step === 'refused') refused += 1
              await page.perform(step === 'stored')
          }
        }
        for (let i = 0; i < 100 && (page.handed > 0 || store.status.unsaved > 0); i++) {
          await page.perform(true)
          if (page.handed === 0) await clock.pass(1000)
        }
        await Promise.all(durable)
        expect(store.status).toMatchObject({ storage: 'ok', unsaved: 0 })
        await clock.pass(10)
        expect(sibling.get(votes)).toBe(committed)
        // Never one without all before it.
        for (const each of shown) expect(each).toBe(`${parseInt(each, 10)} title ${parseInt(each, 10)}`)
        await store.close()
        await sibling.close()
        const next = await openStore({ space: 'board', storage: base, clock })
        expect([next.get(votes), next.get(title)]).toEqual([committed, committed === 0 ? '' : `title ${committed}`])
        await next.close()
        expect(clock.timers).toBe(0)
      },
    ),
    { seed: 37, numRuns: process.env.SYNCLINE_LONG === '1' ? 3000 : 60 },
  )
  expect([refused > 20, ahead > 20]).toEqual([true, true])
})

test('[ST38] the tabs next to a page that has ended show its last words, though it did not live to tell them', async () => {
  const base = memoryStorage()
  const page = pageOn(base)
  const clock = virtualClock()
  const store = await openStore({ space: 'board', storage: page.storage, clock })
  const sibling = await openStore({ space: 'board', storage: base, clock })
  store.transact((tx) => tx.set(title, 'last words'))
  page.leave()
  await settle()
  expect(sibling.get(title)).toBe('')
  page.end()
  await page.perform(true, 'unheard')
  await clock.pass(1_000)
  expect(sibling.get(title)).toBe('last words')
  await sibling.close()
})

test('[ST38] what a tab has stored before it died is sent by the one that runs the link', async () => {
  const world = await createWorld(1)
  const browser = memoryStorage()
  const linked = await world.open({ storage: browser, transport: world.wire() })
  await world.clock.pass(100)
  const page = pageOn(browser)
  const dying = await openStore({ space: 'board', storage: page.storage, clock: world.clock })
  dying.transact((tx) => tx.set(title, 'unsaid'))
  await settle()
  await page.perform(true, 'unheard')
  expect(linked.get(title)).toBe('')
  await world.clock.pass(15_000)
  expect([linked.get(title), linked.status.saved]).toEqual(['unsaid', 'relay'])
  await world.close()
})
