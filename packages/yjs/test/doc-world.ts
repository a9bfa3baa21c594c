import type { Intent } from '@syncline/stm'
import fc from 'fast-check'
import * as Y from 'yjs'
import { doc, docPolicy } from '../src/doc.ts'
import type { DocRef } from '../src/doc.ts'
import type { DocRoots } from '../src/doc-roots.ts'
import type { DocValue } from '../src/doc-value.ts'
import type { LiveDoc } from '../src/live-doc.ts'
import { DocumentSite } from './world.ts'
import type { Sent } from './world.ts'

/** A site of docs. */
export class DocSite extends DocumentSite<DocValue, LiveDoc> {
  constructor(index = 0, sites = 1) {
    super(docPolicy, index, sites)
  }
}

export const page: DocRef = doc('page')

export const edit = (change: (roots: DocRoots) => unknown): Intent => ({ kind: 'edit', change })

/** What an editor, or a function of a transaction, does to a doc. Numbers are reduced to what there is. */
export interface Act {
  readonly kind:
    | 'paragraph'
    | 'quote'
    | 'erase node'
    | 'split'
    | 'attribute'
    | 'no attribute'
    | 'type'
    | 'erase'
    | 'mark'
    | 'rich type'
    | 'rich erase'
    | 'rich format'
    | 'embed'
    | 'set'
    | 'nest'
    | 'nested set'
    | 'unset'
    | 'put'
    | 'take'
  readonly at: number
  readonly which: number
  readonly size: number
  readonly word: string
}

const words = fc.constantFrom('a', 'bc', ' ', 'Zwölf', '😀', '👩‍👩‍👧', '\n', '\ufffd', 'a longer run of words')

export const act: fc.Arbitrary<Act> = fc.record({
  kind: fc.oneof(
    { weight: 3, arbitrary: fc.constant('paragraph' as const) },
    { weight: 6, arbitrary: fc.constant('type' as const) },
    { weight: 5, arbitrary: fc.constant('mark' as const) },
    { weight: 4, arbitrary: fc.constantFrom('split' as const, 'erase' as const, 'rich format' as const) },
    {
      weight: 8,
      arbitrary: fc.constantFrom(
        ...(['quote', 'erase node', 'attribute', 'no attribute', 'rich type', 'rich erase', 'embed'] as const),
        ...(['set', 'nest', 'nested set', 'unset', 'put', 'take'] as const),
      ),
    },
  ),
  at: fc.nat(),
  which: fc.nat(),
  size: fc.integer({ min: 1, max: 7 }),
  word: words,
})

/** What marks are, as editors write them. */
const MARKS: readonly { readonly [name: string]: unknown }[] = [
  { bold: {} },
  { bold: null },
  { link: { href: 'https://example.org', target: null } },
  { link: null },
  { 'comment--AAAAAAAA': { id: 1 }, 'comment--BBBBBBBB': { id: 2 } },
  { italic: true },
]

export function perform({ fragment, text, map, array }: DocRoots, { kind, at, which, size, word }: Act): void {
  const texts = [...textsIn(fragment)]
  const xml = texts[which % Math.max(1, texts.length)]
  const elements = [...elementsIn(fragment)]
  const element = elements[which % Math.max(1, elements.length)]
  const key = ['a', 'b', 'constructor', 'prototype'][which % 4]!
  switch (kind) {
    case 'paragraph':
    case 'quote': {
      const paragraph = new Y.XmlElement('paragraph')
      paragraph.insert(0, [new Y.XmlText(word)])
      const quote = new Y.XmlElement('blockquote')
      if (kind === 'quote') quote.insert(0, [paragraph])
      const parent = element?.nodeName === 'blockquote' && which % 2 === 0 ? element : fragment
      parent.insert(at % (parent.length + 1), [kind === 'quote' ? quote : paragraph])
      return
    }
    case 'erase node':
      if (fragment.length > 1) fragment.delete(at % fragment.length, 1)
      return
    case 'split': {
      // As a press of the enter key: what is behind the cursor goes into a node of its own.
      const parent = xml?.parent
      if (!(parent instanceof Y.XmlElement) || !(parent.parent instanceof Y.XmlFragment)) return
      const from = wholeAt(xml!, at)
      const rest = xml!.toDelta() as { insert: string; attributes?: object }[]
      const tail = new Y.XmlText()
      let skipped = 0
      const delta = []
      for (const { insert, attributes } of rest) {
        const cut = insert.slice(Math.max(0, from - skipped))
        skipped += insert.length
        if (cut !== '') delta.push(attributes === undefined ? { insert: cut } : { insert: cut, attributes })
      }
      tail.applyDelta(delta)
      const next = new Y.XmlElement(parent.nodeName)
      next.insert(0, [tail])
      const siblings = parent.parent.toArray()
      if (xml!.length > from) xml!.delete(from, xml!.length - from)
      parent.parent.insert(siblings.indexOf(parent) + 1, [next])
      return
    }
    case 'attribute':
      // The types say string; editors write whatever JSON an attribute is.
      element?.setAttribute(key, (size % 2 === 0 ? { deep: [size, null, word] } : size) as unknown as string)
      return
    case 'no attribute':
      element?.removeAttribute(key)
      return
    case 'type':
      xml?.insert(wholeAt(xml, at), word, which % 3 === 0 ? { bold: {} } : undefined)
      return
    case 'erase': {
      if (xml === undefined) return
      const [from, to] = rangeIn(xml, at, size)
      if (to > from) xml.delete(from, to - from)
      return
    }
    case 'mark': {
      if (xml === undefined) return
      const [from, to] = rangeIn(xml, at, size)
      if (to > from) xml.format(from, to - from, MARKS[size % MARKS.length]!)
      return
    }
    case 'rich type':
      text.insert(wholeAt(text, at), word)
      return
    case 'rich erase': {
      const [from, to] = rangeIn(text, at, size)
      if (to > from) text.delete(from, to - from)
      return
    }
    case 'rich format': {
      const [from, to] = rangeIn(text, at, size)
      if (to > from) text.format(from, to - from, MARKS[size % MARKS.length]!)
      return
    }
    case 'embed':
      text.insertEmbed(wholeAt(text, at), { image: word })
      return
    case 'set':
      map.set(key, [size, word, new Uint8Array([size])][size % 3])
      return
    case 'nest':
      map.set(key, [new Y.Map([['x', word]]), Y.Array.from([size]), new Y.Text(word), new Y.XmlFragment()][size % 4])
      return
    case 'nested set': {
      const nested = map.get(key)
      if (nested instanceof Y.Map) nested.set('x', size)
      else if (nested instanceof Y.Array) nested.insert(at % (nested.length + 1), [{ word }])
      else if (nested instanceof Y.Text) nested.insert(wholeAt(nested, at), word)
      return
    }
    case 'unset':
      map.delete(key)
      return
    case 'put':
      array.insert(at % (array.length + 1), [word, size, [{ size }]])
      return
    case 'take':
      if (array.length > 0) array.delete(at % array.length, 1)
  }
}

function* elementsIn(parent: Y.XmlFragment): Iterable<Y.XmlElement> {
  for (const child of parent.toArray()) {
    if (!(child instanceof Y.XmlElement)) continue
    yield child
    yield* elementsIn(child)
  }
}

function* textsIn(parent: Y.XmlFragment): Iterable<Y.XmlText> {
  for (const child of parent.toArray()) {
    if (child instanceof Y.XmlText) yield child
    else if (child instanceof Y.XmlElement) yield* textsIn(child)
  }
}

/** A position between characters: editors never cut one in two. */
function wholeAt(text: Y.Text, at: number): number {
  let index = at % (text.length + 1)
  let before = 0
  for (const { insert } of text.toDelta() as { insert: unknown }[]) {
    const length = typeof insert === 'string' ? insert.length : 1
    if (typeof insert === 'string' && index > before && index < before + length) {
      const unit = insert.charCodeAt(index - before)
      if (unit >= 0xdc00 && unit <= 0xdfff && unit !== 0xfffd) index--
    }
    before += length
  }
  return index
}

function rangeIn(text: Y.Text, at: number, size: number): readonly [from: number, to: number] {
  const from = wholeAt(text, at)
  return [from, wholeAt(text, Math.min(text.length, from + size))]
}

/** The updates of two writers who edit at once, each after what it builds on. */
export const historyOfDoc: fc.Arbitrary<Uint8Array[]> = fc
  .array(fc.record({ site: fc.nat(1), act, sync: fc.boolean() }), { minLength: 6, maxLength: 30 })
  .map((list) => {
    const sites = [new DocSite(0, 2), new DocSite(1, 2)]
    const lives = sites.map((site) => site.open(page))
    const seen = [0, 0]
    for (const one of list) {
      const { doc, roots } = lives[one.site]!
      doc.transact(() => perform(roots, one.act))
      sites[one.site]!.policy.flush()
      if (!one.sync) continue
      sites.forEach((site, i) => {
        for (; seen[i]! < site.sent.length; seen[i]!++) sites[1 - i]!.receive(site.sent[seen[i]!]!)
      })
    }
    const order = sites.flatMap((site) => site.sent)
    return order.toSorted((a, b) => sum(a) - sum(b)).map((change) => change.payload as Uint8Array)
  })

/** How much there was before a Change, and itself: it comes after all it builds on. */
function sum({ deps }: Sent): number {
  return deps.reduce((a, b) => a + b, 1)
}
