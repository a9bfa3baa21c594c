import { emptyBasis, type Change, type Value } from '@syncline/stm'
import { describe, expect, test } from 'vitest'
import {
  asleepOf,
  asleepMissing,
  encodeValue,
  noSleeping,
  noteSleeping,
  pendingIn,
  spareWith,
  type AsleepPending,
  type KeptPending,
  type KeptRun,
  type SleepingParts,
  type SpareAsleep,
} from '../src/index.ts'
import { codeOf } from './attempt.ts'

const A = '000102030405060708090a0b0c0d0e0f'

const change: Change = {
  writer: A,
  seq: 3,
  deps: emptyBasis,
  at: 7,
  ops: [{ tag: 'lww', address: 'title', arbiter: 'local', payload: [0, 'Plan'] }],
  effects: [],
  meta: null,
}
const kept: KeptPending = [new Uint8Array([1, 2, 3]), new Uint8Array([4]), [[A, 2]]]
const run: KeptRun = {
  run: [
    { change, inverse: null },
    { change: { ...change, seq: 4, at: 9 }, inverse: [1, 's'] },
  ],
}

/** What is made where a checkpoint has these parts, in any order. */
function missing(
  parts: SleepingParts | undefined,
  lists: readonly (readonly [part: number, list: AsleepPending])[],
  spare: SpareAsleep | undefined,
): ReturnType<typeof asleepMissing> {
  const sleeping = noSleeping()
  if (spare !== undefined) noteSleeping(sleeping, 12, ['spare', spare])
  for (const [part, list] of lists.toReversed()) noteSleeping(sleeping, part, ['asleep', list])
  noteSleeping(sleeping, 1, ['directory', { entries: 9, lastOfCells: 1, portions: [], asleep: parts }])
  return asleepMissing(sleeping)
}

describe('pending Changes that are asleep', () => {
  test('[EN8] are in order what they were, with how many they are', () => {
    for (const items of [[], [kept], [run], [run, kept, run], [kept, kept]]) {
      const list = asleepOf(items)
      expect(list[0]).toBe(items.reduce((sum, one) => sum + ('run' in one ? one.run.length : 1), 0))
      expect(pendingIn(list)).toEqual(items)
    }
  })

  test('[EN8] as an older version wrote them are read', () => {
    expect(pendingIn([2, encodeValue([kept, kept] as readonly Value[])])).toEqual([kept, kept])
  })

  test.each<[string, AsleepPending]>([
    ['fewer than it says', [2, asleepOf([kept])[1], 1]],
    ['fewer than it says, of an older version', [2, encodeValue([kept] as readonly Value[])]],
    ['an item of no form', [1, new Uint8Array([1, 9, 0, 0, 0]), 1]],
    ['more than its items', [1, new Uint8Array([...asleepOf([kept])[1], 0]), 1]],
    ['something else, of an older version', [1, encodeValue([[1]])]],
  ])('[EN8] of %s are no list', (_, list) => {
    expect(codeOf(() => pendingIn(list))).toBe('malformed')
  })

  test('[EN11] any list that is not there is made again of the others and the spare', () => {
    const older: AsleepPending = [2, encodeValue([kept, kept] as readonly Value[])]
    for (const lists of [[asleepOf([run])], [older], [asleepOf([run, kept]), older, asleepOf([]), asleepOf([kept])]]) {
      const spare = lists.reduce((before: SpareAsleep | undefined, list) => spareWith(before, list), undefined)!
      const parts = [7, lists.length + 1, 0, []] as const
      const all = lists.map((list, i) => [7 + i, list] as const)
      all.forEach((one, i) => expect(missing(parts, all.toSpliced(i, 1), spare)).toEqual(one))
      // Nothing is to be made, or nothing can be.
      expect(missing(parts, all, spare)).toBeUndefined()
      expect(missing(parts, all.slice(1), undefined)).toBeUndefined()
      expect(missing(undefined, [], spare)).toBeUndefined()
      expect(missing(parts, all.slice(2), spare)).toEqual(all.length > 1 ? undefined : all[0])
    }
  })

  test('[EN8] that end too early are no list', () => {
    const [count, list] = asleepOf([run, kept])
    for (let length = 0; length < list.length; length++) {
      expect(codeOf(() => pendingIn([count, list.slice(0, length), 1]))).toMatch(/truncated|malformed/)
    }
  })
})
