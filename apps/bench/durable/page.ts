import { rowsOf } from '../records/rows.ts'
import type { Contender, Opened, Totals } from './contender.ts'
import { contenders } from './contenders/index.ts'

/** What was measured of one contender. */
export interface Outcome {
  /** Milliseconds from the first of many quick edits until all are stored. */
  readonly durableMs?: number
  /** Microseconds that an edit keeps the task that makes it. */
  readonly taskUs: number
  /** Microseconds that a typed character keeps the task that makes it. */
  readonly typingUs?: number
  /** Microseconds for each of very many edits until all are stored. */
  readonly steadyUs?: number
  /** The median of the milliseconds from an edit to its being stored, when nothing else happens. */
  readonly loneMs?: number
}

/** What the program outside calls, through the page's global `bench`. */
export interface Bench {
  readonly names: readonly string[]
  run(name: string): Promise<Outcome>
}

const EDITS = 3_000
const STEADY_EDITS = 30_000
const CHARACTERS = 6_000
/** As many in a task as an app may make in one. */
const EDITS_A_TASK = 100
const ROWS = 100
const LONE_EDITS = 60

const channel = new MessageChannel()
let next: (() => void) | undefined
channel.port1.onmessage = () => next?.()

/** Lets the page do everything else first. */
function yieldToPage(): Promise<void> {
  return new Promise((resolve) => {
    next = resolve
    channel.port2.postMessage(0)
  })
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

let opens = 0

async function run(name: string): Promise<Outcome> {
  const contender = contenders.find((one) => one.name === name)
  if (contender === undefined) throw new Error(`There is no contender ${name}.`)
  const database = `${Date.now()} ${opens++}`
  const table = await contender.open(database)
  table.fill(rowsOf(ROWS))
  await table.durable()
  await warmUp(table)
  const outcome = {
    ...(await burst(table, contender)),
    ...(table.type !== undefined && { typingUs: await typing(table) }),
    ...(contender.isStored && { loneMs: await lone(table) }),
    ...(contender.isQuick && { steadyUs: await steady(table) }),
  }
  const before = table.read()
  await table.close()
  await verify(contender, database, before)
  return outcome
}

/** Until its code is compiled. */
async function warmUp(table: Opened): Promise<void> {
  for (let i = 0; i < 400; i++) {
    table.edit(`row${i % ROWS}`, -i)
    if (i % EDITS_A_TASK === 0) await yieldToPage()
  }
  await table.durable()
}

async function burst(table: Opened, { isStored }: Contender): Promise<Omit<Outcome, 'loneMs'>> {
  ;(globalThis as { readonly gc?: () => void }).gc?.()
  await pause(20)
  const { durableMs, inTasksMs } = await editQuickly(table, EDITS)
  return { taskUs: (inTasksMs * 1000) / EDITS, ...(isStored && { durableMs }) }
}

/** Until it is stored, so that what comes after is by itself. */
async function typing(table: Opened): Promise<number> {
  let inTasksMs = 0
  for (let i = 0; i < CHARACTERS; i += EDITS_A_TASK) {
    const begun = performance.now()
    for (let j = 0; j < EDITS_A_TASK; j++) table.type!('x')
    // Before, code is compiled.
    if (i >= CHARACTERS / 2) inTasksMs += performance.now() - begun
    await yieldToPage()
  }
  await table.durable()
  return (inTasksMs * 1000) / (CHARACTERS / 2)
}

async function steady(table: Opened): Promise<number> {
  const { durableMs } = await editQuickly(table, STEADY_EDITS)
  return (durableMs * 1000) / STEADY_EDITS
}

/** As quickly as the page takes them, until all are stored. */
async function editQuickly(
  table: Opened,
  edits: number,
): Promise<{ readonly durableMs: number; readonly inTasksMs: number }> {
  let inTasksMs = 0
  const start = performance.now()
  for (let i = 0; i < edits; i += EDITS_A_TASK) {
    const begun = performance.now()
    for (let j = i; j < i + EDITS_A_TASK; j++) table.edit(`row${j % ROWS}`, j)
    inTasksMs += performance.now() - begun
    await yieldToPage()
  }
  await table.durable()
  return { durableMs: performance.now() - start, inTasksMs }
}

async function lone(table: Opened): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < LONE_EDITS; i++) {
    await pause(4)
    const start = performance.now()
    table.edit(`row${i % ROWS}`, 10_000 + i)
    await table.durable()
    times.push(performance.now() - start)
  }
  return times.sort((a, b) => a - b)[LONE_EDITS / 2]!
}

/** Whatever was said to be stored is there. */
async function verify(contender: Contender, database: string, { votes, characters }: Totals): Promise<void> {
  if (!contender.isStored) return
  const again = await contender.open(database)
  const found = again.read()
  await again.close()
  if (found.rows !== ROWS || found.votes !== votes || found.characters !== characters) {
    throw new Error(
      `${contender.name} has ${JSON.stringify(found)} after all was stored, not ${ROWS} rows, ${votes} votes and ${characters} characters.`,
    )
  }
}

const bench: Bench = { names: contenders.map(({ name }) => name), run }
Object.assign(globalThis, { bench })
