import type { Snapshot } from '@syncline/stm'
import type { Failure } from './failure.ts'
import { readMark, type Probe } from './probes.ts'

/** What holds in every Snapshot that anybody sees. */
export interface WatcherSide {
  readonly probes: ReadonlyMap<string, Probe>
  readonly invariants: Readonly<Record<string, (snapshot: Snapshot) => boolean | string>>
  /** Whether the relay may have refused something of a session: what others have seen of it may then be gone. */
  mayHaveLost(session: string): boolean
  fail(failure: Failure): void
}

/** Looks at what one tab sees, each time that it sees something new. */
export function createWatcher(party: string, side: WatcherSide): (snapshot: Snapshot) => void {
  /** How far it has seen each session. */
  const reached = new Map<string, number>()

  return (snapshot) => {
    const marks = new Map([...side.probes].map(([session, probe]) => [session, readMark(snapshot, probe)]))
    for (const [session, { latest, count }] of marks) {
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
      if (index < (reached.get(session) ?? 0)) {
        side.fail({
          check: 'causality',
          message: `${party} had seen ${reached.get(session)} Changes of ${session}, and sees ${index} now.`,
        })
      }
      reached.set(session, index)
      for (const [other, seen] of Object.entries(latest?.seen ?? {})) {
        const there = marks.get(other)?.latest?.index ?? 0
        if (there >= seen || side.mayHaveLost(other)) continue
        side.fail({
          check: 'causality',
          message: `${party} sees the ${index}th Change of ${session}, whose author had seen ${seen} of ${other}; it sees ${there}.`,
        })
      }
    }
    for (const [name, holds] of Object.entries(side.invariants)) {
      const verdict = holds(snapshot)
      if (verdict === true) continue
      side.fail({ check: 'invariant', message: `${party}: ${name}: ${verdict === false ? 'does not hold' : verdict}.` })
    }
  }
}
