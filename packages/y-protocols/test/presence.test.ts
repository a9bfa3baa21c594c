import { expect, it } from 'vitest'
import { presenceWord, wordsIn, type Shown } from '../src/words.ts'
import { openBare, openStock, openWire, startHost, until, type Bare, type Stock } from './kit.ts'

const NOTE = 'board/text/note'

const seen = ({ awareness }: Stock, { doc }: Stock): unknown => awareness.getStates().get(doc.clientID)?.name
const shownTo = ({ heard }: Bare): readonly Shown[] =>
  heard.flatMap((frame) => [...wordsIn(frame)].flatMap((word) => (word.kind === 'presence' ? [...word.shown] : [])))

it('[YP10] who shows something of themselves is seen, by who comes later too, and is gone for all when they are', async () => {
  const { port } = await startHost()
  const [ann, bob] = [openStock(port, NOTE), openStock(port, NOTE)]
  ann.awareness.setLocalStateField('name', 'Ann')
  bob.awareness.setLocalStateField('name', 'Bob')
  await until(() => seen(ann, bob) === 'Bob' && seen(bob, ann) === 'Ann')
  const cat = openStock(port, NOTE)
  await until(() => seen(cat, ann) === 'Ann' && seen(cat, bob) === 'Bob')
  // As a page that is killed.
  ann.provider.ws!.close()
  ann.provider.shouldConnect = false
  await until(
    () => !bob.awareness.getStates().has(ann.doc.clientID) && !cat.awareness.getStates().has(ann.doc.clientID),
  )
  const dan = await openBare(port, NOTE)
  await until(() => shownTo(dan).length > 0)
  expect(shownTo(dan).map(({ client }) => client)).not.toContain(ann.doc.clientID)
})

it('[YP11] who comes back after a cut is seen at once', async () => {
  const { port } = await startHost()
  const wire = await openWire(port)
  const [ann, bob] = [openStock(wire.port, NOTE), openStock(port, NOTE)]
  ann.awareness.setLocalStateField('name', 'Ann')
  await until(() => seen(bob, ann) === 'Ann')
  for (let times = 0; times < 3; times++) {
    wire.cut()
    await until(() => !bob.awareness.getStates().has(ann.doc.clientID))
    await until(() => bob.awareness.getStates().has(ann.doc.clientID))
    expect(seen(bob, ann)).toBe('Ann')
  }
})

it('[YP11] who comes back while their old connection is silent takes over from it', async () => {
  const { port } = await startHost({ limits: { answerTimeoutMs: 100 } })
  const wire = await openWire(port)
  const [ann, bob] = [openStock(wire.port, NOTE), openStock(port, NOTE)]
  ann.awareness.setLocalStateField('name', 'Ann')
  await until(() => seen(bob, ann) === 'Ann')
  wire.hush()
  // The same client by another connection.
  const again = openStock(port, NOTE, { awareness: ann.awareness }, ann.doc)
  await until(() => again.provider.wsconnected)
  ann.awareness.setLocalStateField('name', 'Ann again')
  await until(() => seen(bob, ann) !== 'Ann' && seen(bob, ann) !== undefined)
  expect(seen(bob, ann)).toBe('Ann again')
})

it('[YP11] the same principal takes over at once', async () => {
  const { port } = await startHost({ authenticate: () => 'ann' })
  const wire = await openWire(port)
  const [before, bob] = [await openBare(wire.port, NOTE), await openBare(port, NOTE)]
  before.send(presenceWord([{ client: 5, clock: 3, state: '"before"' }]))
  await until(() => shownTo(bob).length === 1)
  wire.hush()
  const after = await openBare(port, NOTE)
  after.send(presenceWord([{ client: 5, clock: 4, state: '"after"' }]))
  await until(() => shownTo(bob).length === 2)
  expect(shownTo(bob).at(-1)).toEqual({ client: 5, clock: 4, state: '"after"' })
})

it('[YP12] nobody shows anything in the name of somebody else', async () => {
  const { port } = await startHost({ limits: { answerTimeoutMs: 500 } })
  const [ann, bob] = [openStock(port, NOTE), openStock(port, NOTE)]
  ann.awareness.setLocalStateField('name', 'Ann')
  await until(() => seen(bob, ann) === 'Ann')
  const mallory = await openBare(port, NOTE)
  const { clientID } = ann.doc
  // Before they have shown themselves, and after.
  mallory.send(presenceWord([{ client: clientID, clock: 90, state: '{"name":"Not Ann"}' }]))
  mallory.send(presenceWord([{ client: 7, clock: 1, state: '{"name":"Mallory"}' }]))
  mallory.send(presenceWord([{ client: clientID, clock: 91, state: 'null' }]))
  mallory.send(presenceWord([{ client: 8, clock: 1, state: '{"name":"Somebody"}' }]))
  await until(() => bob.awareness.getStates().get(7)?.name === 'Mallory')
  ann.awareness.setLocalStateField('name', 'Still Ann')
  await until(() => seen(bob, ann) === 'Still Ann')
  expect(bob.awareness.getStates().has(8)).toBe(false)
})

it('[YP13] what is shown has a limit, is JSON, and is shown to its author too', async () => {
  const { port } = await startHost({ limits: { maxPresenceBytes: 20 } })
  const [one, other] = [await openBare(port, NOTE), await openBare(port, NOTE)]
  const show = (clock: number, state: string): void => one.send(presenceWord([{ client: 5, clock, state }]))
  show(1, JSON.stringify('x'.repeat(19)))
  show(2, '{"broken"')
  show(3, JSON.stringify('x'.repeat(18)))
  await until(() => shownTo(one).length > 0 && shownTo(other).length > 0)
  expect(shownTo(other)).toEqual([{ client: 5, clock: 3, state: JSON.stringify('x'.repeat(18)) }])
  expect(shownTo(one)).toEqual(shownTo(other))
})

it('[YP13] a client that is told nothing is told so before it gives up, and one that shows nothing any more is not shown', async () => {
  const { port } = await startHost({ limits: { quietMs: 40, presenceTimeoutMs: 80, answerTimeoutMs: 1000 } })
  const [one, other] = [await openBare(port, NOTE), await openBare(port, NOTE)]
  one.send(presenceWord([{ client: 5, clock: 1, state: '"here"' }]))
  await until(() => shownTo(other).at(-1)?.state === 'null')
  const before = one.heard.length
  await until(() => one.heard.length > before)
  expect(one.heard.at(-1)).toEqual(presenceWord([]))
})
