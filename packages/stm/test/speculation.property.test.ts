import fc from 'fast-check'
import { expect, test } from 'vitest'
import { diff, equalValues, idRange, type Arbiter, type Readable, type Snapshot, type Tx } from '../src/index.ts'
import { cardsNamed, liveCalls, note, register, tally } from './policies.ts'
import { replica, type Replica } from './replica.ts'

const cards = cardsNamed('cards')
const title = register('title', 'initial')
const votes = tally('votes')
const text = note('text')
const ids = ['a', 'b', 'b/c', '__proto__', 'é']
const parents = ['todo', 'done']
const readables: readonly Readable<unknown>[] = [
  title,
  votes,
  text,
  cards,
  idRange(cards, { prefix: 'b' }),
  ...ids.map((id) => cards.at(id)),
  ...parents.map((parent) => cards.list(parent)),
]

const write = fc.record({
  act: fc.nat(8),
  id: fc.constantFrom(...ids),
  parent: fc.constantFrom(...parents),
  value: fc.nat(3),
})
const body = fc.array(write, { maxLength: 5 })
type Body = typeof body extends fc.Arbitrary<infer B> ? B : never

/** Does what it can of a body. */
function perform(tx: Tx, writes: Body): void {
  for (const { act, id, parent, value } of writes) {
    const card = cards.at(id)
    if (act === 0) tx.set(title, `t${value}`)
    else if (act === 1) tx.add(votes, value - 1)
    else if (act === 2) tx.insert(text, 0, `${value}`)
    else if (act === 3 && tx.get(card) === undefined) tx.create(card, { title: `c${value}` })
    else if (act === 4) tx.delete(card)
    else if (act === 5 && tx.get(card) !== undefined) tx.patch(card, { title: `p${value}` })
    else if (act === 6 && tx.get(card) !== undefined) tx.move(card, cards.list(parent), 0)
    else if (act === 7)
      tx.orElse(
        (left) => (left.set(title, 'gone'), left.retry()),
        (right) => right.add(votes, 1),
      )
    else if (act === 8) tx.set(title, `${String(tx.get(title))}${tx.get(votes)}`.slice(0, 9))
  }
}

const answers = (snapshot: Snapshot): unknown[] => [
  ...readables.map((readable) => snapshot.get(readable)),
  ...snapshot.items(cards),
]

function begun(bodies: readonly Body[]): Replica {
  const one = replica()
  for (const writes of bodies) one.transact((tx) => perform(tx, writes))
  return one
}

test('[SN7] with gives what a commit of the same body would give, on any Snapshot, again and again, and touches nothing', () => {
  const did = { written: 0, old: 0, listed: 0 }
  fc.assert(
    fc.property(
      fc.array(body, { maxLength: 8 }),
      fc.array(body, { minLength: 1, maxLength: 4 }),
      fc.nat(8),
      fc.boolean(),
      (history, bodies, at, isAskedFirst) => {
        const cut = Math.min(at, history.length)
        const here = begun(history.slice(0, cut))
        const { snapshot } = here.memory
        if (isAskedFirst) answers(snapshot)
        for (const writes of history.slice(cut)) here.transact((tx) => perform(tx, writes))
        const untouched = [here.memory.snapshot, answers(here.memory.snapshot), answers(snapshot)] as const
        liveCalls.splice(0)

        const speculative: Snapshot[] = []
        for (const writes of bodies) {
          const on: Snapshot = speculative.at(-1) ?? snapshot
          speculative.push(on.with((tx) => perform(tx as Tx, writes)))
        }
        expect(liveCalls).toEqual([])

        // The slow way: the same history, and then the bodies one after the other, committed.
        const there = begun(history.slice(0, cut))
        bodies.forEach((writes, i) => {
          const { ops } = there.transact((tx) => perform(tx, writes))
          const made = speculative[i]!
          expect(answers(made)).toEqual(answers(there.memory.snapshot))
          for (const readable of readables.filter(({ kind }) => kind !== 'range')) {
            expect(made.get(readable)).toBe(made.get(readable))
          }
          expect(made.basis).toBe(snapshot.basis)
          expect(made === (speculative[i - 1] ?? snapshot)).toBe(ops.length === 0)
          did.written += ops.length
          did.listed += made.get(cards.list('todo')).length
        })
        expect(here.memory.snapshot).toBe(untouched[0])
        expect([answers(here.memory.snapshot), answers(snapshot)]).toEqual([untouched[1], untouched[2]])
        if (cut < history.length) did.old += 1
      },
    ),
    { seed: 77 },
  )
  for (const count of Object.values(did)) expect(count).toBeGreaterThan(10)
})

test('[SN8] diff says what differs, as a walk over everything does: of old and new Snapshots, and of what with made, either way round', () => {
  const did = { differing: 0, members: 0, same: 0, keys: 0 }
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          writes: body,
          isHeld: fc.boolean(),
          repeat: fc.oneof({ weight: 9, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.constant(40) }),
        }),
        {
          maxLength: 8,
        },
      ),
      fc.array(fc.record({ writes: body, on: fc.nat(9) }), { maxLength: 4 }),
      fc.boolean(),
      (history, more, isAskedFirst) => {
        const { memory, transact } = replica()
        if (isAskedFirst) answers(memory.snapshot)
        const snapshots: Snapshot[] = [memory.snapshot]
        for (const { writes, isHeld, repeat } of history) {
          for (let i = 0; i < repeat; i++) transact((tx) => (perform(tx, writes), tx.add(votes, 1)))
          if (isHeld) snapshots.push(memory.snapshot)
        }
        for (const { writes, on } of more) {
          snapshots.push(snapshots[on % snapshots.length]!.with((tx) => perform(tx as Tx, writes)))
        }
        for (const before of snapshots) {
          for (const after of snapshots) {
            const found = diff(before, after)
            for (const readable of readables) {
              const differs = !equalValues(before.get(readable), after.get(readable))
              expect(found.has(readable)).toBe(differs)
              // Every ref that reads differently is among the keys.
              expect(readable.kind === 'ref' && differs && !found.keys.has(readable.key)).toBe(false)
              if (differs) did.differing += 1
              else did.same += 1
            }
            for (const key of found.keys) expect(readables.some((readable) => readable.key === key)).toBe(true)
            const [was, is] = [before.get(cards), after.get(cards)]
            const members = found.members(cards)
            expect(members).toEqual({
              added: is.filter((id) => !was.includes(id)),
              removed: was.filter((id) => !is.includes(id)),
              changed: is.filter(
                (id) => was.includes(id) && !equalValues(before.get(cards.at(id)), after.get(cards.at(id))),
              ),
            })
            did.members += members.added.length + members.removed.length + members.changed.length
            did.keys += found.keys.size
          }
        }
      },
    ),
    { seed: 78, numRuns: 100 },
  )
  for (const count of Object.values(did)) expect(count).toBeGreaterThan(500)
})

test('[SN8] with and diff of refs of every arbiter', () => {
  const { memory } = replica()
  const wide: (tx: Tx<Arbiter>) => void = (tx) => tx.set(title, 'x')
  const made = memory.snapshot.with(wide)
  expect(diff(memory.snapshot, made).has(title)).toBe(true)
})
