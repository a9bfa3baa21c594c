import { contenders } from './contenders/index.ts'
import type { Mode, Opened } from './contender.ts'
import { createWatch, type Plan } from './watch.ts'

/** The three things that are timed. */
export type Workload = 'write' | 'writeMany' | 'giveUp'

/** What one page is told to hold. */
export interface Task {
  readonly contender: string
  readonly entities: number
  readonly subscribers: number
  /** How many entities one of the large transactions writes. */
  readonly many: number
  readonly mode: Mode
}

/** What the program outside calls, through the page's global `bench`. */
export interface Bench {
  readonly names: readonly { readonly name: string; readonly canRollBack: boolean }[]
  open(task: Task): Promise<void>
  /** Plans so many transactions of a workload, and collects garbage. */
  prepare(workload: Workload, transactions: number): Promise<void>
  /** Runs what was planned, with all that it leaves to be done later. This alone is timed, from outside. */
  run(): Promise<void>
  /** Goes through the same tasks and does nothing in them: what it takes to ask. */
  runEmpty(): Promise<void>
  /** Throws when not exactly what was planned has happened. */
  verify(): void
}

/** What an app may write in one task of its page. A loop of thousands would keep alive until its end what weak references look at. */
const WRITES_A_TASK = 100

let opened: Opened
let watch: ReturnType<typeof createWatch>
let planned: { readonly workload: Workload; readonly plan: Plan }
let value = 0

async function open({ contender, entities, subscribers, many, mode }: Task): Promise<void> {
  const found = contenders.find(({ name }) => name === contender)
  if (found === undefined) throw new Error(`There is no contender ${contender}.`)
  watch = createWatch({ contender: found, entities, subscribers, many })
  opened = await found.open({ entities, subscribers }, watch.entityOf, watch.hear, mode)
  await idle()
}

async function prepare(workload: Workload, transactions: number): Promise<void> {
  planned = { workload, plan: watch.plan(workload, transactions, value + 1) }
  value += transactions
  collectGarbage()
  await idle()
  watch.begin()
}

/** The tasks alone, without what is done in them. */
async function runEmpty(): Promise<void> {
  const { entities } = planned.plan
  for (let i = WRITES_A_TASK; i < entities.length; i += WRITES_A_TASK) await idle()
  await idle()
}

async function run(): Promise<void> {
  await runs[planned.workload](planned.plan)
  // What a transaction leaves for a microtask or a promise is part of what it costs.
  await idle()
}

function verify(): void {
  watch.verify(planned.workload, planned.plan, opened.read)
}

const runs: Readonly<Record<Workload, (plan: Plan) => Promise<void>>> = {
  async write({ entities, firstValue }) {
    for (let i = 0; i < entities.length; i++) {
      if (i > 0 && i % WRITES_A_TASK === 0) await idle()
      const later = opened.write(entities[i]!, firstValue + i)
      if (later !== undefined) await later
    }
  },
  async writeMany({ large, transactions, firstValue }) {
    for (let i = 0; i < transactions; i++) {
      const later = opened.writeMany(large, firstValue + i)
      if (later !== undefined) await later
    }
  },
  async giveUp({ large, transactions, firstValue }) {
    for (let i = 0; i < transactions; i++) {
      const later = opened.giveUp!(large, firstValue + i)
      if (later !== undefined) await later
    }
  },
}

/** Resolves when everything that was put off until the end of the task has been done. */
function idle(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.addEventListener('message', () => {
      port1.close()
      resolve()
    })
    port1.start()
    port2.postMessage(null)
  })
}

/** Chromium is started with a flag that exposes this. */
const collectGarbage = (globalThis as unknown as { gc(): void }).gc

const names = contenders.map(({ name, canRollBack }) => ({ name, canRollBack }))
const bench: Bench = { names, open, prepare, run, runEmpty, verify }
Object.assign(globalThis, { bench })
