import { list, lww } from '@syncline/merge'
import type { Store } from '@syncline/store'

const browser = { arbiter: 'browser' } as const
const total = lww('total', 0, browser)
const lines = list<string, 'browser'>('lines', browser)

/** How a step of the shared total is written. */
export type Way = 'update' | 'await' | 'commute'

export interface CountOptions {
  /** How many steps, and how many of them at once. */
  readonly steps: number
  readonly workers: number
  readonly way: Way
}

/** Tabs of one browser that decide together: `browser` refs, written by many at once. */
export interface Deciding {
  readonly total: typeof total
  readonly lines: typeof lines
  /** Adds to the total, one by one. Resolves to how many steps were acknowledged. */
  count(store: Store, options: CountOptions): Promise<number>
  /** Appends lines to the shared list, `workers` at once; `onAcknowledged` hears of each that is there, and its worker waits until it has. */
  append(store: Store, options: AppendOptions): Promise<void>
}

export interface AppendOptions {
  readonly name: string
  readonly lines: number
  readonly workers: number
  readonly onAcknowledged?: (line: string) => Promise<void>
}

const steps: Readonly<Record<Way, (store: Store) => Promise<unknown>>> = {
  update: (store) => store.transactAsync((tx) => tx.update(total, (n) => n + 1), browser),
  await: (store) =>
    store.transactAsync(async (tx) => {
      const before = tx.get(total)
      await Promise.resolve()
      tx.set(total, before + 1)
    }, browser),
  commute: (store) => store.transactAsync((tx) => tx.commute(total, (n) => n + 1), browser),
}

/** Lets workers take one job after another until all are done. */
async function inTurn(jobs: number, workers: number, work: (job: number) => Promise<unknown>): Promise<number> {
  let next = 0
  let done = 0
  await Promise.all(
    Array.from({ length: workers }, async () => {
      while (next < jobs) {
        await work(next++)
        done++
      }
    }),
  )
  return done
}

export const deciding: Deciding = {
  total,
  lines,
  count: (store, { steps: jobs, workers, way }) => inTurn(jobs, workers, () => steps[way](store)),
  async append(store, { name, lines: jobs, workers, onAcknowledged }) {
    await inTurn(jobs, workers, async (job) => {
      const line = `${name}-${job}`
      await store.transactAsync((tx) => tx.insert(lines, tx.get(lines).length, [line]), browser)
      await onAcknowledged?.(line)
    })
  },
}
