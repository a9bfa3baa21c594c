import { memoryStorage, openStore } from '@syncline/store'
import type { Store, Violation } from '@syncline/store'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { openText, text, YjsError } from '../src/index.ts'
import type { TextDocument, TextRef } from '../src/index.ts'
import { utf8Bytes } from '../src/utf8.ts'
import { task } from './world.ts'

const stores: Store[] = []
const errors: unknown[] = []

async function open(): Promise<Store> {
  const onError = (error: unknown): void => void errors.push(error)
  const store = await openStore({ space: 'notes', storage: memoryStorage(), onError })
  stores.push(store)
  return store
}

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
  if (errors.length > 0) throw new AggregateError(errors.splice(0), 'errors were reported')
})

/** What a listener hears. */
function hear(opened: TextDocument): boolean[] {
  const heard: boolean[] = []
  opened.onFull((isFull) => heard.push(isFull))
  return heard
}

test('[TE13] a text that has its maxBytes is full, whoever wrote, and has room again when somebody deletes', async () => {
  const store = await open()
  const note = text('note', { maxBytes: 12 })
  const [opened, other] = [openText(store, note), openText(store, note)]
  const [heard, heardToo] = [hear(opened), hear(other)]
  opened.text.insert(0, '01234')
  expect([opened.roomBytes, heard]).toEqual([5, []])
  store.transact((tx) => tx.insert(note, 5, '56789'))
  expect([opened.roomBytes, other.roomBytes, heard, heardToo]).toEqual([0, 0, [true], [true]])
  // It is full and in order: a transaction may leave so much.
  const violations: Violation[] = []
  store.onViolation(note, (violation) => violations.push(violation))
  await task()
  expect(violations).toEqual([])
  // Who types on all the same has typed it.
  opened.text.insert(10, '😀')
  await task()
  expect([opened.roomBytes, heard, violations.map(({ rule, isOver }) => [rule, isOver])]).toEqual([
    -4,
    [true],
    [['maxBytes', false]],
  ])
  opened.text.delete(4, 8)
  await task()
  expect([opened.roomBytes, heard, heardToo]).toEqual([6, [true, false], [true, false]])
  expect(violations.map(({ isOver }) => isOver)).toEqual([false, true])
  other.close()
  store.transact((tx) => tx.set(note, 'ten bytes.'))
  expect([heard, heardToo]).toEqual([
    [true, false, true],
    [true, false],
  ])
  expect(openText(store, text('free')).roomBytes).toBe(Infinity)
})

test('[TE13] it is told after a reset too, and what a listener throws is reported', async () => {
  const store = await open()
  const note = text('note', { maxBytes: 12 })
  const opened = openText(store, note)
  const heard = hear(opened)
  opened.onFull(() => {
    throw new Error('from a listener')
  })
  opened.text.insert(0, '0123456789')
  await task()
  // What a plain text cannot hold goes away with the document, and a part of the text with it.
  opened.text.format(0, 2, { bold: true })
  opened.text.delete(0, 5)
  await task()
  expect([opened.text.toString(), heard]).toEqual(['0123456789', [true, false, true]])
  const codes = errors.splice(0).map((error) => (error instanceof YjsError ? error.code : error))
  expect(codes).toEqual(['listener-failed', 'listener-failed', 'edit-undone', 'listener-failed'])
})

test('[TE13] an edit that fits the room leaves nothing that a transaction might not', async () => {
  const store = await open()
  let exact = 0
  let place = 0
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 10, max: 400 }),
      fc.array(fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 12 }),
      async (maxBytes, words) => {
        const id = String((place += 1))
        const note: TextRef = text('note', id, { maxBytes })
        const opened = openText(store, note)
        const violations: Violation[] = []
        store.onViolation(note, (violation) => violations.push(violation))
        for (const word of [...words, '.'.repeat(Math.max(0, opened.roomBytes))]) {
          const fits = utf8Bytes(word) <= opened.roomBytes
          if (fits) opened.text.insert(0, word)
          await task()
          expect(violations).toEqual([])
        }
        const left = opened.roomBytes
        opened.text.insert(0, '.'.repeat(Math.max(0, left)))
        await task()
        expect([violations, opened.roomBytes]).toEqual([[], 0])
        // Copied by a transaction it is taken.
        store.transact((tx) => tx.set(text('copy', id, { maxBytes }), store.get(note)))
        if (left > 0) exact += 1
        opened.close()
      },
    ),
    { numRuns: 60 },
  )
  expect(exact).toBeGreaterThan(20)
  expect(utf8Bytes('aä€😀\ud83d')).toBe(new TextEncoder().encode('aä€😀\ud83d').length)
})
