import { crash } from './support/crash.ts'
import { expect, type LabPage, openStoreAt, test } from './support/lab.ts'
import { rendererOf } from './support/renderer.ts'

const tabCount = 6

/** As on an insecure origin. */
const withoutLocks = (): void => void Object.defineProperty(navigator, 'locks', { value: undefined })

/** Adds one, and resolves when the relay has it. */
const addOne = ({ page }: LabPage): Promise<void> =>
  page.evaluate(() => lab.store.transact((tx) => tx.add(lab.writes, 1)).synced())

test('[ID26] [ST15] [ST16] tabs without Web Locks have one socket, and each sees each commit of the others once; a leader that is killed is replaced', async ({
  browser,
  openLab,
  labUrl,
  space,
}) => {
  const context = await browser.newContext()
  await context.addInitScript(withoutLocks)
  const first = await openLab({ context })
  const { wire } = first
  const pages = [first.page]
  while (pages.length < tabCount) {
    const page = await context.newPage()
    await openStoreAt(page, labUrl, { space, relay: wire.url })
    pages.push(page)
  }
  const far = await openLab()
  for (const page of [...pages, far.page]) {
    await page.evaluate(() => {
      const seen: string[] = []
      Object.assign(window, { seen })
      lab.store.changes(lab.writes, ({ before, now }) =>
        seen.push(`${before.get(lab.writes)} to ${now.get(lab.writes)}`),
      )
    })
  }
  const writeAll = (among: readonly (typeof first.page)[]): Promise<void[]> =>
    Promise.all(
      among.map((page) =>
        page.evaluate(async () => {
          for (let i = 0; i < 3; i++) await lab.store.transact((tx) => tx.add(lab.writes, 1)).synced()
          await lab.deciding.count(lab.store, { steps: 5, workers: 2, way: 'update' })
        }),
      ),
    )
  await writeAll(pages)
  expect(await pages[0]!.evaluate(() => 'locks' in navigator && navigator.locks === undefined)).toBe(true)
  expect(wire.counts.connections).toBe(1)

  const [leader, ...others] = pages
  await crash(leader!)
  await writeAll(others)
  expect(wire.counts.connections).toBe(2)
  const total = (tabCount + others.length) * 3
  for (const page of [...others, far.page]) {
    await page.evaluate((it) => lab.until(() => lab.store.get(lab.writes) === it), total)
    // Each report begins where the one before has ended, so no commit was told twice.
    const seen = await page.evaluate(() => (window as unknown as { seen: readonly string[] }).seen)
    const steps = seen.map((each) => each.split(' to ').map(Number) as [number, number])
    expect(steps.map(([from]) => from)).toEqual([0, ...steps.map(([, to]) => to).slice(0, -1)])
  }
  for (const page of others) {
    const shared = (tabCount + others.length) * 5
    await page.evaluate((it) => lab.until(() => lab.store.get(lab.deciding.total) === it), shared)
  }
  expect(wire.counts.changesUp).toBe(total)
  await context.close()
})

test('[ID26] [ID4] [ST40] a leader without Web Locks that stands still is replaced, and kept out when it goes on: nothing is lost or doubled', async ({
  browser,
  openLab,
}) => {
  const context = await browser.newContext()
  await context.addInitScript(withoutLocks)
  const leader = await openLab({ context })
  const others = [await openLab({ context }), await openLab({ context })]
  const far = await openLab()
  const own = [leader, ...others]
  for (const tab of own) await addOne(tab)
  expect(own.map(({ wire }) => wire.counts.connections)).toEqual([1, 0, 0])
  const renderer = await rendererOf(leader.page)
  renderer.stop()
  try {
    for (const tab of [...others, far]) await addOne(tab)
    expect(others.reduce((sum, { wire }) => sum + wire.counts.connections, 0)).toBeGreaterThan(0)
  } finally {
    renderer.goOn()
  }
  await addOne(leader)
  const everybody = [...own, far]
  const total = own.length + others.length + 2
  for (const { page } of everybody) {
    await page.evaluate(
      (it) => lab.until(() => lab.store.get(lab.writes) === it && lab.store.status.pending === 0),
      total,
    )
  }
  const bases = everybody.map(({ page }) => page.evaluate(() => lab.store.snapshot.basis.relaySeq))
  expect(await Promise.all(bases)).toEqual(everybody.map(() => total))
  // What they have in common on the disk is the same log: a tab that comes now reads it so.
  const late = await openLab({ context })
  expect(await late.page.evaluate(() => lab.store.get(lab.writes))).toBe(total)
  await context.close()
})
