import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cutText } from '../src/generation-cut.ts'
import { isMarked, RETENTION_MS } from '../src/generation-format.ts'
import { plainText } from '../src/plain-text.ts'
import { textPolicy } from '../src/policy.ts'
import { ignore, load } from '../src/state.ts'
import type { TextState } from '../src/state.ts'
import { stateBeyond } from '../src/update-of.ts'
import { insert, note, remove, Site, stamp } from './world.ts'
import type { Sent } from './world.ts'

const isLong = process.env['SYNCLINE_LONG'] === '1'

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('insert' as const), site: fc.nat(4), at: fc.nat(), length: fc.nat(3) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('remove' as const), site: fc.nat(4), at: fc.nat(), length: fc.nat(6) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('type' as const), site: fc.nat(4), at: fc.nat(), length: fc.nat(3) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('open' as const), site: fc.nat(4) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cut' as const), site: fc.nat(4), at: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('later' as const), site: fc.nat(4) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('deliver' as const), site: fc.nat(4), which: fc.nat() }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** Begins a new life of the note. */
function cut(site: Site, at: number): void {
  site.policy.flush()
  const live = site.policy.live(note.address)
  const { replica } = live.shown!
  const client = site.randomUint32()
  site.commit(
    note.address,
    cutText(replica.doc, { client, base: replica.generations?.lives.newest, at, retentionMs: RETENTION_MS })!,
  )
}

const counts = { edits: 0, cuts: 0, late: 0, rivals: 0, compacted: 0 }

function run(count: number, steps: readonly Step[], order: number): void {
  const sites = Array.from({ length: count }, (_, i) => new Site(i, count))
  const inbox: Sent[][] = sites.map(() => [])
  const posted = sites.map(() => 0)
  const opened: (ReturnType<Site['open']> | undefined)[] = sites.map(() => undefined)
  /** Each character is written once. */
  let next = 0x4e00
  const fresh = (length: number): string => String.fromCharCode(...Array.from({ length }, () => next++))
  const deleted = new Set<string>()
  const post = (): void => {
    sites.forEach((site, i) => {
      for (; posted[i]! < site.sent.length; posted[i]!++)
        inbox.forEach((box, to) => {
          if (to !== i) box.push(site.sent[posted[i]!]!)
        })
    })
  }
  const receive = (index: number, at: number): void => {
    const [change] = inbox[index]!.splice(at % Math.max(1, inbox[index]!.length), 1)
    if (change !== undefined) sites[index]!.receive(change)
  }
  for (const one of steps) {
    const index = one.site % count
    const site = sites[index]!
    const live = opened[index]
    switch (one.kind) {
      case 'insert':
        site.policy.flush()
        site.transact(note, insert(one.at % (site.read(note).length + 1), fresh(one.length + 1)))
        break
      case 'remove': {
        site.policy.flush()
        const text = site.read(note)
        const at = one.at % (text.length + 1)
        const length = Math.min(one.length, text.length - at)
        for (const character of text.slice(at, at + length)) deleted.add(character)
        site.transact(note, remove(at, length))
        break
      }
      case 'type':
        live?.text.insert(one.at % (live.text.length + 1), fresh(one.length + 1))
        break
      case 'open':
        if (live === undefined) opened[index] = site.open(note)
        else {
          site.policy.release(live)
          opened[index] = undefined
        }
        break
      case 'cut':
        cut(site, one.at)
        break
      case 'later':
        for (let work = site.laters.shift(); work !== undefined; work = site.laters.shift()) {
          work()
          counts.compacted++
        }
        break
      case 'deliver':
        receive(index, one.which)
        break
    }
    post()
    expect(site.reports).toEqual([])
    const shown = opened[index]
    const settled = shown !== undefined && !shown.hasUncommitted ? shown.text.toString() : site.read(note)
    expect([site.replayed(note), settled]).toEqual([site.read(note), site.read(note)])
  }
  for (const site of sites) site.policy.flush()
  post()
  sites.forEach((_, i) => {
    while (inbox[i]!.length > 0) receive(i, order)
  })
  const all = sites.flatMap((site) => site.sent)
  const isConcurrent = (a: Sent, b: Sent): boolean =>
    a.from !== b.from && a.deps[b.from]! < b.seq && b.deps[a.from]! < a.seq
  const cuts = all.filter(({ payload }) => isMarked(payload as Uint8Array))
  counts.edits += all.length
  counts.cuts += cuts.length
  counts.rivals += cuts.filter((a) => cuts.some((b) => isConcurrent(a, b))).length
  counts.late += all.filter((a) => !cuts.includes(a) && cuts.some((b) => isConcurrent(a, b))).length

  const expected = sites[0]!.read(note)
  for (const [i, site] of sites.entries()) {
    expect([site.read(note), site.replayed(note), site.reports]).toEqual([expected, expected, []])
    expect(opened[i]?.text.toString() ?? expected).toBe(expected)
  }
  const written = Array.from({ length: next - 0x4e00 }, (_, i) => String.fromCharCode(0x4e00 + i))
  expect(expected.split('').sort()).toEqual(written.filter((character) => !deleted.has(character)))
  // Everything in other orders, and twice: the same to the byte.
  const encodings = new Set<string>()
  for (const list of [all, all.toReversed(), [...all, ...all.slice(order % (all.length + 1))].toReversed()]) {
    let state: TextState | undefined
    for (const { payload } of list) state = textPolicy.apply(state, payload, stamp)
    const { doc, generations } = load(plainText.create(), plainText, state?.link, ignore)
    expect(plainText.read(doc)).toBe(expected)
    encodings.add(stateBeyond(doc, generations?.lives.clocks ?? new Map()).join())
  }
  expect(encodings.size).toBe(1)
}

test('[TE30] late edits, and those of cuts that do not count, are in the newest life of a text, in any order, and nothing is lost', () => {
  Object.assign(counts, { edits: 0, cuts: 0, late: 0, rivals: 0, compacted: 0 })
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 5 }), fc.array(step, { minLength: 20, maxLength: 70 }), fc.nat(), run),
    isLong ? { numRuns: 2_000 } : { seed: 20271, numRuns: 80 },
  )
  expect(counts.edits).toBeGreaterThan(600)
  for (const [count, least] of [
    [counts.cuts, 150],
    [counts.late, 350],
    [counts.rivals, 100],
    [counts.compacted, 40],
  ] as const)
    expect(count).toBeGreaterThan(least)
})
