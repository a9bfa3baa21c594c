/**
 * Writes docs/screenshot.png: one board, two people, one note that both are in.
 *
 * `node scripts/screenshot.mjs`, after `npm start` or `npm test` has installed everything.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { chromium } from 'playwright'
import { buildDemo, buildRelay } from './build.mjs'
import { start, stop } from './children.mjs'
import { chromiumArgs, findChromium } from './chromium.mjs'
import { at } from './paths.mjs'

const file = at('docs', 'screenshot.png')
const noteOfTheTrip = `# Lisbon, three days

The train leaves at **9:05**. Ben has the tickets.

## To bring
- rain jackets, it is *March*
- the good camera
- adapters for the sockets
`

for (const { code, output } of [await buildRelay(), await buildDemo()]) if (code !== 0) throw new Error(output)
const dataFolder = mkdtempSync(join(tmpdir(), 'syncline-screenshot-'))
const relay = start(
  process.execPath,
  [at('apps/relay/dist/main.js'), '--port', '0', '--data', dataFolder, '--static', at('demo/dist')],
  { stdio: ['ignore', 'pipe', 'inherit'] },
)
const browser = await chromium.launch({ executablePath: findChromium(), args: chromiumArgs })
try {
  const url = await urlOf(relay)
  const ada = await enter(url, { id: 'ada', name: 'Ada', color: '#5b50c8' })
  const ben = await enter(url, { id: 'ben', name: 'Ben Okri', color: '#00796b' })
  const cleo = await enter(url, { id: 'cleo', name: 'Cleo', color: '#b4375f' })

  await ada.evaluate(fillBoard, noteOfTheTrip)
  for (const page of [ben, cleo]) await page.getByRole('button', { name: 'Pack for Lisbon' }).waitFor()
  await cleo.getByRole('button', { name: 'Choose a name for the boat' }).click()
  await ben.getByRole('button', { name: 'Pack for Lisbon' }).click()
  await ben.locator('.cm-content').press('Control+End')
  await ben.keyboard.type('and something to read on the way')
  await ada.getByRole('button', { name: 'Pack for Lisbon' }).click()
  await ada.locator('.cm-ySelectionInfo').waitFor()
  await ada.getByText('something to read on the way').waitFor()
  await ada.locator('[data-testid=saving][data-saved=relay][data-link=online]').waitFor()
  await ada.mouse.move(0, 0)

  mkdirSync(dirname(file), { recursive: true })
  await ada.screenshot({ path: file, animations: 'disabled' })
  console.log(`Wrote ${file}`)
} finally {
  await browser.close()
  await stop(relay.child)
  rmSync(dataFolder, { recursive: true, force: true })
}

/** The first URL that the relay prints. */
function urlOf({ child, end }) {
  return new Promise((resolve, reject) => {
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
      const [url] = output.match(/http:\/\/\S+/) ?? []
      if (url) resolve(url)
    })
    void end.then(({ code }) => reject(new Error(`The relay ended with ${code} before it was ready.\n${output}`)))
  })
}

/** A person: a browser context of their own, with a name, on the board. */
async function enter(url, person) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: 'light' })
  await context.addInitScript((json) => localStorage.setItem('syncline-demo:person', json), JSON.stringify(person))
  const page = await context.newPage()
  await page.goto(`${url}/?space=Spring`)
  await page.getByTestId('saving').waitFor()
  return page
}

/** Runs in the page. */
function fillBoard(trip) {
  const { store, columns, cards, allColumns, note, description } = window.syncline
  const board = [
    {
      title: 'Ideas',
      names: ['A bench for the garden', 'Choose a name for the boat', 'Learn the new dance', 'Visit Aunt Rosa'],
    },
    {
      title: 'This week',
      names: ['Pack for Lisbon', 'Return the library books', 'Call the carpenter about the window'],
    },
    { title: 'Done', names: ['Renew the passports', 'Book the train', 'Paint the fence'] },
  ]
  store.transact((tx) => {
    for (const { title, names } of board) {
      tx.create(columns.at(title), { title })
      tx.move(columns.at(title), allColumns)
      for (const [index, name] of names.entries()) {
        const id = `${title}-${index}`
        tx.create(cards.at(id), { title: name, done: title === 'Done' })
        tx.move(cards.at(id), cards.list(title))
        if (name !== 'Pack for Lisbon') continue
        tx.set(note(id), trip)
        tx.set(description(id), 'Friday to Sunday. The cat stays with Aunt Rosa.\n')
      }
    }
    tx.add(cards.at('Ideas-0'), 3, 'votes')
    tx.add(cards.at('Ideas-3'), 1, 'votes')
    tx.add(cards.at('This week-0'), 2, 'votes')
  })
}
