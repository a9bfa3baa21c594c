import { counterexampleOf, type Counterexample } from './counterexample.ts'
import { drawingOfHappenings } from './draw-happenings.ts'
import { SimulationError } from './errors.ts'
import type { ExhaustOptions, Exploration } from './exhaust.ts'
import { exploreEvents, playPath, type EventSystem, type ExploredEvents } from './explore-events.ts'
import { nameOfDoing } from './explore-states.ts'
import { beginFrames, type FramesPlan } from './frames.ts'
import { shrinkListSlowly } from './shrink.ts'

/** As many beginnings as take some minutes. */
const LIMIT = 20_000

/** So often a smaller order is tried, before the smallest so far is shown. */
const MOST_SHRINKING = 150

/**
 * Explores the orders in which actions, messages and what the storage has done can come, with real stores, the real log on IndexedDB and the real
 * relay: a browser with a tab for each replica.
 */
export async function exploreFrames(options: ExhaustOptions): Promise<Exploration> {
  const { app, does, tabs = does.map(() => 1), by = 'state', depth = Infinity, limit = LIMIT, seed = 1 } = options
  if (
    options.points === 'apart' ||
    options.clocks !== undefined ||
    does.flat().some((doing) => typeof doing !== 'string')
  ) {
    throw new SimulationError(
      'invalid-simulation',
      `Where there is a relay, tabs act at any point and by their machine's clock. Leave out points and clocks, or explore of: 'changes'.`,
    )
  }
  const places = tabs.reduce((sum, count) => sum + count, 0)
  if (places !== does.length) {
    throw new SimulationError(
      'invalid-simulation',
      `There are ${places} tabs, and it is said of ${does.length} what they do. Say it of each, in the order of the browsers.`,
    )
  }
  let hasChanged = false
  const plan: FramesPlan = {
    app,
    tabs,
    does: does.map((doings) => doings.map(nameOfDoing)),
    seed,
    onChanged: () => void (hasChanged = true),
  }
  const begin = (): Promise<EventSystem> => beginFrames(plan)
  const explored = await exploreEvents(begin, { by, depth, limit })
  const counterexample = await smallest(begin, explored)
  const { orders, states, events, reason, finding } = explored
  return {
    of: 'frames',
    by,
    complete: reason === undefined && finding === undefined,
    reason,
    explored: { histories: 0, finished: 0, states, deliveries: events, orders },
    hasChanged,
    counterexample,
  }
}

/** What was found, in an order that leaves the usual one as seldom as it was found to. */
async function smallest(
  begin: () => Promise<EventSystem>,
  { finding, path }: ExploredEvents,
): Promise<Counterexample | undefined> {
  if (finding === undefined) return undefined
  const { items } = await shrinkListSlowly(
    path,
    async (some) => (await playPath(begin, some)).finding?.check === finding.check,
    MOST_SHRINKING,
  )
  const { system, finding: again = finding } = await playPath(begin, items)
  const happenings = system.kernel.chronicle.happenings.slice(system.begunAt)
  return counterexampleOf(again.check, again.what, drawingOfHappenings(happenings))
}
