import { collection, counter, list, lww, record } from '@syncline/merge'
import { StmError, type AnyRef, type StandardSchema, type Tx } from '@syncline/stm'
import { type as ark } from 'arktype'
import fc from 'fast-check'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { openStore, type Store } from '../src/index.ts'

/** A rule about a number, in words of a library and in the simplest words there are. */
interface NumberRule {
  readonly schema: StandardSchema<number>
  holds(value: number): boolean
}

/** Those of arktype are compiled, so each is made once. */
const arkRanges = new Map<string, StandardSchema<number>>()

function arkRange(low: number, high: number): StandardSchema<number> {
  const range = `${low} <= number <= ${high}`
  const known = arkRanges.get(range)
  if (known !== undefined) return known
  const made: StandardSchema<number> = ark(`${low} <= number <= ${high}`)
  arkRanges.set(range, made)
  return made
}

const lowest = fc.integer({ min: -3, max: 0 })
const highest = fc.integer({ min: 0, max: 3 })
const numberRule: fc.Arbitrary<NumberRule> = fc.oneof(
  fc.tuple(lowest, highest, fc.constantFrom('zod', 'valibot', 'arktype')).map(([low, high, library]): NumberRule => ({
    schema:
      library === 'zod'
        ? z.number().min(low).max(high)
        : library === 'valibot'
          ? v.pipe(v.number(), v.minValue(low), v.maxValue(high))
          : arkRange(low, high),
    holds: (value) => value >= low && value <= high,
  })),
  fc
    .tuple(fc.uniqueArray(fc.integer({ min: -4, max: 4 }), { maxLength: 5 }), fc.boolean())
    .map(([values, inZod]): NumberRule => {
      const allowed = [0, ...values]
      const literals = allowed.map((value) => z.literal(value))
      return {
        schema: inZod ? z.union(literals) : v.union(allowed.map((value) => v.literal(value))),
        holds: (value) => allowed.includes(value),
      }
    }),
  fc.integer({ min: 1, max: 3 }).map((of): NumberRule => ({
    schema: z.number().multipleOf(of),
    holds: (value) => value % of === 0,
  })),
)

/** The refs of one app, their rules, and the same refs as an app has them that knows no rules. */
const appOf = fc
  .record({ one: numberRule, sum: numberRule, item: numberRule, a: numberRule, b: numberRule, ordered: fc.boolean() })
  .map((rules) => {
    const pair = z
      .object({ a: asZod(rules.a), b: asZod(rules.b) })
      .refine(({ a, b }) => !rules.ordered || a <= b, { path: ['b'] })
    const holdsPair = ({ a, b }: { a: number; b: number }): boolean =>
      rules.a.holds(a) && rules.b.holds(b) && (!rules.ordered || a <= b)
    const items = z.array(asZod(rules.item)).max(3)
    return {
      one: lww('one', 0, { schema: rules.one.schema }),
      sum: counter('sum', { schema: rules.sum.schema, onConflict: 'merge' }),
      items: list('items', { schema: items }),
      pair: record('pair', { a: 0, b: 0 }, { schema: pair, onConflict: 'merge' }),
      pairs: collection('pairs', { a: 0, b: 0 }, { schema: pair }),
      holds: (ref: AnyRef, value: unknown): boolean => {
        if (value === undefined) return true
        switch (ref.address) {
          case 'one':
            return rules.one.holds(value as number)
          case 'sum':
            return rules.sum.holds(value as number)
          case 'items':
            return (value as number[]).length <= 3 && (value as number[]).every((item) => rules.item.holds(item))
          default:
            return holdsPair(value as { a: number; b: number })
        }
      },
    }
  })
type App = typeof appOf extends fc.Arbitrary<infer A> ? A : never

const loose = {
  one: lww('one', 0),
  sum: counter('sum', { onConflict: 'merge' }),
  items: list<number>('items'),
  pair: record('pair', { a: 0, b: 0 }, { onConflict: 'merge' }),
  pairs: collection('pairs', { a: 0, b: 0 }),
}
type Refs = Omit<App, 'holds'> | typeof loose

function asZod({ schema }: NumberRule): z.ZodType<number> {
  return z.custom<number>((value) => {
    const result = schema['~standard'].validate(value)
    return !('then' in result) && result.issues === undefined
  })
}

const value = fc.integer({ min: -4, max: 4 })
const write = fc.oneof(
  fc.record({ act: fc.constant('set' as const), value }),
  fc.record({ act: fc.constant('add' as const), value }),
  fc.record({ act: fc.constant('insert' as const), value }),
  fc.record({ act: fc.constant('remove' as const), value }),
  fc.record({ act: fc.constant('patch' as const), value, field: fc.constantFrom('a', 'b') }),
  fc.record({ act: fc.constant('create' as const), value, id: fc.constantFrom('x', 'y') }),
  fc.record({ act: fc.constant('change' as const), value, id: fc.constantFrom('x', 'y') }),
  fc.record({ act: fc.constant('commute' as const), value }),
  fc.record({ act: fc.constant('undone' as const), value }),
)
type Write = typeof write extends fc.Arbitrary<infer W> ? W : never
const step = fc.record({
  how: fc.constantFrom('sync', 'sync', 'independent', 'inside', 'async', 'loose'),
  writes: fc.array(write, { minLength: 1, maxLength: 4 }),
  others: fc.array(write, { maxLength: 3 }),
})

const undone = new Error('undone')

function perform(tx: Tx, refs: Refs, one: Write): void {
  const { value: n } = one
  switch (one.act) {
    case 'set':
      return tx.set(refs.one, n)
    case 'add':
      return tx.add(refs.sum, n)
    case 'insert':
      return tx.insert(refs.items, 0, n)
    case 'remove':
      if (tx.get(refs.items).length > 0) tx.remove(refs.items, 0, 1)
      return
    case 'patch':
      return tx.patch(refs.pair, { [one.field]: n })
    case 'create':
      if (tx.get(refs.pairs.at(one.id)) === undefined) tx.create(refs.pairs.at(one.id), { a: n })
      return
    case 'change':
      if (tx.get(refs.pairs.at(one.id)) === undefined) return
      return n === 0 ? tx.delete(refs.pairs.at(one.id)) : tx.patch(refs.pairs.at(one.id), { b: n })
    case 'commute':
      return tx.commute(refs.sum, { add: n })
    case 'undone':
      try {
        tx.savepoint((inner) => {
          inner.set(refs.one, n)
          throw undone
        })
      } catch (error) {
        if (error !== undone) throw error
      }
  }
}

test('[VD1] [VD3] [VD4] [VD7] no transaction makes an invalid state visible, whatever the schema and however it commits', async () => {
  const done = { committed: 0, refused: 0, merged: 0, states: 0, invalidMerges: 0 }
  await fc.assert(
    fc.asyncProperty(appOf, fc.array(step, { minLength: 8, maxLength: 24 }), async (app, steps) => {
      const store = await openStore({ space: 'board' })
      const refs: readonly AnyRef[] = [app.one, app.sum, app.items, app.pair, app.pairs.at('x'), app.pairs.at('y')]
      let isLoose = false
      const wrong: string[] = []
      for (const ref of refs) {
        store.changes(ref, ({ now: snapshot }) => {
          done.states += 1
          const holds = app.holds(ref, snapshot.get(ref))
          if (isLoose && !holds) done.invalidMerges += 1
          if (!isLoose && !holds) wrong.push(`${ref.address}: ${JSON.stringify(snapshot.get(ref))}`)
          // The typed read says of every state what the rule says.
          if (snapshot.read(ref).invalid === holds) wrong.push(`read of ${ref.address}`)
        })
      }
      for (const { how, writes, others } of steps) {
        isLoose = how === 'loose'
        await attempt(store, app, how, writes, others)
      }
      expect(wrong).toEqual([])
      await store.close()
    }),
    { seed: 1419, numRuns: process.env['SYNCLINE_LONG'] === '1' ? 5_000 : 80 },
  )
  expect(done.committed).toBeGreaterThan(150)
  expect(done.refused).toBeGreaterThan(150)
  expect(done.merged).toBeGreaterThan(40)
  expect(done.invalidMerges).toBeGreaterThan(30)
  expect(done.states).toBeGreaterThan(400)

  async function attempt(store: Store, app: App, how: string, writes: readonly Write[], others: readonly Write[]) {
    const before = store.snapshot
    const body = (tx: Tx): void => writes.forEach((one) => perform(tx, how === 'loose' ? loose : app, one))
    try {
      switch (how) {
        case 'independent':
          store.independent(body)
          break
        case 'inside':
          store.transact((tx) => {
            for (const one of others) perform(tx, app, one)
            try {
              store.independent(body)
            } catch (error) {
              if (codeOf(error) !== 'validation-failed') throw error
            }
          })
          break
        case 'async': {
          // Two that overlap: each is sound by itself, together they may not be.
          const runs = [writes, others].map((all) =>
            store.transactAsync(async (tx) => {
              for (const one of all) {
                perform(tx, app, one)
                await Promise.resolve()
              }
            }),
          )
          const ends = await Promise.allSettled(runs)
          for (const end of ends) {
            if (end.status === 'fulfilled') done.merged += 1
            else refusal(end.reason)
          }
          return
        }
        default:
          store.transact(body)
      }
      done.committed += 1
    } catch (error) {
      refusal(error)
      // Of those around it something may have been committed.
      if (how === 'sync' && store.snapshot !== before) throw new Error('A refused transaction left something.')
    }
  }

  function refusal(error: unknown): void {
    // Others than these are mistakes of this test.
    expect(['validation-failed', 'overtaken', 'commuted']).toContain(codeOf(error))
    if (codeOf(error) === 'validation-failed') done.refused += 1
  }
})

function codeOf(error: unknown): string | undefined {
  if (error instanceof StmError) return error.code
  throw error
}
