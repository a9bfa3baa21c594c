/**
 * Makes the fixture of a version of the format: `node scripts/idb-fixture.mjs [checkout]` lets the code of a checkout (of this one, without) work in
 * real Chromium as `test/fixtures/work.ts` says, and writes what is in the database then into `test/fixtures/format-<version>.json`.
 *
 * Whoever raises the format runs it before, so that the tests go on opening what the version before has left.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright'
import { build } from 'vite'
import { chromiumArgs, findChromium } from './chromium.mjs'

const here = fileURLToPath(new URL('../packages/idb/', import.meta.url))
const checkout = resolve(process.argv[2] ?? join(here, '../..'))
const out = mkdtempSync(join(tmpdir(), 'syncline-fixture-'))

try {
  const code = await bundle()
  const page = `<!doctype html><script type="module">${code.replaceAll('</script', '<\\/script')}</script>`
  const server = createServer((_, response) => response.setHeader('content-type', 'text/html; charset=utf-8').end(page))
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
  const browser = await chromium.launch({ executablePath: findChromium(), args: chromiumArgs })
  try {
    const tab = await browser.newPage()
    tab.on('pageerror', (error) => console.error(error))
    await tab.goto(`http://127.0.0.1:${server.address().port}/`)
    await tab.waitForFunction('window.work')
    const fixture = await tab.evaluate(record)
    const file = join(here, `test/fixtures/format-${fixture.version}.json`)
    writeFileSync(file, `${JSON.stringify(fixture, null, 1)}\n`)
    console.log(`${file}: ${fixture.stores.map(({ name, records }) => `${records.length} ${name}`).join(', ')}`)
  } finally {
    await browser.close()
    server.close()
  }
} finally {
  rmSync(out, { recursive: true })
}

/** The page's code, of the checkout's sources. */
async function bundle() {
  const names = ['idb', 'merge', 'protocol', 'relay', 'stm', 'store']
  const alias = names.map((name) => ({
    find: new RegExp(`^@syncline/${name}$`),
    replacement: join(checkout, 'packages', name, 'src/index.ts'),
  }))
  // The relay of version 1 names its clients by what only Node has.
  const chance = join(out, 'chance.js')
  writeFileSync(chance, 'export const getRandomValues = (bytes) => crypto.getRandomValues(bytes)')
  alias.push({ find: /^node:crypto$/, replacement: chance })
  const result = await build({
    root: checkout,
    configFile: false,
    logLevel: 'error',
    resolve: { alias, conditions: ['@syncline/source', 'browser', 'module', 'production'] },
    build: {
      write: false,
      minify: false,
      lib: { entry: join(here, 'test/fixtures/work.ts'), formats: ['es'], fileName: 'work' },
    },
  })
  const { code } = [result].flat()[0].output[0]
  const buffer =
    'globalThis.Buffer = { from: (bytes) => ({ toString: () => [...bytes].map((byte) => byte.toString(16).padStart(2, 0)).join("") }) };'
  return buffer + code.replace(/export\s*\{([^}]*)\};?\s*$/, '') + '\n;window.work = work'
}

/** In the page: works, and reads all that is there then, by no code of ours. */
async function record() {
  const shown = await window.work('fixture')
  const resultOf = (request) =>
    new Promise((done, failed) => {
      request.onsuccess = () => done(request.result)
      request.onerror = () => failed(request.error)
    })
  const textOf = (value) => {
    if (value instanceof Uint8Array) return { bytes: btoa(String.fromCharCode(...value)) }
    if (Array.isArray(value) || typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, textOf(each)]))
  }
  const [{ name }] = await indexedDB.databases()
  const database = await resultOf(indexedDB.open(name))
  const transaction = database.transaction([...database.objectStoreNames])
  const stores = []
  for (const store of [...database.objectStoreNames].map((each) => transaction.objectStore(each))) {
    const [keys, values] = await Promise.all([resultOf(store.getAllKeys()), resultOf(store.getAll())])
    stores.push({
      name: store.name,
      keyPath: store.keyPath,
      autoIncrement: store.autoIncrement,
      indexes: [...store.indexNames]
        .map((each) => store.index(each))
        .map((index) => ({ name: index.name, keyPath: index.keyPath, unique: index.unique })),
      records: keys.map((key, i) => ({ key, value: textOf(values[i]) })),
    })
  }
  const { version } = database
  database.close()
  return { version, shown, stores }
}
