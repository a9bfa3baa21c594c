import { indexedDb } from '@syncline/idb'
import type { HeldLock, Storage } from '@syncline/store'
import { expect, test } from 'vitest'
import { createDisk } from '../../src/simulate/browser/disk.ts'
import { createPage, type SimulatedPage } from '../../src/simulate/browser/page.ts'
import { unheard } from '../../src/simulate/calls.ts'
import type { Life } from '../../src/simulate/life.ts'
import { createRandom } from '../../src/simulate/random.ts'
import { machineOf, type Machine } from './disks.ts'
import { many, seeds, SEEDS_TIMEOUT_MS } from './seeds.ts'

const RUNS = seeds(150, 20_000)
const TABS = 4
const STEPS = 30
const KEYS = ['x', 'y'] as const
/** So long it takes to see that tabs are dead, at most: twenty questions of half a second each for those that shared, and the storage. */
const MOST_MS = 12_000

/** A lock that a tab was given and has not let go of. */
interface Holding {
  readonly key: string
  readonly held: HeldLock
  readonly isShared: boolean
}

interface Tab {
  readonly life: Life
  readonly page: SimulatedPage
  readonly locks: Required<NonNullable<Storage['locks']>>
  readonly holdings: Set<Holding>
  /** How many it has asked for and has no answer to. */
  waits: number
}

const never = (): AbortSignal => new AbortController().signal

/** What became of the locks of one run: how often each thing has happened. */
type Tally = Record<'held' | 'shared' | 'tried' | 'crash' | 'freeze' | 'drop' | 'left', number>

/** Tabs without Web Locks take locks, let go of them, and end, as the seed has it. */
async function runOne(seed: number, tally: Tally): Promise<void> {
  const machine = machineOf(seed, createDisk(), unheard, false)
  const random = createRandom(seed, 'locks')
  const draw = (below: number): number => Math.floor(random() * below)
  const tabs = Array.from({ length: TABS }, () => start(machine))
  const together: string[] = []

  /** Somebody is given a lock, and nobody who lives has it; or not. */
  function onGiven(tab: Tab, key: string, isShared: boolean, held: HeldLock | undefined): void {
    tab.waits -= 1
    if (held === undefined || tab.life.isOver()) return
    for (const { life, holdings } of tabs) {
      const isHeld = [...holdings].some((one) => one.key === key && !(isShared && one.isShared))
      if (isHeld) together.push(`${tab.life.party} was given ${key}, which ${life.party} has`)
    }
    const holding: Holding = { key, held, isShared }
    tab.holdings.add(holding)
    void held.lost.then(() => tab.holdings.delete(holding))
  }

  function letGo(tab: Tab): void {
    for (const holding of tab.holdings) {
      tab.holdings.delete(holding)
      holding.held.release()
    }
  }

  function end(at: number): void {
    const tab = tabs[at]!
    tab.life.end()
    tabs[at] = start(machine)
  }

  async function pass(ms: number): Promise<void> {
    await machine.until(new Promise<void>((resolve) => void machine.clock().setTimer(ms, resolve)))
  }

  for (let step = 0; step < STEPS; step++) {
    const at = draw(TABS)
    const tab = tabs[at]!
    const key = KEYS[draw(KEYS.length)]!
    switch (draw(10)) {
      case 0:
      case 1:
        tally.held++
        tab.waits += 1
        void tab.locks.hold(key, never()).then((held) => onGiven(tab, key, false, held))
        break
      case 2:
        tally.shared++
        tab.waits += 1
        void tab.locks.share(key, never()).then((held) => onGiven(tab, key, true, held))
        break
      case 3:
        tally.tried++
        tab.waits += 1
        void tab.locks.tryHold(key).then((held) => onGiven(tab, key, false, held))
        break
      case 4:
      case 5:
      case 6:
        letGo(tab)
        break
      case 7:
        tally.crash++
        end(at)
        break
      case 8:
        if (draw(2) === 0) {
          tally.drop++
          machine.browser.indexedDb.drop(tab.life)
        } else {
          tally.left++
          tab.page.dispatch('pagehide')
          end(at)
        }
        break
      default:
        tally.freeze++
        tab.page.dispatch('freeze')
        tab.life.freeze()
        // Not so long that what it shares is taken for dead.
        await pass(draw(6_000))
        tab.life.thaw()
        tab.page.dispatch('resume')
    }
    await pass(draw(1_500))
  }

  // Whoever waits is given it, as soon as those who live let go.
  for (let turn = 0; turn < TABS * STEPS; turn++) {
    for (const tab of tabs) letGo(tab)
    await pass(200)
  }
  expect(
    tabs.map(({ waits }) => waits),
    `seed ${seed}`,
  ).toEqual(tabs.map(() => 0))
  for (const key of KEYS) {
    const clock = machine.clock()
    const beganMs = clock.nowMs()
    const held = await machine.until(tabs[0]!.locks.hold(key, never()))
    expect(clock.nowMs() - beganMs, `seed ${seed}: ${key}`).toBeLessThan(MOST_MS)
    held.release()
  }
  expect(together, `seed ${seed}`).toEqual([])
}

function start(machine: Machine): Tab {
  const life = machine.life()
  const page = createPage()
  const { locks } = indexedDb('app', machine.browser.surroundings(life, page))
  return { life, page, locks: locks as Tab['locks'], holdings: new Set(), waits: 0 }
}

test(
  `[ID26] ${many(RUNS, 'runs of tabs without Web Locks')}: no two who live hold one lock, and it is given when who held it has ended`,
  async () => {
    const tally: Tally = { held: 0, shared: 0, tried: 0, crash: 0, freeze: 0, drop: 0, left: 0 }
    for (let seed = 1; seed <= RUNS; seed++) await runOne(seed, tally)
    expect(Math.min(...Object.values(tally))).toBeGreaterThan(RUNS)
  },
  SEEDS_TIMEOUT_MS,
)
