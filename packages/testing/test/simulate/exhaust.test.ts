import { collection, count, counter, list, lww, place } from '@syncline/merge'
import { makeRef, type Policy, type Ref, type Value } from '@syncline/stm'
import { expect, test } from 'vitest'
import { exhaust, SimulationError, type Counterexample, type ExhaustOptions } from '../../src/simulate/index.ts'
import { arrivals, newest } from './not-commutative.ts'

const quiet = { print: () => {} }

/** What an exploration found. */
async function found(options: ExhaustOptions): Promise<Counterexample> {
  const error: unknown = await exhaust({ ...quiet, ...options }).catch((thrown: unknown) => thrown)
  if (!(error instanceof SimulationError) || error.counterexample === undefined) throw error
  return error.counterexample
}

const votes = counter('votes')
const voting = { refs: { votes }, actions: { vote: (tx) => tx.add(votes, 1) } } satisfies ExhaustOptions['app']

/** How many histories there are of so many actions, by trying all and keeping those that can be. */
function slowHistories(lengths: readonly number[]): {
  readonly all: number
  readonly finished: number
  readonly orders: number
  readonly ordersAtAll: number
} {
  type Seen = readonly number[]
  const n = lengths.length
  const isClosed = (made: readonly (readonly Seen[])[], at: Seen): boolean =>
    at.every(
      (count, of) =>
        count <= made[of]!.length && (count === 0 || made[of]![count - 1]!.every((has, each) => has <= at[each]!)),
    )
  const all = new Map<string, readonly (readonly Seen[])[]>()
  const begin = lengths.map(() => [])
  const waiting: (readonly (readonly Seen[])[])[] = [begin]
  all.set(JSON.stringify(begin), begin)
  for (let made = waiting.pop(); made !== undefined; made = waiting.pop()) {
    for (let who = 0; who < n; who++) {
      if (made[who]!.length === lengths[who]) continue
      const ranges = made.map((own, of) =>
        of === who ? [own.length] : Array.from({ length: own.length + 1 }, (_, i) => i),
      )
      for (const at of ranges.reduce<number[][]>(
        (some, range) => some.flatMap((one) => range.map((i) => [...one, i])),
        [[]],
      )) {
        const last = made[who]!.at(-1)
        if (!isClosed(made, at) || last?.some((count, of) => count > at[of]!)) continue
        const next = made.map((own, of) => (of === who ? [...own, at] : own))
        const key = JSON.stringify(next)
        if (all.has(key)) continue
        all.set(key, next)
        waiting.push(next)
      }
    }
  }
  const finished = [...all.values()].filter((made) => made.every((own, of) => own.length === lengths[of]))
  /** In how many orders everything can come, when that of `who` comes where it was done. */
  const ordersOf = (made: readonly (readonly Seen[])[], who: number, at: Seen = lengths.map(() => 0)): number =>
    at.every((count, of) => count === lengths[of])
      ? 1
      : at.reduce((sum, count, of) => {
          const next = made[of]![count]
          if (next === undefined || next.some((has, each) => has > at[each]!)) return sum
          if (of === who && next.some((has, each) => has < at[each]!)) return sum
          return sum + ordersOf(made, who, at.with(of, count + 1))
        }, 0)
  const sum = (of: (made: readonly (readonly Seen[])[]) => number): number =>
    finished.reduce((n, made) => n + of(made), 0)
  const anywhere = sum((made) => ordersOf(made, -1))
  const atAll = sum((made) => lengths.reduce((product, _, who) => product * ordersOf(made, who), 1))
  return { all: all.size, finished: finished.length, orders: anywhere, ordersAtAll: atAll }
}

test.each([[[1, 1]], [[2, 1]], [[2, 3]], [[1, 1, 1]], [[2, 1, 1]], [[2, 2]]])(
  'of %j actions every history is walked once, and every order of each is covered',
  async (lengths) => {
    const does = lengths.map((length) => Array.from({ length }, () => 'vote'))
    const { complete, explored } = await exhaust({ ...quiet, app: voting, does })
    const { all, finished, orders, ordersAtAll } = slowHistories(lengths)
    expect(complete).toBe(true)
    expect([explored.histories, explored.finished, explored.orders]).toEqual([all, finished, orders])
    const byOrder = await exhaust({ ...quiet, app: voting, does, by: 'order' })
    expect([byOrder.complete, byOrder.explored.orders]).toEqual([true, ordersAtAll])
  },
)

test('what it explores is printed, and is not all when it is too much', async () => {
  const lines: string[] = []
  const print = (line: string): void => void lines.push(line)
  const does = [
    ['vote', 'vote'],
    ['vote', 'vote'],
  ]
  expect(await exhaust({ app: voting, does, limit: 20, print })).toMatchObject({ complete: false, reason: 'limit' })
  expect(await exhaust({ app: voting, does, depth: 2, print })).toMatchObject({ complete: false, reason: 'depth' })
  expect(await exhaust({ app: voting, does, by: 'order', limit: 10, print })).toMatchObject({
    complete: false,
    reason: 'limit',
  })
  expect(await exhaust({ app: voting, does, by: 'order', depth: 5, print })).toMatchObject({
    complete: false,
    reason: 'depth',
  })
  expect(lines).toHaveLength(4)
  expect(lines[0]).toMatch(/^exhaust by state: 20 histories, .*; not all, as the limit was reached$/)
  expect(lines[3]).toMatch(/^exhaust by order: .*; not all, as the depth was reached$/)
})

test.each(['state', 'order'] as const)(
  'by %s it finds a merge that is not commutative, with two Changes',
  async (by) => {
    const app = {
      refs: { newest },
      actions: { a: (tx) => tx.set(newest, 'a'), b: (tx) => tx.set(newest, 'b') },
    } satisfies ExhaustOptions['app']
    const { check, what, steps, diagram, mermaid } = await found({ app, by, does: [['a', 'a'], ['b', 'a'], ['b']] })
    expect(check).toBe('convergence')
    expect(what).toContain('arrival newest reads "')
    expect(steps).toHaveLength(4)
    expect(steps.filter((step) => step.includes('→'))).toHaveLength(2)
    expect(diagram.split('\n')).toHaveLength(6)
    expect(mermaid.startsWith('sequenceDiagram\n')).toBe(true)
  },
)

test('it finds the state behind equal values that differs', async () => {
  // It reads how many came, and keeps in which order.
  const policy: Policy<number, readonly Value[], Value | undefined> = {
    tag: 'diary',
    apply: (state = [], payload) => [...state, payload],
    read: (state = []) => state.length,
    draft: () => undefined,
    edit: (_, intent) => (intent.kind === 'set' ? (intent.value as Value) : null),
    readDraft: () => 0,
    finish: (draft) => draft,
  }
  const diary: Ref<number, { set: string }> = makeRef(policy, 'diary', null)
  const app = {
    refs: { diary },
    actions: { a: (tx) => tx.set(diary, 'a'), b: (tx) => tx.set(diary, 'b') },
  } satisfies ExhaustOptions['app']
  const { what } = await found({ app, does: [['a'], ['b']] })
  expect(what).toMatch(/what they keep of diary diary is \["[ab]","[ab]"\] at A and \["[ab]","[ab]"\] at B/)
})

test('it finds what holds in one tab and not between two', async () => {
  const rooms = collection('rooms', { guest: '', nights: count() })
  const app = {
    refs: {},
    actions: {
      open: (tx) => void (tx.get(rooms.at('1')) === undefined && tx.create(rooms.at('1'), {})),
      book: (tx) => void ((tx.get(rooms.at('1'))?.nights ?? 1) === 0 && tx.add(rooms.at('1'), 1, 'nights')),
    },
    invariants: { 'booked once': (snapshot) => (snapshot.get(rooms.at('1'))?.nights ?? 0) <= 1 },
  } satisfies ExhaustOptions['app']
  const { check, what, steps } = await found({ app, does: [['open', 'book'], ['book']] })
  expect(check).toBe('invariant')
  expect(what).toMatch(/^At [AB] the invariant "booked once" does not hold\.(\n {2}.*)*$/)
  expect(steps).toHaveLength(5)
})

test('it finds an action that throws because of what others do', async () => {
  const cards = collection('cards', { title: '' })
  const app = {
    refs: {},
    actions: {
      create: (tx) => void (tx.get(cards.at('a')) === undefined && tx.create(cards.at('a'), {})),
      rename: (tx) => tx.patch(cards.at('a'), { title: 'b' }),
      remove: (tx) => void (tx.get(cards.at('a')) !== undefined && tx.delete(cards.at('a'))),
    },
  } satisfies ExhaustOptions['app']
  const { check, what, steps } = await found({ app, does: [['create', 'rename'], ['remove']] })
  expect(check).toBe('error')
  expect(what).toContain('A performs rename, which throws: StmError')
  expect(steps).toEqual(['A: A1: create', 'A → B: A1', 'B: B1: remove', 'B → A: B1', 'A: A2: rename'])
})

test('points say when something is done, and clocks by which clock', async () => {
  const title = lww('title', '')
  const app = {
    refs: { title },
    actions: { early: (tx) => tx.set(title, 'early'), late: (tx) => tx.set(title, 'late') },
    invariants: { 'what was seen is overwritten': (snapshot) => snapshot.get(title) !== 'early' },
  } satisfies ExhaustOptions['app']
  const does = [['early'], [{ does: 'late', having: [1, 0] }]]
  // Whoever sees a stamp goes on from there, however wrong a clock is.
  const { invariants: _, ...calm } = app
  expect((await exhaust({ ...quiet, app: calm, does, clocks: [1000, 0] })).explored).toMatchObject({
    finished: 1,
    orders: 1,
  })
  const { steps } = await found({ app, does })
  expect(steps).toEqual(['A: A1: early'])
})

test('by order every replica receives in every order, and what it is then is what a memory is', async () => {
  const steps = list('steps')
  const cards = collection('cards', { title: '', at: place() })
  const app = {
    refs: { steps, cards, todo: cards.list('todo') },
    actions: {
      insert: (tx, chance) => tx.insert(steps, 0, [chance.below(100)]),
      card: (tx, chance) => {
        const id = `c${chance.below(2)}`
        if (tx.get(cards.at(id)) === undefined) tx.create(cards.at(id), {})
        tx.move(cards.at(id), cards.list('todo'), 0)
      },
    },
  } satisfies ExhaustOptions['app']
  const { explored } = await exhaust({
    ...quiet,
    app,
    by: 'order',
    points: 'apart',
    does: [['insert'], ['card'], ['card']],
  })
  // Each receives two, in both orders.
  expect(explored.orders).toBe(8)
  const apart = await exhaust({
    ...quiet,
    app,
    by: 'order',
    points: 'apart',
    does: [
      ['insert', 'card'],
      ['card', 'insert'],
    ],
  })
  expect(apart.explored.orders).toBe(1)
  const anywhere = await exhaust({ ...quiet, app, by: 'order', does: [['insert'], ['card'], ['card']] })
  expect(anywhere.explored.orders).toBe(38)
})

test('what cannot be explored is refused', async () => {
  class Hidden {
    readonly #value = 1
    get value(): number {
      return this.#value
    }
  }
  const policy: Policy<number, Hidden, true> = {
    ...(arrivals as unknown as Policy<number, Hidden, true>),
    tag: 'hidden',
    apply: () => new Hidden(),
    read: (state) => state?.value ?? 0,
  }
  const hidden: Ref<number, { set: string }> = makeRef(policy, 'hidden', null)
  const app = { refs: { hidden }, actions: { set: (tx) => tx.set(hidden, 'x') } } satisfies ExhaustOptions['app']
  const does = [['set'], ['set']]
  await expect(exhaust({ ...quiet, app, does })).rejects.toThrow(
    'The states of the policy "hidden" cannot be compared: It holds a Hidden',
  )
  expect((await exhaust({ ...quiet, app, does, by: 'order' })).complete).toBe(true)
  expect((await exhaust({ ...quiet, app, does, images: { hidden: () => 'one' } })).complete).toBe(true)
  await expect(exhaust({ ...quiet, app, does: [['set']] })).rejects.toThrow('Give at least two replicas')
  await expect(exhaust({ ...quiet, app, does: [['sit'], []] })).rejects.toThrow(
    'There is no action "sit". Name one of "set".',
  )
})

test('replicas that only read are one: however many they are, no more is explored, and the same is found as order by order', async () => {
  const both = [['vote', 'vote'], ['vote']]
  const { explored } = await exhaust({ app: voting, does: both, ...quiet })
  const tooMany = {
    ...voting,
    invariants: { 'two votes at most': (snapshot) => snapshot.get(votes) <= 2 },
  } satisfies ExhaustOptions['app']
  for (const readers of [1, 2]) {
    const does = [...both, ...Array.from({ length: readers }, () => [])]
    expect((await exhaust({ app: voting, does, ...quiet })).explored).toEqual(explored)
    // By order each of them receives in each order: a Change of B at every place between two of A, and so on for every reader.
    const byOrder = await exhaust({ app: voting, does, by: 'order', points: 'apart', ...quiet })
    const apart = await exhaust({ app: voting, does, points: 'apart', ...quiet })
    expect(byOrder.explored.orders).toBe(apart.explored.orders ** readers)
    for (const by of ['state', 'order'] as const) {
      const { check, what } = await found({ app: tooMany, does, by })
      expect([check, what]).toEqual(['invariant', expect.stringContaining('two votes at most')])
    }
  }
})
