import { join } from 'node:path'
import { readFileSync } from 'node:fs'
import { environment, writeBaseline } from '../harness/baseline.mjs'
import { inPage, openBrowser, servePage } from '../harness/pages.mjs'
import { summary, takeTurns } from '../harness/statistics.mjs'
import { writeTables } from '../harness/tables.mjs'
import { transactionTables } from './tables.mjs'
import { versionsOf } from './versions.mjs'

/** So much processor time a sample takes where a contender is fast enough; a slow one runs one transaction in it. */
const SAMPLE_MS = 60
const MOST_TRANSACTIONS = 50_000
const WARM_UP_SAMPLES = 3

/**
 * Measures all contenders, each in a page of its own, round by round: whatever the machine does meanwhile happens to all of them.
 */
export async function run(folder, { keep, quick, only }) {
  const workloads = JSON.parse(readFileSync(join(folder, 'workloads.json'), 'utf8'))
  const rounds = quick ? 3 : workloads.rounds
  const page = await servePage(folder)
  const browser = await openBrowser()
  try {
    const found = { rounds, single: [], many: {} }
    for (const size of workloads.single) {
      found.single.push({ ...size, results: await contest({ ...size, many: 1, mode: 'single' }, ['write']) })
    }
    found.many = {
      ...workloads.many,
      results: await contest({ ...workloads.many, mode: 'many' }, ['writeMany', 'giveUp']),
    }
    if (only === undefined)
      Object.assign(found, { versions: versionsOf(), environment: environment({ chromium: browser.version() }) })
    const tables = transactionTables(found)
    for (const table of Object.values(tables)) console.log(`\n${table}`)
    if (keep) {
      writeBaseline(folder, found)
      writeTables(join(folder, 'README.md'), tables)
    }
  } finally {
    await browser.close()
    await page.close()
  }

  /** Opens every contender at one size, and takes turns. Returns `{ [name]: { [workload]: summary } }`. */
  async function contest(size, kinds) {
    const context = await browser.newContext()
    const racers = []
    for (const { name, canRollBack } of await inPage(context, page.url, () => globalThis.bench.names)) {
      if (only !== undefined && !only.includes(name)) continue
      const tab = await openTab(context, page.url)
      await tab.open({ ...size, contender: name })
      for (const kind of kinds) {
        if (kind === 'giveUp' && !canRollBack) continue
        racers.push({ name, kind, tab, transactions: await warmUp(tab, kind), samples: [] })
      }
    }
    await takeTurns(
      racers,
      rounds,
      async ({ tab, kind, transactions, samples }) => samples.push(await sample(tab, kind, transactions)),
      5,
    )
    await context.close()
    const results = {}
    for (const { name, kind, samples, transactions } of racers) {
      results[name] = { ...results[name], [kind]: { ...summary(samples), transactions } }
    }
    return results
  }
}

/** A page, driven from here, that is asked for the processor time of its main thread. */
async function openTab(context, url) {
  const tab = await context.newPage()
  await tab.goto(url)
  const devtools = await context.newCDPSession(tab)
  await devtools.send('Performance.enable')
  const threadMs = async () => {
    const { metrics } = await devtools.send('Performance.getMetrics')
    return metrics.find(({ name }) => name === 'ThreadTime').value * 1000
  }
  return {
    open: (task) => tab.evaluate((what) => globalThis.bench.open(what), task),
    /** Milliseconds for some transactions, without what it takes to ask and to go from task to task. */
    async take(kind, transactions) {
      await tab.evaluate(([workload, count]) => globalThis.bench.prepare(workload, count), [kind, transactions])
      const times = [await threadMs()]
      await tab.evaluate(() => globalThis.bench.runEmpty())
      times.push(await threadMs())
      await tab.evaluate(() => globalThis.bench.run())
      times.push(await threadMs())
      await tab.evaluate(() => globalThis.bench.verify())
      return Math.max(0, times[2] - times[1] - (times[1] - times[0]))
    },
  }
}

/** Microseconds for one transaction. */
async function sample(tab, kind, transactions) {
  return ((await tab.take(kind, transactions)) * 1000) / transactions
}

/** Runs a contender until its code is compiled, and finds how many transactions fill a sample. */
async function warmUp(tab, kind) {
  let transactions = 1
  let us = await sample(tab, kind, transactions)
  while (us * transactions < (SAMPLE_MS / 4) * 1000 && transactions < MOST_TRANSACTIONS) {
    transactions = Math.min(MOST_TRANSACTIONS, transactions * 4)
    us = await sample(tab, kind, transactions)
  }
  for (let i = 0; i < WARM_UP_SAMPLES; i++) {
    transactions = Math.max(1, Math.min(MOST_TRANSACTIONS, Math.round((SAMPLE_MS * 1000) / us)))
    us = await sample(tab, kind, transactions)
  }
  return transactions
}
