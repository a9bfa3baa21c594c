import { indexedDb } from '@syncline/idb'
import { everything, openStore, type Log, type RefusedChange, type Store } from '@syncline/store'
import type { Browser } from './browser/browser.ts'
import { createPage, type SimulatedPage } from './browser/page.ts'
import type { Decider } from './decider.ts'
import { codeOf } from './ledger.ts'
import type { Life } from './life.ts'
import type { MachineClock } from './machine-clock.ts'
import { drawDemand, type Demand } from './demand.ts'
import type { Way } from './network.ts'
import type { Readable, Snapshot } from '@syncline/stm'

/** The space that all share. */
export const SPACE = 'simulation'

/** A tab from its opening to its end: a real store on a simulated browser. */
export interface Tab {
  readonly life: Life
  /** Undefined while it opens. */
  store(): Store | undefined
  /** Whether it is being closed, which may take a while. */
  isClosing(): boolean
  /** Stops it, or lets it go on; `isTold`: whether the page hears of it, and can let go of its locks. `onWaits` hears when the first thing waits for it. */
  freeze(isTold: boolean, onWaits?: () => void): void
  thaw(): void
  /** Closes its store in good order; resolves when that is done. Then it holds nothing, and can end. */
  close(): Promise<void>
  /** What it has on demand. */
  readonly demand: Demand
  /** Its Snapshot reads otherwise, as something has come into its memory. */
  look(): void
  /** What it holds of all that is given to it: locks, channels, connections, listeners. */
  holds(): readonly string[]
}

/** The browser of a tab, by its session. */
export function browserOfSession(session: string): string {
  return session.split('/', 1)[0]!
}

/** Whether a tab says that the relay has another log than it knows. */
export function isCutOff(tab: Tab): boolean {
  return tab.store()?.status.problem?.code === 'epoch-changed'
}

/** What a tab needs of the world around it. */
export interface TabSide {
  readonly browser: Browser
  readonly clock: MachineClock
  readonly decider: Decider
  /** Undefined: it stays alone. */
  readonly way: Way | undefined
  /** What the app has on demand. */
  readonly onDemand: readonly Readable<unknown>[]
  onOpen(store: Store): void
  /** Each Snapshot that somebody could see, from the first on, and what is listed then as refused. */
  onSnapshot(snapshot: Snapshot, refused: readonly RefusedChange[]): void
  onError(error: unknown): void
  /** Whether logs are compacted when that saves little. */
  readonly compacts: boolean
  /** A log was compacted. */
  onCompacted(): void
}

/** So little is worth being compacted, so that a schedule has it a few times: a handful of Changes. */
const WORTH_BYTES = 1000

/** Opens a tab. What its store reports after it has died is nobody's concern. */
export function openTab(life: Life, side: TabSide): Tab {
  const { browser, clock, decider, way } = side
  const page: SimulatedPage = createPage()
  const demand = drawDemand(side.onDemand, decider, life.party)
  let store: Store | undefined
  let isToldFrozen = false
  let isClosing = false
  /** Who listens for the loss of a log. */
  let losses = 0
  const report = (error: unknown): void => {
    if (!life.isOver()) side.onError(error)
  }

  const storage = indexedDb('app', browser.surroundings(life, page))
  async function openLog(space: string): Promise<Log> {
    const log = await storage.openLog(space)
    return {
      ...log,
      ...(side.compacts && { worthBytes: WORTH_BYTES }),
      async replace(upTo, entries, claim) {
        await log.replace(upTo, entries, claim)
        side.onCompacted()
      },
      onLost(listener) {
        const stop = log.onLost(listener)
        let isListening = true
        losses += 1
        return () => {
          stop()
          if (isListening) losses -= 1
          isListening = false
        }
      },
    }
  }

  openStore({
    space: SPACE,
    storage: { ...storage, openLog },
    ...(way !== undefined && { transport: way.transport(life) }),
    clock: clock.of(life),
    chance: decider.chance(life.party),
    onError: report,
    onDemand: demand.readables,
  }).then((opened) => {
    if (life.isOver()) return
    store = opened
    opened.changes(everything, ({ now }) => side.onSnapshot(now, opened.refused.list()), { initial: true })
    side.onOpen(opened)
  }, report)

  return {
    life,
    store: () => store,
    isClosing: () => isClosing,
    freeze(isTold, onWaits) {
      isToldFrozen = isTold
      if (isTold) page.dispatch('freeze')
      life.freeze(onWaits)
    },
    thaw() {
      life.thaw()
      if (!isToldFrozen) return
      isToldFrozen = false
      page.dispatch('resume')
    },
    async close() {
      isClosing = true
      try {
        await store?.close()
      } catch (error) {
        // What the storage did not take is lost, and it has said so.
        if (codeOf(error) !== 'storage-failed') report(error)
      }
    },
    demand,
    look: () => side.onSnapshot(store!.snapshot, store!.refused.list()),
    holds: () => [
      ...life.holds(),
      ...page.listeners.map((type) => `listener to ${type}`),
      ...Array.from({ length: losses }, () => 'listener to losses of its log'),
    ],
  }
}
