import type { Page } from '@playwright/test'
import type { Booking } from './lab/booking.ts'
import { crash } from './support/crash.ts'
import { expect, type LabPage, test } from './support/lab.ts'

const isOnline = ({ page }: LabPage): Promise<void> =>
  page.evaluate(() => lab.until(() => lab.store.status.link === 'online'))

const book = (page: Page, who: string, choices: readonly string[]): Promise<Booking> =>
  page.evaluate((it) => lab.booking.book(lab.store, it.who, it.choices), { who, choices })

const takenBy = (page: Page, seat: string): Promise<string | undefined> =>
  page.evaluate((id) => lab.store.get(lab.booking.seats.at(id))?.by, seat)

const isLong = process.env.SYNCLINE_LONG === '1'
/** How often two want the same seat at the same moment. */
const rounds = isLong ? 100 : 8
/** How far two browsers count together. */
const steps = isLong ? 400 : 60

/** From now on what a page says to the relay is lost, and counted. */
async function loseWords(page: Page): Promise<void> {
  await page.evaluate(() => {
    const counter = Object.assign(window, { lostWords: 0 })
    WebSocket.prototype.send = () => void (counter.lostWords += 1)
  })
}

const lostWords = (page: Page): Promise<number> =>
  page.evaluate(() => (window as unknown as { readonly lostWords: number }).lostWords)

test('two browsers want the last seat: one gets it, the other takes its second choice', async ({ openLab }) => {
  const [ada, ben] = [await openLab(), await openLab()]
  await Promise.all([isOnline(ada), isOnline(ben)])
  // What Ada does does not reach Ben for a while: he wants the seat when she has it already.
  ben.wire.release(0)
  expect(await book(ada.page, 'Ada', ['last', 'ada'])).toEqual({ seat: 'last', runs: 1 })
  const wanting = book(ben.page, 'Ben', ['last', 'ben'])
  await expect.poll(() => ben.wire.counts.changesUp).toBeGreaterThan(0)
  expect(await takenBy(ben.page, 'last')).toBeUndefined()
  ben.wire.release(Infinity)
  const got = await wanting
  expect(got.seat).toBe('ben')
  expect(got.runs).toBeGreaterThan(1)

  // And as it comes, at the same moment, again and again.
  for (let round = 0; round < rounds; round++) {
    const [mine, yours] = await Promise.all([
      book(ada.page, 'Ada', [`last${round}`, `ada${round}`]),
      book(ben.page, 'Ben', [`last${round}`, `ben${round}`]),
    ])
    const first = [mine, yours].filter(({ seat }) => seat === `last${round}`)
    expect(first).toHaveLength(1)
    expect(mine === first[0] ? yours.seat : mine.seat).toBe(mine === first[0] ? `ben${round}` : `ada${round}`)
  }
  const witness = await openLab()
  await isOnline(witness)
  const bookings = (page: Page): Promise<readonly (readonly [string, { readonly by: string }])[]> =>
    page.evaluate(() => [...lab.store.items(lab.booking.seats)])
  const all = await bookings(witness.page)
  expect(all).toHaveLength(2 * rounds + 2)
  for (const { page } of [ada, ben]) await expect.poll(() => bookings(page)).toEqual(all)
})

test(`ten workers in two browsers count to ${steps} exactly`, async ({ openLab }) => {
  const pages = [await openLab(), await openLab()]
  await Promise.all(pages.map(isOnline))
  await Promise.all(pages.map(({ page }) => page.evaluate((each) => lab.booking.count(lab.store, each, 5), steps / 2)))
  for (const { page } of [...pages, await openLab()]) {
    await expect.poll(() => page.evaluate(() => lab.store.get(lab.booking.sold))).toBe(steps)
  }
})

for (const reached of [false, true]) {
  test(`a tab that dies when its booking is prepared, and the relay ${reached ? 'has' : 'has not'} got it, leaves a decided outcome`, async ({
    openLab,
  }) => {
    const ada = await openLab()
    await isOnline(ada)
    const other = await openLab({ context: ada.context })
    await isOnline(other)
    // Either the answer is lost, as it waits behind what somebody else has done, or the question, which is asked when it is prepared.
    if (reached) {
      const stranger = await openLab()
      await isOnline(stranger)
      ada.wire.release(0)
      await stranger.page.evaluate(() => lab.store.transact((tx) => tx.add(lab.writes, 1)).synced())
    } else await loseWords(ada.page)
    const booked = book(ada.page, 'Ada', ['last'])
    booked.catch(() => undefined)
    if (reached) await ada.wire.stored(1)
    else await expect.poll(() => lostWords(ada.page)).toBeGreaterThan(0)
    expect(await takenBy(ada.page, 'last')).toBeUndefined()
    await crash(ada.page)
    await expect(booked).rejects.toThrow()

    // The other tab takes over, and finds out.
    expect(await book(other.page, 'Eve', ['last', 'second'])).toMatchObject({ seat: reached ? 'second' : 'last' })
    expect(await takenBy(other.page, 'last')).toBe(reached ? 'Ada' : 'Eve')
    const witness = await openLab()
    await expect.poll(() => takenBy(witness.page, 'last')).toBe(reached ? 'Ada' : 'Eve')
  })
}
