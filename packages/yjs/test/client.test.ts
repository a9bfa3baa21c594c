import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { text } from '../src/policy.ts'
import { clientsOf, insert, note, Site, task } from './world.ts'

test('[TE12] a session whose client id is used by somebody else takes another, before it writes on', async () => {
  const [a, thief] = [new Site(0, 2), new Site(1, 2)]
  const live = a.open(note)
  live.text.insert(0, 'mine')
  await task()
  const stolen = live.doc.clientID
  thief.receive(a.sent[0]!)
  const forged = thief.open(note)
  forged.doc.clientID = stolen
  forged.text.insert(4, ' theirs')
  await task()
  a.receive(thief.sent[0]!)
  expect(live.doc.clientID).not.toBe(stolen)
  // Taken from the store's chance, before Yjs finds out and takes one of its own.
  expect(live.doc.clientID).toBeLessThan(10)
  live.text.insert(live.text.length, ' mine again')
  await task()
  expect(clientsOf(a.sent[1]!)).toEqual([live.doc.clientID])
  a.transact(text('other'), insert(0, 'x'))
  expect(clientsOf(a.sent[2]!)).not.toContain(stolen)
  thief.receive(a.sent[1]!)
  expect([a.read(note), thief.read(note), a.replayed(note)]).toEqual(Array(3).fill('mine theirs mine again'))
})

test('[TE12] a client id that Yjs itself has changed is kept', async () => {
  const site = new Site()
  const live = site.open(note)
  live.text.insert(0, 'abc')
  await task()
  const old = live.doc.clientID
  const foreign = new Y.Doc()
  Y.applyUpdate(foreign, Y.encodeStateAsUpdate(live.doc))
  foreign.clientID = old
  foreign.getText('text').insert(3, 'def')
  // An app that attaches a provider of its own to the document.
  Y.applyUpdate(live.doc, Y.encodeStateAsUpdate(foreign))
  const changed = live.doc.clientID
  expect(changed).not.toBe(old)
  live.text.insert(6, 'ghi')
  await task()
  expect(live.doc.clientID).toBe(changed)
  site.transact(text('other'), insert(0, 'x'))
  expect(clientsOf(site.sent.at(-1)!)).not.toContain(old)
  expect([site.read(note), site.replayed(note)]).toEqual(['abcdefghi', 'abcdefghi'])
})

test('[TE12] after a reset the document shows the given state, under another client id, and the old one is ignored', async () => {
  const site = new Site()
  const live = site.open(note)
  live.text.insert(0, 'kept')
  await task()
  const kept = site.states.get('note')!
  live.text.insert(4, ' refused')
  await task()
  const before = { doc: live.doc, text: live.text, client: live.doc.clientID }
  const shown: string[] = []
  const unsubscribe = live.onReset(() => shown.push(live.text.toString()))
  site.states.set('note', kept)
  site.policy.reset('note', kept)
  expect(shown).toEqual(['kept'])
  expect(live.doc).not.toBe(before.doc)
  expect(before.doc.isDestroyed).toBe(true)
  expect(live.doc.clientID).not.toBe(before.client)
  before.text.insert(0, 'lost')
  live.text.insert(4, ' on')
  await task()
  expect(site.sent.length).toBe(3)
  expect([site.read(note), site.replayed(note), site.codes]).toEqual(['kept on', 'kept on', ['edit-ignored']])
  unsubscribe()
  site.policy.reset('note', site.states.get('note'))
  expect(shown.length).toBe(1)
})

test('[TE12] a direct edit of this task survives a reset, unless it was made on what has gone', async () => {
  const site = new Site()
  const live = site.open(note)
  live.text.insert(0, 'kept')
  await task()
  const kept = site.states.get('note')!
  live.text.insert(0, '>')
  site.policy.reset('note', kept)
  expect(live.text.toString()).toBe('>kept')
  await task()
  expect([site.read(note), site.replayed(note), site.reports]).toEqual(['>kept', '>kept', []])

  const now = site.states.get('note')!
  live.text.insert(5, ' refused')
  await task()
  live.text.insert(live.text.length, ' and on')
  site.states.set('note', now)
  site.policy.reset('note', now)
  await task()
  expect([live.text.toString(), site.read(note), site.replayed(note)]).toEqual(Array(3).fill('>kept'))
  expect(site.codes).toEqual(['update-incomplete', 'edit-undone'])

  // The Change comes back, authored anew: so does the edit.
  site.commit('note', site.sent[2]!.payload)
  await task()
  expect(site.sent.length).toBe(5)
  expect([live.text.toString(), site.read(note), site.replayed(note)]).toEqual(Array(3).fill('>kept refused and on'))
})

test('[TE12] a reset of a text that is not open never gives out its clocks again', () => {
  const site = new Site()
  site.transact(note, insert(0, 'kept'))
  const kept = site.states.get('note')!
  site.transact(note, insert(4, ' refused'))
  site.states.set('note', kept)
  site.policy.reset('note', kept)
  site.transact(note, insert(4, ' other'))
  expect(clientsOf(site.sent[2]!)).not.toEqual(clientsOf(site.sent[1]!))
  expect([site.read(note), site.replayed(note)]).toEqual(['kept other', 'kept other'])
})
