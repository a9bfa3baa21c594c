import type { Collection, Tx } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { collection, count, counter, field, list, lww, optional, place, record } from '../src/index.ts'
import { expectConvergence, histories, play, type Delivery, type Dice, type History, type Subject } from './history.ts'
import { modelCounter, modelList, modelLww, modelRecord, toldOf } from './model.ts'

const title = lww<string | null>('title', null)
const votes = counter('votes')
const steps = list<string>('steps')
const settings = record('settings', {
  theme: 'light',
  zoom: 1,
  last: optional<string>(),
  starts: count(),
  ['__proto__']: '',
})
const cards = collection('cards', {
  title: '',
  tags: field<readonly string[]>([]),
  due: optional<number>(),
  votes: count(),
  at: place(),
  prototype: '',
})
const ids = ['a', 'b', 'c', 'd']
const lists = [cards.list(''), cards.list('todo'), cards.list('done')]
const deltas = [1, -1, 0.1, 0.2, 0.3, 1e15, -1e15, 2 ** -40, 0]

const registers: Subject = {
  policies: [title.policy],
  write: (tx, dice) => tx.set(title, [null, 'a', 'b', 'c'][dice(4)]!),
  readables: [title],
}

const counters: Subject = {
  policies: [votes.policy],
  write: (tx, dice) => tx.add(votes, deltas[dice(deltas.length)]!),
  readables: [votes],
}

const sequences: Subject = {
  policies: [steps.policy],
  write(tx, dice) {
    const now = tx.get(steps)
    const kind = dice(6)
    if (kind < 3 || now.length === 0) {
      const run = Array.from({ length: 1 + dice(4) }, (_, i) => `${kind}${dice(100)}${i}`)
      tx.insert(steps, dice(now.length + 1), run)
    } else if (kind === 3) tx.remove(steps, dice(now.length), 1)
    else if (kind === 4) tx.reorder(steps, dice(now.length), dice(now.length))
    else tx.set(steps, now.toSpliced(dice(now.length), dice(2), 'set'))
  },
  readables: [steps],
}

const records: Subject = {
  policies: [settings.policy],
  write(tx, dice) {
    const kind = dice(5)
    if (kind === 0) tx.patch(settings, { theme: ['light', 'dark', 'sepia'][dice(3)]! })
    else if (kind === 1) tx.patch(settings, { last: dice(2) ? 'x' : undefined, zoom: dice(3) })
    else if (kind === 2) tx.add(settings, deltas[dice(deltas.length)]!, 'starts')
    else if (kind === 3) tx.update(settings, (now) => ({ ...now, ['__proto__']: `${dice(3)}` }))
    else tx.patch(settings, { ['__proto__']: `${dice(3)}`, theme: 'dark' })
  },
  readables: [settings],
}

const tables: Subject = {
  policies: [cards.policy],
  write(tx, dice) {
    const card = cards.at(ids[dice(ids.length)]!)
    const kind = dice(8)
    if (tx.get(card) === undefined) {
      tx.create(card, kind % 2 ? { title: `new${kind}`, prototype: 'x' } : {})
      if (kind > 3) moveSomewhere(tx, dice)
    } else if (kind === 0) tx.delete(card)
    else if (kind === 1) tx.add(card, deltas[dice(deltas.length)]!, 'votes')
    else if (kind === 2) tx.patch(card, { due: dice(2) ? dice(5) : undefined, tags: [`t${dice(3)}`] })
    else if (kind === 3) tx.update(card, (now) => ({ ...now, title: `${now.title}${dice(3)}`.slice(-4) }))
    else moveSomewhere(tx, dice)
  },
  readables: [cards, ...ids.map((id) => cards.at(id)), ...lists],
}

function moveSomewhere(tx: Tx, dice: Dice): void {
  const present = tx.get(cards)
  if (present.length === 0) return
  const to = lists[dice(lists.length)]!
  const from = dice(present.length)
  const members = present.slice(from, from + 1 + dice(2)).map((id) => cards.at(id))
  const others = tx.get(to).filter((id) => !members.some(({ address }) => address === `cards/${id}`))
  tx.moveAll(members, to, dice(others.length + 1))
}

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
]

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
        { seed: 20_261, numRuns: 80 },
      )
      expect(runs).toBeGreaterThanOrEqual(80)
      expect(written).toBeGreaterThan(runs * 5)
    })
  }
}
