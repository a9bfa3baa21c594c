/**
 * Adds up what ran.
 *
 * Each static step and each test counts as one. `close` prints the seconds and, as the very last line,
 * `N passed, N failed, N skipped`; it returns the exit code. A run in which no test ran is a failure, and so is a
 * runner that ended badly without naming a failed test.
 */
export function createReport({ print = console.log, now = Date.now } = {}) {
  const total = { passed: 0, failed: 0, skipped: 0 }
  const rows = []
  const failures = []
  let tests = 0

  return { time, step, skip, vitest, playwright, close }

  async function time(name, body) {
    const startedAt = now()
    try {
      return await body()
    } finally {
      rows.push([name, (now() - startedAt) / 1000])
    }
  }

  function step(name, { code, output = '' }) {
    const ok = code === 0
    count({ passed: ok ? 1 : 0, failed: ok ? 0 : 1 })
    print(`${ok ? 'ok  ' : 'FAIL'} ${name}`)
    if (ok) return
    failures.push(name)
    print(output.trimEnd())
  }

  /** Something that could not be run, and why. */
  function skip(name, reason) {
    count({ skipped: 1 })
    print(`SKIP ${name}: ${reason}`)
  }

  function vitest(name, results, code) {
    const { numPassedTests = 0, numFailedTests = 0, numPendingTests = 0, numTodoTests = 0 } = results ?? {}
    // A test file that cannot be loaded has no tests that could fail.
    const brokenFiles = (results?.testResults ?? []).filter(
      (file) => file.status === 'failed' && !file.assertionResults.some((each) => each.status === 'failed'),
    ).length
    runner(name, code, numPassedTests, numFailedTests + brokenFiles, numPendingTests + numTodoTests)
  }

  function playwright(results, code) {
    const { expected = 0, unexpected = 0, flaky = 0, skipped = 0 } = results?.stats ?? {}
    // A flaky test is one that failed.
    runner('e2e', code, expected, unexpected + flaky, skipped)
  }

  function runner(name, code, passed, failed, skipped) {
    tests += passed + failed
    const unexplained = code !== 0 && failed === 0 ? 1 : 0
    if (unexplained) print(`FAIL ${name}: the runner ended with exit code ${code} and no failed test.`)
    if (failed + unexplained > 0) failures.push(name)
    count({ passed, failed: failed + unexplained, skipped })
  }

  function count({ passed = 0, failed = 0, skipped = 0 }) {
    total.passed += passed
    total.failed += failed
    total.skipped += skipped
  }

  function close() {
    if (tests === 0) {
      print('FAIL no test ran')
      count({ failed: 1 })
      failures.push('no test ran')
    }
    print('')
    for (const [name, seconds] of rows) print(`${name.padEnd(10)}${seconds.toFixed(1).padStart(7)} s`)
    if (failures.length > 0) print(`\nFailed: ${[...new Set(failures)].join(', ')}`)
    print(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
    return total.failed === 0 ? 0 : 1
  }
}
