import { list, lww } from '@syncline/merge'
import type { Tx } from '@syncline/stm'
import type { Store } from '@syncline/store'
import {
  checkHistory,
  type AnomalyType,
  type History,
  type HistoryReport,
  type Op,
  type Transaction,
} from '@syncline/testing'

const browser = { arbiter: 'browser' } as const

/** What transactions read and write: lists that are appended to, or registers. */
export type Workload = 'lists' | 'registers'

export interface HistoryOptions {
  readonly workload: Workload
  readonly isolation: 'serializable' | 'snapshot'
  /** The name of this tab. */
  readonly tab: string
  /** Which histories: each is a few keys of its own and those who work on them. */
  readonly first: number
  readonly count: number
}

/** What the histories of one run have shown together. */
export interface Verdict {
  readonly histories: number
  /** Anomalies by type. */
  readonly anomalies: Readonly<Partial<Record<AnomalyType, number>>>
  readonly explanations: readonly string[]
  /** How many keep the promise that was asked for, in the order of real time too. */
  readonly kept: number
  readonly committed: number
  /** Runs of bodies that were overtaken. */
  readonly failed: number
  readonly dependencies: number
}

const KEYS = 3
const WORKERS = 2
const TRANSACTIONS = 3
const MOST_STEPS = 4

/** In every other history all bodies await between their steps, so that none is run again together with others. */
const isAwaiting = (history: number): boolean => history % 2 === 0

/** Takes part in histories: random transactions at once with those of the other tabs. */
export async function takePart(store: Store, options: HistoryOptions): Promise<readonly History[]> {
  const { first, count, tab } = options
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const workers = Array.from({ length: WORKERS }, (__, worker) =>
        work(store, options, first + i, `${tab}/${worker}`),
      )
      return (await Promise.all(workers)).flat()
    }),
  )
}

/** Runs the transactions of one process in one history, one after the other. */
async function work(store: Store, options: HistoryOptions, history: number, process: string): Promise<History> {
  const random = seeded(`${options.workload} ${options.isolation} ${history} ${process}`)
  const transactions: Transaction[] = []
  let unique = 0
  for (let i = 0; i < TRANSACTIONS; i++) {
    const steps = Array.from({ length: 1 + Math.floor(random() * MOST_STEPS) }, () => ({
      key: nameOf(options, history, Math.floor(random() * KEYS)),
      writes: random() < 0.5,
    }))
    const take = (tx: Tx<'local' | 'browser'>, ops: Op[], { key, writes }: (typeof steps)[number]): void => {
      const value = `${process}.${unique++}`
      if (options.workload === 'registers') {
        ops.push(['read', key, tx.get(registerOf(key))])
        if (!writes) return
        tx.set(registerOf(key), value)
        ops.push(['write', key, value])
      } else if (writes) {
        tx.insert(listOf(key), tx.get(listOf(key)).length, [value])
        ops.push(['append', key, value])
      } else ops.push(['read', key, tx.get(listOf(key))])
    }
    transactions.push(
      ...(await recorded(process, (begin) =>
        store.transactAsync<void, 'browser'>(
          isAwaiting(history)
            ? async (tx) => {
                const ops = begin()
                for (const step of steps) {
                  take(tx, ops, step)
                  await new Promise((resolve) => setTimeout(resolve))
                }
              }
            : (tx) => {
                const ops = begin()
                for (const step of steps) take(tx, ops, step)
              },
          { ...browser, isolation: options.isolation, attempts: 10_000 },
        ),
      )),
    )
  }
  return transactions
}

/**
 * Runs one transaction whose body begins each run by `begin`. It is asked for when it is called, not when its body begins: what was
 * acknowledged in between need not be seen. The runs before the last were overtaken.
 */
async function recorded(
  process: string,
  run: (begin: () => Op[]) => Promise<unknown>,
): Promise<readonly Transaction[]> {
  const invoked = Date.now()
  const runs: Op[][] = []
  await run(() => {
    const ops: Op[] = []
    runs.push(ops)
    return ops
  })
  const completed = Date.now()
  return runs.map((ops, i) =>
    i === runs.length - 1
      ? { process, invoked, completed, outcome: 'ok', ops }
      : { process: `${process}, ${invoked}, run ${i + 1}`, invoked, completed, outcome: 'fail', ops },
  )
}

/** Reads everything at the end, so that the place of every append is known. */
export async function readAll(store: Store, options: HistoryOptions): Promise<readonly History[]> {
  const { first, count, workload } = options
  return Promise.all(
    Array.from({ length: count }, (_, i) =>
      recorded('the end', (begin) =>
        store.transactAsync((tx) => {
          const ops = begin()
          for (let key = 0; key < KEYS; key++) {
            const name = nameOf(options, first + i, key)
            const read = workload === 'lists' ? tx.get(listOf(name)) : tx.get(registerOf(name))
            ops.push(['read', name, read] as Op)
          }
        }, browser),
      ),
    ),
  )
}

/** What the histories show, of which every tab has recorded a part. */
export function judge(parts: readonly (readonly History[])[], { isolation, first }: HistoryOptions): Verdict {
  const reports = parts[0]!.map((_, i): HistoryReport =>
    checkHistory(
      parts.flatMap((part) => part[i]!),
      // A body that is run again together with others sees what they will have written, and perhaps will not.
      { realTime: true, opacity: isolation === 'serializable' && isAwaiting(first + i) },
    ),
  )
  const anomalies: Partial<Record<AnomalyType, number>> = {}
  for (const { counts } of reports) {
    for (const [type, n] of Object.entries(counts.anomalies) as [AnomalyType, number][]) {
      anomalies[type] = (anomalies[type] ?? 0) + n
    }
  }
  const promised = isolation === 'serializable' ? 'strict-serializable' : 'strong-snapshot-isolation'
  const total = (of: (report: HistoryReport) => number): number => reports.reduce((sum, report) => sum + of(report), 0)
  return {
    histories: reports.length,
    anomalies,
    explanations: reports.flatMap((report) =>
      report.anomalies.map(({ type, explanation }) => `${type}: ${explanation}`),
    ),
    kept: total(({ holds }) => (holds[promised] ? 1 : 0)),
    committed: total(({ counts }) => counts.committed),
    failed: total(({ counts }) => counts.failed),
    dependencies: total(({ counts: { dependencies: of } }) => of.ww + of.wr + of.rw),
  }
}

const nameOf = ({ workload, isolation }: HistoryOptions, history: number, key: number): string =>
  `${workload}.${isolation}.${history}.${key}`
const listOf = (key: string) => list<string, 'browser'>(key, browser)
const registerOf = (key: string) => lww<string | null, 'browser'>(key, null, browser)

/** Numbers in [0, 1) that a name decides (FNV-1a, then mulberry32). */
function seeded(name: string): () => number {
  let state = 0x811c9dc5
  for (let i = 0; i < name.length; i++) state = Math.imul(state ^ name.charCodeAt(i), 0x01000193) >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
