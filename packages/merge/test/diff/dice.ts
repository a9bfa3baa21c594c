/** Numbers that look like chance and are the same for a seed. */
export interface Dice {
  /** A whole number from 0 up to `sides`. */
  below(sides: number): number
  pick<T>(from: readonly T[]): T
}

/** Mulberry32, by Tommy Ettinger: one multiplication a number, and every seed is a good one. */
export function createDice(seed: number): Dice {
  let state = seed | 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (sides: number): number => Math.floor(next() * sides)
  return { below, pick: (from) => from[below(from.length)]! }
}
