import { expect, onTestFinished, test } from 'vitest'
import { deleteDatabase, indexedDb } from '../src/index.ts'
import { createDatabases } from '../src/reaching.ts'
import { type Surroundings, surroundingsHere } from '../src/surroundings.ts'
import { verifyDatabase } from '../src/care/index.ts'
import { freshName, versionsOf } from './names.ts'

const serverLost = (): DOMException =>
  new DOMException('Connection to Indexed Database server lost. Refresh the page to try again', 'UnknownError')

/** Until the test is over, what a realm asks of IndexedDB fails as in WebKit after the process behind it has ended. What it has open lives on. */
function loseServer({ IDBFactory: { prototype } }: Pick<typeof globalThis, 'IDBFactory'> = window): void {
  const { open, deleteDatabase: remove } = prototype
  prototype.open = prototype.deleteDatabase = () => {
    throw serverLost()
  }
  onTestFinished(() => {
    prototype.open = open
    prototype.deleteDatabase = remove
  })
}

/** The frames that were added to this page since. */
function watchFrames(): () => readonly HTMLIFrameElement[] {
  const before = new Set(document.querySelectorAll('iframe'))
  const added = (): readonly HTMLIFrameElement[] =>
    [...document.querySelectorAll('iframe')].filter((frame) => !before.has(frame))
  onTestFinished(() => added().forEach((frame) => frame.remove()))
  return added
}

const realmOf = (frame: HTMLIFrameElement): typeof globalThis => frame.contentWindow as Window & typeof globalThis

/** The surroundings of a page that has lost nothing yet. */
const freshPage = (): Surroundings =>
  Object.create(surroundingsHere, { databases: { value: createDatabases() } }) as Surroundings

async function entriesOf(name: string, surroundings: Surroundings): Promise<readonly Uint8Array[]> {
  const log = await indexedDb(name, surroundings).openLog('space')
  const entries: Uint8Array[] = []
  await log.read(0, (entry) => entries.push(entry))
  await log.close()
  return entries
}

test('[ID25] a page whose own way to its databases is lost reads and writes them through a hidden frame', async () => {
  const name = freshName()
  const added = watchFrames()
  const surroundings = freshPage()
  const before = await indexedDb(name, surroundings).openLog('space')
  const fence = await before.takeFence()
  await before.append(Uint8Array.of(1), { claim: 1 })
  await before.close()
  expect(added()).toEqual([])

  loseServer()
  const log = await indexedDb(name, surroundings).openLog('space')
  expect(added().map((frame) => frame.getClientRects().length)).toEqual([0])
  const read: unknown[] = []
  const bad: unknown[] = []
  const note = (entry: Uint8Array, _: number, claim?: number): unknown => read.push([entry, claim])
  await log.read(0, note, (...flaw) => bad.push(flaw))
  expect(await log.takeFence()).toBe(fence + 1)
  await log.append(Uint8Array.of(2), { claim: 2, fence: fence + 1 })
  await log.append(Uint8Array.of(3), { fence: fence + 1 })
  await expect(log.append(Uint8Array.of(4), { fence })).rejects.toMatchObject({ code: 'fenced' })
  await expect(log.append(Uint8Array.of(4), { claim: 2 })).rejects.toMatchObject({ code: 'claimed' })
  const entries = await entriesOf(name, surroundings)
  // Of this realm, so that whoever gets it knows what it is.
  expect(read).toEqual([[Uint8Array.of(1), 1]])
  expect(entries).toEqual([1, 2, 3].map((byte) => Uint8Array.of(byte)))
  expect(entries.every((entry) => entry instanceof Uint8Array && entry.buffer instanceof ArrayBuffer)).toBe(true)
  expect(bad).toEqual([])
  await log.close()
  await deleteDatabase(name, surroundings)
  expect(added().length).toBe(1)
})

test('[ID25] a database can be made, looked through and deleted there, and one that is not there is not made', async () => {
  const name = freshName()
  watchFrames()
  loseServer()
  const surroundings = freshPage()
  expect(await verifyDatabase(name, surroundings)).toMatchObject({ format: 0 })
  expect(await versionsOf(name)).toEqual([])
  const log = await indexedDb(name, surroundings).openLog('space')
  await log.append(Uint8Array.of(9, 9, 9, 9, 9))
  // What it cannot understand it can still tell.
  const { damaged } = await verifyDatabase(name, surroundings)
  expect(damaged).toMatchObject([{ from: 'entries', key: 1, space: 'space' }])
  const losses: unknown[] = []
  log.onLost((error) => losses.push(error))
  await deleteDatabase(name, surroundings)
  await expect(log.append(Uint8Array.of(1))).rejects.toMatchObject({ code: 'storage-evicted' })
  expect(losses).toMatchObject([{ code: 'storage-evicted' }])
  expect(await versionsOf(name)).toEqual([])
})

test('[ID25] a frame is used by all until it is lost in the same way, and two are kept at most', async () => {
  const names = [freshName(), freshName(), freshName()]
  const added = watchFrames()
  const surroundings = freshPage()
  loseServer()
  for (let round = 1; round <= 4; round++) {
    const logs = await Promise.all(names.map((name) => indexedDb(name, surroundings).openLog('space')))
    await Promise.all(logs.map((log) => log.append(Uint8Array.of(round))))
    expect(added().length).toBe(Math.min(2, round))
    for (const log of logs) await log.close()
    loseServer(realmOf(added().at(-1)!))
  }
  // And when somebody takes it out of the page.
  for (const frame of added()) frame.remove()
  for (const name of names) {
    expect(await entriesOf(name, surroundings)).toEqual([1, 2, 3, 4].map((byte) => Uint8Array.of(byte)))
  }
  for (const name of names) await deleteDatabase(name, surroundings)
  expect(added().length).toBe(1)
})

test('[ID25] what fails for another reason is not tried in a frame', async () => {
  const added = watchFrames()
  const { open } = IDBFactory.prototype
  IDBFactory.prototype.open = () => {
    throw new DOMException('Denied.', 'SecurityError')
  }
  onTestFinished(() => {
    IDBFactory.prototype.open = open
  })
  await expect(indexedDb(freshName(), freshPage()).openLog('space')).rejects.toMatchObject({ code: 'storage-failed' })
  expect(added()).toEqual([])
})

test('[ID25] where a page may have no frame it is told what the browser has said, and asks for none again', async () => {
  const { createElement } = document
  let asked = 0
  // As a policy does that forbids it: what the frame shows then is of another origin.
  document.createElement = ((...args: Parameters<typeof createElement>) => {
    asked += 1
    const frame = createElement.apply(document, args)
    frame.setAttribute('sandbox', '')
    return frame
  }) as typeof createElement
  onTestFinished(() => {
    document.createElement = createElement
  })
  const added = watchFrames()
  loseServer()
  const databases = createDatabases()
  for (let i = 0; i < 2; i++) {
    await expect(databases.delete(freshName(), () => undefined)).rejects.toMatchObject({
      name: 'UnknownError',
      message: expect.stringContaining('Refresh the page'),
    })
  }
  expect(asked).toBe(1)
  expect(added()).toEqual([])
})
