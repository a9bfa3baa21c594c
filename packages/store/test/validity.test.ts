import { collection, count, counter, list, lww, optional, place, record } from '@syncline/merge'
import { StmError, type CellKey, type RefIssue, type StandardSchema } from '@syncline/stm'
import { type as ark } from 'arktype'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { memoryStorage, openStore, type Store, type Violation } from '../src/index.ts'
import { createWorld } from './world.ts'

async function open(storage = memoryStorage()): Promise<Store> {
  return openStore({ space: 'board', storage })
}

function errorOf(act: () => unknown): StmError {
  try {
    act()
  } catch (error) {
    if (error instanceof StmError) return error
    throw error
  }
  throw new Error('It should have thrown.')
}

/** The same rule, said in three libraries: an object with a short title and a list of tags. */
const libraries: readonly (readonly [string, StandardSchema<{ title: string; tags: string[] }>])[] = [
  ['zod', z.object({ title: z.string().max(5), tags: z.array(z.string().min(1)) })],
  [
    'valibot',
    v.object({ title: v.pipe(v.string(), v.maxLength(5)), tags: v.array(v.pipe(v.string(), v.minLength(1))) }),
  ],
  ['arktype', ark({ title: 'string <= 5', tags: '(string >= 1)[]' })],
]

for (const [name, schema] of libraries) {
  test(`[VD1] [VD4] a schema of ${name} judges what transactions leave, and what merges have left`, async () => {
    const card = lww('card', { title: '', tags: [] }, { schema })
    // The same register as somebody has it who knows of no schema.
    const bare = lww<unknown>('card', null)
    const store = await open()
    store.transact((tx) => tx.set(card, { title: 'short', tags: ['a'] }))
    expect(store.read(card)).toEqual({ invalid: false, value: { title: 'short', tags: ['a'] } })

    const before = store.snapshot
    const error = errorOf(() => store.transact((tx) => tx.set(card, { title: 'much too long', tags: ['a', ''] })))
    expect([error.code, error.refs]).toEqual(['validation-failed', [card.key]])
    // Which comes first is up to the library.
    expect(error.issues?.map(({ ref, path }) => `${ref}: ${path.join('.')}`).sort()).toEqual([
      'lww card: tags.1',
      'lww card: title',
    ])
    expect(error.message).toMatch(/"card" \((title|tags\[1\]): /)
    expect(store.snapshot).toBe(before)

    store.transact((tx) => tx.set(bare, { title: 'much too long', tags: [] }))
    expect(store.get(card)).toEqual({ title: 'much too long', tags: [] })
    const reading = store.read(card)
    expect(reading).toMatchObject({ invalid: true, raw: { title: 'much too long', tags: [] } })
    expect(reading.invalid && reading.issues.map(({ path }) => path)).toEqual([['title']])
    await store.close()
  })
}

const email = lww('email', null, { schema: z.email().nullable() })

test('[VD1] values in between are free, also in savepoints; the last ones count, in all ways to commit', async () => {
  const store = await open()
  store.transact((tx) => {
    tx.set(email, 'a')
    tx.savepoint((inner) => inner.set(email, 'a@'))
    tx.set(email, 'a@b.org')
  })
  expect(store.get(email)).toBe('a@b.org')

  const before = store.snapshot
  const bad = (tx: { set(ref: typeof email, value: string): void }): void => tx.set(email, 'nobody')
  const refusals = [
    errorOf(() => store.transact(bad)),
    errorOf(() => store.independent(bad)),
    errorOf(() => store.transact((tx) => tx.savepoint(bad))),
    errorOf(() => store.transact((tx) => tx.commute(email, () => 'nobody'))),
    await store.transactAsync(bad).catch((error: unknown) => error),
    await store
      .transactAsync(async (tx) => {
        await tx.savepoint(async (inner) => bad(inner))
      })
      .catch((error: unknown) => error),
  ]
  expect(refusals.map((error) => (error as StmError).code)).toEqual(refusals.map(() => 'validation-failed'))
  expect(store.snapshot).toBe(before)
  // A savepoint that throws takes its invalid writes with it.
  store.transact((tx) => {
    tx.set(email, 'c@d.org')
    expect(() =>
      tx.savepoint((inner) => {
        bad(inner)
        throw new Error('no')
      }),
    ).toThrow('no')
  })
  expect(store.get(email)).toBe('c@d.org')
  await store.close()
})

test('[VD1] a refused transaction leaves nothing: not in memory, in the log, for listeners, and no seq is used up', async () => {
  const storage = memoryStorage()
  const store = await open(storage)
  const votes = counter('votes', { schema: z.number().max(2) })
  const other = lww('other', 0)
  await store.transact((tx) => tx.add(votes, 2)).durable()
  let told = 0
  store.changes([votes, other], () => (told += 1))
  const error = errorOf(() =>
    store.transact((tx) => {
      tx.set(other, 1)
      tx.effect('ring')
      tx.add(votes, 1)
    }),
  )
  expect([error.code, error.refs, told]).toEqual(['validation-failed', [votes.key], 0])
  expect([store.get(votes), store.get(other), store.status.unsaved, store.status.pending]).toEqual([2, 0, 0, 1])
  expect(store.transact((tx) => tx.set(other, 5)).change?.seq).toBe(2)
  await store.close()
  const again = await open(storage)
  expect([again.get(votes), again.get(other)]).toEqual([2, 5])
  await again.close()
})

test('[VD1] all refs that are invalid are named, each with its places', async () => {
  const store = await open()
  const tags = list('tags', { schema: z.array(z.string().max(3)) })
  const error = errorOf(() =>
    store.transact((tx) => {
      tx.insert(tags, 0, ['yes', 'much'])
      tx.set(email, 'nobody')
    }),
  )
  const places = error.issues?.map(({ ref, path }: RefIssue): [CellKey, RefIssue['path']] => [ref, path])
  expect(places).toEqual([
    [tags.key, [1]],
    [email.key, []],
  ])
  await store.close()
})

test('[VD1] what a ref begins with is judged when the ref is made; members begin when they are created', async () => {
  expect(errorOf(() => lww('email', '', { schema: z.email() }))).toMatchObject({
    code: 'validation-failed',
    refs: ['lww email'],
  })
  expect(errorOf(() => counter('votes', { schema: z.number().min(1) })).code).toBe('validation-failed')
  expect(errorOf(() => record('a', { n: 0 }, { schema: z.object({ n: z.number().min(1) }) })).code).toBe(
    'validation-failed',
  )
  const people = collection('people', { name: '' }, { schema: z.object({ name: z.string().min(1) }) })
  const store = await open()
  expect(errorOf(() => store.transact((tx) => tx.create(people.at('a'), {}))).issues).toMatchObject([
    { ref: people.at('a').key, path: ['name'] },
  ])
  store.transact((tx) => tx.create(people.at('a'), { name: 'Ada' }))
  expect(errorOf(() => store.transact((tx) => tx.patch(people.at('a'), { name: '' }))).code).toBe('validation-failed')
  store.transact((tx) => {
    tx.patch(people.at('a'), { name: '' })
    // What is gone is not judged.
    tx.delete(people.at('a'))
  })
  expect(store.get(people)).toEqual([])
  expect(store.read(people.at('a'))).toEqual({ invalid: false, value: undefined })
  await store.close()
})

test('[VD2] a schema does not change what was written', async () => {
  const store = await open()
  const name = lww('name', '', { schema: z.string().trim().max(5) })
  const size = lww('size', '1', { schema: z.string().transform(Number) })
  const card = record('card', { a: 1, b: 2 }, { schema: z.object({ a: z.number() }) })
  store.transact((tx) => {
    tx.set(name, '  ab  ')
    tx.set(size, '42')
    tx.patch(card, { b: 3 })
  })
  expect([store.get(name), store.get(size), store.get(card)]).toEqual(['  ab  ', '42', { a: 1, b: 3 }])
  expect(store.read(size)).toEqual({ invalid: false, value: '42' })
  await store.close()
})

test('[VD3] what a transaction leaves as it was is not judged', async () => {
  const store = await open()
  const loose = lww<unknown>('email', null)
  const other = lww('other', 0)
  store.transact((tx) => tx.set(loose, 'nobody'))
  expect(store.read(email)).toMatchObject({ invalid: true, raw: 'nobody' })
  store.transact((tx) => {
    tx.set(email, 'a@b.org')
    tx.set(email, 'nobody')
    tx.set(other, 1)
  })
  expect(store.get(other)).toBe(1)
  expect(errorOf(() => store.transact((tx) => tx.set(email, 'nobody else'))).code).toBe('validation-failed')
  store.transact((tx) => tx.set(email, 'a@b.org'))
  expect(store.read(email)).toEqual({ invalid: false, value: 'a@b.org' })
  await store.close()
})

test('[VD5] a schema that answers with a promise is refused, one that throws makes its value invalid', async () => {
  const store = await open()
  expect(errorOf(() => lww('slow', '', { schema: z.string().refine(async () => true) })).code).toBe('async-schema')
  const people = collection(
    'people',
    { name: '' },
    {
      schema: v.objectAsync({
        name: v.pipeAsync(
          v.string(),
          v.checkAsync(() => Promise.reject(new Error('late'))),
        ),
      }),
    },
  )
  expect(errorOf(() => store.transact((tx) => tx.create(people.at('a'), { name: 'A' }))).code).toBe('async-schema')
  const validate = (value: unknown): { readonly value: number } => {
    if (value === 2) throw new TypeError('cannot tell')
    return { value: 0 }
  }
  const brittle: StandardSchema<number> = { '~standard': { version: 1, vendor: 'us', validate } }
  const broken = lww('broken', 0, { schema: brittle })
  expect(errorOf(() => store.transact((tx) => tx.set(broken, 2))).issues).toEqual([
    { ref: broken.key, message: 'The schema threw: cannot tell', path: [] },
  ])
  expect(store.get(people)).toEqual([])
  // What is there already throws at nobody.
  store.transact((tx) => {
    tx.create(collection('people', { name: '' }).at('a'), { name: 'A' })
    tx.set(lww('broken', 0), 2)
  })
  for (const ref of [people.at('a'), broken]) {
    expect(store.read<unknown>(ref)).toMatchObject({
      invalid: true,
      raw: store.get<unknown>(ref),
      issues: [{ path: [] }],
    })
  }
  let told = 0
  store.onViolation([people, broken], () => (told += 1))
  expect(told).toBe(2)
  await store.close()
})

test('[VD6] a value that would take more than maxBytes is refused, exactly from there on', async () => {
  const store = await open()
  // A string takes two bytes beside its own, up to 127 of them.
  const title = lww('title', 'as long as it likes', { maxBytes: 12 })
  store.transact((tx) => tx.set(title, 'x'.repeat(10)))
  const error = errorOf(() => store.transact((tx) => tx.set(title, 'ä'.repeat(6))))
  expect([error.code, error.refs]).toEqual(['too-large-for-ref', [title.key]])
  expect(error.message).toContain('would take 14 bytes and may take 12')
  store.transact((tx) => tx.set(title, 'ä'.repeat(5)))

  const cards = collection(
    'cards',
    { title: '', tags: optional<readonly string[]>(), votes: count() },
    { maxBytes: 40 },
  )
  store.transact((tx) => {
    tx.create(cards.at('a'), { title: 'x'.repeat(10) })
    tx.create(cards.at('b'), { title: 'x'.repeat(10) })
  })
  // Each by itself is small enough; one more field is too much.
  const failing = errorOf(() =>
    store.transact((tx) => {
      tx.patch(cards.at('b'), { title: '' })
      tx.patch(cards.at('a'), { tags: ['one more', 'and another'] })
    }),
  )
  expect([failing.code, failing.refs]).toEqual(['too-large-for-ref', [cards.at('a').key]])
  expect(store.get(cards.at('b'))?.title).toBe('x'.repeat(10))

  const steps = list<string>('steps', { maxBytes: 20 })
  store.transact((tx) => tx.insert(steps, 0, ['one', 'two', 'three']))
  expect(errorOf(() => store.transact((tx) => tx.insert(steps, 0, 'four'))).code).toBe('too-large-for-ref')
  store.transact((tx) => {
    tx.insert(steps, 0, 'four')
    tx.remove(steps, 1, 1)
  })
  expect(store.get(steps)).toEqual(['four', 'two', 'three'])
  await store.close()
})

test('[VD8] options that make no sense are refused', () => {
  for (const maxBytes of [0, -1, 1.5, NaN]) {
    expect(errorOf(() => lww('a', '', { maxBytes })).code).toBe('invalid-options')
  }
  // What a compiler would not let pass.
  const wrong = { schema: { parse: () => 1 } as never }
  expect(errorOf(() => collection('a', { title: '' }, wrong)).code).toBe('invalid-options')
  const options = { maxBytes: 10 }
  const ref = lww('a', '', options)
  expect(Object.isFrozen(ref.options)).toBe(true)
  expect(Object.isFrozen(options)).toBe(false)
})

test('[VD20] [VD21] a merge that leaves what is forbidden is taken, and told once, as is the end of it', async () => {
  const world = await createWorld(41)
  const people = collection(
    'people',
    { name: '', at: place() },
    { schema: z.object({ name: z.string().max(5) }), maxBytes: 40 },
  )
  const loose = collection('people', { name: '', at: place() })
  const [mine, theirs] = [await world.open({ transport: world.wire() }), await world.open({ transport: world.wire() })]
  await world.clock.pass(100)
  const heard: unknown[] = []
  const seen: string[] = []
  mine.changes(people, () => seen.push('members'))
  const stop = mine.onViolation([people], (violation: Violation) => {
    seen.push('violation')
    heard.push([violation.ref.address, violation.rule, violation.isOver, violation.issues.map(({ path }) => path)])
  })
  const told = async (act: Parameters<Store['transact']>[0]): Promise<unknown> => {
    heard.length = 0
    await theirs.transact(act).synced()
    await world.clock.pass(100)
    return [...heard]
  }
  const start = theirs.transact((tx) => tx.create(loose.at('a'), { name: 'Ada' }))
  await world.clock.pass(100)
  await start.synced()

  const write = async (name: string): Promise<unknown> => {
    const done = told((tx) => tx.patch(loose.at('a'), { name }))
    await world.clock.pass(200)
    return done
  }
  expect(await write('Augusta')).toEqual([['people/a', 'schema', false, [['name']]]])
  expect(mine.read(people.at('a'))).toMatchObject({ invalid: true, raw: { name: 'Augusta' } })
  // Still invalid: nothing new.
  expect(await write('Augusta Ada')).toEqual([])
  expect(await write('x'.repeat(60))).toEqual([['people/a', 'maxBytes', false, [[]]]])
  expect(await write('Ada')).toEqual([
    ['people/a', 'schema', true, []],
    ['people/a', 'maxBytes', true, []],
  ])
  expect(await write('Augusta')).toHaveLength(1)
  // Who subscribes now is told at once.
  const late: string[] = []
  mine.onViolation(people.at('a'), ({ rule }) => late.push(rule))()
  expect(late).toEqual(['schema'])
  // Mended here.
  heard.length = 0
  mine.transact((tx) => tx.patch(people.at('a'), { name: 'Ada' }))
  expect(heard).toEqual([['people/a', 'schema', true, []]])
  stop()
  expect(await write('Augusta')).toEqual([])
  // Those who watch are told first.
  expect(seen.slice(0, 2)).toEqual(['members', 'violation'])
  await world.close()
})

test('[VD20] a violation listener that throws is reported and harms nobody; one that commits mends in order', async () => {
  const errors: unknown[] = []
  const store = await openStore({ space: 'board', onError: (error) => errors.push(error) })
  const loose = lww<unknown>('email', null)
  const heard: unknown[] = []
  store.onViolation(email, () => {
    throw new Error('mine')
  })
  store.onViolation(email, ({ isOver, raw }) => {
    heard.push([isOver, raw])
    if (!isOver) store.transact((tx) => tx.set(email, null))
  })
  const states: unknown[] = []
  store.changes(email, ({ value }) => states.push(value))
  store.transact((tx) => tx.set(loose, 'nobody'))
  expect(states).toEqual(['nobody', null])
  expect(heard).toEqual([
    [false, 'nobody'],
    [true, null],
  ])
  expect(errors.map(String)).toEqual(['Error: mine', 'Error: mine'])
  await store.close()
})
