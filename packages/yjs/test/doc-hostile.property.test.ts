import * as encoding from 'lib0/encoding'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { docPolicy } from '../src/doc.ts'
import { rootsOf } from '../src/doc-roots.ts'
import type { DocRoots } from '../src/doc-roots.ts'
import type { DocValue } from '../src/doc-value.ts'
import type { DocumentState } from '../src/state.ts'
import { structured } from '../src/structured.ts'
import { DocSite, historyOfDoc, page } from './doc-world.ts'
import { stamp } from './world.ts'

/** A site that is given these updates one after the other, with an open document. */
function given(updates: readonly Uint8Array[]): { site: DocSite; live: ReturnType<DocSite['open']> } {
  const site = new DocSite()
  const live = site.open(page)
  updates.forEach((payload, i) => {
    site.receive({ from: 0, seq: i + 1, deps: [i], address: 'page', payload })
    expect([live.doc.store.pendingStructs, live.doc.store.pendingDs]).toEqual([null, null])
  })
  return { site, live }
}

function parses(update: Uint8Array): boolean {
  try {
    structured.parse(update)
    return true
  } catch {
    return false
  }
}

test('[DO20] damaged updates throw nowhere, leave nothing half done, and read the same in every document', () => {
  let [damaged, refused, accepted, misplaced] = [0, 0, 0, 0]
  fc.assert(
    fc.property(
      historyOfDoc,
      fc.array(fc.record({ at: fc.nat(), byte: fc.oneof(fc.nat(255), fc.nat(9)), cut: fc.nat(40), kind: fc.nat(9) }), {
        minLength: 1,
        maxLength: 2,
      }),
      fc.nat(),
      (updates, faults, where) => {
        fc.pre(updates.length > 0)
        const bytes = [...updates[where % updates.length]!]
        for (const { at, byte, cut, kind } of faults) {
          const index = at % (bytes.length + 1)
          if (kind === 0) bytes.splice(index, cut)
          else if (kind === 1) bytes.splice(index, 0, byte)
          else if (kind < 5) bytes[Math.min(index, bytes.length - 1)]! ^= 1 << (byte & 7)
          else bytes[Math.min(index, bytes.length - 1)] = byte
          if (bytes.length === 0) bytes.push(byte)
        }
        const bad = new Uint8Array(bytes)
        damaged++
        const site = new DocSite()
        const live = site.open(page)
        let state: DocumentState<DocValue> | undefined
        updates.forEach((update, i) => {
          const payload = i === where % updates.length ? bad : update
          const before = Y.encodeStateAsUpdate(live.doc)
          const reports = site.reports.length
          site.receive({ from: 0, seq: i + 1, deps: [i], address: 'page', payload })
          const isRefused = payload === bad && site.reports.length > reports
          if (isRefused && parses(bad)) misplaced++
          expect(isRefused ? Y.encodeStateAsUpdate(live.doc) : before).toEqual(before)
          state = docPolicy.apply(state, payload, stamp)
        })
        expect(docPolicy.read(state, page)).toEqual(site.read(page))
        expect(live.read()).toEqual(site.read(page))
        expect(site.codes.filter((code) => code === 'listener-failed')).toEqual([])
        expect([live.doc.store.pendingStructs, live.doc.store.pendingDs]).toEqual([null, null])
        // And it can all be written on.
        live.roots.map.set('after', true)
        site.policy.flush()
        expect(site.read(page).map['after']).toBe(true)
        if (parses(bad)) accepted++
        else refused++
      },
    ),
    { seed: 20273, numRuns: process.env.SYNCLINE_LONG === '1' ? 20_000 : 200 },
  )
  expect(damaged).toBeGreaterThan(175)
  expect([refused > 75, accepted > 40, misplaced > 5]).toEqual([true, true, true])
})

test('[DO20] random bytes are refused', () => {
  let refused = 0
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 3, maxLength: 60 }), (bytes) => {
      const { site } = given([bytes])
      expect(site.read(page)).toEqual({ fragment: [], text: [], map: {}, array: [] })
      refused += site.codes.length
    }),
    { seed: 20274, numRuns: 500 },
  )
  expect(refused).toBeGreaterThan(400)
})

/** What a document of plain Yjs makes of an edit, as somebody without this package would send it. */
function foreign(change: (roots: DocRoots, doc: Y.Doc) => void, client = 7): Uint8Array {
  const doc = new Y.Doc({ gc: false })
  doc.clientID = client
  doc.transact(() => change(rootsOf(doc), doc))
  return Y.encodeStateAsUpdate(doc)
}

/** An update of one item, written by hand. `content` writes what follows the parent. */
function item(
  type: number,
  root: string,
  key: string | undefined,
  content: (to: encoding.Encoder) => void,
): Uint8Array {
  const to = encoding.createEncoder()
  for (const number of [1, 1, 7, 0]) encoding.writeVarUint(to, number)
  encoding.writeUint8(to, type | (key === undefined ? 0 : 0x20))
  encoding.writeVarUint(to, 1)
  encoding.writeVarString(to, root)
  if (key !== undefined) encoding.writeVarString(to, key)
  content(to)
  encoding.writeVarUint(to, 0)
  return encoding.toUint8Array(to)
}

const any = (write: (to: encoding.Encoder) => void) => (to: encoding.Encoder) => {
  encoding.writeVarUint(to, 1)
  write(to)
}

const deepAny = (levels: number) =>
  any((to) => {
    for (let i = 0; i < levels; i++) {
      encoding.writeUint8(to, 117)
      encoding.writeVarUint(to, 1)
    }
    encoding.writeUint8(to, 126)
  })

const json = (text: string) => (to: encoding.Encoder) => encoding.writeVarString(to, text)

const format = (key: string, text: string) => (to: encoding.Encoder) => {
  encoding.writeVarString(to, key)
  encoding.writeVarString(to, text)
}

test('[DO21] what a doc cannot hold, or others would get otherwise, is refused by the update alone', () => {
  const hostile: Record<string, Uint8Array> = {
    'another root': foreign((_roots, doc) => void doc.getMap('other').set('a', 1)),
    'a document in a document': foreign(({ map }) => void map.set('a', new Y.Doc())),
    'a hook': foreign(({ array }) => array.insert(0, [new Y.XmlHook('x')])),
    'a map among nodes': foreign(({ fragment }) => fragment.insert(0, [new Y.Map() as unknown as Y.XmlText])),
    'characters among nodes': item(4, 'fragment', undefined, json('abc')),
    'a list part of a map': item(4, 'map', undefined, json('abc')),
    'a key of an array': item(
      8,
      'array',
      'key',
      any((to) => encoding.writeAny(to, 1)),
    ),
    'an attribute of text': foreign(({ text }) => text.setAttribute('a', 1)),
    'an embed in XML text': foreign(({ fragment }) => {
      const text = new Y.XmlText()
      fragment.insert(0, [text])
      text.insertEmbed(0, { image: 'x' })
    }),
    'a type in text': foreign(({ text }) => text.insertEmbed(0, new Y.Map())),
    'the key __proto__ of a map': foreign(({ map }) => void map.set('__proto__', { polluted: true })),
    'the key __proto__ in a value': item(
      8,
      'map',
      'a',
      any((to) => encoding.writeAny(to, JSON.parse('{"__proto__":{"polluted":true}}') as Record<string, number>)),
    ),
    'the key __proto__ in an embed': item(5, 'text', undefined, json('{"__proto__":{"polluted":true}}')),
    'the format __proto__': item(6, 'text', undefined, format('__proto__', '{"polluted":true}')),
    'the attribute __proto__': foreign(({ fragment }) => {
      const node = new Y.XmlElement('paragraph')
      fragment.insert(0, [node])
      node.setAttribute('__proto__', 'x')
    }),
    'a bigint': item(
      8,
      'map',
      'a',
      any((to) => encoding.writeAny(to, 2n as unknown as number)),
    ),
    'half a pair in JSON': item(5, 'text', undefined, json('"\\ud83d"')),
    'a deep value': item(8, 'map', 'a', deepAny(17)),
    'a very deep value': item(8, 'map', 'a', deepAny(200_000)),
    'a very deep embed': item(5, 'text', undefined, json('['.repeat(200_000) + ']'.repeat(200_000))),
    'a very deep format': item(
      6,
      'text',
      undefined,
      format('bold', '{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000)),
    ),
    'an embed that is no JSON': item(5, 'text', undefined, json('{')),
    'many values in few bytes': item(8, 'array', undefined, (to) => encoding.writeVarUint(to, 2 ** 40)),
    'many keys in few bytes': item(
      8,
      'map',
      'a',
      any((to) => {
        encoding.writeUint8(to, 118)
        encoding.writeVarUint(to, 2 ** 40)
      }),
    ),
    'more bytes than there are': item(3, 'map', 'a', (to) => encoding.writeVarUint(to, 2 ** 31)),
    'a huge clock': item(1, 'fragment', undefined, (to) => encoding.writeVarUint(to, 2 ** 40)),
  }
  for (const [what, update] of Object.entries(hostile)) {
    const { site, live } = given([update])
    expect([what, site.codes]).toEqual([what, ['update-refused']])
    expect(site.read(page)).toEqual({ fragment: [], text: [], map: {}, array: [] })
    expect(Y.getState(live.doc.store, 7)).toBe(0)
  }
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
})

test('[DO22] types may be nested to a depth that all can read, in one update or over many, and no deeper', () => {
  const nest = (levels: number): Uint8Array =>
    foreign(({ fragment }) => {
      let parent: Y.XmlFragment = fragment
      for (let i = 0; i < levels; i++) {
        const node = new Y.XmlElement('list')
        parent.insert(0, [node])
        parent = node
      }
    })
  const { site } = given([nest(27)])
  expect(site.codes).toEqual([])
  expect(given([nest(28)]).site.codes).toEqual(['update-refused'])
  expect(given([nest(20_000)]).site.codes).toEqual(['update-refused'])

  // One by one, and the outermost is deleted: whether that comes first or last, the same updates are taken.
  const doc = new Y.Doc({ gc: false })
  doc.clientID = 7
  const steps: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => steps.push(update))
  let parent: Y.XmlFragment = doc.getXmlFragment('fragment')
  for (let i = 0; i < 40; i++) {
    const node = new Y.XmlElement('list')
    parent.insert(0, [node])
    parent = node
  }
  const other = new Y.Doc({ gc: false })
  Y.applyUpdate(other, steps[0]!)
  other.clientID = 8
  let deletion: Uint8Array | undefined
  other.on('update', (update: Uint8Array) => (deletion = update))
  other.getXmlFragment('fragment').delete(0, 1)
  // Something to see beside the deepest one, in the same update.
  doc.getMap('map').set('seen', true)
  const orders = [
    [...steps, deletion!],
    [steps[0]!, deletion!, ...steps.slice(1)],
  ]
  const [last, first] = orders.map((updates) => given(updates).site)
  expect(last!.codes.filter((code) => code === 'update-refused').length).toBe(1)
  expect(first!.codes.filter((code) => code === 'update-refused').length).toBe(1)
  expect(last!.read(page)).toEqual(first!.read(page))
})
