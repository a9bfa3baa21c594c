import { createMemoryStorage, type Checkpoints } from '@syncline/relay'
import { createFold } from '@syncline/store/fold'
import { doc, startGeneration, text, textPolicy } from '@syncline/yjs'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { changesOf, openOurs, openStock, startHost, until } from './kit.ts'

const note = text('note', 'card-1')

describe('a ref that is shared', () => {
  it('[YP1] is one text for clients of y-websocket and for our own', async () => {
    const { port } = await startHost()
    const theirs = openStock(port, 'board/text/note/card-1')
    const ours = await openOurs(port, 'board')
    const shown = theirs.doc.getText('codemirror')

    shown.insert(0, 'Hello')
    await until(() => ours.get(note) === 'Hello')
    ours.transact((tx) => tx.insert(note, 5, ', you'))
    await until(() => shown.toString() === 'Hello, you')
    shown.delete(0, 7)
    await until(() => ours.get(note) === 'you')
    expect(theirs.provider.synced).toBe(true)
  })

  it('[YP1] is one doc for bindings of nodes and for our own clients', async () => {
    const { port } = await startHost()
    const page = doc('page')
    const [one, other] = [openStock(port, 'board/doc/page'), openStock(port, 'board/doc/page')]
    const ours = await openOurs(port, 'board')

    const heading = new Y.XmlElement('heading')
    one.doc.getXmlFragment('default').insert(0, [heading])
    heading.insert(0, [new Y.XmlText('Plan')])
    one.doc.getMap('map').set('done', true)
    await until(() => other.doc.getXmlFragment('default').toString() === '<heading>Plan</heading>')
    await until(() => ours.get(page).map.done === true)
    expect(ours.get(page).fragment).toEqual([{ type: 'heading', content: [{ type: 'text', text: 'Plan' }] }])

    ours.transact((tx) => tx.edit(page, ({ fragment }) => fragment.insert(1, [new Y.XmlElement('rule')])))
    await until(() => one.doc.getXmlFragment('default').length === 2)
    expect(other.doc.getXmlFragment('fragment').length).toBe(0)
  })

  it('[YP2] a client is synced when it has all there is, with its own edits and those of others, also with nothing', async () => {
    const storage = createMemoryStorage()
    const first = await startHost({ storage })
    const ours = await openOurs(first.port, 'board')
    const receipt = ours.transact((tx) => tx.insert(note, 0, 'from here'))
    await receipt.synced()
    const before = openStock(first.port, 'board/text/note/card-1')
    await until(() => before.provider.synced)
    expect(before.doc.getText('text').toString()).toBe('from here')
    const empty = openStock(first.port, 'board/text/nothing')
    await until(() => empty.provider.synced)
    before.provider.disconnect()
    before.doc.getText('text').insert(0, 'offline ')
    before.provider.connect()
    await until(() => ours.get(note) === 'offline from here')
  })

  it('[YP3] what its roots are called is known to those who come later, after a restart too', async () => {
    const storage = createMemoryStorage()
    const first = await startHost({ storage })
    const one = openStock(first.port, 'board/text/note/card-1')
    one.doc.getText('quill').insert(0, 'kept')
    const witness = openStock(first.port, 'board/text/note/card-1')
    await until(() => witness.doc.getText('quill').toString() === 'kept')
    await first.stop()
    const second = await startHost({ storage })
    const later = openStock(second.port, 'board/text/note/card-1')
    await until(() => later.provider.synced)
    expect(later.doc.getText('quill').toString()).toBe('kept')
  })

  it('[YP3] the operator says what they are called, and where paths lead', async () => {
    const places = new Map([['pages/ä b', 'page']])
    const { port } = await startHost({
      path: '/docs',
      map: (path) => {
        const address = places.get(decodeURIComponent(path))
        return address === undefined
          ? undefined
          : { space: 'board', ref: { tag: 'doc', address, roots: { text: 'body' } } }
      },
    })
    const ours = await openOurs(port, 'board')
    await ours.transact((tx) => tx.edit(doc('page'), (roots) => roots.text.insert(0, 'here'))).synced()
    const theirs = openStock(port, '../docs/pages/ä b', { params: { pages: 'other' } })
    await until(() => theirs.doc.getText('body').toString() === 'here')
    const lost = openStock(port, '../docs/elsewhere')
    const closed = await new Promise<{ code: number }>((resolve) =>
      lost.provider.on('closed' as never, resolve as never),
    )
    expect(closed.code).toBe(4404)
  })

  it('[YP4] authors what a client writes once, by a writer of the relay, with the principal in it', async () => {
    const storage = createMemoryStorage()
    const { port, stop } = await startHost({
      storage,
      authenticate: ({ url }) => new URL(url!, 'http://x').searchParams.get('user') ?? undefined,
    })
    const theirs = openStock(port, 'board/text/note/card-1', { params: { user: 'ann' } })
    theirs.doc.getText('text').insert(0, 'once')
    const witness = openStock(port, 'board/text/note/card-1', { params: { user: 'bob' } })
    await until(() => witness.doc.getText('text').toString() === 'once')
    // It says all of it again.
    theirs.provider.disconnect()
    theirs.provider.connect()
    await until(() => theirs.provider.synced)
    await stop()
    const after = await startHost({ storage, authenticate: () => 'ann' })

    const again = openStock(after.port, 'board/text/note/card-1')
    Y.applyUpdate(again.doc, Y.encodeStateAsUpdate(theirs.doc))
    again.doc.getText('text').insert(4, '!')
    const last = openStock(after.port, 'board/text/note/card-1')
    await until(() => last.doc.getText('text').toString() === 'once!')
    const changes = await changesOf(storage, 'board')
    expect(changes.map(({ meta, seq }) => [meta, seq])).toEqual([
      [{ yjs: { principal: 'ann' } }, 1],
      [{ yjs: { principal: 'ann' } }, 1],
    ])
    expect(new Set(changes.map(({ writer }) => writer)).size).toBe(2)
  })

  it('[YP14] who has a text open goes on in a new generation of it, with what they wrote before and meanwhile', async () => {
    const { port } = await startHost()
    const theirs = openStock(port, 'board/text/note/card-1')
    const ours = await openOurs(port, 'board')
    const shown = theirs.doc.getText('text')
    for (const letter of 'many edits'.split('').reverse()) shown.insert(0, letter)
    for (let i = 0; i < 3; i++) shown.delete(0, 1)
    await until(() => ours.get(note) === 'y edits')
    theirs.provider.disconnect()
    shown.insert(0, 'late ')
    startGeneration(ours, note)
    theirs.provider.connect()
    await until(() => ours.get(note) === 'late y edits')
    ours.transact((tx) => tx.insert(note, 12, ', on'))
    const later = openStock(port, 'board/text/note/card-1')
    await until(() => later.provider.synced)
    // Who has the life before, and wrote late, has it all once, if not in the same place.
    const all = (text: string): string => text.split('').sort().join('')
    await until(() => all(shown.toString()) === all('late y edits, on'))
    expect(later.doc.getText('text').toString()).toBe('late y edits, on')
  })

  it('[YP17] what one of our clients has brought back after a loss is there, also for who has it open', async () => {
    const first = await startHost()
    const ours = await openOurs(first.port, 'board')
    await ours.transact((tx) => tx.insert(note, 0, 'kept by a client')).synced()
    await first.stop()
    // Nothing is left of the log.
    const second = await startHost({ port: first.port })
    const theirs = openStock(second.port, 'board/text/note/card-1')
    await until(() => theirs.doc.getText('text').toString() === 'kept by a client')
    ours.transact((tx) => tx.insert(note, 0, 'and '))
    const later = openStock(second.port, 'board/text/note/card-1')
    await until(() => theirs.doc.getText('text').length === 20)
    await until(() => later.provider.synced)
    expect(later.doc.getText('text').toString()).toBe('and kept by a client')
  })

  it('[YP18] where names are said, a document is opened from a checkpoint and what came after it', async () => {
    const storage = createMemoryStorage()
    const roots = { text: 'body' }
    let asked = 0
    const checkpoints: Checkpoints = {
      async read(space) {
        asked += 1
        const { head, stretches } = (await storage.space(space))!
        const fold = createFold({ space, policies: [textPolicy] })
        fold.take(stretches[0]!.epoch, 1, await storage.read(space, 0, head - 1, 1 << 20))
        const steps = fold.checkpoint()
        let step = steps.next()
        while (step.done !== true) step = steps.next()
        return { epoch: stretches[0]!.epoch, relaySeq: head - 1, bytes: step.value! }
      },
      make: () => Promise.resolve(undefined),
    }
    const { port } = await startHost({
      storage,
      relay: { checkpoints },
      map: (path) => ({ space: 'board', ref: { tag: 'text', address: path, roots } }),
    })
    const ours = await openOurs(port, 'board')
    for (const word of ['one ', 'two ', 'three ']) {
      await ours.transact((tx) => tx.insert(text('note'), ours.get(text('note')).length, word)).synced()
    }
    const before = asked
    const theirs = openStock(port, 'note')
    await until(() => theirs.provider.synced)
    expect(asked).toBe(before + 1)
    expect(theirs.doc.getText('body').toString()).toBe('one two three ')
    theirs.doc.getText('body').insert(0, 'zero ')
    await until(() => ours.get(text('note')) === 'zero one two three ')
  })
})
