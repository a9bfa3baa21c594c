import { collection, count, counter, group, list, lww, set } from '@syncline/merge'
import { lines } from '@syncline/merge/diff'
import { diff3 } from '@syncline/merge/diff3'
import type { Readable } from '@syncline/stm'
import type { Store } from '@syncline/store'
import type { Machine } from './disks.ts'

const browser = { arbiter: 'browser' } as const
export const title = lww('title', '')
export const votes = counter('votes')
export const banned = lww('banned', '')
export const seat = lww('seat', '', { arbiter: 'relay' })
const draft = lww('draft', '', browser)
export const drafts = counter('drafts', browser)
export const tags = set<string>('tags', browser)
const steps = list<string>('steps', browser)
const period = group('period', { from: '', to: '' }, browser)
const plan = diff3('plan', { by: lines, initial: 'a\n' }, browser)
const cards = collection('cards', { title: '', votes: count() }, browser)
const all: readonly Readable<unknown>[] = [title, votes, seat, banned, draft, drafts, tags, period, plan, cards]

/** Everything that a store reads. */
export const picture = (store: Store): readonly unknown[] => [
  ...all.map((ref) => store.get(ref)),
  // Where two put something in at once, chance decides which comes first.
  [...store.get(steps)].sort(),
  ...store.get(cards).map((id) => store.get(cards.at(id))),
]

/** One Change for others, one for nobody. */
export async function work(machine: Machine, store: Store, text: string): Promise<void> {
  await machine.until(store.transact((tx) => (tx.set(title, text), tx.add(votes, 1))).durable())
  await machine.until(
    store.transactAsync((tx) => {
      tx.set(draft, text)
      tx.add(drafts, 1)
      tx.include(tags, text)
      tx.insert(steps, 0, [text])
      tx.patch(period, { from: text })
      tx.set(plan, `${tx.get(plan).value}${text}\n`)
      if (tx.get(cards.at('c')) === undefined) tx.create(cards.at('c'), { title: text })
      tx.patch(cards.at('c'), { title: text })
      tx.add(cards.at('c'), 1, 'votes')
    }, browser),
  )
}
