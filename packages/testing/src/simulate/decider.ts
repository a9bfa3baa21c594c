import { createRandom, type Random } from './random.ts'

/**
 * Everything that a schedule was free to do: the seed, and what was decided. A stream that is listed takes its decisions from there, and the
 * calmest one, 0, when they are used up; every other stream takes them from the seed. So `{ seed, decisions: {} }` is the schedule of a seed.
 */
export interface Trace {
  readonly seed: number
  readonly decisions: Readonly<Record<string, readonly number[]>>
  /** `calm`: streams that are not listed take the calmest decisions, and none from the seed. */
  readonly rest?: 'calm'
}

/** Where all chance of a schedule comes from. */
export interface Decider {
  readonly seed: number
  /** A whole number from 0 up to `below`, by the stream of this name. 0 is the calmest: no fault, no delay, nothing to do. */
  choose(stream: string, below: number): number
  /** Whether something happens now that happens at this rate, 0 to 1. */
  happens(stream: string, rate: number): boolean
  /** Chance for the code under test: ids and jitter. By the seed alone, and not recorded. */
  chance(party: string): { bytes(count: number): Uint8Array; fraction(): number }
  /** What was decided so far. Replaying it is the same schedule again. */
  trace(): Trace
}

interface Stream {
  readonly random: Random
  readonly given: readonly number[] | undefined
  readonly made: number[]
}

/** Makes the decider of one schedule: of a seed, or of what was decided before. */
export function createDecider(from: number | Trace): Decider {
  const { seed, decisions, rest }: Trace = typeof from === 'number' ? { seed: from, decisions: {} } : from
  const calm: readonly number[] | undefined = rest === undefined ? undefined : []
  const given = new Map(Object.entries(decisions))
  const streams = new Map<string, Stream>()

  function streamOf(name: string): Stream {
    let stream = streams.get(name)
    if (stream === undefined) {
      stream = { random: createRandom(seed, name), given: given.get(name) ?? calm, made: [] }
      streams.set(name, stream)
    }
    return stream
  }

  function decide({ random, given: theirs, made }: Stream, below: number, draw: (fraction: number) => number): number {
    // What was decided under other circumstances may be more than there is to choose from now.
    const decided =
      theirs === undefined ? draw(random()) : Math.max(0, Math.min(theirs[made.length] ?? 0, Math.max(0, below - 1)))
    made.push(decided)
    return decided
  }

  return {
    seed,
    choose: (name, below) => decide(streamOf(name), below, (fraction) => Math.floor(fraction * below)),
    happens: (name, rate) => decide(streamOf(name), 2, (fraction) => (fraction < rate ? 1 : 0)) === 1,
    chance(party) {
      const random = createRandom(seed, `chance of ${party}`)
      return { bytes: (count) => Uint8Array.from({ length: count }, () => random() * 256), fraction: random }
    },
    trace: () => ({ seed, decisions: Object.fromEntries([...streams].map(([name, { made }]) => [name, [...made]])) }),
  }
}
