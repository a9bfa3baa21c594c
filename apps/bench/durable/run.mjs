import { answer, inPage, inProfile } from '../harness/pages.mjs'
import { summaries, takeTurns } from '../harness/statistics.mjs'
import { durableTables } from './tables.mjs'

const ROUNDS = 7

/** So many rows are 15 MB of what need be kept. */
const COMPACTED_ROWS = 145_000

/** Measures all contenders, each in a page and a new profile on the disk, round by round; and what it costs to compact, which only one of them does. */
export function run(folder, { keep, quick, only }) {
  const rounds = quick ? 3 : ROUNDS
  const isWanted = (name) => only === undefined || only.includes(name)
  return answer(folder, { keep, only, tablesOf: durableTables }, async (browser, serve) => {
    const url = await serve('page.html')
    const names = await inPage(browser, url, () => globalThis.bench.names)
    const racers = names.filter(isWanted).map((name) => ({ name, samples: [] }))
    await takeTurns(racers, rounds, async ({ name, samples }) => {
      samples.push(await inProfile((context) => inPage(context, url, (who) => globalThis.bench.run(who), name)))
    })
    const results = Object.fromEntries(racers.map(({ name, samples }) => [name, summaries(samples)]))
    return {
      rounds,
      results,
      ...(isWanted('compaction') && { compaction: await compact(await serve('compaction.html')) }),
    }
  })

  async function compact(url) {
    const samples = []
    for (let round = 0; round < rounds; round++) {
      samples.push(
        await inProfile((context) => inPage(context, url, (rows) => globalThis.bench.compact(rows), COMPACTED_ROWS)),
      )
    }
    return { rows: COMPACTED_ROWS, ...summaries(samples) }
  }
}
