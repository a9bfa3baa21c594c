import { collection, counter, lww } from '@syncline/merge'
import type { SimulatedApp } from '../../src/simulate/index.ts'

const SEATS = 5
const CATS = ['tom', 'kit', 'max'] as const

const taken = counter('taken', { arbiter: 'relay' })
const passengers = collection('passengers', { name: '' }, { arbiter: 'relay' })
const note = lww('note', '')
const draft = lww<string | null>('draft', null, { arbiter: 'browser' })
const drafts = counter('drafts', { arbiter: 'browser' })
const names = lww<readonly string[]>('names', [], { arbiter: 'browser' })

/** Seats of which there are few, names of which there is one each, drafts that one tab of a browser has: things that somebody must decide about. */
export const booking: SimulatedApp = {
  refs: { taken, passengers, note, draft, drafts, names },
  actions: {
    note: (tx, chance) => tx.set(note, chance.unique()),
    /** The last seat goes to one. */
    book: {
      arbiter: 'relay',
      weight: 2,
      body(tx, chance) {
        if (tx.get(taken) >= SEATS) return
        tx.create(passengers.at(chance.unique()), { name: 'somebody' })
        tx.add(taken, 1)
      },
    },
    /** A name goes to one. It takes a while to think about it. */
    sign: {
      arbiter: 'relay',
      weight: 2,
      async body(tx, chance) {
        const name = chance.pick(CATS)
        if (tx.get(passengers.at(name)) !== undefined) return
        await Promise.resolve()
        if (tx.get(taken) >= SEATS) return
        tx.create(passengers.at(name), { name })
        tx.add(taken, 1)
      },
    },
    cancel: {
      arbiter: 'relay',
      body(tx, chance) {
        const [first, second] = tx.get(passengers)
        const id = chance.happens(0.5) ? second : first
        if (id === undefined) return
        tx.delete(passengers.at(id))
        tx.add(taken, -1)
      },
    },
    /** One draft at a time in a browser, and how many there were. */
    draft: {
      arbiter: 'browser',
      weight: 2,
      body(tx, chance) {
        tx.set(draft, tx.get(draft) === null ? chance.unique() : null)
        tx.add(drafts, tx.get(draft) === null ? 0 : 1)
      },
    },
    /** A name that this browser did not have. */
    name: {
      arbiter: 'browser',
      weight: 2,
      async body(tx, chance) {
        const name = chance.pick(CATS)
        await Promise.resolve()
        const all = tx.get(names)
        if (!all.includes(name)) tx.set(names, [...all, name])
        else if (all.length === CATS.length) tx.set(names, [])
        // What merges goes along with what is decided about.
        tx.set(note, name)
      },
    },
  },
  invariants: {
    'no seat is sold twice': (snapshot) =>
      snapshot.get(taken) === snapshot.get(passengers).length && snapshot.get(taken) <= SEATS,
    'names are unique': (snapshot) => new Set(snapshot.get(names)).size === snapshot.get(names).length,
  },
}
