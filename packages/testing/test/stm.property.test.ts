import { everything, openStore, type Store } from '@syncline/store'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { look, readableOf, realMachine } from './machine-real.ts'
import { driveAtOnce, driveWith, interpret, jobs, queries, thrown, type Note } from './program.ts'
import { createSchedule, type Schedule } from './schedule.ts'
import { changing, problemsIn, problemsOf, replay, valuesOf, type Seen, type Trace } from './trace.ts'

test('programs that run beside each other do what a model under one lock does in the order of the commits', async () => {
  const seen: Seen = { commits: 0, effects: 0, unchanged: 0, reruns: 0, thrown: 0, blocked: 0, woken: 0 }
  await fc.assert(
    fc.asyncProperty(jobs(8), fc.nat(), async (someJobs, seed) => {
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

      const { worlds, problems } = replay(traces, seen)
      expect(problems).toEqual([])
      expect(snapshots.flatMap((snapshot) => problemsIn(snapshot, worlds))).toEqual([])
      expect(traces.flatMap((trace) => problemsOf(trace, worlds, seen))).toEqual([])
      expect(told()).toEqual(queries.map((what) => valuesOf(what, worlds)))

      await callOff(traces, running, store, schedule)
      await schedule.run([store.close()])
      expect(schedule.timers).toBe(0)
    }),
  )
  const rare = Object.entries(seen).filter(([, count]) => count < 10)
  expect(rare).toEqual([])
}, 600_000)

/** Runs one transaction, and writes down how it went. */
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

/** Calls off whoever still waits. It has left nothing behind: what it waited for moves, and it does not run. */
async function callOff(
  traces: readonly Trace[],
  running: readonly Promise<void>[],
  store: Store,
  schedule: Schedule,
): Promise<void> {
  const runs = traces.map((trace) => trace.runs.length)
  for (const { abort } of traces) abort.abort(thrown)
  await schedule.run(running)
  for (const to of [101, 102]) {
    for (const cell of ['x', 'y'] as const) store.transact((tx) => realMachine(tx, new Map()).write({ set: cell, to }))
    store.transact((tx) => realMachine(tx, new Map()).write({ add: to }))
  }
  await schedule.settle()
  expect(traces.map((trace) => trace.runs.length)).toEqual(runs)
}

/** What watchers of everything that can be asked are told. A card has a place too, which the model's card lacks. */
function watchAll(store: Store): () => unknown[][] {
  const told = queries.map((what) => [look(store.snapshot, what)])
  queries.forEach((what, i) => store.changes(readableOf(what), ({ now }) => told[i]!.push(look(now, what))))
  return () => told.map(changing)
}
