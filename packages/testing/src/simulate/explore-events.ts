import type { Finding } from './counterexample.ts'
import type { Kernel, PendingEvent } from './kernel.ts'

/** A whole system at the point from which on everything is tried. Beginning it again is beginning the same. */
export interface EventSystem {
  readonly kernel: Kernel
  /** How much had happened when it began. */
  readonly begunAt: number
  /** Whether an event only happens when nothing else can. */
  waits(event: PendingEvent): boolean
  /** Whom an event happens to, as far as its order among others matters: what happens to two of these can happen in either order. */
  partyOf(event: PendingEvent): string
  /** What is wrong already, asked after each event. */
  broken(): Finding | undefined
  /** Lets it come to rest, when nothing is left but what waits for its time, and says what is wrong then. */
  finish(): Promise<Finding | undefined>
}

/** How far an exploration goes. */
export interface EventBounds {
  readonly by: 'state' | 'order'
  /** Events in one order. */
  readonly depth: number
  /** Orders that are tried, or begun. */
  readonly limit: number
}

/** What an exploration of events came to. */
export interface ExploredEvents {
  /** Orders that were played to their end. */
  readonly orders: number
  /** Points that were reached, by what has happened to each party until then. */
  readonly states: number
  /** Events that happened, those included that happened again on the way to a new one. */
  readonly events: number
  readonly reason: 'depth' | 'limit' | undefined
  readonly finding: Finding | undefined
  /** The events that led to what was found, by name. */
  readonly path: readonly string[]
}

/** A point on the way. */
interface Fork {
  /** What can happen, by name, and to whom. */
  readonly parties: ReadonlyMap<string, string>
  /** What need not be tried, because it was, in another order that is the same to everybody. */
  readonly sleeping: ReadonlySet<string>
  /** What is to be tried, in this order; what was tried is before `chosen`. */
  readonly wanted: string[]
  chosen: number
}

/** What has happened in an order so far. */
interface Taken {
  readonly party: string
  /** The places of all that it comes after whatever the order, itself included, as bits. */
  readonly past: bigint
}

/**
 * Tries what can happen in every order, by beginning again for each. A channel goes from one party to one, and of its events only the first can happen; what waits does so until nothing
 * else can. Two orders in which the same happens to each party in the same order are one. By order each of these is played once, by state an order
 * is left where everybody is as in one before.
 *
 * By order it looks for races: two events of one party of which the second could have come before the first. Only there another order is tried, and
 * with sleep sets none of them twice (Abdulla, Aronis, Jonsson and Sagonas, Optimal Dynamic Partial Order Reduction, 2014; these are their source sets).
 */
export async function exploreEvents(
  begin: () => Promise<EventSystem>,
  { by, depth, limit }: EventBounds,
): Promise<ExploredEvents> {
  const forks: Fork[] = []
  const seen = new Set<string>()
  let [orders, begun, events] = [0, 0, 0]
  let isCut = false
  let isFull = false
  let finding: Finding | undefined

  /** Plays one order: what was chosen before, and then the first of what is left at each point. */
  async function playOnce(): Promise<void> {
    const system = await begin()
    const { kernel } = system
    const told = new Map<string, string>()
    const counts = new Map<string, number>()
    const taken: Taken[] = []
    const places = new Map<number, number>()
    const latest = new Map<string, number>()
    for (let at = 0; ; at++) {
      const enabled = kernel.enabled().filter((event) => !system.waits(event))
      const names = namesOf(enabled, counts)
      if (forks.length === at)
        forks.push(forkAt(at, new Map(names.map((name, i) => [name, system.partyOf(enabled[i]!)]))))
      const fork = forks[at]!
      if (fork.wanted.length === 0) {
        // All that could happen was tried in another order; what it would race with is to be known all the same.
        if (names.length > 0) {
          names.forEach((name, i) => noteRaces(at, name, fork.parties.get(name)!, pastOf(enabled[i]!)))
          return
        }
        finding = await system.finish()
        orders += 1
        return
      }
      if (at >= depth) {
        isCut = true
        forks.length = at
        return
      }
      const name = fork.wanted[fork.chosen]!
      const event = enabled[names.indexOf(name)]!
      const party = system.partyOf(event)
      if (by === 'order') {
        const past = pastOf(event)
        noteRaces(at, name, party, past)
        take(at, event, party, past)
      }
      events += 1
      await kernel.step(event)
      counts.set(baseOf(name), (counts.get(baseOf(name)) ?? 0) + 1)
      told.set(party, digestOf(`${told.get(party) ?? ''} ${name}`, event))
      finding = system.broken()
      if (finding !== undefined) return
      // Up to the last point of choice it is as it was before.
      if (by === 'state' && forks.length === at + 1) {
        const state = stateOf(told)
        if (seen.has(state)) return
        seen.add(state)
      }
    }

    /** What an event comes after in whatever order: what made it, and what was before it on its channel, and all that these came after. */
    function pastOf({ cause, channel }: PendingEvent): bigint {
      const made = cause === undefined ? undefined : places.get(cause)
      const before = channel === undefined ? undefined : latest.get(channel)
      return (made === undefined ? 0n : taken[made]!.past) | (before === undefined ? 0n : taken[before]!.past)
    }

    function take(at: number, { id, channel }: PendingEvent, party: string, past: bigint): void {
      const last = taken.findLast((each) => each.party === party)
      places.set(id, at)
      if (channel !== undefined) latest.set(channel, at)
      taken.push({ party, past: past | (last?.past ?? 0n) | (1n << BigInt(at)) })
    }

    /** Wants another order where this could have come before what happened to the same party last. */
    function noteRaces(at: number, name: string, party: string, past: bigint): void {
      const last = taken.findLastIndex((each) => each.party === party)
      if (last < 0 || has(past, last)) return
      const fork = forks[last]!
      // What has happened since and does not come after it, and is not needed for anything else of that, can come then instead.
      const since = taken.flatMap((each, i) => (i > last && !has(each.past, last) ? [i] : []))
      const isFirst = (reach: bigint, i: number): boolean => !since.some((each) => each !== i && has(reach, each))
      const first = since.filter((i) => isFirst(taken[i]!.past, i)).map((i) => forks[i]!.wanted[forks[i]!.chosen]!)
      if (isFirst(past, at)) first.push(name)
      if (!first.some((way) => fork.wanted.includes(way) || fork.sleeping.has(way))) fork.wanted.push(first[0]!)
    }
  }

  /** What is to be tried at a point that is reached for the first time: by order one thing, until there is a race. */
  function forkAt(at: number, parties: ReadonlyMap<string, string>): Fork {
    if (by === 'state') return { parties, sleeping: new Set(), wanted: [...parties.keys()], chosen: 0 }
    const before = forks[at - 1]
    const sleeping = new Set<string>()
    if (before !== undefined) {
      const party = before.parties.get(before.wanted[before.chosen]!)
      // What was tried before, and does not happen to the same party, may as well happen first.
      for (const name of [...before.wanted.slice(0, before.chosen), ...before.sleeping]) {
        if (before.parties.get(name) !== party) sleeping.add(name)
      }
    }
    const awake = [...parties.keys()].find((name) => !sleeping.has(name))
    return { parties, sleeping, wanted: awake === undefined ? [] : [awake], chosen: 0 }
  }

  for (;;) {
    if (begun >= limit) {
      isFull = true
      break
    }
    begun += 1
    await playOnce()
    if (finding !== undefined) break
    // The last point at which something is left to try.
    while (forks.length > 0 && forks.at(-1)!.chosen + 1 >= forks.at(-1)!.wanted.length) forks.pop()
    if (forks.length === 0) break
    forks.at(-1)!.chosen += 1
  }
  const path = finding === undefined ? [] : forks.flatMap(({ wanted, chosen }) => wanted.slice(chosen, chosen + 1))
  const reason = isFull ? 'limit' : isCut ? 'depth' : undefined
  return { orders, states: seen.size, events, reason, finding, path }
}

function has(places: bigint, place: number): boolean {
  return ((places >> BigInt(place)) & 1n) === 1n
}

/** What events are called, the same in every order: by their channel and their place in it, or by what they are and how many such there were. */
function namesOf(events: readonly PendingEvent[], counts: ReadonlyMap<string, number>): readonly string[] {
  const here = new Map<string, number>()
  return events.map(({ channel, party, kind, label, from = '' }) => {
    const base = channel ?? `${party}: ${kind} ${typeof label === 'string' ? label : label()} ${from}`
    const number = (counts.get(base) ?? 0) + (here.get(base) ?? 0)
    here.set(base, (here.get(base) ?? 0) + 1)
    return `${base} #${number}`
  })
}

function baseOf(name: string): string {
  return name.slice(0, name.lastIndexOf(' #'))
}

/** A digest of what was before, and of what an event brings. */
function digestOf(before: string, { bytes }: PendingEvent): string {
  let [low, high] = [0x811c9dc5, 0x9e3779b9]
  const take = (word: number): void => {
    low = Math.imul(low ^ word, 0x01000193)
    high = Math.imul(high ^ low ^ (high >>> 13), 0x5bd1e995)
  }
  for (let at = 0; at < before.length; at++) take(before.charCodeAt(at))
  for (const byte of bytes ?? []) take(byte)
  return [low, high].map((half) => (half >>> 0).toString(36)).join('.')
}

/** What has happened to everybody, as a text. */
function stateOf(told: ReadonlyMap<string, string>): string {
  return Array.from(told, ([party, digest]) => `${party} ${digest}`)
    .sort()
    .join()
}

/** What was found in an order, and what happened in it. */
export interface PlayedPath {
  readonly finding: Finding | undefined
  readonly system: EventSystem
}

/** Plays one order: at each point the first of these events that can happen, and where none can, the oldest one. */
export async function playPath(begin: () => Promise<EventSystem>, path: readonly string[]): Promise<PlayedPath> {
  const system = await begin()
  const { kernel } = system
  const counts = new Map<string, number>()
  const left = [...path]
  for (;;) {
    const enabled = kernel.enabled().filter((event) => !system.waits(event))
    if (enabled.length === 0) return { finding: await system.finish(), system }
    const names = namesOf(enabled, counts)
    const next = left.findIndex((name) => names.includes(name))
    const name = next < 0 ? names[0]! : left.splice(next, 1)[0]!
    await kernel.step(enabled[names.indexOf(name)])
    counts.set(baseOf(name), (counts.get(baseOf(name)) ?? 0) + 1)
    const finding = system.broken()
    if (finding !== undefined) return { finding, system }
  }
}
