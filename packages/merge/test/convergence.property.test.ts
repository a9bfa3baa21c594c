import type { Collection } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { expectConvergence, histories, play, type Delivery, type History, type Subject } from './history.ts'
import { modelCounter, modelJson, modelList, modelLww, modelRecord, modelSet, toldOf } from './model.ts'
import {
  bags,
  cards,
  counters,
  docs,
  ids,
  kept,
  lists,
  nested,
  nestedInitials,
  period,
  records,
  registers,
  sequences,
  settings,
  steps,
  tables,
  tags,
  title,
  votes,
  wholes,
} from './subjects.ts'
import { canonicalText } from './canonical.ts'

const isLong = process.env.SYNCLINE_LONG === '1'

const subjects: readonly [string, Subject, (history: History, read: (readable: any) => any) => void][] = [
  [
    'lww',
    registers,
    ({ changes }, read) => expect(read(title)).toEqual(modelLww(toldOf(changes, 'lww', 'title'), null)),
  ],
  [
    'counter',
    counters,
    ({ changes }, read) => expect(read(votes)).toBe(modelCounter(toldOf(changes, 'counter', 'votes'))),
  ],
  ['list', sequences, ({ changes }, read) => expect(read(steps)).toEqual(modelList(toldOf(changes, 'list', 'steps')))],
  ['set', bags, ({ changes }, read) => expect(read(tags)).toEqual(modelSet(toldOf(changes, 'set', 'tags')))],
  [
    'group',
    wholes,
    ({ changes }, read) => {
      const whole = modelLww(toldOf(changes, 'group', 'period'), {}) as Record<string, unknown>
      expect(read(period)).toEqual({ from: 0, to: 0, ...{ ['__proto__']: '' }, ...whole })
    },
  ],
  [
    'record',
    records,
    ({ changes }, read) => {
      const { data, counts } = modelRecord(toldOf(changes, 'record', 'settings'))
      const last = data.get('last')
      expect(read(settings)).toEqual({
        theme: data.get('theme') ?? 'light',
        zoom: data.get('zoom') ?? 1,
        ...(last === undefined ? {} : { last }),
        starts: counts.get('starts') ?? 0,
        ['__proto__']: data.get('__proto__') ?? '',
      })
    },
  ],
  ['collection', tables, ({ changes }, read) => expectTable(changes, read)],
  // What it should read depends on who had seen what: that is tried beside a model of its own.
  ['[KE2] kept', kept, ({ changes }) => expect(changes.length).toBeGreaterThan(0)],
  ['[NJ1] nested', nested, ({ changes }, read) => expectNested(changes, read)],
]

function expectNested(changes: History['changes'], read: (readable: any) => any): void {
  for (const id of ids.slice(0, 2)) {
    const told = toldOf(changes, 'record', `docs/${id}`)
    const { exists, data } = modelRecord(told)
    const value = read(docs.at(id))
    expect(value !== undefined).toBe(exists)
    if (!exists) continue
    expect(canonicalText(value)).toBe(
      canonicalText(
        Object.fromEntries([
          ...Object.entries(nestedInitials).map(([name, initial]) => [name, modelJson(told, name, initial)]),
          ['plain', data.get('plain') ?? ''],
        ]),
      ),
    )
  }
}

function expectTable(changes: History['changes'], read: (readable: any) => any): void {
  const models = ids.map((id) => [id, modelRecord(toldOf(changes, 'record', `cards/${id}`))] as const)
  const there = models.filter(([, { exists }]) => exists)
  expect(read(cards)).toEqual(there.map(([id]) => id))
  for (const [id, { exists, data, counts, places }] of models) {
    const due = data.get('due')
    const at = places.get('at')
    expect(read(cards.at(id))).toEqual(
      exists
        ? {
            title: data.get('title') ?? '',
            tags: data.get('tags') ?? [],
            ...(due === undefined ? {} : { due }),
            votes: counts.get('votes') ?? 0,
            ...(at === undefined ? {} : { at }),
            prototype: data.get('prototype') ?? '',
          }
        : undefined,
    )
  }
  for (const view of lists) {
    const inIt = there.filter(([, { places }]) => places.get('at')?.parent === view.parent)
    const order = inIt.map(([id, { places }]) => `${places.get('at')!.key}\0${id}`).sort()
    expect(read(view)).toEqual(order.map((entry) => entry.split('\0')[1]))
  }
  expect(lists.flatMap((view) => read(view)).length).toBe(new Set(lists.flatMap((view) => read(view))).size)
}

for (const [name, subject, compare] of subjects) {
  for (const delivery of ['any order', 'causal'] as const satisfies readonly Delivery[]) {
    test(`[ME1] ${name}: replicas that got the same Changes are equal, delivery: ${delivery}, and as the model says`, () => {
      let runs = 0
      let written = 0
      fc.assert(
        fc.property(histories, ([writers, steps]) => {
          const history = play(subject, writers, steps, delivery)
          const replica = expectConvergence(subject, history, delivery)
          compare(history, (readable: Collection) => replica.memory.snapshot.get(readable))
          runs += 1
          written += history.changes.length
        }),
        { seed: 20_261, numRuns: isLong ? 5_000 : 40 },
      )
      expect(runs).toBeGreaterThanOrEqual(40)
      expect(written).toBeGreaterThan(runs * 5)
    })
  }
}
