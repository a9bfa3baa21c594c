import { createChronicle, type Chronicle, type Happening } from './chronicle.ts'
import { createDecider, type Decider, type Trace } from './decider.ts'
import { SimulationError } from './errors.ts'
import { createAgenda } from './agenda.ts'

/** What an event is about. An explorer may treat them differently: a timer can wait, a message cannot be invented. */
export type EventKind = 'action' | 'fault' | 'message' | 'storage' | 'lock' | 'news' | 'timer'

/** Something that can happen next. */
export interface PendingEvent {
  /** Counts up in the order in which events were made. */
  readonly id: number
  /** Whom it happens to: `browser 1/tab 2`, `relay`. */
  readonly party: string
  readonly kind: EventKind
  /** What it is, in words; made when somebody looks. */
  readonly label: string | (() => string)
  /** Events of one channel happen in the order in which they were made. */
  readonly channel?: string
  /** When it happens if nobody chooses otherwise, in milliseconds since the schedule began. */
  readonly atMs: number
  /** Who caused it, and when: a message. */
  readonly from?: string
  readonly sentAtMs?: number
  readonly bytes?: Uint8Array
  /** The id of the event in which it was made; undefined outside of all. */
  readonly cause?: number
  run(): void
}

/** An event to be. `inMs` from now, 0 by default, and never before those of its channel that were made before. */
export type EventPlan = Omit<PendingEvent, 'id' | 'atMs' | 'sentAtMs' | 'cause'> & { readonly inMs?: number }

/**
 * Time, order and chance of one schedule. Nothing happens but by an event, one after the other, each with everything that follows from it at
 * once; so whoever chooses the events decides the whole schedule, and the same choices give the same bytes.
 */
export interface Kernel {
  /** Milliseconds since the schedule began. Nobody inside sees it: parties have clocks of their own. */
  nowMs(): number
  readonly decider: Decider
  readonly chronicle: Chronicle
  /** Events that happened so far. */
  steps(): number
  /** Makes an event; returns a function that prevents it. */
  plan(event: EventPlan): () => void
  /** What can happen next, the oldest event of each channel and all others, in the order in which they were made. Cost: all that is pending. */
  enabled(): readonly PendingEvent[]
  /** When the next event is due; undefined when there is none. */
  nextAtMs(): number | undefined
  /** Lets one event happen, the next one that is due or one of those enabled, and all that follows at once. False when there is none. */
  step(event?: PendingEvent): Promise<boolean>
  /** Lets events happen as they are due for so long, or until `until` says so after one of them. */
  pass(ms: number, until?: () => boolean): Promise<void>
  /** Lets what was begun outside of events run out. */
  settle(): Promise<void>
  /** Writes down something that is no event: what was lost, what a party has seen. */
  note(happening: Omit<Happening, 'atMs'>): void
}

/** How a kernel works. */
export interface KernelOptions {
  readonly isStill?: boolean
  readonly isTold?: boolean
}

/** More events than any schedule needs that gets on. */
const MOST_STEPS = 200_000

/**
 * Makes the kernel of one schedule: of a seed, or of what was decided before. `isStill`: only timers take time, so that what happens at all does not
 * depend on what else has happened before. `isTold`: whether what happens is written down; where nobody reads it, that is a good part of the work.
 */
export function createKernel(from: number | Trace, { isStill = false, isTold = true }: KernelOptions = {}): Kernel {
  const decider = createDecider(from)
  const chronicle = createChronicle()
  const agenda = createAgenda()
  const lastAtMs = new Map<string, number>()
  let nowMs = 0
  let steps = 0
  let nextId = 1
  /** The event that happens just now. */
  let current: number | undefined

  async function happen(event: PendingEvent): Promise<void> {
    if (steps++ > MOST_STEPS) {
      throw new SimulationError('failed', `Seed ${decider.seed}: no end after ${MOST_STEPS} events.`)
    }
    if (!isStill || event.kind === 'timer') nowMs = Math.max(nowMs, event.atMs)
    if (isTold) {
      const { party, kind, label, from: sender, sentAtMs, bytes } = event
      const said = typeof label === 'string' ? label : label()
      chronicle.note({ atMs: nowMs, party, kind, label: said, from: sender, sentAtMs, bytes })
    }
    current = event.id
    event.run()
    await turn()
    current = undefined
  }

  return {
    nowMs: () => nowMs,
    decider,
    chronicle,
    steps: () => steps,
    plan({ party, kind, label, channel, from, bytes, run, inMs = 0 }) {
      let atMs = nowMs + inMs
      if (channel !== undefined) {
        atMs = Math.max(atMs, lastAtMs.get(channel) ?? 0)
        lastAtMs.set(channel, atMs)
      }
      const sentAtMs = from === undefined ? undefined : nowMs
      // Each by name: there are many, and a spread costs more than all else here.
      const event: PendingEvent = {
        id: nextId++,
        party,
        kind,
        label,
        channel,
        atMs,
        from,
        sentAtMs,
        bytes,
        cause: current,
        run,
      }
      agenda.add(event)
      return () => void agenda.remove(event)
    },
    enabled: () => agenda.enabled(),
    nextAtMs: () => agenda.first()?.atMs,
    async step(event) {
      const chosen = event ?? agenda.first()
      if (chosen === undefined || !agenda.remove(chosen)) return false
      await happen(chosen)
      return true
    },
    async pass(ms, until) {
      const endMs = nowMs + ms
      for (;;) {
        const next = agenda.first()
        if (next === undefined || next.atMs > endMs) break
        agenda.remove(next)
        await happen(next)
        if (until?.() === true) return
      }
      nowMs = Math.max(nowMs, endMs)
    },
    settle: turn,
    note(happening) {
      if (isTold) chronicle.note({ ...happening, atMs: nowMs })
    },
  }
}

/** A turn of this process: everything that waits for a promise, and for promises that follow from it, has had its turn before the next one. */
const { setImmediate, setTimeout } = globalThis as unknown as {
  readonly setImmediate?: (fn: () => void) => void
  readonly setTimeout: (fn: () => void) => void
}
const later = setImmediate ?? setTimeout

function turn(): Promise<void> {
  return new Promise((resolve) => later(resolve))
}
