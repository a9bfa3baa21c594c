import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkHistory, TestingError, type HistoryReport, type Transaction } from '../src/index.ts'
import { hasSnapshots, inAnyOrder, inRealTime, inSessions, isSerializable } from './model.ts'
import { plans, simulate, type Run } from './simulated.ts'

test('the checker calls a history serializable, strictly or in sessions, exactly when some serial order explains it', () => {
  const seen = { strictly: 0, loosely: 0, no: 0 }
  fc.assert(
    fc.property(plans(6), (plan) => {
      const run = simulate(plan)
      const report = check(run)
      const versions = plan.isBlind ? run.versions : undefined
      const expected = {
        serializable: isSerializable(run.history, inAnyOrder, versions),
        'session-serializable': isSerializable(run.history, inSessions, versions),
        'strict-serializable': isSerializable(run.history, inRealTime, versions),
      }
      expect(report.holds).toMatchObject(expected)
      expect(namesOutOfTime(report).length === 0).toBe(expected.serializable)
      expect(report.anomalies.length === 0).toBe(expected['strict-serializable'])
      seen[!expected.serializable ? 'no' : expected['strict-serializable'] ? 'strictly' : 'loosely'] += 1
    }),
  )
  expectAll(seen)
}, 600_000)

test('the checker grants snapshots exactly when some order of beginnings and commits explains the history', () => {
  const seen = { serializable: 0, skewed: 0, no: 0 }
  fc.assert(
    fc.property(plans(4), (plan) => {
      const run = withLastLook(simulate(plan))
      const report = check(run)
      const versions = plan.isBlind ? run.versions : undefined
      const expected = {
        'snapshot-isolation': hasSnapshots(run.history, inAnyOrder, versions),
        'session-snapshot-isolation': hasSnapshots(run.history, inSessions, versions),
        'strong-snapshot-isolation': hasSnapshots(run.history, inRealTime, versions),
      }
      expect(report.holds).toMatchObject(expected)
      expect(namesOutOfTime(report).every((type) => type === 'G2')).toBe(expected['snapshot-isolation'])
      seen[!expected['snapshot-isolation'] ? 'no' : report.holds.serializable ? 'serializable' : 'skewed'] += 1
    }),
  )
  expectAll(seen)
}, 600_000)

type Verdict = Pick<HistoryReport, 'holds' | 'anomalies'>

/** Where there is nothing to judge every promise is kept, and that too must be so. */
function check({ history, versions }: Run): Verdict {
  try {
    return checkHistory(history, { versions, realTime: true, sessions: true })
  } catch (error) {
    if (!(error instanceof TestingError) || error.code !== 'nothing-checked') throw error
    return { holds: keptByAll, anomalies: [] }
  }
}

const keptByAll = checkHistory([
  { process: 1, invoked: 1, completed: 2, outcome: 'ok', ops: [['append', 'x', 1]] },
  { process: 1, invoked: 3, completed: 4, outcome: 'ok', ops: [['read', 'x', [1]]] },
]).holds

function namesOutOfTime({ anomalies }: Verdict): string[] {
  return anomalies.map(({ type }) => type).filter((type) => !/real-time|session/.test(type))
}

/** With one more transaction that sees all lists as they are in the end, so that the order of all appends is known. */
function withLastLook({ history, ...run }: Run): Run {
  const look: Transaction = {
    process: 'last',
    invoked: 1000,
    completed: 1001,
    outcome: 'ok',
    ops: [...run.end.lists].map(([key, list]) => ['read', key, list]),
  }
  return { ...run, history: [...history, look] }
}

/** A run that met only one kind of history shows nothing about the others. */
function expectAll(seen: Readonly<Record<string, number>>): void {
  for (const [kind, count] of Object.entries(seen)) expect(count, `histories that are ${kind}`).toBeGreaterThan(0)
}
