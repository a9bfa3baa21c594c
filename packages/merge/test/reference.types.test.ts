import type { Collection, Readable, Tx } from '@syncline/stm'
import { expectTypeOf, test } from 'vitest'
import { collection, field, follow, group, optional, record, reference } from '../src/index.ts'

interface Person {
  readonly name: string
  readonly boss?: string
}
const people = collection('people', { name: '', boss: reference((): Collection<Person> => people) })
const boards = collection('boards', { size: 1 })
const cards = collection('cards', {
  title: '',
  other: optional<string>(),
  any: field<string | undefined>('x'),
  owner: reference(people),
  board: reference(boards, { onMissing: 'throw' }),
  editor: reference(people, { onMissing: { value: { name: 'nobody' } } }),
})
const desk = record('desk', { open: reference(cards) })
const view = group('view', { card: reference(() => cards) })
const reader = { get: <V>(readable: Readable<V>): V => readable.__value!() }

test('following a field gives what its member reads as, or what stands for it', () => {
  const card = cards.at('c')
  const said = () => ({
    owner: follow(reader, card, 'owner'),
    board: follow(reader, card, 'board'),
    editor: follow(reader, card, 'editor'),
    title: follow(reader, desk, 'open')?.title,
    inView: follow(reader, view, 'card')?.title,
    boss: follow(reader, people.at('p'), 'boss'),
  })
  type Said = ReturnType<typeof said>
  expectTypeOf<NonNullable<Said['owner']>['name']>().toEqualTypeOf<string>()
  expectTypeOf<undefined>().toMatchTypeOf<Said['owner']>()
  expectTypeOf<Said['board']>().toEqualTypeOf<{ readonly size: number } | undefined>()
  expectTypeOf<NonNullable<Said['editor']>['name']>().toEqualTypeOf<string>()
  expectTypeOf<Said['title']>().toEqualTypeOf<string | undefined>()
  expectTypeOf<Said['inView']>().toEqualTypeOf<string | undefined>()
  expectTypeOf<Said['boss']>().toEqualTypeOf<Person | undefined>()
})

/** Compiled and never run. */
export function wrong(tx: Tx): void {
  const card = cards.at('c')
  tx.patch(card, { owner: 'ada', board: undefined })
  tx.create(card, { title: '', owner: 'ada' })
  const owned: string | undefined = tx.get(card)?.owner
  tx.patch(card, { owner: owned })
  // @ts-expect-error -- no reference
  follow(tx, card, 'title')
  // @ts-expect-error -- a string of no collection
  follow(tx, card, 'other')
  // @ts-expect-error -- no reference
  follow(tx, card, 'any')
  // @ts-expect-error -- no such field
  follow(tx, card, 'typo')
  // @ts-expect-error -- a field of another collection
  follow(tx, people.at('a'), 'owner')
  // @ts-expect-error -- an id of another collection
  tx.patch(card, { owner: tx.get(card)?.board })
  // @ts-expect-error -- ids are strings
  tx.patch(card, { owner: 7 })
  // @ts-expect-error -- a record has no members
  reference(desk)
  // @ts-expect-error -- there is no such way
  reference(people, { onMissing: 'ignore' })
}
