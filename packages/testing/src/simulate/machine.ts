import { startBrowser, type Browser } from './browser/browser.ts'
import { createDisk, type Disk } from './browser/disk.ts'
import type { Calls } from './calls.ts'
import type { Decider } from './decider.ts'
import { createMachineClock, type MachineClock } from './machine-clock.ts'
import type { Kernel } from './kernel.ts'
import { beginLife } from './life.ts'
import type { Way } from './network.ts'
import type { MachineRemains } from './remains.ts'
import { openTab, type Tab, type TabSide } from './tab.ts'
import type { Weather } from './weather.ts'

/** A person's machine: a clock, a disk, a browser with some tabs, a way to the relay. */
export interface Machine {
  readonly name: string
  readonly clock: MachineClock
  readonly disk: Disk
  readonly way: Way | undefined
  /** The browser that runs now; it outlives its tabs. */
  browser(): Browser
  /** Its tabs, each open, being opened, or undefined while it is closed. */
  readonly tabs: readonly (Tab | undefined)[]
  /** Those that have closed, and are let go of. */
  readonly leaving: ReadonlySet<Tab>
  /** How long after it has closed a tab may hold something. */
  readonly letGoMs: number
  /** Tabs that were ever opened. */
  sessions(): number
  /** Opens a tab in a place that is empty. */
  open(place: number): void
  /** Ends a tab without a word. */
  kill(place: number): void
  /** Ends the browser without a word, and with `isPowerLoss` takes what of its storage was not on the disk itself. Returns how much that was. */
  crash(isPowerLoss: boolean): number
  /** Closes a tab in good order; resolves with whether it has come to that. What it holds when it is gone is looked at a little later. */
  close(place: number): Promise<boolean>
}

/** What a machine needs of the world around it. */
export interface MachineSide {
  readonly kernel: Kernel
  readonly weather: Weather
  readonly decider: Decider
  readonly calls: Calls
  readonly hasLocks: boolean
  /** What a machine had stored is on its disk itself now. */
  onFlushed(machine: Machine): void
  /** A tab has closed in good order, some time ago, and ends now. */
  onGone(tab: Tab): void
  /** What a tab reports, by its session. */
  tabSide(machine: Machine, session: string): Omit<TabSide, 'browser' | 'clock' | 'decider' | 'way'>
}

/** When the operating system brings to the disk itself what was written. */
const FLUSHED_AFTER_MS = [500, 3000, 3000, 30_000]

/** How long after it has closed nobody holds anything any more: answers of storages and locks are under way. */
export const LET_GO_MS = 1000
/** Where tabs hold leases, one may still ask somebody who does not answer. */
const LET_GO_OF_LEASES_MS = 20_000

/** Turns on a machine with so many places for tabs, all empty. */
export function createMachine(
  name: string,
  places: number,
  way: Way | undefined,
  side: MachineSide,
  before?: MachineRemains,
): Machine {
  const { kernel, weather, decider } = side
  const onDirty = (): void => {
    const inMs = FLUSHED_AFTER_MS[decider.choose(`flush of ${name}`, FLUSHED_AFTER_MS.length)]!
    kernel.plan({
      party: name,
      kind: 'storage',
      label: 'flushes',
      inMs,
      run() {
        disk.flush()
        side.onFlushed(machine)
      },
    })
  }
  const disk = before?.disk.copy(onDirty) ?? createDisk(onDirty)
  const clock = createMachineClock(kernel, before?.skewMs)
  const tabs: (Tab | undefined)[] = Array.from({ length: places }, () => undefined)
  let browser = startBrowser(disk, weather, decider, side.calls, side.hasLocks)
  let sessions = before?.sessions ?? 0
  const leaving = new Set<Tab>()

  /** Looks at what a tab still holds that has closed. A frozen one lets go when it has thawed. */
  function letGo(tab: Tab): void {
    const { life } = tab
    const isFrozen = life.isFrozen()
    kernel.plan({
      party: life.party,
      kind: 'news',
      label: 'is gone',
      inMs: machine.letGoMs,
      run() {
        if (life.isOver()) return
        if (isFrozen) {
          letGo(tab)
          return
        }
        leaving.delete(tab)
        side.onGone(tab)
        life.end()
      },
    })
  }

  const machine: Machine = {
    name,
    clock,
    disk,
    way,
    browser: () => browser,
    tabs,
    leaving,
    letGoMs: side.hasLocks ? LET_GO_MS : LET_GO_OF_LEASES_MS,
    sessions: () => sessions,
    open(place) {
      if (tabs[place] !== undefined) return
      // Never the same name again: each is a party, and a session, of its own.
      const life = beginLife(kernel, `${name}/tab ${place + 1}${++sessions > places ? `/${sessions}` : ''}`)
      tabs[place] = openTab(life, { browser, clock, decider, way, ...side.tabSide(machine, life.party) })
    },
    kill(place) {
      tabs[place]?.life.end()
      tabs[place] = undefined
    },
    crash(isPowerLoss) {
      browser.indexedDb.end()
      for (const place of tabs.keys()) machine.kill(place)
      for (const { life } of leaving) life.end()
      leaving.clear()
      const unflushed = disk.unflushed()
      let lost = 0
      if (isPowerLoss && unflushed > 0) {
        const kept = unflushed - decider.choose(`power of ${name}`, unflushed + 1)
        lost = unflushed - kept
        disk.losePower(kept)
      }
      browser = startBrowser(disk, weather, decider, side.calls, side.hasLocks)
      return lost
    },
    async close(place) {
      const tab = tabs[place]
      await tab?.close()
      if (tabs[place] === tab) tabs[place] = undefined
      if (tab === undefined || tab.life.isOver()) return false
      leaving.add(tab)
      letGo(tab)
      return true
    },
  }
  return machine
}
