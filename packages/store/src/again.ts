import { namesOf, StmError, type CellKey } from '@syncline/stm'
import type { Core } from './core.ts'

/** Runs before a transaction gives up, unless it says otherwise. */
export const ATTEMPTS = 100
/** The second run follows the first at once; the wait before the third is below the least of these, and doubles up to the most. */
const LEAST_WAIT_MS = 2
const MOST_WAIT_MS = 128

/** Resolves when it is time for another run after so many that were for nothing. */
export function pause({ clock, chance }: Core, run: number): Promise<void> {
  if (run === 1) return Promise.resolve()
  const mostMs = Math.min(MOST_WAIT_MS, LEAST_WAIT_MS * 2 ** (run - 2))
  return new Promise((resolve) => clock.setTimer(chance.fraction() * mostMs, resolve))
}

/** Said when it was for nothing too often, or for too long. `lost` counts what was in the way. */
export function exhausted(how: string, lost: ReadonlyMap<CellKey, number>): StmError {
  const refs = [...lost.keys()].sort((a, b) => lost.get(b)! - lost.get(a)!)
  const what = refs.length === 0 ? 'nothing that it read or wrote has moved' : `it depends on ${namesOf(refs)}`
  return new StmError(
    'attempts-exhausted',
    `${how}: ${what}. Nothing has happened. Make it shorter, let it depend on less (peek, commute), or allow it more.`,
    { refs },
  )
}
