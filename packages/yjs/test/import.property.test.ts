import { memoryStorage, openStore } from '@syncline/store'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { doc, exportStateVector, exportUpdate, importUpdate, text } from '../src/index.ts'
import type { DocRoots, Elsewhere } from '../src/index.ts'
import { readForeign } from '../src/foreign-update.ts'
import { structured } from '../src/structured.ts'
import { act, perform } from './doc-world.ts'

const note = text('note')
const page = doc('page')
const into: Elsewhere[] = [
  { ref: note, root: 'title' },
  { ref: page, roots: { fragment: 'default', text: 'body', map: 'settings', array: 'list' } },
]

/** What people do with plain Yjs: in a title, in what an app keeps beside it, and in a root that is not imported. */
const step = fc.record({
  site: fc.nat(2),
  kind: fc.constantFrom('act', 'act', 'title', 'title', 'erase', 'other', 'sync', 'sync') as fc.Arbitrary<
    'act' | 'title' | 'erase' | 'other' | 'sync'
  >,
  act,
  at: fc.nat(),
  word: fc.constantFrom('a', 'bc ', 'Zwölf', '😀', 'a longer run of words'),
})

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

function rootsIn(made: Y.Doc): DocRoots {
  return {
    fragment: made.getXmlFragment('default'),
    text: made.getText('body'),
    map: made.getMap('settings'),
    array: made.getArray('list'),
  }
}

function take(sites: readonly Y.Doc[], { site, kind, act: one, at, word }: Step): void {
  const made = sites[site]!
  const title = made.getText('title')
  const index = at % (title.length + 1)
  if (kind === 'act') made.transact(() => perform(rootsIn(made), one))
  else if (kind === 'title') title.insert(index, word)
  else if (kind === 'erase') title.delete(index, Math.min(3, title.length - index))
  else if (kind === 'other') made.getMap('other').set(word, at)
  else Y.applyUpdate(made, Y.encodeStateAsUpdate(sites[(site + 1) % sites.length]!, Y.encodeStateVector(made)))
}

/** What plain Yjs shows of updates, as refs would. */
function shownBy(updates: readonly Uint8Array[]): unknown {
  const made = new Y.Doc({ gc: false })
  const roots = rootsIn(made)
  // Yjs tidies up formats by edits of its own.
  made.on('afterTransaction', (transaction) => (transaction._needFormattingCleanup = false))
  for (const update of updates) Y.applyUpdate(made, update)
  const shown = made.getText('title').toString()
  for (const [own, type] of Object.entries(roots)) made.share.set(own, type)
  return [shown, structured.read(made)]
}

let waited = 0
let renewed = 0
let written = 0

test('[IM13] what was imported of any updates, in any order, reads as plain Yjs shows it, whoever imports what', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 40 }),
      fc.array(step, { maxLength: 12 }),
      fc.infiniteStream(fc.nat()),
      async (history, later, chance) => {
        const draw = (most: number): number => (chance.next().value as number) % most
        const sites = [new Y.Doc(), new Y.Doc({ gc: false }), new Y.Doc()]
        sites.forEach((site, i) => (site.clientID = i + 1))
        const records: Uint8Array[] = []
        sites[0]!.on('update', (update: Uint8Array) => records.push(update))
        sites[1]!.on('update', (update: Uint8Array) => records.push(update))
        for (const one of history) take(sites, one)
        if (draw(2) === 0) records.push(Y.encodeStateAsUpdate(sites[draw(3)]!))

        const errors: unknown[] = []
        const storage = memoryStorage()
        const open = (): ReturnType<typeof openStore> =>
          openStore({ space: 's', storage, onError: (error) => void errors.push(error) })
        const [a, b] = [await open(), await open()]
        const shown = (store: typeof a): unknown => [store.get(note), store.get(page)]

        // Some, in some order, some twice.
        const some = records.flatMap((record) => Array(draw(3)).fill(record) as Uint8Array[])
        some.sort(() => draw(3) - 1)
        const { value } = a.transact((tx) => importUpdate(tx, into, some))
        expect(value.setAside).toEqual([])
        waited += value.waiting.length
        expect(shown(a)).toEqual(shownBy(some))

        // Two who each have all of it.
        b.transact((tx) => importUpdate(tx, into, records.toReversed()))
        expect(shown(b)).toEqual(shownBy(records))
        const version = draw(2) === 0 ? 1 : 2
        const whole = version === 1 ? records : records.map((record) => Y.convertUpdateFormatV1ToV2(record))
        if (a.transact((tx) => importUpdate(tx, into, whole, { version })).change !== undefined) renewed += 1
        await settled(a, b)
        expect([shown(a), shown(b)]).toEqual(Array(2).fill(shownBy(records)))
        for (const store of [a, b])
          expect(store.transact((tx) => importUpdate(tx, into, records)).change).toBeUndefined()

        // Both sides go on.
        const plain = new Y.Doc()
        plain.clientID = 9
        for (const record of records) Y.applyUpdate(plain, record)
        for (const one of later) {
          if (one.site === 0) take([plain, plain, plain], one)
          else if (one.kind === 'act') a.transact((tx) => tx.edit(page, (roots) => perform(roots, one.act)))
          else a.transact((tx) => tx.insert(note, one.at % (a.get(note).length + 1), one.word))
        }
        written += later.length
        const since = draw(2) === 0 ? Y.encodeStateVector(plain) : undefined
        const out = exportUpdate(a, into, { version, ...(since !== undefined && { since }) })
        // Either all, or only what is new to the refs.
        const back = Y.encodeStateAsUpdate(plain, draw(2) === 0 ? exportStateVector(a, into) : undefined)
        const apply = version === 1 ? Y.applyUpdate : Y.applyUpdateV2
        const others = plain.getMap('other').toJSON()
        apply(plain, out)
        const { value: all } = a.transact((tx) => importUpdate(tx, into, back))
        expect([all.missing, all.setAside]).toEqual([[], []])
        expect(shown(a)).toEqual(shownBy([Y.encodeStateAsUpdate(plain)]))
        // What was left out is where it was.
        expect(plain.getMap('other').toJSON()).toEqual(others)
        await settled(a, b)
        expect(shown(b)).toEqual(shown(a))
        await Promise.all([a.close(), b.close()])
        expect(errors).toEqual([])
      },
    ),
    { numRuns: process.env.SYNCLINE_LONG === '1' ? 2_000 : 30 },
  )
  // A run that did nothing is a failure.
  expect(Math.min(waited, renewed, written)).toBeGreaterThan(5)
})

let damaged = 0
let setAside = 0

test('[IM17] whatever bytes of a record are wrong, nothing throws, and what is imported is what its refs can hold', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 8, maxLength: 30 }),
      fc.array(fc.record({ record: fc.nat(), at: fc.nat(), byte: fc.nat(255), isCut: fc.boolean() }), {
        minLength: 1,
        maxLength: 4,
      }),
      async (history, damages) => {
        const site = new Y.Doc()
        site.clientID = 1
        const records: Uint8Array[] = []
        site.on('update', (update: Uint8Array) => records.push(update))
        for (const one of history) take([site, site, site], one)
        if (records.length === 0) return
        for (const { record, at, byte, isCut } of damages) {
          const i = record % records.length
          const broken = records[i]!.slice()
          const place = at % Math.max(1, broken.length)
          broken[place] = byte
          records[i] = isCut ? broken.slice(0, place) : broken
        }
        const good: Uint8Array[] = []
        for (const record of records) {
          try {
            readForeign(record, 1)
            good.push(record)
          } catch {
            setAside += 1
          }
        }
        damaged += 1
        const errors: unknown[] = []
        const storage = memoryStorage()
        const open = (): ReturnType<typeof openStore> =>
          openStore({ space: 's', storage, onError: (error) => void errors.push(error) })
        const store = await open()
        store.transact((tx) => importUpdate(tx, into, good, { unfit: 'set-aside' }))
        store.transact((tx) => tx.insert(note, 0, 'goes on'))
        const shown = [store.get(note), store.get(page)]
        await store.close()
        const again = await open()
        expect([again.get(note), again.get(page)]).toEqual(shown)
        expect(again.transact((tx) => importUpdate(tx, into, good, { unfit: 'set-aside' })).change).toBeUndefined()
        await again.close()
        expect(errors).toEqual([])
      },
    ),
    { numRuns: process.env.SYNCLINE_LONG === '1' ? 5_000 : 80 },
  )
  expect(Math.min(damaged, setAside)).toBeGreaterThan(20)
})

/** Until tabs have told each other. */
async function settled(...stores: readonly Awaited<ReturnType<typeof openStore>>[]): Promise<void> {
  for (const store of stores) await store.durable()
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 0))
}
