import type { Value } from '@syncline/stm'

/**
 * An exact sum of numbers, so that it is the same in whatever order they are added: floating-point addition is not associative, and
 * replicas that add 0.1, 0.2 and 0.3 in different orders would disagree for ever.
 *
 * The numbers of a sum are its expansion: the first is the sum rounded to a number, the second what that leaves out, rounded, and so on
 * until nothing is left; none when it is 0. So equal sums have equal expansions. Integers need one number as long as they are safe.
 * After Jonathan Shewchuk, "Adaptive Precision Floating-Point Arithmetic", 1997, with the rounding of Python's `math.fsum`.
 */
export type Sum = readonly number[]

/** The sum of nothing. */
export const noSum: Sum = Object.freeze([])

/** The sum rounded to the nearest number. */
export function valueOfSum(sum: Sum): number {
  return sum.length === 0 ? 0 : sum[0]!
}

/** The sum with one more number. */
export function addToSum(sum: Sum, x: number): Sum {
  if (x === 0) return sum
  if (sum.length === 0) return [x]
  if (sum.length === 1) {
    const a = sum[0]!
    const high = a + x
    if (lostIn(a, x, high) === 0) return high === 0 ? noSum : [high]
  }
  let rest = grow(sum.toReversed(), x)
  const expansion: number[] = []
  while (rest.length > 0) {
    const rounded = round(rest)
    expansion.push(rounded)
    rest = grow(rest, -rounded)
  }
  return expansion.length === 0 ? noSum : expansion
}

/** The sum of two sums. */
export function addSums(a: Sum, b: Sum): Sum {
  return b.reduce(addToSum, a)
}

/** The sum that makes up for another. */
export function negated(sum: Sum): Sum {
  return sum.map((part) => -part)
}

/** A sum in numbers that may be sent: a greater one, as several additions may come to, in parts. */
export function splitSum(sum: Sum): Sum {
  const parts: number[] = []
  let rest = sum
  while (rest.length > 0 && !isAddend(rest[0])) {
    const most = Math.sign(rest[0]!) * Number.MAX_SAFE_INTEGER
    parts.push(most)
    rest = addToSum(rest, -most)
  }
  return parts.length === 0 ? sum : [...parts, ...rest]
}

/** A sum as data: one number as it is, several as an array. */
export function encodeSum(sum: Sum): Value {
  return sum.length === 1 ? sum[0]! : sum
}

/**
 * The additions that come to a sum, one after the other: several where they come to nothing, for that somebody has added is known even then.
 */
export function addendsOf(sum: Sum): readonly Value[] {
  return sum.length === 0 ? [1, -1] : [encodeSum(splitSum(sum))]
}

/** The sum in what another replica sent, undefined when it is none, or more than can be added up. */
export function decodeSum(value: Value | undefined): Sum | undefined {
  if (typeof value === 'number') return isAddend(value) ? addToSum(noSum, value) : undefined
  if (!Array.isArray(value) || !value.every(isAddend)) return undefined
  return value.reduce(addToSum, noSum)
}

/** Bounded, so that no number of additions that anybody could make overflows: past that the order would matter again. */
function isAddend(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER
}

/** What rounding left out of `sum`, the rounded a + b (Knuth's TwoSum). */
function lostIn(a: number, b: number, sum: number): number {
  const b2 = sum - a
  return a - (sum - b2) + (b - b2)
}

/** Adds to numbers that do not overlap, least first, without loss. */
function grow(parts: readonly number[], x: number): number[] {
  const grown: number[] = []
  let high = x
  for (const part of parts) {
    const sum = high + part
    const lost = lostIn(high, part, sum)
    if (lost !== 0) grown.push(lost)
    high = sum
  }
  if (high !== 0) grown.push(high)
  return grown
}

/** The sum of numbers that do not overlap, least first, rounded once, half to even. */
function round(parts: readonly number[]): number {
  let i = parts.length - 1
  let high = parts[i]!
  let lost = 0
  while (i > 0 && lost === 0) {
    const part = parts[--i]!
    const sum = high + part
    lost = lostIn(high, part, sum)
    high = sum
  }
  // Exactly half-way: what comes below decides to which side, and the addition above could not know.
  if (i > 0 && lost !== 0 && lost < 0 === parts[i - 1]! < 0) {
    const twice = lost * 2
    const up = high + twice
    if (up - high === twice) return up
  }
  return high
}
