import { answer, inPage, inProfile } from '../harness/pages.mjs'
import { summaries, takeTurns } from '../harness/statistics.mjs'
import { startTables } from './tables.mjs'

const ROUNDS = 5

/** How many rows, and how many edits after them. */
const SIZES = [
  { rows: 10_000, edits: 0 },
  { rows: 100_000, edits: 0 },
  { rows: 1_000, edits: 50_000 },
]

/** Whoever takes longer to make a database, or to start on it, is not waited for. */
const LIMIT_MS = 120_000

/** Makes each database once, in a profile on the disk, and starts on it again and again, each time in a new page, round by round. */
export function run(folder, { keep, quick, only }) {
  const rounds = quick ? 2 : ROUNDS
  const isWanted = (name) => only === undefined || only.includes(name)
  return answer(folder, { keep, only, tablesOf: startTables }, async (browser, serve) => {
    const url = await serve('page.html')
    const names = await inPage(browser, url, () => globalThis.bench.names)
    const found = { rounds, sizes: [] }
    for (const { rows, edits } of SIZES) {
      const results = await inProfile((context) => contest(context, url, names.filter(isWanted), rows, edits))
      found.sizes.push({ rows, edits, results })
    }
    return { ...found, ...(isWanted('growth') && { growth: await grow(await serve('growth.html')) }) }
  })

  async function contest(context, url, names, rows, edits) {
    const racers = []
    for (const [i, name] of names.entries()) {
      const own = ofItsOwn(url, i)
      const made = await within(
        inPage(context, own, ([who, ...size]) => globalThis.bench.make(who, ...size), [name, rows, edits]),
      )
      racers.push({ name, own, samples: [], gaveUp: made === undefined })
    }
    await takeTurns(racers, rounds, async (racer) => {
      if (racer.gaveUp) return
      const { name, own, samples } = racer
      const sample = await within(
        inPage(context, own, ([who, ...size]) => globalThis.bench.start(who, ...size), [name, rows, edits]),
      )
      if (sample === undefined) racer.gaveUp = true
      else samples.push(sample)
    })
    return Object.fromEntries(
      racers.map(({ name, samples, gaveUp }) => [name, gaveUp ? { gaveUp } : summaries(samples)]),
    )
  }

  /** Starts on what has grown, and on what has not, in turns. Ratios of a few hundredths need more rounds. */
  function grow(url) {
    return inProfile(async (context) => {
      const names = await inPage(context, url, () => globalThis.bench.names)
      const racers = names.map((name) => ({ name, samples: [] }))
      for (const { name } of racers) await inPage(context, url, (what) => globalThis.bench.make(what), name)
      await takeTurns(
        racers,
        rounds * 3,
        async ({ name, samples }) => {
          samples.push(await inPage(context, url, (what) => globalThis.bench.start(what), name))
        },
        1,
      )
      return Object.fromEntries(racers.map(({ name, samples }) => [name, summaries(samples)]))
    })
  }
}

/** The same page at an origin of its own: what the browser keeps of one origin lies in one place, and would be opened with that of all the others. */
function ofItsOwn(url, i) {
  const own = new URL(url)
  own.hostname = `of-${i}.localhost`
  return own.href
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
