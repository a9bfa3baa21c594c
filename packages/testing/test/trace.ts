import type { Change, Snapshot } from '@syncline/stm'
import { ask, differs, emptyWorld, runModel, type World } from './machine-model.ts'
import { look } from './machine-real.ts'
import { queries, type Job, type Note, type Query } from './program.ts'

/** One run of a body, as it went. */
export interface Run {
  readonly snapshot: Snapshot
  readonly notes: Note[]
}

/** One transaction, as it went. */
export interface Trace {
  readonly job: Job
  readonly once: Map<string, unknown>
  readonly runs: Run[]
  readonly abort: AbortController
  outcome: 'running' | 'commit' | 'throw' | 'would-block' | 'aborted'
  change?: Change
}

/** How often programs did what they are here for. */
export interface Seen {
  commits: number
  effects: number
  unchanged: number
  reruns: number
  thrown: number
  blocked: number
  woken: number
}

/** The world after each commit, and what the committed programs noticed otherwise than the model did. */
export function replay(
  traces: readonly Trace[],
  seen: Seen,
): { readonly worlds: World[]; readonly problems: string[] } {
  const worlds = [emptyWorld]
  const problems: string[] = []
  const committed = traces.filter(({ change }) => change !== undefined)
  for (const { job, once, runs, change } of committed.toSorted((a, b) => a.change!.seq - b.change!.seq)) {
    const model = runModel(job.program, worlds.at(-1)!, once)
    const real = [change!.seq, 'commit', counted(runs.at(-1)!.notes), change!.effects.map(({ input }) => input)]
    compare('a commit', real, [worlds.length, model.outcome, counted(model.notes), model.effects], problems)
    worlds.push(model.world)
    seen.commits += 1
    seen.effects += model.effects.length
  }
  return { worlds, problems }
}

/** What in a transaction is otherwise than the model says. */
export function problemsOf(trace: Trace, worlds: readonly World[], seen: Seen): string[] {
  const { job, once, runs, outcome, change } = trace
  const problems: string[] = []
  const models = runs.map(({ snapshot, notes }) => {
    const model = runModel(job.program, worlds[commitsIn(snapshot)]!, once)
    compare('what one run noticed', notes, model.notes, problems)
    return model
  })
  const last = models.at(-1)!
  seen.reruns += runs.length - 1
  switch (outcome) {
    case 'commit':
      compare('what came of it', outcome, last.outcome, problems)
      if (change !== undefined) break
      seen.unchanged += 1
      compare(
        'nothing',
        [[], all(worlds[commitsIn(runs.at(-1)!.snapshot)]!)],
        [last.effects, all(last.world)],
        problems,
      )
      break
    case 'throw':
      seen.thrown += 1
      // Where nobody can wait, an error is an error.
      compare('a throw', true, job.isSync ? last.threw : last.outcome === 'throw', problems)
      break
    default:
      seen.blocked += 1
      compare('a wait', [outcome, 'retry'], [job.isSync ? 'would-block' : 'running', last.outcome], problems)
      // Nobody waits who could go on.
      if (!job.isSync) compare('its end', 'retry', runModel(job.program, worlds.at(-1)!, once).outcome, problems)
  }
  models.slice(0, -1).forEach((model, i) => {
    if (model.outcome !== 'retry') return
    seen.woken += 1
    // Who waited was woken by what it had read, when that read otherwise.
    const [from, to] = [commitsIn(runs[i]!.snapshot), commitsIn(runs[i + 1]!.snapshot)]
    const later = worlds.slice(from + 1, to + 1)
    const isMoved = model.reads.some((what) => later.some((world) => differs(what, world, worlds[from]!)))
    compare('a reason to wake', true, isMoved, problems)
  })
  return problems
}

/** What a Snapshot says otherwise than the world at its place. */
export function problemsIn(snapshot: Snapshot, worlds: readonly World[]): string[] {
  const problems: string[] = []
  for (const what of queries) {
    compare(
      `${JSON.stringify(what)} after ${commitsIn(snapshot)} commits`,
      look(snapshot, what),
      ask(worlds[commitsIn(snapshot)]!, what),
      problems,
    )
  }
  return problems
}

/** The values of a query, one after the other. */
export function valuesOf(what: Query, worlds: readonly World[]): unknown[] {
  return changing(worlds.map((world) => ask(world, what)))
}

export function changing(values: readonly unknown[]): unknown[] {
  return values.filter((value, i) => i === 0 || JSON.stringify(value) !== JSON.stringify(values[i - 1]))
}

/** How many commits a Snapshot holds: there is one writer, and it counts its Changes. */
function commitsIn({ basis }: Snapshot): number {
  return [...basis.writers.values()].at(0) ?? 0
}

const all = (world: World): unknown => queries.map((what) => ask(world, what))
const counted = (notes: readonly Note[]): Note[] => notes.filter((note) => note.counted)

function compare(what: string, real: unknown, model: unknown, problems: string[]): void {
  const [is, should] = [JSON.stringify(real), JSON.stringify(model)]
  if (is !== should) problems.push(`${what} is ${is} and should be ${should}`)
}
