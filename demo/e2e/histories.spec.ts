import type { Page } from '@playwright/test'
import type { History } from '@syncline/testing'
import { type HistoryOptions, shapeOf } from './lab/histories.ts'
import { judge, type Verdict } from './support/judging.ts'
import { expect, test } from './support/tabs.ts'

const isLong = process.env.SYNCLINE_LONG === '1'
/** Of each workload, of which there are two, under each isolation. */
const histories = isLong ? 5_000 : 500
/** So many at once of each workload. */
const atOnce = 250
const tabs = 4

for (const isolation of ['serializable', 'snapshot'] as const) {
  test(`${2 * histories} random histories of four tabs are what "${isolation}" promises`, async ({ openTab }, info) => {
    info.setTimeout(isLong ? 600_000 : 60_000)
    const pages = await Promise.all(Array.from({ length: tabs }, openTab))
    const startedMs = Date.now()
    const verdicts = await Promise.all(
      (['lists', 'registers'] as const).map((workload) => run(pages, { workload, isolation })),
    )
    const tookMs = Date.now() - startedMs
    for (const [i, workload] of (['lists', 'registers'] as const).entries()) {
      const all = verdicts[i]!
      const total = (of: (verdict: Verdict) => number): number => all.reduce((sum, it) => sum + of(it), 0)
      const types = new Set(all.flatMap(({ anomalies }) => Object.keys(anomalies)))
      const counted = `${workload}: ${total(({ histories: n }) => n)} histories, ${total(({ raced }) => raced)} of them raced, ${total(({ committed }) => committed)} committed, ${total(({ failed }) => failed)} overtaken, ${total(({ dependencies }) => dependencies)} dependencies, ${JSON.stringify([...types])}, ${tookMs} ms`
      info.annotations.push({ type: 'measured', description: counted })
      // Write skew is what snapshots allow; that it happens shows that the tabs were at it at the same time.
      const isAllowed = (type: string): boolean => isolation === 'snapshot' && /^G2(-real-time)?(:|$)/.test(type)
      const explanations = all.flatMap(({ explanations: each }) => each)
      expect(explanations.filter((it) => !isAllowed(it))).toEqual([])
      expect([...types].filter((type) => !isAllowed(type))).toEqual([])
      expect(types.has('G2')).toBe(isolation === 'snapshot')
      expect(total(({ kept }) => kept)).toBe(histories)
      const asked = Array.from({ length: histories }, (_, at) => tabs * shapeOf(at).transactions + 1)
      expect(total(({ committed }) => committed)).toBe(asked.reduce((sum, n) => sum + n))
      // A run in which nothing raced proves nothing.
      expect(total(({ raced }) => raced)).toBeGreaterThan(histories / 2)
    }
  })
}

/** Runs the histories of one workload in all tabs; what one batch has shown is judged here, while the tabs are at the next. */
async function run(
  pages: readonly Page[],
  kind: Pick<HistoryOptions, 'workload' | 'isolation'>,
): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = []
  for (let first = 0; first < histories; first += atOnce) {
    const part = (tab: number): HistoryOptions => ({ ...kind, tab: `tab ${tab}`, tabs, first, count: atOnce })
    // As text, which a page makes much faster than what Playwright makes of an object.
    const parts = await Promise.all(
      pages.map((page, tab) =>
        page.evaluate(async (it) => JSON.stringify(await lab.histories.takePart(lab.store, it)), part(tab)),
      ),
    )
    parts.push(
      await pages[0]!.evaluate(async (it) => JSON.stringify(await lab.histories.readAll(lab.store, it)), part(0)),
    )
    verdicts.push(
      judge(
        parts.map((text) => JSON.parse(text) as readonly History[]),
        part(0),
      ),
    )
  }
  return verdicts
}
