import fc from 'fast-check'
import type { History, Op, Transaction, Unique } from '../src/index.ts'
import { nothingWritten, read, write, type State } from './model.ts'

/** How much a simulated database isolates. The checker must tell honest histories from the others, so there are others. */
const isolations = ['serial', 'snapshot', 'stale snapshot', 'unchecked snapshot', 'committed', 'dirty'] as const

type Isolation = (typeof isolations)[number]

/** A run to come of a simulated database. */
export interface Plan {
  readonly isolation: Isolation
  /** How many commits a stale snapshot lacks. */
  readonly lag: number
  /** Whether registers are also written without being read first; the order of their values is then supplied. */
  readonly isBlind: boolean
  readonly transactions: readonly {
    readonly process: number
    readonly outcome: Transaction['outcome']
    /** Whether an unknown outcome was a commit. */
    readonly commits: boolean
    readonly steps: readonly { readonly what: number; readonly key: number }[]
  }[]
  /** Whose step is next. */
  readonly turns: readonly number[]
  /** A read that is falsified: which one, to what. */
  readonly lie: readonly [read: number, to: number] | null
}

export function plans(mostTransactions: number): fc.Arbitrary<Plan> {
  return fc.record({
    isolation: fc.constantFrom<Isolation[]>(...isolations, 'stale snapshot', 'stale snapshot'),
    lag: fc.integer({ min: 1, max: 3 }),
    isBlind: fc.boolean(),
    transactions: fc.array(
      fc.record({
        process: fc.nat(4),
        outcome: fc.constantFrom('ok', 'ok', 'ok', 'ok', 'fail', 'info'),
        commits: fc.boolean(),
        steps: fc.array(fc.record({ what: fc.nat(8), key: fc.nat(1) }), { minLength: 1, maxLength: 4 }),
      }),
      { minLength: 3, maxLength: mostTransactions, size: 'max' },
    ),
    turns: fc.array(fc.nat(mostTransactions - 1), { minLength: 10, maxLength: 30, size: 'max' }),
    lie: fc.oneof(
      { weight: 4, arbitrary: fc.constant(null) },
      { weight: 1, arbitrary: fc.tuple(fc.nat(8), fc.nat(3)) },
    ),
  })
}

/** What came of a plan. */
export interface Run {
  readonly history: History
  /** In which order registers were written, when the plan is blind. */
  readonly versions: Readonly<Record<string, readonly Unique[]>>
  /** Everything at the end, as the database knows it. */
  readonly end: State
}

/** One transaction that is under way. */
interface Worker {
  readonly plan: Plan['transactions'][number]
  readonly todo: Op[]
  readonly ops: Op[]
  readonly own: Op[]
  outcome: Transaction['outcome']
  snapshot: State
  snapshotAt: number
  invoked: number
  completed: number
}

/** Runs a plan on a database that keeps no more promises than its isolation. */
export function simulate({ isolation, lag, isBlind, transactions, turns, lie }: Plan): Run {
  const states = [{ state: nothingWritten, at: 0 }]
  const overwrittenAt = new Map<string, number>()
  const versions: Record<string, Unique[]> = {}
  let unique = 0
  let reads = 0
  let now = 0
  const workers = transactions.map((plan): Worker => ({
    plan,
    todo: plan.steps.flatMap(({ what, key }) => planned(what, key, ++unique, isBlind)),
    ops: [],
    own: [],
    outcome: plan.outcome,
    snapshot: nothingWritten,
    snapshotAt: 0,
    invoked: 0,
    completed: 0,
  }))

  for (const turn of [...turns, ...workers.keys()]) {
    const worker = workers[turn % workers.length]!
    if (worker.todo.length === 0 || isBusy(worker)) continue
    do step(worker)
    while (isolation === 'serial' && worker.todo.length > 0)
  }
  const done = workers.filter(({ ops }) => ops.length > 0)
  for (const worker of done) while (worker.todo.length > 0) step(worker)
  return { history: done.map(recorded), versions: isBlind ? finals(done, versions) : {}, end: states.at(-1)!.state }

  function isBusy({ plan }: Worker): boolean {
    return workers.some(
      (other) =>
        other.plan !== plan && other.plan.process === plan.process && other.ops.length > 0 && other.todo.length > 0,
    )
  }

  function step(worker: Worker): void {
    if (worker.ops.length === 0) begin(worker)
    const current = states.at(-1)!.state
    const base = isolation.endsWith('snapshot') ? worker.snapshot : current
    const op = read(isolation === 'dirty' ? current : worker.own.reduce(write, base), worker.todo.shift()!)
    worker.ops.push(falsified(op))
    if (isolation === 'dirty') apply([op])
    else worker.own.push(op)
    if (worker.todo.length === 0) end(worker)
  }

  function begin(worker: Worker): void {
    const { state, at } = states.at(isolation === 'stale snapshot' ? -1 - Math.min(lag, states.length - 1) : -1)!
    Object.assign(worker, { snapshot: state, snapshotAt: at, invoked: ++now })
  }

  function end(worker: Worker): void {
    const isChecked = isolation === 'snapshot' || isolation === 'stale snapshot'
    const keys = worker.own.filter(([kind]) => kind === 'append' || kind === 'write').map(([, key]) => key)
    const clashes = keys.some((key) => overwrittenAt.get(key)! > worker.snapshotAt)
    if (isChecked && clashes) worker.outcome = 'fail'
    if (worker.outcome === 'ok' || (worker.outcome === 'info' && worker.plan.commits)) {
      apply(worker.own)
      for (const key of keys) overwrittenAt.set(key, now)
    }
    worker.completed = ++now
  }

  function apply(ops: readonly Op[]): void {
    states.push({ state: ops.reduce(write, states.at(-1)!.state), at: ++now })
    for (const [kind, key, value] of ops) if (kind === 'write') (versions[key] ??= []).push(value)
  }

  function falsified(op: Op): Op {
    if ((op[0] !== 'read' && op[0] !== 'range') || lie === null || reads++ !== lie[0]) return op
    if (op[0] === 'range') return [op[0], op[1], op[2], op[3].slice(0, lie[1])]
    if (Array.isArray(op[2])) return [op[0], op[1], lie[1] === 3 ? op[2].toReversed() : op[2].slice(0, lie[1])]
    return [op[0], op[1], lie[1] === 0 ? null : lie[1]]
  }
}

function planned(what: number, key: number, unique: number, isBlind: boolean): Op[] {
  const [list, register] = [`list${key}`, `register${key}`]
  const reading: Op = ['read', register, null]
  const writing: Op = ['write', register, unique]
  if (what === 0) return [['append', list, unique]]
  if (what === 1) return [['read', list, []]]
  if (what === 2) return isBlind ? [writing] : [reading, writing]
  if (what === 3) return [reading]
  if (what === 4) return [['add', 'members', `${'ab'[key]}${unique}`]]
  const ranging: Op = ['range', 'members', key === 0 ? {} : { prefix: 'a' }, []]
  if (what === 5) return [ranging]
  // What looks in one place and writes in another one: the stuff of skew.
  const [read, write] = [`list${key}`, `list${1 - key}`]
  if (what === 6) return [ranging, ['add', 'members', `a${unique}`]]
  return [
    ['read', read, []],
    ['append', write, unique],
  ]
}

function recorded({ plan, outcome, invoked, completed, ops }: Worker): Transaction {
  return { process: plan.process, invoked, ...(outcome !== 'info' && { completed }), outcome, ops }
}

/** Of each transaction and register the last value. */
function finals(workers: readonly Worker[], versions: Readonly<Record<string, Unique[]>>): Record<string, Unique[]> {
  const kept = new Set(
    workers.flatMap(({ ops }) => [
      ...new Map(ops.flatMap(([kind, key, value]) => (kind === 'write' ? [[key, value] as const] : []))).values(),
    ]),
  )
  return Object.fromEntries(
    Object.entries(versions).map(([key, values]) => [key, values.filter((value) => kept.has(value))]),
  )
}
