import type { Isolation, PlainOptions } from '@syncline/stm'
import { memoryStorage, openStore, type Store, type TransactAsyncOptions } from '@syncline/store'
import { checkHistory } from '../src/index.ts'
import { inBatches } from './batches.ts'
import { createCells } from './cells.ts'
import { createNetwork, type Network, type Wire } from './network.ts'
import { steps as allSteps, type Judged, type Summary } from './one-tab.ts'
import { createSchedule, type Schedule } from './schedule.ts'
import { runWorkload, type Step } from './workload.ts'

/** What transactions on `relay` refs do, by turns. Registers are read before they are written, for nobody sees every value of one. */
export const steps: readonly Step[] = allSteps.filter((step) => step !== 'overwrite')

/** How transactions run. */
export interface Mode {
  readonly isolation: Isolation
  readonly steps?: readonly Step[]
  readonly reading?: 'get' | 'ensure' | 'peek'
  /** How many work at the least. The more there are, the more they meet. Default 3. */
  readonly crowd?: number
  /** Whether wires are cut and the relay is killed while they run. */
  readonly isTroubled?: boolean
}

/** Only who decides is different here; to the compiler these are options of local refs, so that one workload serves both. */
const refs = { arbiter: 'relay' } as unknown as PlainOptions<'local'>

/** Runs many histories in two browsers, the first of which has two tabs, on refs that the relay decides about. */
export function runBetweenClients(histories: number, mode: Mode, first = 1): Promise<Summary> {
  return inBatches(histories, first, (from, last, each) => runInOneNetwork(from, last, mode, each))
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
  const wires: Wire[] = []
  for (let browser = 0; browser < 2; browser++) {
    const [storage, transport] = [memoryStorage(), network.wire()]
    wires.push(transport)
    for (let tab = browser === 0 ? 2 : 1; tab > 0; tab--) {
      const opening = openStore({
        space: 'sim',
        storage,
        transport,
        clock: schedule.clock,
        chance: schedule.chance,
        onError: (error) => errors.push(error),
      })
      stores.push(await opening)
    }
  }
  for (let seed = first; seed <= last; seed++)
    each(seed, await runOne(seed, schedule, stores, mode, mode.isTroubled === true ? { network, wires } : undefined))
  await schedule.run(stores.map((store) => store.close()))
  await schedule.run([close(network)])
  if (errors.length > 0) throw new AggregateError(errors, `Seeds ${first} to ${last}: the stores reported errors.`)
}

/** Nine to twelve transactions: each is a conversation, and many short histories find more than a few long ones. */
async function runOne(
  seed: number,
  schedule: Schedule,
  stores: readonly Store[],
  { isolation, steps: someSteps = steps, reading, crowd = 3 }: Mode,
  trouble: Trouble | undefined,
): Promise<Judged> {
  const workers = crowd + (seed % 2)
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
    ...(trouble !== undefined && { trouble: (areDone) => makeTrouble(trouble, schedule, areDone) }),
    beforeTheEnd: () => untilEven(schedule, stores),
  })
  return { report: checkHistory(history, { realTime: true, sessions: true, opacity: true }), counts }
}

/** What can go wrong. */
interface Trouble {
  readonly network: Network
  readonly wires: readonly Wire[]
}

/** Cuts wires and kills the relay, now and then, as long as anybody works. */
async function makeTrouble({ network, wires }: Trouble, schedule: Schedule, areDone: () => boolean): Promise<void> {
  while (!areDone()) {
    await sleep(schedule, schedule.random(400))
    const wire = wires[schedule.random(wires.length)]!
    if (schedule.random(3) === 0) network.restart()
    else wire.cut()
    await sleep(schedule, schedule.random(1000))
    wire.mend()
  }
}

/** Time passes here when nobody else can go on: whoever waits for a link must not keep it from being opened by waiting. */
function sleep({ clock }: Schedule, ms: number): Promise<void> {
  return new Promise((resolve) => clock.setTimer(ms, resolve))
}

/** Until all stores have heard of everything. */
async function untilEven(schedule: Schedule, stores: readonly Store[]): Promise<void> {
  const seqs = (): number[] => stores.map(({ snapshot }) => snapshot.basis.relaySeq)
  while (Math.max(...seqs()) !== Math.min(...seqs())) await sleep(schedule, 100)
}

async function close(network: Network): Promise<void> {
  await network.close()
}
