import type { SimulatedApp } from './app.ts'
import { printed, type Counterexample } from './counterexample.ts'
import { SimulationError } from './errors.ts'
import { exploreFrames } from './explore-frames.ts'
import { exploreOrders } from './explore-orders.ts'
import { exploreStates } from './explore-states.ts'
import { printLine } from './print.ts'
import type { Images } from './image.ts'

/** What is to be explored. */
export interface ExhaustOptions {
  readonly app: SimulatedApp
  /** For each replica what it does, in order: the names of actions. */
  readonly does: readonly (readonly Doing[])[]
  /**
   * What replicas exchange. `changes`, the default: Changes, one by one, without a relay: fast, and what merges is all there is to be wrong. `frames`: a
   * browser with a tab for each replica, with real stores and logs, and the real relay between them; what comes in every order are the messages,
   * and what the storages have done. That is many orders: two tabs with an action each have 56.
   */
  readonly of?: 'changes' | 'frames'
  /** Of frames: how many tabs each browser has; `does` tells of each, browser by browser. Default: one each. */
  readonly tabs?: readonly number[]
  /**
   * `state`, the default: every state that a replica can reach, each once. `order`: every order in which every replica can receive everything,
   * each played from the beginning on a memory of its own.
   */
  readonly by?: 'state' | 'order'
  /**
   * When replicas do what they do. `any`, the default: at every point, whatever they have seen by then of what others do. `apart`: before they
   * have seen anything.
   */
  readonly points?: 'any' | 'apart'
  /** So many actions are performed, or by order so many steps taken, and no more. Default: all. */
  readonly depth?: number
  /** So many histories or orders are explored, and no more. Default: five million; of frames 20,000, which take some minutes. */
  readonly limit?: number
  /** How far the clock of each replica is ahead, in milliseconds. Default: not at all. */
  readonly clocks?: readonly number[]
  /** How states of policies are compared that cannot be seen into: `documentImages(Y)` for texts and docs. */
  readonly images?: Images
  /** What actions that choose choose by. */
  readonly seed?: number
  /** Gets the line with what was explored. Default: the console. */
  readonly print?: (line: string) => void
}

/** An action, or one that is performed when its replica has seen so many actions of each replica, its own included. */
export type Doing = string | { readonly does: string; readonly having: readonly number[] }

/** What was explored. That nothing was found is said by there being a result: what is found is thrown. */
export interface Exhausted {
  readonly of: 'changes' | 'frames'
  readonly by: 'state' | 'order'
  /** Whether that is all there is. */
  readonly complete: boolean
  /** Why it is not: `depth` or `limit` was reached. */
  readonly reason: 'depth' | 'limit' | undefined
  readonly explored: Explored
}

/** How much was explored. What was not counted is 0. */
export interface Explored {
  /** Things people can have done, and seen of each other when they did it; unfinished ones included. */
  readonly histories: number
  /** Those in which everybody has done everything. */
  readonly finished: number
  /** Different states of a replica. */
  readonly states: number
  /** Deliveries of a Change whose outcome was compared with that of every other order; of frames all events that happened. */
  readonly deliveries: number
  /** Orders in which replicas can receive everything that are covered by these; or those that were played. */
  readonly orders: number
}

/** What an exploration found, or that it found nothing. */
export interface Exploration extends Exhausted {
  /** Whether anybody has written anything. */
  readonly hasChanged: boolean
  readonly counterexample: Counterexample | undefined
}

/**
 * Tries everything that can happen between replicas that exchange Changes: at which point everybody does what they do, and in which order
 * everybody receives what the others did. After each step the invariants of the app are checked, and that replicas which have received the same
 * are the same: in what their refs read, and in all that is kept behind it. The Changes are made by the policies of the app's refs and travel as
 * bytes; there is no relay. By state, replicas that do nothing can be exchanged for each other, and are one: however many they are, no more is explored.
 *
 * Throws `SimulationError`: `failed` with the smallest `counterexample`, drawn in the message; `invalid-simulation` when there is nothing to
 * explore, or what cannot be; `nothing-happened` when no action has written anything in all of it. Cost: three replicas with three actions each are 1.3 million histories, and take a few seconds.
 *
 * @example
 * import { counter } from '@syncline/merge'
 * import { exhaust } from '@syncline/testing/simulate'
 *
 * const votes = counter('votes')
 * const app = { refs: { votes }, actions: { vote: (tx) => tx.add(votes, 1) } }
 * const { complete, explored } = await exhaust({ app, does: [['vote', 'vote'], ['vote', 'vote']], print: () => {} })
 * expect(complete).toBe(true)
 * expect(explored).toMatchObject({ finished: 20, orders: 50 })
 */
export async function exhaust(options: ExhaustOptions): Promise<Exhausted> {
  const { counterexample, hasChanged, ...result } = await explore(options)
  const { print = printLine } = options
  print(summaryOf(result))
  if (counterexample !== undefined) throw new SimulationError('failed', printed(counterexample), { counterexample })
  if (result.complete && !hasChanged) {
    throw new SimulationError(
      'nothing-happened',
      'No action has written anything, whatever the order. Name actions in `does` that write.',
    )
  }
  return result
}

/** What {@link exhaust} finds, and does not throw. */
async function explore(options: ExhaustOptions): Promise<Exploration> {
  const doings = options.does.flat().length
  if (doings === 0 || options.does.length < 2) {
    throw new SimulationError(
      'invalid-simulation',
      `${options.does.length} replicas do ${doings} things, and there is nothing to explore. Give at least two replicas, and something to do.`,
    )
  }
  if (options.of === 'frames') return exploreFrames(options)
  return options.by === 'order' ? exploreOrders(options) : exploreStates(options)
}

/** What was explored, in a line. */
function summaryOf({ by, complete, reason, explored }: Exhausted): string {
  const words = Object.entries(explored).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what}`]))
  const why = reason === undefined ? 'something was found' : `the ${reason} was reached`
  return `exhaust by ${by}: ${words.join(', ')}${complete ? '' : `; not all, as ${why}`}`
}
