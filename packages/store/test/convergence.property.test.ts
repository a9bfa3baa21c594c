import { collection, counter, group, list, lww, place, set } from '@syncline/merge'
import { expect, test } from 'vitest'
import type { Basis, Snapshot } from '@syncline/stm'
import { everything, type Store } from '../src/index.ts'
import { newBrowser, openMortalTab } from './tab.ts'
import { createWorld, seededChance } from './world.ts'

const title = lww('title', '')
const votes = counter('votes')
const secret = lww('secret', '')
const steps = list<number>('steps')
const tags = set<number>('tags')
const period = group('period', { from: 0, to: 0 })
const cards = collection('cards', { title: '', done: false, place: place() })

interface Outcome {
  readonly commits: number
  readonly acknowledged: number
  readonly cuts: number
  readonly reloads: number
  readonly kills: number
  readonly deaths: number
  readonly failures: number
  readonly holds: number
  readonly switches: number
  readonly refused: number
  readonly sameBases: number
}

/**
 * Runs a random schedule of commits, cuts, reloads, killed tabs, relay deaths, full disks, storages that keep waiting, switched links and refusals in three
 * browsers with one to three tabs, then mends everything. Returns how often each happened.
 */
async function run(seed: number): Promise<Outcome> {
  const done = {
    commits: 0,
    acknowledged: 0,
    cuts: 0,
    reloads: 0,
    kills: 0,
    deaths: 0,
    failures: 0,
    holds: 0,
    switches: 0,
    refused: 0,
    sameBases: 0,
  }
  /** What was read at each basis, and by which tab first. */
  const charted = new Map<string, { readonly by: Store; readonly reads: string }>()
  function chart(by: Store, snapshot: Snapshot): void {
    const basis = nameOf(snapshot.basis)
    const reads = JSON.stringify(readAll(snapshot))
    const known = charted.get(basis)
    if (known === undefined) charted.set(basis, { by, reads })
    else if (known.reads !== reads) throw new Error(`At ${basis} one reads ${known.reads} and another ${reads}.`)
    else if (known.by !== by) done.sameBases++
  }
  const dice = seededChance(seed * 7919)
  const pick = (count: number): number => Math.floor(dice.fraction() * count)
  const world = await createWorld(seed, {
    refuse: (header) =>
      header.touched.some(({ address }) => address === 'secret')
        ? { code: 'forbidden', message: 'Not yours.' }
        : undefined,
  })
  const errors: unknown[] = []
  const open = async (browser: ReturnType<typeof newBrowser>) => {
    const tab = await openMortalTab(browser, world, (error) => errors.push(error))
    tab.store.changes(everything, ({ now }) => chart(tab.store, now), { initial: true })
    return tab
  }
  const browsers = [newBrowser(world.wire()), newBrowser(world.wire()), newBrowser(world.wire())]
  for (const [i, browser] of browsers.entries()) {
    for (let tab = 0; tab <= i; tab++) browser.tabs.push(await open(browser))
  }
  /** Steps whose Change was said to be durable or synced: none of them may be lost. */
  const promised = new Set<number>()

  for (let step = 0; step < 60; step++) {
    const browser = browsers[pick(browsers.length)]!
    const at = pick(browser.tabs.length)
    const tab = browser.tabs[at]!
    const { store } = tab
    switch (pick(17)) {
      case 0:
        browser.wire.cut()
        done.cuts++
        break
      case 1:
        browser.wire.mend()
        break
      case 2:
        tab.isFull = tab.isHeld = false
        await store.close()
        browser.tabs[at] = await open(browser)
        done.reloads++
        break
      case 3:
        tab.kill()
        browser.tabs[at] = await open(browser)
        done.kills++
        break
      case 4:
        if (pick(3) !== 0) break
        await world.restartRelay()
        done.deaths++
        break
      case 5:
        await world.clock.pass(pick(20_000))
        break
      case 6: {
        const receipt = store.transact((tx) => {
          tx.set(secret, `s${step}`)
          tx.set(title, `secret ${step}`)
        })
        void receipt.synced().catch(() => done.refused++)
        break
      }
      case 7:
        tab.isFull = pick(2) === 0
        done.failures++
        break
      case 8:
        tab.isHeld = pick(2) === 0
        if (tab.isHeld) done.holds++
        break
      case 9:
        if (pick(2) === 0) store.disconnect()
        else store.connect()
        done.switches++
        break
      default: {
        const card = cards.at(`c${pick(6)}`)
        const receipt = store.transact(
          (tx) => {
            tx.add(votes, 1)
            tx.insert(steps, pick(tx.get(steps).length + 1), step)
            if (pick(2) === 0) tx.include(tags, pick(8))
            else tx.exclude(tags, ...tx.get(tags).slice(pick(3)))
            // Whoever wrote it last, both are from one transaction.
            if (pick(3) === 0) tx.patch(period, { from: step, to: -step })
            if (tx.get(card) === undefined) tx.create(card, { title: `made ${step}` })
            else if (pick(5) === 0) tx.delete(card)
            else if (pick(2) === 0) tx.patch(card, { title: `edited ${step}`, done: pick(2) === 0 })
            if (tx.get(card) !== undefined) tx.move(card, cards.list(`l${pick(2)}`), 0)
            if (pick(4) === 0) tx.set(title, `t${step}`)
          },
          { meta: step },
        )
        done.commits++
        const keep = (): void => void promised.add(step)
        void receipt.durable().then(keep, () => undefined)
        void receipt.synced().then(
          () => {
            keep()
            done.acknowledged++
          },
          () => undefined,
        )
        if (pick(2) === 0) await world.clock.pass(pick(300))
      }
    }
    // What the relay has stored moves the basis, and is no commit.
    for (const { tabs: all } of browsers) for (const one of all) chart(one.store, one.store.snapshot)
  }
  for (const { wire, tabs } of browsers) {
    wire.mend()
    for (const tab of tabs) {
      tab.isFull = tab.isHeld = false
      tab.store.connect()
    }
  }
  await world.clock.pass(300_000)
  const fresh = await world.open({ transport: world.wire() })
  await world.clock.pass(2000)

  const view = (store: Store) => ({
    basis: store.snapshot.basis,
    ...readAll(store.snapshot),
    status: [store.status.pending, store.status.link, store.status.saved, store.status.storage],
  })
  const tabs = browsers.flatMap((browser) => browser.tabs)
  const want = view(fresh)
  expect(want).toMatchObject({ secret: '', status: [0, 'online', 'relay', 'ok'] })
  for (const { store } of tabs) expect(view(store)).toEqual(want)
  expect(want.period).toEqual({ from: want.period.from, to: 0 - want.period.from })
  const kept = new Set(want.steps)
  const refused = new Set(tabs.flatMap(({ store }) => store.refused.list().map(({ change }) => change.meta)))
  expect([...promised].filter((step) => !kept.has(step) && !refused.has(step))).toEqual([])
  expect([kept.size, want.votes]).toEqual([want.steps.length, want.steps.length])
  expect(want.votes).toBeLessThanOrEqual(done.commits)

  for (const { store } of tabs) await store.close()
  for (const { storage } of browsers) {
    const again = await world.open({ storage })
    expect({ ...view(again), basis: want.basis, status: want.status }).toEqual(want)
    await again.close()
  }
  await world.close()
  expect(world.clock.timers).toBe(0)
  expect(errors).toEqual([])
  return done
}

/** Everything that the schedule writes. */
function readAll(snapshot: Snapshot) {
  return {
    title: snapshot.get(title),
    secret: snapshot.get(secret),
    votes: snapshot.get(votes),
    steps: snapshot.get(steps),
    tags: snapshot.get(tags),
    period: snapshot.get(period),
    cards: [...snapshot.items(cards)],
    lists: [snapshot.get(cards.list('l0')), snapshot.get(cards.list('l1'))],
  }
}

/** The same words for the same basis. */
function nameOf({ epoch, relaySeq, writers }: Basis): string {
  return `${epoch} ${relaySeq} ${[...writers]
    .map(([writer, seq]) => `${writer}:${seq}`)
    .sort()
    .join(' ')}`
}

test('[SN10] [ST20] [ST21] [ST27] [ST29] replicas converge after any schedule, and nothing that was promised is lost', async () => {
  const total: Record<string, number> = {}
  for (let seed = 1; seed <= (process.env.SYNCLINE_LONG === '1' ? 5000 : 45); seed++) {
    try {
      for (const [what, count] of Object.entries(await run(seed))) total[what] = (total[what] ?? 0) + count
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
  }
  const { acknowledged = 0, ...others } = total
  expect(acknowledged).toBeGreaterThan(280)
  expect(Object.entries(others).filter(([, count]) => count < 12)).toEqual([])
}, 900_000)
