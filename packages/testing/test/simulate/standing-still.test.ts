import { counter } from '@syncline/merge'
import { expect, test } from 'vitest'
import { createKernel, type Kernel } from '../../src/simulate/kernel.ts'
import type { Tab } from '../../src/simulate/tab.ts'
import { createWorld, type World } from '../../src/simulate/world.ts'

const votes = counter('votes')
const app = { refs: { votes }, actions: {} }

interface Started {
  readonly kernel: Kernel
  readonly world: World
  /** Three tabs of one browser, of which the first runs the link, and one of another. */
  readonly tabs: readonly Tab[]
}

async function start(seed: number, places: readonly number[] = [3, 1]): Promise<Started> {
  const kernel = createKernel(seed)
  const world = createWorld(kernel, { app, tabs: places, relay: {}, faults: {} })
  for (const machine of world.machines) {
    for (const place of machine.tabs.keys()) {
      machine.open(place)
      await kernel.pass(1000)
    }
  }
  const tabs = world.machines.flatMap((machine) => machine.tabs.map((tab) => tab!))
  expect(tabs.map(({ store }) => store()?.status.link)).toEqual(tabs.map(() => 'online'))
  return { kernel, world, tabs }
}

const add = (tab: Tab): void => void tab.store()!.transact((tx) => tx.add(votes, 1))
const read = (tab: Tab): number => tab.store()!.get(votes)

test('[ST40] the link is taken from a tab that stands still, which then goes on without, and nothing is lost or doubled', async () => {
  let unsaved = 0
  let takings = 0
  for (let seed = 1; seed <= 8; seed++) {
    const started = await start(seed)
    const { kernel, world, tabs } = started
    const [first, second, third, far] = tabs as [Tab, Tab, Tab, Tab]
    // It stops in the middle of something.
    add(first)
    if (seed % 2 === 0) await kernel.pass(seed)
    unsaved += first.store()!.status.unsaved
    first.freeze(false)
    add(far)
    add(second)
    await kernel.pass(5_500)
    for (const tab of [second, third, far]) expect([seed, read(tab)]).toEqual([seed, read(far)])
    expect(read(far)).toBeGreaterThanOrEqual(2)
    expect(read(first)).toBe(1)
    const steals = (): number => kernel.chronicle.happenings.filter(({ label }) => label.startsWith('steals ')).length
    const taken = steals()
    expect(taken).toBeGreaterThan(0)
    takings += taken
    add(far)
    await kernel.pass(seed % 3 === 0 ? 60_000 : 500)
    first.thaw()
    add(first)
    add(third)
    await kernel.pass(30_000)
    expect([seed, ...tabs.map(read)]).toEqual([seed, 6, 6, 6, 6])
    expect(tabs.map(({ store }) => [store()!.status.link, store()!.status.pending])).toEqual(
      tabs.map(() => ['online', 0]),
    )
    expect(world.failure()).toBeUndefined()
    // It stays where it is, and who was robbed does not take it back.
    expect([seed, steals()]).toEqual([seed, taken])
  }
  expect(unsaved).toBeGreaterThan(2)
  // Mostly one of them takes it: the other hears of it before it does the same.
  expect(takings).toBeLessThan(8 + 3)
})

test('[ST40] a tab that works keeps the link, and many tabs ask no more often than one', async () => {
  const { kernel, tabs } = await start(7)
  const { happenings } = kernel.chronicle
  const before = happenings.length
  await kernel.pass(600_000)
  expect(tabs.map(({ store }) => store()!.status.link)).toEqual(['online', 'online', 'online', 'online'])
  const since = happenings.slice(before)
  expect(since.filter(({ label }) => label.startsWith('steals '))).toEqual([])
  // Each question and each answer comes to two tabs.
  const news = since.filter(({ kind }) => kind === 'news').length / 2 / 2
  expect(news).toBeGreaterThan(600 / 2.5)
  expect(news).toBeLessThan(600 / 1.5)
})

/**
 * How many milliseconds after something has happened to the tab that runs the link another one connects, for these numbers of tabs and some seeds. It happens when the tab has just answered the others:
 * there is no moment from which it takes them longer to notice.
 */
async function replacedAfter(happen: (world: World) => void): Promise<readonly number[]> {
  const found: number[] = []
  for (const tabs of [2, 3, 8]) {
    for (let seed = 1; seed <= 12; seed++) {
      const { kernel, world } = await start(seed, [tabs])
      const { happenings } = kernel.chronicle
      const { party } = world.machines[0]!.tabs[0]!.life
      const [started, hasAnswered] = [
        happenings.length,
        () => happenings.slice(started).some(({ from }) => from === party),
      ]
      while (!hasAnswered()) await kernel.pass(10)
      const before = happenings.length
      const beganMs = kernel.nowMs()
      happen(world)
      // What it does in that task it has done.
      await new Promise(setImmediate)
      await kernel.pass(6_000)
      const next = happenings.slice(before).find(({ label, kind }) => kind === 'message' && label === 'connects')
      found.push((next?.atMs ?? Infinity) - beganMs)
    }
  }
  return found
}

test('[ST16] a tab that runs the link and dies is replaced within two seconds', async () => {
  const found = await replacedAfter((world) => world.machines[0]!.kill(0))
  expect(Math.max(...found)).toBeLessThan(2_000)
})

test('[ST40] one that is frozen is replaced within two seconds when its page is told, and within five when nobody tells it', async () => {
  const told = await replacedAfter((world) => world.machines[0]!.tabs[0]!.freeze(true))
  expect(Math.max(...told)).toBeLessThan(2_000)
  const untold = await replacedAfter((world) => world.machines[0]!.tabs[0]!.freeze(false))
  expect(Math.max(...untold)).toBeLessThan(5_000)
  // However many ask at the same moment: whoever has a lot to do is given as long as when one asks.
  expect(Math.min(...untold)).toBeGreaterThan(3_900)
})
