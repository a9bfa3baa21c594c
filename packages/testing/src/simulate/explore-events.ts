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

/** A point on the way: what can happen there, by name, and what need not be tried because it was, in another order that is the same to everybody. */
interface Fork {
  readonly names: readonly string[]
  readonly parties: readonly string[]
  readonly sleeping: Set<string>
  chosen: number
}

/**
 * Tries what can happen in every order, by beginning again for each. Of the events of one channel only the first can happen; what waits does so until nothing
 * else can. Two orders in which the same happens to each party in the same order are one. By order each of these is played once, by state an order
 * is left where everybody is as in one before.
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
    for (let at = 0; ; at++) {
      const enabled = kernel.enabled().filter((event) => !system.waits(event))
      const names = namesOf(enabled, counts)
      const fork = (forks[at] ??= forkAt(at, enabled, names, system))
      if (fork.names.length === 0) {
        // All that could happen was tried in another order.
        if (names.length > 0) return
        finding = await system.finish()
        orders += 1
        return
      }
      if (at >= depth) {
        isCut = true
        forks.length = at
        return
      }
      const name = fork.names[fork.chosen]!
      const event = enabled[names.indexOf(name)]!
      const party = system.partyOf(event)
      events += 1
      await kernel.step(event)
      counts.set(baseOf(name), (counts.get(baseOf(name)) ?? 0) + 1)
      told.set(party, digestOf(`${told.get(party) ?? ''} ${name}`, event))
      finding = system.broken()
      if (finding !== undefined) return
      if (by === 'state' && forks.length === at + 1) {
        const state = stateOf(told)
        if (seen.has(state)) return
        seen.add(state)
      }
    }
  }

  /** What is to be tried at a point that is reached for the first time. */
  function forkAt(at: number, enabled: readonly PendingEvent[], names: readonly string[], system: EventSystem): Fork {
    const sleeping = new Set<string>()
    const before = forks[at - 1]
    if (by === 'order' && before !== undefined) {
      const party = before.parties[before.chosen]
      // What was tried before, and does not happen to the same party, may as well happen first.
      const tried = before.names.slice(0, before.chosen).filter((_, i) => before.parties[i] !== party)
      const asleep = [...before.sleeping].filter((name) => partiesByName.get(name) !== party)
      for (const name of [...tried, ...asleep]) sleeping.add(name)
    }
    const awake = names.filter((name) => !sleeping.has(name))
    const parties = awake.map((name) => system.partyOf(enabled[names.indexOf(name)]!))
    names.forEach((name, i) => partiesByName.set(name, system.partyOf(enabled[i]!)))
    return { names: awake, parties, sleeping, chosen: 0 }
  }
  const partiesByName = new Map<string, string>()

  for (;;) {
    if (begun >= limit) {
      isFull = true
      break
    }
    begun += 1
    await playOnce()
    if (finding !== undefined) break
    // The last point at which something is left to try.
    while (forks.length > 0 && forks.at(-1)!.chosen + 1 >= forks.at(-1)!.names.length) forks.pop()
    if (forks.length === 0) break
    forks.at(-1)!.chosen += 1
  }
  const path =
    finding === undefined ? [] : forks.map(({ names, chosen }) => names[chosen]!).filter((name) => name !== undefined)
  const reason = isFull ? 'limit' : isCut ? 'depth' : undefined
  return { orders, states: seen.size, events, reason, finding, path }
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
