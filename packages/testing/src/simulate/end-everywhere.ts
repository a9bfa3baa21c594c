import { act, actionsOf } from './acting.ts'
import { watchCrashPoints, type CrashPoint } from './crash-points.ts'
import type { Trace } from './decider.ts'
import { attempt, begin, compare, judge, reportOf, rest, type SchedulePlan } from './execute.ts'
import type { Failure } from './failure.ts'
import { createKernel, type Kernel } from './kernel.ts'
import type { Report } from './report.ts'
import { mend } from './troubles.ts'
import { createWorld, type World } from './world.ts'

/** How a run came to an end wherever it can. */
export interface Ended {
  readonly report: Report
  readonly commits: number
  readonly calls: number
  readonly points: number
  readonly ends: number
  readonly losses: number
  readonly broken: Broken | undefined
}

/** A promise that was broken, in a run or after an end of it. */
interface Broken {
  readonly failure: Failure
  /** Where it ended; undefined in the run itself. */
  readonly point: CrashPoint | undefined
  /** What has happened since then. */
  readonly kernel: Kernel
}

/** So far a run goes on, in milliseconds, before its ends are gone on from: what is left of them is in the way until then. */
const STRETCH_MS = 100

/** Long enough for every tab to open. */
const OPENED_MS = 60_000

/**
 * Lets a run end at each moment before and after a call of a storage, or at one, and goes on from what is left: up to the first promise that is broken,
 * and from so many ends at most.
 */
export async function endEverywhere(
  plan: SchedulePlan,
  of: number | Trace,
  { only, most = Infinity }: { readonly only?: number | undefined; readonly most?: number } = {},
): Promise<Ended> {
  const kernel = createKernel(of)
  const world = createWorld(kernel, { ...plan, isRecorded: true })
  const points = watchCrashPoints(world, only)
  let [ends, losses] = [0, 0]
  /** Whether there are more ends than it may go on from. */
  let isCut = false
  let broken: Broken | undefined

  async function goOn(): Promise<void> {
    for (const point of points.take()) {
      if (broken !== undefined) return
      if ((isCut = ends + losses >= most)) return
      if (point.lost === undefined) ends += 1
      else losses += 1
      if ((await goOnFrom(plan, kernel.decider.seed, point, false)).failure() === undefined) continue
      // Once more, and this time what happens is written down.
      const after = await goOnFrom(plan, kernel.decider.seed, point, true)
      broken = { failure: after.failure()!, point, kernel: after.kernel }
    }
  }

  await attempt(world, async () => {
    const people = begin(world, plan)
    const isOver = (): boolean => people.isOver || world.failure() !== undefined
    while (!isOver() && broken === undefined && !isCut) {
      await kernel.pass(STRETCH_MS, isOver)
      await goOn()
    }
    if (!hasFailed(world) && broken === undefined && !isCut) await judge(world)
  })
  points.end()
  const failure = world.failure()
  if (failure !== undefined) broken ??= { failure, point: undefined, kernel }
  await goOn()
  const commits = world.ledger.deeds.filter(({ hasChange }) => hasChange).length
  return { report: reportOf(world), commits, calls: world.calls.count(), points: points.count(), ends, losses, broken }
}

const hasFailed = (world: World): boolean => world.failure() !== undefined

/**
 * Starts the relay and the machines that come back, lets everybody do something as soon as they can, waits until it has come to rest, and compares. A
 * browser has one tab, as all of them read the same log; and now and then somebody comes who has nothing.
 */
async function goOnFrom(
  plan: SchedulePlan,
  seed: number,
  { at, back, remains }: CrashPoint,
  isTold: boolean,
): Promise<World> {
  // Chance of its own: nobody draws again what was drawn before the end.
  const kernel = createKernel(seed + (at + 1) * 2 ** 20, { isTold })
  const tabs = remains.machines.map(({ name, names }) => (back.has(name) ? Math.min(names.length, 1) : 0))
  const world = createWorld(kernel, { ...plan, tabs, faults: {}, isRecorded: true }, remains)
  const actions = actionsOf(plan.app)
  const isDue = (): boolean =>
    world.failure() !== undefined ||
    world.machines.every(({ tabs: [tab] }) => tab === undefined || tab.store() !== undefined)
  await attempt(world, async () => {
    mend(world)
    await kernel.pass(OPENED_MS, isDue)
    for (const [each, machine] of world.machines.entries()) {
      const tab = machine.tabs[0]
      if (tab?.store() !== undefined)
        act(world, machine, tab, actions[(at + each) % actions.length]!, `after the end at ${machine.name}`)
    }
    await rest(world)
    if (!hasFailed(world)) await compare(world)
  })
  return world
}
