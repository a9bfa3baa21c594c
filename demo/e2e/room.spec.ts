import { expect, openStoreAt, test } from './support/lab.ts'
import { openProfile } from './support/profile.ts'
import { socketOf } from './support/wire.ts'

test('[SS1] [ST12] [ID3] where the browser gives no more room work goes on in memory and on the relay, and all is stored when it does', async ({
  openLab,
  labUrl,
  space,
  relay,
  launchOptions,
}) => {
  const far = await openLab()
  // Of its own: Chromium remembers for a while how much room there was.
  const profile = await openProfile(launchOptions)
  const page = await profile.context.newPage()
  const options = { space, relay: socketOf(relay.url) }
  const devtools = await profile.context.newCDPSession(page)
  const { origin } = new URL(labUrl)
  await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 2_000_000 })
  await openStoreAt(page, labUrl, options)
  const refused = await page.evaluate(async () => {
    // What Chromium could not make smaller.
    const noise = (length: number): string => {
      const bytes = Array.from({ length: length / 40_000 }, () => crypto.getRandomValues(new Uint8Array(40_000)))
      return bytes.map((each) => Array.from(each, (byte) => String.fromCharCode(33 + (byte % 90))).join('')).join('')
    }
    let error: unknown
    for (let i = 0; i < 8 && error === undefined; i++) {
      const receipt = lab.store.transact((tx) => {
        tx.create(lab.cards.at(`large${i}`), { title: noise(400_000) })
        tx.add(lab.writes, 1)
      })
      error = await receipt.durable().then(
        () => undefined,
        (reason: unknown) => reason,
      )
    }
    const { storage, storageError } = lab.store.status
    return {
      code: (error as { code?: string } | undefined)?.code,
      storage,
      told: storageError?.code,
      count: lab.store.get(lab.writes),
    }
  })
  expect(refused).toMatchObject({ code: 'storage-full', storage: 'quota', told: 'storage-full' })

  // It goes on, and the relay is the rescue.
  await page.evaluate(async () => {
    for (let i = 0; i < 10; i++) lab.store.transact((tx) => tx.add(lab.writes, 1))
    await lab.store.synced()
  })
  const total = refused.count + 10
  await far.page.evaluate((it) => lab.until(() => lab.store.get(lab.writes) === it), total)
  expect(await page.evaluate(() => [lab.store.get(lab.writes), lab.store.status.storage])).toEqual([total, 'quota'])

  await devtools.send('Storage.overrideQuotaForOrigin', { origin })
  await page.evaluate(() => lab.until(() => lab.store.status.storage === 'ok' && lab.store.status.unsaved === 0))
  // Nobody but this browser can tell it after this reload.
  await openStoreAt(page, labUrl, { space })
  expect(
    await page.evaluate(() => {
      const cards = lab.store.get(lab.cards).map((id) => lab.store.get(lab.cards.at(id))?.title.length)
      return { writes: lab.store.get(lab.writes), cards }
    }),
  ).toEqual({ writes: total, cards: Array.from({ length: refused.count }, () => 400_000) })
  await profile.remove()
})

test('[CP9] [ID22] where the browser has no room for a checkpoint nothing is lost, work goes on, and it is made when there is', async ({
  labUrl,
  space,
  launchOptions,
}) => {
  const profile = await openProfile(launchOptions)
  const { origin } = new URL(labUrl)
  try {
    let page = await profile.context.newPage()
    await page.goto(labUrl)
    const usage = await page.evaluate(
      async ([it, count]) => {
        await lab.growing.pile(it, count)
        return (await navigator.storage.estimate()).usage!
      },
      [space, DRAFTS] as const,
    )
    // Chromium remembers for a while how much room there was.
    await profile.stop()
    await profile.start()
    page = await profile.context.newPage()
    const devtools = await profile.context.newCDPSession(page)
    await page.goto(labUrl)
    // For a few drafts more, and not for all of them once more.
    await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: usage + DRAFTS * 2_500 })
    const attempts = await page.evaluateHandle((it) => lab.growing.compact(it), space)
    await attempts.evaluate((it) => it.until(1))
    expect(await attempts.evaluate(({ outcomes }) => outcomes[0])).toBe('storage-full')
    await attempts.evaluate((it, at) => it.write(at), DRAFTS)
    expect(await attempts.evaluate(({ store }) => store.status.storage)).toBe('ok')
    // Who opens it now has all of it.
    const other = await profile.context.newPage()
    await other.goto(labUrl)
    const look = (): Promise<unknown> => other.evaluate((it) => lab.growing.look(it), space)
    const whole = { storage: 'ok', isSound: true, drafts: DRAFTS + 1 }
    expect(await look()).toMatchObject(whole)

    const before = await attempts.evaluate(({ outcomes }) => outcomes.length)
    await devtools.send('Storage.overrideQuotaForOrigin', { origin })
    await attempts.evaluate((it, count) => it.until(count), before + 1)
    expect(await attempts.evaluate(({ outcomes }) => outcomes.at(-1))).toBe('done')
    await attempts.evaluate((it) => it.store.close())
    expect(await look()).toMatchObject(whole)
  } finally {
    await profile.remove()
  }
})

/** A few times what is worth compacting. */
const DRAFTS = 60
