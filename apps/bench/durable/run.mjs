import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { environment, writeBaseline } from '../harness/baseline.mjs'
import { openBrowser, servePage } from '../harness/pages.mjs'
import { summary } from '../harness/statistics.mjs'
import { writeTables } from '../harness/tables.mjs'
import { durableTables } from './tables.mjs'

const ROUNDS = 7

const PEERS = ['yjs', 'y-indexeddb', 'tinybase', '@tanstack/db', 'dexie']

/** Measures all contenders, each in a page and a profile of its own, round by round: whatever the machine does meanwhile happens to all of them. */
export async function run(folder, { keep, quick, only }) {
  const rounds = quick ? 3 : ROUNDS
  const page = await servePage(folder)
  const browser = await openBrowser()
  try {
    const names = await inPage(browser, page.url, () => globalThis.bench.names)
    const racers = names
      .filter((name) => only === undefined || only.includes(name))
      .map((name) => ({ name, samples: [] }))
    for (let round = 0; round < rounds; round++) {
      // Another first one each time: nobody always runs after the same neighbour.
      for (let i = 0; i < racers.length; i++) {
        const racer = racers[(i + round * 4) % racers.length]
        racer.samples.push(await inPage(browser, page.url, (name) => globalThis.bench.run(name), racer.name))
      }
    }
    const results = Object.fromEntries(racers.map(({ name, samples }) => [name, measured(samples)]))
    const found = { rounds, results }
    if (only === undefined) {
      Object.assign(found, { versions: versionsIn(folder), environment: environment({ chromium: browser.version() }) })
    }
    const tables = durableTables(found)
    for (const table of Object.values(tables)) console.log(`\n${table}`)
    if (keep) {
      writeBaseline(folder, found)
      writeTables(join(folder, 'README.md'), tables)
    }
  } finally {
    await browser.close()
    await page.close()
  }
}

async function inPage(browser, url, work, argument) {
  const context = await browser.newContext()
  try {
    const tab = await context.newPage()
    await tab.goto(url)
    return await tab.evaluate(work, argument)
  } finally {
    await context.close()
  }
}

function measured(samples) {
  return Object.fromEntries(
    Object.keys(samples[0]).map((what) => [what, summary(samples.map((sample) => sample[what]))]),
  )
}

function versionsIn(folder) {
  return Object.fromEntries(
    PEERS.map((name) => {
      const file = join(folder, '..', 'node_modules', name, 'package.json')
      return [name, JSON.parse(readFileSync(file, 'utf8')).version]
    }),
  )
}
