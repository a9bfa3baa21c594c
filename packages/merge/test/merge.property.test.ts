import { equalValues, type Policy, type Readable, type Ref, type Value } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { count, counter, field, list, lww, optional, record } from '../src/index.ts'
import { createReplica } from './replica.ts'

const steps = list<Value>('steps')
const form = record('form', {
  title: '',
  tags: field<readonly string[]>([]),
  due: optional<number>(),
  votes: count(),
  ['__proto__']: false,
})
type Form = typeof form extends Readable<infer V> ? V : never

const word = fc.constantFrom('a', 'b', 'c')
const forms: fc.Arbitrary<Form> = fc
  .tuple(word, fc.array(word, { maxLength: 2 }), fc.option(fc.nat(2), { nil: undefined }), fc.nat(3), fc.boolean())
  .map(([title, tags, due, votes, own]) => ({
    title,
    tags,
    ...(due === undefined ? {} : { due }),
    votes,
    ['__proto__']: own,
  })) as fc.Arbitrary<Form>
const values = fc.array(fc.constantFrom<Value>('a', 'b', 'c', 1, '1', null), { maxLength: 8 })

/** A kind of ref, and values it may have. */
interface Kind<V = any> {
  readonly ref: Ref<V, any>
  readonly values: fc.Arbitrary<V>
}

const kinds: readonly Kind[] = [
  { ref: lww<Value>('any', null), values: fc.constantFrom<Value>(null, 'a', 1, [1], { a: 1 }, { a: 2 }) },
  { ref: counter('votes'), values: fc.constantFrom(0, 1, -2, 0.1, 0.3, 1e15) },
  { ref: steps, values },
  { ref: form, values: forms },
]

for (const { ref, values } of kinds) {
  test(`[MG1] ${ref.policy.tag}: what was merged into what somebody had reads as they want it, and nothing changed is nothing written`, () => {
    let written = 0
    fc.assert(
      fc.property(values, values, values, (base, theirs, mine) => {
        const replica = createReplica('w', [ref.policy])
        const fresh = replica.memory.snapshot.get(ref)
        replica.transact((tx) => tx.merge(ref, fresh, base))
        expect(replica.memory.snapshot.get(ref)).toEqual(base)
        replica.transact((tx) => tx.merge(ref, base, theirs))
        expect(replica.memory.snapshot.get(ref)).toEqual(theirs)
        // Somebody who did not see that, and has changed nothing.
        expect(replica.transact((tx) => tx.merge(ref, base, structuredClone(base)))).toBeUndefined()
        const before = replica.memory.state(ref.key)
        const change = replica.transact((tx) => {
          tx.merge(ref, theirs, mine)
          expect(tx.get(ref)).toEqual(mine)
        })
        expect(replica.memory.snapshot.get(ref)).toEqual(mine)
        expect(change === undefined).toBe(equalValues(theirs, mine))
        expect(change === undefined).toBe(replica.memory.state(ref.key) === before)
        if (change !== undefined) written += 1
      }),
      { seed: 101, numRuns: 300 },
    )
    expect(written).toBeGreaterThan(100)
  })
}

test('[MG2] [MG4] a record: of each field what was changed here, and else what others have left', () => {
  const tried = { mine: 0, theirs: 0 }
  fc.assert(
    fc.property(forms, forms, forms, (base, theirs, mine) => {
      const replica = createReplica('w', [form.policy])
      replica.transact((tx) => tx.merge(form, tx.get(form), base))
      replica.transact((tx) => tx.merge(form, tx.get(form), theirs))
      const change = replica.transact((tx) => tx.merge(form, base, mine))
      const expected: Record<string, unknown> = {}
      let [differing, now] = [0, replica.memory.snapshot.get(form)]
      for (const name of ['title', 'tags', 'due', 'votes', '__proto__'] as const) {
        const [had, there, wanted] = [base[name], theirs[name], mine[name]]
        const isMine = !equalValues(had, wanted)
        const value = name === 'votes' ? theirs.votes + mine.votes - base.votes : isMine ? wanted : there
        tried[isMine ? 'mine' : 'theirs'] += 1
        if (!equalValues(value, there)) differing += 1
        if (value !== undefined) Object.defineProperty(expected, name, { value, enumerable: true })
        now = { ...now }
      }
      expect(now).toEqual(expected)
      // Three items for each field that had to be written.
      expect(((change?.ops[0]!.payload as Value[] | undefined)?.length ?? 2) - 2).toBe(3 * differing)
    }),
    { seed: 102, numRuns: 400 },
  )
  expect(tried.mine).toBeGreaterThan(300)
  expect(tried.theirs).toBeGreaterThan(300)
})

/** How many edits an operation of a list has. */
function editsIn(payload: Value | undefined): number {
  let edits = 0
  const values = (payload ?? []) as readonly Value[]
  for (let i = 0; i < values.length; i += [4, 3, 2][values[i] as number]!) edits += 1
  return edits
}

/** The fewest insertions, removals and moves between arrays of at most five items, found by trying all of them. */
function fewestFrom(start: readonly string[], alphabet: readonly string[]): ReadonlyMap<string, number> {
  const steps = new Map([[start.join(), 0]])
  const queue = [start]
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const found: string[][] = []
    for (let i = 0; i <= next.length; i++) {
      if (next.length < 5) for (const item of alphabet) found.push(next.toSpliced(i, 0, item))
      if (i === next.length) continue
      const rest = next.toSpliced(i, 1)
      found.push(rest)
      for (let j = 0; j <= rest.length; j++) found.push(rest.toSpliced(j, 0, next[i]!))
    }
    for (const one of found) {
      if (steps.has(one.join())) continue
      steps.set(one.join(), steps.get(next.join())! + 1)
      queue.push(one)
    }
  }
  return steps
}

test('[MG5] no fewer edits make of one list another: tried against all there are', () => {
  const alphabet = ['a', 'b', 'c', 'd']
  const known = new Map<string, ReadonlyMap<string, number>>()
  const small = fc.array(fc.constantFrom(...alphabet), { maxLength: 4 })
  let edited = 0
  fc.assert(
    fc.property(small, small, (base, mine) => {
      const replica = createReplica('w', [steps.policy])
      replica.transact((tx) => tx.insert(steps, 0, base))
      const change = replica.transact((tx) => tx.merge(steps, base, mine))
      const edits = editsIn(change?.ops[0]!.payload)
      const fewest = known.get(base.join()) ?? fewestFrom(base, alphabet)
      known.set(base.join(), fewest)
      expect(edits).toBe(fewest.get(mine.join()))
      edited += edits
    }),
    { seed: 103, numRuns: 300 },
  )
  expect(edited).toBeGreaterThan(500)
})

/** What one side does to an array: edits by numbers. */
type Edits = readonly (readonly [number, number, number])[]
const edits: fc.Arbitrary<Edits> = fc.array(fc.tuple(fc.nat(2), fc.nat(99), fc.nat(99)), { maxLength: 5 })

function edited(items: readonly string[], edits: Edits, name: string): string[] {
  return edits.reduce<string[]>(
    (now, [kind, from, to], n) => {
      if (kind === 0 || now.length === 0) return now.toSpliced(from % (now.length + 1), 0, `${name}${n}`)
      const at = from % now.length
      const rest = now.toSpliced(at, 1)
      return kind === 1 ? rest : rest.toSpliced(to % (rest.length + 1), 0, now[at]!)
    },
    [...items],
  )
}

test('[MG2] [MG5] [MG7] a list: what others did to what was not touched here stays, and nothing is lost or twice', () => {
  const met = { concurrently: 0, movedByOthers: 0, removedByOthers: 0 }
  fc.assert(
    fc.property(fc.nat(7), edits, edits, (length, theirEdits, myEdits) => {
      const base = Array.from({ length }, (_, i) => `base${i}`)
      const replica = createReplica('w', [steps.policy])
      replica.transact((tx) => tx.insert(steps, 0, base))
      const theirs = edited(base, theirEdits, 'theirs')
      replica.transact((tx) => tx.merge(steps, base, theirs))
      const idsBefore = idsIn(replica.memory.state(steps.key))
      const mine = edited(base, myEdits, 'mine')
      replica.transact((tx) => tx.merge(steps, base, mine))
      const now = replica.memory.snapshot.get(steps) as string[]

      expect(new Set(now).size).toBe(now.length)
      const isGone = (item: string): boolean => base.includes(item) && !(mine.includes(item) && theirs.includes(item))
      expect(new Set(now)).toEqual(new Set([...theirs, ...mine].filter((item) => !isGone(item))))
      // Of what was there nothing became another item.
      const idsNow = idsIn(replica.memory.state(steps.key))
      for (const item of now.filter((item) => theirs.includes(item))) expect(idsNow.get(item)).toBe(idsBefore.get(item))
      // What was not moved here, and what others put in, stands to each other as they have it.
      const kept = base.filter((item) => mine.includes(item))
      const inMine = mine.filter((item) => base.includes(item))
      const untouched = (item: string): boolean => !base.includes(item) || equalValues(kept, inMine)
      const ofTheirs = (items: readonly string[]): string[] =>
        items.filter((item) => theirs.includes(item) && untouched(item) && !isGone(item))
      expect(ofTheirs(now)).toEqual(ofTheirs(theirs))
      if (theirEdits.length > 0 && myEdits.length > 0) met.concurrently += 1
      if (theirs.some((item, i) => base.includes(item) && base.indexOf(item) < base.indexOf(theirs[i - 1] ?? ''))) {
        met.movedByOthers += 1
      }
      if (base.some((item) => !theirs.includes(item))) met.removedByOthers += 1
    }),
    { seed: 104, numRuns: 500 },
  )
  expect(met.concurrently).toBeGreaterThan(200)
  expect(met.movedByOthers).toBeGreaterThan(50)
  expect(met.removedByOthers).toBeGreaterThan(100)
})

/** The id of the item that has a value; there is one of each. */
function idsIn(state: unknown): ReadonlyMap<string, string> {
  if (state === undefined) return new Map()
  const { order } = state as { readonly order: readonly { readonly id: string; readonly value: string }[] }
  return new Map(order.map(({ id, value }) => [value, id]))
}

test('[MG7] what others did in the same way is not done again, with repeated values too', () => {
  let changed = 0
  fc.assert(
    fc.property(values, values, (base, mine) => {
      const replica = createReplica('w', [steps.policy])
      replica.transact((tx) => tx.insert(steps, 0, base))
      if (replica.transact((tx) => tx.merge(steps, base, mine)) !== undefined) changed += 1
      expect(replica.transact((tx) => tx.merge(steps, base, mine))).toBeUndefined()
    }),
    { seed: 105, numRuns: 300 },
  )
  expect(changed).toBeGreaterThan(200)
})

test('[MG5] [MG7] a list with repeated values: nothing throws, drafts read what commits, and counts add up', () => {
  let runs = 0
  fc.assert(
    fc.property(values, values, values, (base, theirs, mine) => {
      const replica = createReplica('w', [steps.policy])
      replica.transact((tx) => tx.insert(steps, 0, base))
      replica.transact((tx) => tx.merge(steps, base, theirs))
      let seen: unknown
      replica.transact((tx) => {
        tx.merge(steps, base, mine)
        seen = tx.get(steps)
      })
      const now = replica.memory.snapshot.get(steps)
      expect(now).toEqual(seen)
      const countOf = (items: readonly Value[], value: Value): number => items.filter((item) => item === value).length
      for (const value of new Set([...base, ...theirs, ...mine])) {
        const [inBase, inTheirs, inMine] = [countOf(base, value), countOf(theirs, value), countOf(mine, value)]
        // Those that both added in the same way are there once, and those that both removed are gone once.
        const sum = inTheirs + inMine - inBase
        expect(countOf(now, value)).toBeGreaterThanOrEqual(Math.min(sum, inTheirs, inMine))
        expect(countOf(now, value)).toBeLessThanOrEqual(Math.max(sum, inTheirs, inMine))
      }
      runs += 1
    }),
    { seed: 106, numRuns: 1_000 },
  )
  expect(runs).toBe(1_000)
})

test('[MG1] merging on a draft is merging on what the transaction has written', () => {
  const policy: Policy = steps.policy
  const context = { stamp: { at: 1, writer: 'w' }, seed: 's' }
  let draft: unknown = policy.draft(undefined, steps)
  draft = policy.edit(draft, { kind: 'insert', index: 0, content: ['a', 'b'] }, steps, context)
  draft = policy.edit(draft, { kind: 'merge', base: ['a', 'b'], mine: ['b', 'x'] }, steps, context)
  expect(policy.readDraft(draft, steps)).toEqual(['b', 'x'])
  expect(editsIn(policy.finish(draft, steps, context))).toBe(2)
})
