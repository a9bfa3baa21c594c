import { readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, relative } from 'node:path'
import type { Browser, BrowserContext, Page } from '@playwright/test'
import { test as withBoard } from '../fixtures.ts'
import type { LabOptions } from '../lab/main.ts'
import { builtLab } from './build-lab.ts'
import { layWire, type Wire, type WireOptions } from './wire.ts'

/** One page with a store, and how it is connected. */
export interface LabPage {
  readonly page: Page
  readonly context: BrowserContext
  readonly wire: Wire
  /** Loads the page again and opens the same store. */
  reload(): Promise<void>
}

export interface LabPageOptions extends WireOptions {
  /** Whose browser; a fresh one otherwise. */
  readonly context?: BrowserContext
  readonly space?: string
}

/**
 * Playwright's `test` with
 * - `labUrl`: where the page of `e2e/lab` is, built from the sources before the tests and served by itself: it is there when the relay is not;
 * - `openLab(options)`: a page of it with an open store, behind a wire of its own.
 */
export const test = withBoard.extend<{ openLab: (options?: LabPageOptions) => Promise<LabPage> }, { labUrl: string }>({
  labUrl: [
    // Playwright reads the fixtures from the pattern; this one needs none.
    // oxlint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const files = await readLab()
      const server = createServer((request, response) => {
        const path = new URL(request.url ?? '/', 'http://localhost').pathname
        const content = files.get(path === '/' ? '/index.html' : path)
        if (content === undefined) response.writeHead(404).end()
        else response.writeHead(200, { 'content-type': contentTypes[extname(path)] ?? 'text/html' }).end(content)
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as AddressInfo // listening on TCP, so neither null nor a path
      await use(`http://localhost:${port}`)
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
    { scope: 'worker' },
  ],

  openLab: async ({ browser, relay, labUrl, space: ownSpace }, use) => {
    const contexts: BrowserContext[] = []
    const wires: Wire[] = []
    await use(async ({ context: shared, space = ownSpace, ...options } = {}) => {
      const context = shared ?? (await newContext(browser, contexts))
      const wire = await layWire(relay.url, options)
      wires.push(wire)
      const page = await context.newPage()
      const reload = () => openStoreAt(page, labUrl, { space, relay: wire.url })
      await reload()
      return { page, context, wire, reload }
    })
    await Promise.all(contexts.map((context) => context.close()))
    await Promise.all(wires.map((wire) => wire.close()))
  },
})

export { expect } from '@playwright/test'

/** Loads the lab in a page and opens a store there. */
export async function openStoreAt(page: Page, labUrl: string, options: LabOptions): Promise<void> {
  await page.goto(labUrl)
  await page.evaluate((it) => lab.open(it), options)
}

async function newContext(browser: Browser, opened: BrowserContext[]): Promise<BrowserContext> {
  const context = await browser.newContext()
  opened.push(context)
  return context
}

const contentTypes: { readonly [extension: string]: string } = { '.js': 'text/javascript', '.html': 'text/html' }

/** The files of the built page by their paths. */
async function readLab(): Promise<ReadonlyMap<string, Uint8Array>> {
  const entries = await readdir(builtLab, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
  return new Map(
    await Promise.all(
      paths.map(async (path) => [`/${relative(builtLab, path).replaceAll('\\', '/')}`, await readFile(path)] as const),
    ),
  )
}
