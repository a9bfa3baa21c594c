import type { ChangeHeader } from './header.ts'

/** No place in a log, stamp or seq of a join is above this: there is room for all that comes after it. */
const GREATEST: number = 2 ** 52

/**
 * What is wrong with the numbers of a piece of a join, in words; undefined for most. Whoever takes one in asks this first: what is decided after it is stamped by sums of them, and stamps and
 * seqs that come after them must be numbers, too.
 */
export function joinFlaw({ deps, at, join }: ChangeHeader): string | undefined {
  const places = [...(join?.also ?? []), ...deps.writers].map(([, upTo]) => upTo)
  const beyond = [deps.relaySeq + (join?.decided?.shift ?? 0), at, ...places].find((one) => one > GREATEST)
  return beyond === undefined ? undefined : `it reaches up to ${beyond}`
}
