import { createGraphs, findCycles, findTimeCycles } from './cycles.ts'
import { TestingError } from './errors.ts'
import { createFindings, type Anomaly, type AnomalyType, type Findings } from './findings.ts'
import { createGraph } from './graph.ts'
import type { History, ListOp, MemberOp, RegisterOp, Op } from './history.ts'
import { openLedger, type Ledger } from './ledger.ts'
import { findListDependencies } from './lists.ts'
import { findMemberDependencies } from './members.ts'
import { findRegisterDependencies, type Versions } from './registers.ts'
import { createSnapshotGraph } from './snapshots.ts'
import { realTimeOrder, sessionOrder, type TimeOrder } from './time.ts'

/** What a system can promise about a history. */
export type Model =
  /** Some serial order explains everything that was read. */
  | 'serializable'
  /** … in which each process keeps its own order. */
  | 'session-serializable'
  /** … in which a transaction that had completed comes before those invoked later. */
  | 'strict-serializable'
  /** Each transaction read one snapshot, and of two at the same time no two wrote the same key. Write skew is allowed. */
  | 'snapshot-isolation'
  /** … and the snapshots of a process hold what it has done before. */
  | 'session-snapshot-isolation'
  /** … and a snapshot holds all that had completed when its transaction was invoked. */
  | 'strong-snapshot-isolation'

/** How to look at a history. */
export interface CheckOptions {
  /** Also names the cycles that the order of real time closes. */
  readonly realTime?: boolean
  /** Also names the cycles that the order inside each process closes. */
  readonly sessions?: boolean
  /**
   * Failed transactions must have read what could be, too: as if each had committed without writing. Record every attempt then, also
   * those that ran again.
   */
  readonly opacity?: boolean
  /** In which order the values of registers became visible, by key, for registers that are written without being read. */
  readonly versions?: Versions
}

/** What a history shows. */
export interface HistoryReport {
  /** What happened that should not; the first ten of each type. Empty under `serializable`. */
  readonly anomalies: readonly Anomaly[]
  /** Which promises this history keeps. Exact: also where an explanation was too long to search for. */
  readonly holds: Readonly<Record<Model, boolean>>
  readonly counts: {
    readonly committed: number
    readonly failed: number
    /** Those with outcome `info` that nobody has read from. */
    readonly unknown: number
    readonly reads: number
    readonly writes: number
    /** Dependencies between two transactions, by kind. */
    readonly dependencies: Readonly<Record<'ww' | 'wr' | 'rw', number>>
    readonly anomalies: Readonly<Partial<Record<AnomalyType, number>>>
  }
}

/**
 * What a history of lists, registers and growing collections shows: every anomaly by name with the reads and writes that make it one,
 * and which consistency models hold.
 *
 * Throws `TestingError` `nothing-checked` when no two committed transactions met in a conflict and nothing is wrong: such a run is no
 * proof. Throws `malformed-history` when the same value is written twice to a key, a process overlaps with itself, or nobody can tell the
 * order of a register. Cost: linear in the history, and for collections members × range reads; more only to show what is wrong.
 *
 * @example
 * const { anomalies, holds } = checkHistory([
 *   { process: 1, invoked: 1, completed: 4, outcome: 'ok', ops: [['range', 'seats', {}, []], ['write', 'door', 'open'], ['read', 'light', null]] },
 *   { process: 2, invoked: 2, completed: 3, outcome: 'ok', ops: [['read', 'door', null], ['add', 'seats', 'a']] },
 * ])
 * expect(anomalies).toMatchObject([{ type: 'G2', transactions: ['T2', 'T1'] }])
 * expect([holds.serializable, holds['snapshot-isolation']]).toEqual([false, true])
 */
export function checkHistory(history: History, options: CheckOptions = {}): HistoryReport {
  const ledger = openLedger(history, options.opacity === true)
  const findings = createFindings()
  findListDependencies(ledger, findings)
  findRegisterDependencies(ledger, options.versions ?? {}, findings)
  findMemberDependencies(ledger, findings)
  if (findings.edges.length === 0 && findings.anomalies.length === 0) throw nothingChecked(ledger)

  const isSound = findings.anomalies.length === 0
  const real = realTimeOrder(ledger)
  const sessions = sessionOrder(ledger)
  // What nothing speaks against keeps every promise, and of what works there is the most.
  const isFine = isSound && createGraph(real.size, [...findings.edges, ...real.edges, ...sessions.edges]).isAcyclic
  return {
    holds: isFine ? everyPromise : judge(ledger, findings, { real, sessions }, isSound, options),
    anomalies: findings.anomalies,
    counts: {
      committed: ledger.committed.length,
      failed: ledger.entries.filter(({ source }) => source.outcome === 'fail').length,
      unknown: ledger.entries.filter((entry) => entry.source.outcome === 'info' && !ledger.isCommitted(entry)).length,
      reads: countOps(ledger, ([kind]) => kind === 'read' || kind === 'range'),
      writes: countOps(ledger, ([kind]) => kind !== 'read' && kind !== 'range'),
      dependencies: {
        ww: findings.edges.filter(({ kind }) => kind === 'ww').length,
        wr: findings.edges.filter(({ kind }) => kind === 'wr').length,
        rw: findings.edges.filter(({ kind }) => kind === 'rw').length,
      },
      anomalies: Object.fromEntries(findings.countByType),
    },
  }
}

/**
 * {@link checkHistory} of lists alone: the strongest workload, because each read of a list tells the order of all writes in it.
 *
 * @example
 * const { anomalies } = checkListAppend([
 *   { process: 1, invoked: 1, completed: 2, outcome: 'ok', ops: [['append', 'x', 1], ['append', 'y', 1]] },
 *   { process: 2, invoked: 1, completed: 2, outcome: 'ok', ops: [['read', 'x', [1]], ['read', 'y', []]] },
 * ])
 * expect(anomalies[0].type).toBe('G-single')
 * expect(anomalies[0].explanation).toBe(
 *   'T2 read y = [], without the 1 that T1 appended, so T2 comes before T1; ' +
 *     'T2 read x = [1], with the 1 that T1 appended, so T1 comes before T2.',
 * )
 */
export function checkListAppend(history: History<ListOp | MemberOp>, options: CheckOptions = {}): HistoryReport {
  return checkHistory(history, options)
}

/**
 * {@link checkHistory} of registers alone. Let transactions read a register before they write it, or supply the order of its values.
 *
 * @example
 * const { anomalies } = checkRegisters([
 *   { process: 1, invoked: 1, completed: 3, outcome: 'ok', ops: [['read', 'x', null], ['write', 'x', 1]] },
 *   { process: 2, invoked: 2, completed: 4, outcome: 'ok', ops: [['read', 'x', null], ['write', 'x', 2]] },
 * ])
 * expect(anomalies.map(({ type }) => type)).toEqual(['lost-update'])
 */
export function checkRegisters(history: History<RegisterOp | MemberOp>, options: CheckOptions = {}): HistoryReport {
  return checkHistory(history, options)
}

const everyPromise: HistoryReport['holds'] = {
  serializable: true,
  'session-serializable': true,
  'strict-serializable': true,
  'snapshot-isolation': true,
  'session-snapshot-isolation': true,
  'strong-snapshot-isolation': true,
}

/** Names the cycles, and says which promises hold in spite of them. */
function judge(
  ledger: Ledger,
  findings: Findings,
  { real, sessions }: { readonly real: TimeOrder; readonly sessions: TimeOrder },
  isSound: boolean,
  options: CheckOptions,
): HistoryReport['holds'] {
  const graphs = createGraphs(ledger.entries.length, findings.edges)
  findCycles(graphs, ledger, findings)
  if (options.realTime === true) findTimeCycles('real-time', real, graphs, ledger, findings)
  if (options.sessions === true) findTimeCycles('session', sessions, graphs, ledger, findings)

  const isOrdered = (time: TimeOrder): boolean =>
    isSound && createGraph(time.size, [...findings.edges, ...time.edges]).isAcyclic
  const hasSnapshots = (time: TimeOrder): boolean =>
    isSound && createSnapshotGraph(time.size, [...findings.edges, ...time.edges]).isAcyclic
  return {
    serializable: isSound && graphs.all.isAcyclic,
    'session-serializable': isOrdered(sessions),
    'strict-serializable': isOrdered(real),
    'snapshot-isolation': isSound && graphs.snapshots.isAcyclic,
    'session-snapshot-isolation': hasSnapshots(sessions),
    'strong-snapshot-isolation': hasSnapshots(real),
  }
}

function countOps(ledger: Ledger, counts: (op: Op) => boolean): number {
  return ledger.committed.reduce((sum, { source }) => sum + source.ops.filter(counts).length, 0)
}

function nothingChecked(ledger: Ledger): TestingError {
  const { entries, committed } = ledger
  return new TestingError(
    'nothing-checked',
    `Of ${entries.length} transactions ${committed.length} committed, and no two of those read or wrote the same key in a way that ` +
      'orders them. A system without any promise would pass. Use fewer keys, more transactions, or more reads.',
  )
}
