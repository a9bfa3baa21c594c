import type { Tx, Value } from '@syncline/stm'
import {
  collection,
  count,
  counter,
  field,
  group,
  json,
  list,
  lww,
  optional,
  place,
  record,
  set,
} from '../src/index.ts'
import type { Dice, Subject } from './history.ts'

// What random histories are about: one ref or family of each policy, and random writes to it.

export const title = lww<string | null>('title', null)
export const votes = counter('votes')
export const steps = list<string>('steps')
export const tags = set<Value>('tags')
export const period = group('period', { from: 0, to: 0, note: optional<string>(), ['__proto__']: '' })
export const settings = record('settings', {
  theme: 'light',
  zoom: 1,
  last: optional<string>(),
  starts: count(),
  ['__proto__']: '',
})
export const cards = collection('cards', {
  title: '',
  tags: field<readonly string[]>([]),
  due: optional<number>(),
  votes: count(),
  at: place(),
  prototype: '',
})
export const ids = ['a', 'b', 'c', 'd']
export const lists = [cards.list(''), cards.list('todo'), cards.list('done')]
const deltas = [1, -1, 0.1, 0.2, 0.3, 1e15, -1e15, 2 ** -40, 0]

export const registers: Subject = {
  policies: [title.policy],
  write(tx, dice) {
    const [base, mine] = [[null, 'a', 'b', 'c'][dice(4)]!, [null, 'a', 'b', 'c'][dice(4)]!]
    if (dice(3) === 0) tx.merge(title, base, mine)
    else tx.set(title, mine)
  },
  readables: [title],
}

export const counters: Subject = {
  policies: [votes.policy],
  write(tx, dice) {
    if (dice(3) === 0) tx.merge(votes, dice(2) ? tx.get(votes) : 0.1, deltas[dice(deltas.length)]!)
    else tx.add(votes, deltas[dice(deltas.length)]!)
  },
  readables: [votes],
}

export const sequences: Subject = {
  policies: [steps.policy],
  write(tx, dice) {
    const now = tx.get(steps)
    const kind = dice(6)
    if (kind < 3 || now.length === 0) {
      const run = Array.from({ length: 1 + dice(4) }, (_, i) => `${kind}${dice(100)}${i}`)
      tx.insert(steps, dice(now.length + 1), run)
    } else if (kind === 3) tx.remove(steps, dice(now.length), 1)
    else if (kind === 4) tx.reorder(steps, dice(now.length), dice(now.length))
    else if (dice(2) === 0) tx.set(steps, now.toSpliced(dice(now.length), dice(2), 'set'))
    else {
      // What was there a while ago, and what somebody has made of it.
      const base = now.toSpliced(dice(now.length), 1 + dice(2), 'gone')
      tx.merge(steps, base, [...base.slice(1), 'merged', base[0]!].toSpliced(dice(now.length), dice(2)))
    }
  },
  readables: [steps],
}

const labels: readonly Value[] = ['a', 'b', 1, '1', null, { x: 1, y: [1] }, { y: [1], x: 1 }, '__proto__', 0, -0]

export const bags: Subject = {
  policies: [tags.policy],
  write(tx, dice) {
    const some = Array.from({ length: 1 + dice(3) }, () => labels[dice(labels.length)]!)
    const kind = dice(9)
    if (kind < 3) tx.include(tags, ...some)
    else if (kind < 6) tx.exclude(tags, ...some)
    else if (kind === 6) tx.set(tags, some)
    else if (kind === 7) tx.merge(tags, [...tx.get(tags), ...some], labels.slice(dice(4), dice(9)))
    // So many that they are sorted in together.
    else tx.include(tags, ...labels, ...Array.from({ length: 12 }, (_, i) => i * dice(5)))
  },
  readables: [tags],
}

export const wholes: Subject = {
  policies: [period.policy],
  write(tx, dice) {
    const kind = dice(5)
    if (kind === 0) tx.patch(period, { from: dice(3) })
    else if (kind === 1) tx.patch(period, { to: dice(3), note: dice(2) ? 'x' : undefined })
    else if (kind === 2) tx.update(period, (now) => ({ ...now, from: now.to, to: dice(4) }))
    else if (kind === 3) tx.set(period, { from: dice(2), to: dice(2), ['__proto__']: `${dice(2)}` })
    else tx.merge(period, { ...tx.get(period), from: dice(2) }, { ...tx.get(period), note: 'merged' })
  },
  readables: [period],
}

export const records: Subject = {
  policies: [settings.policy],
  write(tx, dice) {
    const kind = dice(6)
    if (kind === 5) {
      const base = { ...tx.get(settings), theme: 'light' }
      tx.merge(settings, base, { ...base, zoom: dice(3), starts: base.starts + deltas[dice(deltas.length)]! })
    } else if (kind === 0) tx.patch(settings, { theme: ['light', 'dark', 'sepia'][dice(3)]! })
    else if (kind === 1) tx.patch(settings, { last: dice(2) ? 'x' : undefined, zoom: dice(3) })
    else if (kind === 2) tx.add(settings, deltas[dice(deltas.length)]!, 'starts')
    else if (kind === 3) tx.update(settings, (now) => ({ ...now, ['__proto__']: `${dice(3)}` }))
    else tx.patch(settings, { ['__proto__']: `${dice(3)}`, theme: 'dark' })
  },
  readables: [settings],
}

export const tables: Subject = {
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

/** What the nested fields of `docs` start with. */
export const nestedInitials: { readonly [name: string]: Value } = Object.freeze({
  data: { a: { b: 1, c: { d: 'x' } }, e: [1, 2] },
  any: null,
  ['__proto__']: {},
})
export const docs = collection('docs', {
  data: json<Value>(nestedInitials.data!),
  any: json<Value>(null),
  ['__proto__']: json<Value>({}),
  plain: '',
})
const keys = ['a', 'b', 'c', '__proto__', 'constructor', 'prototype']

export const nested: Subject = {
  policies: [docs.policy],
  write(tx, dice) {
    const doc = docs.at(ids[dice(2)]!)
    const kind = dice(12)
    const name = Object.keys(nestedInitials)[dice(3)]!
    if (tx.get(doc) === undefined) tx.create(doc, kind % 2 ? { any: { a: { b: dice(3) } } } : {})
    else if (kind === 0) tx.delete(doc)
    else if (kind === 1) tx.patch(doc, { [name]: scrap(dice) })
    else if (kind === 2) tx.patch(doc, { plain: `${dice(3)}` })
    else tx.update(doc, (now) => ({ ...now, [name]: changedSomewhere((now as any)[name], dice, 3) }))
  },
  readables: [docs, ...ids.slice(0, 2).map((id) => docs.at(id))],
}

/** The value with one thing changed, added or removed, at most so many levels down. */
function changedSomewhere(value: Value, dice: Dice, levels: number): Value {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  if (!isObject) return levels === 0 ? scrap(dice) : { [keys[dice(6)]!]: scrap(dice) }
  const inner = new Map(Object.entries(value as { [key: string]: Value }))
  const key = dice(3) === 0 || inner.size === 0 ? keys[dice(6)]! : [...inner.keys()][dice(inner.size)]!
  if (inner.has(key) && dice(4) === 0) inner.delete(key)
  else if (levels === 0 || dice(3) === 0) inner.set(key, scrap(dice))
  else inner.set(key, changedSomewhere(inner.get(key) ?? {}, dice, levels - 1))
  return Object.fromEntries(inner)
}

function scrap(dice: Dice): Value {
  const some: Value[] = [dice(3), 'x', null, [], [{ a: 1 }], {}, { a: { b: 1 }, b: 2 }, { ['__proto__']: { c: 3 } }]
  return some[dice(some.length)]!
}

export const tasks = collection(
  'tasks',
  { title: '', look: json<Value>({ color: 'red' }), votes: count(), at: place() },
  { onConcurrentEdit: 'keep' },
)
export const taskIds = ['a', 'b']
export const taskLists = [tasks.list('todo'), tasks.list('done')]

export const kept: Subject = {
  policies: [tasks.policy],
  write(tx, dice) {
    const task = tasks.at(taskIds[dice(2)]!)
    const kind = dice(10)
    if (tx.get(task) === undefined) tx.create(task, kind % 2 ? { title: `new${kind}` } : {})
    else if (kind < 4) tx.delete(task)
    else if (kind === 4) tx.add(task, deltas[dice(deltas.length)]!, 'votes')
    else if (kind === 5) tx.patch(task, { title: `t${dice(4)}` })
    else if (kind === 6) tx.patch(task, { look: scrap(dice) })
    else if (kind === 7) tx.update(task, (now) => ({ ...now, look: changedSomewhere(now.look, dice, 2) }))
    else tx.move(task, taskLists[dice(2)]!, 0)
  },
  readables: [tasks, ...taskIds.map((id) => tasks.at(id)), ...taskLists],
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
