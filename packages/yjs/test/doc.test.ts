import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { doc, docPolicy } from '../src/doc.ts'
import type { DocRoots } from '../src/doc-roots.ts'
import { DocSite, edit, page } from './doc-world.ts'
import { clientsOf, insert, stamp, task } from './world.ts'

const empty = { fragment: [], text: [], map: {}, array: [] }

/** A node with one text in it. */
function node(name: string, text: string): Y.XmlElement {
  const element = new Y.XmlElement(name)
  element.insert(0, [new Y.XmlText(text)])
  return element
}

const write = (...words: readonly string[]) =>
  edit(({ fragment }) =>
    fragment.insert(
      0,
      words.map((word) => node('paragraph', word)),
    ),
  )

const textOf = (roots: DocRoots, index = 0): Y.XmlText =>
  (roots.fragment.get(index) as Y.XmlElement).get(0) as unknown as Y.XmlText

const paragraph = (text: string, ...marks: readonly object[]): object => ({
  type: 'paragraph',
  content: [{ type: 'text', text, ...(marks.length > 0 && { marks }) }],
})

test('[DO1] a doc reads as its four roots, empty while nobody has written', () => {
  const site = new DocSite()
  expect(site.read(page)).toEqual(empty)
  expect(site.read(page)).toBe(docPolicy.read(undefined, page))
  expect(() => doc('no name')).toThrow('cannot name a ref')
  expect([doc('page', 'x').key, doc('page').key]).toEqual(['doc page/x', 'doc page'])
})

test('[DO1] nodes read as ProseMirror writes them, texts as runs, maps and arrays as plain data, all of it frozen', () => {
  const site = new DocSite()
  site.transact(
    page,
    edit(({ fragment, text, map, array }) => {
      const heading = node('heading', 'Title')
      // The types say string; editors write whatever JSON an attribute is.
      heading.setAttribute('level', 2 as unknown as string)
      const body = node('paragraph', 'plain bold link both')
      fragment.insert(0, [heading, body, new Y.XmlElement('horizontalRule')])
      const words = body.get(0) as unknown as Y.XmlText
      words.format(6, 4, { bold: {} })
      words.format(11, 4, { link: { href: 'https://example.org', target: null } })
      words.format(16, 4, { bold: true, 'comment--AbCd+/=9': { id: 1 }, size: 12 })
      text.insert(0, 'rich', { bold: true })
      text.insertEmbed(4, { image: 'x.png' })
      map.set('list', Y.Array.from([1, 'two', null, true, new Uint8Array([3])] as never[]))
      map.set('notes', new Y.Map([['a', new Y.Text('text')]]))
      map.set('nodes', new Y.XmlFragment())
      map.set('constructor', { prototype: [false, { deep: -0 }] })
      array.insert(0, [new Y.XmlElement('hr'), new Y.XmlText('xml')])
    }),
  )
  const value = site.read(page)
  expect(value).toEqual({
    fragment: [
      { type: 'heading', attrs: { level: 2 }, content: [{ type: 'text', text: 'Title' }] },
      {
        type: 'paragraph',
        content: [
          { type: 'text', text: 'plain ' },
          { type: 'text', text: 'bold', marks: [{ type: 'bold' }] },
          { type: 'text', text: ' ' },
          {
            type: 'text',
            text: 'link',
            marks: [{ type: 'link', attrs: { href: 'https://example.org', target: null } }],
          },
          { type: 'text', text: ' ' },
          {
            type: 'text',
            text: 'both',
            marks: [{ type: 'bold' }, { type: 'comment', attrs: { id: 1 } }, { type: 'size', attrs: { value: 12 } }],
          },
        ],
      },
      { type: 'horizontalRule' },
    ],
    text: [{ insert: 'rich', attributes: { bold: true } }, { insert: { image: 'x.png' } }],
    map: {
      constructor: { prototype: [false, { deep: 0 }] },
      list: [1, 'two', null, true, new Uint8Array([3])],
      nodes: [],
      notes: { a: [{ insert: 'text' }] },
    },
    array: [{ type: 'hr' }, [{ type: 'text', text: 'xml' }]],
  })
  expect(Object.keys(value.map)).toEqual(['constructor', 'list', 'nodes', 'notes'])
  const thawed: unknown[] = []
  const look = (one: unknown): void => {
    if (typeof one !== 'object' || one === null || one instanceof Uint8Array) return
    if (!Object.isFrozen(one)) thawed.push(one)
    for (const inside of Object.values(one)) look(inside)
  }
  look(value)
  expect(thawed).toEqual([])
  expect(site.replayed(page)).toEqual(value)
})

test('[DO1] what an edit has not changed is the same object in the next state', () => {
  const site = new DocSite()
  site.transact(page, write('one', 'two', 'three'))
  const before = site.read(page)
  expect(site.read(page)).toBe(before)
  const live = site.open(page)
  textOf(live.roots, 1).insert(3, '!')
  site.policy.flush()
  const after = site.read(page)
  expect(after.fragment[1]).toEqual(paragraph('two!'))
  expect(after.fragment.map((one, i) => one === before.fragment[i])).toEqual([true, false, true])
  expect([after.map === before.map, after.text === before.text]).toEqual([true, true])
  // And an old state reads as it did.
  expect(before.fragment[1]).toEqual(paragraph('two'))
})

test('[DO1] what somebody else formats again reads as one text', () => {
  const site = new DocSite()
  site.transact(page, write('abcdef'))
  for (const [from, count] of [
    [0, 2],
    [2, 2],
    [4, 2],
  ] as const) {
    site.transact(
      page,
      edit((roots) => textOf(roots).format(from, count, { bold: {} })),
    )
  }
  expect(site.read(page).fragment).toEqual([paragraph('abcdef', { type: 'bold' })])
})

test('[DO2] a function writes a copy: it sees what was written before, and one that throws leaves nothing', () => {
  const site = new DocSite()
  const live = site.open(page)
  const events: unknown[] = []
  live.doc.on('update', (update) => events.push(update))
  const draft = docPolicy.draft(undefined, page)
  const context = { stamp, seed: 'x' }
  const first = docPolicy.edit(draft, write('one'), page, context)
  const second = docPolicy.edit(
    first,
    edit((roots) => textOf(roots).insert(3, ' two')),
    page,
    context,
  )
  expect([draft, first, second].map((one) => docPolicy.readDraft(one, page).fragment)).toEqual([
    [],
    [paragraph('one')],
    [paragraph('one two')],
  ])
  const half = (roots: DocRoots): void => {
    textOf(roots).insert(0, 'half ')
    throw new Error('no')
  }
  expect(() => docPolicy.edit(second, edit(half), page, context)).toThrow('no')
  expect(docPolicy.readDraft(second, page).fragment).toEqual([paragraph('one two')])
  // Another branch from the first, as after a savepoint that was undone.
  const branch = docPolicy.edit(
    first,
    edit((roots) => textOf(roots).insert(0, 'branch ')),
    page,
    context,
  )
  expect(docPolicy.readDraft(branch, page).fragment).toEqual([paragraph('branch one')])
  expect(docPolicy.readDraft(second, page).fragment).toEqual([paragraph('one two')])
  expect(events).toEqual([])
})

test('[DO2] a function that writes nothing, or the same, writes nothing', () => {
  const site = new DocSite()
  site.transact(page, write('one'))
  const looks = site.transact(
    page,
    edit((roots) => expect(textOf(roots).toString()).toBe('one')),
  )
  const same = site.transact(
    page,
    edit((roots) => textOf(roots).insert(0, 'x')),
    edit((roots) => textOf(roots).delete(0, 1)),
    edit(({ map }) => map.delete('nothing')),
  )
  expect([looks, same, site.sent.length]).toEqual([undefined, undefined, 1])
})

test('[DO2] edits inside an edit, promises and other writes are refused, and a type kept for later writes nothing', () => {
  const site = new DocSite()
  const context = { stamp, seed: 'x' }
  const draft = docPolicy.draft(undefined, page)
  const inside = edit(() => docPolicy.edit(draft, write('inside'), page, context))
  expect(() => docPolicy.edit(draft, inside, page, context)).toThrow('inside an edit of the same doc')
  expect(() =>
    docPolicy.edit(
      draft,
      edit(async ({ map }) => void map.set('a', 1)),
      page,
      context,
    ),
  ).toThrow('returned a promise')
  expect(() => site.transact(page, insert(0, 'x'))).toThrow('has no write "insert". Use tx.edit')
  let kept: Y.Map<unknown> | undefined
  const first = docPolicy.edit(
    draft,
    edit(({ map }) => void (kept = map).set('a', 1)),
    page,
    context,
  )
  kept!.set('late', true)
  const second = docPolicy.edit(
    first,
    edit(({ map }) => map.set('b', 2)),
    page,
    context,
  )
  kept!.set('later', true)
  expect(docPolicy.readDraft(second, page).map).toEqual({ a: 1, b: 2 })
})

test('[DO3] all edits of a transaction are one update, under the client id of the session, open or not', async () => {
  const [closed, opened] = [new DocSite(), new DocSite()]
  opened.open(page)
  for (const site of [closed, opened]) {
    site.transact(
      page,
      write('one'),
      edit((roots) => textOf(roots).insert(3, '!')),
      edit(({ map }) => map.set('a', 1)),
    )
    site.transact(
      page,
      edit((roots) => textOf(roots).delete(0, 2)),
      write('two'),
    )
    expect(site.sent.length).toBe(2)
    expect(site.sent.flatMap(clientsOf)).toEqual([clientsOf(site.sent[0]!)[0], clientsOf(site.sent[0]!)[0]])
  }
  expect(closed.sent.map(({ payload }) => payload)).toEqual(opened.sent.map(({ payload }) => payload))
  const live = closed.open(page)
  live.roots.map.set('typed', true)
  await task()
  expect(closed.sent.flatMap(clientsOf)).toEqual(Array(3).fill(clientsOf(closed.sent[0]!)[0]))
  expect(closed.read(page)).toEqual({
    ...empty,
    fragment: [paragraph('two'), paragraph('e!')],
    map: { a: 1, typed: true },
  })
  expect(closed.replayed(page)).toEqual(closed.read(page))
})

test('[DO3] a transaction on what is not the newest stands beside what came meanwhile', () => {
  const [a, b] = [new DocSite(0, 2), new DocSite(1, 2)]
  a.transact(page, write('one'))
  b.receive(a.sent[0]!)
  const old = a.states.get('page')
  const draft = a.policy.draft(old, page)
  const mine: unknown = a.policy.edit(
    draft,
    edit((roots) => textOf(roots).insert(3, ' mine')),
    page,
    { stamp, seed: 'm' },
  )
  b.transact(
    page,
    edit((roots) => textOf(roots).insert(0, 'theirs ')),
  )
  a.receive(b.sent[0]!)
  a.commit('page', a.policy.finish(mine, page, { stamp, seed: 'm' })!)
  b.receive(a.sent[1]!)
  expect(a.read(page).fragment).toEqual([paragraph('theirs one mine')])
  expect([b.read(page), a.replayed(page), a.policy.live('page').read()]).toEqual(Array(3).fill(a.read(page)))
})

test('[DO4] the direct edits of one task are one Change, and come before a transaction', async () => {
  const site = new DocSite()
  const live = site.open(page)
  live.roots.fragment.insert(0, [node('paragraph', 'typed')])
  textOf(live.roots).format(0, 2, { bold: {} })
  live.roots.map.set('a', 1)
  expect(site.sent.length).toBe(0)
  await task()
  expect(site.sent.length).toBe(1)
  live.roots.map.set('b', 1)
  site.transact(
    page,
    edit(({ map }) => map.set('b', Number(map.get('b')) + 1)),
  )
  expect([site.sent.length, site.read(page).map, live.read().map]).toEqual([3, { a: 1, b: 2 }, { a: 1, b: 2 }])
})

test('[DO4] a key that is set several times in one task, or one transaction, has its last value', async () => {
  const [site, other] = [new DocSite(0, 2), new DocSite(1, 2)]
  const live = site.open(page)
  for (const value of [1, 2, 3]) live.roots.map.set('typed', value)
  await task()
  site.transact(
    page,
    edit(({ map }) => [1, 2, 3, 4].forEach((value) => map.set('written', value))),
  )
  for (const sent of site.sent) other.receive(sent)
  expect(other.read(page).map).toEqual({ typed: 3, written: 4 })
  expect([site.read(page), site.replayed(page), live.read()]).toEqual(Array(3).fill(other.read(page)))
  expect([site.reports, other.reports]).toEqual([[], []])
})

class Card {
  title = 'x'
}

function cycle(): unknown[] {
  const array: unknown[] = []
  array.push(array)
  return array
}

/** Each as it is written into a document, and whether Yjs itself throws. */
const unfit: Record<string, (roots: DocRoots) => unknown> = {
  'a date': ({ map }) => map.set('a', new Date(0)),
  'a date in an object': ({ map }) => map.set('a', { on: new Date(0) }),
  'a date in an array': ({ array }) => array.insert(0, [{ on: [new Date(0)] }]),
  'bytes in an embed': ({ text }) => text.insertEmbed(0, { bytes: new Uint8Array([1]) }),
  'bytes in a mark': ({ text }) => text.insert(0, 'x', { bytes: new Uint8Array([1]) }),
  'a large bigint': ({ map }) => map.set('a', 2n ** 70n),
  'a bigint in an object': ({ map }) => map.set('a', { n: 1n }),
  'half a surrogate pair': ({ map }) => map.set('a', '\ud83d'),
  'half a pair in a key': ({ map }) => map.set('\ud83d', 1),
  'half a pair in a nested key': ({ map }) => map.set('a', { '\ud83d': 1 }),
  'half a pair in a text': ({ text }) => text.insert(0, 'x\udc00'),
  'half a pair in a node name': ({ fragment }) => fragment.insert(0, [new Y.XmlElement('\ud83d')]),
  'half a pair in an attribute': ({ fragment }) => {
    const element = new Y.XmlElement('p')
    element.setAttribute('a', '\ud83d')
    fragment.insert(0, [element])
  },
  'half a pair in a mark': ({ text }) => text.insert(0, 'x', { link: { href: '\ud83d' } }),
  'an own constructor': ({ map }) => map.set('a', { constructor: 'x' }),
  'no prototype': ({ map }) => map.set('a', Object.create(null) as object),
  'a map of JavaScript': ({ map }) => map.set('a', new Map()),
  'a set in an object': ({ map }) => map.set('a', { set: new Set([1]) }),
  'a function in an object': ({ map }) => map.set('a', { go: () => 1 }),
  'a symbol in an object': ({ map }) => map.set('a', { go: Symbol('x') }),
  'an instance of a class in an object': ({ map }) => map.set('a', { card: new Card() }),
  'an instance of a class in an embed': ({ text }) => text.insertEmbed(0, new Card()),
  'the key __proto__': ({ map }) => map.set('__proto__', 1),
  'the key __proto__ in a value': ({ map }) => map.set('a', JSON.parse('{"__proto__":{"x":1}}')),
  'the mark __proto__': ({ text }) => text.insert(0, 'x', JSON.parse('{"__proto__":{"x":1}}') as object),
  'NaN in a mark': ({ text }) => text.insert(0, 'x', { size: NaN }),
  'too many levels': ({ map }) => map.set('a', [JSON.parse('['.repeat(20) + ']'.repeat(20))]),
  'a cycle': ({ map }) => map.set('a', cycle()),
  'a cycle in an embed': ({ text }) => text.insertEmbed(0, { a: cycle() }),
  'a bigint in an embed': ({ text }) => text.insertEmbed(0, { n: 1n }),
  'a key that is no string': ({ map }) => map.set(5 as unknown as string, 1),
  'a node name that is no string': ({ fragment }) => fragment.insert(0, [new Y.XmlElement(5 as unknown as string)]),
  'undefined in an array': ({ map }) => map.set('a', [undefined]),
  'another root': ({ map }) => map.doc!.getMap('other').set('a', 1),
  'a document': ({ map }) => map.set('a', new Y.Doc()),
  'a map among nodes': ({ fragment }) => fragment.insert(0, [new Y.Map() as unknown as Y.XmlElement]),
  'elements in elements in elements': ({ fragment }) => {
    let parent: Y.XmlFragment = fragment
    for (let i = 0; i < 28; i++) {
      const element = new Y.XmlElement('list')
      parent.insert(0, [element])
      parent = element
    }
  },
}

test('[DO5] what others would not get back as it was is refused in a transaction, which leaves nothing', () => {
  for (const [what, change] of Object.entries(unfit)) {
    const site = new DocSite()
    site.transact(page, write('kept'))
    const before = site.read(page)
    let error: unknown
    try {
      site.transact(
        page,
        edit(({ map }) => map.set('before', 1)),
        edit(change),
      )
    } catch (thrown) {
      error = thrown
    }
    expect([what, (error as { code?: unknown } | undefined)?.code]).toEqual([what, 'invalid-value'])
    expect(site.read(page)).toBe(before)
    expect([site.sent.length, site.reports]).toEqual([1, []])
    expect(site.policy.live('page').read()).toEqual(before)
  }
})

test('[DO5] what others would not get back as it was is taken out of the document again, and editors are told', async () => {
  for (const [what, change] of Object.entries(unfit)) {
    const site = new DocSite()
    site.transact(page, write('kept'))
    const live = site.open(page)
    const before = site.read(page)
    const { map } = live.roots
    let resets = 0
    live.onReset(() => resets++)
    let thrown = false
    try {
      change(live.roots)
    } catch {
      // Yjs refuses some by itself, and keeps what it had done before.
      thrown = true
    }
    await task()
    expect([what, site.codes, resets]).toEqual(thrown ? [what, [], 0] : [what, ['edit-undone'], 1])
    expect(site.read(page)).toEqual(before)
    expect(live.read()).toEqual(before)
    expect(live.roots.map === map).toBe(thrown)
    live.roots.map.set('goes', 'on')
    await task()
    expect([site.sent.length, site.replayed(page).map]).toEqual([2, { goes: 'on' }])
  }
})

test('[DO5] what is refused is refused with all else of its task, and what was committed before stays', async () => {
  const site = new DocSite()
  const live = site.open(page)
  live.roots.map.set('before', 1)
  await task()
  live.roots.map.set('with', 1)
  live.roots.map.set('a', new Date())
  live.roots.array.insert(0, ['with'])
  await task()
  expect([site.read(page), live.read()]).toEqual(Array(2).fill({ ...empty, map: { before: 1 } }))
  expect(site.codes).toEqual(['edit-undone'])
})

test('[DO5] what an app does to its own objects later changes nothing', async () => {
  const site = new DocSite()
  const live = site.open(page)
  const mine = { tags: ['new'] }
  const bytes = new Uint8Array([1, 2])
  live.roots.map.set('a', mine)
  live.roots.map.set('bytes', bytes)
  live.roots.array.insert(0, [bytes.buffer])
  await task()
  mine.tags.push('changed')
  bytes[0] = 9
  live.roots.map.set('b', 1)
  await task()
  expect(site.read(page).map).toEqual({ a: { tags: ['new'] }, b: 1, bytes: new Uint8Array([1, 2]) })
  expect(site.read(page).array).toEqual([new Uint8Array([1, 2])])
  expect(site.replayed(page)).toEqual(site.read(page))
  expect(live.roots.map.get('bytes')).toEqual(new Uint8Array([1, 2]))
})

test('[DO6] a character is not cut in two, by no format, insertion or removal', async () => {
  const cuts: Record<string, (text: Y.Text) => void> = {
    'an insertion': (text) => text.insert(2, 'x'),
    'a removal': (text) => text.delete(1, 1),
    'a format': (text) => text.format(0, 2, { bold: {} }),
    'a format that is there': (text) => text.format(2, 2, { italic: true }),
    'an embed': (text) => text.insertEmbed(2, { image: 'x' }),
  }
  for (const [what, cut] of Object.entries(cuts)) {
    const sites = [new DocSite(0, 2), new DocSite(1, 2)]
    const [site, other] = sites as [DocSite, DocSite]
    site.transact(
      page,
      edit(({ text }) => text.insert(0, 'a😀b', { italic: true })),
    )
    other.receive(site.sent[0]!)
    const before = site.read(page)
    expect(() =>
      site.transact(
        page,
        edit(({ text }) => cut(text)),
      ),
    ).toThrow('cuts a character')
    const live = site.open(page)
    cut(live.roots.text)
    await task()
    expect([what, site.codes]).toEqual([what, ['edit-undone']])
    expect([site.read(page), live.read(), other.read(page)]).toEqual([before, before, before])
    live.roots.text.format(0, 3, { bold: {} })
    await task()
    for (const change of site.sent.slice(1)) other.receive(change)
    expect(other.read(page)).toEqual(site.read(page))
    expect(JSON.stringify(site.read(page))).toContain('"a😀"')
  }
})

test('[DO6] between two replacement characters that were meant an edit is an edit', async () => {
  const site = new DocSite()
  site.transact(
    page,
    edit(({ text }) => text.insert(0, 'a\ufffd\ufffdb')),
  )
  site.transact(
    page,
    edit(({ text }) => text.insert(2, '-')),
  )
  const live = site.open(page)
  live.roots.text.format(0, 2, { bold: {} })
  await task()
  expect(site.reports).toEqual([])
  expect(site.read(page).text).toEqual([{ insert: 'a\ufffd', attributes: { bold: {} } }, { insert: '-\ufffdb' }])
})

test('[DO7] two who set a key of a map at once leave one value, also of nested types, and docs of their own leave both', () => {
  const [a, b] = [new DocSite(0, 2), new DocSite(1, 2)]
  for (const [site, name] of [
    [a, 'Ada'],
    [b, 'Ben'],
  ] as const) {
    site.transact(
      page,
      edit(({ map }) => map.set('people', new Y.Map([[name, true]]))),
    )
    site.transact(
      doc('page', 'people'),
      edit(({ map }) => map.set(name, true)),
    )
  }
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const)
    for (const change of [...from.sent]) to.receive(change)
  const people = a.read(page).map['people']
  expect([{ Ada: true }, { Ben: true }]).toContainEqual(people)
  expect(b.read(page).map['people']).toEqual(people)
  for (const site of [a, b]) expect(site.read(doc('page', 'people')).map).toEqual({ Ada: true, Ben: true })
})

test('[DO8] after a reset the document shows the given state under another client id, and edits of this task stay', async () => {
  const site = new DocSite()
  const live = site.open(page)
  live.roots.fragment.insert(0, [node('paragraph', 'kept')])
  await task()
  const kept = site.states.get('page')!
  live.roots.map.set('refused', true)
  await task()
  const { fragment } = live.roots
  const client = live.doc.clientID
  textOf(live.roots).insert(4, ' on')
  let told = 0
  live.onReset(() => told++)
  site.states.set('page', kept)
  site.policy.reset('page', kept)
  expect([told, live.roots.fragment === fragment, live.doc.clientID === client]).toEqual([1, false, false])
  expect(live.read()).toEqual({ ...empty, fragment: [paragraph('kept')] })
  fragment.delete(0, 1)
  textOf(live.roots).insert(0, 'is ')
  await task()
  expect(site.read(page).fragment).toEqual([paragraph('is kept')])
  expect(site.codes).toEqual(['update-incomplete', 'edit-undone', 'edit-ignored'])
})
