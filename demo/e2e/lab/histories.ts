import { list, lww } from '@syncline/merge'
import type { Tx } from '@syncline/stm'
import type { Store } from '@syncline/store'
import type { History, Op, Transaction } from '@syncline/testing'

const browser = { arbiter: 'browser' } as const

/** What transactions read and write: lists that are appended to, or registers. */
export type Workload = 'lists' | 'registers'

export interface HistoryOptions {
  readonly workload: Workload
  readonly isolation: 'serializable' | 'snapshot'
  /** The name of this tab. */
  readonly tab: string
  /** How many take part. */
  readonly tabs: number
  /** Which histories: each is a few keys of its own and those who work on them. */
  readonly first: number
  readonly count: number
}

/** Of what kind a history is. */
export interface Shape {
  readonly keys: number
  /** Of each tab, one after the other. */
  readonly transactions: number
  /** Whether all bodies await between their steps, so that none is run again together with others. */
  readonly awaits: boolean
}

const MOST_STEPS = 4

/** Short, so that there are many, and never so long apart that nobody is overtaken. */
export const shapeOf = (history: number): Shape => ({
  keys: 2 + (history % 2),
  transactions: 2 + ((history >> 1) % 4 === 0 ? 1 : 0),
  awaits: (history >> 2) % 2 === 0,
})

/** Takes part in histories: random transactions at once with those of the other tabs. */
export async function takePart(store: Store, options: HistoryOptions): Promise<readonly History[]> {
  const { first, count } = options
  await allHere(options)
  return Promise.all(Array.from({ length: count }, (_, i) => work(store, options, first + i)))
}

/** Resolves when all tabs are about to begin: one that came when the others are through would race with nobody. */
async function allHere({ workload, isolation, first, tab, tabs }: HistoryOptions): Promise<void> {
  const channel = new BroadcastChannel(`${workload} ${isolation} ${first}`)
  const here = new Set([tab])
  await new Promise<void>((resolve) => {
    channel.onmessage = ({ data }: MessageEvent<string>) => {
      if (here.has(data)) return
      here.add(data)
      // Whoever has just come has not heard of this one.
      channel.postMessage(tab)
      if (here.size === tabs) resolve()
    }
    channel.postMessage(tab)
  })
  channel.close()
}

/** Runs the transactions of this tab in one history, one after the other. */
async function work(store: Store, options: HistoryOptions, history: number): Promise<History> {
  const { tab: process } = options
  const shape = shapeOf(history)
  const keys = Array.from({ length: shape.keys }, (_, key) => keyOf(options, history, key))
  const random = seeded(`${options.workload} ${options.isolation} ${history} ${process}`)
  const transactions: Transaction[] = []
  let unique = 0
  for (let i = 0; i < shape.transactions; i++) {
    const steps = Array.from({ length: 1 + Math.floor(random() * MOST_STEPS) }, () => ({
      key: keys[Math.floor(random() * keys.length)]!,
      writes: random() < 0.5,
    }))
    const take = (tx: Tx<'local' | 'browser'>, ops: Op[], { key, writes }: (typeof steps)[number]): void => {
      const { name } = key
      const value = `${process}.${unique++}`
      if ('register' in key) {
        ops.push(['read', name, tx.get(key.register)])
        if (!writes) return
        tx.set(key.register, value)
        ops.push(['write', name, value])
      } else if (writes) {
        tx.insert(key.list, tx.get(key.list).length, [value])
        ops.push(['append', name, value])
      } else ops.push(['read', name, tx.get(key.list)])
    }
    transactions.push(
      ...(await recorded(process, (begin) =>
        store.transactAsync<void, 'browser'>(
          shape.awaits
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
  const { first, count } = options
  return Promise.all(
    Array.from({ length: count }, (_, i) =>
      recorded('the end', (begin) =>
        store.transactAsync((tx) => {
          const ops = begin()
          for (let at = 0; at < shapeOf(first + i).keys; at++) {
            const key = keyOf(options, first + i, at)
            const { name } = key
            ops.push('register' in key ? ['read', name, tx.get(key.register)] : ['read', name, tx.get(key.list)])
          }
        }, browser),
      ),
    ),
  )
}

const listOf = (name: string) => list<string, 'browser'>(name, browser)
const registerOf = (name: string) => lww<string | null, 'browser'>(name, null, browser)

/** What a transaction reads and writes, and what the history calls it. */
type Key =
  | { readonly name: string; readonly list: ReturnType<typeof listOf> }
  | { readonly name: string; readonly register: ReturnType<typeof registerOf> }

function keyOf({ workload, isolation }: HistoryOptions, history: number, at: number): Key {
  const name = `${workload}.${isolation}.${history}.${at}`
  return workload === 'lists' ? { name, list: listOf(name) } : { name, register: registerOf(name) }
}

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
