import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { chromium } from 'playwright'
import { build } from 'vite'
import { environment, writeBaseline } from './baseline.mjs'
import { writeTables } from './tables.mjs'

/** Builds a page of a folder as an app is built, from the sources of our packages, and serves it on a free port of the loopback. */
export async function servePage(folder, page = 'page.html') {
  const result = await build({
    root: folder,
    configFile: false,
    logLevel: 'error',
    resolve: { conditions: ['@syncline/source'] },
    define: { 'process.env.NODE_ENV': '"production"' },
    build: { write: false, minify: true, target: 'es2023', rolldownOptions: { input: `${folder}/${page}` } },
  })
  const files = new Map(
    result.output.map((file) => [`/${file.fileName}`, file.type === 'chunk' ? file.code : file.source]),
  )
  const server = createServer((request, response) => {
    const file = files.get(request.url)
    response.writeHead(file === undefined ? 404 : 200, {
      'content-type': request.url.endsWith('.js') ? 'text/javascript' : 'text/html',
      // As apps are served: what has its content in its name is kept, and with it what the browser has compiled of it.
      ...(request.url.startsWith('/assets/') && { 'cache-control': 'public, max-age=31536000, immutable' }),
      // A page that nobody else can look into gets a clock of 5 microseconds instead of 100.
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    })
    response.end(file)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}/${page}`,
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}

const launch = () => ({
  executablePath: process.env.CHROMIUM_PATH,
  args: ['--disable-background-networking', '--no-first-run', '--js-flags=--expose-gc'],
})

/**
 * The browser that CHROMIUM_PATH names, or Playwright's own, with a way to collect garbage between samples. What its contexts store is in memory, as in a private window.
 */
export async function openBrowser() {
  return chromium.launch(launch())
}

/** Gives `work` a context whose profile is on the disk, as that of a person is, and throws the profile away. */
export async function inProfile(work) {
  const folder = await mkdtemp(join(tmpdir(), 'syncline-bench-'))
  try {
    const context = await chromium.launchPersistentContext(folder, launch())
    try {
      return await work(context)
    } finally {
      await context.close()
    }
  } finally {
    // A process of the browser may still be writing there.
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
}

/**
 * Answers a question that is measured in pages of Chromium. `measure` is given the browser, and how to serve a page of the folder for as long as it takes; what it finds is shown as tables, and
 * kept when that is asked for.
 */
export async function answer(folder, { keep, only, tablesOf }, measure) {
  const browser = await openBrowser()
  const pages = []
  try {
    const found = await measure(browser, async (name) => {
      const page = await servePage(folder, name)
      pages.push(page)
      return page.url
    })
    if (only === undefined) {
      Object.assign(found, {
        versions: peerVersions(folder),
        environment: environment({ chromium: browser.version() }),
      })
    }
    const tables = tablesOf(found)
    for (const table of Object.values(tables)) console.log(`\n${table}`)
    if (keep) {
      writeBaseline(folder, found)
      writeTables(join(folder, 'README.md'), tables)
    }
  } finally {
    await browser.close()
    for (const page of pages) await page.close()
  }
}

/** Does some work of a page, in a new tab of a context; or of a browser, in a profile of its own. Gives what it gives, or true. */
export async function inPage(of, url, work, argument) {
  const context = 'newContext' in of ? await of.newContext() : of
  const tab = await context.newPage()
  try {
    await tab.goto(url)
    return (await tab.evaluate(work, argument)) ?? true
  } finally {
    await (context === of ? tab : context).close()
  }
}

/** What keeps things in pages, beside us. */
const PEERS = ['yjs', 'y-indexeddb', 'tinybase', '@tanstack/db', 'dexie']

function peerVersions(folder) {
  return Object.fromEntries(
    PEERS.map((name) => {
      const file = join(folder, '..', 'node_modules', name, 'package.json')
      return [name, JSON.parse(readFileSync(file, 'utf8')).version]
    }),
  )
}
