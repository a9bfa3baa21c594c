import { tick, witness } from '@syncline/merge'
import { brokenInvariant, localBodyOf, readablesOf } from './explored-app.ts'
import { counterexampleOf, type Counterexample, type Finding } from './counterexample.ts'
import { SimulationError } from './errors.ts'
import type { ExhaustOptions, Exploration } from './exhaust.ts'
import { LIMIT, maySee, nameOfDoing } from './explore-states.ts'
import { createReplicaStates, lotOf, nameOf, type EffectId, type StateId } from './replica-states.ts'
import { shrinkList } from './shrink.ts'
import { drawingOf, play, type Stage, type Step } from './stage.ts'

/** A Change that was made, and what its author had seen. */
interface Sent {
  readonly effect: EffectId
  readonly at: number | undefined
  readonly seen: readonly number[]
}

/** As many replicas as pairs of them have a bit each. */
const MOST_REPLICAS = 5

/**
 * Explores every order in which things can happen between replicas, as far as it is one for some replica: two orders in which every replica
 * performs and receives the same in the same order are one. Where everything has happened, the replicas must be the same; and what each holds
 * must be what a memory holds that got the same Changes in this order.
 */
export function exploreOrders(options: ExhaustOptions): Exploration {
  const { app, does, points = 'any', depth = Infinity, limit = LIMIT, clocks = [], images = {}, seed = 1 } = options
  const n = does.length
  if (n > MOST_REPLICAS) {
    throw new SimulationError(
      'invalid-simulation',
      `${n} replicas are too many to try every order; ${MOST_REPLICAS} are the most. Explore by: 'state', which needs none of them twice.`,
    )
  }
  const names = does.map((doings) => doings.map((doing) => nameOfDoing(doing)))
  const states = createReplicaStates(readablesOf(app), images, seed, 'history')
  const stage: Stage = { app, replicas: n, clocks, images, seed }
  const checked = new Set<StateId>()
  const made: Sent[][] = does.map(() => [])
  const seen = does.map(() => does.map(() => 0))
  const at: StateId[] = does.map(() => states.empty)
  const clock = does.map(() => 0)
  const steps: Step[] = []
  /** What each replica has performed and received, in its order; and what memories have been given. */
  const heard = does.map(() => '')
  const played = new Set<string>()
  let [orders, deliveries] = [0, 0]
  let wasCut = false
  let isFull = false
  let found: Finding | undefined

  /** Whether a replica can do what it does next, or, with `of`, receive what comes next of another. */
  function isEnabled(who: number, of: number): boolean {
    const own = seen[who]!
    if (who !== of) {
      const sent = made[of]![own[of]!]
      if (sent === undefined || isTooMuch(who, of)) return false
      return sent.seen.every((count, each) => each === of || own[each]! >= count)
    }
    const doing = does[who]![own[who]!]
    if (doing === undefined) return false
    return maySee(doing, own) && (points === 'any' || own.every((count, each) => each === who || count === 0))
  }

  /** Whether a replica could not do any more what it does next, had it received that too. */
  function isTooMuch(who: number, of: number): boolean {
    const doing = does[who]![seen[who]![who]!]
    if (doing === undefined) return false
    return points === 'apart' || (typeof doing !== 'string' && seen[who]![of]! >= doing.having[of]!)
  }

  function perform(who: number): Finding | undefined {
    const own = seen[who]!
    const [seq, name] = [own[who]! + 1, names[who]![own[who]!]!]
    try {
      const plan = {
        who,
        seq,
        at: tick(clock[who]!, clocks[who] ?? 0),
        lot: lotOf(who, seq, name),
        action: localBodyOf(app, name),
        seen: [...own],
      }
      const performed = states.perform(at[who]!, plan)
      made[who]!.push({ effect: performed.effect, at: performed.at, seen: [...own] })
      at[who] = performed.after
      clock[who] = performed.at ?? clock[who]!
    } catch (error) {
      return { check: 'error', what: `${nameOf(who)} performs ${name}, which throws: ${String(error)}` }
    }
    own[who] = seq
    return undefined
  }

  function receive(who: number, of: number): void {
    const { effect, at: stamp } = made[of]![seen[who]![of]!]!
    at[who] = states.deliver(at[who]!, effect)
    if (stamp !== undefined) clock[who] = witness(clock[who]!, stamp)
    seen[who]![of]! += 1
    deliveries += 1
  }

  /** Takes one step and goes on from there; `sleeping` are steps that were tried before, in an order that is the same to everybody. */
  function take(who: number, of: number, sleeping: number): void {
    const before = { state: at[who]!, clock: clock[who]!, sent: made[who]!.length, heard: heard[who]! }
    const id = `${nameOf(of)}${seen[who]![of]! + 1}`
    steps.push(
      who === of
        ? { kind: 'perform', who, action: names[who]![seen[who]![who]!]!, id }
        : { kind: 'deliver', id, to: who },
    )
    if (who === of) found = perform(who)
    else receive(who, of)
    heard[who] += ` ${made[of]![seen[who]![of]! - 1]?.effect}`
    const hasHappened = found === undefined
    if (hasHappened && !checked.has(at[who]!)) {
      checked.add(at[who]!)
      const broken = brokenInvariant(app, states.snapshot(at[who]!))
      if (broken !== undefined) found = { check: 'invariant', what: `At ${nameOf(who)} ${broken}` }
    }
    if (found === undefined) goOn(sleeping)
    if (found !== undefined) return
    steps.pop()
    seen[who]![of]! -= 1
    made[who]!.length = before.sent
    at[who] = before.state
    clock[who] = before.clock
    heard[who] = before.heard
  }

  function goOn(sleeping: number): void {
    let tried = sleeping
    let isEnd = true
    for (let who = 0; who < n && found === undefined && !isFull; who++) {
      for (let of = 0; of < n && found === undefined && !isFull; of++) {
        if (!isEnabled(who, of)) continue
        isEnd = false
        const bit = 1 << (who * n + of)
        if ((tried & bit) !== 0) continue
        if (steps.length >= depth) {
          wasCut = true
          continue
        }
        // What happens to one replica is nothing to the others, so it may as well happen after.
        take(who, of, tried & ~(((1 << n) - 1) << (who * n)))
        tried |= bit
      }
    }
    if (isEnd && found === undefined) finish()
  }

  function finish(): void {
    if (orders >= limit) {
      isFull = true
      return
    }
    orders += 1
    const other = at.findIndex((state) => state !== at[0])
    // With states that cannot be seen into, each order is a state of its own, and only what can be seen is compared.
    if (other >= 0 || isOther()) found = play(stage, steps)
  }

  /** Whether a replica has received in an order that no memory has been given yet. */
  function isOther(): boolean {
    const before = played.size
    heard.forEach((order, who) => played.add(`${who}${order}`))
    return played.size > before
  }

  goOn(0)
  let counterexample: Counterexample | undefined
  if (found !== undefined) {
    const { check } = found
    const shrunk = shrinkList(steps, (fewer) => play(stage, fewer)?.check === check)
    const { what } = play(stage, shrunk.items) ?? found
    counterexample = counterexampleOf(check, what, drawingOf(n, shrunk.items))
  }
  const reason = isFull ? 'limit' : wasCut ? 'depth' : undefined
  const explored = { histories: 0, finished: 0, states: states.size, deliveries, orders }
  return {
    of: 'changes',
    by: 'order',
    complete: reason === undefined && found === undefined,
    reason,
    explored,
    hasChanged: states.size > 1,
    counterexample,
  }
}
