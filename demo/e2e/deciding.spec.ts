import type { Page } from '@playwright/test'
import type { CountOptions } from './lab/deciding.ts'
import { crash } from './support/crash.ts'
import { expect, test } from './support/tabs.ts'

const isLong = process.env.SYNCLINE_LONG === '1'
const tabs = 4

const openTabs = (openTab: () => Promise<Page>): Promise<Page[]> => Promise.all(Array.from({ length: tabs }, openTab))

const readTotal = (page: Page): Promise<number> => page.evaluate(() => lab.store.get(lab.deciding.total))

const readLines = (page: Page): Promise<readonly string[]> => page.evaluate(() => lab.store.get(lab.deciding.lines))

const count = (page: Page, options: CountOptions): Promise<number> =>
  page.evaluate((it) => lab.deciding.count(lab.store, it), options)

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0)

/** How many writing transactions the pages have begun with IndexedDB. */
async function writingTransactions(pages: readonly Page[]): Promise<number> {
  return sum(await Promise.all(pages.map((page) => page.evaluate(() => lab.transactionCount().readwrite))))
}

// What shares an entry of the log with others of its tab needs no transaction of its own; a body that awaits is run again by itself.
for (const { way, steps, workers, most } of [
  { way: 'update', steps: 10_000, workers: 100, most: 2_500 },
  ...(isLong ? ([{ way: 'commute', steps: 2_000, workers: 100, most: 500 }] as const) : []),
  ...(isLong ? ([{ way: 'await', steps: 200, workers: 5, most: 1_000 }] as const) : []),
] as const) {
  test(`${steps} steps of one total from ${tabs} tabs, by ${way}, are exact, in less than ${most} transactions`, async ({
    openTab,
  }, info) => {
    const pages = await openTabs(openTab)
    const before = await writingTransactions(pages)
    const startedMs = Date.now()
    const acknowledged = await Promise.all(pages.map((page) => count(page, { way, steps: steps / tabs, workers })))
    const tookMs = Date.now() - startedMs
    const written = (await writingTransactions(pages)) - before
    info.annotations.push({ type: 'measured', description: `${steps} steps, ${tookMs} ms, ${written} transactions` })
    expect(sum(acknowledged)).toBe(steps)
    for (const page of pages) await expect.poll(() => readTotal(page)).toBe(steps)
    expect(await readTotal(await openTab())).toBe(steps)
    expect(written).toBeLessThan(most)
  })
}

test('what was acknowledged to a tab that dies while four append to one list is there, once and in order', async ({
  openTab,
}) => {
  const pages = await openTabs(openTab)
  const acknowledged: string[][] = pages.map(() => [])
  const reach: (() => void)[] = []
  const isReached = Promise.all(pages.map((_, i) => new Promise<void>((resolve) => (reach[i] = resolve))))
  for (const [i, page] of pages.entries()) {
    await page.exposeFunction('tell', (line: string) => {
      if (acknowledged[i]!.push(line) === 50) reach[i]!()
    })
  }
  const writing = pages.map((page, i) =>
    page.evaluate(
      ({ name, lines }) =>
        lab.deciding.append(lab.store, {
          name,
          lines,
          workers: 10,
          onAcknowledged: (line) => (window as unknown as { tell(line: string): Promise<void> }).tell(line),
        }),
      { name: `tab${i}`, lines: i === 0 ? 100_000 : 100 },
    ),
  )
  await isReached
  const [mortal, ...others] = pages
  await crash(mortal!)
  await expect(writing[0]).rejects.toThrow()
  await Promise.all(writing.slice(1))
  // What it held when it died keeps nobody from going on.
  await Promise.all(
    others.map((page, i) =>
      page.evaluate((name) => lab.deciding.append(lab.store, { name, lines: 20, workers: 10 }), `after${i}`),
    ),
  )

  const witness = await openTab()
  const found = await readLines(witness)
  for (const page of others) await expect.poll(() => readLines(page)).toEqual(found)
  expect(new Set(found).size).toBe(found.length)
  const held = new Set(found)
  expect(acknowledged.flat().filter((line) => !held.has(line))).toEqual([])
  expect(acknowledged.slice(1).map(({ length }) => length)).toEqual([100, 100, 100])
  expect(found.filter((line) => line.startsWith('after')).length).toBe(60)
})

test('a tab that is frozen in the middle of it keeps nobody from deciding, and goes on when it is thawed', async ({
  openTab,
}) => {
  const pages = await openTabs(openTab)
  const [sleeper, ...others] = pages
  const devtools = await sleeper!.context().newCDPSession(sleeper!)
  const slept = count(sleeper!, { way: 'update', steps: 1_000, workers: 20 })
  await expect.poll(() => readTotal(others[0]!)).toBeGreaterThan(100)
  await devtools.send('Page.setWebLifecycleState', { state: 'frozen' })
  const before = await readTotal(others[0]!)
  const awake = await Promise.all(others.map((page) => count(page, { way: 'update', steps: 500, workers: 20 })))
  expect(awake).toEqual([500, 500, 500])
  const after = await readTotal(others[0]!)
  expect(after - before).toBeGreaterThanOrEqual(1_500)
  await devtools.send('Page.setWebLifecycleState', { state: 'active' })
  expect(await slept).toBe(1_000)
  for (const page of pages) await expect.poll(() => readTotal(page)).toBe(2_500)
})
