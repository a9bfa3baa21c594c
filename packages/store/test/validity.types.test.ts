import { collection, counter, list, lww, optional, place, record } from '@syncline/merge'
import type { Arbiter, Ref, Tx } from '@syncline/stm'
import { type as ark } from 'arktype'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { Store } from '../src/index.ts'

// The compiler is the test: each suppressed error must be one.

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_is: Same<A, B>): void => undefined

type Value<R> = R extends Ref<infer V, infer _W, infer _A> ? V : never
type Role = 'admin' | 'guest'

test('[VD9] the type of a ref follows from its schema', () => {
  const role = lww('role', 'guest', { schema: z.enum(['admin', 'guest']) })
  same<Value<typeof role>, Role>(true)
  const kind = lww('kind', 'guest', { schema: v.picklist(['admin', 'guest']) })
  same<Value<typeof kind>, Role>(true)
  const sort = lww('sort', 'guest', { schema: ark("'admin' | 'guest'") })
  same<Value<typeof sort>, Role>(true)
  const address = lww('address', null, { schema: z.object({ street: z.string() }).nullable(), arbiter: 'browser' })
  same<Value<typeof address>, { street: string } | null>(true)
  same<(typeof address)['arbiter'], 'browser'>(true)
  // What is stored is what goes into the schema.
  const size = lww('size', '1', { schema: z.string().transform(Number) })
  same<Value<typeof size>, string>(true)

  const tags = list('tags', { schema: z.array(z.enum(['red', 'blue'])) })
  same<Value<typeof tags>, readonly ('red' | 'blue')[]>(true)
  const votes = counter('votes', { schema: z.number().min(0) })
  same<Value<typeof votes>, number>(true)
  const plain = lww('plain', '')
  same<Value<typeof plain>, string>(true)
  const said = lww<string | null>('said', null, { maxBytes: 10 })
  same<Value<typeof said>, string | null>(true)

  const cards = collection(
    'cards',
    { status: 'todo', title: '', due: optional<string>(), at: place() },
    { schema: z.object({ status: z.enum(['todo', 'done']) }) },
  )
  const card = cards.at('a')
  type Card = NonNullable<Value<typeof card>>
  same<Card['status'], 'todo' | 'done'>(true)
  same<Card['title'], string>(true)
  same<Card['due'], string | undefined>(true)
  const settings = record('settings', { theme: 'light', zoom: 1 }, { schema: z.object({ theme: z.literal('light') }) })
  same<Value<typeof settings>['theme'], 'light'>(true)
  same<Value<typeof settings>['zoom'], number>(true)

  const writes = (tx: Tx, store: Store): void => {
    tx.set(role, 'admin')
    tx.patch(card, { status: 'done', title: 'x' })
    tx.insert(tags, 0, ['red'])
    tx.move(card, cards.list('todo'))
    const reading = store.read(role)
    if (!reading.invalid) same<typeof reading.value, Role>(true)
    else same<typeof reading.raw, unknown>(true)
    // @ts-expect-error -- not one of the roles
    tx.set(role, 'owner')
    // @ts-expect-error -- not one of the states
    tx.patch(card, { status: 'doing' })
    // @ts-expect-error -- no such colour
    tx.insert(tags, 0, ['green'])
    // @ts-expect-error -- the value may not be there to read: it may be invalid
    void reading.value.length
    // @ts-expect-error -- a browser ref in a sync body
    tx.set(address, null)
  }
  // @ts-expect-error -- begins with what the schema does not take
  expect(() => lww('role', 'owner', { schema: z.enum(['admin', 'guest']) })).toThrow('initial value')
  // @ts-expect-error -- not a schema
  expect(() => lww('role', 'owner', { schema: /owner/ })).toThrow('The schema of "role" is none')
  const arbiters: readonly Arbiter[] = [role.arbiter, address.arbiter]
  expect([arbiters, writes.length]).toEqual([['local', 'browser'], 2])
})
