import type { BrowserContext, Page } from '@playwright/test'
import type { Editors } from './lab/editors.ts'
import { expect, test } from './support/lab.ts'

const shown = (page: Page): Promise<ReturnType<Editors['shown']>> => page.evaluate(() => lab.editors.shown())

/** Types where the text of an editor ends, as a person does. */
async function type(page: Page, editor: keyof ReturnType<Editors['shown']>, text: string): Promise<void> {
  await page.locator(`#${editor} [contenteditable=true]`).click()
  await page.keyboard.press('Control+End')
  await page.keyboard.type(text)
}

test('[YP1] editors that other people have bound share refs with our clients, through a cut and a relay that is killed', async ({
  browser,
  relay,
  relayProxy,
  labUrl,
  space,
}) => {
  const contexts: BrowserContext[] = []
  const enter = async (name: string, url: string): Promise<Page> => {
    const context = await browser.newContext()
    contexts.push(context)
    const page = await context.newPage()
    await page.goto(labUrl)
    await page.evaluate(
      async ([address, ours, who]) => {
        await lab.open({ space: ours!, relay: `${address}/sync` })
        await lab.openEditors(address!, ours!, who!)
      },
      [url.replace('http', 'ws'), space, name],
    )
    await expect.poll(() => page.evaluate(() => lab.editors.synced())).toBe(true)
    return page
  }
  const [ann, bob] = [await enter('Ann', relayProxy.url), await enter('Bob', relay.url)]

  await type(ann, 'codemirror', 'code')
  await type(ann, 'prosemirror', 'nodes')
  await type(bob, 'tiptap', 'letter')
  const begun = { codemirror: 'code', prosemirror: 'nodes', tiptap: 'letter' }
  for (const page of [ann, bob]) await expect.poll(() => shown(page)).toEqual(begun)
  // One of our own clients has the same ref, and writes it.
  await ann.evaluate(() => lab.until(() => lab.store.get(lab.note) === 'code'))
  await ann.evaluate(() => lab.store.transact((tx) => tx.insert(lab.note, 0, 'our ')).synced())
  await expect.poll(async () => (await shown(bob)).codemirror).toBe('our code')
  const seen = (page: Page): Promise<readonly number[]> => page.evaluate(() => lab.editors.people())
  for (const page of [ann, bob]) await expect.poll(() => seen(page)).toEqual([2, 2, 2])

  relayProxy.cut()
  await expect.poll(() => seen(bob)).toEqual([1, 1, 1])
  await type(ann, 'codemirror', ', offline')
  await type(ann, 'tiptap', ' and more')
  await type(bob, 'prosemirror', ' and marks')
  relayProxy.mend()
  const merged = { codemirror: 'our code, offline', prosemirror: 'nodes and marks', tiptap: 'letter and more' }
  for (const page of [ann, bob]) await expect.poll(() => shown(page)).toEqual(merged)
  await expect.poll(() => seen(bob)).toEqual([2, 2, 2])

  await relay.stop('SIGKILL')
  await type(ann, 'prosemirror', '!')
  await relay.start()
  for (const page of [ann, bob]) await expect.poll(async () => (await shown(page)).prosemirror).toBe('nodes and marks!')
  const cat = await enter('Cat', relay.url)
  expect(await shown(cat)).toEqual({ ...merged, prosemirror: 'nodes and marks!' })
  await Promise.all(contexts.map((context) => context.close()))
})
