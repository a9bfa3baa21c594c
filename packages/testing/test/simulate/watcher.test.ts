import type { RefusedChange } from '@syncline/store'
import type { Snapshot } from '@syncline/stm'
import { expect, test } from 'vitest'
import { probeOf, type Mark, type Probe } from '../../src/simulate/probes.ts'
import { createWatcher, type WatcherSide } from '../../src/simulate/watcher.ts'

const sessions = ['browser 1/tab 1', 'browser 1/tab 2'] as const
const [ann, bob] = sessions

/** What a tab shows of each session: how many Changes, and the mark of the newest. */
type Shown = Readonly<Partial<Record<(typeof sessions)[number], Partial<Mark['latest']> & { readonly count: number }>>>

/** A tab that sees one thing after the other; what has fallen by then, and what it lists, is up to the test. Says what was wrong with each. */
function watch(side: Partial<WatcherSide>, ...shown: readonly Shown[]): readonly (string | undefined)[] {
  const probes = new Map(sessions.map((session) => [session as string, probeOf(session)]))
  let found: string | undefined
  const watcher = createWatcher('somebody', {
    probes,
    app: { refs: {}, actions: {} },
    mayHaveLost: () => false,
    areFallen: () => false,
    maySeeLess: () => false,
    wasOnRelay: () => false,
    mostTwice: () => 0,
    mayHaveGaps: () => false,
    fail: ({ check }) => (found ??= check),
    ...side,
  })
  const refused: readonly RefusedChange[] = []
  return shown.map((what) => {
    found = undefined
    watcher(snapshotOf(probes, what), refused)
    return found
  })
}

/** As much of a Snapshot as is asked for. */
function snapshotOf(probes: ReadonlyMap<string, Probe>, shown: Shown): Snapshot {
  const values = new Map<unknown, unknown>()
  for (const [session, probe] of probes) {
    const { count = 0, ...latest } = shown[session as keyof Shown] ?? {}
    values.set(probe.count, count)
    values.set(probe.latest, count === 0 ? null : { index: count, seen: {}, wrote: null, ...latest })
  }
  return { get: (readable: unknown) => values.get(readable) ?? null } as unknown as Snapshot
}

test('a Change is whole, whatever else of its browser was refused', () => {
  const torn = { [ann]: { count: 1, index: 2, number: 1001 } }
  expect(watch({}, torn)).toEqual(['atomicity'])
  // Something of this session has fallen, and not all have heard.
  expect(watch({ maySeeLess: (session) => session === ann }, torn)).toEqual([undefined])
  expect(watch({ maySeeLess: (session) => session === bob }, torn)).toEqual(['atomicity'])
})

test('what may be there twice is not there more often, and no less of it', () => {
  const shown = (count: number): Shown => ({ [ann]: { count, index: 2, number: 1001 } })
  expect(watch({}, shown(3))).toEqual(['atomicity'])
  const mostTwice: WatcherSide['mostTwice'] = (session) => (session === ann ? 1 : 0)
  expect(watch({ mostTwice }, shown(2), shown(3), shown(4), shown(1))).toEqual([
    undefined,
    undefined,
    'atomicity',
    'atomicity',
  ])
})

test('what is seen no more has fallen, each of it', () => {
  const [before, after] = [{ [ann]: { count: 3, number: 3001 } }, { [ann]: { count: 1, number: 1 } }]
  expect(watch({}, before, after)).toEqual([undefined, 'causality'])
  const asked: unknown[] = []
  const areFallen: WatcherSide['areFallen'] = (...those) => asked.push(those) > 0
  expect(watch({ areFallen }, before, after)).toEqual([undefined, undefined])
  expect(asked).toEqual([[ann, 1, 3001]])
})

test('what an author had seen is seen, unless it has fallen', () => {
  const seen = { [ann]: { count: 1, number: 1 }, [bob]: { count: 1, number: 4001, seen: { [ann]: 2001 } } }
  expect(watch({}, seen)).toEqual(['causality'])
  expect(watch({ areFallen: (session, after) => session === ann && after === 1 }, seen)).toEqual([undefined])
  // What has fallen of others is no excuse.
  expect(watch({ areFallen: (session) => session === bob }, seen)).toEqual(['causality'])
})
