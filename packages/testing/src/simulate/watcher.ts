import type { Snapshot } from '@syncline/stm'
import type { SimulatedApp } from './app.ts'
import { brokenInvariant } from './explored-app.ts'
import type { Failure } from './failure.ts'
import { hasOverwritten, lastWriter, readMark, type Mark, type Probe } from './probes.ts'

/** What holds in every Snapshot that anybody sees. */
export interface WatcherSide {
  readonly probes: ReadonlyMap<string, Probe>
  readonly app: SimulatedApp
  /** Whether the relay may have refused something of a session: what others have seen of it may then be gone. */
  mayHaveLost(session: string): boolean
  /** Whether an old backup of the relay has not all that was seen of a session. */
  wasOnRelay(session: string): boolean
  /** Whether part of what this browser has stored was damaged: until the relay has told it again, what is seen has gaps. */
  mayHaveGaps(): boolean
  fail(failure: Failure): void
}

/** Looks at what one tab sees, each time that it sees something new. */
export function createWatcher(party: string, side: WatcherSide): (snapshot: Snapshot) => void {
  /** What it has seen of each session. */
  const reached = new Map<string, Mark>()

  return (snapshot) => {
    if (side.mayHaveGaps()) return
    const changed: string[] = []
    const before = new Map<string, number>()
    for (const [session, probe] of side.probes) {
      const mark = readMark(snapshot, probe)
      const known = reached.get(session)
      // What is as it was has been looked at; what it has seen of others cannot be gone without these being looked at.
      if (known !== undefined && known.latest === mark.latest && known.count === mark.count) continue
      if (known === undefined && mark.latest === null && mark.count === 0) continue
      changed.push(session)
      before.set(session, known?.latest?.index ?? 0)
      reached.set(session, mark)
    }
    for (const session of changed) {
      const { latest, count } = reached.get(session)!
      const index = latest?.index ?? 0
      // Of what was refused, a tab may still be shown some, in the log of another that has not said so yet.
      const isWhole = side.mayHaveLost(session) ? count > 0 === index > 0 : count === index
      if (!isWhole) {
        side.fail({
          check: 'atomicity',
          message: `${party} sees ${count} Changes of ${session} and the mark of the ${index}th: a Change is not whole, missing, or applied twice.`,
        })
      }
      if (side.mayHaveLost(session)) continue
      if (index < before.get(session)!) {
        side.fail({
          check: 'causality',
          message: `${party} had seen ${before.get(session)} Changes of ${session}, and sees ${index} now.`,
        })
      }
      for (const [other, seen] of Object.entries(latest?.seen ?? {})) {
        const there = reached.get(other)?.latest?.index ?? 0
        // Who has seen in memory alone what the backup has not, may go on, after a reload, where it has not been.
        if (there >= seen || side.mayHaveLost(other) || side.wasOnRelay(other)) continue
        side.fail({
          check: 'causality',
          message: `${party} sees the ${index}th Change of ${session}, whose author had seen ${seen} of ${other}; it sees ${there}.`,
        })
      }
    }
    const last = changed.length === 0 ? undefined : lastWriter(snapshot)
    if (last !== undefined && !side.mayHaveLost(last[0])) {
      for (const [session, mark] of reached) {
        if (side.mayHaveLost(session) || !hasOverwritten(last, session, mark)) continue
        side.fail({
          check: 'causality',
          message: `${party} sees what the ${last[1]}th Change of ${last[0]} wrote, where the ${mark.latest!.wrote!.index}th of ${session} has written after it had seen that.`,
        })
      }
    }
    const broken = brokenInvariant(side.app, snapshot)
    if (broken !== undefined) side.fail({ check: 'invariant', message: `At ${party} ${broken}` })
  }
}
