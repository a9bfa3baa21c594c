import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium } from '@playwright/test'
import { expect, openStoreAt, test } from './support/lab.ts'
import { socketOf } from './support/wire.ts'

const rounds = process.env.SYNCLINE_LONG === '1' ? 10 : 3
const promisedEach = 40

test('what was said to be durable survives the death of the browser, and reaches the others', async ({
  labUrl,
  space,
  relay,
  openLab,
  launchOptions,
}) => {
  const witness = await openLab()
  // A profile on disk: in an ordinary test context IndexedDB lives in memory.
  const profile = await mkdtemp(join(tmpdir(), 'syncline-profile-'))
  const promised: string[] = []
  let total = 0
  try {
    for (let round = 0; round <= rounds; round++) {
      const context = await chromium.launchPersistentContext(profile, launchOptions)
      const page = await context.newPage()
      await openStoreAt(page, labUrl, { space, relay: socketOf(relay.url) })
      const kept = await page.evaluate(() => ({ ids: lab.store.get(lab.cards), writes: lab.store.get(lab.writes) }))
      expect(promised.filter((id) => !kept.ids.includes(id))).toEqual([])
      expect(kept.writes).toBe(kept.ids.length)
      total = kept.ids.length
      if (round === rounds) {
        await page.evaluate(() => lab.store.synced())
        await context.close()
        break
      }
      const kill = await prepareKill(context)
      const durable = await page.evaluate(
        ({ prefix, least }) =>
          new Promise<readonly string[]>((resolve) => {
            const { durable: ids } = lab.keepWriting({
              prefix,
              unsynced: Infinity,
              // It goes on writing: the browser dies in the middle of it.
              onDurable: () => ids.length === least && resolve([...ids]),
            })
          }),
        { prefix: `round${round}-`, least: promisedEach },
      )
      await kill()
      promised.push(...durable)
    }
  } finally {
    await rm(profile, { recursive: true, force: true })
  }
  expect(promised).toHaveLength(rounds * promisedEach)

  await witness.page.evaluate((seq) => lab.until(() => lab.store.snapshot.basis.relaySeq === seq), total)
  const found = await witness.page.evaluate(() => ({
    ids: lab.store.get(lab.cards),
    writes: lab.store.get(lab.writes),
  }))
  expect(promised.filter((id) => !found.ids.includes(id))).toEqual([])
  expect(found.writes).toBe(total)
})

/** Prepares to end a browser without a word; its other processes go with it. */
async function prepareKill(context: BrowserContext): Promise<() => Promise<void>> {
  const devtools = await context.browser()!.newBrowserCDPSession()
  const { processInfo } = await devtools.send('SystemInfo.getProcessInfo')
  const browser = processInfo.find(({ type }) => type === 'browser')!
  const closed = new Promise((resolve) => context.once('close', resolve))
  return async () => {
    process.kill(browser.id, 'SIGKILL')
    await closed
  }
}
