import type { Readable, Snapshot, Tx } from '@syncline/stm'
import type { ActionChance, SimulatedApp } from './app.ts'
import { SimulationError } from './errors.ts'
import { isNotLoaded } from './ledger.ts'
import { createRandom } from './random.ts'

/** The body of an action that nobody decides about but the replica itself. */
export type LocalBody = (tx: Tx, chance: ActionChance) => unknown

/** What of an app does not hold in a Snapshot, in words. What says neither that it holds nor that it does not was not written as it was meant. */
export function brokenInvariant({ invariants = {} }: SimulatedApp, snapshot: Snapshot): string | undefined {
  for (const [name, invariant] of Object.entries(invariants)) {
    try {
      const answer: unknown = invariant(snapshot)
      if (answer === true) continue
      if (answer === false) return `the invariant "${name}" does not hold.`
      if (typeof answer === 'string') return `the invariant "${name}" does not hold: ${answer}`
      return `the invariant "${name}" returns ${String(answer)}. Return true, false, or why it does not hold.`
    } catch (error) {
      if (isNotLoaded(error)) continue
      return `the invariant "${name}" does not hold: ${(error as Error).message}`
    }
  }
  return undefined
}

/** What is read of an app to be compared. */
export function readablesOf({ refs }: SimulatedApp): readonly Readable<unknown>[] {
  return Object.values(refs)
}

/**
 * What an action does. Throws `SimulationError` `invalid-simulation` when the app has none of this name, or one that others decide about: there
 * is nobody else where replicas only exchange Changes.
 */
export function localBodyOf({ actions }: SimulatedApp, name: string): LocalBody {
  const action = Object.hasOwn(actions, name) ? actions[name]! : undefined
  if (action === undefined) {
    const names = Object.keys(actions).map((each) => `"${each}"`)
    throw new SimulationError('invalid-simulation', `There is no action "${name}". Name one of ${names.join(', ')}.`)
  }
  if (typeof action === 'function') return action
  if (action.arbiter === undefined || action.arbiter === 'local') return action.body
  throw new SimulationError(
    'invalid-simulation',
    `The action "${name}" is decided about by the ${action.arbiter}, and there is none where replicas only exchange Changes. Explore frames, or run schedules.`,
  )
}

/** What an action draws by a lot: the same each time. */
export function chanceOf(seed: number, lot: string): ActionChance {
  const random = createRandom(seed, lot)
  const below = (count: number): number => Math.floor(random() * count)
  let names = 0
  return {
    below,
    pick: (of) => of[below(of.length)]!,
    happens: (rate) => random() < rate,
    unique: () => `${lot.replaceAll(/[^A-Za-z0-9]/g, '-')}-${++names}`,
  }
}
