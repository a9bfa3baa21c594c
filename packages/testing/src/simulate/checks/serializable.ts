import { checkHistory } from '../../check.ts'
import { TestingError } from '../../errors.ts'
import type { History } from '../../history.ts'
import type { Failure } from '../failure.ts'

/** What a history shows. */
export interface Serialized {
  readonly failure: Failure | undefined
  /** How often one transaction had to come before another. Where there is none, nothing was checked. */
  readonly dependencies: number
}

/**
 * Says whether what transactions of one arbiter read and wrote could have been one after the other, each that had completed before those that
 * were begun then.
 */
export function serialized(arbiter: string, history: History): Serialized {
  let report
  try {
    report = checkHistory(history, { realTime: true })
  } catch (error) {
    // A short schedule may well have nothing that depends on anything: a cohort is asked how much there was.
    if (error instanceof TestingError && error.code === 'nothing-checked') {
      return { failure: undefined, dependencies: 0 }
    }
    throw error
  }
  const { ww, wr, rw } = report.counts.dependencies
  const [first] = report.anomalies
  const holds = report.holds['strict-serializable']
  return {
    dependencies: ww + wr + rw,
    failure: holds
      ? undefined
      : {
          check: 'serializability',
          message: `What ${arbiter} decided about could not have been one after the other${first === undefined ? '.' : ` (${first.type}): ${first.explanation}`}`,
        },
  }
}
