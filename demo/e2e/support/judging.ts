import { checkHistory, type AnomalyType, type History, type HistoryReport, type Transaction } from '@syncline/testing'
import { type HistoryOptions, shapeOf } from '../lab/histories.ts'

/** What the histories of one run have shown together. */
export interface Verdict {
  readonly histories: number
  /** Anomalies by type. */
  readonly anomalies: Readonly<Partial<Record<AnomalyType, number>>>
  readonly explanations: readonly string[]
  /** How many keep the promise that was asked for, in the order of real time too. */
  readonly kept: number
  /** In how many of them tabs got in each other's way. */
  readonly raced: number
  readonly committed: number
  /** Runs of bodies that were overtaken. */
  readonly failed: number
  readonly dependencies: number
}

/** What the histories show, of which every tab has recorded a part. */
export function judge(parts: readonly (readonly History[])[], { isolation, first }: HistoryOptions): Verdict {
  const histories = parts[0]!.map((_, i) => parts.flatMap((part) => part[i]!))
  const reports = histories.map((history, i) =>
    // A body that is run again together with others sees what they will have written, and perhaps will not.
    checkHistory(history, { realTime: true, opacity: isolation === 'serializable' && shapeOf(first + i).awaits }),
  )
  const anomalies: Partial<Record<AnomalyType, number>> = {}
  for (const { counts } of reports) {
    for (const [type, n] of Object.entries(counts.anomalies) as [AnomalyType, number][]) {
      anomalies[type] = (anomalies[type] ?? 0) + n
    }
  }
  const promised = isolation === 'serializable' ? 'strict-serializable' : 'strong-snapshot-isolation'
  const total = (of: (report: HistoryReport) => number): number => reports.reduce((sum, report) => sum + of(report), 0)
  return {
    histories: reports.length,
    anomalies,
    explanations: reports.flatMap((report) =>
      report.anomalies.map(({ type, explanation }) => `${type}: ${explanation}`),
    ),
    kept: total(({ holds }) => (holds[promised] ? 1 : 0)),
    raced: histories.filter((history, i) => hasRaced(history, reports[i]!)).length,
    committed: total(({ counts }) => counts.committed),
    failed: total(({ counts }) => counts.failed),
    dependencies: total(({ counts: { dependencies: of } }) => of.ww + of.wr + of.rw),
  }
}

/**
 * Whether two tabs were at the same key at the same time, one of them writing, and something came of it: a body was overtaken and ran again, or
 * both missed what the other did. Each tab is one process of a history, so nobody is overtaken by its own tab.
 */
function hasRaced(history: History, { counts }: HistoryReport): boolean {
  if (counts.failed === 0 && counts.anomalies.G2 === undefined) return false
  const committed = history.filter(({ outcome }) => outcome === 'ok')
  return committed.some((one, i) => committed.slice(i + 1).some((other) => overlap(one, other) && meet(one, other)))
}

const overlap = (one: Transaction, other: Transaction): boolean =>
  one.process !== other.process && one.invoked < other.completed! && other.invoked < one.completed!

function meet(one: Transaction, other: Transaction): boolean {
  const keysOf = ({ ops }: Transaction, writes: boolean): readonly string[] =>
    ops.filter(([kind]) => !writes || kind !== 'read').map(([, key]) => key)
  const touched = new Set(keysOf(one, false))
  const written = new Set(keysOf(one, true))
  return keysOf(other, true).some((key) => touched.has(key)) || keysOf(other, false).some((key) => written.has(key))
}
