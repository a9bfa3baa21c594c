import type { Place, Readable, Ref, Tx } from '@syncline/stm'
import { expectTypeOf, test } from 'vitest'
import {
  collection,
  count,
  counter,
  field,
  json,
  list,
  lww,
  optional,
  place,
  record,
  type LwwWrites,
  type RecordValue,
} from '../src/index.ts'

type ValueOf<R> = R extends Readable<infer V> ? V : never

const fields = {
  title: '',
  done: false,
  size: 1,
  due: optional<string>(),
  votes: count(),
  at: place(),
  tags: field<readonly string[]>([]),
}
const cards = collection('cards', fields)
const settings = record('settings', { theme: 'light', zoom: 1, last: optional<number>(), starts: count() })
const title = lww('title', '')
const votes = counter('votes')
const steps = list<string>('steps')
const mode = lww<'light' | 'dark'>('mode', 'light')
const sides = list<'left' | 'right'>('sides')
const pairs = list<readonly [number, number]>('pairs')

interface Card {
  readonly title: string
  readonly done: boolean
  readonly size: number
  readonly votes: number
  readonly tags: readonly string[]
  readonly due?: string
  readonly at?: Place
}

test('values are inferred from what a ref starts with', () => {
  expectTypeOf<ValueOf<typeof title>>().toEqualTypeOf<string>()
  const zero = lww('n', 0)
  expectTypeOf<ValueOf<typeof zero>>().toEqualTypeOf<number>()
  const no = lww('b', false)
  expectTypeOf<ValueOf<typeof no>>().toEqualTypeOf<boolean>()
  const owner = lww<string | null>('owner', null)
  expectTypeOf<ValueOf<typeof owner>>().toEqualTypeOf<string | null>()
  expectTypeOf<ValueOf<typeof votes>>().toEqualTypeOf<number>()
  expectTypeOf<ValueOf<typeof steps>>().toEqualTypeOf<readonly string[]>()
  expectTypeOf<ValueOf<typeof settings>>().toEqualTypeOf<{
    readonly theme: string
    readonly zoom: number
    readonly starts: number
    readonly last?: number
  }>()
})

test('a type argument says the value, and the options say the arbiter', () => {
  const seat = lww<string | null>('seat', null, { arbiter: 'relay' })
  expectTypeOf<typeof seat>().toEqualTypeOf<Ref<string | null, LwwWrites<string | null>, 'relay'>>()
  const draft = lww('draft', '', { arbiter: 'browser', onConflict: 'merge' })
  expectTypeOf<typeof draft>().toEqualTypeOf<Ref<string, LwwWrites<string>, 'browser'>>()
  const plain = lww('plain', 0, { onConflict: 'merge' })
  expectTypeOf<typeof plain>().toEqualTypeOf<Ref<number, LwwWrites<number>>>()
  const queue = list<number>('queue', { arbiter: 'relay' })
  expectTypeOf(queue.arbiter).toEqualTypeOf<'relay'>()
  const said = lww<string, 'browser'>('said', '', { arbiter: 'browser' })
  expectTypeOf(said.arbiter).toEqualTypeOf<'browser'>()
  const rooms = collection('rooms', { name: '' }, { arbiter: 'relay' })
  expectTypeOf(rooms.at('a').arbiter).toEqualTypeOf<'relay'>()
  expectTypeOf(record('limits', { most: 1 }, { arbiter: 'browser' }).arbiter).toEqualTypeOf<'browser'>()
  expectTypeOf(counter('stock', { arbiter: 'relay' }).arbiter).toEqualTypeOf<'relay'>()
})

/** Compiled and never run: refs that make no sense. */
export function makes(): void {
  // @ts-expect-error -- there is no such arbiter
  lww('x', '', { arbiter: 'server' })
  // @ts-expect-error -- a conflict is merged, or the body runs again
  lww('x', '', { onConflict: 'ask' })
  // @ts-expect-error -- the type says more than the initial value is
  lww<'a' | 'b'>('x', 'c', { arbiter: 'relay' })
  // @ts-expect-error -- no such option
  counter('x', { arbitre: 'relay' })
  // @ts-expect-error -- options come last
  collection('x', { arbiter: 'relay' }, { title: '' })
  // @ts-expect-error -- a delete wins or yields
  collection('x', { title: '' }, { onConcurrentEdit: 'ask' })
  // @ts-expect-error -- a record is never deleted
  record('x', { title: '' }, { onConcurrentEdit: 'keep' })
}

test('nested data reads and is written as the type of what it starts with', () => {
  interface Look {
    readonly color: string
    readonly size?: { readonly w: number }
  }
  const looks = collection('looks', { look: json<Look>({ color: 'red' }), free: json({ a: 1 }) })
  const member = looks.at('a')
  expectTypeOf<NonNullable<ValueOf<typeof member>>>().toEqualTypeOf<{
    readonly look: Look
    readonly free: { a: number }
  }>()
  const wrong = (tx: Tx): void => {
    tx.patch(member, { look: { color: 'blue', size: { w: 1 } } })
    // @ts-expect-error -- not what the field holds
    tx.patch(member, { look: { color: 7 } })
  }
  expectTypeOf(wrong).toBeFunction()
})

test('members read as declared, or undefined', () => {
  expectTypeOf<RecordValue<typeof fields>>().toEqualTypeOf<Card>()
  const member = cards.at('a')
  expectTypeOf<ValueOf<typeof member>>().toEqualTypeOf<Card | undefined>()
  expectTypeOf<ValueOf<typeof cards>>().toEqualTypeOf<readonly string[]>()
  const view = cards.list('todo')
  expectTypeOf<ValueOf<typeof view>>().toEqualTypeOf<readonly string[]>()
})

/** Compiled and never run: a transaction that uses refs as they are meant, and as they are not. */
export function writes(tx: Tx): void {
  tx.set(title, 'new')
  tx.set(lww<string | null>('owner', null), 'me')
  tx.add(votes, 1)
  tx.set(settings, { theme: 'dark', zoom: 2, starts: 0 })
  tx.patch(settings, { last: undefined, zoom: 3 })
  tx.add(settings, 1, 'starts')
  tx.create(cards.at('a'), {})
  tx.create(cards.at('a'), { title: 'x', due: 'now', tags: ['a'] })
  tx.update(cards.at('a'), (card) => ({ ...card, title: card.title.toUpperCase() }))
  tx.delete(cards.at('a'))
  tx.insert(steps, 0, 'one')
  tx.insert(steps, 0, ['one', 'two'])
  tx.insert(pairs, 0, [[1, 2]])
  tx.remove(steps, 0, 1)
  tx.reorder(steps, 0, 1)
  tx.set(steps, ['x'])
  tx.set(mode, 'dark')
  tx.insert(sides, 0, ['left', 'right'])
  tx.insert(sides, 0, 'left')

  // @ts-expect-error a type of the ref is not widened by what is written
  tx.set(mode, 'blue')
  // @ts-expect-error nor by what an update gives
  tx.update(mode, () => 'blue')
  // @ts-expect-error nor by an item
  tx.insert(sides, 0, ['left', 'top'])
  // @ts-expect-error a register of strings takes no number
  tx.set(title, 5)
  // @ts-expect-error a register has no addition
  tx.add(title, 1)
  // @ts-expect-error a counter is not set
  tx.set(votes, 5)
  // @ts-expect-error a misspelled field
  tx.patch(settings, { them: 'dark' })
  // @ts-expect-error a field of another type
  tx.patch(settings, { theme: 1 })
  // @ts-expect-error counts are written by add
  tx.patch(settings, { starts: 1 })
  // @ts-expect-error a record is set as a whole
  tx.set(settings, { theme: 'dark' })
  // @ts-expect-error a record always exists
  tx.delete(settings)
  // @ts-expect-error a record is not created
  tx.create(settings, {})
  // @ts-expect-error counts start at 0
  tx.create(cards.at('a'), { votes: 1 })
  // @ts-expect-error places are given by move
  tx.create(cards.at('a'), { at: { parent: '', key: 'a0' } })
  // @ts-expect-error a member may be absent
  tx.get(cards.at('a')).title.trim()
  // @ts-expect-error a list of strings takes no numbers
  tx.insert(steps, 0, 5)
  // @ts-expect-error one item that is an array is inserted in an array
  tx.insert(pairs, 0, [1, 2])
  // @ts-expect-error what was read is not changed in place
  tx.get(settings).theme = 'dark'
  // @ts-expect-error fields are declared by literals or fields, not by other values
  record('x', { tags: [] })
  // @ts-expect-error this field is no place
  cards.list('todo', 'title')
}

test('a ref of one value is no ref of another', () => {
  expectTypeOf<typeof title>().not.toExtend<Ref<number, { set: number }>>()
  expectTypeOf<typeof votes>().not.toExtend<Ref<number, { set: number }>>()
})
