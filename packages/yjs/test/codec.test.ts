import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { openDocument, renameRoots, rootsIn } from '../src/codec.ts'

/** Each edit of a new document. */
function edits(client: number, ...texts: readonly string[]): readonly Uint8Array[] {
  const doc = new Y.Doc()
  doc.clientID = client
  const updates: Uint8Array[] = []
  doc.on('update', (update) => updates.push(update))
  for (const text of texts) doc.getText('text').insert(doc.getText('text').length, text)
  return updates
}

function textOf(update: Uint8Array): string {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, update)
  return doc.getText('text').toString()
}

describe('[TE41] a document without a store', () => {
  test('knows what of an update is new, and what it waits for', () => {
    const [first, second, third] = edits(1, 'a', 'b', 'c')
    const document = openDocument('text', [first!])
    expect(document.look(first!)).toEqual({ news: undefined, waiting: undefined, unfit: undefined })
    // What was written twice over is new in part.
    const { news, waiting } = document.look(Y.mergeUpdates([first!, second!]))
    expect(waiting).toBe(undefined)
    expect(news).toEqual(second)
    expect(document.look(third!)).toMatchObject({ news: undefined, waiting: { missing: { client: 1, clock: 1 } } })
    expect(document.take(news!)).toEqual([second])
    expect(document.take(second!)).toEqual([])
    expect(document.look(third!).news).toEqual(third)
    expect(textOf(document.update())).toBe('ab')
    document.close()
  })

  test('takes of an update what can be, whatever waits in it', () => {
    const [, second] = edits(1, 'a', 'b')
    const [other] = edits(2, 'x')
    const [, , third] = edits(3, 'k', 'l', 'm')
    const document = openDocument('text', [])
    const found = document.look(Y.mergeUpdates([second!, other!, third!]))
    expect(found.news).toEqual(other)
    document.take(found.news!)
    // What waits is whole, and comes in piece by piece.
    const begin = Y.mergeUpdates([edits(1, 'a', 'b')[0]!, edits(3, 'k', 'l', 'm')[0]!])
    document.take(document.look(begin).news!)
    const next = document.look(found.waiting!.update)
    document.take(next.news!)
    expect(textOf(document.update()).length).toBe(4)
    expect(next.waiting?.missing).toEqual({ client: 3, clock: 1 })
  })

  test('leaves out what is deleted already', () => {
    const doc = new Y.Doc()
    doc.getText('text').insert(0, 'abc')
    const whole = Y.encodeStateAsUpdate(doc)
    doc.getText('text').delete(1, 1)
    const deleted = Y.encodeStateAsUpdate(doc, Y.encodeStateVector(doc))
    const document = openDocument('text', [whole])
    const { news } = document.look(deleted)
    expect(document.take(news!)).toHaveLength(1)
    expect(document.look(deleted).news).toBe(undefined)
    expect(textOf(document.update())).toBe('ac')
  })

  test('says what a ref cannot hold, and throws for what is no update', () => {
    const doc = new Y.Doc()
    doc.getText('text').insert(0, 'bold', { bold: true })
    const update = Y.encodeStateAsUpdate(doc)
    expect(openDocument('text', []).look(update).unfit).toContain('characters only')
    expect(openDocument('doc', []).look(update).unfit).toBe(undefined)
    expect(() => openDocument('doc', []).look(new Uint8Array([9, 9]))).toThrow('Unexpected end')
  })

  test('reads and renames the roots of an update', () => {
    const doc = new Y.Doc()
    doc.getText('body').insert(0, 'x')
    doc.getMap('else').set('a', 1)
    const update = Y.encodeStateAsUpdate(doc)
    expect(new Set(rootsIn(update))).toEqual(new Set(['body', 'else']))
    const there = new Y.Doc()
    Y.applyUpdate(
      there,
      renameRoots(update, (name) => (name === 'body' ? 'text' : name)),
    )
    expect(there.getText('text').toString()).toBe('x')
    expect(there.getMap('else').toJSON()).toEqual({ a: 1 })
  })
})
