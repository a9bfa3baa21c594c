import type { Report } from './report.ts'

/** Where the reports of one iterator arrive. */
export interface Iteration {
  readonly iterator: AsyncIterator<Report<unknown>, undefined, undefined>
  /** Whether somebody waits for a report. */
  isReady(): boolean
  /** Hands a report to who has waited longest, or to who asks next. */
  give(report: Report<unknown>): void
  /** After what was given there is nothing more. */
  end(): void
}

/** What an iterator wants of its subscription. */
export interface IterationSide {
  /** Somebody waits. */
  onAsk(): void
  /** Nobody will ask any more. */
  onReturn(): void
}

/** Makes one iterator. It keeps no reports: while nobody waits, its subscriber gathers. */
export function createIteration({ onAsk, onReturn }: IterationSide): Iteration {
  const waiting: ((result: IteratorResult<Report<unknown>, undefined>) => void)[] = []
  /** What the end of the store has left to be told. */
  let last: Report<unknown> | undefined
  let isOver = false

  function end(): void {
    isOver = true
    for (const resolve of waiting.splice(0)) resolve(over)
  }

  return {
    iterator: {
      next() {
        if (last !== undefined) {
          const value = last
          last = undefined
          return Promise.resolve({ done: false, value })
        }
        if (isOver) return Promise.resolve(over)
        return new Promise((resolve) => {
          waiting.push(resolve)
          onAsk()
        })
      },
      return() {
        last = undefined
        end()
        onReturn()
        return Promise.resolve(over)
      },
    },
    isReady: () => waiting.length > 0,
    give(report) {
      const resolve = waiting.shift()
      if (resolve === undefined) last = report
      else resolve({ done: false, value: report })
    },
    end,
  }
}

const over: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined })
