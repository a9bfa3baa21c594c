import type { HistoryOptions, Verdict, Workload } from './lab/histories.ts'
import { expect, test } from './support/tabs.ts'

const isLong = process.env.SYNCLINE_LONG === '1'
/** Of each workload under each isolation. */
const histories = isLong ? 500 : 50
/** So many at once: each with two workers in each of four tabs. */
const atOnce = 25
const tabs = 4

for (const isolation of ['serializable', 'snapshot'] as const) {
  for (const workload of ['lists', 'registers'] as const satisfies readonly Workload[]) {
    test(`${histories} random histories of four tabs on ${workload} are what "${isolation}" promises`, async ({
      openTab,
    }, info) => {
      info.setTimeout(isLong ? 600_000 : 60_000)
      const pages = await Promise.all(Array.from({ length: tabs }, openTab))
      const verdicts: Verdict[] = []
      const startedMs = Date.now()
      for (let first = 0; first < histories; first += atOnce) {
        const part = (tab: number): HistoryOptions => ({
          workload,
          isolation,
          tab: `tab ${tab}`,
          first,
          count: atOnce,
        })
        const parts = await Promise.all(
          pages.map((page, tab) => page.evaluate((it) => lab.histories.takePart(lab.store, it), part(tab))),
        )
        parts.push(await pages[0]!.evaluate((it) => lab.histories.readAll(lab.store, it), part(0)))
        verdicts.push(await pages[0]!.evaluate(([all, it]) => lab.histories.judge(all, it), [parts, part(0)] as const))
      }
      const tookMs = Date.now() - startedMs
      const total = (of: (verdict: Verdict) => number): number => verdicts.reduce((sum, it) => sum + of(it), 0)
      const types = new Set(verdicts.flatMap(({ anomalies }) => Object.keys(anomalies)))
      const counted = `${total(({ histories: n }) => n)} histories, ${total(({ committed }) => committed)} committed, ${total(({ failed }) => failed)} overtaken, ${total(({ dependencies }) => dependencies)} dependencies, ${JSON.stringify([...types])}, ${tookMs} ms`
      info.annotations.push({ type: 'measured', description: counted })
      // Write skew is what snapshots allow; that it happens shows that the tabs were at it at the same time.
      const isAllowed = (type: string): boolean => isolation === 'snapshot' && /^G2(-real-time)?(:|$)/.test(type)
      const explanations = verdicts.flatMap(({ explanations: all }) => all)
      expect(explanations.filter((it) => !isAllowed(it))).toEqual([])
      expect([...types].filter((type) => !isAllowed(type))).toEqual([])
      expect(types.has('G2')).toBe(isolation === 'snapshot')
      expect(total(({ kept }) => kept)).toBe(histories)
      expect(total(({ committed }) => committed)).toBe(histories * (tabs * 2 * 3 + 1))
      expect(total(({ failed }) => failed)).toBeGreaterThan(histories)
      expect(total(({ dependencies }) => dependencies)).toBeGreaterThan(10 * histories)
    })
  }
}
