import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import type { Grown } from './lab/growing.ts'
import { expect, test } from './support/lab.ts'
import { openProfile, type Profile } from './support/profile.ts'

const isLong = process.env.SYNCLINE_LONG === '1'

const KILLS = isLong ? 50 : 2
/** Checkpoints that the two tabs put into place before each kill, at least. */
const COMPACTIONS = 2
/** How long after the last of these the browser is killed: while the next one is made, or is on its way. */
const delaysMs = [0, 5, 20, 60]

type What = 'decided' | 'merged'

declare global {
  interface Window {
    /** Tells the test, without waiting for it. */
    told(words: string): void
  }
}

test('[ID22] [ST12] of what two tabs were promised nothing is lost, torn or doubled when their browser is killed while they compact', async ({
  labUrl,
  space,
  launchOptions,
}) => {
  if (isLong) test.setTimeout(1_200_000)
  const profile = await openProfile(launchOptions)
  const promised: Record<What, number>[] = [
    { decided: 0, merged: 0 },
    { decided: 0, merged: 0 },
  ]
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      await startTabs(profile, labUrl, space, promised)
      await new Promise((resolve) => setTimeout(resolve, delaysMs[kill % delaysMs.length]))
      await profile.kill()
      await profile.start()
      const page = await profile.context.newPage()
      await page.goto(labUrl)
      const found = await page.evaluate((it) => lab.growing.look(it), space)
      expect(found).toMatchObject({ storage: 'ok', isSound: true })
      expectKept(found, promised)
      await page.close()
    }
  } finally {
    await profile.remove()
  }
  for (const { decided, merged } of promised) expect(Math.min(decided, merged)).toBeGreaterThan(KILLS)
})

/** Opens two tabs that write until their end; resolves when they have compacted their log a few times. */
async function startTabs(
  profile: Profile,
  labUrl: string,
  space: string,
  promised: readonly Record<What, number>[],
): Promise<void> {
  const pages = [await profile.context.newPage(), await profile.context.newPage()]
  await new Promise<void>((resolve, reject) => {
    let compactions = 0
    async function start(page: Page, tab: 0 | 1): Promise<void> {
      await page.goto(labUrl)
      await listenTo(page, (words) => {
        if (words === 'compacted' && ++compactions === COMPACTIONS) resolve()
        const [what, number] = words.split(' ')
        if (what === 'decided' || what === 'merged') promised[tab]![what] = Number(number)
      })
      await page.evaluate(writeUntilTheEnd, { space, tab })
    }
    // The end cuts them off: then nobody hears of it.
    for (const tab of [0, 1] as const) start(pages[tab]!, tab).catch(reject)
  })
}

function expectKept({ tabs }: Grown, promised: readonly Record<What, number>[]): void {
  for (const [tab, found] of tabs.entries()) {
    for (const what of ['decided', 'merged'] as const) {
      // Each commit has written both.
      expect(found[what].last).toBe(found[what].count)
      expect(found[what].count).toBeGreaterThanOrEqual(promised[tab]![what])
    }
  }
}

async function listenTo(page: Page, hear: (words: string) => void): Promise<void> {
  const devtools = await page.context().newCDPSession(page)
  devtools.on('Runtime.bindingCalled', ({ name, payload }) => {
    if (name === 'told') hear(payload)
  })
  await devtools.send('Runtime.enable')
  await devtools.send('Runtime.addBinding', { name: 'told' })
}

/** Runs in the page. */
function writeUntilTheEnd({ space, tab }: { readonly space: string; readonly tab: 0 | 1 }): Promise<void> {
  return lab.growing.keepWriting({
    space,
    tab,
    onPromised: (what, number) => window.told(`${what} ${number}`),
    onCompacted: () => window.told('compacted'),
  })
}

const COMMITS = 100_000
/** 2,000 drafts of 500 bytes. */
const LIVE_BYTES = 1_000_000
/** What LevelDB keeps for itself: logs that are full, and tables that it has not yet thrown away. It does not grow with the commits. */
const SLACK_BYTES = 24_000_000
const SLACK_AFTER_RESTART_BYTES = 4_000_000

// Half a minute, which only the long run has.
if (isLong) {
  test('[ID22] after 100,000 commits the disk has at most three times what is there', async ({
    labUrl,
    space,
    launchOptions,
  }) => {
    test.setTimeout(600_000)
    const profile = await openProfile(launchOptions)
    try {
      const fill = async (from: number, count: number): Promise<void> => {
        const page = await profile.context.newPage()
        await page.goto(labUrl)
        const { sizeBytes } = await page.evaluate(([name, first, many]) => lab.growing.fill(name, first, many), [
          space,
          from,
          count,
        ] as const)
        expect(sizeBytes).toBeLessThan(3 * LIVE_BYTES)
        await page.close()
      }
      for (let from = 0; from < COMMITS; from += COMMITS / 5) {
        await fill(from, COMMITS / 5)
        expect(await bytesOf(profile.folder)).toBeLessThan(3 * LIVE_BYTES + SLACK_BYTES)
      }
      await profile.stop()
      await profile.start()
      await fill(0, 100)
      await profile.stop()
      expect(await bytesOf(profile.folder)).toBeLessThan(3 * LIVE_BYTES + SLACK_AFTER_RESTART_BYTES)
    } finally {
      await profile.remove()
    }
  })
}

/** How large the files are in which the browser keeps IndexedDB. */
async function bytesOf(folder: string): Promise<number> {
  const entries = await readdir(join(folder, 'Default', 'IndexedDB'), { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  // One may be gone meanwhile.
  const sizes = files.map(({ parentPath, name }) =>
    stat(join(parentPath, name)).then(
      ({ size }) => size,
      () => 0,
    ),
  )
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}
