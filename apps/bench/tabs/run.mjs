import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { serversHere } from '../coordinated/servers.mjs'
import { bundleProgram } from '../harness/bundles.mjs'
import { answer, inPage, inProfile } from '../harness/pages.mjs'
import { rendererOf } from '../harness/renderers.mjs'
import { at, round, summaries, takeTurns } from '../harness/statistics.mjs'
import { tabsTables } from './tables.mjs'

const ROUNDS = 5

/** How many tabs see what one of them writes. */
const TABS = [2, 8]

/** So many commits a round, of each contender. */
const COMMITS = 50

/** What becomes of the tab that leads, and of the one beside which another writes. */
const WAYS = ['killed', 'frozen', 'stopped']
const BESIDE = ['awake', 'frozen', 'stopped']

/** Whoever has no other leader by then is not waited for. */
const LIMIT_MS = 10_000
/** A leader is asked every two seconds or so; what happens to it happens at any moment of them. */
const PERIOD_MS = 2_000

/** Tabs of one browser, whose profile is on the disk; of all that is compared, round by round. */
export function run(folder, { keep, quick, only }) {
  const rounds = quick ? 2 : ROUNDS
  const isWanted = (name) => only === undefined || only.includes(name)
  return answer(folder, { keep, only, tablesOf: tabsTables }, async (browser, serve) => {
    const url = await serve('page.html')
    const contenders = (await inPage(browser, url, () => globalThis.bench.contenders)).filter(({ name }) =>
      isWanted(name),
    )
    const [seen, beside] = await inProfile(async (context) => {
      const groups = []
      for (const count of TABS) groups.push(await openTabs(context, ofItsOwn(url, count), count, contenders))
      return [await see(groups, contenders), await writeBeside(groups[0], contenders)]
    })
    const leaders = await lead(await serve('leaders.html'))
    return { rounds, commits: COMMITS, seen, leaders, beside }
  })

  /** What one tab commits, until it is seen in each of the others. */
  async function see(groups, contenders) {
    const racers = groups.flatMap((tabs) => contenders.map(({ name }) => ({ name, tabs, samples: [] })))
    await takeTurns(racers, rounds, async ({ name, tabs: [writer, ...readers], samples }) => {
      const asked = [name, `seen${samples.length}`, COMMITS]
      await writer.evaluate((it) => globalThis.bench.write(...it), asked)
      const all = await Promise.all(readers.map((tab) => tab.evaluate((it) => globalThis.bench.seen(...it), asked)))
      samples.push(percentiles(all.flat()))
    })
    return groups.map((tabs) => ({ tabs: tabs.length, results: resultsOf(racers.filter((one) => one.tabs === tabs)) }))
  }

  /** What one tab writes, until it is stored, beside another that goes on, or does not. */
  async function writeBeside([writer, other], contenders) {
    const renderer = await rendererOf(other)
    const racers = contenders
      .filter(({ isStored }) => isStored)
      .flatMap(({ name }) => BESIDE.map((state) => ({ name, state, samples: [] })))
    await takeTurns(racers, rounds, async ({ name, state, samples }) => {
      // So it is not in the middle of a transaction, which nobody who is stopped could end.
      await pause(500)
      if (state === 'frozen') await tell(other, 'freeze')
      if (state !== 'awake') renderer.stop()
      try {
        const asked = [name, `beside ${state}${samples.length}`, COMMITS]
        samples.push(percentiles(await writer.evaluate((it) => globalThis.bench.write(...it), asked)))
      } finally {
        if (state !== 'awake') renderer.goOn()
        if (state === 'frozen') await tell(other, 'resume')
      }
    })
    return BESIDE.map((state) => ({ state, results: resultsOf(racers.filter((one) => one.state === state)) }))
  }

  /** A tab that leads is ended, or stands still: until another one leads, and until the relay has what a third one commits in that moment. */
  async function lead(url) {
    const cache = join(folder, '..', 'node_modules', '.cache', 'tabs')
    const program = await bundleProgram(join(folder, '..', 'coordinated', 'serve.ts'), cache, ['lmdb', 'ws'])
    return serversHere(program).Syncline.run((port) =>
      inProfile(async (context) => {
        const relay = `ws://127.0.0.1:${port}/sync`
        const names = (await inPage(context, url, () => globalThis.bench.names)).filter(isWanted)
        const racers = names.flatMap((name) => WAYS.map((way) => ({ name, way, samples: [], gaveUp: false })))
        let spaces = 0
        await takeTurns(racers, rounds, async (racer) => {
          if (racer.gaveUp) return
          const sample = await replace(context, url, [racer.name, `space${++spaces}`, relay], racer.way)
          if (sample === undefined) racer.gaveUp = true
          else racer.samples.push(sample)
        })
        return WAYS.map((way) => ({
          way,
          results: resultsOf(
            racers.filter((one) => one.way === way),
            withMost,
          ),
        }))
      }),
    )
  }
}

async function replace(context, url, asked, way) {
  const tabs = []
  for (let i = 0; i < 3; i++) {
    const tab = await context.newPage()
    await tab.goto(url)
    await tab.evaluate((it) => globalThis.bench.join(...it), asked)
    tabs.push(tab)
  }
  const [leader, ...others] = tabs
  await leader.evaluate(() => globalThis.bench.commit())
  const renderer = await rendererOf(leader)
  try {
    await pause(PERIOD_MS * Math.random())
    const begunMs = nowMs()
    if (way === 'frozen') await tell(leader, 'freeze')
    if (way === 'killed') renderer.kill()
    else renderer.stop()
    const syncing = others[1].evaluate(() => globalThis.bench.commit())
    // It may be closed before.
    syncing.catch(() => undefined)
    const leadsMs = await untilOneLeads(others, begunMs + LIMIT_MS)
    if (leadsMs === undefined) return undefined
    const syncedMs = (await syncing) ?? undefined
    return { leadsMs: leadsMs - begunMs, ...(syncedMs !== undefined && { syncedMs: syncedMs - begunMs }) }
  } finally {
    if (way !== 'killed') renderer.goOn()
    await Promise.all(tabs.map((tab) => tab.close()))
  }
}

/** Tells a page that it is frozen, as the browser does before it stops one, or that it goes on. Browsers that are driven freeze none. */
const tell = (tab, what) => tab.evaluate((type) => void document.dispatchEvent(new Event(type)), what)

async function untilOneLeads(tabs, endMs) {
  while (nowMs() < endMs) {
    const since = await Promise.all(tabs.map((tab) => tab.evaluate(() => globalThis.bench.leadsSinceMs())))
    const [first] = since.filter((one) => one !== undefined && one !== null)
    if (first !== undefined) return first
    await pause(20)
  }
  return undefined
}

async function openTabs(context, url, count, contenders) {
  const tabs = []
  for (let i = 0; i < count; i++) {
    const tab = await context.newPage()
    await tab.goto(url)
    for (const { name } of contenders) await tab.evaluate((it) => globalThis.bench.open(it), name)
    tabs.push(tab)
  }
  return tabs
}

const resultsOf = (racers, summarize = summaries) =>
  Object.fromEntries(racers.map(({ name, samples, gaveUp }) => [name, gaveUp ? { gaveUp } : summarize(samples)]))

/** With the most that each measure ever was. */
const withMost = (samples) =>
  Object.fromEntries(
    Object.entries(summaries(samples)).map(([what, found]) => [
      what,
      { ...found, most: round(Math.max(...samples.map((sample) => sample[what]))) },
    ]),
  )

function percentiles(all) {
  const sorted = [...all].sort((a, b) => a - b)
  return { p50: at(sorted, 0.5), p95: at(sorted, 0.95) }
}

/** The same page at an origin of its own: its tabs share nothing with the others. */
function ofItsOwn(url, count) {
  const own = new URL(url)
  own.hostname = `of-${count}.localhost`
  return own.href
}

/** As pages have it. */
const nowMs = () => performance.timeOrigin + performance.now()
