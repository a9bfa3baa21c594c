import { cellsOfRows, columnsIn, type DistilledRows, type Stamp, type Value } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { collection, count, optional } from '../src/index.ts'
import { canonical } from './replica.ts'

const cards = collection('cards', { title: '', due: 0, done: false })
/** Another app's declaration of the same collection, which sees all that the rows can have. */
const all = {
  title: '',
  title0: '',
  due0: optional(),
  done0: false,
  a0: '',
  b0: 7,
  title1: '',
  due1: 0,
  done1: false,
  a1: optional(),
  b1: '',
  title2: '',
  due2: 0,
  done2: false,
  a2: '',
  b2: '',
  votes: count(),
}
const wide = collection('cards', all)
const odd = collection('cards', { ...all, ['__proto__']: 'p' })
const { policy } = cards

const isLong = process.env['SYNCLINE_LONG'] === '1'

const scalar = fc.oneof(fc.string(), fc.boolean(), fc.integer(), fc.constant(null))
/** Mostly an entry that sets a register; also one that clears, adds or places, which no scalar can. */
const entry = fc.tuple(
  fc.constantFrom<Value>(0, 0, 0, 0, 1, 2, 3, 9),
  fc.constantFrom('title', 'due', 'done', 'a', 'b'),
)
const operation = fc.tuple(
  fc.constantFrom(1, 2, 2, 2, 3),
  fc.constantFrom<Value>(1, 1, 1, 2, 0, 'x'),
  fc.array(entry, { maxLength: 3 }),
)

/** The shape of a row, as well as of what none is. */
const shape = fc
  .tuple(fc.boolean(), fc.array(operation, { minLength: 1, maxLength: 3 }))
  .map(([isUsual, all]) =>
    all.map(([kind, incarnation, entries], i) => [
      isUsual ? (i === 0 ? 1 : 2) : kind,
      isUsual ? 1 : incarnation,
      ...entries.flatMap(([which, name]): Value[] => [isUsual ? 0 : which, isUsual ? `${name}${i}` : name, null]),
    ]),
  )

const rows: fc.Arbitrary<DistilledRows> = fc.tuple(shape, fc.integer({ min: 0, max: 3 })).chain(([like, count]) => {
  const list = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(of, { minLength: count, maxLength: count })
  const width = like.reduce((sum, { length }) => sum + [...columnsIn(length)].length, 0)
  const stamps: fc.Arbitrary<Stamp[]> = list(
    fc.record({ at: fc.integer({ min: 1, max: 9 }), writer: fc.constantFrom('0a', '0b') }),
  )
  return fc.record({
    tag: fc.constant('record'),
    arbiter: fc.constant('local' as const),
    prefix: fc.constant('cards/'),
    ids: fc.constant(Array.from({ length: count }, (_, i) => `${i}`)),
    like: fc.constant(like),
    stamps: fc.tuple(
      ...like.map((_, op) => stamps.map((all) => all.map(({ at, writer }) => ({ at: at + op * 10, writer })))),
    ),
    columns: fc.array(list(scalar), { minLength: width, maxLength: width }),
  })
})

test('[DS3] the states that rows make are those that their operations make', () => {
  let [born, valued] = [0, 0]
  fc.assert(
    fc.property(rows, fc.constantFrom(undefined, cards.spec, wide.spec, wide.spec, wide.spec, odd.spec), (of, spec) => {
      const made = policy.born!(of, spec)
      if (made === undefined) return
      const states = of.ids.map((_, row): unknown => made.state(row))
      const applied = [...cellsOfRows(of)].map(({ ops }) => {
        let state: unknown
        for (const { payload, stamp } of ops) state = policy.apply(state, payload, stamp)
        return state
      })
      expect(states.map(canonical)).toEqual(applied.map(canonical))
      expect(states.every((state) => policy.exists!(state))).toBe(true)
      born += states.length
      for (const read of [cards.spec, wide.spec, odd.spec]) {
        const [values, all] = [states, applied].map((some) =>
          some.map((state): unknown => policy.read(state, { address: 'cards/a', spec: read })),
        )
        expect(values).toEqual(all)
        expect(values!.map((value) => Object.keys(value as object))).toEqual(
          all!.map((value) => Object.keys(value as object)),
        )
        if (read !== spec || made.value === undefined) continue
        expect(values!.every((value, row) => Object.is(value, made.value!(row)) && Object.isFrozen(value))).toBe(true)
        valued += states.length
      }
    }),
    { seed: 20_262, numRuns: isLong ? 50_000 : 500 },
  )
  expect(born).toBeGreaterThan(100)
  expect(valued).toBeGreaterThan(100)
})
