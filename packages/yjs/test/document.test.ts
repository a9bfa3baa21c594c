import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { text } from '../src/policy.ts'
import { clientsOf, insert, note, remove, set, Site, task } from './world.ts'

test('[TE8] the direct edits of one task are one Change', async () => {
  const site = new Site()
  const live = site.open(note)
  for (const [i, character] of ['a', 'b', 'c'].entries()) live.text.insert(i, character)
  live.text.delete(1, 1)
  expect(site.sent.length).toBe(0)
  await task()
  expect(site.sent.length).toBe(1)
  live.text.insert(0, 'x')
  await task()
  expect(site.sent.length).toBe(2)
  expect([site.read(note), site.replayed(note)]).toEqual(['xac', 'xac'])
})

test('[TE8] thousands of direct edits in one task are one Change too', async () => {
  const site = new Site()
  const live = site.open(note)
  for (let i = 0; i < 3000; i++) live.text.insert(i % 7 === 0 ? 0 : live.text.length, 'z')
  await task()
  expect(site.sent.length).toBe(1)
  expect(site.replayed(note)).toBe('z'.repeat(3000))
})

test('[TE8] flush hands over at once, and the microtask has nothing left to do', async () => {
  const site = new Site()
  const live = site.open(note)
  live.text.insert(0, 'abc')
  site.policy.flush()
  expect(site.sent.length).toBe(1)
  await task()
  expect(site.sent.length).toBe(1)
})

test('[TE8] a transaction comes after the direct edits of its task', () => {
  const site = new Site()
  const live = site.open(note)
  live.text.insert(0, 'typed')
  site.transact(note, insert(5, ' written'))
  expect(site.sent.length).toBe(2)
  expect([live.text.toString(), site.read(note), site.replayed(note)]).toEqual(Array(3).fill('typed written'))
})

test('[TE8] a state read while direct edits wait reads without them', () => {
  const site = new Site()
  const live = site.open(note)
  site.transact(note, insert(0, 'abc'))
  const state = site.states.get('note')!
  state.value = undefined
  live.text.insert(3, 'd')
  expect(site.read(note)).toBe('abc')
  site.policy.flush()
  expect(site.read(note)).toBe('abcd')
})

test('[TE10] edits of others appear in the open document, as one event, and are not sent again', async () => {
  const [a, b] = [new Site(0, 2), new Site(1, 2)]
  const live = b.open(note)
  const events: unknown[] = []
  live.text.observe((event) => events.push(event.delta))
  a.transact(note, insert(0, 'hello'), insert(5, ' world'))
  for (const change of a.sent) b.receive(change)
  await task()
  expect(live.text.toString()).toBe('hello world')
  expect(events).toEqual([[{ insert: 'hello world' }]])
  expect(b.sent.length).toBe(0)
})

test('[TE3] writing a text nobody has open gives the same as writing an open one', () => {
  const [closed, open] = [new Site(), new Site()]
  open.open(note)
  for (const site of [closed, open]) {
    site.transact(note, insert(0, 'abc'))
    site.transact(note, set('abXc'), remove(0, 1))
  }
  expect(closed.sent).toEqual(open.sent)
  expect(closed.read(note)).toBe('bXc')
})

test('[TE12] the documents of one session share one client id, and another session has another', () => {
  const site = new Site()
  const names = Array.from({ length: 12 }, (_, i) => text('note', `n${i}`))
  for (let round = 0; round < 2; round++) for (const ref of names) site.transact(ref, insert(0, 'x'))
  expect(new Set(site.sent.flatMap(clientsOf)).size).toBe(1)
  expect(names.map((ref) => site.read(ref))).toEqual(Array(12).fill('xx'))
  const next = new Site(1)
  next.transact(note, insert(0, 'x'))
  expect(clientsOf(next.sent[0]!)).not.toEqual(clientsOf(site.sent[0]!))
  expect(site.reports).toEqual([])
})

test('[TE12] a document that was closed and opened again goes on with its clocks', async () => {
  const site = new Site()
  for (const word of ['one ', 'two ', 'three']) {
    const live = site.open(note)
    live.text.insert(live.text.length, word)
    site.policy.release(live)
    expect(live.doc.isDestroyed).toBe(true)
  }
  expect(site.sent.length).toBe(3)
  expect([site.read(note), site.replayed(note)]).toEqual(['one two three', 'one two three'])
  expect(site.reports).toEqual([])
})

test('[TE14] an open document stays while many others are written', async () => {
  const site = new Site()
  const live = site.open(note)
  live.text.insert(0, 'open')
  for (let i = 0; i < 30; i++) site.transact(text('many', `${i}`), insert(0, 'x'))
  expect([live.doc.isDestroyed, site.policy.live('note') === live]).toEqual([false, true])
  live.text.insert(4, '!')
  await task()
  expect(site.read(note)).toBe('open!')
})

test('[TE14] handles of one ref share the document until the last closes', () => {
  const site = new Site()
  const first = site.open(note)
  const second = site.open(note)
  expect(second).toBe(first)
  site.policy.release(first)
  expect(first.doc.isDestroyed).toBe(false)
  site.policy.release(first)
  expect(first.doc.isDestroyed).toBe(true)
})

test('[TE14] an edit of a closed document is reported, not lost in silence', async () => {
  const site = new Site()
  const live = site.open(note)
  const { text: ytext } = live
  site.policy.release(live)
  ytext.insert(0, 'too late')
  ytext.insert(0, 'again ')
  await task()
  expect(site.codes).toEqual(['edit-ignored'])
  expect(site.sent.length).toBe(0)
})

test('[TE8] a direct edit that could not be handed over goes with the next one', async () => {
  const site = new Site()
  const live = site.open(note)
  site.refuses = new Error('not now')
  live.text.insert(0, 'a')
  await task()
  expect(site.reports).toEqual([new Error('not now')])
  site.refuses = undefined
  live.text.insert(1, 'b')
  await task()
  expect(site.sent.length).toBe(1)
  expect([site.read(note), site.replayed(note)]).toEqual(['ab', 'ab'])
})

test('[TE9] a direct edit that the store has taken but not yet committed is not part of what a transaction writes on', () => {
  const site = new Site()
  const live = site.open(note)
  site.transact(note, insert(0, 'abc'))
  live.text.insert(0, 'D')
  const { commit } = site
  const taken: Parameters<typeof commit>[] = []
  site.commit = (...edit) => void taken.push(edit)
  site.policy.flush()
  expect(taken.length).toBe(1)
  expect(site.read(note)).toBe('abc')
  site.transact(note, insert(3, 'd'))
  site.commit = commit
  for (const edit of taken) site.commit(...edit)
  expect([live.text.toString(), site.read(note), site.replayed(note)]).toEqual(Array(3).fill('Dabcd'))
})

test('[TE8] closing the policy hands over what was typed and destroys every document', () => {
  const site = new Site()
  const live = site.open(note)
  live.text.insert(0, 'last words')
  site.policy.close()
  expect(site.read(note)).toBe('last words')
  expect(live.doc.isDestroyed).toBe(true)
  site.policy.release(live)
  expect(site.reports).toEqual([])
})

test('[TE8] Yjs undo in an editor is a direct edit like any other', async () => {
  const [a, b] = [new Site(0, 2), new Site(1, 2)]
  const live = a.open(note)
  const undo = new Y.UndoManager(live.text)
  live.text.insert(0, 'mine')
  await task()
  b.receive(a.sent[0]!)
  b.transact(note, insert(4, ' theirs'))
  a.receive(b.sent[0]!)
  undo.undo()
  await task()
  expect(a.sent.length).toBe(2)
  b.receive(a.sent[1]!)
  expect([a.read(note), b.read(note), a.replayed(note)]).toEqual(Array(3).fill(' theirs'))
  undo.redo()
  await task()
  expect([a.read(note), a.replayed(note)]).toEqual(['mine theirs', 'mine theirs'])
})
