import { collection, count, counter, field, list, lww, place, record } from '@syncline/merge'
import { diff, idRange, positionRange, type Arbiter, type Readable, type Snapshot, type Tx } from '@syncline/stm'
import { expect, test } from 'vitest'
import { memoryStorage, openStore, type Store } from '../src/index.ts'

const title = lww<unknown>('title', { deep: [{ deeper: ['x'] }] })
const votes = counter('votes')
const seats = counter('seats', { arbiter: 'relay' })
const tabs = lww('tabs', 0, { arbiter: 'browser' })
const steps = list<unknown>('steps')
const settings = record('settings', { theme: 'dark', tags: field<unknown>(['a', { b: ['c'] }]), opened: count() })
const cards = collection('cards', { title: '', tags: field<readonly string[]>(['x']), place: place() })
const todo = cards.list('todo')
const readables: readonly Readable<unknown>[] = [
  title,
  votes,
  steps,
  settings,
  cards,
  cards.at('a'),
  todo,
  idRange(cards, { prefix: 'a' }),
  positionRange(todo, 0, 1),
]

function fill(tx: Tx): void {
  tx.set(title, { list: [1, [2, { three: [] }]] })
  tx.insert(steps, 0, { step: ['one'] })
  tx.patch(settings, { tags: ['d', { e: ['f'] }] })
  for (const id of ['a', 'b', 'é', 'B']) {
    tx.create(cards.at(id), { title: id, tags: [id] })
    tx.move(cards.at(id), todo, 0)
  }
}

/** Every object that can be reached from a value. */
function* within(value: unknown): Iterable<object> {
  if (typeof value !== 'object' || value === null) return
  yield value
  for (const part of Object.values(value)) yield* within(part)
}

test('[SN11] what is read is frozen through and through: of the newest Snapshot, of old ones and of what with makes', async () => {
  const store = await openStore({ space: 'board' })
  const first = store.snapshot
  store.transact(fill)
  const second = store.snapshot
  store.transact((tx) => tx.patch(cards.at('a'), { tags: ['y'] }))
  const made = store.snapshot.with((tx) => tx.patch(settings, { tags: ['z'] }))
  let objects = 0
  for (const snapshot of [first, second, store.snapshot, made]) {
    for (const value of [
      ...readables.map((readable) => snapshot.get(readable)),
      ...Array.from(snapshot.items(cards), ([, card]) => card),
    ]) {
      for (const object of within(value)) {
        objects += 1
        expect(Object.isFrozen(object)).toBe(true)
      }
    }
  }
  expect(objects).toBeGreaterThan(80)
  expect(() => (made.get(cards) as string[]).push('c')).toThrow(TypeError)
  expect(() => ((made.get(cards.at('a')) as { title: string }).title = '')).toThrow(TypeError)
  const members = diff(first, second).members(cards)
  expect([members, Object.isFrozen(members.added)]).toEqual([
    { added: ['B', 'a', 'b', 'é'], removed: [], changed: [] },
    true,
  ])
  await store.close()
})

test('[CO1] [SN1] a collection is walked in the order of its ids, of every Snapshot', async () => {
  const store = await openStore({ space: 'board' })
  store.transact(fill)
  const old = store.snapshot
  store.transact((tx) => tx.delete(cards.at('b')))
  const made = old.with((tx) => tx.create(cards.at('aa'), {}))
  const walk = (snapshot: Snapshot): string[] => Array.from(snapshot.items(cards), ([id]) => id)
  expect([walk(old), walk(store.snapshot), walk(made)]).toEqual([
    ['B', 'a', 'b', 'é'],
    ['B', 'a', 'é'],
    ['B', 'a', 'aa', 'b', 'é'],
  ])
  expect([made.get(todo), old.get(todo)]).toEqual([old.get(todo), ['B', 'é', 'b', 'a']])
  await store.close()
})

test('[SN7] with writes refs of every arbiter, and a Snapshot of it may be where watching begins', async () => {
  const store: Store = await openStore({ space: 'board', storage: memoryStorage() })
  const { snapshot } = store
  const made = snapshot.with((tx: Tx<Arbiter>) => {
    tx.add(seats, 3)
    tx.set(tabs, 2)
    tx.add(votes, 1)
  })
  expect([made.get(seats), made.get(tabs), made.get(votes)]).toEqual([3, 2, 1])
  expect([store.get(seats), store.get(tabs), store.get(votes), store.status.pending]).toEqual([0, 0, 0, 0])
  // What is not so after all is told as a change.
  const told: unknown[] = []
  store.changes([votes, title], ({ before, value }) => told.push([before.get(votes), value[0]]), { from: made })
  expect(told).toEqual([[1, 0]])
  await store.close()
})

test('[WT5] a function that looks at what would be is run again for what that depends on', async () => {
  const store = await openStore({ space: 'board' })
  const heard: unknown[] = []
  let runs = 0
  store.changes(
    (now) => {
      runs += 1
      return now.with((tx) => tx.update(settings, (own) => ({ ...own, theme: `${tx.get(votes)}` }))).get(settings).theme
    },
    ({ value }) => heard.push(value),
  )
  store.transact((tx) => tx.set(title, 'not read'))
  expect(runs).toBe(1)
  store.transact((tx) => tx.add(votes, 1))
  expect([runs, heard]).toEqual([2, ['1']])
  store.transact((tx) => tx.patch(settings, { tags: [] }))
  expect([runs, heard]).toEqual([3, ['1']])
  await store.close()
})

test('[SN7] with is held against the schemas and limits of its refs as transact is', async () => {
  const store = await openStore({ space: 'board' })
  const short = lww('short', '', { maxBytes: 20 })
  // Its upper bound is above the limit, and its size is not.
  const fits = 'fourteen chars'
  expect(store.snapshot.with((tx) => tx.set(short, fits)).get(short)).toBe(fits)
  const long = (tx: Tx): void => tx.set(short, fits.repeat(2))
  expect(() => store.transact(long)).toThrow(expect.objectContaining({ code: 'too-large-for-ref' }))
  expect(() => store.snapshot.with((tx) => long(tx as Tx))).toThrow(
    expect.objectContaining({ code: 'too-large-for-ref' }),
  )
  await store.close()
})
