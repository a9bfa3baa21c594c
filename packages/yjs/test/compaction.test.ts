import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { memoryStorage, openStore } from '@syncline/store'
import { openText, text } from '../src/index.ts'
import { createCompaction } from '../src/compaction.ts'
import type { CompactionLimits } from '../src/compaction.ts'
import { plainText } from '../src/plain-text.ts'
import { updatesSince } from '../src/state.ts'
import type { Link } from '../src/state.ts'
import { UndoingSite } from './undoing.ts'
import { insert, note, remove, set, Site, task } from './world.ts'

const link = (site: Site): Link => site.states.get(note.address)!.link!
const lying = (site: Site): number => updatesSince(undefined, link(site))!.length

/** Outside of a test, where the linter takes a condition for a test that may hold nothing. */
const same = (actual: unknown, expected: unknown): void => expect(actual).toEqual(expected)

/** Runs what was put off, with what it puts off in turn, and `between` after each task. Returns how many tasks there were. */
function runLater(site: Site, between?: (tasks: number) => void): number {
  let tasks = 0
  for (let work = site.laters.shift(); work !== undefined; work = site.laters.shift()) {
    work()
    tasks += 1
    between?.(tasks)
  }
  return tasks
}

/** Types and erases, one edit a Change. */
function type(site: Site, edits: number): void {
  for (let i = 0; i < edits; i++) {
    const { length } = site.read(note)
    if (i % 3 === 2) site.transact(note, remove((i * 7) % length, 1))
    else site.transact(note, insert((i * 31) % (length + 1), 'abcdefgh'[i % 8]))
  }
}

test('[TE17] the updates of a text that is written lie together as one, and reading and writing go on as before', () => {
  const site = new Site()
  const live = site.open(note)
  type(site, 511)
  expect([lying(site), site.laters.length]).toEqual([511, 0])
  const old = site.states.get(note.address)!
  const oldText = site.read(note)
  type(site, 100)
  expect(site.laters.length).toBe(1)
  const before = site.read(note)
  expect(runLater(site)).toBe(1)
  expect([lying(site), link(site).loose]).toEqual([1, 0])
  expect(link(site).update.length).toBeLessThan(link(site).totalBytes / 2)
  expect([site.read(note), site.replayed(note), live.text.toString(), live.shows(link(site))]).toEqual([
    before,
    before,
    before,
    true,
  ])
  // What was held reads as it did.
  old.value = undefined
  expect(site.policy.read(old, note)).toBe(oldText)
  site.transact(note, insert(0, 'on '))
  expect([lying(site), site.read(note), site.replayed(note), live.text.toString()]).toEqual([
    2,
    ...Array(3).fill(`on ${before}`),
  ])
  type(site, 2_000)
  runLater(site)
  expect([lying(site), site.reports]).toEqual([1, []])
})

test('[TE17] a long text is not put together again for every few hundred edits', () => {
  const site = new Site()
  site.open(note)
  site.transact(note, insert(0, 'some text '.repeat(20_000)))
  let times = 0
  for (let i = 0; i < 7_400; i++) {
    site.transact(note, insert(i * 2, 'x'))
    times += runLater(site)
  }
  // After 512 updates, and then after 200,000 / 32.
  expect([times, lying(site) < 512]).toEqual([2, true])
})

test('[TE17] of a text that nobody has open a copy is made, some updates a task, and what comes meanwhile lies on top', () => {
  const [a, b] = [new Site(0, 2), new Site(1, 2)]
  type(a, 1_450)
  for (const sent of a.sent) b.receive(sent)
  expect([lying(b), b.laters.length]).toEqual([1_450, 1])
  let live: ReturnType<Site['open']> | undefined
  const tasks = runLater(b, (done) => {
    const from = a.sent.length
    a.transact(note, insert(0, `${done}`))
    b.receive(a.sent[from]!)
    if (done === 3) live = b.open(note)
  })
  // Eight slices of 200, and one task to put them together.
  expect(tasks).toBe(9)
  expect([lying(b), link(b).loose]).toEqual([10, 9])
  expect([b.read(note), b.replayed(note), live!.text.toString()]).toEqual(Array(3).fill(a.read(note)))
  b.transact(note, insert(0, 'mine'))
  a.receive(b.sent[0]!)
  expect([a.read(note), a.replayed(note)]).toEqual([b.read(note), b.replayed(note)])
  expect([a.reports, b.reports]).toEqual([[], []])
})

test('[TE17] what waits for something is kept as it came, and what was refused falls away', () => {
  const [author, site] = [new Site(1), new Site(2)]
  type(author, 700)
  author.transact(note, set('the end'))
  const payloads = author.sent.map(({ payload }) => payload)
  const missing = payloads[4]!
  const malformed = Uint8Array.of(1, 2, 3)
  for (const payload of [...payloads.slice(0, 4), malformed, ...payloads.slice(5, 20)])
    site.commit(note.address, payload)
  const shown = site.read(note)
  const held = site.open(note).shown!.replica.waiting.length
  expect(held).toBeGreaterThan(5)
  const other = new Site(3)
  type(other, 600)
  for (const { payload } of other.sent) site.commit(note.address, payload)
  runLater(site)
  expect(lying(site)).toBe(held + 1)
  expect(site.replayed(note)).not.toBe(shown)
  site.commit(note.address, missing)
  for (const payload of payloads.slice(20)) site.commit(note.address, payload)
  for (const { payload } of author.sent) other.commit(note.address, payload)
  expect([site.read(note), site.replayed(note)]).toEqual([other.read(note), other.read(note)])
  expect(new Set(site.codes)).toEqual(new Set(['update-refused', 'update-incomplete']))
})

test('[TE17] a history that was lost meanwhile is left alone, and so is a store that was closed', () => {
  const [author, site] = [new Site(0), new Site(1)]
  type(author, 900)
  const kept = author.sent.slice(0, 100)
  for (const { payload } of kept) site.commit(note.address, payload)
  const acknowledged = site.states.get(note.address)!
  for (const { payload } of author.sent.slice(100)) site.commit(note.address, payload)
  const text = site.replayed(note)
  runLater(site, (done) => {
    if (done !== 2) return
    site.states.set(note.address, acknowledged)
    site.policy.reset(note.address, acknowledged)
  })
  expect(lying(site)).toBe(100)
  for (const { payload } of author.sent.slice(100)) site.commit(note.address, payload)
  site.laters.shift()?.()
  site.policy.close()
  runLater(site)
  expect([lying(site), site.replayed(note)]).toEqual([900, text])
})

test('[TE17] equal histories give equal bytes, from an open document and from a copy, in slices of any size', () => {
  const author = new Site(0)
  type(author, 600)
  const bytes = [200, 7, 1000].flatMap((sliceUpdates) =>
    [true, false].map((isOpen) => {
      const site = new Site(1)
      if (isOpen) site.open(note)
      for (const { payload } of author.sent) site.commit(note.address, payload)
      site.laters.length = 0
      compactNow(site, { mostLoose: 1, bytesForOne: Infinity, sliceUpdates })
      expect(lying(site)).toBe(1)
      return link(site).update
    }),
  )
  for (const one of bytes) expect(one).toEqual(bytes[0])
})

/** Puts the updates together, with limits of its own. */
function compactNow(site: Site, limits: CompactionLimits): void {
  const laters: (() => void)[] = []
  const compaction = createCompaction(
    plainText,
    {
      newest: (address) => site.states.get(address)?.link,
      shown: (address) => site.policy.showing(site.states.get(address))?.shown,
      isBehind: () => false,
      later: (work) => laters.push(work),
    },
    limits,
  )
  compaction.look(note.address, link(site))
  for (let work = laters.shift(); work !== undefined; work = laters.shift()) work()
}

test('[TE17] [TE22] whoever puts together when, all show the same, and can undo what they did before', () => {
  const step = fc.record({
    site: fc.nat(2),
    kind: fc.constantFrom(
      'insert',
      'insert',
      'remove',
      'deliver',
      'deliver',
      'undo',
      'redo',
      'compact',
      'open',
      'reload',
    ),
    at: fc.nat(),
  })
  let compacted = 0
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 40, size: 'max' }), (steps) => {
      const sites = [0, 1, 2].map((i) => new UndoingSite(i, 3))
      const heard = sites.map(() => [0, 0, 0])
      const deliver = (to: number, from: number): void => {
        if (to === from || heard[to]![from]! >= sites[from]!.sent.length) return
        sites[to]!.receive(sites[from]!.sent[heard[to]![from]!++]!)
      }
      for (const { site: i, kind, at } of steps) {
        const site = sites[i]!
        const { length } = site.read(note)
        if (kind === 'insert') site.transact(note, insert(at % (length + 1), 'abc'.slice(at % 3)))
        else if (kind === 'remove')
          site.transact(note, remove(at % (length + 1), Math.min(3, length - (at % (length + 1)))))
        else if (kind === 'deliver') deliver(i, at % 3)
        else if (kind === 'undo') site.undo()
        else if (kind === 'redo') site.redo()
        else if (kind === 'open') site.open(note)
        else if (kind === 'reload') site.reload()
        else if (site.states.has(note.address)) {
          const text = site.read(note)
          const before = lying(site)
          compactNow(site, { mostLoose: 1, bytesForOne: Infinity, sliceUpdates: 1 + (at % 4) })
          if (lying(site) < before) compacted += 1
          same([site.read(note), site.replayed(note)], [text, text])
        }
      }
      for (let to = 0; to < 3; to++)
        for (let from = 0; from < 3; from++)
          while (heard[to]![from]! < sites[from]!.sent.length && to !== from) deliver(to, from)
      const shown = sites.map((site) => [
        site.read(note),
        site.replayed(note),
        site.open(note).text.toString(),
        site.reports.length,
      ])
      for (const one of shown) expect(one).toEqual([shown[0]![0], shown[0]![0], shown[0]![0], 0])
    }),
  )
  expect(compacted).toBeGreaterThan(100)
})

const timer = (delayMs: number, fn: () => void): (() => void) => {
  const handle = setTimeout(fn, delayMs)
  return () => clearTimeout(handle)
}

test('[TE17] in a store it happens in tasks of its own, and an open text goes on', async () => {
  // All of it is one run of typing.
  const clock = { nowMs: () => 1_700_000_000_000, setTimer: timer }
  const store = await openStore({ space: 'notes', storage: memoryStorage(), clock })
  const ref = text('long')
  const opened = openText(store, ref)
  const events: unknown[] = []
  opened.text.observe((event) => events.push(event.delta))
  for (let i = 0; i < 700; i++) {
    opened.text.insert(opened.text.length, 'x')
    await task()
  }
  await new Promise((resolve) => setTimeout(resolve, 20))
  store.undo()
  expect([store.get(ref), opened.text.toString(), events.length]).toEqual(['', '', 701])
  store.redo()
  expect(store.get(ref).length).toBe(700)
  await store.close()
  expect(Y.encodeStateVector(opened.doc).length).toBeGreaterThan(0)
})
