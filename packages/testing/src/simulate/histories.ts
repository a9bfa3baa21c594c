import type { EffectId, StateId } from './replica-states.ts'
import { Numbers, Tuples } from './tuples.ts'

/**
 * What people did, and what each had seen of the others when they did it: all that can be told apart about a run of replicas that exchange
 * Changes. A replica is never in another state than one after some history. So to look at each history, and at each Change that can come last in
 * it, is to look at every order in which every replica can receive everything, at whatever point of it everybody does what they do.
 */
export interface Walked {
  /** Histories, the empty one and unfinished ones included. */
  readonly histories: number
  /** Those in which everybody has done everything. */
  readonly finished: number
  /** A history, and a Change that came last: where the replica is then was compared. */
  readonly deliveries: number
  /** Orders in which a replica can receive the Changes of the finished histories, each in each order. */
  readonly orders: number
  /** Why it is not all of them. */
  readonly reason: 'depth' | 'limit' | 'stopped' | undefined
}

/** One Change in a history. */
export interface HistoryChange {
  readonly who: number
  readonly seq: number
  readonly effect: EffectId
  /** How many Changes of each replica its author had seen, its own included. */
  readonly seen: readonly number[]
}

/** The history that is looked at. It is another one as soon as the walker has answered. */
interface History {
  /** How many actions of each replica are in it. */
  counts(): readonly number[]
  /** All Changes in it, each after those that its author had seen, and those that nobody in it has seen as the last. */
  changes(): readonly HistoryChange[]
  /** The replicas whose last Change nobody in it has seen. */
  tops(): readonly number[]
}

/** Who tells what happens, and hears what is found. Where it answers false, the walk ends. */
export interface Walker {
  /** How many actions each replica performs. */
  readonly lengths: readonly number[]
  readonly empty: StateId
  /** Whether a replica performs that action when it has seen so many of each. */
  mayPerform(who: number, index: number, seen: readonly number[]): boolean
  /**
   * What a replica does next, in a state, when the latest stamp that it has seen is `clock`, and it has seen all of the history. The stamp is
   * undefined when it writes nothing. Undefined ends the walk.
   */
  perform(who: number, seq: number, state: StateId, clock: number, history: History): Made | undefined
  deliver(state: StateId, effect: EffectId): StateId
  /** Called for each history, smaller ones first, with where it leaves a replica. */
  visit(state: StateId, history: History): boolean
  /** Called when it matters which of two Changes comes last, those of these two replicas. */
  diverged(history: History, first: number, second: number): boolean
  /** Called for each delivery: where a replica was, where it is, and whose Change came last. */
  arrived?(before: StateId, after: StateId, history: History, last: number): boolean
}

/** A transaction that was performed. */
interface Made {
  readonly effect: EffectId
  readonly at: number | undefined
}

/** How far a walk goes. */
export interface Bounds {
  /** Actions in one history. */
  readonly depth: number
  /** Histories. */
  readonly limit: number
}

const UNKNOWN = 0
const NEVER = -1

/**
 * Walks through all histories, smaller ones first. Each is reached once: from what it is without that one of its last Changes whose replica comes
 * last. Cost: about a microsecond for each history beside what the walker does; memory for those that are not finished.
 */
export function walkHistories(walker: Walker, bounds: Bounds): Walked {
  const walk = new Walk(walker, bounds)
  walk.run()
  return { ...walk.counted, reason: walk.reason }
}

class Walk implements History {
  readonly counted = { histories: 0, finished: 0, deliveries: 0, orders: 0 }
  reason: Walked['reason']
  readonly #walker: Walker
  readonly #bounds: Bounds
  readonly #lengths: readonly number[]
  readonly #n: number
  readonly #total: number

  // By Change: who made it, which of theirs it is, the history that its author had seen, the one before it, what it does, and its stamp.
  readonly #makers = new Numbers()
  readonly #seqs = new Numbers()
  readonly #sights = new Numbers()
  readonly #befores = new Numbers()
  readonly #effects = new Numbers()
  readonly #stamps: number[] = []

  // By history that is not finished: the last Change of each replica, -1 for none; how many those are; where it leaves a replica; which of
  // these Changes nobody has seen, as bits; the latest stamp; in how many orders it can be received; and the Change that each replica makes there.
  readonly #lasts: Tuples
  readonly #counts = new Numbers()
  readonly #states = new Numbers()
  readonly #tops = new Numbers()
  readonly #clocks: number[] = []
  readonly #orders: number[] = []
  readonly #changes = new Numbers()

  // The history that is looked at.
  readonly #tuple: Int32Array
  #top = 0
  // What its author may have seen.
  readonly #sight: Int32Array

  constructor(walker: Walker, bounds: Bounds) {
    this.#walker = walker
    this.#bounds = bounds
    this.#lengths = walker.lengths
    this.#n = walker.lengths.length
    this.#total = walker.lengths.reduce((sum, length) => sum + length, 0)
    this.#lasts = new Tuples(this.#n)
    this.#tuple = new Int32Array(this.#n).fill(-1)
    this.#sight = new Int32Array(this.#n)
  }

  run(): void {
    this.counted.histories = 1
    this.#keep(this.#walker.empty, 0, 1)
    if (!this.#walker.visit(this.#walker.empty, this)) this.reason = 'stopped'
    let begin = 0
    for (let level = 1; level <= this.#total && this.reason === undefined; level++) {
      if (level > this.#bounds.depth) {
        this.reason = 'depth'
        return
      }
      const end = this.#states.size
      for (let node = begin; node < end && this.reason === undefined; node++) {
        for (let who = 0; who < this.#n; who++) {
          if (this.#countIn(node, who) < this.#lengths[who]!) this.#continue(node, who, level)
        }
      }
      begin = end
    }
  }

  /** A replica does what it does next, having seen whatever it can have seen in this history. */
  #continue(node: number, who: number, level: number): void {
    const own = this.#lasts.items[node * this.#n + who]!
    this.#sight.set(this.#lasts.items.subarray(node * this.#n, node * this.#n + this.#n))
    this.#see(node, who, own, 0, level)
  }

  /** Tries how much of each other replica, from `of` on, it has seen: from all down to what it had seen when it did something last. */
  #see(node: number, who: number, own: number, of: number, level: number): void {
    if (this.reason !== undefined) return
    if (of === this.#n) {
      // What is not closed under what its authors had seen is no history.
      const sight = this.#lasts.find(this.#sight)
      if (sight < 0) return
      const change = this.#changeAt(sight, who)
      if (change !== NEVER) this.#extend(node, change, level)
      return
    }
    if (of === who) {
      this.#see(node, who, own, of + 1, level)
      return
    }
    const all = this.#sight[of]!
    const least = own < 0 ? 0 : this.#countIn(this.#sights.items[own]!, of)
    for (let change = all; ; change = this.#befores.items[change]!) {
      this.#sight[of] = change
      this.#see(node, who, own, of + 1, level)
      if (change < 0 || this.#seqs.items[change]! <= least) break
    }
    this.#sight[of] = all
  }

  /** The Change that a replica makes when it has seen exactly that history. */
  #changeAt(sight: number, who: number): number {
    const place = sight * this.#n + who
    const known = this.#changes.items[place]!
    if (known !== UNKNOWN) return known < 0 ? NEVER : known - 1
    this.#tuple.set(this.#lasts.items.subarray(sight * this.#n, sight * this.#n + this.#n))
    this.#top = this.#tops.items[sight]!
    const seen = this.counts()
    const seq = seen[who]! + 1
    if (!this.#walker.mayPerform(who, seq - 1, seen)) {
      this.#changes.items[place] = NEVER
      return NEVER
    }
    const made = this.#walker.perform(who, seq, this.#states.items[sight]!, this.#clocks[sight]!, this)
    if (made === undefined) {
      this.reason = 'stopped'
      return NEVER
    }
    const change = this.#makers.push(who)
    this.#seqs.push(seq)
    this.#sights.push(sight)
    this.#befores.push(this.#lasts.items[place]!)
    this.#effects.push(made.effect)
    this.#stamps.push(made.at ?? 0)
    this.#changes.items[place] = change + 1
    return change
  }

  /** A history with one Change more, if it is this way that it is reached by. */
  #extend(node: number, change: number, level: number): void {
    const n = this.#n
    const who = this.#makers.items[change]!
    const sight = this.#sights.items[change]!
    let top = this.#tops.items[node]! | (1 << who)
    for (let of = 0; of < n; of++) {
      if (of === who || (top & (1 << of)) === 0) continue
      if (this.#countIn(sight, of) === this.#countIn(node, of)) top &= ~(1 << of)
      else if (of > who) return
    }
    if (this.counted.histories >= this.#bounds.limit) {
      this.reason = 'limit'
      return
    }
    this.counted.histories += 1
    const tuple = this.#tuple
    for (let of = 0; of < n; of++) tuple[of] = this.#lasts.items[node * n + of]!
    tuple[who] = change
    this.#top = top
    const walker = this.#walker
    const before = this.#states.items[node]!
    const state = walker.deliver(before, this.#effects.items[change]!)
    let orders = this.#orders[node]!
    let goesOn = walker.arrived === undefined || walker.arrived(before, state, this, who)
    this.counted.deliveries += 1
    for (let of = 0; of < who; of++) {
      if ((top & (1 << of)) === 0) continue
      const last = tuple[of]!
      tuple[of] = this.#befores.items[last]!
      const without = this.#lasts.find(tuple)
      tuple[of] = last
      orders += this.#orders[without]!
      this.counted.deliveries += 1
      const other = this.#states.items[without]!
      if (walker.deliver(other, this.#effects.items[last]!) !== state) goesOn &&= walker.diverged(this, of, who)
      if (walker.arrived !== undefined) goesOn &&= walker.arrived(other, state, this, of)
    }
    if (!goesOn || !walker.visit(state, this)) this.reason = 'stopped'
    if (level === this.#total) {
      this.counted.finished += 1
      this.counted.orders += orders
      return
    }
    this.#keep(state, Math.max(this.#clocks[node]!, this.#stamps[change]!), orders)
  }

  #keep(state: StateId, clock: number, orders: number): void {
    this.#lasts.add(this.#tuple)
    for (const last of this.#tuple) {
      this.#counts.push(last < 0 ? 0 : this.#seqs.items[last]!)
      this.#changes.push(UNKNOWN)
    }
    this.#states.push(state)
    this.#tops.push(this.#top)
    this.#clocks.push(clock)
    this.#orders.push(orders)
  }

  #countIn(node: number, who: number): number {
    return this.#counts.items[node * this.#n + who]!
  }

  counts(): readonly number[] {
    return Array.from(this.#tuple, (last) => (last < 0 ? 0 : this.#seqs.items[last]!))
  }

  tops(): readonly number[] {
    return this.#lengths.flatMap((_, who) => ((this.#top & (1 << who)) === 0 ? [] : [who]))
  }

  changes(): readonly HistoryChange[] {
    const all = [...this.#tuple].flatMap((last) => {
      const own: number[] = []
      for (let change = last; change >= 0; change = this.#befores.items[change]!) own.push(change)
      return own
    })
    const isTop = (change: number): boolean =>
      this.#tuple[this.#makers.items[change]!] === change && (this.#top & (1 << this.#makers.items[change]!)) !== 0
    // Who has seen another has seen more than it had.
    const seenOf = (change: number): number =>
      this.#lengths.reduce((sum, _, of) => sum + this.#countIn(this.#sights.items[change]!, of), 0)
    const weight = (change: number): number => (isTop(change) ? this.#total : seenOf(change))
    all.sort((a, b) => weight(a) - weight(b) || this.#makers.items[a]! - this.#makers.items[b]!)
    return all.map((change) => ({
      who: this.#makers.items[change]!,
      seq: this.#seqs.items[change]!,
      effect: this.#effects.items[change]!,
      seen: this.#lengths.map((_, of) => this.#countIn(this.#sights.items[change]!, of)),
    }))
  }
}
