import { collection, counter, group, list, lww, place, set } from '@syncline/merge'
import type { Tx } from '@syncline/stm'
import type { ActionChance, SimulatedApp } from '../../src/simulate/index.ts'

const title = lww('title', '')
const votes = counter('votes')
const tags = set<number>('tags')
const steps = list<string>('steps')
const period = group('period', { from: 0, to: 0 })
const cards = collection('cards', { title: '', done: false, place: place() })

/** A board with one of everything that merges. */
export const board: SimulatedApp = {
  refs: { title, votes, tags, steps, period, cards, todo: cards.list('todo'), done: cards.list('done') },
  actions: {
    title: (tx, chance) => tx.set(title, chance.unique()),
    vote: (tx) => tx.add(votes, 1),
    tag(tx, chance) {
      if (chance.happens(0.6)) tx.include(tags, chance.below(8))
      else tx.exclude(tags, ...tx.get(tags).slice(chance.below(3)))
    },
    step: (tx, chance) => tx.insert(steps, chance.below(tx.get(steps).length + 1), chance.unique()),
    plan(tx, chance) {
      const from = chance.below(1000)
      tx.patch(period, { from, to: -from })
    },
    card: {
      weight: 3,
      body(tx: Tx, chance: ActionChance) {
        const card = cards.at(`c${chance.below(5)}`)
        if (tx.get(card) === undefined) tx.create(card, { title: chance.unique() })
        else if (chance.happens(0.15)) tx.delete(card)
        else tx.patch(card, { title: chance.unique(), done: chance.happens(0.5) })
        if (tx.get(card) !== undefined) tx.move(card, cards.list(chance.pick(['todo', 'done'])), 0)
      },
    },
  },
  invariants: {
    'a period is symmetric': (snapshot) => snapshot.get(period).from === 0 - snapshot.get(period).to,
  },
}
