import { collection, counter, lww, set } from '@syncline/merge'
import { expect, test } from 'vitest'
import { calm, type CalmOptions, type Verdict } from '../../src/simulate/index.ts'

const guests = set<string>('guests')
const visits = counter('visits')
const title = lww('title', '')
const cards = collection('cards', { title: '', done: false })

const app = {
  refs: { guests, visits, title, cards },
  actions: {
    ann: (tx) => tx.include(guests, 'ann'),
    bob: (tx) => tx.include(guests, 'bob'),
    noAnn: (tx) => tx.exclude(guests, 'ann'),
    visit: (tx) => tx.add(visits, 1),
    leave: (tx) => tx.add(visits, -1),
    rename: (tx, chance) => tx.set(title, chance.pick(['x', 'y', 'z'])),
    card: (tx, chance) => tx.create(cards.at(chance.unique()), { title: 'new' }),
    once: (tx, chance) => {
      const card = cards.at(chance.unique())
      if (tx.get(card) === undefined) tx.create(card, { title: 'new' })
    },
    close: (tx) => {
      for (const [id] of tx.items(cards)) tx.patch(cards.at(id), { done: true })
    },
  },
} satisfies CalmOptions['app']

const seeGuests: CalmOptions['observe'] = (snapshot) => snapshot.get(guests)
const seeVisits: CalmOptions['observe'] = (snapshot) => snapshot.get(visits)
const seeCards: CalmOptions['observe'] = (snapshot) => Object.fromEntries(snapshot.items(cards))

const answers = ({ reordering, loss, duplication }: ReturnType<typeof calm>): readonly unknown[] =>
  [reordering, loss, duplication].map(({ safe }) => safe)

test.each<[string, CalmOptions['does'], CalmOptions['observe'], readonly boolean[]]>([
  ['a set that only grows', ['ann', 'bob', 'ann'], seeGuests, [true, true, true]],
  // Who takes out takes out what they have seen.
  ['a set that shrinks too', ['ann', 'noAnn'], seeGuests, [false, false, true]],
  ['a sum that only grows', ['visit', 'visit', 'visit'], seeVisits, [true, true, false]],
  ['a sum that shrinks too', ['visit', 'leave'], seeVisits, [true, false, false]],
  ['a title that is overwritten', ['rename', 'rename'], (snapshot) => snapshot.get(title), [false, false, true]],
  ['new cards, each with a name that is kept', ['once', 'once'], seeCards, [true, true, true]],
  ['cards that are closed', [['once'], ['close']], seeCards, [false, true, true]],
])('%s', (_, does, observe, expected) => {
  expect(answers(calm({ app, does, observe }))).toEqual(expected)
})

test('what an action throws is thrown', () => {
  // Done twice, it finds its card there.
  expect(() => calm({ app, does: ['card'], observe: seeCards })).toThrow('exists')
})

function counterexampleIn(verdict: Verdict): NonNullable<Extract<Verdict, { safe: false }>['counterexample']> {
  if (verdict.safe !== false) throw new Error('Nothing was found.')
  return verdict.counterexample
}

test('each no has the smallest counter-example', () => {
  const { reordering, loss } = calm({ app, does: ['ann', 'noAnn', 'visit'], observe: seeGuests })
  const order = counterexampleIn(reordering)
  expect(order.what).toMatch(/^The order matters: one way \[.*\] is seen in the end, another way \[.*\]\.$/)
  // The visit has nothing to do with it.
  expect(order.steps.filter((step) => /: [A-C]1: /.test(step))).toHaveLength(4)
  expect(order.diagram).toContain('── another way ')

  const lost = counterexampleIn(loss)
  expect(lost.what).toBe('Who has not heard of everything sees ["ann"], which is no part of what there is to see: [].')
  expect(lost.steps.at(-2)).toMatch(/^B → \w: B1 \(lost\)$/)
  expect(lost.mermaid).toContain('-x')

  const { duplication } = calm({ app, does: ['visit', 'ann'], observe: seeVisits })
  const twice = counterexampleIn(duplication)
  expect(twice.what).toBe('It matters that "visit" is done twice: 2 is seen then, and 1 otherwise.')
  expect(twice.diagram).toContain('A again')
  expect(twice.steps.filter((step) => step.includes('ann'))).toEqual([])
})

test('in the order of one person, what they do is done', () => {
  const does = [['ann', 'noAnn'], ['bob']]
  const { reordering } = calm({ app, does, observe: seeGuests })
  expect(reordering.safe).toBe(true)
})

test('what is too much is not answered, and nothing is no question', () => {
  const { isCalm, reordering } = calm({ app, does: ['ann', 'bob', 'ann', 'bob'], observe: seeGuests, limit: 50 })
  expect([isCalm, reordering]).toEqual([false, { safe: undefined, explored: 50 }])
  expect(() => calm({ app, does: [], observe: seeGuests })).toThrow('Nothing is done')
})

test('what is a part is up to the app', () => {
  const does = ['visit', 'leave']
  const isPart = (): boolean => true
  expect(calm({ app, does, observe: seeVisits, isPart }).loss.safe).toBe(true)
})
