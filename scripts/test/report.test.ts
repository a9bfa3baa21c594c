import { expect, test } from 'vitest'
import { createReport } from '../report.mjs'

function open() {
  const lines: string[] = []
  const report = createReport({ print: (line: string) => lines.push(...line.split('\n')), now: () => 0 })
  return { report, lastLine: () => lines.at(-1) }
}

const passedTwo = { numPassedTests: 2, testResults: [] }

test('the last line sums static steps, vitest and playwright', () => {
  const { report, lastLine } = open()
  report.step('types', { code: 0 })
  report.vitest(
    'node',
    { numPassedTests: 3, numFailedTests: 0, numPendingTests: 1, numTodoTests: 1, testResults: [] },
    0,
  )
  report.playwright({ stats: { expected: 4, unexpected: 0, flaky: 0, skipped: 2 } }, 0)
  expect(report.close()).toBe(0)
  expect(lastLine()).toBe('8 passed, 0 failed, 4 skipped')
})

test('a run in which no test ran is a failure, however many static steps passed', () => {
  const { report, lastLine } = open()
  report.step('types', { code: 0 })
  report.vitest('node', undefined, 0)
  expect(report.close()).toBe(1)
  expect(lastLine()).toBe('1 passed, 1 failed, 0 skipped')
})

test('a failed step is a failure', () => {
  const { report, lastLine } = open()
  report.step('lint', { code: 1, output: 'planted' })
  report.vitest('node', passedTwo, 0)
  expect(report.close()).toBe(1)
  expect(lastLine()).toBe('2 passed, 1 failed, 0 skipped')
})

test('a test file that cannot be loaded is a failure', () => {
  const { report, lastLine } = open()
  report.vitest('node', { ...passedTwo, testResults: [{ status: 'failed', assertionResults: [] }] }, 1)
  expect(report.close()).toBe(1)
  expect(lastLine()).toBe('2 passed, 1 failed, 0 skipped')
})

test('a runner that dies without results is a failure', () => {
  const { report, lastLine } = open()
  report.vitest('node', passedTwo, 0)
  report.vitest('browser', undefined, 137)
  expect(report.close()).toBe(1)
  expect(lastLine()).toBe('2 passed, 1 failed, 0 skipped')
})

test('a flaky end-to-end test is a failure', () => {
  const { report, lastLine } = open()
  report.playwright({ stats: { expected: 1, unexpected: 0, flaky: 1, skipped: 0 } }, 0)
  expect(report.close()).toBe(1)
  expect(lastLine()).toBe('1 passed, 1 failed, 0 skipped')
})
