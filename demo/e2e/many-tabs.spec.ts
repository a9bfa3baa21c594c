import type { Frame, JSHandle } from '@playwright/test'
import type { Writing } from './lab/writing.ts'
import { expect, test } from './support/lab.ts'
import { rendererOf } from './support/renderer.ts'

/**
 * Twenty, of which every fifth is a tab and the others are frames in it: each has a realm, connections, locks and channels of its own, as a tab has, and
 * twenty processes are more than a small machine starts in a moment. In the long run all are tabs.
 */
const tabCount = 20
const framesEach = process.env.SYNCLINE_LONG === '1' ? 0 : 4

test('[ST15] [ST16] twenty tabs have one socket, and each sees each commit of the others once, in order', async ({
  browserOnDisk,
  openLab,
  labUrl,
  space,
}) => {
  // They have one wire together, as the tabs of a person have.
  const first = await openLab({ context: browserOnDisk })
  const { wire } = first
  const tabs = [first.page]
  while (tabs.length * (framesEach + 1) < tabCount) {
    const tab = await browserOnDisk.newPage()
    tabs.push(tab)
    await tab.goto(labUrl)
    await tab.evaluate((it) => lab.open(it), { space, relay: wire.url })
  }
  const pages: Frame[] = []
  for (const tab of tabs) {
    await tab.evaluate(async (count) => {
      for (let i = 0; i < count; i++) {
        const frame = document.createElement('iframe')
        frame.src = location.href
        await new Promise((resolve) => {
          frame.onload = resolve
          document.body.append(frame)
        })
      }
    }, framesEach)
    for (const frame of tab.frames()) {
      if (frame !== tab.mainFrame()) await frame.evaluate((it) => lab.open(it), { space, relay: wire.url })
      pages.push(frame)
    }
  }
  expect(pages).toHaveLength(tabCount)
  const far = await openLab()
  // What each is told of, commit by commit.
  for (const page of pages) {
    await page.evaluate(() => {
      const seen: string[] = []
      Object.assign(window, { seen })
      lab.store.changes(lab.cards, ({ now }) => {
        for (const id of now.get(lab.cards)) if (!seen.includes(id)) seen.push(id)
      })
      lab.store.changes(lab.writes, ({ before, now }) =>
        seen.push(`writes ${before.get(lab.writes)} to ${now.get(lab.writes)}`),
      )
    })
  }
  await Promise.all(
    pages.map((page, tab) =>
      page.evaluate(async (it) => {
        for (let i = 0; i < 3; i++) {
          lab.store.transact((tx) => {
            tx.create(lab.cards.at(`tab${it}-${i}`), { title: 'x' })
            tx.add(lab.writes, 1)
          })
          await lab.store.synced()
        }
      }, tab),
    ),
  )
  const total = tabCount * 3
  for (const page of [...pages, far.page]) {
    await page.evaluate((it) => lab.until(() => lab.store.get(lab.writes) === it), total)
  }
  for (const page of pages) {
    const seen = await page.evaluate(() => (window as unknown as { seen: readonly string[] }).seen)
    const cards = seen.filter((each) => each.startsWith('tab'))
    const expected = Array.from({ length: tabCount }, (_, tab) => [0, 1, 2].map((i) => `tab${tab}-${i}`))
    expect(expected.map((_, tab) => cards.filter((each) => each.startsWith(`tab${tab}-`)))).toEqual(expected)
    // Each report begins where the one before has ended, so no commit was told twice.
    const steps = seen
      .filter((each) => each.startsWith('writes '))
      .map((each) => each.slice('writes '.length).split(' to ').map(Number) as [number, number])
    expect(steps.map(([from]) => from)).toEqual([0, ...steps.map(([, to]) => to).slice(0, -1)])
    expect(steps.at(-1)?.[1]).toBe(total)
    expect(steps.every(([from, to]) => to > from)).toBe(true)
  }
  expect(wire.counts.connections).toBe(1)
  expect(wire.counts.changesUp).toBe(total)
  await Promise.all(tabs.map((tab) => tab.close()))
})

test('[ST16] [ST37] a tab that runs the link is killed with its process while all tabs write: another takes over, and nothing that was acknowledged is lost or doubled', async ({
  browserOnDisk,
  openLab,
}) => {
  const leader = await openLab({ context: browserOnDisk })
  const others = [await openLab({ context: browserOnDisk }), await openLab({ context: browserOnDisk })]
  const far = await openLab()
  const renderer = await rendererOf(leader.page)
  const writings: JSHandle<Writing>[] = []
  for (const [tab, { page }] of [leader, ...others].entries())
    writings.push(await page.evaluateHandle((it) => lab.keepWriting({ prefix: `tab${it}-`, unsynced: 20 }), tab))
  const untilSynced = async (tab: number, least: number): Promise<void> => {
    const page = [leader, ...others][tab]!.page
    await page.waitForFunction(([writing, count]) => writing.synced.length >= count, [writings[tab]!, least] as const)
  }
  for (const tab of writings.keys()) await untilSynced(tab, 20)
  expect([leader, ...others].map(({ wire }) => wire.counts.connections)).toEqual([1, 0, 0])
  const locks = await leader.page.evaluate(async () => (await navigator.locks.query()).held!.length)
  expect(locks).toBeGreaterThan(0)

  const promised = await writings[0]!.evaluate(({ durable, synced }) => [...durable, ...synced])
  await renderer.kill()
  const before = await Promise.all(writings.slice(1).map((each) => each.evaluate(({ synced }) => synced.length)))
  // More than could be on the way, so the relay has said so to another tab.
  for (const [i, count] of before.entries()) await untilSynced(i + 1, count + 40)
  expect(others.filter(({ wire }) => wire.counts.connections > 0)).toHaveLength(1)

  await Promise.all(writings.slice(1).map((each) => each.evaluate((writing) => writing.stop())))
  const said = await Promise.all(
    writings.slice(1).map((each) => each.evaluate(({ written, failures }) => ({ written, failures }))),
  )
  expect(said.flatMap(({ failures }) => failures)).toEqual([])
  const [first, second] = await Promise.all(
    others.map(({ page }) =>
      page.evaluate(async () => {
        await lab.until(() => lab.store.status.pending === 0)
        const { relaySeq } = lab.store.snapshot.basis
        return { ids: lab.store.get(lab.cards), writes: lab.store.get(lab.writes), relaySeq }
      }),
    ),
  )
  expect(second).toEqual(first)
  const { ids, writes, relaySeq } = first!
  await far.page.evaluate((seq) => lab.until(() => lab.store.snapshot.basis.relaySeq === seq), relaySeq)
  expect(await far.page.evaluate(() => lab.store.get(lab.cards))).toEqual(ids)
  expect([writes, relaySeq]).toEqual([ids.length, ids.length])
  expect(ids).toEqual(expect.arrayContaining([...promised, ...said.flatMap(({ written }) => written)]))
  // Of what the dead one was not promised, the beginning.
  const kept = ids.filter((id) => id.startsWith('tab0-')).length
  expect(ids).toEqual(expect.arrayContaining(Array.from({ length: kept }, (_, i) => `tab0-${i}`)))
  await Promise.all([leader, ...others].map(({ page }) => page.close()))
})
