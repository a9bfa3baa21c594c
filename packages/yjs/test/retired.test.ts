import { lww } from '@syncline/merge'
import { decodeEntry } from '@syncline/protocol'
import { memoryStorage } from '@syncline/store'
import type { Storage, Store } from '@syncline/store'
import { afterEach, expect, test } from 'vitest'
import * as Y from 'yjs'
import { cutText } from '../src/generation-cut.ts'
import { encodeDropped, encodeRetirement } from '../src/generation-format.ts'
import { conflictCopies, dropConflictCopy, exportUpdate, importUpdate } from '../src/index.ts'
import { openText, retireGenerations, startGeneration, text, watchConflictCopies } from '../src/index.ts'
import type { ConflictCopy } from '../src/index.ts'
import { createClashWorld, mortalStorage } from './clash-world.ts'
import type { Browser, ClashWorld } from './clash-world.ts'
import { insert, remove, Site } from './world.ts'

const note = text('note')
const DAY_MS = 24 * 60 * 60 * 1000
const worlds: ClashWorld[] = []

function createWorld(seed: number): ClashWorld {
  const world = createClashWorld(seed)
  worlds.push(world)
  return world
}

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})

/** What is left of what was reported. */
const others = ({ errors }: ClashWorld): unknown[] =>
  errors.filter((error) => (error as { code?: unknown }).code !== 'conflict-copy')

/** A storage that is compacted soon. */
function soonCompacted(storage: Storage): Storage {
  return { ...storage, openLog: async (space) => ({ ...(await storage.openLog(space)), worthBytes: 1_000 }) }
}

/** How many bytes a log has, and how many of them its checkpoint has of texts. */
async function bytesIn(storage: Storage): Promise<{ readonly all: number; readonly texts: number }> {
  const log = await storage.openLog('notes')
  let [all, texts] = [0, 0]
  await log.read(0, (bytes) => {
    all += bytes.length
    const entry = decodeEntry(bytes)
    if (entry.kind === 'cells' && entry.cells.some(({ tag }) => tag === 'text')) texts += bytes.length
  })
  await log.close()
  return { all, texts }
}

/** Types and erases, one edit a Change, of which nothing is to be undone. */
function edit(store: Store, times: number): void {
  for (let i = 0; i < times; i++) {
    const { length } = store.get(note)
    store.transact(
      (tx) => {
        if (i % 3 === 2) tx.remove(note, (i * 7) % length, 1)
        else tx.insert(note, (i * 31) % (length + 1), 'abcdefgh'[i % 8]!)
      },
      { undo: false },
    )
  }
}

/** Two people, of whom one begins a generation while the other writes apart from that, and comes back after some days. */
async function comeBackAfter(days: number): Promise<{
  readonly world: ClashWorld
  readonly right: Browser
  readonly a: Store
  readonly b: Store
  readonly opened: ReturnType<typeof openText>
  readonly told: readonly (readonly ConflictCopy[])[]
  readonly isRetired: boolean
}> {
  const world = createWorld(days)
  const [left, right] = [world.browser(), world.browser()]
  const [a, b] = [await world.open(left), await world.open(right)]
  a.transact((tx) => tx.insert(note, 0, 'one two three four'))
  a.transact((tx) => tx.remove(note, 4, 4))
  await world.pass(1000)
  right.link.cut()
  await world.pass(10)
  const opened = openText(b, note)
  opened.text.insert(3, ' late')
  opened.text.delete(0, 2)
  await world.pass(1000)
  b.transact((tx) => tx.insert(note, b.get(note).length, ' later'))
  startGeneration(a, note)
  a.transact((tx) => tx.insert(note, 0, 'new '))
  await world.pass(1000)
  world.sleep(days * DAY_MS)
  await world.pass(60_000)
  const told: (readonly ConflictCopy[])[] = []
  watchConflictCopies(a, note, (copies) => told.push(copies))
  const { change } = retireGenerations(a, note)
  await world.pass(1000)
  expect(retireGenerations(a, note).change).toBeUndefined()
  right.link.mend()
  await world.pass(120_000)
  return { world, right, a, b, opened, told, isRetired: change !== undefined }
}

test('[TE36] who comes back after 89 days finds their edits in the text, as everybody does', async () => {
  const { world, a, b, opened, told, isRetired } = await comeBackAfter(89)
  const expected = 'new e late three four later'
  expect([a.get(note), b.get(note), opened.text.toString()]).toEqual([expected, expected, expected])
  expect([isRetired, conflictCopies(a, note), told, world.errors]).toEqual([false, [], [], []])
})

test('[TE36] [TE37] who comes back after 91 days finds their edits in a conflict copy, as everybody does', async () => {
  const { world, right, a, b, opened, told, isRetired } = await comeBackAfter(91)
  const expected = 'new one three four'
  expect([isRetired, a.get(note), b.get(note), opened.text.toString()]).toEqual([true, expected, expected, expected])
  const copies = conflictCopies(a, note)
  expect(copies).toMatchObject([{ inserted: [' late', ' later'], deleted: 2 }])
  expect([conflictCopies(b, note), told]).toEqual([copies, [copies]])
  // Each store has told of each update.
  expect([world.errors.length, others(world)]).toEqual([4, []])
  // Taking back what is not in the text changes nothing; the open document goes on.
  expect([b.undo().superseded.length, b.get(note)]).toEqual([1, expected])
  opened.text.insert(0, 'on ')
  await world.pass(1000)
  expect([a.get(note), b.get(note)]).toEqual([`on ${expected}`, `on ${expected}`])
  opened.close()
  await b.close()
  const [again, fresh] = [await world.open(right), await world.open(world.browser())]
  await world.pass(60_000)
  for (const one of [again, fresh])
    expect([one.get(note), conflictCopies(one, note)]).toEqual([`on ${expected}`, copies])
  again.transact((tx) => tx.insert(note, again.get(note).length, copies[0]!.inserted.join('')))
  dropConflictCopy(again, note, copies[0]!)
  await world.pass(1000)
  const latest = await world.open(world.browser())
  await world.pass(60_000)
  for (const one of [a, again, fresh, latest])
    expect([one.get(note), conflictCopies(one, note)]).toEqual([`on ${expected} late later`, []])
  expect(told.at(-1)).toEqual([])
  expect([dropConflictCopy(a, note, copies[0]!).change, others(world)]).toEqual([undefined, []])
})

test('[TE36] retention is what the cut says, in the order of the relay, and nothing is retired before all is there', async () => {
  const world = createWorld(3)
  const browser = world.browser()
  const store = await world.open(browser)
  edit(store, 60)
  await world.pass(1000)
  expect(() => startGeneration(store, note, { retentionMs: -1 })).toThrow('retentionMs')
  startGeneration(store, note, { retentionMs: Infinity })
  await world.pass(1000)
  world.sleep(10_000 * DAY_MS)
  await world.pass(60_000)
  expect(retireGenerations(store, note).change).toBeUndefined()
  const short = text('short')
  for (let i = 0; i < 20; i++) store.transact((tx) => tx.insert(short, 0, `${i}`))
  await world.pass(1000)
  startGeneration(store, short, { retentionMs: 5000 })
  await world.pass(6000)
  browser.link.cut()
  await world.pass(10)
  store.transact((tx) => tx.insert(note, 0, 'pending'))
  expect(retireGenerations(store, short).change).toBeUndefined()
  browser.link.mend()
  await world.pass(60_000)
  expect(retireGenerations(store, short).change).toBeDefined()
})

test('[TE38] the log of a text shrinks when what was before its cut is retired', async () => {
  const world = createWorld(4)
  const storage = soonCompacted(memoryStorage())
  const store = await world.open(world.browser(storage))
  edit(store, 1500)
  await world.pass(5000)
  startGeneration(store, note)
  await world.pass(5000)
  const filler = lww('filler', '')
  // What is compacted is what has been there for long enough to be worth it.
  const compact = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) store.transact((tx) => tx.set(filler, `${i}`.repeat(5_000)), { undo: false })
    store.transact((tx) => tx.set(filler, ''), { undo: false })
    await world.pass(5000)
  }
  await compact()
  const retained = await bytesIn(storage)
  world.sleep(91 * DAY_MS)
  await world.pass(60_000)
  const shown = store.get(note)
  expect(retireGenerations(store, note).change).toBeDefined()
  await world.pass(5000)
  await compact()
  const retired = await bytesIn(storage)
  expect(store.get(note)).toBe(shown)
  expect(retired.all).toBeLessThan(retained.all / 10)
  // Of 500 characters.
  expect([retained.texts, retired.texts]).toEqual([20_685, 586])
  await store.close()
  const again = await world.open(world.browser(storage))
  await world.pass(60_000)
  expect([again.get(note), world.errors]).toEqual([shown, []])
  await again.close()
})

test('[ST44] [TE36] a tab that reads no text keeps what others have written in the order of the relay, and so does a checkpoint that it makes', async () => {
  const world = createWorld(5)
  const title = lww('title', '')
  const storage = soonCompacted(memoryStorage())
  const [left, right] = [world.browser(), world.browser(storage)]
  const [a, b] = [await world.open(left), await world.open(right)]
  edit(a, 60)
  await world.pass(1000)
  right.link.cut()
  await world.pass(10)
  b.transact((tx) => tx.insert(note, 5, 'late'))
  await b.durable()
  await b.close()
  startGeneration(a, note)
  await world.pass(1000)
  world.sleep(91 * DAY_MS)
  await world.pass(60_000)
  retireGenerations(a, note)
  await world.pass(1000)
  const shown = a.get(note)
  const blind = await world.open(right)
  right.link.mend()
  await world.pass(120_000)
  const copies = conflictCopies(a, note)
  expect(copies).toMatchObject([{ inserted: ['late'] }])
  for (let i = 0; i < 20; i++) blind.transact((tx) => tx.set(title, `${i}`.repeat(5_000)), { undo: false })
  blind.transact((tx) => tx.set(title, ''), { undo: false })
  await world.pass(5000)
  expect((await bytesIn(storage)).texts).toBeGreaterThan(0)
  expect([blind.get(note), conflictCopies(blind, note)]).toEqual([shown, copies])
  await blind.close()
  const again = await world.open(right)
  await world.pass(60_000)
  expect([again.get(note), conflictCopies(again, note), others(world)]).toEqual([shown, copies, []])
})

test('[TE36] [TE37] wherever a tab dies that retires, all come to the same, and nothing of the late edits is lost', async () => {
  for (const isStored of [true, false]) {
    for (let append = 1; append <= 3; append++) {
      const world = createClashWorld(append)
      const mortal = mortalStorage(soonCompacted(memoryStorage()))
      const [left, right] = [world.browser(soonCompacted(memoryStorage())), world.browser()]
      const dying = await world.open({ storage: mortal.storage, link: left.link })
      const late = await world.open(right)
      edit(dying, 60)
      await world.pass(1000)
      right.link.cut()
      await world.pass(10)
      late.transact((tx) => tx.insert(note, 5, 'late'))
      startGeneration(dying, note)
      await world.pass(1000)
      const shown = dying.get(note)
      world.sleep(91 * DAY_MS)
      await world.pass(60_000)
      mortal.dieAt(mortal.appends + append, isStored)
      retireGenerations(dying, note)
      await world.pass(30_000)
      const other = await world.open(world.browser())
      await world.pass(60_000)
      // Where it died before anybody knew, somebody else does it.
      retireGenerations(other, note)
      await world.pass(1000)
      right.link.mend()
      await world.pass(120_000)
      for (const one of [other, late]) {
        expect([one.get(note), conflictCopies(one, note).map(({ inserted }) => inserted)]).toEqual([shown, [['late']]])
      }
      expect(others(world)).toEqual([])
      if (!mortal.isDead) break
    }
  }
})

test('[TE32] [TE36] what comes from a document elsewhere that holds a retired generation is a conflict copy, and an export replaces it', async () => {
  const world = createWorld(6)
  const store = await world.open(world.browser())
  edit(store, 60)
  const plain = new Y.Doc()
  Y.applyUpdate(plain, exportUpdate(store, note))
  await world.pass(1000)
  startGeneration(store, note)
  await world.pass(1000)
  world.sleep(91 * DAY_MS)
  await world.pass(60_000)
  retireGenerations(store, note)
  await world.pass(1000)
  const shown = store.get(note)
  const late = new Y.Doc()
  Y.applyUpdate(late, Y.encodeStateAsUpdate(plain))
  Y.applyUpdate(plain, exportUpdate(store, note))
  expect(plain.getText('text').toString()).toBe(shown)
  late.getText('text').insert(3, 'late')
  store.transact((tx) => importUpdate(tx, note, Y.encodeStateAsUpdate(late)))
  await world.pass(1000)
  expect([store.get(note), conflictCopies(store, note)]).toMatchObject([shown, [{ inserted: ['late'] }]])
  const fresh = await world.open(world.browser())
  await world.pass(60_000)
  expect([fresh.get(note), conflictCopies(fresh, note)]).toEqual([shown, conflictCopies(store, note)])
  expect(others(world)).toEqual([])
})

test('[TE33] [TE36] a retirement that comes too early retires nothing, and whatever one says, nothing throws', () => {
  const site = new Site()
  site.transact(note, insert(0, 'some text'), remove(1, 3))
  const late = new Site(1)
  for (const { payload } of site.sent) late.commit(note.address, payload)
  late.transact(note, insert(0, 'late '))
  const { doc } = site.open(note)
  site.commit(note.address, cutText(doc, { client: 77, base: undefined, at: 5_000, retentionMs: 10 })!)
  site.commit(note.address, encodeRetirement(14_999))
  site.commit(note.address, late.sent.at(-1)!.payload)
  expect([site.read(note), site.replayed(note)]).toEqual(['late s text', 'late s text'])
  for (const payload of [encodeRetirement(15_000), encodeDropped({ writer: 'nobody', at: 5 })]) {
    for (let i = 5; i < payload.length; i++) {
      for (const byte of [0, 1, 2, 3, 4, 5, 6, 0x7f, 0xff]) {
        const bytes = payload.slice()
        bytes[i] = byte
        site.commit(note.address, bytes)
        site.commit(note.address, payload.slice(0, i))
        expect([site.read(note), site.replayed(note)]).toEqual(['late s text', 'late s text'])
      }
    }
  }
  for (let work = site.laters.shift(); work !== undefined; work = site.laters.shift()) work()
  expect([site.read(note), site.replayed(note)]).toEqual(['late s text', 'late s text'])
})
