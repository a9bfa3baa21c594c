import { collection, counter, lww } from '@syncline/merge'
import { agent } from '@syncline/stm'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { memoryStorage, openStore, type Store } from '../src/index.ts'
import {
  agents,
  asyncTransactions,
  browserRefs,
  handles,
  link,
  onDemand,
  openLean,
  presence,
  relayRefs,
  undo,
  validity,
  type Part,
} from '../src/lean.ts'
import { createWorld, listener, passing, settle } from './world.ts'

const title = lww('title', '')
const votes = counter('votes')
const cards = collection('cards', { title: '' })
const draft = lww('draft', '', { arbiter: 'browser' })
const seat = lww<string | null, 'relay'>('seat', null, { arbiter: 'relay' })
const visits = agent('visits', lww('visits', 0), { actions: { add: (count, n: number) => count + n } })

const everything = [
  agents,
  asyncTransactions,
  browserRefs,
  handles,
  link,
  onDemand,
  presence,
  relayRefs,
  undo,
  validity,
] as const

const missing = (part: string): unknown => expect.objectContaining({ code: 'part-missing', part })

const membersOf = (store: object): readonly string[] => Object.getOwnPropertyNames(store).sort()

test('[LE1] a lean store has the members of every store and those of its parts, and no others', async () => {
  const whole = await openStore({ space: 'board' })
  const plain = await openLean({ space: 'board', parts: [] })
  const added: Record<string, readonly string[]> = {}
  for (const part of everything) {
    const parts: readonly Part[] = [part]
    const store = await openLean({ space: 'board', parts })
    added[part.name] = membersOf(store).filter((name) => !membersOf(plain).includes(name))
    await store.close()
  }
  expect(added).toEqual({
    agents: ['agent'],
    asyncTransactions: ['transactAsync'],
    browserRefs: ['transactAsync'],
    handles: ['delete', 'open'],
    link: ['connect', 'disconnect'],
    onDemand: ['isLoaded', 'load'],
    presence: ['presence'],
    relayRefs: ['connect', 'disconnect', 'transactAsync'],
    undo: expect.arrayContaining(['redo', 'undo', 'undoStack']),
    validity: ['invariant', 'onViolation', 'read'],
  })
  const complete = await openLean({ space: 'board', parts: everything })
  expect(membersOf(complete)).toEqual(membersOf(whole))
  expect(membersOf(plain).length).toBeGreaterThan(10)
  for (const store of [whole, plain, complete]) await store.close()
})

describe('[LE2] what a lean store has does what it does in a whole one', () => {
  test('transactions, watching, the status, durability and reopening', async () => {
    const told: string[][] = []
    const states: unknown[] = []
    for (const open of ['open', 'openLean'] as const) {
      const world = await createWorld(1)
      const storage = memoryStorage()
      const opened = () => (open === 'open' ? world.open({ storage }) : world.openLean([], { storage }))
      const store = await opened()
      const heard: string[] = []
      told.push(heard)
      store.changes([votes, cards], ({ value: [count, ids] }) => heard.push(`${count} ${ids.join()}`))
      store.onStatus(({ saved, unsaved, pending }) => heard.push(`${saved} ${unsaved} ${pending}`))
      const before = store.snapshot
      const { change } = store.transact((tx) => {
        tx.add(votes, 2)
        tx.create(cards.at('a'), { title: 'A' })
      })
      expect(() =>
        store.transact((tx) => {
          tx.add(votes, 1)
          store.independent((log) => log.set(title, 'tried'))
          throw new Error('not this one')
        }),
      ).toThrow('not this one')
      expect(() => store.transact(() => store.io(() => 1))).toThrow('in the body of a transaction')
      await store.durable()
      states.push([change!.ops.length, before.get(votes), store.get(title), [...store.items(cards)], store.status])
      await store.close()
      expect(() => store.transact((tx) => tx.add(votes, 1))).toThrow(expect.objectContaining({ code: 'closed' }))
      const again = await opened()
      states.push([again.get(votes), again.get(title), [...again.items(cards)]])
      await world.close()
    }
    expect(told[1]).toEqual(told[0])
    expect(told[0]!.length).toBeGreaterThan(2)
    expect(states.slice(2)).toEqual(states.slice(0, 2))
  })

  test('it syncs through a relay with whole ones, and what is refused comes back', async () => {
    const world = await createWorld(2, {
      refuse: ({ touched }) =>
        touched.some(({ address }) => address === 'title') ? { code: 'locked', message: 'Locked.' } : undefined,
    })
    const whole = await world.open({ transport: world.wire() })
    const lean = await world.openLean([link], { transport: world.wire() })
    await world.clock.pass(100)
    expect(lean.status.link).toBe('online')
    const receipt = lean.transact((tx) => tx.add(votes, 2))
    whole.transact((tx) => tx.add(votes, 3))
    await passing(world, receipt.synced())
    await world.clock.pass(100)
    expect([lean.get(votes), whole.get(votes)]).toEqual([5, 5])
    const refused = lean.transact((tx) => tx.set(title, 'x')).synced()
    await expect(passing(world, refused)).rejects.toMatchObject({ code: 'refused', refusal: 'locked' })
    expect([lean.get(title), lean.refused.list().length]).toEqual(['', 1])
    lean.disconnect()
    expect(lean.status.link).toBe('off')
    lean.transact((tx) => tx.add(votes, 1))
    lean.connect()
    await passing(world, lean.synced())
    await world.clock.pass(100)
    expect([whole.get(votes), whole.snapshot.basis]).toEqual([6, lean.snapshot.basis])
    await world.close()
  })

  test('each part, with what it needs and nothing else', async () => {
    const world = await createWorld(3)
    const storage = memoryStorage()
    const undoing = await world.openLean([undo])
    undoing.transact((tx) => tx.set(title, 'Plan'))
    undoing.undo()
    undoing.redo()
    expect(undoing.get(title)).toBe('Plan')

    const judging = await world.openLean([validity])
    const size = lww('size', 1, { schema: z.number().min(0) })
    expect(() => judging.transact((tx) => tx.set(size, -1))).toThrow(
      expect.objectContaining({ code: 'validation-failed' }),
    )
    judging.invariant('few votes', (now) => now.get(votes) < 3 || 'There are too many.')
    expect(() => judging.transact((tx) => tx.add(votes, 3))).toThrow('There are too many.')
    expect(judging.read(size)).toEqual({ invalid: false, value: 1 })

    const awaiting = await world.openLean([asyncTransactions])
    const taking = awaiting.transactAsync((tx) => (tx.get(votes) === 0 ? tx.retry() : tx.get(votes)))
    awaiting.transact((tx) => tx.add(votes, 2))
    expect((await taking).value).toBe(2)

    const [one, two] = [await world.openLean([browserRefs], { storage }), await world.open({ storage })]
    await Promise.all(
      [one, two].map((store) =>
        store.transactAsync((tx) => tx.update(draft, (text) => `${text}+`), { arbiter: 'browser' }),
      ),
    )
    await settle()
    expect([one.get(draft), two.get(draft)]).toEqual(['++', '++'])

    const holding = await world.openLean([handles], { storage })
    const handle = await holding.open(draft, 'write')
    await handle.set('held')
    await expect(two.delete(draft)).rejects.toMatchObject({ code: 'in-use' })
    await handle.close()

    const sending = await world.openLean([agents])
    sending.transact((tx) => tx.send(visits, 'add', 3))
    await sending.agent(visits).idle()
    expect(sending.agent(visits).state).toBe(3)

    const asking = await world.openLean([relayRefs], { transport: world.wire() })
    await world.clock.pass(100)
    await passing(
      world,
      asking.transactAsync((tx) => tx.set(seat, 'ada'), { arbiter: 'relay' }),
    )
    expect(asking.get(seat)).toBe('ada')
    asking.disconnect()

    const [seen, seeing] = [listener(), listener()]
    await world.openLean([presence], { storage, presence: seen.maker })
    await world.openLean([presence], { storage, presence: seeing.maker })
    seen.say('here')
    await settle()
    expect(seeing.words).toEqual(['here'])
    await world.close()
  })
})

describe('[LE3] what needs a part that is absent is refused with its name, and nothing has happened', () => {
  test('options of the store', async () => {
    const world = await createWorld(4)
    await expect(world.openLean([], { transport: world.wire() })).rejects.toEqual(missing('link'))
    await expect(world.openLean([link], { presence: listener().maker })).rejects.toEqual(missing('presence'))
    await world.close()
  })

  test('what are no parts', async () => {
    for (const parts of [undefined, 'undo', ['undo'], [null], [() => undefined]]) {
      // The compiler refuses these.
      const forced = parts as unknown as readonly Part[]
      await expect(openLean({ space: 'board', parts: forced })).rejects.toMatchObject({ code: 'invalid-parts' })
    }
  })

  test('options of refs, in every kind of transaction', async () => {
    const store = await openLean({ space: 'board', parts: [browserRefs] })
    const refs = [
      lww('a', 'x', { schema: z.string() }),
      lww('b', 'x', { maxBytes: 100 }),
      lww('c', 'x', { version: 2, upgrade: { 2: { up: (value: string) => value, down: (value: string) => value } } }),
    ]
    for (const ref of refs) {
      const { snapshot } = store
      const write = (): unknown =>
        store.transact((tx) => {
          tx.add(votes, 1)
          tx.set(ref, 'y')
        })
      expect(write).toThrow(missing('validity'))
      expect(write).toThrow(`"${ref.address}"`)
      await expect(store.transactAsync(async (tx) => tx.set(ref, 'y'))).rejects.toEqual(missing('validity'))
      expect(() => store.independent((tx) => tx.set(ref, 'y'))).toThrow(missing('validity'))
      expect(() => store.snapshot.with((tx) => tx.set(ref, 'y'))).toThrow(missing('validity'))
      // To read it is no risk: `get` does not judge in a whole store either.
      expect([store.get(ref), store.snapshot]).toEqual(['x', snapshot])
    }
    const kept = lww('d', '', { schema: z.string(), arbiter: 'browser' })
    await expect(store.transactAsync((tx) => tx.set(kept, 'y'), { arbiter: 'browser' })).rejects.toEqual(
      missing('validity'),
    )
    expect(store.get(kept)).toBe('')
    await store.close()
  })

  test('arbiters, sends and the option undo', async () => {
    const store = await openLean({ space: 'board', parts: [asyncTransactions] })
    const { snapshot } = store
    await expect(store.transactAsync((tx) => tx.set(draft, 'x'), { arbiter: 'browser' })).rejects.toEqual(
      missing('browserRefs'),
    )
    await expect(store.transactAsync((tx) => tx.set(seat, 'x'), { arbiter: 'relay' })).rejects.toEqual(
      missing('relayRefs'),
    )
    expect(() =>
      store.transact((tx) => {
        tx.add(votes, 1)
        tx.send(visits, 'add', 1)
      }),
    ).toThrow(missing('agents'))
    for (const mark of [{}, { scope: 'view' }, { group: 'typing' }]) {
      expect(() => store.transact((tx) => tx.add(votes, 1), { undo: mark })).toThrow(missing('undo'))
      await expect(store.transactAsync((tx) => tx.add(votes, 1), { undo: mark })).rejects.toEqual(missing('undo'))
    }
    expect(store.snapshot).toBe(snapshot)
    store.transact((tx) => tx.add(votes, 1), { undo: false })
    store.transact((tx) => tx.effect('mail', {}))
    expect(store.get(votes)).toBe(1)
    await store.close()
  })

  test('an undo of what was decided about by an arbiter that is absent', async () => {
    const storage = memoryStorage()
    const before = await openStore({ space: 'board', storage })
    await before.transactAsync((tx) => tx.set(draft, 'mine'), { arbiter: 'browser' })
    await before.close()
    const store = await openLean({ space: 'board', storage, parts: [undo] })
    expect(store.get(draft)).toBe('mine')
    await expect(store.undoAsync()).rejects.toEqual(missing('browserRefs'))
    expect([store.get(draft), store.undoStack().undoable]).toEqual(['mine', true])
    await store.close()
  })

  test('a whole store says what its options lack, not its parts', async () => {
    const store = await openStore({ space: 'board' })
    await expect(store.transactAsync((tx) => tx.set(seat, 'x'), { arbiter: 'relay' })).rejects.toMatchObject({
      code: 'no-arbiter',
    })
    await store.close()
  })
})

describe('[LE4] what absent parts have written is kept', () => {
  test('inverses, browser refs and sends, from a whole store through a lean one and back', async () => {
    const world = await createWorld(5)
    const storage = memoryStorage()
    const before = await world.open({ storage })
    before.transact((tx) => tx.set(title, 'Plan'))
    before.transact((tx) => tx.create(cards.at('a'), { title: 'A' }))
    before.transact((tx) => tx.set(title, 'Plans'), { undo: { scope: 'other' } })
    await before.transactAsync((tx) => tx.set(draft, 'mine'), { arbiter: 'browser' })
    await before.transactAsync((tx) => (tx.add(votes, 1), tx.set(draft, 'still mine')), { arbiter: 'browser' })
    before.transact((tx) => (tx.add(votes, 1), tx.send(visits, 'add', 2)))
    await before.agent(visits).idle()
    before.undo()
    await before.close()

    const lean = await world.openLean([], { storage })
    expect([lean.get(title), lean.get(draft), lean.get(votes), lean.get(visits.ref)]).toEqual([
      'Plans',
      'still mine',
      1,
      2,
    ])
    lean.transact((tx) => tx.add(votes, 10))
    lean.transact((tx) => tx.create(cards.at('b'), { title: 'B' }))
    expect('undo' in lean).toBe(false)
    await lean.close()

    const after = await world.open({ storage })
    expect([after.get(draft), after.get(votes), after.get(cards), after.get(visits.ref)]).toEqual([
      'still mine',
      11,
      ['a', 'b'],
      2,
    ])
    expect([after.undoStack().undoable, after.undoStack().redoable]).toEqual([true, true])
    // What the lean one wrote is no step, and is left alone.
    after.redo()
    expect(after.get(votes)).toBe(12)
    after.undo()
    await after.undoAsync()
    await after.undoAsync()
    expect([after.get(draft), after.get(votes)]).toEqual(['', 10])
    after.undo()
    expect([after.get(cards), after.get(votes)]).toEqual([['b'], 10])
    after.undoStack('other').undo()
    expect(after.get(title)).toBe('Plan')
    await world.close()
  })

  test('an envelope that nobody has decided yet', async () => {
    for (const parts of [[], [link]]) {
      const world = await createWorld(6)
      const storage = memoryStorage()
      const wire = world.wire()
      const before = await world.open({ storage, transport: wire })
      await world.clock.pass(100)
      // The relay hears of it, and its answer is lost.
      wire.filter = (direction) => direction === 'up'
      const taking = before.transactAsync((tx) => tx.set(seat, 'ada'), { arbiter: 'relay' })
      taking.catch(() => undefined)
      await world.clock.pass(100)
      await before.close()
      await expect(taking).rejects.toMatchObject({ code: 'closed' })
      wire.cut()
      wire.filter = undefined
      wire.mend()

      const hasLink = parts.length > 0
      const lean = await world.openLean(parts as readonly Part[], hasLink ? { storage, transport: wire } : { storage })
      await world.clock.pass(60_000)
      // Nothing of it counts until the relay's order names it.
      expect(lean.get(seat)).toBe(hasLink ? 'ada' : null)
      lean.transact((tx) => tx.add(votes, 1))
      await lean.close()

      const after = await world.open({ storage, transport: wire })
      await world.clock.pass(60_000)
      expect([after.get(seat), after.get(votes)]).toEqual(['ada', 1])
      const next = after.transactAsync((tx) => tx.get(seat), { arbiter: 'relay' })
      expect((await passing(world, next)).value).toBe('ada')
      await world.close()
    }
  })
})

describe('[LE5] the tab that runs the link does so for all tabs, whatever parts they have', () => {
  async function besides(): Promise<{
    world: Awaited<ReturnType<typeof createWorld>>
    whole: Store
    said: ReturnType<typeof listener>
    heard: ReturnType<typeof listener>
  }> {
    const world = await createWorld(7)
    const storage = memoryStorage()
    const [said, heard] = [listener(), listener()]
    const lean = await world.openLean([link], { storage, transport: world.wire() })
    await world.clock.pass(100)
    expect(lean.status.link).toBe('online')
    const whole = await world.open({ storage, transport: world.wire(), presence: said.maker })
    await world.open({ transport: world.wire(), presence: heard.maker })
    await world.clock.pass(100)
    return { world, whole, said, heard }
  }

  test('it sends their envelopes', async () => {
    const { world, whole } = await besides()
    await passing(
      world,
      whole.transactAsync((tx) => tx.set(seat, 'ada'), { arbiter: 'relay' }),
    )
    expect(whole.get(seat)).toBe('ada')
    await world.close()
  })

  test('it carries their presence', async () => {
    const { world, said, heard } = await besides()
    said.say('here')
    await world.clock.pass(100)
    expect(heard.words).toEqual(['here'])
    said.say(null)
    await world.clock.pass(100)
    expect(heard.words).toEqual([])
    await world.close()
  })
})

test('[LE6] without a link of its own a store is synced by the tab that has one, and hears of what is refused', async () => {
  const world = await createWorld(8, {
    refuse: ({ touched }) =>
      touched.some(({ address }) => address === 'title') ? { code: 'locked', message: 'Locked.' } : undefined,
  })
  const storage = memoryStorage()
  const lean = await world.openLean([], { storage })
  expect(lean.status.link).toBe('off')
  await world.open({ storage, transport: world.wire() })
  await world.clock.pass(100)
  expect(lean.status.link).toBe('online')
  await passing(world, lean.transact((tx) => tx.add(votes, 1)).synced())
  expect(lean.status.saved).toBe('relay')
  const refused = lean.transact((tx) => tx.set(title, 'x'))
  await expect(passing(world, refused.synced())).rejects.toMatchObject({ code: 'refused', refusal: 'locked' })
  expect([lean.get(title), lean.refused.list().map(({ code }) => code)]).toEqual(['', ['locked']])
  await passing(world, lean.transact((tx) => tx.add(votes, 1)).synced())
  await world.close()
})
