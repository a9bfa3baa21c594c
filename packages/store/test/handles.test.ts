import { collection, counter, count, list, lww, record } from '@syncline/merge'
import { expect, test } from 'vitest'
import { memoryStorage, openStore, type ReadHandle, type Storage, type Store } from '../src/index.ts'
import { newBrowser, openMortalTab } from './tab.ts'
import { brittleStorage, createWorld, mortalTab, settle } from './world.ts'

const transient = { arbiter: 'browser', persistence: 'transient' } as const
const title = lww('title', '')
const votes = counter('votes')
const cards = collection('cards', { title: '' })
const filter = lww('filter', 'all', transient)
const kept = lww('kept', 'none', { arbiter: 'browser' })

const fails = (code: string): unknown => expect.objectContaining({ code })

test('[HA1] a handle reads, and one for writing writes too, each with its own permission', async () => {
  const world = await createWorld(1)
  const store = await world.open()
  const writing = await store.open(title, 'write')
  const reading = await store.open(title, 'read')
  expect([writing.permission, reading.permission, writing.ref, reading.isOpen]).toEqual(['write', 'read', title, true])
  const receipt = writing.set('Plan')
  expect([receipt.change?.ops.length, reading.get(), writing.get(), store.get(title)]).toEqual([
    1,
    'Plan',
    'Plan',
    'Plan',
  ])
  writing.update((text) => `${text}!`)
  expect(writing.transact((tx) => tx.get(title).length).value).toBe(5)
  expect(reading.get()).toBe('Plan!')
  const counting = await store.open(votes, 'write')
  counting.transact((tx) => tx.add(votes, 3))
  expect(counting.get()).toBe(3)

  // The compiler refuses these.
  const forced = reading as unknown as typeof writing
  for (const write of [
    () => forced.set('x'),
    () => forced.update((text) => text),
    () => forced.transact((tx) => tx.set(title, 'x')),
  ]) {
    expect(write).toThrow(fails('read-only'))
  }
  const more = forced as unknown as { persist(): Promise<void>; delete(): Promise<void> }
  await expect(more.persist()).rejects.toMatchObject({ code: 'read-only' })
  await expect(more.delete()).rejects.toMatchObject({ code: 'read-only' })
  expect(store.get(title)).toBe('Plan!')
  await world.close()
})

test('[HA1] handles of browser refs write through all tabs', async () => {
  const world = await createWorld(2)
  const storage = memoryStorage()
  const [one, two] = [await world.open({ storage }), await world.open({ storage })]
  const writing = await one.open(kept, 'write')
  const other = await two.open(kept, 'write')
  expect((await writing.set('one')).change?.ops).toMatchObject([{ arbiter: 'browser' }])
  expect((await other.transact((tx) => (tx.update(kept, (text) => `${text} two`), tx.get(kept)))).value).toBe('one two')
  await settle()
  expect([writing.get(), other.get()]).toEqual(['one two', 'one two'])
  await world.close()
})

test('[HA1] a handle on a relay ref writes when the relay says so', async () => {
  const world = await createWorld(15)
  const seat = lww<string | null>('seat', null, { arbiter: 'relay' })
  const one = await world.open({ transport: world.wire() })
  const two = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  const [mine, theirs] = [await one.open(seat, 'write'), await two.open(seat, 'write')]
  const both = Promise.all([
    mine.update((who) => who ?? 'one'),
    theirs.transact((tx) => (tx.update(seat, (who) => who ?? 'two'), tx.get(seat))),
  ])
  await world.clock.pass(10_000)
  const [, { value }] = await both
  expect([mine.get(), theirs.get(), value]).toEqual([value, value, value])
  expect(['one', 'two']).toContain(value)
  await world.close()
})

test('[HA2] a closed handle is of no use; closing again is nothing; it closes with its store', async () => {
  const world = await createWorld(3)
  const store = await world.open()
  const handle = await store.open(title, 'write')
  await Promise.all([handle.close(), handle.close()])
  await handle.close()
  expect(handle.isOpen).toBe(false)
  for (const use of [() => handle.get(), () => handle.set('x'), () => handle.update((text) => text)]) {
    expect(use).toThrow(fails('handle-closed'))
  }
  const another = await store.open(title, 'write')
  const scoped = await store.open(cards.at('a'), 'read')
  expect(scoped.get()).toBeUndefined()
  await scoped[Symbol.asyncDispose]()
  expect(scoped.isOpen).toBe(false)
  await store.close()
  expect(another.isOpen).toBe(false)
  expect(() => another.get()).toThrow(fails('closed'))
  expect(() => another.set('x')).toThrow(fails('closed'))
  await another.close()
  await expect(store.open(title, 'read')).rejects.toMatchObject({ code: 'closed' })
  await expect(store.delete(kept)).rejects.toMatchObject({ code: 'closed' })
  await world.close()
})

test('[HA3] what is no ref, and permissions that are none, are refused', async () => {
  const world = await createWorld(4)
  const store = await world.open()
  // The compiler refuses all of these.
  const open = store.open as unknown as (ref: unknown, permission: unknown) => Promise<ReadHandle>
  for (const ref of [cards, cards.range({ prefix: 'a' }), undefined, null, 'title', {}]) {
    await expect(open(ref, 'read')).rejects.toMatchObject({ code: 'invalid-handle' })
  }
  for (const permission of ['', 'WRITE', 'none', 0, 3, undefined, null, ['read']]) {
    await expect(open(title, permission)).rejects.toMatchObject({ code: 'invalid-handle' })
  }
  for (const name of ['', '.a', 'a.', 'a b', 'a/b', 'x'.repeat(129)]) {
    expect(() => lww(name, '')).toThrow(fails('invalid-address'))
  }
  await world.close()
})

test('[HA4] the value of a transient ref goes with the last handle on it, and not before', async () => {
  const world = await createWorld(5)
  const storage = memoryStorage()
  const [one, two] = [await world.open({ storage }), await world.open({ storage })]
  const first = await one.open(filter, 'write')
  await first.set('mine')
  const second = await two.open(filter, 'read')
  const third = await one.open(filter, 'read')
  expect([first.get(), second.get(), third.get()]).toEqual(['mine', 'mine', 'mine'])
  await first.close()
  await third.close()
  expect(second.get()).toBe('mine')
  const back = await one.open(filter, 'write')
  expect(back.get()).toBe('mine')
  await second.close()
  await back.close()
  await settle()
  expect([one.get(filter), two.get(filter)]).toEqual(['all', 'all'])
  const anew = await two.open(filter, 'read')
  expect(anew.get()).toBe('all')
  await world.close()
})

test('[HA4] that is so for whatever kind of ref is transient', async () => {
  const world = await createWorld(6)
  const store = await world.open()
  const tally = counter('tally', transient)
  const steps = list<string>('steps', transient)
  const form = record('form', { name: '', size: 1, tries: count() }, transient)
  const rows = collection('rows', { text: '' }, transient)
  const opened = [
    await store.open(tally, 'write'),
    await store.open(steps, 'write'),
    await store.open(form, 'write'),
    await store.open(rows.at('a'), 'write'),
  ] as const
  await opened[0].transact((tx) => tx.add(tally, 5))
  await opened[1].transact((tx) => tx.insert(steps, 0, ['a', 'b']))
  await opened[2].transact((tx) => {
    tx.patch(form, { name: 'ada', size: 7 })
    tx.add(form, 2, 'tries')
  })
  await opened[3].transact((tx) => tx.create(rows.at('a'), { text: 'x' }))
  expect(opened.map((handle) => handle.get())).toEqual([
    5,
    ['a', 'b'],
    { name: 'ada', size: 7, tries: 2 },
    { text: 'x' },
  ])
  for (const handle of opened) await handle.close()
  expect([store.get(tally), store.get(steps), store.get(form), store.get(rows.at('a'))]).toEqual([
    0,
    [],
    { name: '', size: 1, tries: 0 },
    undefined,
  ])
  expect(store.get(rows)).toEqual([])
  await world.close()
})

test('[HA4] a tab that is closed or killed with its handles lets the value go; one that lives keeps it', async () => {
  const world = await createWorld(7)
  const browser = newBrowser(world.wire())
  const errors: unknown[] = []
  const tab = () => openMortalTab(browser, world, (error) => errors.push(error))
  const [one, two] = [await tab(), await tab()]
  const first = await one.store.open(filter, 'write')
  await first.set('mine')
  const second = await two.store.open(filter, 'read')
  one.kill()
  await settle()
  const three = await tab()
  const third = await three.store.open(filter, 'read')
  expect([second.get(), third.get()]).toEqual(['mine', 'mine'])
  two.kill()
  three.kill()
  await settle()

  const four = await tab()
  // Nobody has it open: what the dead have left is seen until somebody opens it.
  expect(four.store.get(filter)).toBe('mine')
  const fourth = await four.store.open(filter, 'write')
  expect(fourth.get()).toBe('all')
  await fourth.set('again')
  await four.store.close()
  const five = await tab()
  const fifth = await five.store.open(filter, 'read')
  expect(fifth.get()).toBe('all')
  await five.store.close()
  expect(errors).toEqual([])
  await world.close()
})

test('[HA4] whoever opens at the same time begins with one value, and none is lost that was written after', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const world = await createWorld(100 + seed)
    const storage = memoryStorage()
    const tabs = await Promise.all(Array.from({ length: 4 }, () => world.open({ storage })))
    const left = await tabs[0]!.open(filter, 'write')
    await left.set('left over')
    const leaving = left.close()
    const written: string[] = []
    const used = await Promise.all(
      tabs.map(async (tab, i) => {
        for (let turns = Math.floor(world.chance.fraction() * 12); turns > 0; turns--) await Promise.resolve()
        const handle = await tab.open(filter, 'write')
        // Somebody may have it open before the one that leaves has gone.
        expect(['all', 'left over', ...written]).toContain(handle.get())
        written.push(`of ${i}`)
        await handle.set(`of ${i}`)
        return handle
      }),
    )
    await leaving
    await settle()
    const values = used.map((handle) => handle.get())
    expect(new Set(values).size).toBe(1)
    expect(values[0]).toMatch(/^of \d$/)
    await world.close()
  }
})

test('[HA4] what a newer version has left stays, for code that can write it; it can be opened, and read', async () => {
  const world = await createWorld(4)
  const storage = memoryStorage()
  const old = lww('view', 'none', transient)
  const newer = lww('view', 'none', { ...transient, version: 2, upgrade: { 2: { up: (view: string) => `${view}!` } } })
  const oldForm = record('form', { name: '' }, transient)
  const newerForm = record(
    'form',
    { name: '' },
    { ...transient, version: 2, upgrade: { 2: { up: (form: object) => form } } },
  )
  const oldRows = collection('rows', { text: '' }, transient)
  const newerRows = collection(
    'rows',
    { text: '' },
    { ...transient, version: 2, upgrade: { 2: { up: (row: object) => row } } },
  )

  const two = await world.open({ storage })
  await (await two.open(newer, 'write')).set('far')
  await (await two.open(newerForm, 'write')).transact((tx) => tx.patch(newerForm, { name: 'Ada' }))
  await two.transactAsync((tx) => tx.create(newerRows.at('a'), { text: 'new' }), { arbiter: 'browser' })
  await two.close()

  const one = await world.open({ storage })
  await (await one.open(old, 'read')).close()
  await (await one.open(oldForm, 'read')).close()
  await (await one.open(oldRows.at('a'), 'read')).close()
  const writing = await one.open(old, 'write')
  await expect(writing.set('near')).rejects.toMatchObject({ code: 'read-only-newer' })
  await writing.close()
  expect(one.read(old)).toMatchObject({ invalid: true, raw: 'far' })
  await one.close()

  // Who can write it begins anew.
  const again = await world.open({ storage })
  expect(again.get(newer)).toBe('far')
  expect([(await again.open(newer, 'read')).get(), (await again.open(newerForm, 'read')).get()]).toEqual([
    'none',
    { name: '' },
  ])
  await world.close()
})

test('[HA5] a transient ref can be made to stay, once and for good', async () => {
  const world = await createWorld(8)
  const storage = memoryStorage()
  const one = await world.open({ storage })
  const handle = await one.open(filter, 'write')
  await handle.set('mine')
  await handle.persist()
  await handle.persist()
  await handle.close()
  expect(one.get(filter)).toBe('mine')
  await one.close()
  const two = await world.open({ storage })
  const again = await two.open(filter, 'write')
  expect(again.get()).toBe('mine')
  await again.set('still mine')
  await again.close()
  const last = await two.open(filter, 'read')
  expect(last.get()).toBe('still mine')
  // What is persistent anyway is not made more so.
  const persistent = await two.open(kept, 'write')
  const before = two.snapshot
  await persistent.persist()
  expect(two.snapshot).toBe(before)
  await world.close()
})

test('[HA6] a ref that others share cannot be transient', () => {
  // The compiler refuses these.
  const options = { persistence: 'transient' } as unknown as { persistence: 'persistent' }
  for (const make of [
    () => lww('wrong', '', options),
    () => counter('wrong', { ...options, arbiter: 'relay' }),
    () => collection('wrong', { a: '' }, options),
    () => list('wrong', { ...transient, persistence: 'sometimes' } as unknown as typeof options),
  ]) {
    expect(make).toThrow(fails('invalid-options'))
  }
})

test('[HA7] what somebody has open here is not deleted; afterwards the handle that did it is of no use', async () => {
  const world = await createWorld(10)
  const storage = memoryStorage()
  const [one, two] = [await world.open({ storage }), await world.open({ storage })]
  one.transact((tx) => tx.create(cards.at('a'), { title: 'A' }))
  await one.durable()
  await settle()
  const own = await one.open(cards.at('a'), 'write')
  const other = await two.open(cards.at('a'), 'read')
  const inUse = { code: 'in-use' }
  await expect(own.delete()).rejects.toMatchObject(inUse)
  await expect(one.delete(cards.at('a'))).rejects.toMatchObject(inUse)
  await expect(two.delete(cards.at('a'))).rejects.toMatchObject(inUse)
  expect([own.isOpen, own.get()?.title]).toEqual([true, 'A'])
  await other.close()
  // Its own handle still counts for everybody else.
  await expect(two.delete(cards.at('a'))).rejects.toMatchObject(inUse)
  const beside = await one.open(cards.at('a'), 'read')
  await expect(own.delete()).rejects.toMatchObject(inUse)
  await beside.close()

  const receipt = await own.delete()
  expect(receipt.change?.ops).toHaveLength(1)
  await receipt.durable()
  expect(one.get(cards)).toEqual([])
  expect(own.isOpen).toBe(false)
  for (const use of [() => own.get(), () => own.set({ title: 'B' }), () => own.transact((tx) => tx.get(cards))]) {
    expect(use).toThrow(fails('deleted'))
  }
  await expect(own.delete()).rejects.toMatchObject({ code: 'deleted' })
  await own.close()
  await settle()
  expect(two.get(cards)).toEqual([])
  // It is free again, for whoever comes.
  const anew = await two.open(cards.at('a'), 'write')
  expect(anew.get()).toBeUndefined()
  anew.transact((tx) => tx.create(cards.at('a'), { title: 'again' }))
  expect(anew.get()?.title).toBe('again')
  await world.close()
})

test('[HA7] what offline replicas write to a deleted member later is gone, as with every delete', async () => {
  const world = await createWorld(11)
  const wires = [world.wire(), world.wire()]
  const [one, two] = [await world.open({ transport: wires[0]! }), await world.open({ transport: wires[1]! })]
  one.transact((tx) => tx.create(cards.at('a'), { title: 'A' }))
  await world.clock.pass(2000)
  const far = await two.open(cards.at('a'), 'write')
  wires[1]!.cut()
  await world.clock.pass(100)
  far.set({ title: 'written while away' })
  const near = await one.open(cards.at('a'), 'write')
  await near.delete()
  await world.clock.pass(2000)
  wires[1]!.mend()
  await world.clock.pass(60_000)
  expect([one.get(cards), two.get(cards), far.get()]).toEqual([[], [], undefined])
  expect(() => far.set({ title: 'too late' })).toThrow(fails('missing-member'))
  await world.close()
})

test('[HA5] what was made to stay when marks were members of a collection stays, until it is deleted', async () => {
  const world = await createWorld(21)
  const marks = collection('syncline.handles', { stays: false }, { arbiter: 'browser' })
  for (const readsRecords of [false, true]) {
    const storage = memoryStorage()
    const before = await world.open({ storage })
    await before.transactAsync(
      (tx) => {
        tx.set(filter, 'mine')
        tx.create(marks.at(filter.key), { stays: true })
      },
      { arbiter: 'browser' },
    )
    await before.close()
    const store = await world.open({ storage })
    if (readsRecords) store.get(cards)
    await (await store.open(filter, 'read')).close()
    expect(store.get(filter)).toBe('mine')
    await store.delete(filter)
    const anew = await store.open(filter, 'write')
    await anew.set('other')
    await anew.close()
    expect(store.get(filter)).toBe('all')
    // It is the new mark that counts; the old one is left as it is.
    expect(store.get(marks)).toEqual([filter.key])
    await store.close()
  }
  await world.close()
})

test('[HA8] a browser ref that is deleted reads as if nobody had written, and may be transient again', async () => {
  const world = await createWorld(12)
  const store = await world.open()
  const handle = await store.open(filter, 'write')
  await handle.set('mine')
  await handle.persist()
  await handle.delete()
  expect(store.get(filter)).toBe('all')
  expect(() => handle.get()).toThrow(fails('deleted'))
  const anew = await store.open(filter, 'write')
  await anew.set('other')
  await anew.close()
  expect(store.get(filter)).toBe('all')
  await (await store.open(kept, 'write')).set('kept')
  await expect(store.delete(kept)).rejects.toMatchObject({ code: 'in-use' })
  await world.close()
})

test('[HA9] what always exists, and what the relay decides about, is not deleted', async () => {
  const world = await createWorld(13)
  const store = await world.open()
  const seats = collection('seats', { who: '' }, { arbiter: 'relay' })
  // The compiler refuses these.
  const remove = store.delete as unknown as (ref: unknown) => Promise<void>
  for (const ref of [title, votes, seats.at('a'), lww('seat', '', { arbiter: 'relay' })]) {
    await expect(remove(ref)).rejects.toMatchObject({ code: 'invalid-write' })
  }
  const handle = (await store.open(title, 'write')) as unknown as { delete(): Promise<void>; readonly isOpen: boolean }
  await expect(handle.delete()).rejects.toMatchObject({ code: 'invalid-write' })
  expect(handle.isOpen).toBe(true)
  await world.close()
})

test('[HA10] a delete or an opening that cannot be written leaves everything as it was', async () => {
  let isFull = false
  const shared = memoryStorage()
  const storage = brittleStorage(shared, () => (isFull ? new Error('the disk is full') : undefined))
  const store = await openStore({ space: 'board', storage, onError: () => undefined })
  const handle = await store.open(kept, 'write')
  await handle.set('mine')
  isFull = true
  await expect(handle.delete()).rejects.toMatchObject({ code: 'storage-failed' })
  expect([handle.isOpen, handle.get()]).toEqual([true, 'mine'])
  isFull = false
  await handle.set('again')
  await expect(store.delete(kept)).rejects.toMatchObject({ code: 'in-use' })
  await handle.delete()
  expect(store.get(kept)).toBe('none')
  await store.close()
})

test('[HA11] without locks a tab knows of its own handles only: values stay', async () => {
  const shared = memoryStorage()
  const storage: Storage = { openLog: (space) => shared.openLog(space) }
  const store: Store = await openStore({ space: 'board', storage })
  const handle = await store.open(filter, 'write')
  await handle.set('mine')
  const other = await store.open(filter, 'read')
  await expect(handle.delete()).rejects.toMatchObject({ code: 'in-use' })
  await handle.close()
  await other.close()
  expect(store.get(filter)).toBe('mine')
  await store.delete(filter)
  expect(store.get(filter)).toBe('all')
  await store.close()
})

test('[HA12] handles leave no lock behind, and opening ends when the store closes', async () => {
  const world = await createWorld(14)
  const shared = memoryStorage()
  const tab = mortalTab(shared)
  const store = await world.open({ storage: tab.storage })
  const before = tab.locks
  const handle = await store.open(filter, 'write')
  await handle.set('mine')
  const reading = await store.open(title, 'read')
  expect(tab.locks).toBe(before + 2)
  await handle.close()
  await reading.close()
  expect(tab.locks).toBe(before)
  await store.open(title, 'read')
  // Somebody else is at the gate and does not come out.
  const gate = await shared.locks!.hold('handles board', new AbortController().signal)
  const waiting = store.open(filter, 'read')
  const closing = handle.close()
  await settle()
  const ended = store.close()
  await expect(waiting).rejects.toMatchObject({ code: 'closed' })
  await closing
  await ended
  gate.release()
  await settle()
  expect(tab.locks).toBe(0)
  await world.close()
})
