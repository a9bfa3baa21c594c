import fc from 'fast-check'
import { expect, test } from 'vitest'
import { copiesIn } from '../src/conflict-copies.ts'
import { isMarked } from '../src/generation-format.ts'
import { plainText } from '../src/plain-text.ts'
import { textPolicy } from '../src/policy.ts'
import { ignore, load } from '../src/state.ts'
import type { TextState } from '../src/state.ts'
import { OrderedSite } from './retired-world.ts'
import type { Placed } from './retired-world.ts'
import { insert, note, remove } from './world.ts'

const isLong = process.env['SYNCLINE_LONG'] === '1'
const RETENTION_MS = 1

const site = fc.nat(3)
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('insert' as const), site, at: fc.nat(), length: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('remove' as const), site, at: fc.nat(), length: fc.nat(6) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('type' as const), site, at: fc.nat(), length: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('open' as const), site }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cut' as const), site, at: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('retire' as const), site, at: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('later' as const), site }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reload' as const), site }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), site, at: fc.nat() }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('send' as const), site, at: fc.nat(5) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('follow' as const), site, at: fc.nat(8) }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

const counts = { edits: 0, cuts: 0, retirements: 0, copies: 0, dropped: 0, rebuilt: 0, compacted: 0 }

function run(count: number, steps: readonly Step[]): void {
  const relay: Placed[] = []
  const clock = { at: 1 }
  const sites = Array.from({ length: count }, (_, i) => new OrderedSite(relay, clock, i, count))
  const opened: (ReturnType<OrderedSite['open']> | undefined)[] = sites.map(() => undefined)
  let next = 0x4e00
  const fresh = (length: number): string => String.fromCharCode(...Array.from({ length }, () => next++))
  const gone = new Set<string>()
  sites[0]!.transact(note, insert(0, fresh(12)))
  sites[0]!.send()
  for (const one of sites) one.follow()
  for (const one of steps) {
    const index = one.site % count
    const at = sites[index]!
    const live = opened[index]
    switch (one.kind) {
      case 'insert':
        at.policy.flush()
        at.transact(note, insert(one.at % (at.read(note).length + 1), fresh(one.length + 1)))
        break
      case 'remove': {
        at.policy.flush()
        const text = at.read(note)
        const from = one.at % (text.length + 1)
        const length = Math.min(one.length, text.length - from)
        for (const character of text.slice(from, from + length)) gone.add(character)
        at.transact(note, remove(from, length))
        break
      }
      case 'type':
        live?.text.insert(one.at % (live.text.length + 1), fresh(one.length + 1))
        break
      case 'open':
        if (live === undefined) opened[index] = at.open(note)
        else {
          at.policy.release(live)
          opened[index] = undefined
        }
        break
      case 'cut':
        // Some are retained longer.
        at.cut(one.at * RETENTION_MS)
        counts.cuts += 1
        break
      case 'retire':
        at.policy.flush()
        for (let i = at.pending.length; i > 0; i--) at.send()
        while (at.at < relay.length) at.follow()
        clock.at += 1500 * RETENTION_MS
        if (at.retire()) counts.retirements += 1
        // What others have sent meanwhile stands before it.
        for (const other of one.at % 2 === 0 ? [at] : [...sites, at]) other.send()
        break
      case 'later':
        for (let work = at.laters.shift(); work !== undefined; work = at.laters.shift()) {
          work()
          counts.compacted += 1
        }
        break
      case 'reload':
        at.reload()
        break
      case 'drop': {
        const copy = at.copies[one.at % 2]
        if (copy === undefined) break
        for (const character of copy.inserted.join('')) gone.add(character)
        at.drop(copy)
        counts.dropped += 1
        break
      }
      case 'send':
        for (let i = 0; i <= one.at; i++) at.send()
        break
      case 'follow':
        for (let i = 0; i <= one.at; i++) at.follow()
        break
    }
    expect(at.codes.filter((code) => code !== 'conflict-copy')).toEqual([])
    const shown = opened[index]
    const text = at.read(note)
    const settled = shown !== undefined && !shown.hasUncommitted ? shown.text.toString() : text
    expect([at.replayed(note), settled]).toEqual([text, text])
  }
  for (const one of sites) {
    one.policy.flush()
    for (let i = one.pending.length; i > 0; i--) one.send()
  }
  for (const one of sites) while (one.at < relay.length) one.follow()

  const expected = sites[0]!.read(note)
  const copies = sites[0]!.copies
  for (const [i, one] of sites.entries()) {
    expect([one.read(note), one.replayed(note), one.pending]).toEqual([expected, expected, []])
    expect(opened[i]?.text.toString() ?? expected).toBe(expected)
    expect(one.copies).toEqual(copies)
    one.reload()
    expect([one.read(note), one.copies]).toEqual([expected, copies])
    counts.rebuilt += one.rebuilt
  }
  // Whoever reads the order anew, and puts nothing together.
  let state: TextState | undefined
  for (const { payload, stamp } of relay) state = textPolicy.apply(state, payload.slice(), stamp)
  const replica = load(plainText.create(), plainText, state?.link, ignore)
  expect([plainText.read(replica.doc), copiesIn(replica)]).toEqual([expected, copies])
  const kept = new Set(`${expected}${copies.flatMap(({ inserted }) => inserted).join('')}`)
  const written = Array.from({ length: next - 0x4e00 }, (_, i) => String.fromCharCode(0x4e00 + i))
  expect(written.filter((character) => !gone.has(character) && !kept.has(character))).toEqual([])
  counts.edits += relay.filter(({ payload }) => !isMarked(payload)).length
  counts.copies += copies.length
}

test('[TE36] what comes for a generation that was retired is a conflict copy, the same everywhere, and nothing is lost', () => {
  for (const name of Object.keys(counts)) counts[name as keyof typeof counts] = 0
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 4 }), fc.array(step, { minLength: 30, maxLength: 110 }), run),
    isLong ? { numRuns: 2_000 } : { seed: 36, numRuns: 60 },
  )
  for (const [count, least] of [
    [counts.edits, 500],
    [counts.cuts, 50],
    [counts.retirements, 50],
    [counts.copies, 20],
    [counts.dropped, 2],
    [counts.rebuilt, 80],
    [counts.compacted, 60],
  ] as const)
    expect(count).toBeGreaterThan(least)
})
