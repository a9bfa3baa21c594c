import { tick } from '@syncline/merge'
import type { Snapshot } from '@syncline/stm'
import type { SimulatedApp } from './app.ts'
import { localBodyOf, readablesOf } from './explored-app.ts'
import { counterexampleOf, type Counterexample } from './counterexample.ts'
import type { Mark } from './diagram.ts'
import { SimulationError } from './errors.ts'
import { stepsOf } from './explore-states.ts'
import { walkHistories, type HistoryChange, type Walked } from './histories.ts'
import { imageOfData, type Images } from './image.ts'
import { isPartOf } from './part-of.ts'
import { createReplicaStates, lotOf, type StateId } from './replica-states.ts'
import { marksOf, partiesOf, said, type Step } from './stage.ts'

/** Which actions are to be calm, and what is seen of them. */
export interface CalmOptions {
  readonly app: SimulatedApp
  /** What is done, each by somebody else; several in a list by one, in this order. */
  readonly does: readonly (string | readonly string[])[]
  /** What people see in the end. */
  readonly observe: (snapshot: Snapshot) => unknown
  /** Whether one observation is a part of another, for what is more than numbers, sets, lists and objects of these. */
  readonly isPart?: (part: unknown, whole: unknown) => boolean
  /** So many histories are explored for each question, and no more. Default: a million. */
  readonly limit?: number
  /** How states of policies are compared that cannot be seen into: `documentImages(Y)` for texts and docs. */
  readonly images?: Images
  /** What actions that choose choose by. */
  readonly seed?: number
}

/** The answer to one question. */
export type Verdict =
  | { readonly safe: true; readonly explored: number }
  | { readonly safe: false; readonly explored: number; readonly counterexample: Counterexample }
  /** Nothing was found, and not everything was explored. */
  | { readonly safe: undefined; readonly explored: number }

/** Whether actions need anybody to decide about their order. */
export interface Calm {
  /** Whether all three hold. */
  readonly isCalm: boolean
  /** Whatever order things are done and heard of in, the same is seen in the end. */
  readonly reordering: Verdict
  /** Who has not heard of everything sees a part of what there is to see. */
  readonly loss: Verdict
  /** When something is done twice, nothing is seen that could not be seen without. */
  readonly duplication: Verdict
}

/**
 * Whether what people do in an app needs no coordination: it is safe when it is done and heard of in another order, when some of it is not heard
 * of, and when it is done twice. Actions for which all three hold can be left to local refs and retried as one likes (Hellerstein and Alvaro,
 * Keeping CALM, 2020); for others there are `relay` refs, or another policy. Each answer that is no has the smallest counter-example.
 *
 * Changes themselves never count twice: every replica knows what it has. So what is asked is whether an action may be performed again, by a retry or a
 * second click.
 *
 * Throws `SimulationError` `invalid-simulation` when nothing is done, and what actions throw. Cost: all histories, and for duplication all
 * with one action more, for each action.
 *
 * @example
 * import { counter, set } from '@syncline/merge'
 * import { calm } from '@syncline/testing/simulate'
 *
 * const guests = set('guests')
 * const visits = counter('visits')
 * const app = {
 *   refs: { guests, visits },
 *   actions: {
 *     ann: (tx) => tx.include(guests, 'ann'),
 *     bob: (tx) => tx.include(guests, 'bob'),
 *     visit: (tx) => tx.add(visits, 1),
 *   },
 * }
 * const coming = calm({ app, does: ['ann', 'bob'], observe: (snapshot) => snapshot.get(guests) })
 * expect(coming.isCalm).toBe(true)
 *
 * const counting = calm({ app, does: ['visit', 'visit'], observe: (snapshot) => snapshot.get(visits) })
 * expect([counting.reordering.safe, counting.loss.safe, counting.duplication.safe]).toEqual([true, true, false])
 */
export function calm(options: CalmOptions): Calm {
  const does = options.does.map((doings) => (typeof doings === 'string' ? [doings] : doings))
  if (does.flat().length === 0) {
    throw new SimulationError(
      'invalid-simulation',
      'Nothing is done, so there is nothing to be calm about. Name some actions in `does`.',
    )
  }
  // Somebody must be there who has not done it.
  const script: Script = { does: does.length > 1 ? does : [...does, []], again: undefined }
  const reordering = ask(options, script, 'reordering')
  const loss = ask(options, script, 'loss')
  let duplication: Verdict = { safe: true, explored: 0 }
  script.does.forEach((doings, who) => {
    doings.forEach((name, index) => {
      if (duplication.safe === false) return
      const verdict = ask(options, { does: [...script.does, [name]], again: { who, index } }, 'duplication')
      const explored = duplication.explored + verdict.explored
      duplication = { ...(duplication.safe === undefined && verdict.safe === true ? duplication : verdict), explored }
    })
  })
  const isCalm = [reordering, loss, duplication].every(({ safe }) => safe === true)
  return { isCalm, reordering, loss, duplication }
}

/** Who does what. */
interface Script {
  readonly does: readonly (readonly string[])[]
  /** What the last replica does a second time. */
  readonly again: { readonly who: number; readonly index: number } | undefined
}

type Question = 'reordering' | 'loss' | 'duplication'

/** What was seen after some actions, and how that came about. */
interface Outcome {
  readonly observed: unknown
  readonly changes: readonly HistoryChange[]
}

function ask(options: CalmOptions, { does, again }: Script, question: Question): Verdict {
  const { app, observe, isPart = isPartOf, limit = 1_000_000, images = {}, seed = 1 } = options
  const states = createReplicaStates(readablesOf(app), images, seed)
  const observations = new Map<StateId, { readonly observed: unknown; readonly image: string }>()
  /** By what was done: what was seen then, by its image. */
  const outcomes = new Map<string, Map<string, Outcome>>()
  const compared = new Set<string>()
  const parties = partiesOf(does.length).map((party, who) =>
    again !== undefined && who === does.length - 1 ? `${partiesOf(does.length)[again.who]!} again` : party,
  )
  let counterexample: Counterexample | undefined

  function observedIn(state: StateId): { readonly observed: unknown; readonly image: string } {
    let known = observations.get(state)
    if (known === undefined) {
      const observed = observe(states.snapshot(state))
      observations.set(state, (known = { observed, image: imageOfData(observed) }))
    }
    return known
  }

  /** The steps of a history, at the end of which somebody has received all of it. */
  function marks(changes: readonly HistoryChange[]): readonly Mark[] {
    const { who } = changes.at(-1)!
    return marksOf(parties, stepsOf(does, changes, new Map([[who, undefined]])))
  }

  /** Two ways to do the same, and what is seen then. */
  function differ(what: string, first: Outcome, second: Outcome): false {
    const ways = [first, second].flatMap(({ changes, observed }, i): Mark[] => [
      { kind: 'divider', label: i === 0 ? 'one way' : 'another way' },
      ...marks(changes),
      { kind: 'act', at: parties[changes.at(-1)!.who]!, label: `sees ${said(observed)}` },
    ])
    counterexample = counterexampleOf(question, what, { parties, marks: ways })
    return false
  }

  function compareOrders(state: StateId, counts: readonly number[], changes: () => readonly HistoryChange[]): boolean {
    const { observed, image } = observedIn(state)
    const before = outcomes.get(counts.join())
    if (before === undefined) {
      outcomes.set(counts.join(), new Map([[image, { observed, changes: changes() }]]))
      return true
    }
    if (before.has(image)) return true
    const [first] = [...before.values()]
    return differ(
      `The order matters: one way ${said(first!.observed)} is seen in the end, another way ${said(observed)}.`,
      first!,
      { observed, changes: changes() },
    )
  }

  function compareWithout(state: StateId, counts: readonly number[], changes: () => readonly HistoryChange[]): boolean {
    const { observed, image } = observedIn(state)
    const { who, index } = again!
    const isAgain = counts.at(-1) === 1
    const key = counts.slice(0, -1).join()
    if (!isAgain) {
      let here = outcomes.get(key)
      if (here === undefined) outcomes.set(key, (here = new Map()))
      if (!here.has(image)) here.set(image, { observed, changes: changes() })
      return true
    }
    // It is not done a second time before it is done.
    if (counts[who]! <= index) return true
    const once = outcomes.get(key)!
    if (once.has(image)) return true
    const [first] = [...once.values()]
    return differ(
      `It matters that "${does[who]![index]!}" is done twice: ${said(observed)} is seen then, and ${said(first!.observed)} otherwise.`,
      first!,
      { observed, changes: changes() },
    )
  }

  function compareParts(
    before: StateId,
    after: StateId,
    changes: () => readonly HistoryChange[],
    last: number,
  ): boolean {
    const pair = `${before} ${after}`
    if (compared.has(pair)) return true
    compared.add(pair)
    const [less, more] = [observedIn(before).observed, observedIn(after).observed]
    if (isPart(less, more)) return true
    const all = changes()
    const newest = all.findLast(({ who }) => who === last)!
    const reader = does.findIndex((_, who) => who !== last)
    const rest = all.filter((change) => change !== newest)
    const steps: readonly Step[] = stepsOf(does, [...rest, newest], new Map())
    const heard = stepsOf(does, rest, new Map([[reader, undefined]])).filter(
      (step) =>
        step.kind === 'deliver' &&
        step.to === reader &&
        !steps.some((other) => other.kind === 'deliver' && other.to === reader && other.id === step.id),
    )
    const from = parties[last]!
    const to = parties[reader]!
    const drawn: Mark[] = [
      ...marksOf(parties, [...steps, ...heard]),
      { kind: 'message', from, to, label: `${from}${newest.seq}`, isLost: true },
      { kind: 'act', at: to, label: `sees ${said(less)}` },
    ]
    counterexample = counterexampleOf(
      question,
      `Who has not heard of everything sees ${said(less)}, which is no part of what there is to see: ${said(more)}.`,
      { parties, marks: drawn },
    )
    return false
  }

  const walked: Walked = walkHistories(
    {
      lengths: does.map(({ length }) => length),
      empty: states.empty,
      deliver: states.deliver,
      mayPerform: () => true,
      perform(who, seq, state, clock, history) {
        const name = does[who]![seq - 1]!
        const lot =
          again !== undefined && who === does.length - 1
            ? lotOf(again.who, again.index + 1, name)
            : lotOf(who, seq, name)
        return states.perform(state, {
          who,
          seq,
          at: tick(clock, 0),
          lot,
          action: localBodyOf(app, name),
          seen: history.counts(),
        })
      },
      visit(state, history) {
        if (question === 'reordering') return compareOrders(state, history.counts(), () => history.changes())
        if (question === 'duplication') return compareWithout(state, history.counts(), () => history.changes())
        return true
      },
      // Then observations differ too, or nobody sees it.
      diverged: () => true,
      arrived: (before, after, history, last) =>
        question !== 'loss' || compareParts(before, after, () => history.changes(), last),
    },
    { depth: Infinity, limit },
  )
  const explored = walked.histories
  if (counterexample !== undefined) return { safe: false, explored, counterexample }
  return { safe: walked.reason === undefined ? true : undefined, explored }
}
