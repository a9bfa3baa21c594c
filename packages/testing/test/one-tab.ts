import type { Isolation, PlainOptions } from '@syncline/stm'
import { memoryStorage, openStore, type Store } from '@syncline/store'
import { checkHistory, type AnomalyType, type Model } from '../src/index.ts'
import { counted } from './counted.ts'
import { createCells } from './cells.ts'
import { createSchedule, type Schedule } from './schedule.ts'
import { noCounts, runWorkload, type Counts, type Step } from './workload.ts'

/** What transactions do, by turns. */
export const steps: readonly Step[] = [
  'append',
  'append',
  'read',
  'read',
  'insert',
  'read inserted',
  'update',
  'overwrite',
  'look',
  'look',
  'pair',
  'add',
  'range',
  'range',
  'undo',
  'or else',
]

/** Under snapshot isolation these give what it excludes otherwise: they do not care what they overwrite. */
export const commuting: readonly Step[] = ['commute', 'commute insert']

/** How transactions run. */
export interface Mode {
  readonly isolation: Isolation
  readonly steps: readonly Step[]
  readonly refs?: PlainOptions<'local'>
  /** How bodies read: `ensure` also makes each read count, `peek` makes none count. */
  readonly reading?: 'get' | 'ensure' | 'peek'
}

/** What many histories show. */
export interface Summary {
  /** Of each promise, in how many histories it was kept. */
  readonly kept: Record<Model, number>
  readonly anomalies: Partial<Record<AnomalyType, number>>
  readonly counts: Counts
  committed: number
  readonly letters: Map<Model, string>
  /** The first history that does not keep this promise, in words. */
  letter(model: Model): string
}

/** The summary of no history. */
export function emptySummary(): Summary {
  const letters = new Map<Model, string>()
  return {
    kept: {
      serializable: 0,
      'session-serializable': 0,
      'strict-serializable': 0,
      'snapshot-isolation': 0,
      'session-snapshot-isolation': 0,
      'strong-snapshot-isolation': 0,
    },
    anomalies: {},
    counts: noCounts(),
    committed: 0,
    letters,
    letter: (model) => letters.get(model) ?? '',
  }
}

/** Adds one more history. */
export function addTo(summary: Summary, seed: number, { report, counts }: Judged): void {
  for (const key of Object.keys(counts) as (keyof Counts)[]) summary.counts[key] += counts[key]
  for (const [type, count] of Object.entries(report.counts.anomalies)) {
    const key = type as AnomalyType
    summary.anomalies[key] = (summary.anomalies[key] ?? 0) + count
  }
  summary.committed += report.counts.committed
  for (const model of Object.keys(summary.kept) as Model[]) {
    if (report.holds[model]) summary.kept[model] += 1
    else if (!summary.letters.has(model)) {
      const words = report.anomalies.map(({ type, explanation }) => `  ${type}: ${explanation}`)
      summary.letters.set(model, [`The history of seed ${seed} is not ${model}.`, ...words].join('\n'))
    }
  }
}

/** Histories that share their stores: opening two takes as long as one history. */
const PER_STORE = 50

/** Runs many histories in one tab, in every second store with another tab beside, and sums up what the checker says. */
export async function runInOneTab(histories: number, mode: Mode, first = 1): Promise<Summary> {
  const summary = emptySummary()
  for (let seed = first; seed < first + histories; seed += PER_STORE) {
    const last = Math.min(seed + PER_STORE, first + histories) - 1
    await runInOneStore(seed, last, mode, (at, judged) => addTo(summary, at, judged))
  }
  counted('histories', histories)
  return summary
}

export interface Judged {
  readonly report: ReturnType<typeof checkHistory>
  readonly counts: Counts
}

async function runInOneStore(
  first: number,
  last: number,
  mode: Mode,
  each: (seed: number, judged: Judged) => void,
): Promise<void> {
  const schedule = createSchedule(first)
  const errors: unknown[] = []
  const storage = memoryStorage()
  const open = (): Promise<Store> =>
    openStore({
      space: 'sim',
      storage,
      clock: schedule.clock,
      chance: schedule.chance,
      onError: (error) => errors.push(error),
    })
  const store = await open()
  const sibling = Math.floor(first / PER_STORE) % 2 === 0 ? await open() : undefined
  for (let seed = first; seed <= last; seed++) each(seed, await runOne(seed, schedule, store, sibling, mode))
  await schedule.run([store.close(), sibling?.close() ?? Promise.resolve()])
  if (errors.length > 0) throw new AggregateError(errors, `Seeds ${first} to ${last}: the stores reported errors.`)
}

/** About thirty transactions. */
async function runOne(
  seed: number,
  schedule: Schedule,
  store: Store,
  sibling: Store | undefined,
  { isolation, steps: someSteps, refs, reading }: Mode,
): Promise<Judged> {
  const workers = 4 + (seed % 5)
  const { history, versions, counts } = await runWorkload({
    schedule,
    cells: createCells(`h${seed}`, refs),
    workers: Array.from({ length: workers }, () => store),
    sibling,
    options: { isolation },
    rounds: Math.round(30 / (workers + 1)),
    isLocal: true,
    steps: someSteps,
    reading,
  })
  return { report: checkHistory(history, { versions, realTime: true, opacity: true }), counts }
}
