import { createServer } from 'node:http'
import process from 'node:process'
import { chromium } from 'playwright'
import { build } from 'vite'

/** Builds a page as an app is built, from the sources of our packages, and serves it on a free port of the loopback. */
export async function servePage(folder) {
  const result = await build({
    root: folder,
    configFile: false,
    logLevel: 'error',
    resolve: { conditions: ['@syncline/source'] },
    define: { 'process.env.NODE_ENV': '"production"' },
    build: { write: false, minify: true, target: 'es2023', rolldownOptions: { input: `${folder}/page.html` } },
  })
  const files = new Map(
    result.output.map((file) => [`/${file.fileName}`, file.type === 'chunk' ? file.code : file.source]),
  )
  const server = createServer((request, response) => {
    const file = files.get(request.url)
    response.writeHead(file === undefined ? 404 : 200, {
      'content-type': request.url.endsWith('.js') ? 'text/javascript' : 'text/html',
      // A page that nobody else can look into gets a clock of 5 microseconds instead of 100.
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    })
    response.end(file)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}/page.html`,
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}

/** The browser that CHROMIUM_PATH names, or Playwright's own, with a way to collect garbage between samples. */
export async function openBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM_PATH,
    args: ['--disable-background-networking', '--no-first-run', '--js-flags=--expose-gc'],
  })
}
