import type {} from 'vitest'
import {
  calm,
  exhaust,
  type CalmOptions,
  type Cohort,
  type CohortOptions,
  type ExhaustOptions,
  type SimulatedApp,
} from '../simulate/index.ts'

/** What a matcher answers. */
interface Verdict {
  readonly pass: boolean
  message(): string
}

/** How it was asked: `expect(…).not` wants a mistake that was found, not one that may be where nobody has looked. */
interface Asked {
  readonly isNot?: boolean
}

/** Whatever runs many seeds: what `simulate` gives. */
interface Cohorts {
  cohort(options: CohortOptions): Promise<Cohort>
}

/** What can be expected of apps and simulations. */
export interface SynclineMatchers<R = unknown> {
  /** A simulation: none of so many schedules, from `first` on, breaks a promise. */
  toConverge(options: CohortOptions): Promise<R>
  /** An app: whatever order everything is done and heard of in, all replicas are the same, and all invariants hold. Everything was tried. */
  toConvergeInEveryOrder(options: Omit<ExhaustOptions, 'app'>): Promise<R>
  /** An app: what is done needs nobody to decide about its order: it may be reordered, lost in part, and done twice. */
  toBeCalm(options: Omit<CalmOptions, 'app'>): R
}

declare module 'vitest' {
  // It must be written as it is there.
  interface Matchers<T = any> extends SynclineMatchers<T> {}
}

/**
 * Matchers for vitest: once `expect.extend(matchers)`, mostly in a setup file. The types are there as soon as this module is imported.
 *
 * @example
 * import { counter } from '@syncline/merge'
 * import { matchers } from '@syncline/testing/vitest'
 *
 * expect.extend(matchers)
 * const votes = counter('votes')
 * const app = { refs: { votes }, actions: { vote: (tx) => tx.add(votes, 1) } }
 * await expect(app).toConvergeInEveryOrder({ does: [['vote'], ['vote', 'vote']], print: () => {} })
 * expect(app).not.toBeCalm({ does: ['vote'], observe: (snapshot) => snapshot.get(votes) })
 */
export const matchers = {
  async toConverge(this: Asked, simulation: Cohorts, options: CohortOptions): Promise<Verdict> {
    const { runs, next, failures } = await simulation.cohort(options)
    const wanted = options.runs
    const isShort = failures.length === 0 && runs < wanted
    return {
      pass: failures.length === 0 && (!isShort || this.isNot === true),
      message: () =>
        failures.length > 0
          ? `${failures.length} of ${runs} schedules broke a promise.\n\n${failures.map(({ failure }) => failure).join('\n\n')}`
          : isShort
            ? `Only ${runs} of ${wanted} schedules were run; seed ${next} comes next.`
            : `None of ${runs} schedules broke a promise.`,
    }
  },

  async toConvergeInEveryOrder(this: Asked, app: SimulatedApp, options: Omit<ExhaustOptions, 'app'>): Promise<Verdict> {
    try {
      const { complete, reason, explored } = await exhaust({ ...options, app })
      const counted = JSON.stringify(explored)
      return {
        pass: complete || this.isNot === true,
        message: () =>
          complete
            ? `Everything was tried, and nothing was found: ${counted}.`
            : `Nothing was found, but not everything was tried, as the ${reason} was reached: ${counted}.`,
      }
    } catch (error) {
      const { code, message } = error as { readonly code?: string; readonly message: string }
      if (code !== 'failed') throw error
      return { pass: false, message: () => message }
    }
  },

  toBeCalm(this: Asked, app: SimulatedApp, options: Omit<CalmOptions, 'app'>): Verdict {
    const { isCalm, ...verdicts } = calm({ ...options, app })
    const problems = Object.entries(verdicts).flatMap(([question, verdict]) => {
      if (verdict.safe === true) return []
      if (verdict.safe === undefined) return [`${question}: not answered, as there is more than the limit.`]
      return [`${question}: ${verdict.counterexample.what}\n\n${verdict.counterexample.diagram}`]
    })
    const isFound = Object.values(verdicts).some(({ safe }) => safe === false)
    return {
      pass: isCalm || (this.isNot === true && !isFound),
      message: () => (isCalm ? 'It is calm.' : problems.join('\n\n')),
    }
  },
}
