import { lww } from '@syncline/merge'
import { memoryStorage, openStore } from '@syncline/store'
import type { Store } from '@syncline/store'
import { afterEach, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { createClashWorld } from './clash-world.ts'
import { doc, exportStateVector, exportUpdate, importUpdate, openDoc, openText, text } from '../src/index.ts'
import type { Elsewhere } from '../src/index.ts'

const note = text('note')
const page = doc('page')
const stores: Store[] = []
const errors: unknown[] = []

/** Outside of a test, where the linter takes a condition for a test that may hold nothing. */
const same = (actual: unknown, expected: unknown): void => expect(actual).toEqual(expected)

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
  same(errors.splice(0), [])
})

async function open(space = 'imports'): Promise<Store> {
  const store = await openStore({ space, storage: memoryStorage(), onError: (error) => void errors.push(error) })
  stores.push(store)
  return store
}

/** A document as plain Yjs has it, by a client of its own. */
function plain(clientID: number, ...updates: readonly Uint8Array[]): Y.Doc {
  const made = new Y.Doc()
  for (const update of updates) Y.applyUpdate(made, update)
  made.clientID = clientID
  return made
}

/** Each update that a document makes. */
function updatesOf(made: Y.Doc): Uint8Array[] {
  const updates: Uint8Array[] = []
  made.on('update', (update: Uint8Array) => updates.push(update))
  return updates
}

describe('imports', () => {
  test('[IM1] a root of a Y.Doc becomes a text, and edits of both sides come together', async () => {
    const store = await open()
    const old = plain(1)
    const root = old.getText('codemirror')
    root.insert(0, 'Hello world')
    const into = { ref: note, root: 'codemirror' }
    const { value } = store.transact((tx) => importUpdate(tx, into, Y.encodeStateAsUpdate(old)))
    expect(value).toEqual({
      roots: [{ name: 'codemirror', kind: 'text', into: 'note' }],
      setAside: [],
      missing: [],
      waiting: [],
    })
    expect(store.get(note)).toBe('Hello world')

    root.delete(0, 5)
    root.insert(0, 'Good bye,')
    store.transact((tx) => tx.insert(note, 11, '!'))
    store.transact((tx) => importUpdate(tx, into, Y.encodeStateAsUpdate(old)))
    expect(store.get(note)).toBe('Good bye, world!')
    Y.applyUpdate(old, exportUpdate(store, into, { since: Y.encodeStateVector(old) }))
    expect(root.toString()).toBe('Good bye, world!')
  })

  test('[IM2] the same again writes nothing; new edits come alone', async () => {
    const store = await open()
    const old = plain(1)
    const updates = updatesOf(old)
    for (const word of ['one ', 'two ', 'three ']) old.getText('text').insert(0, word)
    store.transact((tx) => importUpdate(tx, note, updates))
    for (const again of [updates, [...updates].reverse(), [Y.encodeStateAsUpdate(old)]])
      expect(store.transact((tx) => importUpdate(tx, note, again)).change).toBeUndefined()
    expect(store.get(note)).toBe('three two one ')
    old.getText('text').insert(0, 'four ')
    const { change } = store.transact((tx) => importUpdate(tx, note, Y.encodeStateAsUpdate(old)))
    expect(change?.ops.map(({ payload }) => (payload as Uint8Array).length)).toEqual([updates.at(-1)!.length])
  })

  test('[IM3] several roots go to several refs in one Change, and nobody else is written', async () => {
    const store = await open()
    const old = plain(1)
    const updates = updatesOf(old)
    old.getText('title').insert(0, 'Pancakes')
    old.getMap('settings').set('serves', 4)
    old.getText('title').insert(8, '!')
    old.getArray('log').push(['nobody wants it'])
    const paragraph = new Y.XmlElement('paragraph')
    old.getXmlFragment('default').insert(0, [paragraph])
    paragraph.insert(0, [new Y.XmlText('Mix')])
    const into: Elsewhere[] = [
      { ref: note, root: 'title' },
      { ref: page, roots: { fragment: 'default', map: 'settings' } },
    ]
    const { change, value } = store.transact((tx) => importUpdate(tx, into, updates))
    expect(change?.ops.map(({ address }) => address)).toEqual(['note', 'page'])
    expect(store.get(note)).toBe('Pancakes!')
    expect(store.get(page)).toEqual({
      fragment: [{ type: 'paragraph', content: [{ type: 'text', text: 'Mix' }] }],
      map: { serves: 4 },
      text: [],
      array: [],
    })
    expect(value.roots).toEqual([
      { name: 'title', kind: 'text', into: 'note' },
      { name: 'settings', kind: 'map', into: 'page' },
      { name: 'log', kind: 'array', into: undefined },
      { name: 'default', kind: 'fragment', into: 'page' },
    ])

    // Together they are the document again, but for what nobody has taken.
    const back = plain(2, exportUpdate(store, into))
    expect([back.getText('title').toString(), back.getMap('settings').toJSON()]).toEqual(['Pancakes!', { serves: 4 }])
    expect(back.getXmlFragment('default').toString()).toBe('<paragraph>Mix</paragraph>')
    expect(back.getArray('log').length).toBe(0)
    expect(Y.decodeStateVector(exportStateVector(store, into))).toEqual(new Map([[1, Y.getState(old.store, 1)]]))
  })

  test('[IM4] what is new builds on what refs have, also where they have left something out', async () => {
    const store = await open()
    const old = plain(1)
    const into: Elsewhere[] = [
      { ref: note, root: 'title' },
      { ref: page, roots: { map: 'settings' } },
    ]
    old.getMap('left out').set('a', 1)
    old.getText('title').insert(0, 'Pancakes')
    old.getMap('left out').set('b', 2)
    const inside = new Y.Map([['serves', 4]])
    old.getMap('settings').set('inside', inside)
    store.transact((tx) => importUpdate(tx, into, Y.encodeStateAsUpdate(old)))
    store.transact((tx) => tx.insert(note, 8, '!'))
    Y.applyUpdate(old, exportUpdate(store, into))
    old.getText('title').insert(9, '!')
    old.getMap('left out').set('c', 3)
    inside.set('serves', 6)
    const news = Y.encodeStateAsUpdate(old, exportStateVector(store, into))
    const { value } = store.transact((tx) => importUpdate(tx, into, news))
    expect(value).toMatchObject({ missing: [], waiting: [], setAside: [] })
    expect(value.roots).toEqual([
      { name: 'title', kind: 'text', into: 'note' },
      { name: 'left out', kind: 'map', into: undefined },
    ])
    expect([store.get(note), store.get(page).map]).toEqual(['Pancakes!!', { inside: { serves: 6 } }])
    expect(old.getMap('left out').toJSON()).toEqual({ a: 1, b: 2, c: 3 })
  })

  test('[IM4] what is not there yet is told, and comes when it comes', async () => {
    const store = await open()
    const old = plain(7)
    const updates = updatesOf(old)
    for (const word of ['a', 'b', 'c', 'd']) old.getText('text').insert(old.getText('text').length, word)
    const { value } = store.transact((tx) => importUpdate(tx, note, [updates[0]!, updates[2]!, updates[3]!]))
    expect(value).toMatchObject({ missing: [{ client: 7, clock: 1 }], waiting: [1, 2], setAside: [] })
    expect(store.get(note)).toBe('a')
    store.transact((tx) => importUpdate(tx, note, updates))
    expect(store.get(note)).toBe('abcd')
  })

  test('[IM5] content that a ref cannot hold is refused with what it is, and nothing happens', async () => {
    const store = await open()
    const title = lww('title', '')
    const formatted = plain(1)
    formatted.getText('text').insert(0, 'bold', { bold: true })
    const nested = plain(2)
    nested.getMap('map').set('big', 2n ** 60n)
    const attributed = plain(3)
    attributed.getText('text').setAttribute('lang', 'en')
    const inside = plain(4)
    inside.getMap('map').set('inside', new Y.Doc())
    const misplaced = plain(5)
    misplaced.getMap('text').set('a', 1)
    for (const [ref, of, why] of [
      [note, formatted, /a plain text holds characters only, in the root "text"/],
      [page, nested, /bigint/],
      [note, attributed, /attribute/],
      [page, inside, /content of type 9/],
      [page, misplaced, /it puts any into text under a key, in the root "text"/],
    ] as const) {
      const write = (): unknown =>
        store.transact((tx) => {
          tx.set(title, 'never')
          importUpdate(tx, ref, Y.encodeStateAsUpdate(of))
        })
      expect(write).toThrow(expect.objectContaining({ code: 'import-unfit', message: expect.stringMatching(why) }))
    }
    expect([store.get(note), store.get(title), store.get(page)]).toEqual([
      '',
      '',
      doc('other') && store.get(doc('other')),
    ])
    expect(store.status.pending).toBe(0)
  })

  test('[IM5] or set aside, when the app says so, and all that does not build on it comes', async () => {
    const store = await open()
    const [one, two] = [plain(1), plain(2)]
    const updates = updatesOf(one)
    one.getMap('map').set('fits', 1)
    one.getMap('map').set('big', 2n ** 60n)
    one.getMap('map').set('later', 3)
    two.getMap('map').set('other', 4)
    const all = [Y.encodeStateAsUpdate(two), Y.encodeStateAsUpdate(plain(3)), ...updates]
    const { value } = store.transact((tx) => importUpdate(tx, page, all, { unfit: 'set-aside' }))
    expect(value.setAside.map(({ record, error }) => [record, error.code])).toEqual([[3, 'import-unfit']])
    expect([value.missing, value.waiting]).toEqual([[{ client: 1, clock: 1 }], [4]])
    expect(store.get(page).map).toEqual({ fits: 1, other: 4 })
  })

  test('[IM6] bytes that are no update are refused, and so is what announces parts without end', async () => {
    const store = await open()
    const update = Y.encodeStateAsUpdate(plain(1, Y.encodeStateAsUpdate(plain(1))))
    const old = plain(1)
    old.getText('text').insert(0, 'text')
    const good = Y.encodeStateAsUpdate(old)
    // Version 2: one client, 2^40 stretches of what has gone, each of the same length.
    const endless = Y.encodeStateAsUpdateV2(plain(1))
    for (const [bytes, version] of [
      [new Uint8Array(), 1],
      [good.slice(0, -1), 1],
      [Uint8Array.of(...good, 0), 1],
      [good, 2],
      [endlessV2(), 2],
    ] as const) {
      const write = (): unknown => store.transact((tx) => importUpdate(tx, note, bytes, { version }))
      expect(write).toThrow(expect.objectContaining({ code: 'update-refused' }))
    }
    for (const [bytes, version] of [
      [update, 1],
      [endless, 2],
    ] as const)
      expect(store.transact((tx) => importUpdate(tx, note, bytes, { version })).change).toBeUndefined()
  })

  test('[IM7] an undo takes the import back as one step; another import does not bring it back', async () => {
    const store = await open()
    const old = plain(1)
    old.getText('title').insert(0, 'Pancakes')
    old.getMap('settings').set('serves', 4)
    const into: Elsewhere[] = [
      { ref: note, root: 'title' },
      { ref: page, roots: { map: 'settings' } },
    ]
    store.transact((tx) => tx.insert(note, 0, 'Mine. '))
    store.transact((tx) => importUpdate(tx, into, Y.encodeStateAsUpdate(old)))
    const both = store.get(note)
    expect(['Mine. Pancakes', 'PancakesMine. ']).toContain(both)
    expect(store.undo()).toMatchObject({ superseded: [], irreversible: [] })
    expect([store.get(note), store.get(page).map]).toEqual(['Mine. ', {}])
    expect(store.transact((tx) => importUpdate(tx, into, Y.encodeStateAsUpdate(old))).change).toBeUndefined()
    store.redo()
    expect([store.get(note), store.get(page).map]).toEqual([both, { serves: 4 }])
  })

  test('[IM7] an undo puts back what was deleted elsewhere, and imported', async () => {
    const store = await open()
    const old = plain(1)
    old.getText('text').insert(0, 'Pancakes')
    old.getMap('settings').set('serves', 4)
    const into: Elsewhere[] = [note, { ref: page, roots: { map: 'settings' } }]
    store.transact((tx) => importUpdate(tx, into, Y.encodeStateAsUpdate(old)))
    old.getText('text').delete(0, 3)
    old.getText('text').insert(5, '!')
    old.getMap('settings').delete('serves')
    store.transact((tx) => importUpdate(tx, into, Y.encodeStateAsUpdate(old)))
    expect([store.get(note), store.get(page).map]).toEqual(['cakes!', {}])
    expect(store.undo()).toMatchObject({ superseded: [], irreversible: [] })
    expect([store.get(note), store.get(page).map]).toEqual(['Pancakes', { serves: 4 }])
    store.redo()
    expect([store.get(note), store.get(page).map]).toEqual(['cakes!', {}])
  })

  test('[IM7] a character that was cut in two elsewhere is kept as Yjs shows it, and can be put back', async () => {
    const store = await open()
    const old = plain(1)
    old.getText('text').insert(0, 'a😀b')
    store.transact((tx) => importUpdate(tx, note, Y.encodeStateAsUpdate(old)))
    old.getText('text').delete(1, 1)
    store.transact((tx) => importUpdate(tx, note, Y.encodeStateAsUpdate(old)))
    expect([store.get(note), old.getText('text').toString()]).toEqual(['a\ufffdb', 'a\ufffdb'])
    store.undo()
    expect(store.get(note)).toBe('a\ufffd\ufffdb')
    await store.durable()
  })

  test('[IM8] a ref that took other roots of a document says so, and loses nothing', async () => {
    const store = await open()
    const old = plain(1)
    old.getText('one').insert(0, 'first')
    old.getText('two').insert(0, 'second')
    old.getText('one').insert(5, '.')
    const update = Y.encodeStateAsUpdate(old)
    store.transact((tx) => importUpdate(tx, { ref: note, root: 'one' }, update))
    expect(() => store.transact((tx) => importUpdate(tx, { ref: note, root: 'two' }, update))).toThrow(
      expect.objectContaining({ code: 'import-mismatch' }),
    )
    const other = text('note', 'other')
    store.transact((tx) => importUpdate(tx, { ref: other, root: 'two' }, update))
    expect([store.get(note), store.get(other)]).toEqual(['first.', 'second'])
  })

  test('[IM9] one root in two places, one ref twice, and other refs are refused', async () => {
    const store = await open()
    const update = Y.encodeStateAsUpdate(plain(1))
    const unclear: (Elsewhere | Elsewhere[])[] = [
      [note, { ref: page, roots: { text: 'text' } }],
      [note, { ref: note, root: 'other' }],
      { ref: page, roots: { map: 'a', array: 'a' } },
      // A ref of another kind, which the types do not take.
      { ref: lww('title', '') as unknown as typeof note },
      { ref: page, roots: { other: 'a' } as object },
    ]
    for (const into of unclear) {
      expect(() => store.transact((tx) => importUpdate(tx, into, update))).toThrow(
        expect.objectContaining({ code: 'import-unfit' }),
      )
      expect(() => exportUpdate(store, into)).toThrow(expect.objectContaining({ code: 'import-unfit' }))
    }
    const old = plain(1)
    old.getText('text').insert(0, 'text')
    for (const writes of ['before', 'after']) {
      const write = (): unknown =>
        store.transact((tx) => {
          if (writes === 'before') tx.insert(note, 0, 'x')
          importUpdate(tx, note, Y.encodeStateAsUpdate(old))
          if (writes === 'after') tx.insert(note, 0, 'x')
        })
      expect(write).toThrow(expect.objectContaining({ code: 'invalid-write' }))
    }
    expect(store.get(note)).toBe('')
  })

  test('[IM10] a body reads what it imports, may import more, and a schema may refuse it', async () => {
    const store = await open()
    const short = text('short', { maxBytes: 8 })
    const [one, two] = [plain(1), plain(2)]
    one.getText('text').insert(0, 'one')
    two.getText('text').insert(0, 'two')
    const updates = [one, two].map((made) => Y.encodeStateAsUpdate(made))
    const { value } = store.transact((tx) => {
      importUpdate(tx, note, updates[0]!)
      const first = tx.get(note)
      importUpdate(tx, note, updates[1]!)
      return [first, tx.get(note)]
    })
    expect(value[0]).toBe('one')
    expect(value[1]).toBe(
      plain(3, ...updates)
        .getText('text')
        .toString(),
    )
    expect(store.get(note)).toBe(value[1])
    const long = plain(1)
    long.getText('text').insert(0, 'longer than that')
    expect(() => store.transact((tx) => importUpdate(tx, short, Y.encodeStateAsUpdate(long)))).toThrow(
      expect.objectContaining({ code: 'too-large-for-ref' }),
    )
    expect(store.get(short)).toBe('')
  })

  test('[IM11] shows in an open editor, and what is typed at the same time stays', async () => {
    const store = await open()
    const opened = openText(store, note)
    const openedPage = openDoc(store, page)
    opened.text.insert(0, 'typed ')
    openedPage.map.set('typed', true)
    const old = plain(1)
    old.getText('text').insert(0, 'elsewhere')
    old.getMap('settings').set('elsewhere', true)
    const into: Elsewhere[] = [note, { ref: page, roots: { map: 'settings' } }]
    store.transact((tx) => importUpdate(tx, into, Y.encodeStateAsUpdate(old)))
    opened.text.insert(0, '(')
    await Promise.resolve()
    expect(['(typed elsewhere', '(elsewheretyped ']).toContain(opened.text.toString())
    expect(store.get(note)).toBe(opened.text.toString())
    expect(store.get(page).map).toEqual({ typed: true, elsewhere: true })
    expect(openedPage.map.toJSON()).toEqual(store.get(page).map)
    opened.close()
    openedPage.close()
  })
})

test('[IM2] two people who both had a document, import it and write on have it once', async () => {
  const world = createClashWorld(11)
  const [left, right] = [world.browser(), world.browser()]
  const people = [await world.open(left), await world.open(right)]
  await world.pass(100)
  for (const { link } of [left, right]) link.cut()
  const old = plain(1)
  const into: Elsewhere[] = [
    { ref: note, root: 'title' },
    { ref: page, roots: { map: 'settings' } },
  ]
  old.getText('title').insert(0, 'Pancakes')
  const before = Y.encodeStateAsUpdate(old)
  old.getMap('settings').set('serves', 4)
  old.getText('title').insert(8, '!')
  old.getText('title').delete(0, 3)
  const after = Y.encodeStateAsUpdate(old)
  people.forEach((store, i) => {
    store.transact((tx) => importUpdate(tx, into, i === 0 ? before : after))
    store.transact((tx) => tx.insert(note, store.get(note).length, ` ${i}`))
  })
  for (const { link } of [left, right]) link.mend()
  await world.pass(60_000)
  const third = await world.open(world.browser())
  await world.pass(1_000)
  const shown = [...people, third].map((store) => [store.get(note), store.get(page).map, store.status.pending])
  expect(shown).toEqual(Array(3).fill([expect.stringMatching(/^cakes(?:!? [01]){2}$/), { serves: 4 }, 0]))
  expect(shown[0]![0]).toHaveLength(10)
  await world.close()
  expect(world.errors).toEqual([])
})

describe('exports', () => {
  test('[IM12] are updates of both versions and a state vector, of texts and of docs', async () => {
    const store = await open()
    store.transact((tx) => {
      tx.insert(note, 0, 'Hello')
      tx.edit(page, ({ map, array }) => {
        map.set('a', [1, 2])
        array.push(['x'])
      })
    })
    store.transact((tx) => tx.remove(note, 0, 1))
    for (const version of [1, 2] as const) {
      const made = new Y.Doc()
      const apply = version === 1 ? Y.applyUpdate : Y.applyUpdateV2
      apply(made, exportUpdate(store, note, { version }))
      expect(made.getText('text').toString()).toBe('ello')
      expect(Y.encodeStateVector(made)).toEqual(exportStateVector(store, note))
      expect(exportUpdate(store, note, { version, since: Y.encodeStateVector(made) }).length).toBeLessThan(40)
      const other = new Y.Doc()
      apply(other, exportUpdate(store, { ref: page, roots: { map: 'settings', array: 'list' } }, { version }))
      expect([other.getMap('settings').toJSON(), other.getArray('list').toJSON()]).toEqual([{ a: [1, 2] }, ['x']])
    }
    expect(() => exportUpdate(store, note, { since: Uint8Array.of(255) })).toThrow(
      expect.objectContaining({ code: 'update-refused' }),
    )
  })

  test('[IM12] hold what was typed in this very task', async () => {
    const store = await open()
    const opened = openText(store, note)
    opened.text.insert(0, 'just now')
    expect(plain(1, exportUpdate(store, note)).getText('text').toString()).toBe('just now')
    opened.close()
  })
})

/** What announces 2^40 stretches that have gone, in a few bytes. */
function endlessV2(): Uint8Array {
  const encoder = new Y.UpdateEncoderV2()
  encoder.writeClient(1)
  encoder.writeInfo(0)
  encoder.writeLen(1)
  const rest = encoder.restEncoder
  for (const byte of [1, 128, 128, 128, 128, 128, 32, 0, 0]) rest.cbuf[rest.cpos++] = byte
  return encoder.toUint8Array()
}
