import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { environment, writeBaseline } from '../harness/baseline.mjs'
import { openBrowser, servePage } from '../harness/pages.mjs'
import { summary } from '../harness/statistics.mjs'
import { writeTables } from '../harness/tables.mjs'
import { startTables } from './tables.mjs'

const ROUNDS = 5

/** How many rows, and how many edits after them. */
const SIZES = [
  { rows: 10_000, edits: 0 },
  { rows: 100_000, edits: 0 },
  { rows: 1_000, edits: 50_000 },
]

const PEERS = ['yjs', 'y-indexeddb', 'tinybase', '@tanstack/db', 'dexie']

/** Whoever takes longer to make a database, or to start on it, is not waited for. */
const LIMIT_MS = 120_000

/** Makes each database once, and starts on it again and again, each time in a new page, round by round. */
export async function run(folder, { keep, quick, only }) {
  const rounds = quick ? 2 : ROUNDS
  const page = await servePage(folder)
  const browser = await openBrowser()
  try {
    const found = { rounds, sizes: [] }
    for (const { rows, edits } of SIZES) {
      found.sizes.push({ rows, edits, results: await contest(rows, edits) })
    }
    if (only === undefined) {
      Object.assign(found, { versions: versionsIn(folder), environment: environment({ chromium: browser.version() }) })
    }
    const tables = startTables(found)
    for (const table of Object.values(tables)) console.log(`\n${table}`)
    if (keep) {
      writeBaseline(folder, found)
      writeTables(join(folder, 'README.md'), tables)
    }
  } finally {
    await browser.close()
    await page.close()
  }

  async function contest(rows, edits) {
    const probe = await browser.newContext()
    const names = await inPage(probe, page.url, () => globalThis.bench.names)
    await probe.close()
    const racers = []
    for (const name of names.filter((one) => only === undefined || only.includes(one))) {
      const context = await browser.newContext()
      const made = await within(
        inPage(context, page.url, ([who, ...size]) => globalThis.bench.make(who, ...size), [name, rows, edits]),
      )
      racers.push({ name, context, samples: [], gaveUp: made === undefined })
    }
    for (let round = 0; round < rounds; round++) {
      // Another first one each time: nobody always runs after the same neighbour.
      for (let i = 0; i < racers.length; i++) {
        const racer = racers[(i + round * 4) % racers.length]
        if (racer.gaveUp) continue
        const sample = await within(
          inPage(racer.context, page.url, ([who, ...size]) => globalThis.bench.start(who, ...size), [
            racer.name,
            rows,
            edits,
          ]),
        )
        if (sample === undefined) racer.gaveUp = true
        else racer.samples.push(sample)
      }
    }
    for (const { context } of racers) await context.close()
    return Object.fromEntries(
      racers.map(({ name, samples, gaveUp }) => [name, gaveUp ? { gaveUp } : measured(samples)]),
    )
  }
}

async function inPage(context, url, work, argument) {
  const tab = await context.newPage()
  try {
    await tab.goto(url)
    return (await tab.evaluate(work, argument)) ?? true
  } finally {
    await tab.close()
  }
}

/** Undefined for what takes too long. */
async function within(work) {
  let cancel
  const patience = new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), LIMIT_MS)
    cancel = () => clearTimeout(timer)
  })
  try {
    work.catch(() => undefined)
    return await Promise.race([work, patience])
  } finally {
    cancel()
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
