import { collection, counter, lww } from '@syncline/merge'
import type { InvariantNews, Snapshot, Tx } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { memoryStorage, openStore, type Store } from '../src/index.ts'
import { codeOf, codeOfError } from './code-of.ts'
import { settle } from './world.ts'

const numbers = [lww('n0', 0), lww('n1', 0), lww('n2', 0)] as const
const votes = counter('votes', { onConflict: 'merge' })
/** Which of the numbers an invariant looks at: what it reads depends on what it has read. */
const pointer = lww('pointer', 0)
const items = collection('items', { size: 0 })
const ids = ['x', 'y', 'z']

/** Everything there is, as plain data. */
interface Plain {
  readonly numbers: readonly number[]
  readonly votes: number
  readonly pointer: number
  readonly items: Readonly<Record<string, number>>
}

function plainOf(now: Snapshot): Plain {
  return {
    numbers: numbers.map((ref) => now.get(ref)),
    votes: now.get(votes),
    pointer: now.get(pointer),
    items: Object.fromEntries(Array.from(now.items(items), ([id, { size }]) => [id, size])),
  }
}

/** An invariant as an app writes it, and in the simplest words: whether it holds, and what of it all it looks at. */
interface Law {
  readonly check: (now: Snapshot) => boolean | string
  holds(plain: Plain): boolean
  looksAt(plain: Plain): unknown
}

const limit = fc.integer({ min: 0, max: 4 })
const law: fc.Arbitrary<Law> = fc.oneof(
  fc.tuple(fc.nat(2), fc.nat(2), limit).map(([i, j, most]): Law => ({
    check: (now) => now.get(numbers[i]!) + now.get(numbers[j]!) <= most || 'too much',
    holds: (plain) => plain.numbers[i]! + plain.numbers[j]! <= most,
    looksAt: (plain) => [plain.numbers[i], plain.numbers[j]],
  })),
  limit.map((most): Law => ({
    check: (now) => now.get(numbers[now.get(pointer)]!) <= most,
    holds: (plain) => plain.numbers[plain.pointer]! <= most,
    looksAt: (plain) => [plain.pointer, plain.numbers[plain.pointer]],
  })),
  limit.map((most): Law => ({
    check: (now) => now.get(items).length <= Math.min(2, most),
    holds: (plain) => Object.keys(plain.items).length <= Math.min(2, most),
    looksAt: (plain) => Object.keys(plain.items),
  })),
  limit.map((most): Law => ({
    check(now) {
      let sum = now.get(votes)
      for (const [, { size }] of now.items(items)) sum += size
      return sum <= most || `${sum} is too much`
    },
    holds: (plain) => Object.values(plain.items).reduce((sum, size) => sum + size, plain.votes) <= most,
    looksAt: (plain) => [plain.votes, plain.items],
  })),
  limit.map((most): Law => ({
    // Reads nothing of the second where the first is enough.
    check: (now) => now.get(votes) <= most || now.get(items.at('x')) === undefined,
    holds: (plain) => plain.votes <= most || plain.items['x'] === undefined,
    looksAt: (plain) => (plain.votes <= most ? [plain.votes] : [plain.votes, plain.items['x']]),
  })),
)

const write = fc.record({
  act: fc.constantFrom('set', 'set', 'point', 'add', 'create', 'change', 'delete'),
  which: fc.nat(2),
  value: fc.integer({ min: -2, max: 4 }),
})
type Write = typeof write extends fc.Arbitrary<infer W> ? W : never
const step = fc.record({
  how: fc.constantFrom('sync', 'sync', 'sync', 'inside', 'async', 'sibling'),
  writes: fc.array(write, { minLength: 1, maxLength: 3 }),
  others: fc.array(write, { minLength: 1, maxLength: 2 }),
})

function perform(tx: Tx, { act, which, value }: Write): void {
  const item = items.at(ids[which]!)
  const isThere = tx.peek(item) !== undefined
  switch (act) {
    case 'set':
      return tx.set(numbers[which]!, value)
    case 'point':
      return tx.set(pointer, which)
    case 'add':
      return tx.add(votes, value)
    case 'create':
      return isThere ? undefined : tx.create(item, { size: value })
    case 'change':
      return isThere ? tx.patch(item, { size: value }) : undefined
    case 'delete':
      return tx.delete(item)
  }
}

test('[VD10] [VD11] [VD22] no transaction breaks an invariant that it touches, and what merges break is told, as a slow model says', async () => {
  const done = { committed: 0, refused: 0, broken: 0, mended: 0 }
  await fc.assert(
    fc.asyncProperty(
      fc.array(law, { minLength: 1, maxLength: 4 }),
      fc.array(step, { minLength: 6, maxLength: 20 }),
      async (laws, steps) => {
        const storage = memoryStorage()
        const mine = await openStore({ space: 'board', storage })
        /** A tab whose code has no invariants. */
        const sibling = await openStore({ space: 'board', storage })
        /** What the transactions would do: the same commits, never refused. */
        const news: InvariantNews[] = []
        const broken = new Set<string>()
        laws.forEach(({ check }, i) =>
          mine.invariant(`law ${i}`, check, {
            onViolation(one) {
              news.push(one)
              // Told in turn: no end without a beginning.
              if (one.isOver === !broken.has(one.name)) throw new Error('Told twice.')
              if (one.isOver) broken.delete(one.name)
              else broken.add(one.name)
            },
          }),
        )
        for (const { how, writes, others } of steps) {
          const before = plainOf(mine.snapshot)
          switch (how) {
            case 'sync':
              outcome(
                before,
                mine,
                laws,
                codeOf(() => mine.transact((tx) => writes.forEach((one) => perform(tx, one)))),
                writes,
              )
              break
            case 'inside':
              inside(mine, laws, writes, others)
              break
            case 'async': {
              const ends = await Promise.allSettled(
                [writes, others].map((all) =>
                  mine.transactAsync(async (tx) => {
                    for (const one of all) {
                      perform(tx, one)
                      await Promise.resolve()
                    }
                  }),
                ),
              )
              const codes = ends.flatMap((end) => (end.status === 'rejected' ? codeOfError(end.reason) : []))
              if (codes.some((code) => code !== 'invariant-failed')) throw new Error(codes.join())
              break
            }
            case 'sibling':
              sibling.transact((tx) => writes.forEach((one) => perform(tx, one)))
              await settle()
          }
          const after = plainOf(mine.snapshot)
          laws.forEach((one, i) => {
            // Whoever commits here leaves what held before.
            if (how !== 'sibling' && one.holds(before) && !one.holds(after)) throw new Error(`${how} broke law ${i}.`)
            // What is broken is known, and nothing else.
            expect([i, how, broken.has(`law ${i}`)]).toEqual([i, how, !one.holds(after)])
            if (how === 'sibling' && one.holds(before) && !one.holds(after)) done.broken += 1
            if (!one.holds(before) && one.holds(after)) done.mended += 1
          })
        }
        await mine.close()
        await sibling.close()
      },
    ),
    { seed: 1422, endOnFailure: true, numRuns: process.env['SYNCLINE_LONG'] === '1' ? 3_000 : 80 },
  )
  for (const [what, count] of Object.entries(done)) expect([what, count > 15]).toEqual([what, true])

  /** Whether a transaction was to be refused, by trying it where nobody refuses. */
  function outcome(
    before: Plain,
    store: Store,
    laws: readonly Law[],
    code: string | undefined,
    writes: readonly Write[],
  ): void {
    const there = wouldBe(before, writes)
    const mustRefuse = laws.some(
      (one) => !one.holds(there) && JSON.stringify(one.looksAt(before)) !== JSON.stringify(one.looksAt(there)),
    )
    if (code === undefined) done.committed += 1
    else done.refused += 1
    const mayRefuse = laws.some((one) => !one.holds(there))
    expect({ code, ...plainOf(store.snapshot) }).toEqual(
      code === undefined ? { code, ...there } : { code: 'invariant-failed', ...before },
    )
    expect([code, mustRefuse, mayRefuse]).toEqual(
      code === undefined ? [code, false, mayRefuse] : [code, mustRefuse, true],
    )
  }

  function inside(store: Store, laws: readonly Law[], writes: readonly Write[], others: readonly Write[]): void {
    let between = plainOf(store.snapshot)
    // Setting what is there already writes nothing, whatever others have set meanwhile.
    const { numbers: there } = between
    const own = writes.filter(({ act, which, value }) => act === 'add' || (act === 'set' && there[which] !== value))
    const code = codeOf(() =>
      store.transact((tx) => {
        const start = plainOf(store.snapshot)
        const code = codeOf(() => store.independent((inner) => others.forEach((one) => perform(inner, one))))
        outcome(start, store, laws, code, others)
        between = plainOf(store.snapshot)
        for (const one of own) perform(tx, one)
      }),
    )
    if (code === 'overtaken') return
    outcome(between, store, laws, code, own)
  }
})

/** What writes make of plain data. */
function wouldBe(plain: Plain, writes: readonly Write[]): Plain {
  const next = { ...plain, numbers: [...plain.numbers], items: { ...plain.items } as Record<string, number> }
  for (const { act, which, value } of writes) {
    const id = ids[which]!
    if (act === 'set') next.numbers[which] = value
    else if (act === 'point') next.pointer = which
    else if (act === 'add') next.votes += value
    else if (act === 'create') next.items[id] ??= value
    else if (act === 'change' && next.items[id] !== undefined) next.items[id] = value
    else if (act === 'delete') delete next.items[id]
  }
  return { ...next, items: Object.fromEntries(Object.entries(next.items).sort(([a], [b]) => (a < b ? -1 : 1))) }
}
