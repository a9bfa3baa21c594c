import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BoardPage, expect, test } from './fixtures.ts'
import { builtDemo, openRelay } from './support/relay.ts'

test('a new build waits until it is wanted, and never takes the files of an open page', async ({ context }) => {
  const folder = await mkdtemp(join(tmpdir(), 'syncline-update-'))
  const site = join(folder, 'site')
  await cp(builtDemo, site, { recursive: true })
  const relay = await openRelay(join(folder, 'data'), site)
  await relay.start()
  try {
    const board = new BoardPage(await context.newPage())
    await board.page.goto(`${relay.url}/?space=update`)
    await board.isOpen()
    await board.isKeptOnDevice()
    const [editor] = (await readdir(join(site, 'assets'))).filter((name) => name.startsWith('NoteEditor-'))

    await deployAnew(site)
    const answers = (url: string) => board.page.evaluate(async (it) => (await fetch(it, { cache: 'reload' })).ok, url)
    await board.page.evaluate(async () => (await navigator.serviceWorker.ready).update())
    const notice = board.page.getByText('A new version is ready.', { exact: true })
    await expect(notice).toBeVisible()
    expect((await context.request.get(`${relay.url}/assets/${editor}`)).ok()).toBe(false)
    expect(await answers(`/assets/${editor}`)).toBe(true)
    await board.addExample()
    await board.openCard('Write a note together')

    await board.page.getByRole('button', { name: 'Reload' }).click()
    await expect(board.page.locator('script[src*="-renewed"]')).toBeAttached()
    await expect(board.cards).toHaveCount(6)
    await board.openCard('Write a note together')
  } finally {
    await relay.stop()
    await rm(folder, { recursive: true, force: true })
  }
})

test('an editor that cannot be loaded says so and offers a reload', async ({ browser, relay, space }) => {
  const context = await browser.newContext({ serviceWorkers: 'block' })
  const board = new BoardPage(await context.newPage())
  await board.page.route('**/assets/NoteEditor-*', (route) => route.abort())
  await board.page.goto(`${relay.url}/?space=${space}`)
  await board.addExample()
  await board.card('Write a note together').getByRole('button', { name: 'Write a note together' }).click()
  await expect(board.panel.getByRole('alert')).toContainText('The editor could not be loaded')

  await board.page.unroute('**/assets/NoteEditor-*')
  await board.panel.getByRole('button', { name: 'Reload' }).click()
  await expect(board.panel).toBeHidden()
  await board.openCard('Write a note together')
  await context.close()
})

/** What a deployment of other code does to a folder: every hashed file has another name, and the old ones are gone. */
async function deployAnew(site: string): Promise<void> {
  const assets = join(site, 'assets')
  const renewed = new Map((await readdir(assets)).map((name) => [name, name.replace(/\.(\w+)$/, '-renewed.$1')]))
  expect(renewed.size).toBeGreaterThan(2)
  for (const [name, next] of renewed) await rename(join(assets, name), join(assets, next))
  const texts = [
    ...(await readdir(site)).map((name) => join(site, name)),
    ...[...renewed.values()].map((name) => join(assets, name)),
  ]
  for (const file of texts) {
    if (!/\.(html|js)$/.test(file)) continue
    let text = await readFile(file, 'utf8')
    for (const [name, next] of renewed) text = text.replaceAll(name, next)
    // The worker lists index.html by a hash of its content, which is another one now.
    if (file.endsWith('sw.js'))
      text = text.replace(/(url:"index\.html",revision:")[^"]+|(revision:")[^"]+(",url:"index\.html")/, '$1$2renewed$3')
    await writeFile(file, text)
  }
}
