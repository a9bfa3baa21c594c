import { lww } from '@syncline/merge'
import { memoryStorage, openStore } from '@syncline/store'
import type { Store, StoreOptions } from '@syncline/store'
import { afterEach, expect, test } from 'vitest'
import { openText, text } from '../src/index.ts'
import { textPolicy } from '../src/policy.ts'
import { UndoingSite } from './undoing.ts'
import { insert, note as noteOfSite, remove, task } from './world.ts'

const title = lww('title', '')
const note = text('note')
const other = text('other')
const stores: Store[] = []
const errors: unknown[] = []
/** Time that moves when told. */
let nowMs = 1_700_000_000_000

async function open(options: Partial<StoreOptions> = {}): Promise<Store> {
  const clock = { nowMs: () => nowMs, setTimer: () => () => undefined }
  const onError = (error: unknown): void => void errors.push(error)
  const store = await openStore({ space: 'board', storage: memoryStorage(), clock, onError, ...options })
  stores.push(store)
  return store
}

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
  if (errors.length > 0) throw new AggregateError(errors.splice(0), 'errors were reported')
})

test('[UN1] [TE20] [TE21] an undo takes back what a step wrote into texts and other refs, as one Change; a redo writes it again', async () => {
  const store = await open()
  store.transact((tx) => tx.insert(note, 0, 'alone'))
  store.transact((tx) => {
    tx.set(title, 'with text')
    tx.insert(note, 5, ' and more')
    tx.remove(note, 0, 1)
    tx.set(other, 'elsewhere')
  })
  const read = (): string[] => [store.get(title), store.get(note), store.get(other)]
  const states = [['', '', ''], ['', 'alone', ''], read()]
  expect(states[2]).toEqual(['with text', 'lone and more', 'elsewhere'])
  for (let round = 0; round < 3; round++) {
    const { change, superseded, irreversible } = store.undo()
    expect([read(), superseded, irreversible]).toEqual([states[1], [], []])
    expect(change!.ops.map(({ address }) => address).sort()).toEqual(['note', 'other', 'title'])
    store.undo()
    expect([read(), store.undoStack().undoable]).toEqual([states[0], false])
    store.redo()
    expect(read()).toEqual(states[1])
    store.redo()
    expect([read(), store.undoStack().redoable]).toEqual([states[2], false])
  }
})

test('[TE20] what others have typed into an inserted stretch stays, and what they have deleted of it stays deleted', () => {
  const [mine, theirs] = [new UndoingSite(0, 2), new UndoingSite(1, 2)]
  const exchange = (): void => {
    for (const sent of mine.sent) theirs.receive(sent)
    for (const sent of theirs.sent) mine.receive(sent)
  }
  mine.transact(noteOfSite, insert(0, 'a line of mine'))
  exchange()
  theirs.transact(noteOfSite, insert(6, ' or two'))
  theirs.transact(noteOfSite, remove(0, 2))
  exchange()
  expect(mine.read(noteOfSite)).toBe('line or two of mine')
  expect(mine.undo()).toMatchObject({ superseded: [''] })
  expect(mine.read(noteOfSite)).toBe(' or two')
  // What they have deleted does not come back with what comes back.
  mine.redo()
  expect(mine.read(noteOfSite)).toBe('line or two of mine')
  exchange()
  expect(theirs.read(noteOfSite)).toBe('line or two of mine')
})

test('[TE22] what an undo has put back stands for what was deleted: who takes back the writing of it takes that back too', async () => {
  const store = await open()
  const set = (value: string): unknown => store.transact((tx) => tx.set(note, value))
  set('one two three')
  set('one three')
  set('one three four')
  store.undo()
  store.undo()
  expect(store.get(note)).toBe('one two three')
  store.undo()
  expect(store.get(note)).toBe('')
  for (const value of ['one two three', 'one three', 'one three four']) {
    store.redo()
    expect(store.get(note)).toBe(value)
  }
})

test('[TE23] a step of which others have left nothing makes no Change, says so and is gone', () => {
  const [mine, theirs] = [new UndoingSite(0, 2), new UndoingSite(1, 2)]
  mine.transact(noteOfSite, insert(0, 'mine'))
  theirs.receive(mine.sent[0]!)
  theirs.transact(noteOfSite, remove(0, 4))
  mine.receive(theirs.sent[0]!)
  expect(mine.undo()).toMatchObject({ sent: undefined, superseded: [''] })
  expect(mine.undo()).toBe(undefined)
})

test('[UN2] [UN3] [TE24] what is typed without a pause is one step, and each pause begins another', async () => {
  const store = await open()
  const opened = openText(store, note)
  const elsewhere = openText(store, other)
  const type = async (words: string, { text: into } = opened): Promise<void> => {
    for (const key of words) {
      nowMs += 100
      into.insert(into.length, key)
      await task()
    }
  }
  const texts = [store.get(note)]
  await type('Hello')
  texts.push(store.get(note))
  nowMs += 500
  await type(', wor')
  // Erasing what was just typed wrongly is part of typing.
  opened.text.delete(opened.text.length - 1, 1)
  await task()
  await type('rld')
  texts.push(store.get(note))
  expect(texts).toEqual(['', 'Hello', 'Hello, world'])
  // Another text, another step; and so is what is typed after a transaction, or after an undo.
  await type('aside', elsewhere)
  await type('!')
  store.transact((tx) => tx.set(title, 'between'))
  await type('?')
  expect(store.get(note)).toBe('Hello, world!?')
  store.undo()
  expect(store.get(note)).toBe('Hello, world!')
  await type('.')
  store.undo()
  store.undo()
  expect([store.get(title), store.get(note)]).toEqual(['', 'Hello, world!'])
  store.undo()
  expect([store.get(note), store.get(other)]).toEqual(['Hello, world', 'aside'])
  store.undo()
  expect(store.get(other)).toBe('')
  for (const value of texts.slice(0, -1).toReversed()) {
    store.undo()
    expect([store.get(note), opened.text.toString()]).toEqual([value, value])
  }
  expect(store.undoStack().undoable).toBe(false)
  for (const value of texts.slice(1)) {
    store.redo()
    expect([store.get(note), opened.text.toString()]).toEqual([value, value])
  }
  // Edits of one task inside of a group belong to it.
  store.undoStack().group(() => {
    opened.text.insert(0, '>')
    store.transact((tx) => tx.set(title, 'quoted'))
  })
  store.undo()
  expect([store.get(title), store.get(note)]).toEqual(['', 'Hello, world'])
})

test('[UN5] [TE21] it survives a reload, both ways, and goes on from there', async () => {
  const storage = memoryStorage()
  const first = await open({ storage })
  const opened = openText(first, note)
  opened.text.insert(0, 'a first line')
  await task()
  first.transact((tx) => tx.remove(note, 2, 6))
  first.transact((tx) => tx.insert(note, 0, '> '))
  first.undo()
  first.undo()
  expect(first.get(note)).toBe('a first line')
  await first.close()

  const second = await open({ storage })
  expect(() => second.redo()).toThrow(/has not met a "text" ref yet/)
  expect(second.get(note)).toBe('a first line')
  second.redo()
  expect(second.get(note)).toBe('a line')
  second.undo()
  await second.close()

  const third = await open({ storage })
  third.get(note)
  // What the first has typed, the second has put back: it stands for it.
  third.undo()
  expect([third.get(note), third.undoStack().undoable]).toEqual(['', false])
  for (const value of ['a first line', 'a line', '> a line']) {
    third.redo()
    expect(third.get(note)).toBe(value)
  }
})

test('[UN9] an undo that would leave more than the text may hold is refused, and has not happened', async () => {
  const store = await open()
  const limited = text('note', { maxBytes: 20 })
  store.transact((tx) => tx.set(limited, 'a short text'))
  store.transact((tx) => tx.set(limited, ''))
  store.transact((tx) => tx.set(limited, 'some other text'), { undo: false })
  expect(() => store.undo()).toThrow('may take 20')
  expect([store.get(limited), store.undoStack().undoable]).toEqual(['some other text', true])
  store.transact((tx) => tx.set(limited, ''), { undo: false })
  store.undo()
  expect(store.get(limited)).toBe('a short text')
})

test('[ME66] [TE25] what is kept, and what an undo writes, is as large as the edit, however long the text and its history are', () => {
  const site = new UndoingSite()
  site.transact(noteOfSite, insert(0, 'x'.repeat(100_000)))
  for (let i = 0; i < 300; i++) site.transact(noteOfSite, insert((i * 37) % 1000, `${i}`), remove((i * 91) % 900, 2))
  const state = site.states.get('note')!
  const edit = site.transact(noteOfSite, insert(500, 'abc'), remove(700, 5))!
  const inverse = site.reversal.inverse(state, edit, site.past)!
  expect(JSON.stringify(inverse).length).toBeLessThan(80)
  const undone = [{ inverse, stamp: { at: 1, writer: 'w' } }]
  const { payload, restored } = site.reversal.revert(site.states.get('note'), undone, site.past)
  expect((payload as Uint8Array).length + JSON.stringify(restored).length).toBeLessThan(150)
})

test('[TE20] the policy without a store takes back too', () => {
  const { reversal } = textPolicy
  if (reversal === undefined || reversal === 'none') throw new Error('It has none.')
  const site = new UndoingSite()
  site.transact(noteOfSite, insert(0, 'kept '))
  const before = site.states.get('note')
  const edit = site.transact(noteOfSite, remove(0, 5), insert(0, 'new'))!
  const stamp = { at: 1, writer: 'w' }
  const inverse = reversal.inverse(before, (edit as Uint8Array).slice(), site.past)!
  const { payload } = reversal.revert(site.states.get('note'), [{ inverse, stamp }], site.past)
  expect(textPolicy.read(textPolicy.apply(site.states.get('note'), payload!, stamp), noteOfSite)).toBe('kept ')
})

test('[UN6] what an undo has put back and the relay has refused stands for nothing', () => {
  const site = new UndoingSite()
  site.transact(noteOfSite, insert(0, 'one two'))
  site.transact(noteOfSite, remove(3, 4))
  const acknowledged = site.states.get('note')
  const [insertion, removal] = site.undos
  site.undo()
  // The undo is refused: the state is made without it, and the step can be taken back again.
  site.states.set('note', acknowledged!)
  site.policy.reset('note', acknowledged)
  site.undos = [insertion!, removal!]
  site.undo()
  expect([site.read(noteOfSite), site.replayed(noteOfSite)]).toEqual(['one two', 'one two'])
  site.undo()
  expect([site.read(noteOfSite), site.replayed(noteOfSite)]).toEqual(['', ''])
})

test('[TE21] [TE25] who takes back and does again for long reads what was put back once', () => {
  const site = new UndoingSite()
  site.open(noteOfSite)
  site.transact(noteOfSite, insert(0, 'some text'))
  for (let i = 0; i < 40; i++) site.transact(noteOfSite, i % 2 === 0 ? insert(i % 9, 'ab') : remove(i % 9, 1))
  const shown = site.read(noteOfSite)
  let taken = 0
  for (let round = 0; round < 4; round++) {
    while (site.undo() !== undefined) taken += 1
    expect(site.read(noteOfSite)).toBe('')
    while (site.redo() !== undefined) taken += 1
    expect(site.read(noteOfSite)).toBe(shown)
  }
  expect([taken, site.given]).toEqual([4 * 2 * 41, taken - 1])
})
