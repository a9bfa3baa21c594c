import type { RefusedChange } from '@syncline/store'
import type { Snapshot } from '@syncline/stm'
import type { SimulatedApp } from './app.ts'
import { brokenInvariant } from './explored-app.ts'
import type { Failure } from './failure.ts'
import { hasOverwritten, lastWriter, readMark, type Mark, type Probe } from './probes.ts'

/** What holds in every Snapshot that anybody sees. */
export interface WatcherSide {
  readonly probes: ReadonlyMap<string, Probe>
  readonly app: SimulatedApp
  /** Whether part of what a session's browser had stored was damaged: what others see of it may lack something. */
  mayHaveLost(session: string): boolean
  /** Whether all that a session has done after one number, up to another, was refused, or has fallen with what was. */
  areFallen(session: string, after: number, upTo: number): boolean
  /**
   * Whether a tab that lists this as refused may show of a session of its browser, up to a number, less than was done: something of it has fallen, and what
   * the tab shows is half of before and half of after.
   */
  maySeeLess(session: string, upTo: number, listed: ReadonlySet<unknown>): boolean
  /** Whether an old backup of the relay has not all that was seen of a session. */
  wasOnRelay(session: string): boolean
  /** How many Changes of a session may be there twice. */
  mostTwice(session: string): number
  /** Whether part of what this browser has stored was damaged: until the relay has told it again, what is seen has gaps. */
  mayHaveGaps(): boolean
  fail(failure: Failure): void
}

/** Looks at what one tab sees, each time that it sees something new, and what it lists then as refused. */
export function createWatcher(
  party: string,
  side: WatcherSide,
): (snapshot: Snapshot, refused: readonly RefusedChange[]) => void {
  /** What it has seen of each session. */
  const reached = new Map<string, Mark>()

  return (snapshot, refused) => {
    if (side.mayHaveGaps()) return
    const changed: string[] = []
    const before = new Map<string, number>()
    for (const [session, probe] of side.probes) {
      const mark = readMark(snapshot, probe)
      const known = reached.get(session)
      // What is as it was has been looked at; what it has seen of others cannot be gone without these being looked at.
      if (known !== undefined && known.latest?.number === mark.latest?.number && known.count === mark.count) continue
      if (known === undefined && mark.latest === null && mark.count === 0) continue
      changed.push(session)
      before.set(session, known?.latest?.number ?? 0)
      reached.set(session, mark)
    }
    for (const session of changed) {
      if (side.mayHaveLost(session)) continue
      const { latest, count } = reached.get(session)!
      const { index, number } = latest ?? { index: 0, number: 0 }
      const isWhole = isWithin(count, index, () => side.mostTwice(session))
      if (!isWhole && !side.maySeeLess(session, number, new Set(refused.map(({ change }) => change.meta)))) {
        side.fail({
          check: 'atomicity',
          message: `${party} sees ${count} Changes of ${session} and the mark of the ${index}th: a Change is not whole, missing, or applied twice.`,
        })
      }
      const had = before.get(session)!
      if (number < had && !side.areFallen(session, number, had)) {
        side.fail({
          check: 'causality',
          message: `${party} had seen of ${session} what it did as number ${had}, and sees what it did up to number ${number} now.`,
        })
      }
      for (const [other, seen] of Object.entries(latest?.seen ?? {})) {
        const there = reached.get(other)?.latest?.number ?? 0
        // Who has seen in memory alone what the backup has not, may go on, after a reload, where it has not been.
        if (there >= seen || side.mayHaveLost(other) || side.wasOnRelay(other)) continue
        if (side.areFallen(other, there, seen)) continue
        side.fail({
          check: 'causality',
          message: `${party} sees what ${session} did as number ${number}, having seen number ${seen} of ${other}; it sees of that what was done up to number ${there}.`,
        })
      }
    }
    const last = changed.length === 0 ? undefined : lastWriter(snapshot)
    if (last !== undefined && !side.mayHaveLost(last[0])) {
      for (const [session, mark] of reached) {
        if (side.mayHaveLost(session) || !hasOverwritten(last, session, mark)) continue
        // What was built on it is shown until it is refused too.
        const { number } = mark.latest!.wrote!
        if (side.areFallen(session, number - 1, number)) continue
        side.fail({
          check: 'causality',
          message: `${party} sees what ${last[0]} wrote as number ${last[1]}, where ${session} has written as number ${number} after it had seen that.`,
        })
      }
    }
    const broken = brokenInvariant(side.app, snapshot)
    if (broken !== undefined) side.fail({ check: 'invariant', message: `At ${party} ${broken}` })
  }
}

/** Whether so many Changes can be those up to the one with this index, of which some may be there twice. */
export function isWithin(count: number, index: number, mostTwice: () => number): boolean {
  return count === index || (count > index && count - index <= mostTwice())
}
