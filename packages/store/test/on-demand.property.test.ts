import { collection, counter, list, lww, place } from '@syncline/merge'
import type { Basis, Readable, Snapshot } from '@syncline/stm'
import { expect, test } from 'vitest'
import { everything, StoreError, type Loaded, type Storage, type Store } from '../src/index.ts'
import { smallLogs } from './small-logs.ts'
import { newBrowser, openMortalTab, type MortalTab } from './tab.ts'
import { createWorld, passing, seededChance } from './world.ts'

const title = lww('title', '')
const secret = lww('secret', '')
const votes = counter('votes')
const steps = list<number>('steps')
const cards = collection('cards', { title: '', done: false, place: place() })
const rows = collection('rows', { text: '' })

/** What may be on demand, and how it is read. */
const portions: readonly { readonly readable: Readable<unknown>; read(snapshot: Snapshot): unknown }[] = [
  { readable: votes, read: (snapshot) => snapshot.get(votes) },
  { readable: steps, read: (snapshot) => snapshot.get(steps) },
  {
    readable: cards,
    read: (snapshot) => [
      [...snapshot.items(cards)],
      snapshot.get(cards.list('l0')),
      snapshot.get(cards.list('l1')),
      snapshot.get(cards.at('c1')),
    ],
  },
  { readable: rows, read: (snapshot) => [snapshot.get(rows), [...snapshot.items(rows)]] },
]

interface Tab {
  readonly of: MortalTab
  readonly held: Map<Readable<unknown>, Loaded[]>
}

/**
 * A random schedule in two browsers, whose tabs have each some of the space on demand, and others nothing, with logs that are compacted again and again. What is loaded
 * must read as it does at the same basis in every other tab.
 */
async function run(seed: number): Promise<Record<string, number>> {
  const done = {
    commits: 0,
    loads: 0,
    failedLoads: 0,
    evictions: 0,
    loadsWhileOthersWrite: 0,
    refusedReads: 0,
    oldReads: 0,
    sameReads: 0,
    undos: 0,
    refused: 0,
    reloads: 0,
    kills: 0,
    compactions: 0,
    passedOver: 0,
  }
  const charted = new Map<string, { readonly by: Store; readonly reads: string }>()
  function chart(tab: { readonly store: Store }, snapshot: Snapshot): void {
    for (const [i, { readable, read }] of portions.entries()) {
      if (!tab.store.isLoaded(readable)) continue
      const key = `${nameOf(snapshot.basis)} ${i}`
      const reads = JSON.stringify(read(snapshot))
      const known = charted.get(key)
      if (known === undefined) charted.set(key, { by: tab.store, reads })
      else if (known.reads !== reads) throw new Error(`At ${key} one reads ${known.reads} and another ${reads}.`)
      else if (known.by !== tab.store) done.sameReads++
    }
  }
  const dice = seededChance(seed * 7907)
  const pick = (count: number): number => Math.floor(dice.fraction() * count)
  const world = await createWorld(seed, {
    refuse: (header) =>
      header.touched.some(({ address }) => address === 'secret')
        ? { code: 'forbidden', message: 'Not yours.' }
        : undefined,
  })
  const errors: unknown[] = []
  /** Whether reading a log from its beginning takes time, so that others write meanwhile. */
  let isSlow = false
  function slowly(storage: Storage): Storage {
    return {
      ...storage,
      async openLog(space) {
        const log = await storage.openLog(space)
        return {
          ...log,
          async read(after, each, ...how) {
            if (isSlow && after === 0)
              await new Promise<void>((resolve) => world.clock.setTimer(1 + pick(200), resolve))
            const end = await log.read(after, each, ...how)
            if (isSlow && after === 0)
              await new Promise<void>((resolve) => world.clock.setTimer(1 + pick(200), resolve))
            return end
          },
        }
      },
    }
  }
  const browsers = [newBrowser(world.wire()), newBrowser(world.wire())].map((browser) => ({
    ...browser,
    storage: slowly(smallLogs(browser.storage, 1_000)),
    tabs: new Array<Tab>(),
  }))
  type Browser = (typeof browsers)[number]

  async function open(browser: Browser): Promise<Tab> {
    isSlow = false
    const onDemand = pick(4) === 0 ? [] : portions.filter(() => pick(3) > 0).map(({ readable }) => readable)
    const of = await openMortalTab(browser, world, (error) => errors.push(error), { onDemand })
    const tab = { of, held: new Map<Readable<unknown>, Loaded[]>() }
    isSlow = true
    of.store.changes(everything, ({ now }) => chart(of, now), { initial: true })
    return tab
  }
  for (const [i, browser] of browsers.entries()) {
    for (let tab = 0; tab <= 1 + i; tab++) browser.tabs.push(await open(browser))
  }

  async function load({ of, held }: Tab, readable: Readable<unknown>): Promise<void> {
    const { relaySeq } = of.store.snapshot.basis
    const isNews = !of.store.isLoaded(readable)
    const loaded = await of.store.load(readable)
    held.set(readable, [...(held.get(readable) ?? []), loaded])
    if (!isNews) return
    done.loads++
    if (of.store.snapshot.basis.relaySeq > relaySeq) done.loadsWhileOthersWrite++
    chart(of, of.store.snapshot)
  }

  function write(store: Store, step: number, isSecret: boolean): void {
    const can = (readable: Readable<unknown>): boolean => store.isLoaded(readable) && pick(3) > 0
    const receipt = store.transact(
      (tx) => {
        tx.set(title, `t${step}`)
        if (isSecret) tx.set(secret, `s${step}`)
        if (can(votes)) tx.add(votes, 1)
        if (can(steps)) tx.insert(steps, pick(tx.get(steps).length + 1), step)
        if (can(rows)) {
          for (let i = 0; i < 5; i++) {
            const row = rows.at(`r${pick(20)}`)
            if (tx.get(row) === undefined) tx.create(row, { text: `row of ${step}` })
            else tx.patch(row, { text: `again in ${step}` })
          }
        }
        if (!can(cards)) return
        const card = cards.at(`c${pick(5)}`)
        if (tx.get(card) === undefined) tx.create(card, { title: `made ${step}` })
        else if (pick(4) === 0) tx.delete(card)
        else tx.patch(card, { title: `edited ${step}`, done: pick(2) === 0 })
        if (tx.get(card) !== undefined) tx.move(card, cards.list(`l${pick(2)}`), 0)
      },
      { meta: step },
    )
    done.commits++
    void receipt.synced().catch(() => done.refused++)
  }

  const oldOnes: {
    readonly store: Store
    readonly snapshot: Snapshot
    readonly reads: readonly (string | undefined)[]
  }[] = []
  const readsOf = (snapshot: Snapshot): readonly (string | undefined)[] =>
    portions.map(({ read }) => {
      try {
        return JSON.stringify(read(snapshot))
      } catch (error) {
        if ((error as { code?: string }).code !== 'not-loaded') throw error
        return undefined
      }
    })

  for (let step = 0; step < 70; step++) {
    const browser = browsers[pick(browsers.length)]!
    const at = pick(browser.tabs.length)
    const tab = browser.tabs[at]!
    const { store } = tab.of
    const { readable } = portions[pick(portions.length)]!
    switch (pick(22)) {
      case 0:
        browser.wire.cut()
        break
      case 1:
      case 2:
        browser.wire.mend()
        break
      case 3:
        tab.of.isFull = false
        {
          const closing = store.close()
          await world.clock.pass(500)
          await closing
        }
        browser.tabs[at] = await open(browser)
        done.reloads++
        break
      case 4:
        tab.of.kill()
        browser.tabs[at] = await open(browser)
        done.kills++
        break
      case 5:
        if (pick(3) === 0) await world.restartRelay()
        break
      case 6:
        await world.clock.pass(pick(20_000))
        break
      case 7:
        write(store, step, true)
        break
      case 8:
        tab.of.isFull = pick(3) === 0
        break
      case 9:
        if (!store.undoStack().undoable) break
        try {
          store.undo()
          done.undos++
        } catch (error) {
          if (!['not-loaded', 'unknown-policy'].includes((error as { code: string }).code)) throw error
          done.refusedReads++
        }
        break
      case 10:
      case 11:
      case 12:
      case 15:
      case 16:
        // It may still be on its way when the next things happen.
        void load(tab, readable).catch((error: unknown) => {
          if (!(error instanceof StoreError)) errors.push(error)
          done.failedLoads++
        })
        if (pick(2) === 0) await world.clock.pass(pick(300))
        break
      case 13:
      case 14: {
        for (const [held, all] of tab.held) {
          const wasLoaded = store.isLoaded(held)
          for (const loaded of all) loaded.release()
          tab.held.delete(held)
          if (wasLoaded && !store.isLoaded(held)) done.evictions++
          if (pick(2) === 0) break
        }
        break
      }
      case 20:
        oldOnes.push({ store, snapshot: store.snapshot, reads: readsOf(store.snapshot) })
        break
      default:
        write(store, step, false)
        if (pick(2) === 0) await world.clock.pass(pick(300))
    }
    for (const { tabs } of browsers) for (const { of } of tabs) chart(of, of.store.snapshot)
    for (const { snapshot, reads } of oldOnes) {
      readsOf(snapshot).forEach((now, i) => {
        // What is gone is not told; what was not there then may have come since, at the same version.
        if (now === undefined || reads[i] === undefined) return
        if (now !== reads[i]) throw new Error(`An old Snapshot read ${reads[i]}, and reads ${now}.`)
        done.oldReads++
      })
    }
  }
  for (const { wire, tabs } of browsers) {
    wire.mend()
    for (const { of } of tabs) {
      of.isFull = false
      of.store.connect()
    }
  }
  isSlow = false
  await world.clock.pass(300_000)
  const fresh = await world.open({ transport: world.wire() })
  await world.clock.pass(2000)
  const view = (store: Store) => ({
    basis: store.snapshot.basis,
    title: store.get(title),
    reads: readsOf(store.snapshot),
    status: [store.status.pending, store.status.link, store.status.saved, store.status.storage],
  })
  const want = view(fresh)
  // Where all was refused the relay has nothing.
  const saved = want.basis.epoch === null ? 'device' : 'relay'
  expect(want.status).toEqual([0, 'online', saved, 'ok'])
  for (const { tabs } of browsers) {
    for (const tab of tabs) {
      for (const { readable } of portions) await passing(world, load(tab, readable))
      expect(view(tab.of.store)).toEqual(want)
    }
  }
  for (const { tabs } of browsers) for (const { of } of tabs) await of.store.close()
  for (const { storage } of browsers) {
    const log = await storage.openLog('board')
    await log.read(0, (bytes) => {
      if (bytes[1] === 12) done.passedOver++
      if (bytes[1] === 9 || bytes[1] === 10) done.compactions++
    })
    await log.close()
    for (const onDemand of [[], portions.map(({ readable }) => readable)]) {
      const again = await world.open({ storage, onDemand })
      for (const { readable } of portions) await again.load(readable)
      expect({ ...view(again), status: want.status }).toEqual(want)
      await again.close()
    }
  }
  await world.close()
  expect(errors).toEqual([])
  return done
}

/** The same words for the same basis. */
function nameOf({ epoch, relaySeq, writers }: Basis): string {
  return `${epoch} ${relaySeq} ${[...writers]
    .map(([writer, seq]) => `${writer}:${seq}`)
    .sort()
    .join(' ')}`
}

test('[OD4] [OD5] [OD6] what comes and goes reads as if it had been there all the time, whatever happens', async () => {
  const total: Record<string, number> = {}
  for (let seed = 1; seed <= (process.env['SYNCLINE_LONG'] === '1' ? 2000 : 6); seed++) {
    try {
      for (const [what, count] of Object.entries(await run(seed))) total[what] = (total[what] ?? 0) + count
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
  }
  const { sameReads = 0, oldReads = 0, loads = 0, ...others } = total
  expect([sameReads > 1500, oldReads > 300, loads > 60]).toEqual([true, true, true])
  expect(Object.entries(others).filter(([, count]) => count < 1)).toEqual([])
}, 900_000)
