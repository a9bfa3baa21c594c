import { lww } from '@syncline/merge'
import type { Ref, Tx } from '@syncline/stm'
import type { Store, Violation } from '@syncline/store'
import { everything, memoryStorage, openStore } from '@syncline/store'
import { afterEach, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { doc, openDoc, openText, text, yjsPresence } from '../src/index.ts'
import type { DocRef, DocRoots, TextRef } from '../src/index.ts'

const page = doc('page', 'one')
const title = lww('title', '')
const stores: Store[] = []
const errors: unknown[] = []

async function open(storage = memoryStorage()): Promise<Store> {
  const onError = (error: unknown): void => void errors.push(error)
  const store = await openStore({ space: 'pages', storage, onError, presence: yjsPresence() })
  stores.push(store)
  return store
}

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
  if (errors.length > 0) throw new AggregateError(errors.splice(0), 'errors were reported')
})

const put = (key: string, value: unknown) => (roots: DocRoots) => void roots.map.set(key, value)

test('[DO2] a body that throws leaves no trace in the doc, open or not, and a savepoint takes back its own edits', async () => {
  const store = await open()
  store.transact((tx) => tx.edit(page, put('a', 1)))
  const opened = openDoc(store, page)
  const events: unknown[] = []
  opened.doc.on('update', (update) => events.push(update))
  const before = store.snapshot
  expect(() =>
    store.transact((tx) => {
      tx.edit(page, put('a', 2))
      tx.set(title, 'half')
      expect(tx.get(page).map).toEqual({ a: 2 })
      throw new Error('no')
    }),
  ).toThrow('no')
  expect([store.get(page).map, opened.map.toJSON(), store.get(title), events]).toEqual([{ a: 1 }, { a: 1 }, '', []])
  expect(store.snapshot).toBe(before)

  store.transact((tx) => {
    tx.edit(page, put('b', 1))
    try {
      tx.savepoint((part) => {
        part.edit(page, put('b', 2))
        part.edit(page, put('c', 2))
        throw new Error('not this part')
      })
    } catch {
      tx.edit(page, put('d', 1))
    }
  })
  expect([store.get(page).map, opened.map.toJSON()]).toEqual(Array(2).fill({ a: 1, b: 1, d: 1 }))
})

test('[DO3] one Change may write docs, texts and other refs, and is seen as a whole', async () => {
  const store = await open()
  const seen: unknown[] = []
  store.changes(everything, ({ now }) => seen.push([now.get(title), now.get(page).map, now.get(text('note'))]))
  const { change } = store.transact((tx) => {
    tx.set(title, 'T')
    tx.edit(page, put('a', 1))
    tx.insert(text('note'), 0, 'n')
  })
  expect(seen).toEqual([['T', { a: 1 }, 'n']])
  expect(change!.ops.map((op) => `${op.tag} ${op.address}`).sort()).toEqual(['doc page/one', 'lww title', 'text note'])
  expect(store.transact((tx) => tx.edit(page, put('a', 1))).change).toBeUndefined()
})

test('[DO3] a transaction that awaits edits what it began with, and runs again when that has moved', async () => {
  const store = await open()
  let runs = 0
  const { change } = await store.transactAsync(async (tx) => {
    runs++
    const count = Number(tx.get(page).map['count'] ?? 0)
    await Promise.resolve()
    if (runs === 1) store.transact((other) => other.edit(page, put('count', 10)))
    tx.edit(page, put('count', count + 1))
  })
  expect([runs, store.get(page).map, change!.ops.length]).toEqual([2, { count: 11 }, 1])
})

test('[DO10] two tabs that edit at once, by transactions and by hand, show the same, and so does a reload', async () => {
  const storage = memoryStorage()
  const [a, b] = [await open(storage), await open(storage)]
  const [left, right] = [openDoc(a, page), openDoc(b, page)]
  left.fragment.insert(0, [new Y.XmlText('shared')])
  await a.durable()
  await vi.waitFor(() => expect(b.get(page).fragment.length).toBe(1))
  const words = (from: DocRoots): Y.XmlText => from.fragment.get(0) as unknown as Y.XmlText
  for (let i = 0; i < 20; i++) {
    a.transact((tx) => tx.edit(page, ({ array }) => array.push([i])))
    words(left).insert(0, '<')
    words(right).format(0, 3, { bold: i % 2 === 0 ? {} : null })
    if (i % 3 === 0) b.transact((tx) => tx.edit(page, (roots) => words(roots).insert(words(roots).length, '>')))
    if (i % 4 === 0) await Promise.all([a.durable(), b.durable()])
  }
  await vi.waitFor(() => {
    expect(a.get(page)).toEqual(b.get(page))
    expect(a.snapshot.basis).toEqual(b.snapshot.basis)
  })
  const final = a.get(page)
  expect(final.array).toEqual(Array.from({ length: 20 }, (_, i) => i))
  const shown = JSON.stringify(final.fragment)
  expect([shown.split('<').length, shown.split('>').length]).toEqual([21, 8])
  await Promise.all([a.durable(), b.durable()])
  for (const store of stores.splice(0)) await store.close()
  const again = await open(storage)
  expect(again.get(page)).toEqual(final)
  expect(words(openDoc(again, page)).toString()).toBe(words(left).toString())
})

test('[UN1] [DO9] an undo takes back what a step wrote into docs and other refs, as one Change, and a redo writes it again', async () => {
  const storage = memoryStorage()
  const store = await open(storage)
  const opened = openDoc(store, page)
  const paragraph = new Y.XmlElement('paragraph')
  paragraph.insert(0, [new Y.XmlText('typed')])
  opened.fragment.insert(0, [paragraph])
  await Promise.resolve()
  const typed = store.get(page)
  store.transact((tx) => {
    tx.set(title, 'with a doc')
    tx.edit(page, ({ fragment, map }) => {
      fragment.delete(0, 1)
      map.set('with', new Y.Map([['a', 1]]))
    })
  })
  const after = store.get(page)
  const { superseded, irreversible, change } = store.undo()
  expect([store.get(title), store.get(page), superseded, irreversible]).toEqual(['', typed, [], []])
  expect(change!.ops.map(({ tag }) => tag).sort()).toEqual(['doc', 'lww'])
  expect(opened.fragment.toString()).toBe('<paragraph>typed</paragraph>')
  store.redo()
  expect([store.get(title), store.get(page)]).toEqual(['with a doc', after])
  store.undo()
  store.undo()
  expect(store.get(page)).toEqual({ fragment: [], text: [], map: {}, array: [] })
  await store.durable()
  opened.close()
  await store.close()
  stores.splice(0)
  const again = await open(storage)
  expect([again.get(title), again.get(page).fragment]).toEqual(['', []])
  again.redo()
  expect(again.get(page)).toEqual(typed)
  again.redo()
  expect([again.get(title), again.get(page)]).toEqual(['with a doc', after])
})

test('[DO12] a doc over its limit is refused in a transaction; of what is written by hand the store tells, and the handle', async () => {
  const store = await open()
  const small = doc('page', 'small', { maxBytes: 60 })
  const opened = openDoc(store, small)
  const heard: boolean[] = []
  opened.onFull((isFull) => heard.push(isFull))
  const free = opened.roomBytes
  expect(() => store.transact((tx) => tx.edit(small, put('a', 'x'.repeat(60))))).toThrow(
    expect.objectContaining({ code: 'too-large-for-ref' }),
  )
  expect([opened.roomBytes, store.get(small).map]).toEqual([free, {}])
  const violations: Violation[] = []
  store.onViolation(small, (violation) => violations.push(violation))
  // What tells that it is a string, its length, and the key with its own.
  opened.map.set('a', 'x'.repeat(free - 4))
  await Promise.resolve()
  await new Promise((resolve) => setTimeout(resolve))
  expect([opened.roomBytes, heard, violations]).toEqual([0, [true], []])
  opened.map.set('b', 'over')
  await new Promise((resolve) => setTimeout(resolve))
  expect([opened.roomBytes < 0, heard, violations.map(({ rule, isOver }) => [rule, isOver])]).toEqual([
    true,
    [true],
    [['maxBytes', false]],
  ])
  opened.map.delete('a')
  await new Promise((resolve) => setTimeout(resolve))
  expect([heard, violations.map(({ isOver }) => isOver)]).toEqual([
    [true, false],
    [false, true],
  ])
  opened.close()
  expect(openDoc(store, page).roomBytes).toBe(Infinity)
})

test('[DO12] a schema judges what a transaction leaves, and tells of what is written by hand', async () => {
  const store = await open()
  const titled = doc('page', 'titled', {
    schema: {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) => {
          const { fragment } = value as { fragment: readonly { type: string }[] }
          return fragment.length === 0 || fragment[0]!.type === 'heading'
            ? { value: value as never }
            : { issues: [{ message: 'begins with a heading' }] }
        },
      },
    },
  })
  const paragraph = ({ fragment }: DocRoots): void => fragment.insert(0, [new Y.XmlElement('paragraph')])
  expect(() => store.transact((tx) => tx.edit(titled, paragraph))).toThrow('begins with a heading')
  const rules: string[] = []
  store.onViolation(titled, ({ rule }) => rules.push(rule))
  const opened = openDoc(store, titled)
  paragraph(opened)
  await new Promise((resolve) => setTimeout(resolve))
  expect([rules, store.get(titled).fragment]).toEqual([['schema'], [{ type: 'paragraph' }]])
})

test('[DO30] [TE14] handles share the document, only docs are docs, and closing leaves nothing', async () => {
  const store = await open()
  const [one, two] = [openDoc(store, page), openDoc(store, page)]
  expect(one.doc).toBe(two.doc)
  const { map, doc: document } = one
  one.close()
  one.close()
  expect(document.isDestroyed).toBe(false)
  two.map.set('last', true)
  two.close()
  expect([document.isDestroyed, store.get(page).map]).toEqual([true, { last: true }])
  map.set('late', true)
  expect(errors.splice(0).map((error) => (error as { code: string }).code)).toEqual(['edit-ignored'])
  expect(() => openDoc(store, text('note') as unknown as DocRef)).toThrow(
    expect.objectContaining({ code: 'no-document' }),
  )
  expect(() => openText(store, page as unknown as TextRef)).toThrow(expect.objectContaining({ code: 'no-document' }))
})

test('[DO30] cursors stand in their doc, under the id that its document has', async () => {
  const storage = memoryStorage()
  const [a, b] = [await open(storage), await open(storage)]
  a.presence.set({ user: { name: 'Ada', color: '#a83279' } })
  const [mine, theirs, other] = [openDoc(a, page), openDoc(b, page), openDoc(b, doc('page', 'two'))]
  mine.fragment.insert(0, [new Y.XmlText('words')])
  const anchor = Y.createRelativePositionFromTypeIndex(mine.fragment.get(0) as unknown as Y.XmlText, 2)
  mine.awareness!.setLocalStateField('cursor', {
    anchor,
    head: Y.createRelativePositionFromTypeIndex(mine.fragment, 1),
  })
  await vi.waitFor(() => expect(b.get(page).fragment.length).toBe(1))
  const seen = (from: typeof theirs): unknown => from.awareness!.getStates().get(a.presence.self)?.['cursor']
  await vi.waitFor(() => expect(seen(theirs)).toBeTruthy())
  const cursor = seen(theirs) as { anchor: Y.RelativePosition; head: Y.RelativePosition }
  expect(Y.createAbsolutePositionFromRelativePosition(cursor.anchor, theirs.doc)).toMatchObject({ index: 2 })
  expect(Y.createAbsolutePositionFromRelativePosition(cursor.head, theirs.doc)).toMatchObject({ index: 1 })
  expect(seen(other)).toBeNull()
  const { awareness } = mine
  expect([awareness!.clientID, awareness!.doc]).toEqual([mine.doc.clientID, mine.doc])
  expect(new Set(awareness!.getStates().keys())).toEqual(new Set([mine.doc.clientID, b.presence.self]))
  expect(awareness!.states).toBe(awareness!.getStates())
  mine.close()
  await vi.waitFor(() => expect(seen(theirs)).toBeNull())
})

test('[DO2] every other write says which one there is, and leaves nothing', async () => {
  const store = await open()
  // The compiler refuses these; what comes from elsewhere has no types.
  const untyped = page as unknown as Ref<number, { set: unknown; merge: unknown; patch: unknown; add: true }>
  const writes: Record<string, (tx: Tx) => void> = {
    set: (tx) => tx.set(untyped, { map: { a: 1 } }),
    merge: (tx) => tx.merge(untyped, 0, { map: { a: 1 } }),
    patch: (tx) => tx.patch(untyped, { map: { a: 1 } }),
    add: (tx) => tx.add(untyped, 1),
  }
  for (const [name, write] of Object.entries(writes)) {
    const attempt = (): unknown =>
      store.transact((tx) => {
        tx.set(title, 'half')
        write(tx)
      })
    expect(attempt).toThrow(
      expect.objectContaining({
        code: 'invalid-write',
        message: `The doc "page/one" has no write "${name}". Use tx.edit(ref, ({ fragment, text, map, array }) => …).`,
      }),
    )
  }
  expect([store.get(title), store.get(page).map, store.status.unsaved]).toEqual(['', {}, 0])
})
