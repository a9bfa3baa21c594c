import { lww } from '@syncline/merge'
import type { Store } from '@syncline/store'
import { expect, test } from 'vitest'
import { doc, openDoc, openText, text } from '../src/index.ts'
import type { TextDocument } from '../src/index.ts'
import { chanceFrom, createClashWorld, type Browser } from './clash-world.ts'

const seeds = process.env['SYNCLINE_LONG'] === '1' ? 600 : 10
const first = process.env['SYNCLINE_LONG'] === '1' ? Date.now() : 7100

/** What is written here stays: each thing once, at the beginning or at the end. */
const kept = text('kept')
/** Here anything is done and undone. */
const free = text('free')
const page = doc('page')
const title = lww('title', '')

type DocDocument = ReturnType<typeof openDoc>

interface Tab {
  store: Store
  opened: { readonly note: TextDocument; readonly page: DocDocument } | undefined
}

interface Run {
  readonly clashes: number
  readonly words: number
  readonly undos: number
}

async function run(seed: number): Promise<Run> {
  const next = chanceFrom(seed)
  const below = (count: number): number => Math.floor(next() * count)
  let clashes = 0
  const world = createClashWorld(seed, {
    log: {
      debug: () => undefined,
      warn: () => undefined,
      error: (_, message) => world.errors.push(message),
      info: (fields) => void ((fields as { code?: string }).code === 'writer-clash' && (clashes += 1)),
    },
  })
  function* clients(): Generator<number> {
    // Of presence and of the two policies, and then of those who have to take others: seldom again and again the wrong ones.
    for (let drawn = 0; ; drawn++) yield drawn < 3 || below(8) === 0 ? below(4) : Math.floor(next() * 2 ** 32)
  }
  const browsers: { readonly browser: Browser; readonly tabs: Tab[] }[] = []
  const open = async (browser: Browser): Promise<Tab> => ({
    store: await world.open(browser, clients()),
    opened: undefined,
  })
  for (let i = 3 + below(3); i > 0; i--) {
    const browser = world.browser()
    const tabs = [await open(browser)]
    if (below(3) === 0) tabs.push(await open(browser))
    browsers.push({ browser, tabs })
  }
  await world.pass(100)
  const words: string[] = []
  let undos = 0

  const steps: ((tab: Tab, browser: Browser) => Promise<void> | void)[] = [
    ({ store, opened }) => {
      const word = `<${words.length}>`
      words.push(word)
      const at = below(2) * store.get(kept).length
      if (opened !== undefined && below(2) === 0) {
        opened.note.text.insert(below(2) * opened.note.text.length, word)
      } else {
        store.transact((tx) => {
          tx.insert(kept, at, word)
          if (below(2) === 0) tx.set(title, word)
          if (below(3) === 0) tx.edit(page, ({ array }) => array.push([word]))
        })
      }
    },
    ({ store }) => {
      const { length } = store.get(free)
      if (length > 0 && below(3) === 0) {
        const at = below(length)
        store.transact((tx) => tx.remove(free, at, Math.min(length - at, 1 + below(3))))
      } else store.transact((tx) => tx.insert(free, below(length + 1), 'xyz'.slice(below(3))))
    },
    ({ store, opened }) => {
      const edit = ({ map, array }: Pick<DocDocument, 'map' | 'array'>): void => {
        const which = below(3)
        if (which === 0) map.set('abc'[below(3)]!, below(9))
        else if (which === 1 && array.length > 0) array.delete(below(array.length), 1)
        else array.insert(below(array.length + 1), [below(9)])
      }
      if (opened !== undefined && below(2) === 0) edit(opened.page)
      else store.transact((tx) => tx.edit(page, edit))
    },
    ({ store }) => {
      // The scope of what stays is another one. An undo needs to have met what it writes.
      store.get(free)
      const { change } = below(2) === 0 ? store.undoStack('free').undo() : store.undoStack('free').redo()
      if (change !== undefined) undos += 1
    },
    ({ store }) => {
      store.transact((tx) => tx.insert(free, 0, 'undo me'), { undo: { scope: 'free' } })
    },
    (tab) => {
      tab.opened?.note.close()
      tab.opened?.page.close()
      const { store } = tab
      tab.opened = tab.opened === undefined ? { note: openText(store, kept), page: openDoc(store, page) } : undefined
    },
    (_, { link }) => (below(2) === 0 ? link.cut() : link.mend()),
    () => world.pass(below(4) === 0 ? 5_000 : 20),
    async (tab, browser) => {
      if (below(3) > 0) return
      tab.opened = undefined
      await tab.store.close()
      Object.assign(tab, await open(browser))
    },
  ]
  const all = browsers.flatMap(({ browser, tabs }) => tabs.map((tab) => ({ browser, tab })))
  for (let i = 0; i < 60; i++) {
    const { browser, tab } = all[below(all.length)]!
    await steps[below(steps.length)]!(tab, browser)
  }
  for (const { browser } of browsers) browser.link.mend()
  const fresh = { browser: world.browser(), tab: { store: await world.open(world.browser()), opened: undefined } }
  for (const { tab } of [...all, fresh]) {
    tab.store.get(kept)
    tab.store.get(page)
  }
  await world.pass(120_000)

  const show = ({ tab: { store } }: { readonly tab: Tab }): unknown => [
    store.get(kept),
    store.get(free),
    store.get(page),
    store.get(title),
    store.status.pending,
    store.refused.list().map(({ code, message }) => `${code}: ${message}`),
    store.snapshot.basis.relaySeq,
  ]
  for (const one of all) expect(show(one)).toEqual(show(fresh))
  for (const { tab } of all) {
    if (tab.opened === undefined) continue
    expect(tab.opened.note.text.toString()).toBe(fresh.tab.store.get(kept))
    expect(tab.opened.page.array.toJSON()).toEqual(fresh.tab.store.get(page).array)
  }
  const found = [...fresh.tab.store.get(kept).matchAll(/<\d+>/g)].map(([word]) => word)
  expect(found.toSorted()).toEqual(words.toSorted())
  expect(fresh.tab.store.status).toMatchObject({ pending: 0, refused: 0 })
  // What a sibling has built on what was renamed waits until it is authored again too.
  const strange = world.errors.filter((error) => (error as { code?: string }).code !== 'update-incomplete')
  expect(strange).toEqual([])
  await world.close()
  return { clashes, words: words.length, undos }
}

test('[TE27] whoever draws the client ids of others, all end alike, and what was written is there once', async () => {
  const sum = { clashes: 0, words: 0, undos: 0 }
  for (let i = 0; i < seeds; i++) {
    const seed = first + i
    const made = await run(seed).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error })
    })
    for (const key of ['clashes', 'words', 'undos'] as const) sum[key] += made[key]
  }
  expect(sum.clashes).toBeGreaterThan(seeds * 2)
  expect(sum.words).toBeGreaterThan(seeds * 4)
  expect(sum.undos).toBeGreaterThan(seeds)
})
