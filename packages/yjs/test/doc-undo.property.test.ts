import type { Value } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { docPolicy } from '../src/doc.ts'
import type { DocValue } from '../src/doc-value.ts'
import type { LiveDoc } from '../src/live-doc.ts'
import { act, edit, historyOfDoc, page, perform } from './doc-world.ts'
import { UndoingDocumentSite } from './undoing.ts'
import { stamp } from './world.ts'

class UndoingDoc extends UndoingDocumentSite<DocValue, LiveDoc> {
  constructor(index = 0, sites = 1) {
    super(docPolicy, page, index, sites)
  }
}

const move = fc.oneof(
  { weight: 9, arbitrary: fc.record({ kind: fc.constant('edit' as const), act, direct: fc.boolean() }) },
  {
    weight: 7,
    arbitrary: fc.record({
      kind: fc.constantFrom('undo' as const, 'redo' as const),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('reload' as const, 'group' as const) }) },
)
type Move = typeof move extends fc.Arbitrary<infer M> ? M : never

/** Outside of a test, where the linter takes a condition for a test that may hold nothing. */
const same = (actual: unknown, expected: unknown): void => expect(actual).toEqual(expected)

function write(site: UndoingDoc, one: Move): void {
  if (one.kind === 'group') site.isGrouping = !site.isGrouping
  else if (one.kind === 'reload') site.reload()
  else if (one.kind === 'edit' && one.direct) {
    const live = site.open(page)
    live.doc.transact(() => perform(live.roots, one.act))
    site.policy.flush()
  } else if (one.kind === 'edit')
    site.transact(
      page,
      edit((roots) => perform(roots, one.act)),
    )
}

let walked = 0

/** Does moves on a site that is alone, and holds what each undo and redo comes to against what the doc was. */
function walk(moves: readonly Move[]): void {
  const site = new UndoingDoc()
  let values: DocValue[] = []
  let place = 0
  for (const one of moves) {
    if (one.kind === 'undo' || one.kind === 'redo') {
      site.isGrouping = false
      for (let i = 0; i < one.count; i++) {
        const before = site.read(page)
        const taken = site[one.kind]()
        if (one.kind === 'undo' ? place === 0 : place === values.length - 1 || values.length === 0) {
          same(taken, undefined)
          continue
        }
        place += one.kind === 'undo' ? -1 : 1
        same([site.read(page), site.replayed(page), taken!.superseded], [values[place], values[place], []])
        // A step that came to nothing has nothing to take, and is gone.
        if (taken!.sent === undefined) {
          same(values[place], before)
          values.splice(one.kind === 'undo' ? place + 1 : place, 1)
          if (one.kind === 'redo') place -= 1
        }
        walked += 1
      }
      continue
    }
    const before = site.read(page)
    const steps = site.undos.length
    const sent = site.sent.length
    write(site, one)
    if (site.sent.length === sent) continue
    if (site.undos.length > steps) {
      values = [...values.slice(0, place), before]
      place += 1
    }
    values = [...values.slice(0, place), site.read(page)]
  }
  same(site.reports, [])
}

test('[DO9] [ME60] [ME65] alone, steps go back one by one through everything a doc was, and forward again, over reloads', () => {
  walked = 0
  fc.assert(fc.property(fc.array(move, { minLength: 2, maxLength: 30, size: 'max' }), walk), {
    seed: 20281,
    numRuns: process.env.SYNCLINE_LONG === '1' ? 3000 : 70,
  })
  expect(walked).toBeGreaterThan(120)
})

test('[DO9] a step that has written and deleted the same comes to nothing, and leaves nothing to do again', () => {
  const site = new UndoingDoc()
  const direct = { kind: 'edit', direct: true } as const
  const at = { at: 0, which: 1, size: 1, word: 'typed' }
  write(site, { ...direct, act: { ...at, kind: 'paragraph' } })
  write(site, { ...direct, act: { ...at, kind: 'put' } })
  site.isGrouping = true
  write(site, { ...direct, act: { ...at, kind: 'put' } })
  const before = site.read(page)
  site.isGrouping = false
  write(site, { ...direct, act: { ...at, kind: 'type' } })
  site.isGrouping = true
  write(site, { ...direct, act: { ...at, kind: 'erase', size: 5 } })
  expect(site.read(page)).toEqual(before)
  expect([site.undo(), site.redos.length]).toMatchObject([{ sent: undefined, superseded: [] }, 0])
  site.undo()
  expect(site.read(page).array).toEqual([])
  site.redo()
  expect(site.read(page)).toEqual(before)
})

const turn = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('edit' as const), site: fc.nat(2), act, direct: fc.boolean() }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('undo' as const, 'redo' as const), site: fc.nat(2) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('deliver' as const), site: fc.nat(2) }) },
)

test('[DO9] three who edit and take back at once end alike, and whoever takes back all of theirs leaves what others wrote', () => {
  let [taken, superseded, kept] = [0, 0, 0]
  fc.assert(
    fc.property(fc.array(turn, { minLength: 25, maxLength: 45, size: 'max' }), (turns) => {
      const sites = [0, 1, 2].map((index) => new UndoingDoc(index, 3))
      const posted = sites.map(() => [0, 0, 0])
      const deliver = (to: number): void => {
        sites.forEach((from, i) => {
          if (i === to) return
          for (; posted[to]![i]! < from.sent.length; posted[to]![i]!++) sites[to]!.receive(from.sent[posted[to]![i]!]!)
        })
      }
      for (const word of ['some words', 'and others']) {
        sites[1]!.transact(
          page,
          edit((roots) => perform(roots, { kind: 'paragraph', at: 0, which: 0, size: 1, word })),
        )
      }
      for (const to of [0, 2]) deliver(to)
      for (const one of turns) {
        const site = sites[one.site]!
        if (one.kind === 'deliver') deliver(one.site)
        else if (one.kind === 'edit') write(site, one)
        else {
          const { superseded: others, sent } = site[one.kind]() ?? { superseded: [], sent: undefined }
          if (others.length > 0) superseded++
          if (sent !== undefined) taken++
        }
      }
      // One of them goes on alone where the others write no more: what they wrote into keys of their own is there to the end.
      sites.forEach((site, i) =>
        site.transact(
          page,
          edit(({ map }) => map.set(`of ${i}`, i)),
        ),
      )
      for (const to of [0, 1, 2, 0, 1]) deliver(to)
      const [first] = sites as [UndoingDoc]
      for (let one = first.undo(); one !== undefined; one = first.undo()) {
        taken++
        if (one.superseded.length > 0) superseded++
      }
      for (const to of [1, 2, 0]) deliver(to)
      const expected = first.read(page)
      for (const site of sites) {
        expect([site.read(page), site.replayed(page), site.reports]).toEqual([expected, expected, []])
      }
      expect([expected.map['of 0'], expected.map['of 1'], expected.map['of 2']]).toEqual([undefined, 1, 2])
      kept += expected.fragment.length
    }),
    { seed: 20282, numRuns: process.env.SYNCLINE_LONG === '1' ? 3000 : 40 },
  )
  expect([taken > 200, superseded > 10, kept > 60]).toEqual([true, true, true])
})

test('[DO9] whatever an inverse and what was put back say, nothing throws, and what comes of it is an update like others', () => {
  // The clients of the history are these two.
  const client = fc.constantFrom(1, 1, 0x1001, 0x1001, 5)
  const clock = fc.oneof({ weight: 9, arbitrary: fc.nat(50) }, { weight: 1, arbitrary: fc.constant(2 ** 40) })
  const length = fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 1, max: 9 }) },
    { weight: 1, arbitrary: fc.constant(2 ** 40) },
  )
  const ranges = fc.array(fc.tuple(client, clock, length), { maxLength: 4 }).map((list) => list.flat())
  const line = fc.array(fc.tuple(client, clock, length, client, clock), { maxLength: 4 }).map((list) => list.flat())
  const data: fc.Arbitrary<Value> = fc.oneof(
    { weight: 8, arbitrary: fc.tuple(ranges, ranges) },
    { weight: 1, arbitrary: fc.constantFrom<Value>(null, 7, [], ['x'], [[1, 2, 0], []], { a: 1 }) },
  )
  let made = 0
  fc.assert(
    fc.property(
      historyOfDoc,
      fc.array(data, { maxLength: 3 }),
      fc.array(line, { maxLength: 3 }),
      (updates, inverses, lines) => {
        const site = new UndoingDoc(2, 3)
        updates.forEach((payload, i) =>
          site.receive({ from: 0, seq: i + 1, deps: [i, 0, 0], address: 'page', payload }),
        )
        const { payload } = site.reversal.revert(
          site.states.get('page'),
          inverses.map((inverse) => ({ inverse, stamp })),
          { ...site.past, restorations: () => lines },
        )
        if (payload === undefined) return
        made++
        site.commit('page', payload)
        expect([site.replayed(page), site.reports]).toEqual([site.read(page), []])
      },
    ),
    { seed: 20283, numRuns: 120 },
  )
  expect(made).toBeGreaterThan(30)
})
