import { open, readdir, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Page } from '@playwright/test'
import { expect, openStoreAt, test } from './support/lab.ts'
import { openProfile } from './support/profile.ts'
import { socketOf } from './support/wire.ts'

/** What may become of the files in which a browser keeps IndexedDB, while it does not run. */
const damages: Readonly<Record<string, (folder: string) => Promise<unknown>>> = {
  'the head of the log is overwritten': async (folder) => overwrite(await largest(folder, /\.log$/), () => 0),
  'the middle of the log is overwritten': async (folder) =>
    overwrite(await largest(folder, /\.log$/), (size) => size >> 1),
  'the list of its files is overwritten': async (folder) => overwrite(await largest(folder, /^MANIFEST/), () => 0),
  'all of it is deleted': (folder) => rm(folder, { recursive: true }),
}

const isLong = process.env.SYNCLINE_LONG === '1'
/** What is done in `npm test`: of what the browser notices when it opens its files, and of what is not there. */
const chosen = Object.entries(damages).filter((_, i) => isLong || i % 3 === 0)

/** As much as a block of a disk. */
const BLOCK_BYTES = 4096

async function overwrite(file: string, placeIn: (size: number) => number): Promise<void> {
  const { size } = await stat(file)
  const handle = await open(file, 'r+')
  await handle.write(Buffer.alloc(Math.min(BLOCK_BYTES, size), 0x5a), 0, Math.min(BLOCK_BYTES, size), placeIn(size))
  await handle.close()
}

async function largest(folder: string, named: RegExp): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = await Promise.all(
    entries
      .filter((entry) => entry.isFile() && named.test(basename(entry.name)))
      .map(async ({ parentPath, name }) => ({
        path: join(parentPath, name),
        size: (await stat(join(parentPath, name))).size,
      })),
  )
  const [first] = files.toSorted((a, b) => b.size - a.size)
  expect(first?.size).toBeGreaterThan(0)
  return first!.path
}

const COMMITS = 100

interface Shown {
  readonly storage: string
  readonly writes: number
  readonly ids: readonly string[]
}

const read = (page: Page): Promise<Shown> =>
  page.evaluate(() => ({
    storage: lab.store.status.storage,
    writes: lab.store.get(lab.writes),
    ids: lab.store.get(lab.cards),
  }))

for (const [damage, spoil] of chosen) {
  test(`[ID20] [SS1] of a profile in which ${damage} the browser keeps nothing: a tab says so once, and the relay brings all back`, async ({
    labUrl,
    space,
    relay,
    launchOptions,
  }) => {
    const options = { space, relay: socketOf(relay.url) }
    const profile = await openProfile(launchOptions)
    try {
      let page = await profile.context.newPage()
      await openStoreAt(page, labUrl, options)
      const before = await page.evaluate(async (count) => {
        const { store, cards, writes } = lab
        for (let i = 0; i < count; i++) {
          await store
            .transact((tx) => {
              tx.create(cards.at(`card ${i}`), { title: `Card ${i}` })
              tx.add(writes, 1)
            })
            .durable()
        }
        await store.synced()
        return { storage: store.status.storage, writes: store.get(writes), ids: store.get(cards) }
      }, COMMITS)
      expect(before).toMatchObject({ storage: 'ok', writes: COMMITS })
      await profile.stop()
      await spoil(join(profile.folder, 'Default', 'IndexedDB'))

      await profile.start()
      page = await profile.context.newPage()
      await openStoreAt(page, labUrl, options)
      await page.evaluate((count) => lab.until(() => lab.store.get(lab.writes) === count), COMMITS)
      expect(await read(page)).toEqual({ ...before, storage: 'evicted' })
      // It goes on, and has on its disk what it was told and what it does.
      await page.evaluate(async () => {
        await lab.store.transact((tx) => tx.add(lab.writes, 1)).durable()
        await lab.store.durable()
      })
      // Without the relay.
      await openStoreAt(page, labUrl, { space })
      expect(await read(page)).toEqual({ ...before, storage: 'ok', writes: COMMITS + 1 })
    } finally {
      await profile.remove()
    }
  })
}

/** What is longer than this Chromium keeps in a file of its own, beside what has all else. */
const LONG = 300_000

test('[ID17] [DM1] [CA5] [PR5] [IM17] where the disk has lost the files of long values all else is there, the relay brings them back, and nothing that takes data over is in the way', async ({
  labUrl,
  space,
  relay,
  launchOptions,
}) => {
  const options = { space, relay: socketOf(relay.url) }
  const profile = await openProfile(launchOptions)
  const titles = (page: Page): Promise<Record<string, number>> =>
    page.evaluate(() =>
      Object.fromEntries(lab.store.get(lab.cards).map((id) => [id, lab.store.get(lab.cards.at(id))!.title.length])),
    )
  const all = { before: 5, long: LONG, after: 5 }
  try {
    let page = await profile.context.newPage()
    await openStoreAt(page, labUrl, options)
    const { name, backup } = await page.evaluate(
      async (it) => {
        for (const [id, length] of Object.entries(it.all))
          await lab.store.transact((tx) => tx.create(lab.cards.at(id), { title: lab.textOf(length) })).durable()
        await lab.store.synced()
        const storage = `lab-${it.space}`
        await lab.moving.writeOld(`old-${it.space}`, it.all.long)
        return { name: storage, backup: await lab.moving.backup(storage) }
      },
      { all, space },
    )
    await profile.stop()
    const lost = await loseFiles(join(profile.folder, 'Default', 'IndexedDB'))
    expect(lost).toBeGreaterThanOrEqual(2)

    await profile.start()
    page = await profile.context.newPage()
    await openStoreAt(page, labUrl, { space })
    expect(await page.evaluate(() => lab.store.status.storage)).toBe('damaged')
    expect(await titles(page)).toEqual({ before: 5, after: 5 })

    await openStoreAt(page, labUrl, options)
    await page.evaluate(() => lab.until(() => lab.store.get(lab.cards.at('long')) !== undefined))
    await page.evaluate(() => lab.store.durable())
    expect(await titles(page)).toEqual(all)

    await page.goto(labUrl)
    const moved = await page.evaluate(
      async (it) => ({
        old: await lab.moving.importOld(`old-${it.space}`),
        again: await lab.moving.restore(it.name, it.backup),
        handed: await lab.moving.handOver(it.space, it.name),
      }),
      { space, name, backup },
    )
    expect(moved.old).toMatchObject({ text: 'before and after', imported: { records: 3, setAside: [{ record: 2 }] } })
    expect(moved.again).toMatchObject({ isWhole: true, damagedBytes: 0, spaces: [{ outcome: 'imported' }] })
    expect(moved.handed.unsynced).toMatchObject([{ space, pending: 1 }])
    // Without the relay, which has brought back what is here, and without what cannot be read.
    expect(await page.evaluate((it) => lab.moving.dropDamaged(it), name)).toBe(true)
    await openStoreAt(page, labUrl, { space })
    expect(await titles(page)).toEqual(all)
    const { writes, storage } = await read(page)
    expect({ writes, storage }).toEqual({ writes: 1, storage: 'ok' })
  } finally {
    await profile.remove()
  }
})

/** Removes all files that have one value each; returns how many there were. */
async function loseFiles(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile() && entry.parentPath.includes('.indexeddb.blob'))
  for (const { parentPath, name } of files) await rm(join(parentPath, name))
  return files.length
}
