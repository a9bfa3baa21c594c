/**
 * Makes a fixture of the present version of the format: `node scripts/idb-fixture.mjs` lets the code of this checkout work in real Chromium as
 * `packages/idb/test/fixtures/work.ts` says, and writes what is in the database then, and a backup of it, into `format-<version>-<number>.json` there. What stands there
 * already stays: it is what people have.
 *
 * Whoever raises the format runs it before, so that the tests go on opening what the version before has left; and whoever adds a kind of entry after.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { chromium } from 'playwright'
import { build } from 'vite'
import { chromiumArgs, findChromium } from './chromium.mjs'
import { at, root } from './paths.mjs'

const fixtures = at('packages/idb/test/fixtures')

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
  const file = nextFile(fixture.version)
  writeFileSync(file, `${JSON.stringify(fixture, null, 1)}\n`)
  console.log(`${file}: ${fixture.stores.map(({ name, records }) => `${records.length} ${name}`).join(', ')}`)
} finally {
  await browser.close()
  server.close()
}

function nextFile(version) {
  for (let number = 1; ; number++) {
    const file = `${fixtures}/format-${version}-${number}.json`
    if (!existsSync(file)) return file
  }
}

/** The page's code. */
async function bundle() {
  const result = await build({
    root,
    configFile: false,
    logLevel: 'error',
    resolve: { conditions: ['@syncline/source', 'browser', 'module', 'production'] },
    build: {
      write: false,
      minify: false,
      // One file, which is the page's.
      rolldownOptions: { output: { codeSplitting: false } },
      lib: { entry: `${fixtures}/work.ts`, formats: ['es'], fileName: 'work' },
    },
  })
  const { code } = [result].flat()[0].output[0]
  return code.replace(/export\s*\{([^}]*)\};?\s*$/, '') + '\n;window.work = work'
}

/** In the page: works, and reads all that is there then, by no code of ours. */
async function record() {
  const { shown, backup } = await window.work('fixture')
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
  const database = await resultOf(indexedDB.open('syncline:fixture'))
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
  return { version, shown, backup, stores }
}
