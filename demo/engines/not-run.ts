import type { Reporter } from 'vitest/node'

/** Says at the end of a run which tests the engine could not run, and why. */
export const notRun: Reporter = {
  onTestRunEnd(modules) {
    for (const { children } of modules) {
      for (const test of children.allTests('skipped')) {
        const result = test.result()
        console.log(
          `NOT RUN ${test.fullName}\n        ${(result.state === 'skipped' && result.note) || 'no reason is given'}`,
        )
      }
    }
  },
}
