import type { Change, Snapshot } from '@syncline/stm'
import { everything, openStore, type Store } from '@syncline/store'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ask, emptyWorld, runModel, type ModelRun, type World } from './machine-model.ts'
import { look, readableOf, realMachine } from './machine-real.ts'
import { driveAtOnce, driveWith, interpret, jobs, queries, thrown, type Job, type Note } from './program.ts'
import { createSchedule, type Schedule } from './schedule.ts'

/** One run of a body, as it went. */
interface Run {
  readonly snapshot: Snapshot
  readonly notes: Note[]
}

/** One transaction, as it went. */
interface Trace {
  readonly job: Job
  readonly once: Map<string, unknown>
  readonly runs: Run[]
  readonly abort: AbortController
  outcome: 'running' | 'commit' | 'throw' | 'would-block' | 'aborted'
  change?: Change
}

/** How often the generated programs did what they are here for. */
const seen = { commits: 0, reruns: 0, thrown: 0, blocked: 0, woken: 0, unchanged: 0, effects: 0 }

test('programs that run beside each other do what a model under one lock does in the order of the commits', async () => {
  await fc.assert(
    fc.asyncProperty(jobs(6), fc.nat(), async (someJobs, seed) => {
      const schedule = createSchedule(seed)
      const store = await openStore({ space: 'model', clock: schedule.clock, chance: schedule.chance })
      const snapshots = [store.snapshot]
      const told = watchAll(store)
      store.changes(everything, ({ now }) => snapshots.push(now))
      const traces = someJobs.map((job): Trace => ({
        job,
        once: new Map(),
        runs: [],
        abort: new AbortController(),
        outcome: 'running',
      }))
      const running = traces.map((trace) => run(trace, store, schedule))
      await schedule.settle()

      const worlds = worldsOf(traces)
      for (const snapshot of snapshots) expectEqual(snapshot, worlds[commitsIn(snapshot)]!)
      traces.forEach((trace) => expectExplained(trace, worlds))
      expect(told()).toEqual(queries.map((what) => valuesOf(what, worlds)))

      // Whoever still waits has left nothing behind when it is called off.
      const runs = traces.map((trace) => trace.runs.length)
      for (const { abort } of traces) abort.abort(thrown)
      await schedule.run(running)
      store.transact((tx) => queries.forEach((what) => tx.ensure(readableOf(what))))
      for (const step of [1, 2]) store.transact((tx) => realMachine(tx, new Map()).write({ set: 'x', to: 100 + step }))
      await schedule.settle()
      expect(traces.map((trace) => trace.runs.length)).toEqual(runs)
      await schedule.run([store.close()])
      expect(schedule.timers).toBe(0)
    }),
  )
  const rare = Object.entries(seen).filter(([, count]) => count < 10)
  expect(rare).toEqual([])
})

async function run(trace: Trace, store: Store, schedule: Schedule): Promise<void> {
  const { job, once, runs, abort } = trace
  const begin = (): Note[] => {
    const notes: Note[] = []
    runs.push({ snapshot: store.snapshot, notes })
    return notes
  }
  await schedule.pause()
  try {
    const receipt = job.isSync
      ? store.transact((tx) => void driveAtOnce(interpret(job.program, realMachine(tx, once), begin(), driveAtOnce)))
      : await store.transactAsync(
          async (tx) => {
            const drive = driveWith(schedule.pause)
            await drive(interpret(job.program, realMachine(tx, once), begin(), drive))
          },
          { signal: abort.signal },
        )
    trace.change = receipt.change
    trace.outcome = 'commit'
  } catch (error) {
    if (abort.signal.aborted) trace.outcome = 'aborted'
    else if ((error as { code?: string }).code === 'would-block') trace.outcome = 'would-block'
    else if (error === thrown) trace.outcome = 'throw'
    else throw error
  }
}

/** The world after each commit. What the committed programs noticed, the model must notice too. */
function worldsOf(traces: readonly Trace[]): World[] {
  const worlds = [emptyWorld]
  const committed = traces.filter(({ change }) => change !== undefined)
  for (const { job, once, runs, change } of committed.toSorted((a, b) => a.change!.seq - b.change!.seq)) {
    expect(change!.seq).toBe(worlds.length)
    const model = runModel(job.program, worlds.at(-1)!, once)
    expect([model.outcome, counted(runs.at(-1)!.notes)]).toEqual(['commit', counted(model.notes)])
    expect(change!.effects.map(({ input }) => input)).toEqual(model.effects)
    worlds.push(model.world)
    seen.commits += 1
    seen.effects += model.effects.length
  }
  return worlds
}

function expectExplained(trace: Trace, worlds: readonly World[]): void {
  const { job, once, runs, outcome, change } = trace
  const models = runs.map(({ snapshot, notes }): ModelRun => {
    const model = runModel(job.program, worlds[commitsIn(snapshot)]!, once)
    // Each run, also one that was run again, noticed what it would have noticed alone at its beginning.
    expect(notes).toEqual(model.notes)
    return model
  })
  const last = models.at(-1)!
  seen.reruns += runs.length - 1
  if (outcome === 'commit') {
    expect(last.outcome).toBe('commit')
    if (change === undefined) {
      seen.unchanged += 1
      expect([last.world, last.effects]).toEqual([worlds[commitsIn(runs.at(-1)!.snapshot)], []])
    }
  } else if (outcome === 'throw') {
    seen.thrown += 1
    expect(last.outcome).toBe('throw')
  } else {
    seen.blocked += 1
    expect(last.outcome).toBe('retry')
    expect(outcome).toBe(job.isSync ? 'would-block' : 'running')
    // Nobody waits who could go on.
    if (!job.isSync) expect(runModel(job.program, worlds.at(-1)!, once).outcome).toBe('retry')
  }
  models.slice(0, -1).forEach((model, i) => {
    if (model.outcome !== 'retry') return
    seen.woken += 1
    // Who waited was woken by what it had read, when that read otherwise.
    const [from, to] = [runs[i]!, runs[i + 1]!].map(({ snapshot }) => commitsIn(snapshot))
    const later = worlds.slice(from! + 1, to! + 1)
    const isMoved = model.reads.some((what) =>
      later.some((world) => !isSame(ask(world, what), ask(worlds[from!]!, what))),
    )
    expect(isMoved).toBe(true)
  })
}

/** How many commits a Snapshot holds: there is one writer, and it counts its Changes. */
function commitsIn({ basis }: Snapshot): number {
  return [...basis.writers.values()].at(0) ?? 0
}

/** What watchers of everything that can be asked are told. */
function watchAll(store: Store): () => unknown[][] {
  const told = queries.map((what) => [look(store.snapshot, what)])
  queries.forEach((what, i) => store.changes(readableOf(what), ({ now }) => told[i]!.push(look(now, what))))
  // A card has a place too, which the model's card lacks.
  return () => told.map(changing)
}

function valuesOf(what: (typeof queries)[number], worlds: readonly World[]): unknown[] {
  return changing(worlds.map((world) => ask(world, what)))
}

function changing(values: readonly unknown[]): unknown[] {
  return values.filter((value, i) => i === 0 || !isSame(value, values[i - 1]))
}

function expectEqual(snapshot: Snapshot, world: World): void {
  const differing = queries.filter((what) => !isSame(look(snapshot, what), ask(world, what)))
  expect(differing.map((what) => [what, look(snapshot, what), ask(world, what)])).toEqual([])
}

const counted = (notes: readonly Note[]): Note[] => notes.filter((note) => note.counted)
const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
