import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { rootsOf } from '../src/doc-roots.ts'
import { readDoc } from '../src/doc-value.ts'
import type { DocValue } from '../src/doc-value.ts'
import { mergeUpdates } from '../src/update.ts'
import { act, DocSite, edit, historyOfDoc, page, perform } from './doc-world.ts'
import type { Sent } from './world.ts'

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('direct' as const), site: fc.nat(4), act }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('transact' as const),
      site: fc.nat(4),
      acts: fc.array(act, { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('open' as const), site: fc.nat(4) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('deliver' as const), site: fc.nat(4), which: fc.nat() }) },
)

const did = { edits: 0, concurrent: 0, marks: 0, nodes: 0, nested: 0 }

function run(
  count: number,
  steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[],
  order: number,
): void {
  const sites = Array.from({ length: count }, (_, i) => new DocSite(i, count))
  const inbox: Sent[][] = sites.map(() => [])
  const posted = sites.map(() => 0)
  const opened: (ReturnType<DocSite['open']> | undefined)[] = sites.map((site, i) =>
    i % 2 === 0 ? site.open(page) : undefined,
  )
  const post = (): void => {
    sites.forEach((site, i) => {
      for (; posted[i]! < site.sent.length; posted[i]!++) {
        inbox.forEach((box, to) => {
          if (to !== i) box.push(site.sent[posted[i]!]!)
        })
      }
    })
  }
  for (const one of steps) {
    const index = one.site % count
    const site = sites[index]!
    const live = opened[index]
    switch (one.kind) {
      case 'direct':
        if (live === undefined)
          site.transact(
            page,
            edit((roots) => perform(roots, one.act)),
          )
        else live.doc.transact(() => perform(live.roots, one.act))
        break
      case 'transact':
        site.transact(page, ...one.acts.map((each) => edit((roots) => perform(roots, each))))
        break
      case 'open':
        if (live === undefined) opened[index] = site.open(page)
        else {
          site.policy.release(live)
          opened[index] = undefined
        }
        break
      case 'deliver': {
        const [change] = inbox[index]!.splice(one.which % Math.max(1, inbox[index]!.length), 1)
        if (change !== undefined) site.receive(change)
        break
      }
    }
    post()
    const shown = opened[index]
    const settled = shown !== undefined && !shown.hasUncommitted
    expect(settled ? readDoc(shown.doc) : site.read(page)).toEqual(site.read(page))
  }
  for (const site of sites) site.policy.flush()
  post()
  sites.forEach((site, i) => {
    const rest = inbox[i]!
    while (rest.length > 0) site.receive(rest.splice(order % rest.length, 1)[0]!)
  })
  const all = sites.flatMap((site) => site.sent)
  const expected = sites[0]!.read(page)
  for (const [i, site] of sites.entries()) {
    expect(site.reports).toEqual([])
    expect(site.read(page)).toEqual(expected)
    expect(JSON.stringify(site.read(page))).toBe(JSON.stringify(expected))
    expect(site.replayed(page)).toEqual(expected)
    expect(site.policy.live('page').read()).toEqual(expected)
    const shown = opened[i]
    expect(shown === undefined ? expected : fresh(shown.doc)).toEqual(expected)
  }
  // Plain Yjs as the slow and obvious model: what all wrote, as one update.
  const model = new Y.Doc()
  rootsOf(model)
  const updates = all.map((change) => change.payload as Uint8Array)
  if (updates.length > 0) Y.applyUpdate(model, mergeUpdates(updates))
  expect(readDoc(model)).toEqual(expected)
  did.edits += all.length
  did.concurrent += all.filter((a) =>
    all.some((b) => a.from !== b.from && a.deps[b.from]! < b.seq && b.deps[a.from]! < a.seq),
  ).length
  const json = JSON.stringify(expected)
  did.marks += json.split('"marks"').length - 1
  did.nodes += json.split('"type"').length - 1
  did.nested += Object.values(expected.map).filter((value) => typeof value === 'object').length
}

/** What a document reads as without what is remembered of it. */
function fresh(doc: Y.Doc): DocValue {
  const copy = new Y.Doc({ gc: false })
  rootsOf(copy)
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
  return readDoc(copy)
}

test('[DO10] 3 to 5 writers who edit nodes, marks, maps and arrays at once end alike in every order of delivery', () => {
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 5 }), fc.array(step, { minLength: 30, maxLength: 80 }), fc.nat(), run),
    { seed: 20271, numRuns: process.env.SYNCLINE_LONG === '1' ? 3000 : 80 },
  )
  expect(did.edits).toBeGreaterThan(1200)
  expect(did.concurrent).toBeGreaterThan(700)
  expect(did.marks).toBeGreaterThan(100)
  expect(did.nodes).toBeGreaterThan(300)
  expect(did.nested).toBeGreaterThan(40)
})

test('[DO11] merging any history in any order gives the same bytes', () => {
  let [moved, early] = [0, 0]
  fc.assert(
    fc.property(historyOfDoc, fc.infiniteStream(fc.nat()), (updates, chance) => {
      const random = (): number => chance.next().value as number
      const results = Array.from({ length: 3 }, (_, round) => {
        const order = round === 0 ? [...updates] : [...updates, ...updates.filter(() => random() % 4 === 0)]
        for (let i = order.length - 1; round > 0 && i > 0; i--) {
          const other = random() % (i + 1)
          if (other !== i) moved++
          ;[order[i], order[other]] = [order[other]!, order[i]!]
        }
        const site = new DocSite()
        const live = site.open(page)
        order.forEach((payload, i) => {
          site.receive({ from: 0, seq: i + 1, deps: [i], address: 'page', payload })
          expect([live.doc.store.pendingStructs, live.doc.store.pendingDs]).toEqual([null, null])
        })
        early += site.codes.length
        expect(site.codes.every((code) => code === 'update-incomplete')).toBe(true)
        expect(live.read()).toEqual(fresh(live.doc))
        // As text, which is compared much faster than byte by byte.
        const state = Buffer.from(Y.encodeStateAsUpdate(live.doc)).toString('latin1')
        return { value: JSON.stringify(site.read(page)), state }
      })
      expect(results[1]).toEqual(results[0])
      expect(results[2]).toEqual(results[0])
    }),
    { seed: 20272, numRuns: process.env.SYNCLINE_LONG === '1' ? 3000 : 120 },
  )
  expect([moved > 1200, early > 500]).toEqual([true, true])
})
