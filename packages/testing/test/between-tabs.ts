import type { Isolation, PlainOptions } from '@syncline/stm'
import { memoryStorage, openStore, type Storage, type Store, type TransactAsyncOptions } from '@syncline/store'
import { checkHistory } from '../src/index.ts'
import { inBatches, PER_STORE } from './batches.ts'
import { steps } from './between-clients.ts'
import { createCells } from './cells.ts'
import type { Judged, Summary } from './one-tab.ts'
import { createSchedule, type Schedule } from './schedule.ts'
import { runWorkload, type Step } from './workload.ts'

/** How transactions run. */
export interface Mode {
  readonly isolation: Isolation
  readonly steps?: readonly Step[]
  readonly reading?: 'get' | 'ensure' | 'peek'
}

/** Only who decides is different here; to the compiler these are options of local refs, so that one workload serves both. */
const refs = { arbiter: 'browser' } as unknown as PlainOptions<'local'>

/** Runs many histories in the tabs of one browser, two to four, on refs that the browser decides about. */
export function runBetweenTabs(histories: number, mode: Mode, first = 1): Promise<Summary> {
  return inBatches(histories, first, (from, last, each) => runInOneBrowser(from, last, mode, each))
}

async function runInOneBrowser(
  first: number,
  last: number,
  mode: Mode,
  each: (seed: number, judged: Judged) => void,
): Promise<void> {
  const schedule = createSchedule(first)
  const errors: unknown[] = []
  const { locks, channels, ...log } = memoryStorage()
  // Without locks tabs do not take turns: they get in each other's way again and again.
  const haveTurns = Math.floor(first / PER_STORE) % 4 === 0
  const storage = slowly(haveTurns ? { ...log, locks, channels } : { ...log, channels }, schedule)
  const stores: Store[] = []
  for (let tab = 2 + (Math.floor(first / PER_STORE) % 3); tab > 0; tab--) {
    const { clock, chance } = schedule
    stores.push(await openStore({ space: 'sim', storage, clock, chance, onError: (error) => errors.push(error) }))
  }
  for (let seed = first; seed <= last; seed++) each(seed, await runOne(seed, schedule, stores, mode))
  await schedule.run(stores.map((store) => store.close()))
  if (errors.length > 0) throw new AggregateError(errors, `Seeds ${first} to ${last}: the stores reported errors.`)
}

/** A storage that takes its time, so that others go on while an entry is under way. */
function slowly(storage: Storage, schedule: Schedule): Storage {
  return {
    ...storage,
    async openLog(space) {
      const log = await storage.openLog(space)
      return {
        ...log,
        async append(entry, options) {
          await schedule.pause()
          return log.append(entry, options)
        },
      }
    },
  }
}

async function runOne(
  seed: number,
  schedule: Schedule,
  stores: readonly Store[],
  { isolation, steps: someSteps = steps, reading }: Mode,
): Promise<Judged> {
  // A body that does not await may be run again together with others, and see what they will have written: or will not, and then nothing
  // comes of it. So that all runs can be looked at, all bodies await in every second history.
  const areSomeAtOnce = seed % 2 === 1
  const options = { arbiter: 'browser', isolation, attempts: 1000 } as unknown as TransactAsyncOptions<'local'>
  const { history, counts } = await runWorkload({
    schedule,
    cells: createCells(`h${seed}`, refs),
    workers: Array.from({ length: 2 * stores.length + (seed % 3) }, (_, i) => stores[i % stores.length]!),
    options,
    rounds: 2,
    isLocal: false,
    areSomeAtOnce,
    steps: someSteps,
    reading,
  })
  return { report: checkHistory(history, { sessions: true, opacity: !areSomeAtOnce }), counts }
}
