import { collection, count, counter, group, list, lww, optional, place, set } from '@syncline/merge'
import { lines } from '@syncline/merge/diff'
import { diff3 } from '@syncline/merge/diff3'
import type { Readable } from '@syncline/stm'
import type { Store } from '../src/index.ts'

export const title = lww('title', '')
export const votes = counter('votes')
export const tags = set<string>('tags')
export const steps = list<string>('steps')
export const period = group('period', { from: 0, to: 0 })
export const plan = diff3('plan', { by: lines, initial: 'a\n' })
export const draft = lww('draft', '', { arbiter: 'browser' })
export const drafts = counter('drafts', { arbiter: 'browser' })
export const seat = lww<string | null>('seat', null, { arbiter: 'relay' })
export const cards = collection('cards', { title: '', due: optional<number>(), votes: count(), at: place() })
export const all: readonly Readable<unknown>[] = [
  title,
  votes,
  tags,
  steps,
  period,
  plan,
  draft,
  drafts,
  seat,
  cards,
  cards.list('todo'),
]

/** Everything that a store reads. */
export function picture(store: Store): readonly unknown[] {
  return [...all.map((ref) => store.get(ref)), ...store.get(cards).map((id) => store.get(cards.at(id)))]
}

export function write(store: Store, i: number): void {
  store.transact((tx) => {
    tx.set(title, `title ${i}`)
    tx.add(votes, 1)
    tx.include(tags, `tag ${i % 5}`)
    if (i % 3 === 0) tx.exclude(tags, `tag ${(i + 2) % 5}`)
    if (i % 4 === 0) tx.insert(steps, 0, [`step ${i}`])
    if (i % 4 === 3 && tx.get(steps).length > 0) tx.remove(steps, 0, 1)
    tx.patch(period, { from: i })
    const card = cards.at(`c${i % 7}`)
    if (tx.get(card) === undefined) {
      tx.create(card, { title: `card ${i}` })
      tx.move(card, cards.list('todo'), 0)
    } else if (i % 13 === 0) tx.delete(card)
    else tx.patch(card, { title: `card ${i}`, due: i })
    if (i % 10 === 0) tx.set(plan, `${tx.get(plan).value}${i}\n`.split('\n').slice(-5).join('\n'))
  })
}
