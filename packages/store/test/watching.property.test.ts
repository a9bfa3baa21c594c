import { collection, counter, lww, place } from '@syncline/merge'
import { makeRef, type Policy, type Ref, type Snapshot } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { everything, openStore, type ChangesOptions, type Report, type Selector, type Store } from '../src/index.ts'
import { settle, virtualClock, type VirtualClock } from './world.ts'

const isLong = process.env.SYNCLINE_LONG === '1'

const title = lww('title', '')
const votes = counter('votes')
const cards = collection('cards', { title: '', place: place() })
const todo = cards.list('todo')

/** Everything that any selector here can read, as plain data. */
interface Plain {
  readonly title: string
  readonly votes: number
  readonly cards: readonly string[]
  readonly todo: readonly string[]
  readonly a: unknown
}

const plain = (at: Snapshot): Plain => ({
  title: at.get(title),
  votes: at.get(votes),
  cards: at.get(cards),
  todo: at.get(todo),
  a: at.get(cards.at('a')),
})

/** Selectors, and what each reads, said a second time over plain data. */
const selectors: readonly (readonly [Selector, (state: Plain) => unknown])[] = [
  [title, (state) => state.title],
  [votes, (state) => state.votes],
  [cards, (state) => state.cards],
  [todo, (state) => state.todo],
  [[title, todo], (state) => [state.title, state.todo]],
  [[cards.at('a'), votes], (state) => [state.a, state.votes]],
  [(now) => now.get(votes) % 3 === 0, (state) => state.votes % 3 === 0],
  [
    (now) => (now.get(votes) % 2 === 0 ? now.get(title) : [...now.items(cards)].map(([id]) => id)),
    (state) => (state.votes % 2 === 0 ? state.title : state.cards),
  ],
  [
    (now) => now.get(todo).map((id) => now.get(cards.at(id))?.title === now.get(title)).length,
    (state) => state.todo.length,
  ],
]

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

type Step =
  | { readonly do: 'write'; readonly what: number; readonly value: number }
  | {
      readonly do: 'watch' | 'iterate'
      readonly which: number
      readonly every: number
      readonly initial: boolean
      readonly since: number
    }
  | { readonly do: 'ask' | 'stop'; readonly which: number }
  | { readonly do: 'pass'; readonly ms: number }

/** What every run does after what is random in it, so that each kind of report is there in each, whatever chance brings. */
const always: readonly Step[] = [
  { do: 'write', what: 0, value: 1 },
  // It is what it is, so this changes nothing.
  { do: 'write', what: 0, value: 1 },
  { do: 'write', what: 0, value: 2 },
  { do: 'watch', which: 0, every: 5, initial: true, since: 0 },
  { do: 'iterate', which: 0, every: 0, initial: true, since: 0 },
  // After one of these the votes are even, which is when a listener commits.
  { do: 'write', what: 1, value: 2 },
  { do: 'write', what: 1, value: 2 },
]

const rates = [0, 0, 0, 5, 20, 20, 100]
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('write' as const), what: fc.nat(6), value: fc.nat(3) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('watch' as const, 'watch' as const, 'iterate' as const),
      which: fc.nat(selectors.length - 1),
      every: fc.constantFrom(...rates),
      initial: fc.boolean(),
      since: fc.nat(20),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('ask' as const, 'ask' as const, 'stop' as const), which: fc.nat(9) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 3, 7, 20, 120) }) },
)

function write(store: Store, what: number, value: number): void {
  store.transact((tx) => {
    const card = cards.at('abcd'[value]!)
    if (what === 0) tx.set(title, `t${value}`)
    else if (what === 1) tx.add(votes, value - 1)
    else if (what === 2 && tx.get(card) === undefined) tx.create(card, { title: `c${value}` })
    else if (what === 3) tx.delete(card)
    else if (what === 4 && tx.get(card) !== undefined) tx.move(card, todo, 0)
    else if (what === 5 && tx.get(card) !== undefined) tx.patch(card, { title: `t${value}` })
    else if (what === 6) {
      tx.set(title, `both ${value}`)
      tx.add(votes, 1)
    }
  })
}

/** One reader, and all that the slow obvious model needs to judge it. */
interface Reader {
  readonly read: (state: Plain) => unknown
  readonly everyMs: number
  readonly isIterator: boolean
  readonly first: 'initial' | 'from' | undefined
  readonly startedMs: number
  /** How many states there were when it began, the last of which it began with. */
  readonly began: number
  readonly start: Plain
  readonly reports: { readonly report: Report<unknown>; readonly atMs: number; readonly states: number }[]
  ask(): void
  stop(): void
  stopped: number | undefined
}

test.each([
  ['', false],
  [', also when a listener commits and another throws', true],
])(
  '[WT1] [WT2] [WT3] [WT6] [WT7] [WT9] [WT11] whoever watches, however, is told what a list of all states says%s',
  async (_, withCommitting) => {
    const did = { reports: 0, throttled: 0, iterated: 0, skipped: 0, nested: 0, thrown: 0 }
    const mine = new Error('It harms nobody.')
    const numRuns = isLong ? 1500 : 30
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 70 }), async (steps) => {
        const clock = virtualClock()
        const harmless: unknown[] = []
        const store = await openStore({ space: 'board', clock, onError: (error) => harmless.push(error) })
        const states: Plain[] = [plain(store.snapshot)]
        const held: Snapshot[] = [store.snapshot]
        const readers: Reader[] = []
        const commit = (what: number, value: number): void => {
          const before = store.snapshot
          write(store, what, value)
          if (store.snapshot === before) did.skipped += 1
        }
        // The list of all states is written by whoever is told of everything first: commits are told in order.
        store.changes(everything, ({ now }) => {
          states.push(plain(now))
          held.push(now)
        })
        if (withCommitting) {
          let left = 12
          store.changes(votes, ({ value }) => {
            if (value % 2 !== 0 || left-- <= 0) return
            did.nested += 1
            commit(value % 4 === 0 ? 0 : 6, Math.abs(value) % 4)
          })
          store.changes(title, () => {
            throw mine
          })
        }
        for (const one of [...steps, ...always]) {
          if (one.do === 'write') commit(one.what, one.value)
          else if (one.do === 'pass') clock.step(one.ms)
          else if (one.do === 'watch' || one.do === 'iterate') {
            readers.push(begin(store, clock, states, one, one.since < held.length ? held[one.since] : undefined))
          } else if (readers.length > 0) {
            const reader = readers[one.which % readers.length]!
            if (one.do === 'ask') reader.ask()
            else reader.stop()
          }
          await Promise.resolve()
          await Promise.resolve()
        }
        clock.step(1000)
        for (const reader of readers) if (reader.isIterator) reader.ask()
        // Of two of one rate, one may have to wait for the next interval.
        clock.step(1000)
        await settle()
        for (const reader of readers) {
          judge(reader, states)
          did.reports += reader.reports.length
          if (reader.everyMs > 0) did.throttled += reader.reports.length
          if (reader.isIterator) did.iterated += reader.reports.length
        }
        expect(clock.timers).toBe(0)
        await store.close()
        expect(harmless.every((error) => error === mine)).toBe(true)
        did.thrown += harmless.length
      }),
      { numRuns },
    )
    // A run that did nothing shows nothing.
    const { nested, thrown, ...each } = did
    for (const count of Object.values(withCommitting ? did : each)) expect(count).toBeGreaterThanOrEqual(numRuns)
    expect(nested + thrown > 0).toBe(withCommitting)
  },
)

function begin(
  store: Store,
  clock: VirtualClock,
  states: readonly Plain[],
  { which, every, initial, do: how }: Extract<Step, { readonly every: number }>,
  from: Snapshot | undefined,
): Reader {
  const [selector, read] = selectors[which]!
  const options: ChangesOptions = { every, initial, from }
  const reports: Reader['reports'] = []
  const note = (report: Report<unknown>): void => {
    reports.push({ report, atMs: clock.nowMs(), states: states.length })
  }
  const isIterator = how === 'iterate'
  const reader: Reader = {
    read,
    everyMs: every,
    isIterator,
    first: initial ? 'initial' : from === undefined ? undefined : 'from',
    startedMs: clock.nowMs(),
    began: states.length,
    start: from === undefined ? states.at(-1)! : plain(from),
    reports,
    ask: () => undefined,
    stop: () => undefined,
    stopped: undefined,
  }
  let stop: () => void
  if (isIterator) {
    const iterator = store.changes(selector, options)[Symbol.asyncIterator]()
    let isAsking = false
    reader.ask = () => {
      if (isAsking) return
      isAsking = true
      void iterator.next().then(({ done, value }) => {
        isAsking = false
        if (done !== true) note(value)
      })
    }
    stop = () => void iterator.return!()
  } else stop = store.changes(selector, note, options)
  reader.stop = () => {
    reader.stopped ??= states.length
    stop()
  }
  return reader
}

/** What a reader was told, beside the list of all states. */
function judge(
  { read, everyMs, isIterator, first, began, start, reports, stopped }: Reader,
  states: readonly Plain[],
): void {
  const seen = reports.map(({ report }) => read(plain(report.now)))
  reports.forEach(({ report }, i) => {
    // The value is what the selector reads, and before is where the last report ended.
    expect(same(report.value, seen[i])).toBe(true)
    const before = read(plain(report.before))
    const isPresent = i === 0 && first === 'initial' && report.before === report.now
    expect(same(before, isPresent ? seen[0] : i > 0 ? seen[i - 1] : read(start))).toBe(true)
    // There is news, except in a first report that was asked for.
    expect(same(before, seen[i]) && (i > 0 || first !== 'initial')).toBe(false)
  })
  // Each report is of one whole state, and they come in order.
  let at = began - 1
  for (const { report } of reports) {
    const now = plain(report.now)
    const found = states.findIndex((state, i) => i >= at && same(state, now))
    expect(found).toBeGreaterThanOrEqual(at)
    at = found
  }
  for (let i = 1; i < reports.length; i++) {
    expect(reports[i]!.atMs - reports[i - 1]!.atMs).toBeGreaterThanOrEqual(isIterator ? 0 : everyMs)
  }
  const end = stopped ?? states.length
  // It ends on the latest, unless it was ended before.
  const last = reports.length > 0 ? seen.at(-1) : read(start)
  expect(stopped !== undefined || same(last, read(states.at(-1)!))).toBe(true)
  if (everyMs > 0 || isIterator) return
  // Who is told of each commit is told of exactly those that read differently from the one before.
  const expected: unknown[] = []
  let known = read(start)
  if (first !== undefined && (first === 'initial' || !same(known, read(states[began - 1]!)))) {
    known = read(states[began - 1]!)
    expected.push(known)
  }
  for (const state of states.slice(began, end)) {
    const value = read(state)
    if (same(value, known)) continue
    expected.push(value)
    known = value
  }
  expect(seen).toEqual(expected)
}

test('[WT3] the chain holds over thousands of commits, for all kinds of readers', async () => {
  const commits = isLong ? 100_000 : 4_000
  const clock = virtualClock()
  const errors: unknown[] = []
  const store = await openStore({ space: 'board', clock, onError: (error) => errors.push(error) })
  const counts = [0, 0, 0, 0, 0]
  function follow(which: number, read = (at: Snapshot): number => at.get(votes)): (report: Report<unknown>) => void {
    let last = 0
    return ({ before, now }) => {
      counts[which]! += 1
      if (read(before) !== last) throw new Error(`Reader ${which} misses what is between ${last} and ${read(before)}.`)
      last = read(now)
    }
  }
  let newest: Snapshot = store.snapshot
  store.changes(everything, ({ before, now }) => {
    counts[0]! += 1
    if (before !== newest) throw new Error('Not the Snapshot of the report before.')
    newest = now
  })
  store.changes(votes, follow(1))
  const tens = (now: Snapshot): number => Math.floor(now.get(votes) / 10)
  store.changes(tens, follow(2, tens))
  store.changes([votes, title], follow(3), { every: 7 })
  const noteIterated = follow(4)
  const loop = (async () => {
    for await (const report of store.changes(votes)) noteIterated(report)
  })()
  for (let i = 0; i < commits; i++) {
    store.transact((tx) => tx.add(votes, 1))
    if (i % 3 === 0) store.transact((tx) => tx.set(title, `${i}`))
    clock.step(1)
    if (i % 50 === 0) await Promise.resolve()
  }
  await store.close()
  await loop
  expect(errors).toEqual([])
  const titles = Math.ceil(commits / 3)
  expect(counts.slice(0, 3)).toEqual([commits + titles, commits, commits / 10])
  expect(counts[3]).toBeGreaterThanOrEqual(Math.floor(commits / 7))
  expect(counts[3]).toBeLessThanOrEqual(Math.ceil(commits / 7) + 1)
  expect(counts[4]).toBeGreaterThanOrEqual(commits / 50)
})

test('[WT9] [WT10] [WT14] one writes a thousand times a second, ten read at their own rates, and the writer does not notice', async () => {
  const seconds = isLong ? 60 : 3
  const { policy } = counter('any')
  let reads = 0
  const counting: Policy = {
    ...policy,
    tag: 'counting',
    read(state, ref) {
      reads += 1
      return policy.read(state, ref)
    },
  }
  const [one, two]: Ref<number, { add: true }>[] = ['one', 'two'].map((name) => makeRef(counting, name, 0)) as never
  const clock = virtualClock()
  let timersSet = 0
  const errors: unknown[] = []
  const store = await openStore({
    space: 'board',
    onError: (error) => errors.push(error),
    clock: {
      nowMs: clock.nowMs,
      setTimer(delayMs, fn) {
        timersSet += 1
        return clock.setTimer(delayMs, fn)
      },
    },
  })
  /** Both go up together, so a torn reading shows. Returns what the writer itself had to read. */
  function cast(): number {
    reads = 0
    store.transact((tx) => {
      tx.add(one!, 1)
      tx.add(two!, 1)
    })
    return reads
  }
  const alone = cast()
  const begun = clock.nowMs()
  const everyMs = [1, 5, 16, 16, 50, 100, 100, 250, 1000, 333]
  const readers = everyMs.map((every, i) => ({
    every,
    toldMs: [] as number[],
    last: 0,
    isIterator: i === 6 || i === 8,
  }))
  const note = (reader: (typeof readers)[number], { now }: Report<unknown>): void => {
    const [a, b] = [now.get(one!), now.get(two!)]
    if (a !== b) throw new Error(`Torn: ${a} and ${b}.`)
    reader.toldMs.push(clock.nowMs())
    reader.last = a
  }
  const loops = readers.map(async (reader) => {
    if (!reader.isIterator) store.changes([one!, two!], (report) => note(reader, report), { every: reader.every })
    else for await (const report of store.changes([one!, two!], { every: reader.every })) note(reader, report)
  })
  let most = 0
  const tellings = new Set<number>()
  for (let ms = 0; ms < seconds * 1000; ms++) {
    const before = readers.filter(({ toldMs }) => toldMs.at(-1) === clock.nowMs()).length
    const cost = cast()
    const told = readers.filter(({ toldMs }) => toldMs.at(-1) === clock.nowMs()).length - before
    // Besides what it read alone, the writer pays for those who are told in this very commit, never for those who wait.
    expect(cost - alone).toBeLessThanOrEqual(told === 0 && ms > 0 ? 0 : 10 * 6)
    most = Math.max(most, cost)
    tellings.add(told)
    await Promise.resolve()
    await Promise.resolve()
    clock.step(1)
  }
  clock.step(1000)
  await settle()
  for (const { every, toldMs, last } of readers) {
    expect(last).toBe(seconds * 1000 + 1)
    for (let i = 1; i < toldMs.length; i++) expect(toldMs[i]! - toldMs[i - 1]!).toBeGreaterThanOrEqual(every)
    // None is starved: it has all that its rate allows.
    expect(toldMs.length).toBeGreaterThanOrEqual(Math.floor((seconds * 1000) / (every + 1)))
    expect(toldMs[0]).toBe(begun)
  }
  // One timer for each interval of each rate, however many have it.
  const rates = new Set(everyMs)
  const intervals = [...rates].reduce((sum, every) => sum + Math.ceil((seconds * 1000) / every) + 1, 0)
  expect(timersSet).toBeLessThanOrEqual(intervals)
  expect(tellings.size).toBeGreaterThan(1)
  expect(errors).toEqual([])
  await store.close()
  await Promise.all(loops)
})
