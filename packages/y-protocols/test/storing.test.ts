import { defaultLimits } from '@syncline/relay'
import { expect, it } from 'vitest'
import * as Y from 'yjs'
import { askWord, updateWord, wordsIn } from '../src/words.ts'
import { changesOf, gated, openBare, openStock, startHost, until, type Bare } from './kit.ts'

const NOTE = 'board/text/note'

const updatesHeard = ({ heard }: Bare): readonly Uint8Array[] =>
  heard.flatMap((frame) => [...wordsIn(frame)].flatMap((word) => (word.kind === 'update' ? [word.update] : [])))

/** Each edit of a new document, as its client sends them. */
function edits(...texts: readonly string[]): readonly Uint8Array[] {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update) => updates.push(update))
  const shown = doc.getText('text')
  for (const text of texts) shown.insert(shown.length, text)
  return updates
}

it('[YP5] what is written is told to nobody, its author included, before it is durable', async () => {
  const storage = gated()
  const { port } = await startHost({ storage })
  const [author, other] = [await openBare(port, NOTE), await openBare(port, NOTE)]
  await until(() => author.heard.length > 0 && other.heard.length > 0)
  storage.shut()
  const [update] = edits('kept')
  author.send(updateWord(update!))
  // Somebody asks for all there is, meanwhile.
  const late = openStock(port, NOTE)
  await until(() => late.provider.wsconnected)
  const round = await openBare(port, 'board/text/another')
  await until(() => round.heard.length > 0)
  expect([...updatesHeard(author), ...updatesHeard(other)]).toEqual([])
  expect(late.provider.synced).toBe(false)
  storage.open()
  await until(() => late.provider.synced)
  expect(late.doc.getText('text').toString()).toBe('kept')
  await until(() => updatesHeard(author).length === 1 && updatesHeard(other).length === 1)
  expect(updatesHeard(author)).toEqual([update])
})

it('[YP5] what could not be stored is said again by who has written it, and is there once', async () => {
  const storage = gated()
  const { port } = await startHost({ storage })
  const theirs = openStock(port, NOTE)
  await until(() => theirs.provider.synced)
  storage.shut()
  theirs.doc.getText('text').insert(0, 'again')
  await new Promise((resolve) => setTimeout(resolve, 20))
  storage.fail()
  storage.open()
  const witness = openStock(port, NOTE)
  await until(() => witness.doc.getText('text').toString() === 'again')
  expect(await changesOf(storage, 'board')).toHaveLength(1)
})

it('[YP6] an update that comes before what it builds on waits for that, and is asked for', async () => {
  const { port } = await startHost()
  const [author, other] = [await openBare(port, NOTE), openStock(port, NOTE)]
  await until(() => author.heard.length > 0 && other.provider.synced)
  const [first, second, third] = edits('a', 'b', 'c')
  const asked = author.heard.length
  author.send(updateWord(third!))
  await until(() => author.heard.length > asked)
  expect([...wordsIn(author.heard.at(-1)!)]).toEqual([{ kind: 'ask', stateVector: new Uint8Array([0]) }])
  author.send(updateWord(second!))
  author.send(updateWord(first!))
  await until(() => other.doc.getText('text').length === 3)
  expect(other.doc.getText('text').toString()).toBe('abc')
})

it('[YP6] of an update of which only a part can be taken, that is taken', async () => {
  const { port } = await startHost()
  const other = openStock(port, NOTE)
  await until(() => other.provider.synced)
  const [, second] = edits('x', 'y')
  const [whole] = edits('whole')
  // As a client has it that waits for something itself.
  const theirs = openStock(port, NOTE, { connect: false })
  Y.applyUpdate(theirs.doc, whole!)
  Y.applyUpdate(theirs.doc, second!)
  theirs.provider.connect()
  await until(() => other.doc.getText('text').length > 0)
  expect(other.doc.getText('text').toString()).toBe('whole')
})

it('[YP6] who sends more than may wait is sent away with 1013', async () => {
  const { port } = await startHost({ limits: { maxParkedBytes: 1000 } })
  const [within, above] = [await openBare(port, NOTE), await openBare(port, NOTE)]
  const [, much] = edits('a', 'b'.repeat(950))
  const [, more] = edits('a', 'b'.repeat(1000))
  within.send(updateWord(much!))
  above.send(updateWord(more!))
  expect(await above.closed).toBe(1013)
  expect(within.socket.readyState).toBe(within.socket.OPEN)
})

it('[YP7] what the ref cannot hold, and another root of a text, end the connection for good, and nobody else has any of it', async () => {
  const { port } = await startHost()
  const witness = openStock(port, NOTE)
  const [formats, roots] = [openStock(port, NOTE), openStock(port, NOTE)]
  await until(() => [witness, formats, roots].every(({ provider }) => provider.synced))
  witness.doc.getText('text').insert(0, 'plain')
  await until(() => formats.doc.getText('text').length === 5 && roots.doc.getText('text').length === 5)
  const codes = [formats, roots].map(
    ({ provider }) =>
      new Promise((resolve) =>
        provider.on('closed' as never, (({ code }: { code: number }) => resolve(code)) as never),
      ),
  )
  formats.doc.getText('text').format(0, 2, { bold: true })
  roots.doc.getText('other').insert(0, 'else')
  expect(await Promise.all(codes)).toEqual([4400, 4400])
  witness.doc.getText('text').insert(5, ' text')
  const later = openStock(port, NOTE)
  await until(() => later.doc.getText('text').toString() === 'plain text')
  expect(later.doc.share.size).toBe(1)
})

it('[YP8] who may not write is told so for good, and who may goes on', async () => {
  const { port } = await startHost({
    authenticate: ({ url }) => new URL(url!, 'http://x').searchParams.get('user') ?? undefined,
    relay: {
      authenticate: () => ({ denied: 'Nobody comes in by a credential.' }),
      refuse: (_header, { principal }) =>
        principal === 'bob' ? { code: 'forbidden', message: 'Bob reads.' } : undefined,
    },
  })
  const [ann, bob] = ['ann', 'bob'].map((user) => openStock(port, NOTE, { params: { user } })) as [
    ReturnType<typeof openStock>,
    ReturnType<typeof openStock>,
  ]
  ann.doc.getText('text').insert(0, 'from ann')
  await until(() => bob.doc.getText('text').toString() === 'from ann')
  const closed = new Promise<number>((resolve) =>
    bob.provider.on('closed' as never, (({ code }: { code: number }) => resolve(code)) as never),
  )
  bob.doc.getText('text').insert(0, 'x')
  expect(await closed).toBe(4403)
  ann.doc.getText('text').insert(8, ', on')
  const later = openStock(port, NOTE, { params: { user: 'cat' } })
  await until(() => later.doc.getText('text').toString() === 'from ann, on')
  const stranger = await openBare(port, NOTE)
  expect(await stranger.closed).toBe(4401)
})

it('[YP8] what somebody may do in the space is asked of the relay: who may not read is told nothing, and who lost a right goes', async () => {
  const rights = new Map([
    ['ann', ['read', 'write', 'presence']],
    ['bob', ['read']],
    ['eve', ['write']],
  ])
  const { port, relay } = await startHost({
    authenticate: ({ url }) => new URL(url!, 'http://x').searchParams.get('user') ?? undefined,
    relay: { authorize: ({ principal }, _space, action) => rights.get(principal)?.includes(action) ?? false },
  })
  const ann = openStock(port, NOTE, { params: { user: 'ann' } })
  ann.doc.getText('text').insert(0, 'secret')
  const bob = openStock(port, NOTE, { params: { user: 'bob' } })
  await until(() => bob.doc.getText('text').toString() === 'secret')
  const eve = await openBare(port, `${NOTE}?user=eve`)
  eve.send(askWord(new Uint8Array([0])))
  expect(await eve.closed).toBe(4403)
  expect(eve.heard).toEqual([])
  const closed = new Promise<number>((resolve) =>
    bob.provider.on('closed' as never, (({ code }: { code: number }) => resolve(code)) as never),
  )
  bob.doc.getText('text').insert(0, 'x')
  expect(await closed).toBe(4403)
  await until(() => ann.provider.synced)
  rights.delete('ann')
  const ended = new Promise<number>((resolve) =>
    ann.provider.on('closed' as never, (({ code }: { code: number }) => resolve(code)) as never),
  )
  expect(relay.revoke('ann')).toBe(1)
  expect(await ended).toBe(4403)
})

it('[YP8] without a rule of its own the endpoint asks that of the relay', async () => {
  const { port } = await startHost({ relay: { authenticate: () => ({ denied: 'Nobody.' }) } })
  const stranger = await openBare(port, NOTE)
  expect(await stranger.closed).toBe(4401)
})

it('[YP9] a frame up to the limit is taken, and one byte more ends the connection with 1009', async () => {
  expect(defaultLimits.maxChangeBytes).toBeGreaterThan(12 * 1024 * 1024)
  const { port } = await startHost({ limits: { maxFrameBytes: 5000 } })
  const author = await openBare(port, NOTE)
  await until(() => author.heard.length > 0)
  const [update] = edits('a'.repeat(4900))
  const word = updateWord(update!)
  const most = new Uint8Array(5000)
  most.set(word)
  // What follows is of a kind that nobody knows.
  most[word.length] = 99
  author.send(most)
  await until(() => updatesHeard(author).length === 1)
  author.send(new Uint8Array(5001))
  expect(await author.closed).toBe(1009)
})

it('[YP9] who reads more slowly than there is news is sent away with 1013, and what they lack they get when they come back', async () => {
  const { port, endpoint } = await startHost({ limits: { maxBufferedBytes: 500_000 } })
  const [slow, author] = [await openBare(port, NOTE), openStock(port, NOTE)]
  await until(() => slow.heard.length > 0 && author.provider.synced)
  slow.socket.pause()
  const shown = author.doc.getText('text')
  const witness = openStock(port, NOTE)
  // The system between them takes some of it.
  for (let i = 1; i <= 30; i++) {
    shown.insert(0, 'x'.repeat(400_000))
    await until(() => witness.doc.getText('text').length === i * 400_000)
  }
  expect(endpoint.load.clients).toBe(2)
  slow.socket.resume()
  expect(await slow.closed).toBe(1013)
  // What is longer than what may be on its way is told at once.
  const later = openStock(port, NOTE)
  await until(() => later.provider.synced)
  expect(later.doc.getText('text').length).toBe(shown.length)
})

it.each([
  ['a space alone', 'board'],
  ['another tag', 'board/lww/title'],
  ['no name', 'board/text/'],
  ['half a character', 'board/text/%ff'],
  ['no space', '/text/note'],
  ['a control character', 'board/text/a%00'],
])('[YP3] a path that is %s leads nowhere', async (_, path) => {
  const { port, endpoint } = await startHost()
  const bare = await openBare(port, path)
  expect(await bare.closed).toBe(4404)
  expect(endpoint.load).toEqual({ clients: 0, documents: 0 })
})

it('[YP9] as many as may have a document open, and no more, and paths have a length', async () => {
  const { port, endpoint } = await startHost({ limits: { maxClients: 2, maxPathLength: 20, idleMs: 10 } })
  const [one, two, three] = [await openBare(port, NOTE), await openBare(port, NOTE), await openBare(port, NOTE)]
  expect(await three.closed).toBe(1013)
  await expect(openBare(port, `board/text/${'n'.repeat(10)}`)).rejects.toThrow('404')
  const longest = await openBare(port, `board/text/${'n'.repeat(9)}`)
  await until(() => longest.heard.length > 0)
  for (const { socket } of [one, two, longest]) socket.terminate()
  // Nobody has them open, so they go.
  await until(() => endpoint.load.documents === 0)
})
