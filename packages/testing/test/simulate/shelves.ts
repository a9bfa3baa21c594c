import { collection, counter, list, lww, place } from '@syncline/merge'
import type { SimulatedApp } from '../../src/simulate/index.ts'

const title = lww('title', '')
const total = counter('total')
const noteCount = counter('noteCount')
const seats = counter('seats', { arbiter: 'relay' })
const drafts = counter('drafts', { arbiter: 'browser' })
const sum = counter('sum')
const steps = list<string>('steps')
const notes = collection('notes', { text: '' })
const cards = collection('cards', { title: '', done: false, place: place() })

/**
 * Things of which most are on demand, one of each kind of portion. Beside what is on demand something is always there that goes along with it: so whoever has both sees whether a
 * Change is whole.
 */
export const shelves: SimulatedApp = {
  refs: { title, total, noteCount, seats, drafts, sum, steps, notes, cards, todo: cards.list('todo') },
  onDemand: [sum, steps, notes, cards],
  actions: {
    title: (tx, chance) => tx.set(title, chance.unique()),
    pay(tx, chance) {
      const much = 1 + chance.below(9)
      tx.add(total, much)
      tx.add(sum, much)
    },
    note(tx, chance) {
      tx.create(notes.at(chance.unique()), { text: chance.unique() })
      tx.add(noteCount, 1)
    },
    rewrite(tx, chance) {
      const ids = tx.get(notes)
      if (ids.length > 0) tx.patch(notes.at(chance.pick(ids)), { text: chance.unique() })
    },
    step: (tx, chance) => tx.insert(steps, chance.below(tx.get(steps).length + 1), chance.unique()),
    card(tx, chance) {
      const card = cards.at(`c${chance.below(5)}`)
      if (tx.get(card) === undefined) tx.create(card, { title: chance.unique() })
      else if (chance.happens(0.15)) tx.delete(card)
      else tx.patch(card, { title: chance.unique(), done: chance.happens(0.5) })
      if (tx.get(card) !== undefined) tx.move(card, cards.list('todo'), 0)
    },
    /** What the relay decides about, and on demand beside it. */
    sit: {
      arbiter: 'relay',
      body(tx) {
        tx.add(seats, 1)
        tx.add(total, 1)
        tx.add(sum, 1)
      },
    },
    /** The same of what a browser decides about. */
    draft: {
      arbiter: 'browser',
      body(tx, chance) {
        tx.add(drafts, 1)
        tx.create(notes.at(chance.unique()), { text: 'a draft' })
        tx.add(noteCount, 1)
      },
    },
  },
  invariants: {
    'the sum is the total': (snapshot) =>
      snapshot.get(sum) === snapshot.get(total) || `${snapshot.get(sum)} of ${snapshot.get(total)}`,
    'the notes are counted': (snapshot) =>
      snapshot.get(notes).length === snapshot.get(noteCount) ||
      `${snapshot.get(notes).length} of ${snapshot.get(noteCount)}`,
  },
}
