import { tick } from '@syncline/merge'
import { brokenInvariant, localBodyOf, readablesOf } from './explored-app.ts'
import { counterexampleOf, type Counterexample, type Finding } from './counterexample.ts'
import type { Doing, ExhaustOptions, Exploration } from './exhaust.ts'
import { walkHistories, type HistoryChange } from './histories.ts'
import { createReplicaStates, lotOf, nameOf, type Performed } from './replica-states.ts'
import { drawingOf, play, type Stage, type Step } from './stage.ts'

/** As many histories as there is room for on a small machine. */
export const LIMIT = 5_000_000

/** Explores every state that a replica can reach, smaller histories first, so that what is found is the smallest. */
export function exploreStates(options: ExhaustOptions): Exploration {
  const { app, does, points = 'any', depth = Infinity, limit = LIMIT, clocks = [], images = {}, seed = 1 } = options
  const states = createReplicaStates(readablesOf(app), images, seed)
  const checked = new Set<number>()
  const stage: Stage = { app, replicas: does.length, clocks, images, seed }
  const names = does.map((doings) => doings.map((doing) => nameOfDoing(doing)))
  const actions = names.map((each) => each.map((name) => localBodyOf(app, name)))
  let counterexample: Counterexample | undefined

  /** Steps after which the replicas that matter have received all of a history, those of `tops` the last Change of the other one last. */
  function found(steps: readonly Step[], finding: Finding): false {
    // What really happens then is what is told.
    const { check, what } = play(stage, steps) ?? finding
    counterexample = counterexampleOf(check, what, drawingOf(does.length, steps))
    return false
  }

  const walked = walkHistories(
    {
      lengths: does.map(({ length }) => length),
      empty: states.empty,
      deliver: states.deliver,
      mayPerform(who, index, seen) {
        if (points === 'apart' && seen.some((count, of) => of !== who && count > 0)) return false
        return maySee(does[who]![index]!, seen)
      },
      perform(who, seq, state, clock, history) {
        const [name, action] = [names[who]![seq - 1]!, actions[who]![seq - 1]!]
        const seen = history.counts()
        const stepsTo = (...readers: readonly number[]): readonly Step[] => {
          const last = { who, seq, effect: 0, seen }
          return stepsOf(names, [...history.changes(), last], new Map(readers.map((reader) => [reader, undefined])))
        }
        let performed: Performed
        try {
          performed = states.perform(state, {
            who,
            seq,
            at: tick(clock, clocks[who] ?? 0),
            lot: lotOf(who, seq, name),
            action,
            seen,
          })
        } catch (error) {
          found(stepsTo(), {
            check: 'error',
            what: `${nameOf(who)} performs ${name}, which throws: ${String(error)}`,
          })
          return undefined
        }
        // Who has it from its bytes must have the same as who made it.
        if (states.deliver(state, performed.effect) === performed.after) return performed
        found(stepsTo((who + 1) % does.length), {
          check: 'convergence',
          what: `Who receives what ${nameOf(who)} did has something else than ${nameOf(who)}.`,
        })
        return undefined
      },
      visit(state, history) {
        if (checked.has(state)) return true
        checked.add(state)
        const broken = brokenInvariant(app, states.snapshot(state))
        if (broken === undefined) return true
        const changes = history.changes()
        // What is wrong before anybody has done anything is so at everybody.
        const who = changes.at(-1)?.who ?? 0
        const steps = stepsOf(names, changes, new Map([[who, undefined]]))
        return found(steps, { check: 'invariant', what: `At ${nameOf(who)} ${broken}` })
      },
      diverged(history, first, second) {
        const steps = stepsOf(
          names,
          history.changes(),
          new Map([
            [first, second],
            [second, first],
          ]),
        )
        const what = `${nameOf(first)} and ${nameOf(second)} have received the same in different orders, and differ.`
        return found(steps, { check: 'convergence', what })
      },
    },
    { depth, limit },
  )
  const { histories, finished, deliveries, orders, reason } = walked
  return {
    of: 'changes',
    by: 'state',
    complete: reason === undefined,
    reason: reason === 'stopped' ? undefined : reason,
    explored: { histories, finished, states: states.size, deliveries, orders },
    hasChanged: states.size > 1,
    counterexample,
  }
}

/** The name of what is done. */
export function nameOfDoing(doing: Doing): string {
  return typeof doing === 'string' ? doing : doing.does
}

/** Whether something is done when so much was seen. */
export function maySee(doing: Doing, seen: readonly number[]): boolean {
  return typeof doing === 'string' || doing.having.every((count, of) => count === seen[of])
}

/**
 * The steps of a history: everybody receives what they had seen when they did something, and does it. In the end those in `readers` receive
 * the rest, the last Change of the replica that is named for each as the last.
 */
export function stepsOf(
  names: readonly (readonly string[])[],
  changes: readonly HistoryChange[],
  readers: ReadonlyMap<number, number | undefined>,
): readonly Step[] {
  const steps: Step[] = []
  const had = names.map(() => new Set<string>())
  const idOf = ({ who, seq }: Pick<HistoryChange, 'who' | 'seq'>): string => `${nameOf(who)}${seq}`
  const receive = (to: number, change: HistoryChange): void => {
    const id = idOf(change)
    if (change.who === to || had[to]!.has(id)) return
    had[to]!.add(id)
    steps.push({ kind: 'deliver', id, to })
  }
  for (const change of changes) {
    const { who, seq, seen } = change
    for (const other of changes) if (other.seq <= seen[other.who]!) receive(who, other)
    steps.push({ kind: 'perform', who, action: names[who]![seq - 1]!, id: idOf(change) })
  }
  for (const [reader, lastOf] of readers) {
    const isLast = ({ who, seq }: HistoryChange): boolean =>
      who === lastOf && !changes.some((other) => other.who === who && other.seq > seq)
    for (const change of changes) if (!isLast(change)) receive(reader, change)
    for (const change of changes) if (isLast(change)) receive(reader, change)
  }
  return steps
}
