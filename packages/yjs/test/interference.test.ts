import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { clientsOf, insert, note, remove, Site, task } from './world.ts'

test('[TE7] an update that an app applies without what it builds on is reported', () => {
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

test('[TE10] listeners that throw lose no edit and break no commit', async () => {
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

test('[TE9] an observer may edit in answer to a remote edit', async () => {
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

test('[TE9] a transaction on a text in the middle of a direct edit of it stands beside that edit', async () => {
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

test('[TE9] remote edits that come in the middle of a direct edit are shown after it', async () => {
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

test('[TE11] what a plain text cannot hold is taken out of the document, reported, and editors are told', async () => {
  const cycle: { itself?: object } = {}
  cycle.itself = cycle
  const edits: ((ytext: Y.Text) => void)[] = [
    (ytext) => ytext.insertEmbed(1, { image: 'x' }),
    (ytext) => ytext.insertEmbed(1, cycle),
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

test('[TE11] half a character reaches nobody, also when somebody looks or edits while it would be handed over', async () => {
  const edits: ((ytext: Y.Text) => void)[] = [
    (ytext) => ytext.insert(1, '\ud83d'),
    // What Yjs cuts in two is two replacement characters, for everybody and for good.
    (ytext) => ytext.delete(1, 1),
    (ytext) => ytext.delete(2, 1),
    (ytext) => ytext.insert(2, 'x'),
  ]
  for (const edit of edits) {
    const [site, other] = [new Site(0, 2), new Site(1, 2)]
    const live = site.open(note)
    site.transact(note, insert(0, 'a😀b'))
    edit(live.text)
    live.text.insert(0, 'L')
    site.policy.flush()
    expect([site.codes, site.sent.length, site.read(note), live.text.toString()]).toEqual([
      ['edit-undone'],
      1,
      'a😀b',
      'a😀b',
    ])
    live.text.delete(1, 2)
    await task()
    for (const sent of site.sent) other.receive(sent)
    expect([other.read(note), live.text.toString()]).toEqual(['ab', 'ab'])
  }
})

test('[TE11] a replacement character that was meant is kept', async () => {
  const site = new Site()
  const live = site.open(note)
  live.text.insert(0, 'a\ufffdb')
  await task()
  expect([site.read(note), site.reports]).toEqual(['a\ufffdb', []])
})

test('[TE7] what waits for something far ahead is not looked at with each edit that comes', () => {
  const lookedUp = (waiting: number): number => {
    const [author, site] = [new Site(0, 2), new Site(1, 2)]
    author.transact(note, insert(0, 'a'))
    const [client] = clientsOf(author.sent[0]!)
    const ahead = new Y.Doc()
    ahead.clientID = client!
    ahead.getText('text').insert(0, 'x'.repeat(1000))
    const hanging = new Y.Doc()
    Y.applyUpdate(hanging, Y.encodeStateAsUpdate(ahead))
    hanging.getText('text').insert(1000, 'y')
    const update = Y.encodeStateAsUpdate(hanging, Y.encodeStateVector(ahead))
    const { doc } = site.open(note)
    for (let i = 0; i < waiting; i++) site.commit('note', update.slice())
    let lookups = 0
    const { clients } = doc.store
    const get = clients.get.bind(clients)
    clients.get = (id) => {
      lookups += 1
      return get(id)
    }
    for (let i = 0; i < 20; i++) author.transact(note, insert(0, 'b'))
    for (const { payload } of author.sent) site.commit('note', payload)
    expect([site.read(note).length, site.codes.length]).toEqual([21, waiting])
    return lookups
  }
  expect(lookedUp(500)).toBeLessThan(lookedUp(0) + 50)
})
