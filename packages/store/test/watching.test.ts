import { collection, counter, lww, place } from '@syncline/merge'
import { makeRef, type Change, type Policy, type Ref, type Snapshot } from '@syncline/stm'
import { afterEach, assert, beforeEach, expect, test, vi } from 'vitest'
import { everything, openStore, StoreError, type Report, type Store } from '../src/index.ts'
import { createWorld, settle, virtualClock, type VirtualClock } from './world.ts'

const title = lww('title', '')
const votes = counter('votes')
const isOpen = lww('is-open', false)
const cards = collection('cards', { title: '', done: false, place: place() })
const todo = cards.list('todo')

let clock: VirtualClock
let store: Store
const errors: unknown[] = []

beforeEach(async () => {
  clock = virtualClock()
  store = await openStore({ space: 'board', clock, onError: (error) => errors.push(error) })
})

afterEach(async () => {
  await store.close()
  assert.deepEqual(errors.splice(0), [])
  assert.equal(clock.timers, 0)
})

const vote = (): Change => store.transact((tx) => tx.add(votes, 1)).change!
const rename = (to: string): Change | undefined => store.transact((tx) => tx.set(title, to)).change

/** Takes what one iterator gives, and notes when it is over. */
function taking<T>(iterable: AsyncIterable<Report<T>>): { readonly given: Report<T>[]; ask(): void; isOver: boolean } {
  const iterator = iterable[Symbol.asyncIterator]()
  const reader = {
    given: [] as Report<T>[],
    isOver: false,
    ask() {
      void iterator.next().then(({ done, value }) => {
        if (done === true) reader.isOver = true
        else reader.given.push(value)
      })
    },
  }
  return reader
}

test('[WT1] who watches a ref, a collection, a list, several of them or everything is told of what it reads, and of nothing else', () => {
  const heard: string[] = []
  store.changes(title, ({ value }) => heard.push(`title ${value}`))
  store.changes(cards, ({ value }) => heard.push(`cards ${value.join()}`))
  store.changes(cards.at('a'), ({ value }) => heard.push(`a ${value?.title}`))
  store.changes(todo, ({ value }) => heard.push(`todo ${value.join()}`))
  store.changes([title, votes, todo], ({ value: [one, two, three] }) =>
    heard.push(`three ${one} ${two} ${three.length}`),
  )
  store.changes(everything, ({ value, now }) => heard.push(`all ${value === now}`))
  store.changes([], () => heard.push('nothing'))
  const told = (fn: () => void): string[] => {
    fn()
    return heard.splice(0)
  }
  expect(told(() => rename('x'))).toEqual(['title x', 'three x 0 0', 'all true'])
  expect(told(() => rename('x'))).toEqual([])
  expect(told(() => store.transact((tx) => tx.set(isOpen, true)))).toEqual(['all true'])
  expect(told(() => store.transact((tx) => tx.create(cards.at('a'), { title: 'A' })))).toEqual([
    'cards a',
    'a A',
    'all true',
  ])
  expect(told(() => store.transact((tx) => tx.move(cards.at('a'), todo)))).toEqual([
    'a A',
    'todo a',
    'three x 0 1',
    'all true',
  ])
  expect(told(() => store.transact((tx) => tx.patch(cards.at('a'), { title: 'AA' })))).toEqual(['a AA', 'all true'])
  expect(told(() => store.transact((tx) => tx.delete(cards.at('a'))))).toEqual([
    'cards ',
    'a undefined',
    'todo ',
    'three x 0 0',
    'all true',
  ])
})

test('[WT1] a commit that leaves the same data tells nobody, though the state behind it is new', () => {
  const { policy } = lww('number', 0)
  const made = new WeakMap<object, readonly boolean[]>()
  // Reads as another object after each write.
  const parity: Policy = {
    ...policy,
    tag: 'parity',
    read(state, ref) {
      const known = state && made.get(state)
      if (known !== undefined) return known
      const value = [policy.read(state, ref) % 2 === 1]
      if (state !== undefined) made.set(state, value)
      return value
    },
  }
  const isOdd: Ref<readonly boolean[], { set: number }> = makeRef(parity, 'is-odd', 0)
  const heard: unknown[] = []
  store.changes(isOdd, ({ value }) => heard.push(value))
  store.changes(
    (now) => now.get(isOdd),
    ({ value }) => heard.push(value),
  )
  store.changes([isOdd, title], ({ value: [value] }) => heard.push(value), { every: 10 })
  for (const number of [2, 4, 5, 7, 9]) {
    const before = store.get(isOdd)
    store.transact((tx) => tx.set(isOdd, number))
    expect(store.get(isOdd)).not.toBe(before)
    clock.step(10)
  }
  expect(heard).toEqual([[true], [true], [true]])
})

test('[WT1] what arrives in one message of the relay is told once, as a whole', async () => {
  const world = await createWorld(6)
  const wire = world.wire()
  const [here, there] = [await world.open({ transport: world.wire() }), await world.open({ transport: wire })]
  await world.clock.pass(1000)
  wire.cut()
  const made: Change[] = []
  for (let i = 1; i <= 20; i++) made.push(there.transact((tx) => tx.add(votes, 1)).change!)
  const reports: Report<number>[] = []
  here.changes(votes, (report) => reports.push(report))
  wire.mend()
  await world.clock.pass(60_000)
  expect(here.get(votes)).toBe(20)
  expect(reports.length).toBeLessThan(20)
  expect(reports.flatMap(({ changes }) => changes)).toEqual(made)
  expect(new Set(reports.map(({ origin }) => origin))).toEqual(new Set(['remote']))
  await world.close()
})

test('[WT2] commits are told in order, also those that a listener makes: each to everybody before the next', () => {
  const heard: string[] = []
  store.changes(title, ({ value, now }) => {
    if (value === '1') rename('2')
    // What it commits is there at once; whoever watches is told of it later.
    heard.push(`a ${value} ${now.get(title)} ${store.get(title)}`)
  })
  store.changes([title, votes], ({ value }) => heard.push(`b ${value.join()}`))
  store.transact((tx) => {
    tx.set(title, '1')
    tx.add(votes, 1)
  })
  expect(heard).toEqual(['a 1 1 2', 'b 1,1', 'a 2 2 2', 'b 2,1'])
})

test('[WT2] everybody keeps the place in which it began to watch, also a function that reads something else each time', () => {
  const heard: string[] = []
  store.changes(everything, () => heard.push('first'))
  store.changes(
    (now) => [now.get(votes), now.get(votes) % 2 === 0 ? now.get(title) : now.get(isOpen)],
    () => heard.push('second'),
  )
  store.changes(votes, () => heard.push('third'))
  for (let i = 0; i < 3; i++) vote()
  expect(heard).toEqual(['first', 'second', 'third', 'first', 'second', 'third', 'first', 'second', 'third'])
})

test('[WT3] reports are a chain, whatever happens in between', () => {
  const all: Report<Snapshot>[] = []
  const some: Report<number>[] = []
  const start = store.snapshot
  store.changes(everything, (report) => all.push(report))
  store.changes(votes, (report) => {
    some.push(report)
    if (report.value % 3 === 1) rename(`${report.value}`)
  })
  for (let i = 0; i < 30; i++) {
    vote()
    if (i % 4 === 0) rename(`at ${i}`)
  }
  expect([all.length, some.length]).toEqual([30 + 10 + 8, 30])
  expect(all[0]!.before).toBe(start)
  for (let i = 1; i < all.length; i++) expect(all[i]!.before).toBe(all[i - 1]!.now)
  expect(some.map(({ before, now }) => [before.get(votes), now.get(votes)])).toEqual(
    Array.from({ length: 30 }, (_, i) => [i, i + 1]),
  )
  expect(all.at(-1)!.now).toBe(store.snapshot)
})

test('[WT16] who watches everything is told of Changes that nobody can read here, and nobody else is', async () => {
  const world = await createWorld(3)
  const wire = world.wire()
  const one = await world.open({ transport: wire, clock: world.clock })
  const two = await world.open({ transport: world.wire(), clock: world.clock })
  await world.clock.pass(100)
  const all: Report<Snapshot>[] = []
  const titles: string[] = []
  two.changes(everything, (report) => all.push(report))
  two.changes(title, ({ value }) => titles.push(value))

  // Its policy is not known there.
  const added = one.transact((tx) => tx.add(votes, 2)).change!
  await world.clock.pass(100)
  expect(all.map(({ changes, origin }) => [changes?.map(({ seq, writer }) => [seq, writer]), origin])).toEqual([
    [[[added.seq, added.writer]], 'remote'],
  ])
  const [told] = all
  expect([told!.value === told!.now, told!.before === told!.now]).toEqual([true, false])
  expect([told!.before.basis.relaySeq, told!.now.basis.relaySeq]).toEqual([0, 1])
  expect(told!.now).toBe(two.snapshot)

  // Then it is, and the Snapshots read what they had.
  expect([two.get(votes), told!.now.get(votes), told!.before.get(votes), all.length]).toEqual([2, 2, 0, 1])

  // Somebody else has overwritten it before it comes.
  wire.cut()
  one.transact((tx) => tx.set(title, 'early'))
  await world.clock.pass(1_000)
  two.transact((tx) => tx.set(title, 'late'))
  await world.clock.pass(1_000)
  wire.mend()
  await world.clock.pass(60_000)
  expect(all.slice(1).map(({ now, origin }) => [now.get(title), origin])).toEqual([
    ['late', 'local'],
    ['late', 'remote'],
  ])
  all.slice(1).forEach(({ before }, i) => expect(before).toBe(all[i]!.now))
  expect([titles, one.get(title)]).toEqual([['late'], 'late'])
  await world.close()
})

test('[WT4] a listener that throws is reported and harms nobody, nor does an error callback that throws', async () => {
  const seen: unknown[] = []
  const fragile = await openStore({
    space: 'board',
    clock,
    onError(error) {
      seen.push(error)
      if (seen.length === 1) throw new Error('the app throws here too')
    },
  })
  const outside = vi.spyOn(console, 'error').mockImplementation(() => undefined)
  const mine = new Error('mine')
  const fail = (): void => {
    throw mine
  }
  const heard: string[] = []
  fragile.changes(title, fail)
  fragile.changes(title, ({ value }) => heard.push(`each ${value}`))
  fragile.changes(title, fail, { every: 100 })
  fragile.changes(title, ({ value }) => heard.push(`slow ${value}`), { every: 100 })
  fragile.changes(title, fail, { initial: true })
  const reader = taking(fragile.changes(title))
  reader.ask()
  fragile.transact((tx) => tx.set(title, 'x'))
  fragile.transact((tx) => tx.set(title, 'y'))
  clock.step(100)
  await settle()
  expect(heard).toEqual(['each x', 'slow x', 'each y', 'slow y'])
  expect(reader.given.map(({ value }) => value)).toEqual(['x'])
  expect([seen, fragile.get(title)]).toEqual([Array.from({ length: 7 }, () => mine), 'y'])
  expect(outside).toHaveBeenCalledOnce()
  outside.mockRestore()
  await fragile.close()
})

test('[WT5] a function is run again for what it read the last time, and told when its result is other data', () => {
  let runs = 0
  const heard: unknown[] = []
  store.changes(
    (now) => {
      runs += 1
      return {
        name: now.get(isOpen) ? now.get(title) : 'closed',
        titles: [...now.items(cards)].map(([, card]) => card.title),
      }
    },
    ({ value }) => heard.push(value),
  )
  expect(runs).toBe(1)
  rename('not read')
  expect(runs).toBe(1)
  store.transact((tx) => tx.set(isOpen, true))
  expect([runs, heard.splice(0)]).toEqual([2, [{ name: 'not read', titles: [] }]])
  rename('closed')
  store.transact((tx) => tx.set(isOpen, false))
  expect([runs, heard.splice(0)]).toEqual([4, [{ name: 'closed', titles: [] }]])
  store.transact((tx) => tx.create(cards.at('a'), { title: 'A' }))
  store.transact((tx) => tx.patch(cards.at('a'), { done: true }))
  expect([runs, heard.splice(0)]).toEqual([6, [{ name: 'closed', titles: ['A'] }]])
  store.transact((tx) => tx.patch(cards.at('a'), { title: 'AA' }))
  expect([runs, heard]).toEqual([7, [{ name: 'closed', titles: ['AA'] }]])
})

test('[WT5] a function that throws is reported, watched on, and told from what was known', () => {
  const heard: string[] = []
  store.changes(
    (now) => {
      if (now.get(isOpen)) throw new Error('It is open.')
      return now.get(votes)
    },
    ({ before, value }) => heard.push(`${before.get(votes)} → ${value}`),
  )
  vote()
  store.transact((tx) => tx.set(isOpen, true))
  expect(errors.splice(0)).toEqual([new Error('It is open.')])
  store.transact((tx) => {
    tx.set(isOpen, false)
    tx.add(votes, 1)
  })
  store.transact((tx) => tx.set(isOpen, true))
  store.transact((tx) => tx.set(isOpen, false))
  expect(errors.splice(0)).toEqual([new Error('It is open.')])
  vote()
  expect(heard).toEqual(['0 → 1', '1 → 2', '2 → 3'])
})

test('[WT5] a function that is told of an old commit misses nothing of what it then reads for the first time', () => {
  const fresh = collection('fresh', { title: '' })
  const heard: string[] = []
  store.changes(isOpen, ({ value }) => {
    if (value) store.transact((tx) => tx.create(fresh.at('a'), { title: 'A' }))
  })
  // When it is told that it is open, the collection has a member already, and nobody had asked for the collection before.
  store.changes(
    (now) => (now.get(isOpen) ? now.get(fresh).length : -1),
    ({ value }) => heard.push(`each ${value}`),
  )
  store.changes(
    (now) => (now.get(isOpen) ? now.get(fresh).length : -1),
    ({ value }) => heard.push(`slow ${value}`),
    { every: 100 },
  )
  store.transact((tx) => tx.set(isOpen, true))
  clock.step(100)
  expect(heard).toEqual(['each 0', 'slow 0', 'each 1', 'slow 1'])
})

test('[WT6] who begins to watch in the middle of something is told what comes after, and only that', async () => {
  const heard: string[] = []
  let late: ReturnType<typeof taking<string>> | undefined
  const stop = store.changes(title, ({ value }) => {
    if (value !== '1') return
    rename('2')
    store.changes(title, (report) => heard.push(`${report.before.get(title)} → ${report.value}`))
    store.changes(title, (report) => heard.push(`at once ${report.value}`), { initial: true })
    store.changes([title, votes], ({ value: [now] }) => heard.push(`slow ${now}`), { every: 10, initial: true })
    late = taking(store.changes(title, { initial: true }))
    late.ask()
    late.ask()
    stop()
  })
  rename('1')
  await settle()
  expect(heard.splice(0)).toEqual(['at once 2', 'slow 2'])
  expect(late!.given.splice(0).map(({ value }) => value)).toEqual(['2'])
  rename('3')
  clock.step(10)
  await settle()
  expect(heard).toEqual(['2 → 3', 'at once 3', 'slow 3'])
  expect(late!.given.map(({ before, value }) => [before.get(title), value])).toEqual([['2', '3']])
})

test('[WT6] who has left is not called any more, not even for what is being told or waits', () => {
  const heard: string[] = []
  const stops: (() => void)[] = []
  store.changes(title, () => stops.splice(0).forEach((stop) => stop()))
  stops.push(
    store.changes(title, () => heard.push('each')),
    store.changes(title, () => heard.push('slow'), { every: 10 }),
  )
  rename('1')
  const stopSlow = store.changes(title, ({ value }) => heard.push(`slow ${value}`), { every: 10 })
  rename('2')
  rename('3')
  stopSlow()
  stopSlow()
  expect(clock.timers).toBe(0)
  clock.step(1000)
  expect(heard).toEqual(['slow 2'])
})

test('[WT6] what is refused leaves nothing behind', async () => {
  const broken = (): never => {
    throw new Error('never')
  }
  expect(() => store.changes(broken, () => undefined, { every: 10 })).toThrow('never')
  expect(() => store.changes(broken)[Symbol.asyncIterator]()).toThrow('never')
  for (const every of [-1, NaN, Infinity]) {
    expect(() => store.changes(title, () => undefined, { every })).toThrow(
      expect.objectContaining({ code: 'invalid-rate' }),
    )
  }
  rename('x')
  clock.step(100)
  await store.close()
  expect(() => store.changes(title, () => undefined)).toThrow(StoreError)
  expect(() => store.changes(title)).toThrow(StoreError)
})

test('[WT7] initial tells at once what is there', async () => {
  rename('x')
  const reports: Report<string>[] = []
  store.changes(title, (report) => reports.push(report), { initial: true })
  store.changes(title, (report) => reports.push(report), { initial: true, every: 100 })
  const reader = taking(store.changes((now) => now.get(title).length, { initial: true, every: 100 }))
  reader.ask()
  await settle()
  for (const { value, before, now, changes, origin } of reports) {
    expect([value, before, now, changes, origin]).toEqual(['x', store.snapshot, store.snapshot, [], undefined])
  }
  expect(reader.given.map(({ value }) => value)).toEqual([1])
  expect(reports).toHaveLength(2)
  // The first report counts for the rate.
  rename('long')
  expect(reports.map(({ value }) => value)).toEqual(['x', 'x', 'long'])
  clock.step(100)
  expect(reports.map(({ value }) => value)).toEqual(['x', 'x', 'long', 'long'])
})

test('[WT7] from tells at once what has changed since then, if anything has', async () => {
  const from = store.snapshot
  vote()
  rename('x')
  const reports: Report<unknown>[] = []
  const listen = (report: Report<unknown>): void => void reports.push(report)
  store.changes(title, listen, { from })
  store.changes([isOpen, votes], listen, { from, every: 50 })
  store.changes((now) => now.get(votes) > 0, listen, { from })
  store.changes(isOpen, listen, { from })
  store.changes((now) => now.get(votes) > 5, listen, { from })
  store.changes(isOpen, listen, { from, initial: true })
  const reader = taking(store.changes(cards, { from }))
  const other = taking(store.changes(votes, { from }))
  for (const one of [reader, other]) one.ask()
  await settle()
  expect(reports.map(({ value }) => value)).toEqual(['x', [false, 1], true, false])
  for (const { before, now, changes, origin } of [...reports, ...other.given]) {
    expect([before === from, now === store.snapshot, changes, origin]).toEqual([true, true, undefined, undefined])
  }
  expect([reader.given, other.given.length]).toEqual([[], 1])
  store.transact((tx) => tx.create(cards.at('a'), { title: 'A' }))
  await settle()
  expect(reader.given.map(({ value }) => value)).toEqual([['a']])
})

test('[WT7] what is not a Snapshot of this store is refused as a start', async () => {
  const other = await openStore({ space: 'board' })
  // Types refuse most of these.
  const starts = [other.snapshot, { ...store.snapshot }, store.snapshot.basis, {}, 5, null] as unknown as Snapshot[]
  for (const from of starts) {
    expect(() => store.changes(title, () => undefined, { from })).toThrow(
      expect.objectContaining({ code: 'unknown-snapshot' }),
    )
    expect(() => store.changes(title, { from })[Symbol.asyncIterator]()).toThrow(StoreError)
  }
  await other.close()
})

test('[WT8] a report has the very Changes that receipts have', () => {
  const reports: Report<unknown>[] = []
  const slow: Report<unknown>[] = []
  store.changes(votes, (report) => reports.push(report))
  store.changes(votes, (report) => slow.push(report), { every: 100 })
  const made = [store.transact((tx) => tx.add(votes, 1), { meta: { by: 'me' } }).change!]
  for (let i = 0; i < 64; i++) made.push(vote())
  expect(reports.map(({ changes, origin }) => [changes?.length, changes?.[0], origin])).toEqual(
    made.map((change) => [1, change, 'local']),
  )
  expect(reports[0]!.changes![0]!.meta).toEqual({ by: 'me' })
  clock.step(100)
  expect(slow[1]!.changes).toEqual(made.slice(1))
  for (let i = 0; i < 65; i++) vote()
  clock.step(100)
  expect([slow[2]!.changes, slow[2]!.origin, slow[2]!.value]).toEqual([undefined, 'local', 130])
})

test('[WT8] what others do is told as theirs, and what comes together as neither', async () => {
  const world = await createWorld(8)
  const [here, there] = [await world.open({ transport: world.wire() }), await world.open({ transport: world.wire() })]
  await world.clock.pass(1000)
  const reports: Report<number>[] = []
  here.changes(votes, (report) => reports.push(report))
  const slow: Report<number>[] = []
  here.changes(votes, (report) => slow.push(report), { every: 5000 })
  here.transact((tx) => tx.add(votes, 1))
  const { change } = there.transact((tx) => tx.add(votes, 1))
  await world.clock.pass(1000)
  here.transact((tx) => tx.add(votes, 1))
  await world.clock.pass(10_000)
  expect(reports.map(({ origin }) => origin)).toEqual(['local', 'remote', 'local'])
  expect(reports[1]!.changes).toEqual([change])
  expect(slow.map(({ origin, changes }) => [origin, changes?.length])).toEqual([
    ['local', 1],
    [undefined, 2],
  ])
  await world.close()
})

test('[WT8] values that go back because of a refusal are told with no Change', async () => {
  const world = await createWorld(9, { refuse: () => ({ code: 'forbidden', message: 'Not you.' }) })
  const wire = world.wire()
  wire.isWhole = false
  const here = await world.open({ transport: wire })
  const reports: Report<string>[] = []
  here.changes(title, (report) => reports.push(report))
  here.transact((tx) => tx.set(title, 'mine'))
  wire.mend()
  await world.clock.pass(60_000)
  expect(reports.map(({ value, changes, origin }) => [value, changes?.length, origin])).toEqual([
    ['mine', 1, 'local'],
    ['', 0, undefined],
  ])
  await world.close()
})

test('[WT9] a throttled reader is told at once, then at its rate, and ends on the latest', () => {
  const heard: string[] = []
  const start = clock.nowMs()
  store.changes(votes, ({ before, value }) => heard.push(`${clock.nowMs() - start}: ${before.get(votes)} → ${value}`), {
    every: 100,
  })
  clock.step(1000)
  for (let i = 0; i < 250; i++) {
    vote()
    clock.step(1)
  }
  clock.step(1000)
  vote()
  expect(heard).toEqual(['1000: 0 → 1', '1100: 1 → 100', '1200: 100 → 200', '1300: 200 → 250', '2250: 250 → 251'])
})

test('[WT9] what has come and gone within an interval is not told', () => {
  const heard: string[] = []
  const runs: number[] = []
  store.changes(title, ({ value }) => heard.push(value), { every: 100 })
  store.changes(
    (now) => {
      runs.push(clock.nowMs())
      return now.get(title)
    },
    ({ value }) => heard.push(`f ${value}`),
    { every: 100 },
  )
  rename('a')
  rename('b')
  rename('a')
  clock.step(100)
  rename('c')
  clock.step(100)
  expect(heard).toEqual(['a', 'f a', 'c', 'f c'])
  expect(runs).toHaveLength(4)
})

test('[WT9] what a throttled listener commits is told in the next interval', () => {
  const heard: string[] = []
  store.changes(
    votes,
    ({ value }) => {
      heard.push(`votes ${value}`)
      if (value < 3) store.transact((tx) => (tx.add(votes, 1), tx.set(title, `${value}`)))
    },
    { every: 100 },
  )
  store.changes([title, votes], ({ value }) => heard.push(`both ${value.join()}`), { every: 100 })
  vote()
  expect(heard.splice(0)).toEqual(['votes 1', 'both ,1'])
  clock.step(100)
  expect(heard.splice(0)).toEqual(['votes 2', 'both 1,2'])
  clock.step(1000)
  expect(heard.splice(0)).toEqual(['votes 3', 'both 2,3'])
})

test('[WT9] a clock that is set back or forward stops nobody', () => {
  let offsetMs = 0
  const shifted = { nowMs: () => clock.nowMs() + offsetMs, setTimer: clock.setTimer }
  return openStore({ space: 'board', clock: shifted }).then(async (moved) => {
    const heard: number[] = []
    moved.changes(votes, ({ value }) => heard.push(value), { every: 100 })
    const cast = (): unknown => moved.transact((tx) => tx.add(votes, 1))
    cast()
    offsetMs = -3_600_000
    cast()
    clock.step(100)
    expect(heard).toEqual([1, 2])
    cast()
    clock.step(50)
    offsetMs = -7_200_000
    clock.step(150)
    expect(heard).toEqual([1, 2, 3])
    offsetMs = 0
    cast()
    expect(heard).toEqual([1, 2, 3, 4])
    await moved.close()
  })
})

test('[WT10] readers of one rate are told together, of one Snapshot, and no timer runs for nothing', () => {
  const told = new Map<number, Snapshot[]>()
  const note = ({ now }: Report<unknown>): void => {
    const at = clock.nowMs()
    told.set(at, [...(told.get(at) ?? []), now])
  }
  store.changes(title, note, { every: 40 })
  store.changes(votes, note, { every: 40 })
  store.changes((now) => now.get(votes) + now.get(title).length, note, { every: 40 })
  expect(clock.timers).toBe(0)
  for (let i = 0; i < 400; i++) {
    if (i % 2 === 0) vote()
    else rename(`${i}`)
    clock.step(1)
    expect(clock.timers).toBeLessThanOrEqual(1)
  }
  clock.step(40)
  expect(clock.timers).toBe(0)
  const times = [...told.keys()]
  expect(times.length).toBe(11)
  for (const snapshots of told.values()) expect(new Set(snapshots).size).toBe(1)
  expect([...told.values()].slice(1).map((snapshots) => snapshots.length)).toEqual(Array.from({ length: 10 }, () => 3))
  for (let i = 1; i < times.length; i++) expect(times[i]! - times[i - 1]!).toBeGreaterThanOrEqual(40)
})

test('[WT10] a rate outlives those who leave and come back at once', () => {
  const heard: number[] = []
  let stop = (): void => undefined
  const begin = (): void => {
    stop = store.changes(
      votes,
      () => {
        heard.push(clock.nowMs())
        stop()
        begin()
      },
      { every: 50 },
    )
  }
  begin()
  for (let i = 0; i < 200; i++) {
    vote()
    clock.step(1)
  }
  expect(heard).toHaveLength(5)
  for (let i = 1; i < heard.length; i++) expect(heard[i]! - heard[i - 1]!).toBeGreaterThanOrEqual(50)
  stop()
})

test('[WT11] an iterator gives one report of all that has happened since it was asked', async () => {
  const reader = taking(store.changes(votes))
  for (let i = 0; i < 50; i++) vote()
  reader.ask()
  reader.ask()
  await settle()
  expect(reader.given.map(({ before, value, changes }) => [before.get(votes), value, changes?.length])).toEqual([
    [0, 50, 50],
  ])
  vote()
  vote()
  await settle()
  expect(reader.given.map(({ value }) => value)).toEqual([50, 51])
  store.transact((tx) => tx.add(votes, -1))
  reader.ask()
  await settle()
  // It has been back at 51 since it was asked: that is no news.
  expect(reader.given.map(({ value }) => value)).toEqual([50, 51])
  vote()
  vote()
  await settle()
  expect(reader.given.map(({ before, value }) => [before.get(votes), value])).toEqual([
    [0, 50],
    [50, 51],
    [51, 52],
  ])
})

test('[WT11] a throttled iterator keeps its rate, however it is asked', async () => {
  const start = clock.nowMs()
  const times: number[] = []
  const values: number[] = []
  const loop = (async () => {
    for await (const { value } of store.changes(votes, { every: 100 })) {
      times.push(clock.nowMs() - start)
      values.push(value)
      if (values.length % 3 === 0) await clock.pass(170)
      if (values.length === 8) break
    }
  })()
  for (let i = 0; i < 200; i++) {
    vote()
    await clock.pass(10)
  }
  await loop
  expect(values).toHaveLength(8)
  for (let i = 1; i < 8; i++) {
    expect(times[i]! - times[i - 1]!).toBeGreaterThanOrEqual(100)
    expect(values[i]).toBeGreaterThan(values[i - 1]!)
  }
  expect(clock.timers).toBe(0)
})

test('[WT12] return, the signal and close end an iteration, and leave nobody waiting', async () => {
  const left = store.changes(votes)[Symbol.asyncIterator]()
  const waiting = left.next()
  vote()
  await expect(waiting).resolves.toMatchObject({ done: false, value: { value: 1 } })
  const never = left.next()
  await expect(left.return!()).resolves.toEqual({ done: true, value: undefined })
  await expect(never).resolves.toEqual({ done: true, value: undefined })
  vote()
  await expect(left.next()).resolves.toEqual({ done: true, value: undefined })

  const end = new AbortController()
  const seen: number[] = []
  const loop = (async () => {
    for await (const { value } of store.changes(votes, { signal: end.signal })) seen.push(value)
  })()
  const heard: number[] = []
  store.changes(votes, ({ value }) => heard.push(value), { signal: end.signal })
  store.changes(votes, ({ value }) => heard.push(value), { signal: end.signal, every: 10 })
  vote()
  vote()
  end.abort()
  vote()
  await loop
  expect([seen, heard]).toEqual([[3], [3, 3, 4]])
  // One that was aborted before ends at once, and begins nothing.
  for await (const report of store.changes(votes, { signal: end.signal, initial: true })) seen.push(report.value)
  store.changes(votes, ({ value }) => heard.push(value), { signal: end.signal, initial: true })
  expect([seen, heard, clock.timers]).toEqual([[3], [3, 3, 4], 0])

  const iterable = store.changes(votes)
  const first = taking(iterable)
  for (let i = 0; i < 3; i++) first.ask()
  await store.close()
  await settle()
  expect([first.given, first.isOver]).toEqual([[], true])
  for await (const report of iterable) expect.unreachable(String(report.value))
})

test('[WT13] close tells first what has not been told', async () => {
  const heard: string[] = []
  const reader = taking(store.changes(votes))
  const unasked = taking(store.changes(votes, { every: 100 }))
  store.changes(votes, ({ value }) => heard.push(`slow ${value}`), { every: 100 })
  store.changes(
    votes,
    ({ value }) => {
      heard.push(`last words ${value}`)
      if (value < 5) vote()
    },
    { every: 100 },
  )
  vote()
  vote()
  await store.close()
  // What is committed while the last is told is told too.
  expect(heard).toEqual(['slow 1', 'last words 1', 'slow 3', 'last words 3', 'slow 4', 'last words 4'])
  expect(errors.splice(0)).toMatchObject([{ code: 'closed' }])
  for (const one of [reader, unasked]) {
    one.ask()
    one.ask()
  }
  await settle()
  expect([reader, unasked].map(({ given, isOver }) => [given.map(({ value }) => value), isOver])).toEqual([
    [[4], true],
    [[4], true],
  ])
})

test('[WT13] a listener that closes the store keeps nobody from hearing what was committed before', async () => {
  const heard: string[] = []
  let closing: Promise<void> | undefined
  store.changes(votes, ({ value }) => {
    heard.push(`a ${value}`)
    if (value !== 1) return
    vote()
    closing = store.close()
  })
  store.changes(votes, ({ value }) => heard.push(`b ${value}`))
  store.changes(votes, ({ value }) => heard.push(`slow ${value}`), { every: 100 })
  vote()
  await closing
  expect(heard).toEqual(['a 1', 'b 1', 'slow 1', 'a 2', 'b 2', 'slow 2'])
})

test('[WT14] a commit costs what it changes: of 10,000 who watch one is asked, and throttled readers read nothing before their time', () => {
  const { policy } = lww('counted', 0)
  let reads = 0
  const counting: Policy = {
    ...policy,
    tag: 'counted',
    read(state, ref) {
      reads += 1
      return policy.read(state, ref)
    },
  }
  const refs = Array.from({ length: 10_000 }, (_, i): Ref<number, { set: number }> => makeRef(counting, `cell.${i}`, 0))
  const calls = { each: 0, slow: 0, asked: 0 }
  for (const ref of refs) store.changes(ref, () => (calls.each += 1))
  const write = (value: number): number => {
    reads = 0
    store.transact((tx) => tx.set(refs[7]!, value))
    return reads
  }
  write(1)
  // The write itself reads, and the one who watches reads twice.
  const alone = write(2)
  expect([calls.each, alone]).toEqual([2, alone])
  expect(alone).toBeLessThan(6)
  for (let i = 0; i < 100; i++) store.changes(refs[7]!, () => (calls.slow += 1), { every: 1000 + i })
  for (let i = 0; i < 100; i++) store.changes(refs[7]!)[Symbol.asyncIterator]()
  store.changes(
    (now) => {
      calls.asked += 1
      return now.get(refs[7]!)
    },
    () => undefined,
    { every: 1 },
  )
  write(3)
  expect([calls.slow, calls.asked]).toEqual([100, 2])
  for (let i = 4; i < 50; i++) expect(write(i)).toBe(alone)
  expect([calls.slow, calls.asked, calls.each]).toEqual([100, 2, 49])
})
