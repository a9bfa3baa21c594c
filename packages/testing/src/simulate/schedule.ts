import type { SimulatedApp } from './app.ts'
import { counterexampleOf, printed } from './counterexample.ts'
import { SimulationError } from './errors.ts'
import type { Images } from './image.ts'
import { nameOf } from './replica-states.ts'
import { drawingOf, play, type Step } from './stage.ts'
import { shrinkList } from './shrink.ts'

/** Replicas that perform actions, and hear of each other, in one order. Data, so that it can be written down, drawn by chance, and made smaller. */
export interface Schedule {
  readonly replicas: number
  readonly steps: readonly ScheduleStep[]
}

/** What one replica does next: an action, or it hears of the next Change of another. What it cannot hear yet it does not. */
export type ScheduleStep =
  | { readonly replica: number; readonly does: string }
  | { readonly replica: number; readonly hears: number }

/** How a schedule is played. */
export interface PlayOptions {
  /** How states of policies are compared that cannot be seen into: `documentImages(Y)` for texts and docs. */
  readonly images?: Images
  /** How far the clock of each replica is ahead, in milliseconds. Default: not at all. */
  readonly clocks?: readonly number[]
  /** What actions that choose choose by. */
  readonly seed?: number
}

/**
 * Plays one schedule between replicas that exchange Changes. In the end everybody hears of everything, each in an order of its own. After each
 * step the invariants of the app are checked, and in the end that all are the same, in what they read and in what they keep. How many Changes
 * were heard is returned.
 *
 * Throws `SimulationError`: `failed` with a `counterexample` made smaller and drawn, and `invalid-simulation` for what cannot be played.
 *
 * @example
 * import { lww } from '@syncline/merge'
 * import { playSchedule } from '@syncline/testing/simulate'
 *
 * const title = lww('title', '')
 * const app = { refs: { title }, actions: { x: (tx) => tx.set(title, 'x'), y: (tx) => tx.set(title, 'y') } }
 * const steps = [{ replica: 0, does: 'x' }, { replica: 1, does: 'y' }, { replica: 0, hears: 1 }]
 * expect(playSchedule(app, { replicas: 2, steps })).toBe(2)
 */
export function playSchedule(app: SimulatedApp, schedule: Schedule, options: PlayOptions = {}): number {
  const { replicas } = schedule
  if (!Number.isInteger(replicas) || replicas < 2) {
    throw new SimulationError(
      'invalid-simulation',
      `There are ${replicas} replicas. Give at least two, so that somebody can hear of somebody.`,
    )
  }
  const { images = {}, clocks = [], seed = 1 } = options
  const stage = { app, replicas, clocks, images, seed }
  const steps = stepsOf(schedule)
  const found = play(stage, steps)
  if (found === undefined) return steps.filter(({ kind }) => kind === 'deliver').length
  const { items } = shrinkList(steps, (fewer) => play(stage, fewer)?.check === found.check)
  const { check, what } = play(stage, items)!
  const counterexample = counterexampleOf(check, what, drawingOf(replicas, items))
  throw new SimulationError('failed', printed(counterexample), { counterexample })
}

/** The steps of a schedule by name, and all that is left to hear in the end: of the other replicas in turn, beginning with the next. */
function stepsOf({ replicas, steps }: Schedule): readonly Step[] {
  const all = Array.from({ length: replicas }, (_, who) => who)
  const seen = all.map(() => all.map(() => 0))
  const deps: (readonly number[])[][] = all.map(() => [])
  const taken: Step[] = []

  function perform(who: number, action: string): void {
    deps[who]!.push([...seen[who]!])
    seen[who]![who]! += 1
    taken.push({ kind: 'perform', who, action, id: `${nameOf(who)}${seen[who]![who]!}` })
  }

  function hear(to: number, of: number): boolean {
    const had = deps[of]?.[seen[to]![of]!]
    if (to === of || had === undefined || had.some((count, each) => each !== of && count > seen[to]![each]!))
      return false
    seen[to]![of]! += 1
    taken.push({ kind: 'deliver', id: `${nameOf(of)}${seen[to]![of]!}`, to })
    return true
  }

  for (const step of steps) {
    if (!(step.replica in all)) {
      throw new SimulationError(
        'invalid-simulation',
        `There is no replica ${step.replica} among ${replicas}. They count from 0.`,
      )
    }
    if ('does' in step) perform(step.replica, step.does)
    else hear(step.replica, step.hears)
  }
  for (const to of all) {
    const others = all.map((_, i) => (to + 1 + i) % replicas)
    while (others.some((of) => hear(to, of))) continue
  }
  return taken
}
