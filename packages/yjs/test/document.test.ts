import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { text } from '../src/policy.ts'
import { insert, note, remove, set, Site } from './world.ts'
import type { Sent } from './world.ts'

const task = (): Promise<void> => Promise.resolve()

/** The ids of the Yjs clients that an update holds structs of. */
const clientsOf = (change: Sent): number[] => [
  ...new Set(Y.decodeUpdate(change.payload as Uint8Array).structs.map((struct) => struct.id.client)),
]

test('the direct edits of one task are one Change', async () => {
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

test('thousands of direct edits in one task are one Change too', async () => {
  const site = new Site()
  const live = site.open(note)
  for (let i = 0; i < 3000; i++) live.text.insert(i % 7 === 0 ? 0 : live.text.length, 'z')
  await task()
  expect(site.sent.length).toBe(1)
  expect(site.replayed(note)).toBe('z'.repeat(3000))
})

test('flush hands over at once, and the microtask has nothing left to do', async () => {
  const site = new Site()
  const live = site.open(note)
  live.text.insert(0, 'abc')
  site.policy.flush()
  expect(site.sent.length).toBe(1)
  await task()
  expect(site.sent.length).toBe(1)
})

test('a transaction comes after the direct edits of its task', () => {
  const site = new Site()
  const live = site.open(note)
  live.text.insert(0, 'typed')
  site.transact(note, insert(5, ' written'))
  expect(site.sent.length).toBe(2)
  expect([live.text.toString(), site.read(note), site.replayed(note)]).toEqual(Array(3).fill('typed written'))
})

test('a state read while direct edits wait reads without them', () => {
  const site = new Site()
  const live = site.open(note)
  site.transact(note, insert(0, 'abc'))
  const state = site.states.get('note')!
  state.text = undefined
  live.text.insert(3, 'd')
  expect(site.read(note)).toBe('abc')
  site.policy.flush()
  expect(site.read(note)).toBe('abcd')
})

test('edits of others appear in the open document, as one event, and are not sent again', async () => {
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

test('writing a text nobody has open gives the same as writing an open one', () => {
  const [closed, open] = [new Site(), new Site()]
  open.open(note)
  for (const site of [closed, open]) {
    site.transact(note, insert(0, 'abc'))
    site.transact(note, set('abXc'), remove(0, 1))
  }
  expect(closed.sent).toEqual(open.sent)
  expect(closed.read(note)).toBe('bXc')
})

test('the documents of one session share one client id, and another session has another', () => {
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

test('a document that was closed and opened again goes on with its clocks', async () => {
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

test('an open document stays while many others are written', async () => {
  const site = new Site()
  const live = site.open(note)
  live.text.insert(0, 'open')
  for (let i = 0; i < 30; i++) site.transact(text('many', `${i}`), insert(0, 'x'))
  expect([live.doc.isDestroyed, site.policy.live('note') === live]).toEqual([false, true])
  live.text.insert(4, '!')
  await task()
  expect(site.read(note)).toBe('open!')
})

test('handles of one ref share the document until the last closes', () => {
  const site = new Site()
  const first = site.open(note)
  const second = site.open(note)
  expect(second).toBe(first)
  site.policy.release(first)
  expect(first.doc.isDestroyed).toBe(false)
  site.policy.release(first)
  expect(first.doc.isDestroyed).toBe(true)
})

test('an edit of a closed document is reported, not lost in silence', async () => {
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

test('a session whose client id is used by somebody else takes another, before it writes on', async () => {
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

test('a client id that Yjs itself has changed is kept', async () => {
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

test('an update that an app applies without what it builds on is reported', () => {
  const site = new Site()
  const live = site.open(note)
  const doc = new Y.Doc()
  doc.getText('text').insert(0, 'first')
  const seen = Y.encodeStateVector(doc)
  doc.getText('text').insert(5, ' second')
  Y.applyUpdate(live.doc, Y.encodeStateAsUpdate(doc, seen))
  expect(site.codes).toEqual(['update-incomplete'])
  Y.applyUpdate(live.doc, Y.encodeStateAsUpdate(doc))
  site.policy.flush()
  expect([site.read(note), site.replayed(note)]).toEqual(['first second', 'first second'])
  expect(site.codes).toEqual(['update-incomplete'])
})

test('listeners that throw lose no edit and break no commit', async () => {
  const [a, b] = [new Site(0, 2), new Site(1, 2)]
  const live = b.open(note)
  const fail = (): void => {
    throw new Error('a bug in an app')
  }
  const { doc, text: ytext } = live
  for (const event of [
    'update',
    'afterTransaction',
    'afterTransactionCleanup',
    'beforeAllTransactions',
    'afterAllTransactions',
  ] as const) {
    doc.on(event, fail)
  }
  ytext.observe(fail)
  a.transact(note, insert(0, 'remote '))
  b.receive(a.sent[0]!)
  expect(() => ytext.insert(7, 'typed ')).toThrow('a bug in an app')
  await task()
  b.transact(note, insert(13, 'written'))
  expect([b.read(note), b.replayed(note), ytext.toString()]).toEqual(Array(3).fill('remote typed written'))
  expect(b.sent.length).toBe(2)
  expect(new Set(b.codes)).toEqual(new Set(['listener-failed']))
  expect((b.reports[0] as Error).cause).toEqual(new Error('a bug in an app'))
})

test('an observer may edit in answer to a remote edit', async () => {
  const [a, b] = [new Site(0, 2), new Site(1, 2)]
  const live = b.open(note)
  live.text.observe((event) => {
    if (event.transaction.local) return
    live.text.insert(live.text.length, '!')
  })
  a.transact(note, insert(0, 'hi'))
  b.receive(a.sent[0]!)
  await task()
  expect(b.sent.length).toBe(1)
  a.receive(b.sent[0]!)
  expect([a.read(note), b.read(note), b.replayed(note)]).toEqual(['hi!', 'hi!', 'hi!'])
})

test('a transaction on a text in the middle of a direct edit of it stands beside that edit', async () => {
  const site = new Site()
  const live = site.open(note)
  live.text.insert(0, 'abc')
  await task()
  live.doc.transact(() => {
    live.text.insert(0, 'X')
    site.transact(note, insert(3, 'd'))
    live.text.insert(0, 'Y')
  })
  await task()
  expect(live.text.toString()).toBe('YXabcd')
  let once = false
  live.text.observe(() => {
    if (once) return
    once = true
    site.transact(note, remove(0, 2))
  })
  live.text.insert(6, 'e')
  await task()
  expect([live.text.toString(), site.read(note), site.replayed(note)]).toEqual(Array(3).fill('abcde'))
  expect(site.reports).toEqual([])
})

test('remote edits that come in the middle of a direct edit are shown after it', async () => {
  const [a, b] = [new Site(0, 2), new Site(1, 2)]
  a.transact(note, insert(0, 'abc'))
  b.receive(a.sent[0]!)
  const live = b.open(note)
  a.transact(note, insert(3, 'd'))
  live.doc.transact(() => {
    live.text.insert(0, 'X')
    b.receive(a.sent[1]!)
    expect(live.text.toString()).toBe('Xabc')
    expect(b.read(note)).toBe('abcd')
  })
  await task()
  expect([live.text.toString(), b.read(note), b.replayed(note)]).toEqual(Array(3).fill('Xabcd'))
  expect(clientsOf(b.sent[0]!)).toEqual([live.doc.clientID])
})

test('what a plain text cannot hold is taken out of the document, reported, and editors are told', async () => {
  const edits: ((ytext: Y.Text) => void)[] = [
    (ytext) => ytext.insertEmbed(1, { image: 'x' }),
    (ytext) => ytext.format(0, 2, { bold: true }),
    (ytext) => ytext.doc!.getMap('other').set('a', 1),
    (ytext) => ytext.insert(1, '\ud83d'),
    (ytext) => {
      ytext.insert(1, '\ud83d')
      ytext.insert(2, '\ude00')
    },
  ]
  for (const edit of edits) {
    const site = new Site()
    const live = site.open(note)
    live.text.insert(0, 'abc')
    await task()
    let resets = 0
    live.onReset(() => resets++)
    const before = live.text
    edit(live.text)
    await task()
    expect(site.codes).toEqual(['edit-undone'])
    expect(resets).toBe(1)
    expect(live.text).not.toBe(before)
    expect([live.text.toString(), site.read(note)]).toEqual([site.replayed(note), site.replayed(note)])
    live.text.insert(0, '>')
    await task()
    expect(site.replayed(note).startsWith('>a')).toBe(true)
  }
})

test('a replacement character that was meant is kept', async () => {
  const site = new Site()
  const live = site.open(note)
  live.text.insert(0, 'a\ufffdb')
  await task()
  expect([site.read(note), site.reports]).toEqual(['a\ufffdb', []])
})

test('after a reset the document shows the given state, under another client id, and the old one is ignored', async () => {
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

test('a direct edit of this task survives a reset, unless it was made on what has gone', async () => {
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

test('a reset of a text that is not open never gives out its clocks again', () => {
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

test('a direct edit that could not be handed over goes with the next one', async () => {
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

test('a direct edit that the store has taken but not yet committed is not part of what a transaction writes on', () => {
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

test('closing the policy hands over what was typed and destroys every document', () => {
  const site = new Site()
  const live = site.open(note)
  live.text.insert(0, 'last words')
  site.policy.close()
  expect(site.read(note)).toBe('last words')
  expect(live.doc.isDestroyed).toBe(true)
  site.policy.release(live)
  expect(site.reports).toEqual([])
})

test('Yjs undo in an editor is a direct edit like any other', async () => {
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
