import { expect, test } from 'vitest'
import type { Collection, List, Ref, Snapshot, Tx } from '../src/index.ts'

// The compiler is the test: each suppressed error must be one. Nothing here is called.

interface Title {
  readonly title: string
  readonly done: boolean
}

declare const title: Ref<string, { set: string; merge: string }>
declare const tags: Ref<readonly string[], { include: string; set: readonly string[] }>
declare const page: Ref<readonly string[], { edit: { readonly lines: string[] } }>
declare const votes: Ref<number, { add: true }>
declare const text: Ref<string, { insert: string; remove: true; set: string }>
declare const order: Ref<readonly string[], { insert: readonly string[]; remove: true; move: true }>
declare const cards: Collection<
  Title,
  { set: Title; patch: Partial<Title>; create: Partial<Title>; delete: true; add: true }
>
declare const todo: List<Title, { patch: Partial<Title> }>

function reads(reader: Snapshot | Tx): void {
  const name: string = reader.get(title)
  const count: number = reader.get(votes)
  const ids: readonly string[] = reader.get(cards)
  const items: readonly string[] = reader.get(todo)
  const card: Title | undefined = reader.get(cards.at('a'))
  for (const [id, value] of reader.items(cards)) void [id.length, value.title.length]
  // @ts-expect-error -- a counter reads as a number
  const wrong: string = reader.get(votes)
  // @ts-expect-error -- a member may be missing
  const present: Title = reader.get(cards.at('a'))
  // @ts-expect-error -- what is read is not changed
  reader.get(cards).push('x')
  // @ts-expect-error -- a list has no members of its own
  reader.items(todo)
  void [name, count, ids, items, card, wrong, present]
}

function writes(tx: Tx): void {
  tx.set(title, 'x')
  tx.update(title, (value) => value.toUpperCase())
  tx.merge(title, 'x', 'y')
  tx.include(tags, 'x', 'y')
  tx.exclude(tags, 'x')
  tx.commute(tags, { include: ['x'] })
  tx.commute(tags, { exclude: ['x'] })
  tx.edit(page, ({ lines }) => lines.push('x'))
  tx.add(votes, 1)
  tx.insert(text, 0, 'x')
  tx.insert(order, 0, ['x'])
  tx.remove(text, 0, 1)
  tx.reorder(order, 0, 1)
  tx.create(cards.at('a'), { title: 'x' })
  tx.patch(cards.at('a'), { done: true })
  tx.set(cards.at('a'), { title: 'x', done: true })
  tx.update(cards.at('a'), (card) => ({ ...card, done: true }))
  tx.delete(cards.at('a'))
  tx.add(cards.at('a'), 1, 'count')
  tx.move(cards.at('a'), todo, 0)
  tx.moveAll([cards.at('a'), cards.at('b')], todo)

  // @ts-expect-error -- another type
  tx.set(title, 1)
  // @ts-expect-error -- another type
  tx.update(title, (value) => value.length)
  // @ts-expect-error -- another type
  tx.merge(title, 'x', 1)
  // @ts-expect-error -- another type
  tx.merge(title, 1, 'x')
  // @ts-expect-error -- another type of value
  tx.include(tags, 1)
  // @ts-expect-error -- values one by one
  tx.include(tags, ['x'])
  // @ts-expect-error -- another type of value
  tx.commute(tags, { include: [1] })
  // @ts-expect-error -- another content
  tx.edit(page, ({ words }) => words)
  // @ts-expect-error -- a register is no document
  tx.edit(title, () => undefined)
  // @ts-expect-error -- a counter is no set
  tx.exclude(votes, 1)
  // @ts-expect-error -- this one does not take it
  tx.merge(votes, 1, 2)
  // @ts-expect-error -- a counter is not set
  tx.set(votes, 1)
  // @ts-expect-error -- a register does not count
  tx.add(title, 1)
  // @ts-expect-error -- a field is missing
  tx.set(cards.at('a'), { title: 'x' })
  // @ts-expect-error -- another type of field
  tx.patch(cards.at('a'), { done: 'yes' })
  // @ts-expect-error -- no such field
  tx.create(cards.at('a'), { name: 'x' })
  // @ts-expect-error -- a register cannot be patched
  tx.patch(title, {})
  // @ts-expect-error -- a register is not a member
  tx.delete(title)
  // @ts-expect-error -- a register is not created
  tx.create(title, 'x')
  // @ts-expect-error -- only members of collections stand in lists
  tx.move(title, todo)
  // @ts-expect-error -- a counter has no characters
  tx.insert(votes, 0, 'x')
  // @ts-expect-error -- text takes text
  tx.insert(text, 0, 7)
  // @ts-expect-error -- a text has no items to move
  tx.reorder(text, 0, 1)
  // @ts-expect-error -- a counter has no characters
  tx.remove(votes, 0, 1)
  // @ts-expect-error -- a collection is written through its members
  tx.set(cards, [])
  // @ts-expect-error -- refs hold no value
  void title.value
}

declare const shared: Ref<string, { set: string }, 'relay'>
declare const stock: Ref<number, { add: true }, 'relay'>
declare const mode: Ref<'light' | 'dark', { set: 'light' | 'dark' }>

function more(tx: Tx): void {
  const length: number = tx.savepoint((inner) => inner.get(title).length)
  const either: number | string = tx.orElse(
    (left) => left.get(votes),
    (right) => right.get(title),
  )
  const once: boolean = tx.once('key', () => true)
  const seen: string = tx.peek(shared)
  tx.ensure(shared)
  tx.commute(votes, { add: 1 })
  tx.commute(order, { insert: ['x'] })
  tx.commute(title, (value) => value.trim())
  tx.commute(cards.at('a'), (card) => ({ ...card, done: true }))
  tx.set(mode, 'dark')

  // @ts-expect-error -- a savepoint gives what its body gives
  const wrong: string = tx.savepoint((inner) => inner.get(votes))
  // @ts-expect-error -- a sync transaction writes no relay refs
  tx.set(shared, 'x')
  // @ts-expect-error -- nor does it add to one
  tx.add(stock, 1)
  // @ts-expect-error -- what is written does not widen the type of the ref
  tx.set(mode, 'blue')
  // @ts-expect-error -- nor does what a function makes
  tx.commute(mode, () => 'blue')
  // @ts-expect-error -- a register has no additions
  tx.commute(title, { add: 1 })
  // @ts-expect-error -- what is commuted is an operation
  tx.commute(votes, 1)
  // @ts-expect-error -- an inserted item has the type of the items
  tx.commute(order, { insert: [1] })
  // @ts-expect-error -- a key is a text
  tx.once(1, () => true)
  void [length, either, once, seen, wrong]
}

function relayed(tx: Tx<'local' | 'relay'>): void {
  more(tx)
  tx.set(shared, 'x')
  tx.commute(stock, { add: 1 })
  // @ts-expect-error -- on a relay ref what is commuted is data
  tx.commute(shared, (value) => value.trim())
  const narrower: Tx<'relay'> = tx
  // @ts-expect-error -- it may be a transaction that writes no browser refs
  const wider: Tx<'local' | 'relay' | 'browser'> = tx
  void [narrower, wider]
}

test('[TX11] a wrong read or write does not compile', () => {
  const compiled = [reads, writes, more, relayed]
  expect(compiled.map((part) => typeof part)).toEqual(compiled.map(() => 'function'))
})
