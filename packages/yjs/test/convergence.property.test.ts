import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { missingFrom, mergeUpdates } from '../src/update.ts'
import { plainText } from '../src/plain-text.ts'
import { textPolicy } from '../src/policy.ts'
import type { TextState } from '../src/state.ts'
import { insert, note, remove, set, Site, stamp } from './world.ts'
import type { Sent } from './world.ts'

const words = fc.constantFrom('a', 'bc', ' ', 'Zwölf', '😀', '👩‍👩‍👧', '\n', '\ufffd', 'a longer run of words')

/** One step of one writer, or a delivery. Numbers are reduced to what the text then has. */
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('insert' as const), site: fc.nat(4), at: fc.nat(), word: words }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('remove' as const), site: fc.nat(4), at: fc.nat(), length: fc.nat(6) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('set' as const), site: fc.nat(4), at: fc.nat(), word: words }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('type' as const), site: fc.nat(4), at: fc.nat(), word: words }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('erase' as const), site: fc.nat(4), at: fc.nat(), length: fc.nat(6) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('open' as const), site: fc.nat(4) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('deliver' as const), site: fc.nat(4), which: fc.nat() }) },
)

/** Direct edits of an editor never cut a character in two. */
function wholeAt(text: string, index: number): number {
  const unit = text.charCodeAt(index)
  return unit >= 0xdc00 && unit <= 0xdfff ? index - 1 : index
}

let edits = 0
let concurrent = 0

function run(
  count: number,
  steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[],
  order: number,
): void {
  const sites = Array.from({ length: count }, (_, i) => new Site(i, count))
  /** What a site has not received, in any order: each site holds back what comes too early. */
  const inbox: Sent[][] = sites.map(() => [])
  const posted = sites.map(() => 0)
  const opened: (ReturnType<Site['open']> | undefined)[] = sites.map(() => undefined)
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
    if (one.kind === 'insert' || one.kind === 'remove' || one.kind === 'set') site.policy.flush()
    switch (one.kind) {
      case 'insert':
        site.transact(note, insert(one.at % (site.read(note).length + 1), one.word))
        break
      case 'remove': {
        const { length } = site.read(note)
        const at = one.at % (length + 1)
        site.transact(note, remove(at, Math.min(one.length, length - at)), insert(0, '.'))
        break
      }
      case 'set': {
        const text = site.read(note)
        const at = wholeAt(text, one.at % (text.length + 1))
        site.transact(
          note,
          set(text.slice(0, at) + one.word + text.slice(wholeAt(text, Math.min(text.length, at + 3)))),
        )
        break
      }
      case 'type': {
        if (live === undefined) break
        const text = live.text.toString()
        live.text.insert(wholeAt(text, one.at % (text.length + 1)), one.word)
        break
      }
      case 'erase': {
        if (live === undefined) break
        const text = live.text.toString()
        const from = wholeAt(text, one.at % (text.length + 1))
        const to = wholeAt(text, Math.min(text.length, from + one.length))
        if (to > from) live.text.delete(from, to - from)
        break
      }
      case 'open':
        if (live === undefined) opened[index] = site.open(note)
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
    expect(settled ? shown.text.toString() : '').toBe(settled ? site.read(note) : '')
  }
  for (const site of sites) site.policy.flush()
  post()
  sites.forEach((site, i) => {
    const rest = inbox[i]!
    while (rest.length > 0) site.receive(rest.splice(order % rest.length, 1)[0]!)
  })
  const all = sites.flatMap((site) => site.sent)
  edits += all.length
  concurrent += all.filter((a) =>
    all.some((b) => a.from !== b.from && a.deps[b.from]! < b.seq && b.deps[a.from]! < a.seq),
  ).length

  const expected = sites[0]!.read(note)
  for (const [i, site] of sites.entries()) {
    expect(site.read(note)).toBe(expected)
    expect(site.replayed(note)).toBe(expected)
    expect(opened[i]?.text.toString() ?? expected).toBe(expected)
    expect(site.reports).toEqual([])
  }
  // Plain Yjs, which buffers what comes early, as the slow and obvious model: backwards, and twice.
  const doc = new Y.Doc()
  for (const change of [...all].reverse()) Y.applyUpdate(doc, change.payload as Uint8Array)
  for (const change of all) Y.applyUpdate(doc, change.payload as Uint8Array)
  expect(doc.getText('text').toString()).toBe(expected)
  expect(/\p{Surrogate}/u.test(expected)).toBe(false)
}

test('[TE15] 3 to 5 writers who edit at once, open and closed, end with the same text in every order of delivery', () => {
  edits = concurrent = 0
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 5 }), fc.array(step, { minLength: 20, maxLength: 60 }), fc.nat(), run),
    {
      seed: 20261,
      numRuns: 150,
    },
  )
  expect(edits).toBeGreaterThan(1500)
  expect(concurrent).toBeGreaterThan(700)
})

test('[TE4] any run of writes in one transaction gives the text it showed, in one update no larger than foretold', () => {
  let written = 0
  const write = fc.record({ kind: fc.nat(4), at: fc.nat(), length: fc.nat(5), word: words, near: fc.boolean() })
  fc.assert(
    fc.property(fc.array(fc.array(write, { maxLength: 8 }), { minLength: 1, maxLength: 6 }), (transactions) => {
      const site = new Site()
      let model = ''
      for (const writes of transactions) {
        let last = 0
        const intents = writes.map(({ kind, at, length, word, near }) => {
          // Often beside the last write, where writes become one.
          const index = wholeAt(model, (near ? Math.max(0, last + (at % 5) - 2) : at) % (model.length + 1))
          last = index
          const end = wholeAt(model, Math.min(model.length, index + length))
          if (kind < 3) {
            model = model.slice(0, index) + word + model.slice(index)
            return insert(index, word)
          }
          model = model.slice(0, index) + (kind === 3 ? '' : word) + model.slice(Math.max(index, end))
          return kind === 3 ? remove(index, Math.max(index, end) - index) : set(model)
        })
        if (site.transact(note, ...intents) !== undefined) written++
        expect([site.read(note), site.replayed(note)]).toEqual([model, model])
        expect(site.policy.live('note').text.toString()).toBe(model)
      }
    }),
    { seed: 20267, numRuns: 400 },
  )
  expect(written).toBeGreaterThan(700)
})

/** The updates of two writers who edit at once, in an order that respects what each builds on. */
const history = fc
  .array(fc.record({ site: fc.nat(1), at: fc.nat(), word: words, erase: fc.nat(3), sync: fc.boolean() }), {
    minLength: 3,
    maxLength: 25,
  })
  .map((list) => {
    const docs = [new Y.Doc(), new Y.Doc()]
    const updates: Uint8Array[] = []
    docs.forEach((doc, i) => {
      doc.clientID = i + 1
      doc.on('update', (update: Uint8Array, origin: unknown) => {
        if (origin !== 'sync') updates.push(update)
      })
    })
    for (const { site, at, word, erase, sync } of list) {
      const ytext = docs[site]!.getText('text')
      const from = wholeAt(ytext.toString(), at % (ytext.length + 1))
      docs[site]!.transact(() => {
        ytext.insert(from, word)
        const to = wholeAt(ytext.toString(), Math.min(ytext.length, from + erase))
        if (erase > 0 && to > from) ytext.delete(from, to - from)
      })
      if (sync) for (const [a, b] of [docs, [...docs].reverse()]) Y.applyUpdate(a!, Y.encodeStateAsUpdate(b!), 'sync')
    }
    return updates
  })

test('[TE7] updates in any order, with duplicates and gaps, show what Yjs would show, and no document keeps anything pending', () => {
  let early = 0
  fc.assert(
    fc.property(history, fc.infiniteStream(fc.nat()), (updates, chance) => {
      const random = (): number => chance.next().value as number
      const order = [...updates, ...updates.filter(() => random() % 3 === 0)]
      for (let i = order.length - 1; i > 0; i--) {
        const other = random() % (i + 1)
        ;[order[i], order[other]] = [order[other]!, order[i]!]
      }
      const site = new Site()
      const live = site.open(note)
      order.forEach((payload, i) => {
        site.receive({ from: 0, seq: i + 1, deps: [i], address: 'note', payload })
        expect([live.doc.store.pendingStructs, live.doc.store.pendingDs]).toEqual([null, null])
      })
      early += site.codes.length
      const doc = new Y.Doc()
      for (const update of updates) Y.applyUpdate(doc, update)
      expect(site.read(note)).toBe(doc.getText('text').toString())
    }),
    { seed: 20262, numRuns: 200 },
  )
  expect(early).toBeGreaterThan(500)
})

test('[TE7] an update is applied exactly when Yjs would leave nothing pending', () => {
  let [whole, missing] = [0, 0]
  fc.assert(
    fc.property(history, fc.infiniteStream(fc.nat()), (updates, chance) => {
      const doc = new Y.Doc()
      // Several updates in one, in any order, is what circles of building on each other are made of.
      const groups: Uint8Array[] = []
      for (let i = 0; i < updates.length;) {
        const size = 1 + ((chance.next().value as number) % 4)
        groups.push(mergeUpdates(updates.slice(i, i + size)))
        i += size
      }
      for (const update of groups) {
        if ((chance.next().value as number) % 3 === 0) continue
        const can = missingFrom(plainText.parse(update), (client) => Y.getState(doc.store, client)) === undefined
        const trial = new Y.Doc()
        Y.applyUpdate(trial, Y.encodeStateAsUpdate(doc))
        Y.applyUpdate(trial, update)
        expect(can).toBe(trial.store.pendingStructs === null && trial.store.pendingDs === null)
        if (can) Y.applyUpdate(doc, update)
        if (can) whole++
        else missing++
      }
    }),
    { seed: 20263, numRuns: 200 },
  )
  expect([whole > 250, missing > 200]).toEqual([true, true])
})

/** As text, which is compared much faster than byte by byte. */
const bytesOf = (doc: Y.Doc): string => Buffer.from(Y.encodeStateAsUpdate(doc)).toString('latin1')

const damages = process.env.SYNCLINE_LONG === '1' ? 20_000 : 350

test('[TE6] damaged updates throw nowhere, leave nothing half done, and read the same in every document', () => {
  let [damaged, refused, accepted] = [0, 0, 0]
  fc.assert(
    fc.property(
      history,
      fc.array(fc.record({ at: fc.nat(), byte: fc.oneof(fc.nat(255), fc.nat(9)), cut: fc.nat(40), kind: fc.nat(9) }), {
        minLength: 1,
        maxLength: 2,
      }),
      fc.nat(),
      (updates, faults, where) => {
        const bytes = [...updates[where % updates.length]!]
        for (const { at, byte, cut, kind } of faults) {
          const index = at % (bytes.length + 1)
          if (kind === 0) bytes.splice(index, cut)
          else if (kind === 1) bytes.splice(index, 0, byte)
          else bytes[Math.min(index, bytes.length - 1)] = byte
          if (bytes.length === 0) bytes.push(byte)
        }
        const bad = new Uint8Array(bytes)
        damaged++
        const parses = ((): boolean => {
          try {
            plainText.parse(bad)
            return true
          } catch {
            return false
          }
        })()
        const history = updates.map((update, i) => (i === where % updates.length ? bad : update))
        const site = new Site()
        const live = site.open(note)
        let state: TextState | undefined
        history.forEach((payload, i) => {
          const before = bytesOf(live.doc)
          site.receive({ from: 0, seq: i + 1, deps: [i], address: 'note', payload })
          const after = bytesOf(live.doc)
          expect(payload === bad && !parses ? after : before).toBe(before)
          state = textPolicy.apply(state, payload, stamp)
        })
        expect(textPolicy.read(state, note)).toBe(site.read(note))
        expect(live.text.toString()).toBe(site.read(note))
        expect(site.codes.filter((code) => code === 'listener-failed')).toEqual([])
        expect([live.doc.store.pendingStructs, live.doc.store.pendingDs]).toEqual([null, null])
        if (parses) accepted++
        else refused++
      },
    ),
    { seed: 20264, numRuns: damages },
  )
  expect(damaged).toBe(damages)
  expect([refused > (damages * 4) / 7, accepted > (damages * 6) / 35]).toEqual([true, true])
})

test('[TE6] random bytes are refused', () => {
  let refused = 0
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 3, maxLength: 60 }), (bytes) => {
      const site = new Site()
      site.open(note)
      site.receive({ from: 0, seq: 1, deps: [0], address: 'note', payload: bytes })
      expect(site.read(note)).toBe('')
      refused += site.codes.length
    }),
    { seed: 20265, numRuns: 500 },
  )
  expect(refused).toBeGreaterThan(400)
})
