import type { Contender, OpenTab } from './contender.ts'
import { dexie } from './contenders/dexie.ts'
import { rawChannel, rawStored } from './contenders/raw.ts'
import { syncline } from './contenders/syncline.ts'
import { tanstack } from './contenders/tanstack.ts'
import { tinybase } from './contenders/tinybase.ts'

/** What the program outside calls, through the page's global `bench`. */
export interface Bench {
  readonly contenders: readonly Pick<Contender, 'name' | 'isStored'>[]
  open(name: string): Promise<void>
  /** Adds so many rows, called `<series> <number>`, as somebody does who is quick; resolves with the milliseconds until each was stored. */
  write(name: string, series: string, count: number): Promise<readonly number[]>
  /** Resolves with the milliseconds until each row of a series of another tab was seen here. Throws when one was not, or twice, or not in order. */
  seen(name: string, series: string, count: number): Promise<readonly number[]>
}

const contenders: readonly Contender[] = [syncline, tinybase, tanstack, dexie, rawStored, rawChannel]

const PACE_MS = 20
const PATIENCE_MS = 15_000

/** A row of another tab, and how long it took. */
interface Seen {
  readonly id: string
  readonly ms: number
}

const tabs = new Map<string, OpenTab>()
const seenOf = new Map<string, Seen[]>()

/** In all tabs the same, as far as a machine can tell. */
const nowMs = (): number => performance.timeOrigin + performance.now()

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const idOf = (series: string, i: number): string => `${series} ${String(i).padStart(4, '0')}`

async function open(name: string): Promise<void> {
  const rows: Seen[] = []
  seenOf.set(name, rows)
  const contender = contenders.find((one) => one.name === name)!
  tabs.set(name, await contender.open((id, atMs) => rows.push({ id, ms: nowMs() - atMs })))
}

async function write(name: string, series: string, count: number): Promise<readonly number[]> {
  const tab = tabs.get(name)!
  const writing: Promise<number>[] = []
  for (let i = 0; i < count; i++) {
    const begunMs = nowMs()
    writing.push(tab.write(idOf(series, i), begunMs).then(() => nowMs() - begunMs))
    await pause(PACE_MS)
  }
  return Promise.all(writing)
}

async function seen(name: string, series: string, count: number): Promise<readonly number[]> {
  const those = (): Seen[] => seenOf.get(name)!.filter(({ id }) => id.startsWith(`${series} `))
  const endMs = nowMs() + PATIENCE_MS
  while (those().length < count && nowMs() < endMs) await pause(PACE_MS)
  const found = those()
  if (found.length !== count || found.some(({ id }, i) => id !== idOf(series, i))) {
    throw new Error(
      `${name} has shown ${found.length} of ${count} rows of ${series}: ${found.map(({ id }) => id).join()}`,
    )
  }
  return found.map(({ ms }) => ms)
}

const bench: Bench = {
  contenders: contenders.map(({ name, isStored }) => ({ name, isStored })),
  open,
  write,
  seen,
}
Object.assign(globalThis, { bench })
