/** What can be wrong with a history. */
export type AnomalyType =
  /** Write cycle: two transactions overwrote each other. */
  | 'G0'
  /** Aborted read: somebody saw what a transaction wrote that did not commit. */
  | 'G1a'
  /** Intermediate read: somebody saw a value that its transaction itself overwrote. */
  | 'G1b'
  /** Circular information flow: two transactions saw each other's writes. */
  | 'G1c'
  /** Single anti-dependency (read skew and its like): somebody saw one part of another transaction and missed the other. */
  | 'G-single'
  /** Several anti-dependencies, no two in a row: no snapshots taken by anybody could give it. */
  | 'G-nonadjacent'
  /** Two anti-dependencies in a row: write skew, which snapshot isolation allows. */
  | 'G2'
  /** A transaction overwrote what it had not seen: the update in between is lost. */
  | 'lost-update'
  /** One list holds one element twice. */
  | 'duplicate-elements'
  /** Two reads of one list disagree about the order of its elements. */
  | 'incompatible-orders'
  /** A transaction contradicts itself: it missed its own write, or read one key twice with different results. */
  | 'internal'
  /** Somebody read a value that nobody has written. */
  | 'unknown-value'
  /** A transaction that began after another one had completed comes before it. Snapshots taken at the beginning exclude it. */
  | 'real-time'
  /** The same, and snapshot isolation allows it: with two anti-dependencies in a row. */
  | 'G2-real-time'
  /** A process comes before its own past. Snapshots that never go back exclude it. */
  | 'session'
  /** The same, and snapshot isolation allows it: with two anti-dependencies in a row. */
  | 'G2-session'

/** Something that cannot happen if the system keeps its promises. */
export interface Anomaly {
  readonly type: AnomalyType
  /** Who takes part, in the order of the explanation; of a cycle each once. */
  readonly transactions: readonly string[]
  /** Why it is one, in sentences with the values that were read and written. */
  readonly explanation: string
}

/**
 * Why one transaction comes before another: `ww` its write was overwritten, `wr` its write was read, `rw` it missed the other's write
 * (an anti-dependency); `session` and `real-time` by the clock alone.
 */
export type Dependency = 'ww' | 'wr' | 'rw' | 'session' | 'real-time'

/** `from` comes before `to`. Both are indexes of the ledger. */
export interface Edge {
  readonly kind: Dependency
  readonly from: number
  readonly to: number
  readonly because: () => string
}

/** Anomalies of one type that are told in full. The others only count: they are rarely news, and a report is for reading. */
const TOLD = 10

/** Gathers what the parts of the checker find. */
export interface Findings {
  readonly edges: readonly Edge[]
  readonly anomalies: readonly Anomaly[]
  readonly countByType: ReadonlyMap<AnomalyType, number>
  edge(kind: Dependency, from: number, to: number, because: () => string): void
  anomaly(type: AnomalyType, transactions: readonly string[], explanation: string): void
}

export function createFindings(): Findings {
  const edges: Edge[] = []
  const anomalies: Anomaly[] = []
  const countByType = new Map<AnomalyType, number>()
  return {
    edges,
    anomalies,
    countByType,
    edge(kind, from, to, because) {
      if (from !== to) edges.push({ kind, from, to, because })
    },
    anomaly(type, transactions, explanation) {
      const count = (countByType.get(type) ?? 0) + 1
      countByType.set(type, count)
      if (count <= TOLD) anomalies.push({ type, transactions, explanation })
    },
  }
}
