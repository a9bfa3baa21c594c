import type { Chance, Clock } from '@syncline/store'

/** One thread in which a seed decides who goes on: a run that failed once fails again. */
export interface Schedule {
  readonly clock: Clock
  readonly chance: Chance
  /** A whole number from 0 up to `below`. */
  random(below: number): number
  /** Resolves when the schedule chooses so; meanwhile others run. */
  pause(): Promise<void>
  /** Runs until all of these are done. Throws when they wait for each other, or do not end. */
  run(tasks: readonly Promise<unknown>[]): Promise<void>
  /** Runs until nobody can go on. Throws when that does not come. */
  settle(): Promise<void>
  /** Timers that are set. */
  readonly timers: number
  /** Decisions taken so far. */
  readonly steps: number
}

/** Timers so near go off now and then while others could go on; time passes to later ones only when nobody can. */
const NEAR_MS = 200

/** More decisions than any run needs that gets on. */
const MOST_STEPS = 20_000

export function createSchedule(seed: number): Schedule {
  const random = createRandom(seed)
  const paused: (() => void)[] = []
  const timers = new Set<{ readonly atMs: number; readonly fn: () => void }>()
  let nowMs = 1_700_000_000_000
  let steps = 0
  const below = (limit: number): number => Math.floor(random() * limit)

  function decide(): boolean {
    const timer = [...timers].reduce<{ readonly atMs: number; readonly fn: () => void } | undefined>(
      (first, each) => (first === undefined || each.atMs < first.atMs ? each : first),
      undefined,
    )
    const isNear = timer !== undefined && timer.atMs <= nowMs + NEAR_MS
    if (timer !== undefined && (paused.length === 0 || (isNear && below(8) === 0))) {
      timers.delete(timer)
      nowMs = Math.max(nowMs, timer.atMs)
      timer.fn()
      return true
    }
    const [next] = paused.splice(below(paused.length), 1)
    next?.()
    return next !== undefined
  }

  /** Decides until the end has come, or until nobody can go on: `false`. */
  async function goOn(hasEnded: () => boolean): Promise<boolean> {
    const end = steps + MOST_STEPS
    for (let idle = 0; ;) {
      await turn()
      if (hasEnded()) return true
      if (steps++ > end) throw new Error(`Seed ${seed}: no end after ${MOST_STEPS} steps.`)
      idle = decide() ? 0 : idle + 1
      // What hops from one turn to the next needs a few of them.
      if (idle > 20) return false
    }
  }

  return {
    clock: {
      nowMs: () => nowMs,
      setTimer(delayMs, fn) {
        const timer = { atMs: nowMs + delayMs, fn }
        timers.add(timer)
        return () => timers.delete(timer)
      },
    },
    chance: { bytes: (count) => Uint8Array.from({ length: count }, () => below(256)), fraction: random },
    random: below,
    pause: () => new Promise((resolve) => paused.push(resolve)),
    async run(tasks) {
      let isDone = false
      const all = Promise.all(tasks).finally(() => (isDone = true))
      // Heard below, and not before.
      all.catch(() => undefined)
      if (!(await goOn(() => isDone))) throw new Error(`Seed ${seed}: nobody can go on, and not all are done.`)
      await all
    },
    async settle() {
      await goOn(() => false)
    },
    get timers() {
      return timers.size
    },
    get steps() {
      return steps
    },
  }
}

/** Everything that waits for a promise has its turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Numbers in [0, 1) from a seed (mulberry32; Tommy Ettinger, public domain). */
function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
