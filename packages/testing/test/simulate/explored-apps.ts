import { collection, count, counter, group, json, list, lww, optional, place, set } from '@syncline/merge'
import { json as byJson } from '@syncline/merge/diff'
import { diff3 } from '@syncline/merge/diff3'
import { text } from '@syncline/yjs'
import * as Y from 'yjs'
import { documentImages, type SimulatedApp, type Images } from '../../src/simulate/index.ts'

/** Apps with one kind of refs each, and three things that three people do to each other. */
export interface Subject extends SimulatedApp {
  readonly does: readonly (readonly string[])[]
  readonly images?: Images
}

const title = lww('title', '')
const votes = counter('votes')
const period = group('period', { from: 0, to: 0, note: optional<string>() })
const steps = list<string>('steps')
const tags = set<string>('tags')
const plan = diff3<{ readonly a: string; readonly b: string }>('plan', { by: byJson(), initial: { a: '', b: '' } })
const cards = collection(
  'cards',
  { title: '', look: json<{ readonly color?: string; readonly size?: number }>({}), votes: count(), at: place() },
  { onConcurrentEdit: 'keep' },
)
const note = text('note')
const card = cards.at('a')
const todo = cards.list('todo')

export const subjects = {
  lww: {
    refs: { title },
    actions: {
      set: (tx, chance) => tx.set(title, `${chance.below(1000)}`),
      append: (tx) => tx.update(title, (now) => `${now}+`.slice(-3)),
      merge: (tx) => tx.merge(title, '', 'merged'),
    },
    does: [
      ['set', 'append', 'merge'],
      ['append', 'set', 'append'],
      ['merge', 'append', 'set'],
    ],
  },
  counter: {
    refs: { votes },
    actions: { one: (tx) => tx.add(votes, 1), tenth: (tx) => tx.add(votes, 0.1), huge: (tx) => tx.add(votes, -1e15) },
    does: [
      ['one', 'tenth', 'huge'],
      ['tenth', 'one', 'one'],
      ['huge', 'one', 'tenth'],
    ],
  },
  group: {
    refs: { period },
    actions: {
      from: (tx, chance) => tx.patch(period, { from: chance.below(100) }),
      later: (tx) => tx.update(period, (now) => ({ ...now, from: now.to, to: now.to + 1 })),
      note: (tx) => tx.patch(period, { note: tx.get(period).note === undefined ? 'x' : undefined }),
    },
    does: [
      ['from', 'later', 'note'],
      ['later', 'note', 'from'],
      ['note', 'from', 'later'],
    ],
  },
  set: {
    refs: { tags },
    actions: {
      x: (tx) => tx.include(tags, 'x'),
      y: (tx) => tx.include(tags, 'x', 'y'),
      no: (tx) => tx.exclude(tags, 'x', 'y'),
    },
    does: [
      ['x', 'no', 'y'],
      ['y', 'x', 'no'],
      ['no', 'y', 'no'],
    ],
  },
  list: {
    refs: { steps },
    actions: {
      insert: (tx, chance) => tx.insert(steps, 0, [`${chance.below(1000)}`]),
      remove: (tx) => void (tx.get(steps).length > 0 && tx.remove(steps, 0, 1)),
      move: (tx) => void (tx.get(steps).length > 1 && tx.reorder(steps, 0, tx.get(steps).length - 1)),
    },
    does: [
      ['insert', 'move', 'remove'],
      ['insert', 'remove', 'move'],
      ['insert', 'insert', 'move'],
    ],
  },
  record: {
    refs: { cards, card, todo },
    actions: {
      create: (tx) => void (tx.get(card) === undefined && tx.create(card, { title: 'new' })),
      remove: (tx) => void (tx.get(card) !== undefined && tx.delete(card)),
      paint: (tx) =>
        void (
          tx.get(card) !== undefined && tx.update(card, (now) => ({ ...now, look: { ...now.look, color: 'red' } }))
        ),
      grow: (tx) =>
        void (
          tx.get(card) !== undefined &&
          tx.update(card, (now) => ({ ...now, look: { ...now.look, size: (now.look.size ?? 0) + 1 } }))
        ),
      vote: (tx) => void (tx.get(card) !== undefined && tx.add(card, 1, 'votes')),
      move: (tx) => void (tx.get(card) !== undefined && tx.move(card, todo, 0)),
    },
    does: [
      ['create', 'paint', 'remove'],
      ['create', 'grow', 'move'],
      ['create', 'vote', 'remove'],
    ],
  },
  diff3: {
    refs: { plan },
    actions: {
      a: (tx, chance) => tx.set(plan, { ...tx.get(plan).value, a: `${chance.below(100)}` }),
      b: (tx, chance) => tx.set(plan, { ...tx.get(plan).value, b: `${chance.below(100)}` }),
    },
    does: [
      ['a', 'b', 'a'],
      ['b', 'a', 'b'],
      ['a', 'a', 'b'],
    ],
  },
  text: {
    refs: { note },
    actions: {
      type: (tx, chance) => tx.insert(note, 0, `${chance.below(10)}${chance.below(10)}`),
      cut: (tx) => void (tx.get(note).length > 1 && tx.remove(note, 1, 1)),
      end: (tx) => tx.insert(note, tx.get(note).length, '.'),
    },
    does: [
      ['type', 'cut', 'end'],
      ['type', 'end', 'cut'],
      ['end', 'cut', 'type'],
    ],
    images: documentImages(Y),
  },
} satisfies Record<string, Subject>
