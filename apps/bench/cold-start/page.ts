import { watchBlocks } from '../harness/blocks.ts'
import { rowsOf } from '../records/rows.ts'
import { contenders as tables } from '../durable/contenders/index.ts'
import type { Contender } from '../durable/contender.ts'
import { rawColumns, rawJson, rawRows } from './contenders/raw.ts'
import { votesAfter } from './votes.ts'

/** What a start took. */
export interface Outcome {
  /** Milliseconds from the first line of the app until every row has been read. */
  readonly readyMs: number
  /** The longest that the page could not do anything else meanwhile, in milliseconds. */
  readonly blockMs: number
}

/** What the program outside calls, through the page's global `bench`. */
export interface Bench {
  readonly names: readonly string[]
  /** Makes a database with so many rows, and after them so many edits, each a transaction. */
  make(name: string, rows: number, edits: number): Promise<void>
  /** Opens it, in a page that has done nothing before. Throws when not all is there. */
  start(name: string, rows: number, edits: number): Promise<Outcome>
}

const contenders: readonly Contender[] = [...tables.filter(({ isStored }) => isStored), rawJson, rawColumns, rawRows]

const EDITS_A_TASK = 50
const IDLE_MS = 5_000
/** So many fit into one transaction of everybody. */
const ROWS_A_FILL = 10_000

function contenderOf(name: string): Contender {
  const contender = contenders.find((one) => one.name === name)
  if (contender === undefined) throw new Error(`There is no contender ${name}.`)
  return contender
}

const databaseOf = (rows: number, edits: number): string => `${rows} ${edits}`

async function make(name: string, rows: number, edits: number): Promise<void> {
  const all = rowsOf(rows)
  const table = await contenderOf(name).open(databaseOf(rows, edits))
  for (let i = 0; i < rows; i += ROWS_A_FILL) {
    table.fill(all.slice(i, i + ROWS_A_FILL))
    await table.durable()
  }
  for (let i = 0; i < edits; i++) {
    table.edit(`row${i % rows}`, i)
    if (i % EDITS_A_TASK === EDITS_A_TASK - 1) await table.durable()
  }
  await table.durable()
  // Nobody closes a page the moment that they have written: who has to tidy up can do so.
  await pause(IDLE_MS)
  await table.close()
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function start(name: string, rows: number, edits: number): Promise<Outcome> {
  const watch = watchBlocks()
  const begun = performance.now()
  const table = await contenderOf(name).open(databaseOf(rows, edits))
  const totals = table.read()
  const readyMs = performance.now() - begun
  const blockMs = await watch.end()
  await table.close()
  const votes = votesAfter(rows, edits)
  if (totals.rows !== rows || totals.votes !== votes) {
    throw new Error(`${name} reads ${JSON.stringify(totals)}, not ${rows} rows with ${votes} votes.`)
  }
  return { readyMs, blockMs }
}

const bench: Bench = { names: contenders.map(({ name }) => name), make, start }
Object.assign(globalThis, { bench })
