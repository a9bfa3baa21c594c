import { collection, count, counter, list, lww, place, record } from '@syncline/merge'
import { diff, type Snapshot, type Tx } from '@syncline/stm'
import { everything, openStore } from '@syncline/store'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openText, text } from '../src/index.ts'

const title = lww('title', '')
const votes = counter('votes')
const steps = list<number>('steps')
const settings = record('settings', { theme: 'dark', size: 1, opened: count() })
const cards = collection('cards', { title: '', votes: count(), place: place() })
const note = text('note')
const ids = ['a', 'b', 'c']

const write = fc.record({
  act: fc.nat(11),
  id: fc.constantFrom(...ids),
  parent: fc.constantFrom('l0', 'l1'),
  value: fc.nat(4),
})
const body = fc.array(write, { minLength: 1, maxLength: 6 })
type Body = typeof body extends fc.Arbitrary<infer B> ? B : never

/** Does what it can of a body. */
function perform(tx: Tx, writes: Body): void {
  for (const { act, id, parent, value } of writes) {
    const card = cards.at(id)
    const exists = tx.get(card) !== undefined
    const length = tx.get(note).length
    if (act === 0) tx.set(title, `t${value}`)
    else if (act === 1) tx.add(votes, value - 2)
    else if (act === 2) tx.insert(steps, Math.min(value, tx.get(steps).length), value)
    else if (act === 3 && tx.get(steps).length > 0) tx.remove(steps, 0, 1)
    else if (act === 4) tx.patch(settings, { theme: `theme ${value}` })
    else if (act === 5) tx.add(settings, 1, 'opened')
    else if (act === 6 && !exists) {
      tx.create(card, { title: `c${value}` })
      tx.move(card, cards.list(parent), 0)
    } else if (act === 7 && exists) tx.delete(card)
    else if (act === 8 && exists)
      tx.move(card, cards.list(parent), Math.min(value, tx.get(cards.list(parent)).filter((one) => one !== id).length))
    else if (act === 9 && exists) tx.add(card, 1, 'votes')
    else if (act === 10) tx.insert(note, Math.min(value, length), 'word '.slice(0, value + 1))
    else if (act === 11 && length > 0) tx.remove(note, 0, Math.min(value, length))
  }
}

/** Everything that the bodies write, but for the sort keys of lists, which are made by chance. */
const readAll = (at: Snapshot): unknown => ({
  title: at.get(title),
  votes: at.get(votes),
  steps: at.get(steps),
  settings: at.get(settings),
  cards: Array.from(at.items(cards), ([id, card]) => [id, { ...card, place: card.place?.parent }]),
  lists: [at.get(cards.list('l0')), at.get(cards.list('l1'))],
  note: at.get(note),
})

test('[SN7] what with reads is what transact makes of the same body, of every kind of ref, and nobody hears of it', async () => {
  const did = { commits: 0, old: 0, characters: 0, listed: 0 }
  await fc.assert(
    fc.asyncProperty(fc.array(body, { minLength: 2, maxLength: 7 }), fc.nat(6), async (bodies, at) => {
      const errors: unknown[] = []
      const [here, there] = [
        await openStore({ space: 'board', onError: (error) => errors.push(error) }),
        await openStore({ space: 'board', onError: (error) => errors.push(error) }),
      ]
      const opened = openText(here, note)
      let heard = 0
      opened.text.observe(() => (heard += 1))
      const cut = at % bodies.length
      for (const writes of bodies.slice(0, cut)) {
        here.transact((tx) => perform(tx, writes))
        there.transact((tx) => perform(tx, writes))
      }
      const from = here.snapshot
      // The next bodies are tried out on what becomes old, and on each other.
      here.transact((tx) => {
        tx.set(title, 'elsewhere')
        tx.insert(note, 0, 'elsewhere ')
      })
      const before = [here.snapshot, readAll(here.snapshot), opened.text.toString(), here.status] as const
      heard = 0
      let told = 0
      const stop = here.changes(everything, () => (told += 1))
      let speculative = from
      for (const writes of bodies.slice(cut)) {
        const made = speculative.with((tx) => perform(tx as Tx, writes))
        const { change } = there.transact((tx) => perform(tx, writes))
        expect(readAll(made)).toEqual(readAll(there.snapshot))
        expect(made === speculative).toBe(change === undefined)
        expect(diff(speculative, made).keys.size).toBe(change === undefined ? 0 : change.ops.length)
        speculative = made
        if (change !== undefined) did.commits += 1
      }
      await Promise.resolve()
      did.old += bodies.length - cut
      did.characters += speculative.get(note).length
      did.listed += speculative.get(cards.list('l0')).length
      expect([here.snapshot, readAll(here.snapshot), opened.text.toString(), here.status]).toEqual([...before])
      expect(here.snapshot).toBe(before[0])
      expect([heard, told, errors]).toEqual([0, 0, []])
      stop()
      opened.close()
      await here.close()
      await there.close()
    }),
    { numRuns: process.env.SYNCLINE_LONG === '1' ? 2000 : 60 },
  )
  for (const number of Object.values(did)) expect(number).toBeGreaterThan(10)
})
