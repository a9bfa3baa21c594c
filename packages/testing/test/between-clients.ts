import type { Isolation, PlainOptions } from '@syncline/stm'
import { memoryStorage, openStore, type Store, type TransactAsyncOptions } from '@syncline/store'
import { checkHistory } from '../src/index.ts'
import { createCells } from './cells.ts'
import { createNetwork, type Network } from './network.ts'
import { addTo, emptySummary, type Judged, type Summary } from './one-tab.ts'
import { createSchedule, type Schedule } from './schedule.ts'
import { runWorkload, type Step } from './workload.ts'

/** What transactions on `relay` refs do, by turns. Registers are read before they are written, for nobody sees every value of one. */
export const steps: readonly Step[] = [
  'append',
  'append',
  'read',
  'read',
  'insert',
  'read inserted',
  'update',
  'look',
  'look',
  'pair',
  'add',
  'range',
  'range',
  'undo',
  'or else',
]

/** How transactions run. */
export interface Mode {
  readonly isolation: Isolation
  readonly steps?: readonly Step[]
  readonly reading?: 'get' | 'ensure' | 'peek'
}

/** Only who decides is different here; to the compiler these are options of local refs, so that one workload serves both. */
const refs = { arbiter: 'relay' } as unknown as PlainOptions<'local'>

/** Histories that share their stores. */
const PER_STORE = 50

/** Runs many histories in two browsers, the first of which has two tabs, on refs that the relay decides about. */
export async function runBetweenClients(histories: number, mode: Mode, first = 1): Promise<Summary> {
  const summary = emptySummary()
  for (let seed = first; seed < first + histories; seed += PER_STORE) {
    const last = Math.min(seed + PER_STORE, first + histories) - 1
    await runInOneNetwork(seed, last, mode, (at, judged) => addTo(summary, at, judged))
  }
  return summary
}

async function runInOneNetwork(
  first: number,
  last: number,
  mode: Mode,
  each: (seed: number, judged: Judged) => void,
): Promise<void> {
  const schedule = createSchedule(first)
  const network = createNetwork(schedule)
  const errors: unknown[] = []
  const stores: Store[] = []
  for (let browser = 0; browser < 2; browser++) {
    const [storage, transport] = [memoryStorage(), network.wire()]
    for (let tab = browser === 0 ? 2 : 1; tab > 0; tab--) {
      const { clock } = network
      const opening = openStore({
        space: 'sim',
        storage,
        transport,
        clock,
        chance: schedule.chance,
        onError: (error) => errors.push(error),
      })
      stores.push(await opening)
    }
  }
  for (let seed = first; seed <= last; seed++) each(seed, await runOne(seed, schedule, stores, mode))
  await schedule.run(stores.map((store) => store.close()))
  await schedule.run([close(network)])
  if (errors.length > 0) throw new AggregateError(errors, `Seeds ${first} to ${last}: the stores reported errors.`)
}

/** Twelve to fifteen transactions: each is a conversation, and many short histories find more than a few long ones. */
async function runOne(
  seed: number,
  schedule: Schedule,
  stores: readonly Store[],
  { isolation, steps: someSteps = steps, reading }: Mode,
): Promise<Judged> {
  const workers = 4 + (seed % 2)
  const options = { arbiter: 'relay', isolation, attempts: 1000 } as unknown as TransactAsyncOptions<'local'>
  const { history, counts } = await runWorkload({
    schedule,
    cells: createCells(`h${seed}`, refs),
    workers: Array.from({ length: workers }, (_, i) => stores[i % stores.length]!),
    options,
    rounds: 3,
    isLocal: false,
    steps: someSteps,
    reading,
    beforeTheEnd: () => untilEven(schedule, stores),
  })
  return { report: checkHistory(history, { realTime: true, sessions: true, opacity: true }), counts }
}

/** Until all stores have heard of everything. */
async function untilEven(schedule: Schedule, stores: readonly Store[]): Promise<void> {
  const seqs = (): number[] => stores.map(({ snapshot }) => snapshot.basis.relaySeq)
  while (Math.max(...seqs()) !== Math.min(...seqs())) await schedule.pause()
}

async function close(network: Network): Promise<void> {
  await network.close()
}
