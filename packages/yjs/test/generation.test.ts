import { memoryStorage, openStore } from '@syncline/store'
import type { Store } from '@syncline/store'
import { afterEach, expect, test } from 'vitest'
import * as Y from 'yjs'
import { cutText } from '../src/generation-cut.ts'
import { encodeKept, isMarked, RETENTION_MS } from '../src/generation-format.ts'
import { exportStateVector, exportUpdate, importUpdate, measureGeneration } from '../src/index.ts'
import { doc, openText, startGeneration, text } from '../src/index.ts'
import { plainText } from '../src/plain-text.ts'
import { textPolicy } from '../src/policy.ts'
import { chanceFrom, createClashWorld } from './clash-world.ts'
import { readTrace } from './trace.ts'
import { insert, remove, Site, stamp } from './world.ts'

const note = text('note')
const stores: Store[] = []
const errors: unknown[] = []

async function open(options: Partial<Parameters<typeof openStore>[0]> = {}): Promise<Store> {
  const store = await openStore({ space: 'notes', onError: (error) => void errors.push(error), ...options })
  stores.push(store)
  return store
}

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
  if (errors.length > 0) throw new AggregateError(errors.splice(0), 'errors were reported')
})

/** Types and erases, one edit a Change. */
function edit(store: Store, times: number): void {
  for (let i = 0; i < times; i++) {
    const { length } = store.get(note)
    if (i % 3 === 2) store.transact((tx) => tx.remove(note, (i * 7) % length, 1))
    else store.transact((tx) => tx.insert(note, (i * 31) % (length + 1), 'abcdefgh'[i % 8]!))
  }
}

test('[TE30] a text begins a new life, reads as before, and is written on, also after a reload', async () => {
  const storage = memoryStorage()
  const store = await open({ storage })
  const opened = openText(store, note)
  edit(store, 300)
  const before = store.get(note)
  let resets = 0
  opened.onReset(() => resets++)
  const { parts } = measureGeneration(store, note)
  expect(parts.now).toBeGreaterThan(10 * parts.after)
  await startGeneration(store, note).durable()
  expect([store.get(note), opened.text.toString(), resets]).toEqual([before, before, 1])
  expect(measureGeneration(store, note).parts.now).toBe(parts.after)
  opened.text.insert(0, 'typed ')
  await Promise.resolve()
  await store.transact((tx) => tx.insert(note, 0, 'written ')).durable()
  expect(store.get(note)).toBe(`written typed ${before}`)
  await store.close()
  const again = await open({ storage })
  expect(again.get(note)).toBe(`written typed ${before}`)
})

test('[TE31] who edits offline, and who begins a life at the same time under the same client, meet in one life', async () => {
  for (const isLeftFirst of [true, false]) {
    const world = createClashWorld(3)
    const [left, right] = [world.browser(), world.browser()]
    // Both draw the clients 7 for what is to come.
    const [a, b] = [await world.open(left, [1, 2, 3, 7, 7, 7]), await world.open(right, [4, 5, 6, 7, 7, 7])]
    edit(a, 60)
    await world.pass(1000)
    expect(b.get(note)).toBe(a.get(note))
    for (const { link } of [left, right]) link.cut()
    await world.pass(10)
    const [one, two] = [openText(a, note), openText(b, note)]
    one.text.insert(5, 'before')
    startGeneration(a, note)
    one.text.insert(5, 'LEFT ')
    two.text.insert(two.text.length, ' RIGHT')
    two.text.delete(0, 3)
    startGeneration(b, note)
    two.text.insert(2, 'again')
    await world.pass(10)
    for (const { link } of isLeftFirst ? [left, right] : [right, left]) {
      link.mend()
      await world.pass(60_000)
    }
    const shown = a.get(note)
    for (const word of ['before', 'LEFT ', ' RIGHT', 'again']) expect(shown.split(word).length).toBe(2)
    expect([b.get(note), one.text.toString(), two.text.toString()]).toEqual([shown, shown, shown])
    const fresh = await world.open(world.browser())
    await world.pass(1000)
    expect([fresh.get(note), a.status.pending, b.status.refused]).toEqual([shown, 0, 0])
    await world.close()
    const again = await world.open({ storage: right.storage, link: right.link })
    await world.pass(1000)
    expect([again.get(note), world.errors]).toEqual([shown, []])
    await world.close()
  }
})

test('[TE34] a text that is read as it was written is not cut', async () => {
  const store = await open()
  store.transact((tx) => tx.insert(note, 0, 'a text'))
  expect(() => startGeneration(store, note)).toThrow(expect.objectContaining({ code: 'generation-needless' }))
  // @ts-expect-error A doc has no generations; the types say so too.
  expect(() => startGeneration(store, doc('page'))).toThrow(expect.objectContaining({ code: 'no-document' }))
})

test('[TE35] steps go back one by one through all a text was before a cut, and forward again', async () => {
  for (const seed of [1, 2]) {
    const store = await open()
    const chance = chanceFrom(seed)
    const at = (length: number): number => Math.floor(chance() * (length + 1))
    const was = [store.get(note)]
    for (let i = 0; i < 24; i++) {
      const { length } = store.get(note)
      const from = at(length)
      const removed = chance() < 0.4 ? Math.min(5, length - from) : 0
      if (removed > 0) store.transact((tx) => tx.remove(note, from, removed))
      else store.transact((tx) => tx.insert(note, from, `${i} is `))
      was.push(store.get(note))
      if (i === 15) startGeneration(store, note)
    }
    const superseded: unknown[] = []
    const steps = Array.from({ length: 24 }, () => {
      superseded.push(...store.undo().superseded)
      return store.get(note)
    })
    const back = Array.from({ length: 24 }, () => {
      superseded.push(...store.redo().superseded)
      return store.get(note)
    })
    expect([steps.toReversed(), back, superseded]).toEqual([was.slice(0, -1), was.slice(1), []])
  }
})

test('[TE35] after a second cut what was written before the first stays, and is told', async () => {
  const store = await open()
  store.transact((tx) => tx.insert(note, 0, 'a text that is there'))
  store.transact((tx) => tx.remove(note, 2, 5))
  startGeneration(store, note)
  for (const letter of 'wen') store.transact((tx) => tx.insert(note, 2, letter))
  store.transact((tx) => tx.remove(note, 0, 2))
  startGeneration(store, note)
  store.transact((tx) => tx.insert(note, 0, 'later '))
  expect([store.undo().superseded, store.get(note)]).toEqual([[], 'newthat is there'])
  const told = Array.from({ length: 6 }, () => store.undo().superseded.length)
  expect([told, store.get(note)]).toEqual([[1, 1, 1, 1, 1, 1], 'newthat is there'])
})

test('[TE35] [TE30] what was written late over two cuts is merged, and taken back by who wrote it; what was there before the second is not', async () => {
  for (const isReloaded of [false, true]) {
    const world = createClashWorld(6)
    const [left, right] = [world.browser(), world.browser()]
    const a = await world.open(left)
    let b = await world.open(right)
    a.transact((tx) => tx.insert(note, 0, 'one two three'))
    await world.pass(1000)
    b.transact((tx) => tx.insert(note, 13, ' early'))
    await world.pass(1000)
    right.link.cut()
    await world.pass(10)
    b.transact((tx) => tx.insert(note, 4, 'LATE '))
    b.transact((tx) => tx.remove(note, 0, 4))
    expect(b.get(note)).toBe('LATE two three early')
    edit(a, 30)
    startGeneration(a, note)
    edit(a, 30)
    a.transact((tx) => tx.insert(note, 0, 'between '))
    startGeneration(a, note)
    a.transact((tx) => tx.insert(note, 0, 'after '))
    await world.pass(1000)
    right.link.mend()
    await world.pass(60_000)
    const merged = a.get(note)
    expect([merged.split('LATE ').length, b.get(note), b.status.pending]).toEqual([2, merged, 0])
    if (isReloaded) {
      await b.close()
      b = await world.open({ storage: right.storage, link: right.link })
      await world.pass(1000)
    }
    expect(b.get(note)).toBe(merged)
    const undone: unknown[] = []
    for (const store of [b, b, b, a, a, a]) {
      undone.push([store.undo().superseded.length, store.get(note)])
      await world.pass(1000)
      expect(b.get(note)).toBe(a.get(note))
    }
    const without = merged.replace('LATE ', '')
    const end = without.replace('after ', '')
    // What was deleted has no name any more, and what was typed late has the one under which it came over.
    expect(undone).toEqual([
      [1, merged],
      [0, without],
      [1, without],
      [0, end],
      [1, end],
      [1, end],
    ])
    const fresh = await world.open(world.browser())
    await world.pass(1000)
    expect([fresh.get(note), world.errors]).toEqual([a.get(note), []])
    await world.close()
  }
})

test('[TE35] what others have deleted or written since stays as it is', async () => {
  const world = createClashWorld(5)
  const [a, b] = [await world.open(world.browser()), await world.open(world.browser())]
  a.transact((tx) => tx.insert(note, 0, 'one two three'))
  a.transact((tx) => tx.remove(note, 4, 4))
  a.transact((tx) => tx.insert(note, 9, ' four five'))
  await world.pass(1000)
  startGeneration(b, note)
  b.transact((tx) => tx.remove(note, 9, 5))
  b.transact((tx) => tx.insert(note, 4, '(b) '))
  await world.pass(1000)
  expect(a.get(note)).toBe('one (b) three five')
  expect([a.undo().superseded.length, a.get(note)]).toEqual([1, 'one (b) three'])
  expect([a.undo().superseded, a.get(note).length]).toEqual([[], 'one (b) two three'.length])
  expect(a.undo().superseded).toEqual([])
  await world.pass(1000)
  expect([a.get(note), b.get(note), world.errors]).toEqual(['(b) ', '(b) ', []])
  await world.close()
})

test('[TE32] who has a text from before, in plain Yjs, gets the new life once, and what they write comes in', async () => {
  for (const isWhole of [true, false]) {
    const store = await open()
    const plain = new Y.Doc()
    edit(store, 60)
    Y.applyUpdate(plain, exportUpdate(store, note))
    const late = new Y.Doc()
    Y.applyUpdate(late, Y.encodeStateAsUpdate(plain))
    late.getText('text').insert(3, 'late')
    late.getText('text').delete(9, 2)
    startGeneration(store, note)
    store.transact((tx) => tx.insert(note, 0, 'new '))
    Y.applyUpdate(plain, exportUpdate(store, note))
    expect(plain.getText('text').toString()).toBe(store.get(note))
    const before = store.get(note).length
    const news = Y.encodeStateAsUpdate(late, isWhole ? undefined : exportStateVector(store, note))
    store.transact((tx) => importUpdate(tx, note, news))
    expect([store.get(note).length, store.get(note).includes('late')]).toEqual([before + 4, true])
    expect(store.transact((tx) => importUpdate(tx, note, news)).change).toBeUndefined()
    Y.applyUpdate(late, exportUpdate(store, note))
    Y.applyUpdate(plain, exportUpdate(store, note))
    plain.getText('text').insert(0, 'both ')
    store.transact((tx) => importUpdate(tx, note, Y.encodeStateAsUpdate(plain)))
    Y.applyUpdate(late, exportUpdate(store, note))
    // They have what was written beside both lives where it stands beside the old one.
    for (const one of [plain, late])
      expect(one.getText('text').toString().split('').sort()).toEqual(store.get(note).split('').sort())
    const copy = new Y.Doc()
    for (const word of ['one ', 'two ']) {
      Y.applyUpdate(copy, exportUpdate(store, note))
      copy.getText('text').insert(7, word)
      copy.getText('text').delete(0, 2)
      store.transact((tx) => importUpdate(tx, note, Y.encodeStateAsUpdate(copy, exportStateVector(store, note))))
      expect(copy.getText('text').toString()).toBe(store.get(note))
    }
  }
})

test('[TE34] what two people typed for hours has two parts in a new life, and what it was made of is kept beside it', () => {
  const site = new Site()
  const { txns } = readTrace('friendsforever')
  // As one person would have typed it: positions of the one and of the other, where they fit.
  for (const { patches } of txns.slice(0, 6_000)) {
    const intents = patches.flatMap(([at, removed, inserted]) => {
      const { length } = site.read(note)
      const index = Math.min(at, length)
      return [remove(index, Math.min(removed, length - index)), insert(index, inserted)]
    })
    if (intents.length === 2) site.transact(note, ...intents)
  }
  const { doc: live } = site.open(note)
  const parts = (of: Y.Doc): number => [...of.store.clients.values()].reduce((sum, { length }) => sum + length, 0)
  const before = [parts(live), Y.encodeStateAsUpdate(live).length, site.read(note).length]
  site.commit(note.address, cutText(live, { client: 77, base: undefined, at: 5, retentionMs: RETENTION_MS })!)
  for (let work = site.laters.shift(); work !== undefined; work = site.laters.shift()) work()
  let stored = 0
  for (let at = site.states.get(note.address)!.link; at !== undefined; at = at.previous) stored += at.update.length
  const now = site.states.get(note.address)!.link!
  expect(before).toEqual([1111, 14_466, 5_402])
  // What stood where is kept, and what the new life was made of.
  expect([parts(site.open(note).doc), now.update.length, stored]).toEqual([2, 5_426, 23_599])
  expect(site.replayed(note)).toBe(site.read(note))
})

test('[TE33] code that knows no lives sets a cut aside and says so, and a doc does, and keeps it', () => {
  const site = new Site()
  site.transact(note, insert(0, 'abc'), remove(1, 1))
  const cut = cutText(site.open(note).doc, { client: 77, base: undefined, at: 5, retentionMs: RETENTION_MS })!
  // What plain texts are read by.
  expect(() => plainText.parse(cut)).toThrow('it announces 4294967295 parts')
  expect(textPolicy.documents!(cut)).toEqual([77])
  const page = doc('page')
  const memory = page.policy
  expect(page.policy.read(memory.apply(undefined, cut, stamp), page)).toEqual(page.policy.read(undefined, page))
})

test('[TE33] whatever a cut says, nothing throws, and what was put together elsewhere counts for nobody', () => {
  const site = new Site()
  site.transact(note, insert(0, 'some text'), remove(1, 3))
  const { doc: live } = site.open(note)
  const cut = cutText(live, { client: 77, base: undefined, at: 5, retentionMs: RETENTION_MS })!
  const text = site.read(note)
  site.commit(note.address, encodeKept({ cut: undefined, under: undefined, update: Y.encodeStateAsUpdate(live) }))
  expect(site.read(note)).toBe(text)
  let damaged = 0
  for (let i = 6; i < cut.length; i++) {
    for (const byte of [0, 1, 0x7f, 0xff]) {
      const other = new Site(1)
      for (const { payload } of site.sent) other.commit(note.address, payload)
      const bytes = cut.slice()
      bytes[i] = byte
      expect(isMarked(bytes)).toBe(true)
      other.commit(note.address, bytes)
      other.commit(note.address, bytes.slice(0, i))
      const shown = other.read(note)
      expect([other.replayed(note), other.open(note).text.toString()]).toEqual([shown, shown])
      for (let work = other.laters.shift(); work !== undefined; work = other.laters.shift()) work()
      expect([other.replayed(note), other.read(note)]).toEqual([shown, shown])
      damaged += other.codes.includes('update-refused') ? 1 : 0
    }
  }
  expect(damaged).toBeGreaterThan(50)
})

test('[TE31] what an open text was made of stays when much is written after a cut, for a cut that comes to count later', () => {
  const [left, right] = [new Site(0, 2), new Site(1, 2)]
  left.transact(note, insert(0, 'some text'))
  right.receive(left.sent[0]!)
  const cut = (site: Site, client: number, at: number): void => {
    const { doc } = site.policy.live(note.address).replica
    site.commit(note.address, cutText(doc, { client, base: undefined, at, retentionMs: RETENTION_MS })!)
  }
  const work = (): void => {
    for (let later = left.laters.shift(); later !== undefined; later = left.laters.shift()) later()
  }
  cut(right, 78, 1)
  right.transact(note, insert(0, 'right '))
  left.open(note)
  left.transact(note, insert(9, ' left'))
  cut(left, 77, 5)
  work()
  for (let i = 0; i < 600; i++) left.transact(note, insert(i % 5, 'x'))
  work()
  expect(left.states.get(note.address)!.link!.loose).toBeLessThan(100)
  const [mine, theirs] = [[...left.sent], [...right.sent]]
  for (const change of theirs) left.receive(change)
  for (const change of mine.slice(1)) right.receive(change)
  expect([left.read(note), left.replayed(note)]).toEqual([right.read(note), right.read(note)])
  for (const word of ['right ', ' left', ' text']) expect(left.read(note)).toContain(word)
  expect([left.codes, right.codes]).toEqual([[], []])
})
