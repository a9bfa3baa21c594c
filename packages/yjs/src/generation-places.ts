import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import type { Cut } from './generation-format.ts'
import { listIn, rangeOf } from './stretches.ts'
import type { Range } from './stretches.ts'
import type { Id } from './update.ts'

/** A stretch of an old life as it stood there, in the order of the document. */
export interface Stood extends Range {
  readonly isDeleted: boolean
}

/** Where a stretch of the old life is in the new one. */
export interface Moved {
  readonly from: Range
  /** Undefined when it stood nowhere. */
  readonly to: Range | undefined
  /** What it was called then. */
  readonly at?: Range
}

/** What was deleted between two neighbours of the new life. It is not there, and can be put there. */
export interface Gap {
  readonly client: number
  readonly length: number
  /** How much of the new life is before it. */
  readonly behind: number
}

interface Run extends Range {
  /** The Yjs client of the new life, and the clock of the first there. */
  readonly to: Id
  /** Its place among all. */
  readonly index: number
}

/**
 * Clients of gaps are numbers that no session draws: those have 32 bits. So they are known from the cut and the place alone, and nobody else writes under them.
 */
const SESSIONS = 2 ** 32
/** What is left of the 53 bits that a number in an update may have. */
const MOST_GAPS = 2 ** 21 - 2

/** The client of the cut to which a client belongs that is none of a session; undefined for sessions. */
export function cutOfGap(client: number): number | undefined {
  return client < SESSIONS ? undefined : client % SESSIONS
}

/** The same as bytes. Clients are named by their place among those of whom the author knew, in the order of their numbers. */
export function encodePlaces(stood: readonly Stood[], clocks: ReadonlyMap<number, number>): Uint8Array {
  const encoder = encoding.createEncoder()
  const places = new Map([...clocks.keys()].sort((a, b) => a - b).map((client, place) => [client, place]))
  const ends = new Map<number, number>()
  for (const { client, clock, length, isDeleted } of stood) {
    encoding.writeVarUint(encoder, places.get(client)! * 2 + (isDeleted ? 1 : 0))
    encoding.writeVarInt(encoder, clock - (ends.get(client) ?? 0))
    encoding.writeVarUint(encoder, length)
    ends.set(client, clock + length)
  }
  return encoding.toUint8Array(encoder)
}

/** What stood in an old life; nothing where the bytes make no sense. */
export function decodePlaces({ places, clocks }: Cut): readonly Stood[] {
  const decoder = decoding.createDecoder(places)
  const clients = [...clocks.keys()].sort((a, b) => a - b)
  const ends = new Map<number, number>()
  const stood: Stood[] = []
  try {
    while (decoding.hasContent(decoder)) {
      const named = decoding.readVarUint(decoder)
      const client = clients[Math.floor(named / 2)]
      if (client === undefined) return []
      const clock = (ends.get(client) ?? 0) + decoding.readVarInt(decoder)
      const length = decoding.readVarUint(decoder)
      if (length < 1 || clock < 0 || clock + length > clocks.get(client)!) return []
      stood.push({ client, clock, length, isDeleted: named % 2 === 1 })
      ends.set(client, clock + length)
    }
  } catch {
    return []
  }
  return stood
}

/** How long the new life is that a cut begins. */
export function lengthOf(cut: Cut): number {
  return decodePlaces(cut).reduce((sum, { length, isDeleted }) => sum + (isDeleted ? 0 : length), 0)
}

/** How many gaps there would be. More than {@link MOST_GAPS} cannot be named. */
export function fits(stood: readonly Stood[]): boolean {
  let gaps = 0
  for (let i = 0; i < stood.length; i++) if (stood[i]!.isDeleted && stood[i - 1]?.isDeleted !== true) gaps++
  return gaps <= MOST_GAPS
}

/**
 * Which of an old life is which of the new one, and back. What was visible has become a part of the new life; what was deleted is in a gap, which need
 * not be there, at the place that it had among all that was deleted there. So nothing is lost of where something stood: who has
 * built on what is deleted since has their work where it would be without the cut.
 */
export class Places {
  readonly #client: number
  readonly #order: Run[] = []
  readonly #byClient = new Map<number, Run[]>()
  /** By the client of the new life, in the order of their clocks there. */
  readonly #back = new Map<number, Run[]>()
  readonly #gaps = new Map<number, Gap>()

  constructor(cut: Cut) {
    this.#client = cut.client
    let behind = 0
    let gap: { client: number; length: number; behind: number } | undefined
    for (const { client, clock, length, isDeleted } of decodePlaces(cut)) {
      if (isDeleted && gap === undefined) {
        gap = { client: cut.client + (this.#gaps.size + 1) * SESSIONS, length: 0, behind }
        this.#gaps.set(gap.client, gap)
      }
      if (!isDeleted) gap = undefined
      const to = gap === undefined ? { client: cut.client, clock: behind } : { client: gap.client, clock: gap.length }
      const run = { client, clock, length, to, index: this.#order.length }
      this.#order.push(run)
      listIn(this.#byClient, client).push(run)
      listIn(this.#back, to.client).push(run)
      if (gap === undefined) behind += length
      else gap.length += length
    }
    for (const runs of this.#byClient.values()) runs.sort((a, b) => a.clock - b.clock)
  }

  /** The parts of a range of the old life, and where they are now. */
  *forward({ client, clock, length }: Range): Generator<Moved> {
    const end = clock + length
    let at = clock
    for (const run of overlapping(this.#byClient.get(client) ?? [], clock, end, clockOf)) {
      const from = Math.max(at, run.clock)
      if (at < from) yield { from: rangeOf(client, at, from), to: undefined }
      at = Math.max(from, Math.min(end, run.clock + run.length))
      if (from < at)
        yield {
          from: rangeOf(client, from, at),
          to: { client: run.to.client, clock: run.to.clock + from - run.clock, length: at - from },
        }
    }
    if (at < end) yield { from: rangeOf(client, at, end), to: undefined }
  }

  /** The parts of a range of the new life that have come from the old one, and where from. */
  *back({ client, clock, length }: Range): Generator<Range> {
    const end = clock + length
    for (const run of overlapping(this.#back.get(client) ?? [], clock, end, clockThere)) {
      const from = Math.max(clock, run.to.clock)
      const to = Math.min(end, run.to.clock + run.length)
      if (from < to) yield { client: run.client, clock: run.clock + from - run.to.clock, length: to - from }
    }
  }

  /** The names of all gaps. */
  get gaps(): Iterable<number> {
    return this.#gaps.keys()
  }

  /** The gap of which a client is the name. */
  gap(client: number): Gap | undefined {
    return this.#gaps.get(client)
  }

  /** What stood behind something in the old life, deleted or not, by its name in the new one; without a name, what stood first. */
  stoodBehind(id: Id | undefined): Id | undefined {
    if (id === undefined) return this.#order[0]
    const [run] = overlapping(this.#back.get(id.client) ?? [], id.clock, id.clock + 1, clockThere)
    if (run === undefined) return undefined
    const at = id.clock - run.to.clock
    return at + 1 < run.length ? { client: run.client, clock: run.clock + at + 1 } : this.#order[run.index + 1]
  }

  /** What the new life began with behind a part of that, or in the same gap; what it begins with, of undefined. */
  behind(id: Id | undefined): Id | undefined {
    const client = id?.client ?? this.#client
    const clock = id === undefined ? 0 : id.clock + 1
    const last = this.#back.get(client)?.at(-1)
    return last === undefined || clock >= last.to.clock + last.length ? undefined : { client, clock }
  }

  /** What is left of a gap in the new life. */
  leftOf({ behind }: Gap): Id | undefined {
    return behind === 0 ? undefined : { client: this.#client, clock: behind - 1 }
  }
}

const clockOf = ({ clock }: Run): number => clock
const clockThere = ({ to }: Run): number => to.clock

/** The runs of which something is between two clocks. */
function* overlapping(runs: readonly Run[], clock: number, end: number, startOf: (run: Run) => number): Generator<Run> {
  let [low, high] = [0, runs.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (startOf(runs[middle]!) + runs[middle]!.length <= clock) low = middle + 1
    else high = middle
  }
  for (let i = low; i < runs.length && startOf(runs[i]!) < end; i++) yield runs[i]!
}
