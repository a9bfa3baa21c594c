import { lww } from '@syncline/merge'
import { encodeChange } from '@syncline/protocol'
import type { Op } from '@syncline/stm'
import { memoryStorage, type Store } from '@syncline/store'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { doc, openDoc, openText, text } from '../src/index.ts'
import { createClashWorld, mortalStorage, settle, type Browser, type ClashWorld } from './clash-world.ts'

const note = text('note', 'one')
const other = text('note', 'two')
const page = doc('page')
const title = lww('title', '')

/** Presence draws a number, then each policy of documents when it is met. */
const always = (client: number): readonly number[] => [client, client, client]

/** Two browsers that draw the same clients, and are not linked. */
async function apart(world: ClashWorld): Promise<[Browser, Store, Browser, Store]> {
  const [left, right] = [world.browser(), world.browser()]
  const a = await world.open(left, always(1))
  const b = await world.open(right, always(1))
  meetDocuments(a, b)
  await world.pass(100)
  for (const { link } of [left, right]) link.cut()
  await world.pass(10)
  return [left, a, right, b]
}

/** Stores meet the policies of documents. */
function meetDocuments(...stores: readonly Store[]): void {
  for (const store of stores) {
    store.get(note)
    store.get(page)
  }
}

/** Lets the first reach the relay first. */
async function meet(world: ClashWorld, first: Browser, second: Browser): Promise<void> {
  first.link.mend()
  await world.pass(60_000)
  second.link.mend()
  await world.pass(60_000)
}

function show(store: Store): unknown {
  return [store.get(note), store.get(other), store.get(page), store.get(title), store.status.pending]
}

/** What somebody sees who has nothing but the relay's log. */
async function seenBy(world: ClashWorld): Promise<unknown> {
  const store = await world.open(world.browser())
  await world.pass(1000)
  return show(store)
}

describe('two sessions that drew one client id', () => {
  test('[TE27] end with the work of both, whoever is first', async () => {
    for (const isFirst of [true, false]) {
      const world = createClashWorld(1)
      const [left, a, right, b] = await apart(world)
      const [one, two] = [openText(a, note), openText(b, note)]
      let resets = 0
      two.onReset(() => (resets += 1))
      one.text.insert(0, 'aaa')
      two.text.insert(0, 'bbbbb')
      await world.pass(10)
      expect([one.doc.clientID, two.doc.clientID]).toEqual([1, 1])
      await (isFirst ? meet(world, left, right) : meet(world, right, left))
      expect(show(b)).toEqual(show(a))
      expect(await seenBy(world)).toEqual(show(a))
      expect(['aaabbbbb', 'bbbbbaaa']).toContain(a.get(note))
      expect([one, two].map((opened) => opened.text.toString())).toEqual(Array(2).fill(a.get(note)))
      expect(one.doc.clientID).not.toBe(two.doc.clientID)
      expect([b.status.refused, resets > 0]).toEqual([0, isFirst])
      // They type on, and nobody is refused again.
      one.text.insert(0, 'x')
      two.text.insert(two.text.length, 'y')
      await world.pass(1000)
      expect([a.get(note), b.get(note)].map((now) => [now.length, now.at(0), now.at(-1)])).toEqual(
        Array(2).fill([10, 'x', 'y']),
      )
      await world.close()
      expect(world.errors).toEqual([])
    }
  })

  test('[TE27] have several texts, docs and other refs in one Change, and each is there once', async () => {
    const world = createClashWorld(2)
    const [left, a, right, b] = await apart(world)
    const write = (store: Store, name: string): void => {
      store.transact((tx) => {
        tx.insert(note, 0, `${name}1`)
        tx.insert(other, 0, `${name}2`)
        tx.edit(page, ({ array, map }) => {
          array.push([name])
          map.set(name, 1)
        })
        tx.set(title, name)
      })
      store.transact((tx) => {
        tx.insert(note, 1, '!')
        tx.remove(other, 0, 1)
        tx.edit(page, ({ map }) => map.set('last', name))
      })
    }
    write(a, 'a')
    write(b, 'b')
    await meet(world, left, right)
    expect(show(b)).toEqual(show(a))
    expect(await seenBy(world)).toEqual(show(a))
    expect(['a!1b!1', 'b!1a!1']).toContain(a.get(note))
    expect(['22']).toContain(a.get(other))
    expect(a.get(page).array.map(String).sort()).toEqual(['a', 'b'])
    expect(a.get(page).map).toMatchObject({ a: 1, b: 1 })
    expect([a.status.refused, b.status.refused]).toEqual([0, 0])
    await world.close()
    expect(world.errors).toEqual([])
  })

  test('[TE27] undo and redo what they did, over texts and docs, in what has other names since', async () => {
    const world = createClashWorld(3)
    const [left, a, right, b] = await apart(world)
    a.transact((tx) => tx.insert(note, 0, 'aaaaaaa'))
    a.transact((tx) => tx.edit(page, ({ array }) => array.push(['a'])))
    b.transact((tx) => tx.insert(note, 0, 'bbbbb'))
    b.transact((tx) => tx.remove(note, 1, 2))
    b.transact((tx) => tx.edit(page, ({ array }) => array.push(['b', 'c'])))
    b.transact((tx) => tx.edit(page, ({ array }) => array.delete(0, 1)))
    // Before anybody hears of it, one is taken back: what stands for what has other names too.
    b.undo()
    b.transact((tx) => tx.insert(note, 0, 'B'))
    await meet(world, left, right)
    const texts = (): string[] => [a, b].map((store) => store.get(note).split('').sort().join(''))
    const pages = (): unknown[] => [a, b].map((store) => store.get(page).array.map(String).sort())
    const both = (value: unknown): unknown[] => [value, value]
    expect([texts(), pages()]).toEqual([both('Baaaaaaabbb'), both(['a', 'b', 'c'])])

    const steps: (readonly [string, readonly string[]])[] = [
      ['aaaaaaabbb', ['a', 'b', 'c']],
      ['aaaaaaabbb', ['a']],
      ['aaaaaaabbbbb', ['a']],
      ['aaaaaaa', ['a']],
    ]
    for (const [inText, inPage] of steps) {
      const { superseded, irreversible } = b.undo()
      expect([superseded, irreversible]).toEqual([[], []])
      await world.pass(100)
      expect([texts(), pages()]).toEqual([both(inText), both(inPage)])
    }
    for (const [inText, inPage] of [...steps.slice(0, -1).reverse(), ['Baaaaaaabbb', ['a', 'b', 'c']] as const]) {
      b.redo()
      await world.pass(100)
      expect([texts(), pages()]).toEqual([both(inText), both(inPage)])
    }
    expect(await seenBy(world)).toEqual(show(a))
    await world.close()
    expect(world.errors).toEqual([])
  })

  test('[TE27] undo after a reload too, also what was renamed while nobody had met the text', async () => {
    const world = createClashWorld(4)
    const [left, a, right, b] = await apart(world)
    a.transact((tx) => tx.insert(note, 0, 'aaaaaaa'))
    b.transact((tx) => tx.insert(note, 0, 'bbbbb'))
    b.transact((tx) => tx.remove(note, 1, 2))
    await b.close()
    left.link.mend()
    await world.pass(60_000)
    // It cannot say anew what it has never met.
    right.link.mend()
    const again = await world.open(right)
    await world.pass(60_000)
    expect([again.status.pending, again.status.refused]).toEqual([2, 0])
    again.get(note)
    await world.pass(60_000)
    expect(again.status.pending).toBe(0)
    expect(['aaaaaaabbb', 'bbbaaaaaaa']).toContain(again.get(note))
    await again.close()
    const last = await world.open(right)
    last.get(note)
    for (const left of [12, 7]) {
      last.undo()
      await world.pass(100)
      expect([last.get(note).length, a.get(note)]).toEqual([left, last.get(note)])
    }
    last.redo()
    await world.pass(100)
    expect(['aaaaaaabbbbb', 'bbbbbaaaaaaa']).toContain(last.get(note))
    expect(await seenBy(world)).toEqual(show(a))
    await world.close()
    expect(world.errors).toEqual([])
  })

  test('[TE27] have a second tab, which built on what is renamed', async () => {
    const world = createClashWorld(5)
    const [left, a, right, b] = await apart(world)
    const c = await world.open(right, always(2))
    a.transact((tx) => tx.insert(note, 0, 'aaaaaaa'))
    const opened = openText(c, note)
    b.transact((tx) => tx.insert(note, 0, 'bbbbb'))
    await world.pass(10)
    opened.text.insert(2, 'cc')
    opened.text.delete(0, 1)
    await world.pass(10)
    b.transact((tx) => tx.insert(note, 3, 'B'))
    await world.pass(10)
    await meet(world, left, right)
    for (const store of [a, b, c]) {
      expect(['aaaaaaabccBbbb', 'bccBbbbaaaaaaa']).toContain(store.get(note))
      expect([store.get(note), store.status.pending, store.status.refused]).toEqual([a.get(note), 0, 0])
    }
    expect(opened.text.toString()).toBe(a.get(note))
    expect(await seenBy(world)).toEqual(show(a))
    c.undo()
    await world.pass(100)
    expect(['aaaaaaabbBbbb', 'bbBbbbaaaaaaa']).toContain(a.get(note))
    b.undo()
    b.undo()
    await world.pass(100)
    // What another tab has put back is that tab's (TE23).
    expect(['aaaaaaab', 'baaaaaaa']).toContain(a.get(note))
    expect([b, c].map((store) => store.get(note))).toEqual(Array(2).fill(a.get(note)))
    await world.close()
    // What one tab has built on the other's work waits for that.
    expect(world.errors.filter((error) => (error as { code: string }).code !== 'update-incomplete')).toEqual([])
  })

  test('[TE27] in two tabs of one browser too', async () => {
    const world = createClashWorld(6)
    const browser = world.browser()
    const [a, b] = [await world.open(browser, always(1)), await world.open(browser, always(1))]
    for (const store of [a, b]) store.get(note)
    browser.link.cut()
    await world.pass(10)
    a.transact((tx) => tx.insert(note, 0, 'aaa'))
    b.transact((tx) => tx.insert(note, 0, 'bbbbb'))
    await world.pass(10)
    browser.link.mend()
    await world.pass(60_000)
    expect(show(b)).toEqual(show(a))
    expect(await seenBy(world)).toEqual(show(a))
    expect(['aaabbbbb', 'bbbbbaaa']).toContain(a.get(note))
    await world.close()
    expect(world.errors).toEqual([])
  })

  test('[TE27] were apart for long', async () => {
    const world = createClashWorld(7)
    const [left, a, right, b] = await apart(world)
    for (let i = 0; i < 150; i++) {
      a.transact((tx) => tx.insert(i % 3 === 0 ? other : note, 0, 'a'))
      b.transact((tx) => tx.insert(i % 2 === 0 ? other : note, 0, 'b'))
      if (i % 10 === 9) b.transact((tx) => tx.remove(note, 0, 2))
    }
    await meet(world, left, right)
    expect(show(b)).toEqual(show(a))
    expect(await seenBy(world)).toEqual(show(a))
    const counts = [note, other].map((ref) =>
      a
        .get(ref)
        .split('')
        .reduce((sum, one) => sum + (one === 'a' ? 1 : 1000), 0),
    )
    expect(counts).toEqual([45_100, 75_050])
    await world.close()
    expect(world.errors).toEqual([])
  })

  test('[TE27] lose nothing that was stored, wherever the one who is renamed dies', async () => {
    let deaths = 0
    for (let append = 1; ; append++) {
      let isOver = true
      for (const isStored of [false, true]) {
        const world = createClashWorld(8)
        const shared = memoryStorage()
        const mortal = mortalStorage(shared)
        const [left, right] = [world.browser(), world.browser(mortal.storage)]
        const a = await world.open(left, always(1))
        const b = await world.open(right, always(1))
        meetDocuments(a, b)
        await world.pass(100)
        for (const { link } of [left, right]) link.cut()
        mortal.dieAt(mortal.appends + append, isStored)
        a.transact((tx) => tx.insert(note, 0, 'aaaaaaa'))
        const stored: string[] = []
        const write = async (name: string): Promise<void> => {
          const { durable } = b.transact((tx) => {
            tx.insert(note, 0, name)
            tx.insert(other, 0, name)
            tx.edit(page, ({ array }) => array.push([name]))
          })
          const noted = durable().then(
            () => stored.push(name),
            () => undefined,
          )
          await Promise.race([noted, settle()])
        }
        for (const name of ['b', 'c', 'd']) await write(name)
        await meet(world, left, right)
        await write('e')
        await world.pass(1000)
        if (mortal.isDead) {
          deaths += 1
          isOver = false
          right.link.cut()
        }
        const next = mortal.isDead ? await world.open(world.browser(shared)) : b
        meetDocuments(next)
        await world.pass(60_000)
        expect(show(next)).toEqual(show(a))
        expect(await seenBy(world)).toEqual(show(a))
        const letters = a
          .get(note)
          .split('')
          .filter((one) => one !== 'a')
          .sort()
        expect(letters).toEqual([...new Set(letters)])
        expect(letters).toEqual(expect.arrayContaining(stored))
        expect(a.get(other).split('').sort()).toEqual(letters)
        expect(a.get(page).array.map(String).sort()).toEqual(letters)
        expect(a.get(note).length).toBe(7 + letters.length)
      }
      if (isOver) break
    }
    expect(deaths).toBeGreaterThan(10)
  })

  test('[TE27] are refused for another reason, and keep the ids that nobody else has', async () => {
    const refuse = ({ touched }: { readonly touched: readonly { readonly address: string }[] }) =>
      touched.some(({ address }) => address === 'title') ? { code: 'forbidden', message: 'No.' } : undefined
    const world = createClashWorld(9, { refuse })
    const browser = world.browser()
    const a = await world.open(browser, always(1))
    const [opened, second] = [openText(a, note), openText(a, other)]
    second.text.insert(0, 'kept')
    opened.text.insert(0, 'one')
    await world.pass(1000)
    const refused: string[] = []
    browser.link.cut()
    await world.pass(10)
    const { synced } = a.transact((tx) => tx.set(title, 'no'))
    synced().catch((error: { code: string }) => refused.push(error.code))
    opened.text.insert(3, ' two')
    await world.pass(10)
    browser.link.mend()
    await world.pass(60_000)
    second.text.insert(4, ' too')
    opened.text.insert(7, ' three')
    await world.pass(1000)
    expect([refused, a.status.refused, a.status.pending]).toEqual([['refused'], 1, 0])
    expect(show(a)).toEqual(['one two three', 'kept too', a.get(page), '', 0])
    expect(await seenBy(world)).toEqual(show(a))
    const records = await world.disk.read('notes', 0, 99, 1e6)
    expect(records.length).toBe(5)
    await world.close()
    expect(world.errors).toEqual([])
  })

  test('[TE28] are one of them somebody who does not say so: the others show what everybody has', async () => {
    for (const isOpen of [true, false]) {
      const world = createClashWorld(11)
      const browser = world.browser()
      const a = await world.open(browser, always(1))
      meetDocuments(a)
      await world.pass(100)
      browser.link.cut()
      await world.pass(10)
      const opened = isOpen ? openText(a, note) : undefined
      a.transact((tx) => {
        tx.insert(note, 0, 'aaa')
        tx.edit(page, ({ array }) => array.push(['a', 'b']))
      })
      a.transact((tx) => tx.insert(note, 1, '-'))
      const forge = (writer: string, deps: readonly string[], length: number): Uint8Array => {
        const forged = [note, page].map(({ policy, address }): Op => {
          const made = new Y.Doc()
          made.clientID = 1
          if (policy.tag === 'text') made.getText('text').insert(0, 'b'.repeat(length))
          else made.getArray('array').push([...Array(length).keys()])
          return { tag: policy.tag, address, arbiter: 'local', payload: Y.encodeStateAsUpdate(made) }
        })
        const writers = new Map(deps.map((one) => [one, 1]))
        const basis = { epoch: null, relaySeq: 0, writers }
        return encodeChange({ writer, seq: 1, deps: basis, at: 1, ops: forged, effects: [], meta: null })
      }
      const [first, second] = ['1'.repeat(32), '2'.repeat(32)]
      await world.send(forge(first, [], 2), forge(second, [first], 5))
      browser.link.mend()
      await world.pass(60_000)
      const seen = await seenBy(world)
      expect([show(a), a.status.refused]).toEqual([seen, 0])
      expect(opened?.text.toString() ?? a.get(note)).toBe(a.get(note))
      expect(a.get(note)).toContain('bb')
      // They write on under another, and lose nothing more.
      a.transact((tx) => tx.insert(note, 0, 'on'))
      await world.pass(1000)
      expect(await seenBy(world)).toEqual(show(a))
      expect(a.get(note)).toMatch(/^on/)
      await world.close()
      expect(world.errors.filter((error) => (error as { code: string }).code !== 'update-incomplete')).toEqual([])
    }
  })

  test('[TE27] bring in the same document from elsewhere, which is there once', async () => {
    const world = createClashWorld(10)
    const [left, a, right, b] = await apart(world)
    const elsewhere = openDoc(await world.open(world.browser()), doc('elsewhere'))
    elsewhere.text.insert(0, 'from elsewhere')
    const update = Y.encodeStateAsUpdate(elsewhere.doc)
    const [one, two] = [openDoc(a, page), openDoc(b, page)]
    one.text.insert(0, 'a')
    two.text.insert(0, 'b')
    for (const opened of [one, two]) Y.applyUpdate(opened.doc, update)
    await world.pass(10)
    await meet(world, left, right)
    expect(show(b)).toEqual(show(a))
    expect(await seenBy(world)).toEqual(show(a))
    const written = a
      .get(page)
      .text.map(({ insert }) => insert)
      .join('')
    expect([written.length, written.split('from elsewhere').length]).toEqual([16, 2])
    await world.close()
    expect(world.errors).toEqual([])
  })
})
