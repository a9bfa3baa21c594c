import { checkMemberId, StmError } from '@syncline/stm'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { YjsError } from '../src/errors.ts'
import { text, textPolicy } from '../src/policy.ts'
import type { TextState } from '../src/state.ts'
import { context, insert, note, remove, set, Site, stamp } from './world.ts'

const codeOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(StmError)
    return (error as StmError).code
  }
  throw new Error('did not throw')
}

test('a ref is named by its name, or by its name and id', () => {
  expect([text('note').address, text('note', 'a b').address]).toEqual(['note', 'note/a b'])
  expect(text('note').key).toBe('text note')
  expect(codeOf(() => text('a/b'))).toBe('invalid-address')
  expect(codeOf(() => text('note', ''))).toBe('invalid-address')
  expect(checkMemberId('a b')).toBe('a b')
})

test('[TE1] a text that nobody wrote reads as the empty string', () => {
  const site = new Site()
  expect(site.read(note)).toBe('')
  expect(textPolicy.read(undefined, note)).toBe('')
})

test('[TE3] a transaction reads its own edits, and nobody else does before it is over', () => {
  const { policy, states } = new Site()
  const draft = policy.edit(policy.draft(states.get('note'), note), insert(0, 'abc'), note, context)
  const later = policy.edit(draft, remove(1, 1), note, context)
  expect([policy.readDraft(draft, note), policy.readDraft(later, note)]).toEqual(['abc', 'ac'])
  expect(states.size).toBe(0)
})

test('[TE2] writes outside the text name the numbers', () => {
  const site = new Site()
  site.transact(note, insert(0, 'abc'))
  const edit = (intent: Parameters<typeof site.policy.edit>[1]) =>
    site.policy.edit(site.policy.draft(site.states.get('note'), note), intent, note, context)
  for (const intent of [
    insert(4, 'x'),
    insert(-1, 'x'),
    insert(1.5, 'x'),
    insert(Number.NaN, 'x'),
    remove(0, 4),
    remove(2, 2),
  ]) {
    expect(codeOf(() => edit(intent))).toBe('invalid-value')
  }
  expect(() => edit(insert(4, 'x'))).toThrow(
    'Index 4 is outside the text "note", which has 3 characters. Use an integer from 0 to 3.',
  )
  expect(() => edit(remove(1, 3))).toThrow('Cannot remove 3 characters at index 1 of the text "note", which has 3')
  expect(codeOf(() => edit(remove(0, -1)))).toBe('invalid-value')
  expect(codeOf(() => edit(insert(0, 5)))).toBe('invalid-value')
  expect(codeOf(() => edit(set(null)))).toBe('invalid-value')
  expect(codeOf(() => edit(insert(0, '\ud83d')))).toBe('invalid-value')
  expect(codeOf(() => edit(set('a\ude00')))).toBe('invalid-value')
  expect(codeOf(() => edit({ kind: 'add', delta: 1 }))).toBe('invalid-write')
  expect(codeOf(() => edit({ kind: 'delete' }))).toBe('invalid-write')
  expect(site.read(note)).toBe('abc')
})

test('[TE2] positions inside a surrogate pair move to its edge', () => {
  const site = new Site()
  site.transact(note, insert(0, 'a😀b'))
  site.transact(note, insert(2, 'x'))
  expect(site.read(note)).toBe('ax😀b')
  site.transact(note, remove(3, 1))
  expect(site.read(note)).toBe('axb')
  site.transact(note, set('😀😁'))
  site.transact(note, set('😀😂'))
  site.transact(note, set('🐀😂'))
  // The same second half after another first half.
  site.transact(note, set('🐀😂\u{1f600}'))
  site.transact(note, set('🐀😂\u{1fa00}'))
  expect(site.read(note)).toBe('🐀😂\u{1fa00}')
  expect(site.replayed(note)).toBe('🐀😂\u{1fa00}')
})

test('[TE2] set replaces only what differs', () => {
  const site = new Site()
  const other = new Site(1)
  site.transact(note, insert(0, 'the quick brown fox'))
  const payload = site.transact(note, set('the slow brown fox'))
  const doc = new Y.Doc()
  for (const { payload: update } of site.sent) Y.applyUpdate(doc, update as Uint8Array)
  expect(doc.getText('text').toString()).toBe('the slow brown fox')
  expect(Buffer.from(payload as Uint8Array).toString('latin1')).toContain('slow')
  expect(Buffer.from(payload as Uint8Array).toString('latin1')).not.toContain('fox')
  expect(other.read(note)).toBe('')
})

test('[TE3] a write that changes nothing emits nothing', () => {
  const site = new Site()
  site.transact(note, insert(0, 'abc'))
  expect(site.transact(note)).toBeUndefined()
  expect(site.transact(note, insert(1, ''))).toBeUndefined()
  expect(site.transact(note, remove(1, 0))).toBeUndefined()
  expect(site.transact(note, set('abc'))).toBeUndefined()
  expect(site.transact(note, insert(1, 'x'), remove(1, 1))).toBeUndefined()
  expect(site.transact(note, remove(0, 3), insert(0, 'abc'))).toBeUndefined()
  expect(site.sent.length).toBe(1)
})

test('[TE3] one transaction is one update, and a run typed in a loop is one item', () => {
  const site = new Site()
  const run = 'hello world'
  const payload = site.transact(note, ...run.split('').map((character, i) => insert(i, character))) as Uint8Array
  expect(Y.decodeUpdate(payload).structs.length).toBe(1)
  expect(site.read(note)).toBe(run)
})

test('[TE6] apply takes no payload but bytes, and never throws', () => {
  const site = new Site()
  site.transact(note, insert(0, 'abc'))
  const before = site.states.get('note')
  for (const payload of [null, 1, 'x', [], {}, new Uint8Array()]) {
    expect(site.policy.apply(before, payload, stamp)).toBe(before)
    expect(textPolicy.read(textPolicy.apply(undefined, payload, stamp), note)).toBe('')
  }
})

test('[TE5] a payload that is part of a larger buffer is copied', () => {
  const site = new Site()
  const update = site.transact(note, insert(0, 'abc')) as Uint8Array
  const message = new Uint8Array(1000)
  message.set(update, 100)
  const state = textPolicy.apply(undefined, message.subarray(100, 100 + update.length), stamp)
  message.fill(0)
  expect(textPolicy.read(state, note)).toBe('abc')
  expect((state as TextState).link!.update.buffer.byteLength).toBe(update.length)
})

test('[TE6] malformed updates are set aside, reported once, and the text is read without them', () => {
  const site = new Site()
  site.transact(note, insert(0, 'abc'))
  const bad = new Uint8Array([1, 2, 3])
  site.receive({ from: 0, seq: 2, deps: [1], address: 'note', payload: bad })
  site.transact(note, insert(3, 'd'))
  expect([site.read(note), site.replayed(note)]).toEqual(['abcd', 'abcd'])
  expect(site.codes).toEqual(['update-refused'])
  // Read again from its updates, by another document of the same store: the same update is no news.
  const old = site.policy.apply(site.policy.apply(undefined, bad, stamp), site.sent[0]!.payload, stamp)
  expect(site.policy.read(old, note)).toBe('abc')
  expect(site.codes).toEqual(['update-refused'])
})

test('[TE6] bytes after the end of an update are refused with it', () => {
  const site = new Site()
  const update = new Site(1).transact(note, insert(0, 'abc')) as Uint8Array
  site.receive({ from: 0, seq: 1, deps: [0], address: 'note', payload: new Uint8Array([...update, 0]) })
  expect([site.read(note), site.codes]).toEqual(['', ['update-refused']])
})

test('[TE1] the same update on another base reads with what is there', () => {
  const site = new Site()
  const first = site.transact(note, insert(0, 'abc'))!
  const second = site.transact(note, insert(3, 'd'))!
  const foreign = new Site(1).transact(note, insert(0, '-'))!
  const other = [first, foreign, second].reduce<TextState | undefined>(
    (state, payload) => site.policy.apply(state, payload, stamp),
    undefined,
  )
  expect(site.policy.read(other, note).replace('-', '')).toBe('abcd')
  expect(site.policy.read(other, note).length).toBe(5)
})

test('[TE4] the size that is foretold is never too small, also for a removal in many pieces', () => {
  const site = new Site()
  let random = 7
  for (let i = 0; i < 2000; i++) {
    random = (Math.imul(random, 1103515245) + 12345) >>> 0
    site.transact(note, insert(random % (i + 1), 'x'))
  }
  // The site compares the bound with the update.
  const update = site.transact(note, remove(0, 1000)) as Uint8Array
  expect(update.length).toBeGreaterThan(1000)
})

test('[TE6] what is not plain text is refused whole', () => {
  const updates: Uint8Array[] = []
  const make = (edit: (doc: Y.Doc) => void): void => {
    const doc = new Y.Doc()
    doc.getText('text').insert(0, 'seen')
    edit(doc)
    updates.push(Y.encodeStateAsUpdate(doc))
  }
  make((doc) => doc.getText('text').insertEmbed(1, { image: 'x' }))
  make((doc) => doc.getText('text').format(0, 2, { bold: true }))
  make((doc) => doc.getText('text').setAttribute('a', 'b'))
  make((doc) => doc.getMap('other').set('a', 1))
  make((doc) => doc.getText('other').insert(0, 'x'))
  make((doc) => doc.getMap('m').set('nested', new Y.Text('x')))
  make((doc) => doc.getMap('m').set('sub', new Y.Doc()))
  for (const update of updates) {
    const site = new Site()
    site.receive({ from: 0, seq: 1, deps: [0], address: 'note', payload: update })
    expect(site.read(note)).toBe('')
    expect(site.codes).toEqual(['update-refused'])
    expect(site.reports[0]).toBeInstanceOf(YjsError)
  }
  expect(updates.length).toBe(7)
})

test('[TE7] an update that comes before what it builds on is reported, kept whole, and shown when that comes', () => {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  for (const [i, word] of ['one ', 'two ', 'three'].entries()) doc.getText('text').insert(i * 4, word)
  doc.getText('text').delete(0, 1)
  const orders = [
    [0, 1, 2, 3],
    [3, 2, 1, 0],
    [1, 3, 0, 2],
    [2, 0, 3, 1],
  ]
  for (const open of [false, true]) {
    for (const order of orders) {
      const site = new Site()
      const live = open ? site.open(note) : undefined
      order.forEach((which, i) => {
        site.receive({ from: 0, seq: i + 1, deps: [i], address: 'note', payload: updates[which]! })
        expect(live?.doc.store.pendingStructs ?? null).toBeNull()
      })
      expect(site.read(note)).toBe('ne two three')
      const late = order.filter((which, i) => order.slice(i + 1).some((other) => other < which))
      // Read once at the end, what came too early is still news, and each is told of once.
      expect(new Set(site.codes)).toEqual(new Set(late.length > 0 ? ['update-incomplete'] : []))
      expect(site.codes.length).toBeLessThanOrEqual(3)
    }
  }
})

test('[TE7] updates that build on each other in a circle, or on themselves, are never shown', () => {
  // client 1, clock 0, origin (2, 0); client 2, clock 0, origin (1, 0)
  const circle = new Uint8Array([2, 1, 2, 0, 0x84, 1, 0, 1, 97, 1, 1, 0, 0x84, 2, 0, 1, 98, 0])
  const itself = new Uint8Array([1, 1, 1, 0, 0x84, 1, 0, 1, 97, 0])
  const site = new Site()
  const live = site.open(note)
  site.receive({ from: 0, seq: 1, deps: [0], address: 'note', payload: circle })
  site.receive({ from: 0, seq: 2, deps: [1], address: 'note', payload: itself })
  expect(site.codes).toEqual(['update-incomplete', 'update-refused'])
  expect([site.read(note), live.doc.store.pendingStructs]).toEqual(['', null])
})

test('[TE1] an old state keeps reading as it did', () => {
  const site = new Site()
  const old: [TextState | undefined, string][] = []
  for (let i = 0; i < 50; i++) {
    site.transact(note, insert(i, String.fromCodePoint(97 + (i % 26))))
    old.push([site.states.get('note'), site.read(note)])
  }
  for (const [state, expected] of old) {
    expect(textPolicy.read(textPolicy.apply(state, null, stamp), note)).toBe(expected)
    state!.value = undefined
    expect(site.policy.read(state, note)).toBe(expected)
  }
})

test('[TE3] the policy without a store writes too, under a client id of each transaction', () => {
  let state: TextState | undefined
  for (let i = 0; i < 20; i++) {
    const draft = textPolicy.edit(textPolicy.draft(state, note), insert(0, `${i} `), note, context)
    state = textPolicy.apply(state, textPolicy.finish(draft, note, { ...context, seed: `s${i}` })!, stamp)
  }
  expect(textPolicy.read(state, note)).toBe([...Array(20).keys()].reverse().join(' ') + ' ')
})
