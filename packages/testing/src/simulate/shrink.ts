/** What shrinking came to. */
export interface Shrunk<T> {
  readonly items: readonly T[]
  /** How often it was tried whether less still fails. */
  readonly runs: number
  /** Whether nothing can be left out any more; false when the runs were used up first. */
  readonly isLeast: boolean
}

/** More runs than this nobody waits for. */
const MOST_RUNS = 2_000

/**
 * Leaves out of a list what is not needed for it to fail: halves first, then smaller and smaller parts, until no single one can go (Zeller and
 * Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002). What is left fails as the whole did, in the order it was in. The same list
 * shrinks to the same.
 *
 * @example
 * import { shrinkList } from '@syncline/testing/simulate'
 *
 * const { items } = shrinkList([1, 2, 3, 4, 5, 6, 7, 8], (some) => some.includes(3) && some.includes(7))
 * expect(items).toEqual([3, 7])
 */
export function shrinkList<T>(
  items: readonly T[],
  fails: (items: readonly T[]) => boolean,
  runs: number = MOST_RUNS,
): Shrunk<T> {
  const shrinking = candidates(items)
  let step = shrinking.next()
  let used = 0
  let least = items
  while (step.done !== true && used < runs) {
    used += 1
    const isFailing = fails(step.value)
    if (isFailing) least = step.value
    step = shrinking.next(isFailing)
  }
  return { items: least, runs: used, isLeast: step.done === true }
}

/** The same where it takes a while to know whether something fails. */
export async function shrinkListSlowly<T>(
  items: readonly T[],
  fails: (items: readonly T[]) => Promise<boolean>,
  runs: number = MOST_RUNS,
): Promise<Shrunk<T>> {
  const shrinking = candidates(items)
  let step = shrinking.next()
  let used = 0
  let least = items
  while (step.done !== true && used < runs) {
    used += 1
    const isFailing = await fails(step.value)
    if (isFailing) least = step.value
    step = shrinking.next(isFailing)
  }
  return { items: least, runs: used, isLeast: step.done === true }
}

/** Smaller and smaller lists, each to be answered whether it fails. */
function* candidates<T>(all: readonly T[]): Generator<readonly T[], void, boolean> {
  let items = all
  let size = Math.ceil(items.length / 2)
  while (size > 0 && items.length > 0) {
    let hasShrunk = false
    // From the end: what came later mostly needs what came before.
    for (let end = items.length; end > 0;) {
      const begin = Math.max(0, end - size)
      const fewer = [...items.slice(0, begin), ...items.slice(end)]
      if (yield fewer) {
        items = fewer
        hasShrunk = true
      }
      end = begin
    }
    if (size > 1) size = Math.ceil(size / 2)
    else if (!hasShrunk) return
  }
}
