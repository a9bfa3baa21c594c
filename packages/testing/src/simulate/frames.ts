import { act, actionsOf } from './acting.ts'
import type { SimulatedApp } from './app.ts'
import type { Finding } from './counterexample.ts'
import { SimulationError } from './errors.ts'
import { judge, rest } from './execute.ts'
import type { EventSystem } from './explore-events.ts'
import { createKernel } from './kernel.ts'
import { createWorld, type World } from './world.ts'

/** Browsers with a tab each, a relay, and what the tabs do. */
export interface FramesPlan {
  readonly app: SimulatedApp
  /** How many tabs each browser has. */
  readonly tabs: readonly number[]
  /** For each tab what it does, in order. */
  readonly does: readonly (readonly string[])[]
  readonly seed: number
  /** Something was written in an order. */
  onChanged(): void
}

/** As many choices as an action may draw, before it draws the calmest. */
const MOST_CHOICES = 16

/**
 * A whole system at the point where everybody is online and has nothing to tell: from here on each tab may do what it does next at any time. Nothing takes
 * time but what waits for its time.
 */
export async function beginFrames({ app, tabs, does, seed, onChanged }: FramesPlan): Promise<EventSystem> {
  const named = new Map(actionsOf(app).map((action) => [action.name, action]))
  const decisions: Record<string, readonly number[]> = {}
  does.forEach((names, who) =>
    names.forEach(
      (_, i) => (decisions[streamOf(who, i)] = Array.from({ length: MOST_CHOICES }, (_each, at) => who + i + at)),
    ),
  )
  const kernel = createKernel({ seed, decisions, rest: 'calm' }, { isStill: true })
  const world = createWorld(kernel, { app, tabs, relay: {}, faults: {} })
  const places = world.machines.flatMap((machine) => machine.tabs.map((_, place) => ({ machine, place })))
  for (const { machine, place } of places) machine.open(place)
  await rest(world)
  // What the opening has begun and nobody waits for.
  await kernel.pass(10_000)
  const failure = world.failure()
  if (failure !== undefined) throw failedToBegin(failure.message)

  function plan(who: number, i: number): void {
    const name = does[who]![i]
    if (name === undefined) return
    const { machine, place } = places[who]!
    const tab = machine.tabs[place]!
    const action = named.get(name)
    if (action === undefined) throw new SimulationError('invalid-simulation', `There is no action "${name}".`)
    kernel.plan({
      party: tab.life.party,
      kind: 'action',
      label: name,
      channel: `doings ${who}`,
      run() {
        act(world, machine, tab, action, streamOf(who, i))
        plan(who, i + 1)
      },
    })
  }

  does.forEach((_, who) => plan(who, 0))
  return {
    kernel,
    begunAt: kernel.chronicle.happenings.length,
    // What a machine brings to its disk by and by matters to nobody while it has power.
    waits: ({ kind, label }) => kind === 'timer' || label === 'flushes',
    partyOf: ({ party }) => party.split('/')[0]!,
    broken: () => findingIn(world),
    async finish() {
      if ((world.tally.counts['changes'] ?? 0) > 0) onChanged()
      await judge(world)
      return findingIn(world)
    },
  }
}

const streamOf = (who: number, i: number): string => `doing ${who} ${i}`

function findingIn(world: World): Finding | undefined {
  const failure = world.failure()
  return failure === undefined ? undefined : { check: failure.check, what: failure.message }
}

function failedToBegin(message: string): SimulationError {
  return new SimulationError('failed', `Before anybody did anything: ${message}`)
}
