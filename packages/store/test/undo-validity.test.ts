import { collection, lww } from '@syncline/merge'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { memoryStorage, type Store } from '../src/index.ts'
import { createWorld } from './world.ts'

const schema = z.string().max(5)
const title = lww('title', '', { schema })
/** The same register as somebody has it who knows of no rules. */
const bareTitle = lww('title', '')
const note = lww('note', '', { maxBytes: 20 })
const bareNote = lww('note', '')
const cards = collection('cards', { title: '' }, { schema: z.object({ title: schema }) })
const bareCards = collection('cards', { title: '' })

/** Leaves, under what this store has written, what it would not be allowed to write. */
async function spoil(world: Awaited<ReturnType<typeof createWorld>>, store: Store): Promise<void> {
  const other = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  other.transact((tx) => {
    tx.set(bareTitle, 'much too long')
    tx.set(bareNote, 'x'.repeat(100))
    tx.patch(bareCards.at('a'), { title: 'much too long' })
  })
  await world.clock.pass(100)
  expect(store.get(title)).toBe('much too long')
  await other.close()
}

test('[UN9] an undo that would put back what a schema or a limit forbids is refused, and can be asked for again', async () => {
  const world = await createWorld(1)
  const storage = memoryStorage()
  const wire = world.wire()
  const store = await world.open({ storage, transport: wire })
  await world.clock.pass(100)
  store.transact((tx) => tx.create(cards.at('a'), {}), { undo: false })
  await world.clock.pass(100)
  await spoil(world, store)
  const stack = store.undoStack()
  const cases = [
    ['validation-failed', title, () => store.transact((tx) => tx.set(title, 'fine'))],
    ['too-large-for-ref', note, () => store.transact((tx) => tx.set(note, 'fine'))],
    ['validation-failed', cards.at('a'), () => store.transact((tx) => tx.patch(cards.at('a'), { title: 'fine' }))],
  ] as const
  for (const [code, ref, write] of cases) {
    write()
    const { snapshot } = store
    expect(() => store.undo()).toThrow(expect.objectContaining({ code, refs: [ref.key] }))
    await expect(store.undoAsync()).rejects.toMatchObject({ code })
    expect([store.snapshot === snapshot, stack.undoable, stack.redoable]).toEqual([true, true, false])
    await store.transactAsync((tx) => tx.set(lww('other', ''), code))
    store.undo()
  }
  await world.close()
})

test('[UN9] after a reload it is asked of the refs that the store has met: written, of a collection of which something was, or followed', async () => {
  const world = await createWorld(2)
  const storage = memoryStorage()
  const wire = world.wire()
  const first = await world.open({ storage, transport: wire })
  await world.clock.pass(100)
  first.transact((tx) => tx.create(cards.at('a'), {}), { undo: false })
  await world.clock.pass(100)
  await spoil(world, first)
  first.transact((tx) => tx.set(title, 'fine'))
  first.transact((tx) => tx.patch(cards.at('a'), { title: 'fine' }))
  await first.durable()
  await first.close()

  const second = await world.open({ storage, transport: wire })
  second.get(title)
  second.transact((tx) => tx.create(cards.at('b'), { title: 'other' }), { undo: false })
  expect(() => second.undo()).toThrow(expect.objectContaining({ code: 'validation-failed', refs: [cards.at('a').key] }))
  await second.close()

  const third = await world.open({ storage, transport: wire })
  third.onViolation([title, cards], () => undefined)
  expect(() => third.undo()).toThrow(expect.objectContaining({ code: 'validation-failed' }))
  await third.close()

  // Who has declared no rules in this app has none.
  const fourth = await world.open({ storage, transport: wire })
  fourth.get(bareTitle)
  fourth.get(bareCards.at('a'))
  fourth.undo()
  fourth.undo()
  expect([fourth.get(bareTitle), fourth.get(bareCards.at('a'))]).toEqual(['much too long', { title: 'much too long' }])
  await world.close()
})

test('[UN9] what others decide about is held against schemas, limits and invariants too, on what is there then', async () => {
  const world = await createWorld(3)
  const storage = memoryStorage()
  const [store, sibling] = [await world.open({ storage }), await world.open({ storage })]
  const browser = { arbiter: 'browser' } as const
  const draft = lww('draft', '', { ...browser, schema })
  const bareDraft = lww('draft', '', browser)
  const limit = lww('limit', 10, browser)
  await sibling.transactAsync((tx) => tx.set(bareDraft, 'much too long'), browser)
  await store.transactAsync((tx) => tx.set(draft, 'fine'), browser)
  await expect(store.undoAsync()).rejects.toMatchObject({ code: 'validation-failed' })
  expect([store.get(draft), store.undoStack().undoable]).toEqual(['fine', true])

  store.invariant('limit', (snapshot) => snapshot.get(draft).length <= snapshot.get(limit))
  await store.transactAsync((tx) => tx.set(limit, 20), browser)
  await store.transactAsync((tx) => tx.set(limit, 4), browser)
  await store.undoAsync()
  // Another tab makes what the undo of the first one would break.
  await sibling.transactAsync((tx) => tx.set(bareDraft, 'x'.repeat(15)), browser)
  await expect(store.undoAsync()).rejects.toMatchObject({ code: 'invariant-failed' })
  expect([store.get(limit), store.undoStack().undoable]).toEqual([20, true])
  await world.close()
})

test('[UN9] what was refused and is applied again is held against schemas and limits', async () => {
  let isLocked = true
  const world = await createWorld(4, {
    refuse: () => (isLocked ? { code: 'locked', message: 'Not now.' } : undefined),
  })
  const store = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  store.transact((tx) => tx.set(bareTitle, 'much too long'))
  store.transact((tx) => tx.set(bareNote, 'x'.repeat(100)))
  await world.clock.pass(1_000)
  isLocked = false
  expect(store.status.refused).toBe(2)
  store.transact((tx) => tx.set(title, 'fine'))
  store.transact((tx) => tx.set(note, 'fine'))
  const [first, second] = store.refused.list()
  const { snapshot } = store
  expect(() => store.refused.reapply(first!.id)).toThrow(expect.objectContaining({ code: 'validation-failed' }))
  expect(() => store.refused.reapply(second!.id)).toThrow(expect.objectContaining({ code: 'too-large-for-ref' }))
  expect([store.snapshot === snapshot, store.status.refused]).toEqual([true, 2])
  await world.clock.pass(1_000)
  await world.close()
})

test('[UN9] what it costs to ask follows what the step wrote, however many refs have rules', async () => {
  const world = await createWorld(5)
  const store = await world.open()
  let asked = 0
  const counted = z.string().refine(() => (asked += 1) > 0)
  const many = collection('many', { title: '' }, { schema: z.object({ title: counted }) })
  store.transact((tx) => {
    for (let i = 0; i < 300; i++) tx.create(many.at(`${i}`), {})
  })
  store.transact((tx) => {
    tx.patch(many.at('7'), { title: 'one' })
    tx.patch(many.at('8'), { title: 'two' })
  })
  asked = 0
  store.undo()
  expect(asked).toBe(2)
  await world.close()
})
