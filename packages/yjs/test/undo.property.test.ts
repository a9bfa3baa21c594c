import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { decodeInverse } from '../src/text-inverse.ts'
import { UndoingSite } from './undoing.ts'
import type { Taken } from './undoing.ts'
import { insert, note, remove } from './world.ts'
import type { Sent } from './world.ts'

/** Every character that is typed is another one, so that a text says which ones it has. */
let nextCharacter = 0x4e00
const typed = (length: number): string =>
  Array.from({ length }, () => String.fromCharCode(0x4e00 + (nextCharacter++ % 0x5000))).join('')

const move = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      act: fc.constantFrom('insert' as const, 'type' as const),
      at: fc.nat(),
      length: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      act: fc.constantFrom('remove' as const, 'erase' as const),
      at: fc.nat(),
      length: fc.integer({ min: 1, max: 8 }),
    }),
  },
  {
    weight: 7,
    arbitrary: fc.record({ act: fc.constantFrom('undo' as const, 'redo' as const), at: fc.nat(), length: fc.nat(3) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ act: fc.constantFrom('reload' as const, 'group' as const), at: fc.nat(), length: fc.nat() }),
  },
)
type Move = typeof move extends fc.Arbitrary<infer M> ? M : never

/** Does what is no undo. */
function perform(site: UndoingSite, { act, at, length }: Move): void {
  site.policy.flush()
  const text = site.read(note)
  const index = at % (text.length + 1)
  const count = Math.min(length, text.length - index)
  switch (act) {
    case 'insert':
      site.transact(note, insert(index, typed(length)))
      break
    case 'remove':
      site.transact(note, remove(index, count))
      break
    case 'type':
      site.open(note).text.insert(index, typed(length))
      site.policy.flush()
      break
    case 'erase':
      // Two edits in one task: what was typed in it and erased again was never there for anybody.
      site.open(note).text.insert(index, typed(2))
      site.open(note).text.delete(index + 1, Math.min(count + 1, text.length + 2 - index - 1))
      site.policy.flush()
      break
    case 'group':
      site.isGrouping = !site.isGrouping
      break
    case 'reload':
      site.reload()
      break
    case 'undo':
    case 'redo':
  }
}

let walked = 0

/** Outside of a test, where the linter takes a condition for a test that may hold nothing. */
const same = (actual: unknown, expected: unknown): void => expect(actual).toEqual(expected)

/** Does moves on a site that is alone, and holds what each undo and redo comes to against the texts there were. */
function walk(moves: readonly Move[]): void {
  const site = new UndoingSite()
  /** The text before each step, and what it was when there was nothing left to do again. */
  let texts: string[] = []
  let place = 0
  for (const one of moves) {
    if (one.act === 'undo' || one.act === 'redo') {
      site.isGrouping = false
      for (let i = 0; i <= one.length; i++) {
        const before = site.read(note)
        const taken = site[one.act]()
        if (one.act === 'undo' ? place === 0 : place === texts.length - 1 || texts.length === 0) {
          same(taken, undefined)
          continue
        }
        place += one.act === 'undo' ? -1 : 1
        same([site.read(note), site.replayed(note), taken!.superseded], [texts[place], texts[place], []])
        // A step that came to nothing has nothing to take, and is gone.
        if (taken!.sent === undefined) {
          same(texts[place], before)
          texts.splice(one.act === 'undo' ? place + 1 : place, 1)
          if (one.act === 'redo') place -= 1
        }
        walked += 1
      }
      continue
    }
    const before = site.read(note)
    const steps = site.undos.length
    const sent = site.sent.length
    perform(site, one)
    if (site.sent.length === sent) continue
    if (site.undos.length > steps) {
      texts = [...texts.slice(0, place), before]
      place += 1
    }
    texts = [...texts.slice(0, place), site.read(note)]
  }
  same(site.reports, [])
}

test('[TE21] [ME60] [ME65] alone, steps go back one by one through every text there was, and forward again, over reloads', () => {
  walked = 0
  fc.assert(fc.property(fc.array(move, { minLength: 2, maxLength: 30, size: 'max' }), walk))
  expect(walked).toBeGreaterThan(200)
})

/** What each site knows of characters, in the slowest way: every copy of one by its id, and which copies a site takes for the same. */
class NaiveSite {
  readonly #copies = new Map<string, string>()
  readonly #deleted = new Set<string>()
  /** The first copy for which one stands that this site has put back. */
  readonly #firsts = new Map<string, string>()
  /** The newest copy that this site has put back for a first one. */
  readonly #newest = new Map<string, string>()

  apply(sent: Sent): { readonly inserted: readonly string[]; readonly deleted: readonly string[] } {
    const { structs, ds } = Y.decodeUpdate(sent.payload as Uint8Array)
    const inserted: string[] = []
    const deleted: string[] = []
    for (const { id, content } of structs as readonly Y.Item[]) {
      // What was typed and erased in one task comes as a stretch without characters.
      const units = content instanceof Y.ContentString ? content.str.split('') : []
      for (const [at, unit] of units.entries()) {
        const name = `${id.client} ${id.clock + at}`
        this.#copies.set(name, unit)
        inserted.push(name)
      }
    }
    for (const [client, ranges] of ds.clients)
      for (const { clock, len } of ranges)
        for (let at = clock; at < clock + len; at++) {
          const name = `${client} ${at}`
          if (this.#copies.has(name) && !inserted.includes(name)) deleted.push(name)
          this.#deleted.add(name)
        }
    return { inserted, deleted }
  }

  /** The characters there are, in no order. */
  get units(): string[] {
    return [...this.#copies].flatMap(([name, unit]) => (this.#deleted.has(name) ? [] : [unit])).sort()
  }

  first(name: string): string {
    return this.#firsts.get(name) ?? name
  }

  /** The copies of one line that are there. */
  #living(first: string): string[] {
    return [...this.#copies.keys()].filter((name) => !this.#deleted.has(name) && this.first(name) === first)
  }

  /** What taking a step back will come to, by what its Changes did, the oldest first. */
  expected(step: Step): { readonly units: readonly string[]; readonly back: readonly string[] } {
    const isWanted = new Map<string, boolean>()
    for (const { inserted, deleted } of step.toReversed()) {
      for (const name of deleted) isWanted.set(this.first(name), true)
      for (const name of inserted) isWanted.set(this.first(name), false)
    }
    const { units } = this
    const back: string[] = []
    for (const [first, wanted] of isWanted) {
      const living = this.#living(first)
      if (wanted && living.length === 0) back.push(first)
      if (!wanted) for (const name of living) units.splice(units.indexOf(this.#copies.get(name)!), 1)
    }
    units.push(...back.map((first) => this.#copies.get(first)!))
    return { units: units.sort(), back }
  }

  /** Learns which copies an undo has put back for which first ones: those that read alike, in their order in the text. */
  learn(inserted: readonly string[], back: readonly string[], places: ReadonlyMap<string, number>): void {
    const inOrder = (names: readonly string[], placeOf: (name: string) => number): readonly string[] =>
      names.toSorted((a, b) => this.#copies.get(a)!.localeCompare(this.#copies.get(b)!) || placeOf(a) - placeOf(b))
    const made = inOrder(inserted, (name) => places.get(name)!)
    const firsts = inOrder(back, (first) => places.get(this.#newest.get(first) ?? first)!)
    for (const [i, name] of made.entries()) {
      this.#firsts.set(name, firsts[i]!)
      this.#newest.set(firsts[i]!, name)
    }
  }
}

type Step = readonly { readonly inserted: readonly string[]; readonly deleted: readonly string[] }[]

/** The place of each character of a site in its document, deleted or not. */
function placesIn(site: UndoingSite): ReadonlyMap<string, number> {
  const places = new Map<string, number>()
  for (let item = site.open(note).text._start; item !== null; item = item.right)
    for (let at = 0; at < item.length; at++) places.set(`${item.id.client} ${item.id.clock + at}`, places.size)
  return places
}

const act = fc.oneof(
  { weight: 8, arbitrary: move.map((one) => ({ kind: 'move' as const, one })) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('deliver' as const),
      which: fc.nat(),
      count: fc.integer({ min: 1, max: 8 }),
    }),
  },
)

const acts = fc.array(fc.record({ site: fc.nat(4), act }), { minLength: 30, maxLength: 70, size: 'max' })
type Acts = typeof acts extends fc.Arbitrary<infer A> ? A : never

/** Lets some edit and undo while their edits are under way, each held against its own slow model, until all have all. */
function run(
  count: number,
  all: Acts,
  tally: { taken: number; amongOthers: number; putBack: number; superseded: number },
): void {
  const sites = Array.from({ length: count }, (_, i) => new UndoingSite(i, count))
  const naive = sites.map(() => new NaiveSite())
  const done = new Map<Sent, ReturnType<NaiveSite['apply']>>()
  const known = sites.map(() => 0)
  const inbox: Sent[][] = sites.map(() => [])

  /** What a site has just done reaches its own model, and the post. */
  const post = (i: number): void => {
    for (; known[i]! < sites[i]!.sent.length; known[i]!++) {
      const sent = sites[i]!.sent[known[i]!]!
      done.set(sent, naive[i]!.apply(sent))
      inbox.forEach((box, to) => to !== i && box.push(sent))
    }
  }
  const deliver = (to: number, at: number): void => {
    const [sent] = inbox[to]!.splice(at, 1)
    const before = sites[to]!.seen.slice()
    sites[to]!.receive(sent!)
    post(to)
    // Those that came into place with it, in the order of each author, which is all that the model asks for.
    sites[to]!.seen.forEach((seen, from) => {
      if (from === to) return
      for (let seq = before[from]! + 1; seq <= seen; seq++) naive[to]!.apply(sites[from]!.sent[seq - 1]!)
    })
  }

  for (const { site: index, act: one } of all) {
    const i = index % count
    const site = sites[i]!
    if (one.kind === 'deliver') {
      for (let left = one.count; left > 0 && inbox[i]!.length > 0; left--) deliver(i, one.which % inbox[i]!.length)
      continue
    }
    const { act: what } = one.one
    if (what !== 'undo' && what !== 'redo') {
      perform(site, one.one)
      post(i)
      same(site.read(note).split('').sort(), naive[i]!.units)
      continue
    }
    site.isGrouping = false
    for (let round = 0; round <= one.one.length; round++) {
      const next = (what === 'undo' ? site.undos : site.redos).at(-1)
      const step = next?.map(({ sent }) => done.get(sent)!)
      const expected = step && naive[i]!.expected(step)
      const result: Taken | undefined = site[what]()
      post(i)
      if (result === undefined) break
      tally.taken += 1
      if (site.seen.some((seen, from) => from !== i && seen > 0)) tally.amongOthers += 1
      if (result.superseded.length > 0) tally.superseded += 1
      if (result.sent !== undefined) {
        const { inserted } = done.get(result.sent)!
        tally.putBack += inserted.length
        naive[i]!.learn(inserted, expected!.back, placesIn(site))
      }
      same(site.read(note).split('').sort(), expected!.units)
      same(naive[i]!.units, expected!.units)
    }
  }

  for (let i = 0; i < count; i++) while (inbox[i]!.length > 0) deliver(i, 0)
  const text = sites[0]!.read(note)
  for (const [i, site] of sites.entries()) {
    same([site.read(note), site.replayed(note), site.open(note).text.toString()], [text, text, text])
    same(naive[i]!.units, text.split('').sort())
    same(site.reports, [])
  }
}

test('[TE20] [TE22] [TE23] three to five who edit at once and undo in any order agree, and each takes back its own characters and nobody else’s', () => {
  const tally = { taken: 0, amongOthers: 0, putBack: 0, superseded: 0 }
  fc.assert(fc.property(fc.integer({ min: 3, max: 5 }), acts, (count, all) => run(count, all, tally)))
  expect(tally.taken).toBeGreaterThan(1000)
  expect(tally.amongOthers).toBeGreaterThan(500)
  expect(tally.putBack).toBeGreaterThan(500)
  expect(tally.superseded).toBeGreaterThan(20)
})

test('[TE26] whatever an inverse holds, nothing throws, and what comes of it is an update that all fold alike', () => {
  const count = fc.oneof(fc.nat(30), fc.constantFrom(-1, 0.5, 2 ** 53, 'x', null))
  const nonsense = fc.oneof(
    fc.anything({ maxDepth: 2, withBigInt: false }),
    fc.tuple(
      fc.array(count, { maxLength: 6 }),
      fc.array(fc.oneof(count, fc.constantFrom('', 'a', 'bcd', '\ud83d')), { maxLength: 6 }),
    ),
    fc.tuple(
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 3, maxLength: 3 }),
      fc.tuple(fc.constantFrom(0x1001, 1), fc.nat(9), fc.constantFrom('a', 'bcd', '\ud83d')),
    ),
  )
  let applied = 0
  fc.assert(
    fc.property(fc.array(nonsense, { minLength: 1, maxLength: 3 }), nonsense, (inverses, past) => {
      const site = new UndoingSite(1)
      const other = new UndoingSite(2)
      site.transact(note, insert(0, 'abcdef'))
      site.transact(note, remove(1, 3))
      const state = site.states.get(note.address)
      const undone = inverses.map((inverse) => ({ inverse: inverse as never, stamp: { at: 1, writer: 'w' } }))
      const { payload } = site.reversal.revert(state, undone, {
        ...site.past,
        restorations: () => [past as never],
      })
      expect(site.reversal.inverse(state, inverses[0] as never, site.past)).toBe(undefined)
      if (payload === undefined) return
      applied += 1
      site.commit(note.address, payload)
      for (const { payload: sent } of site.sent) other.commit(note.address, sent)
      expect(site.read(note)).toBe(other.replayed(note))
      expect([site.reports, other.reports]).toEqual([[], []])
    }),
  )
  expect(applied).toBeGreaterThan(5)
  expect(
    decodeInverse([
      [1, 2, 3],
      [4, 5, 'six'],
    ]),
  ).toEqual({
    inserted: [{ client: 1, clock: 2, length: 3 }],
    removed: [{ client: 4, clock: 5, text: 'six' }],
  })
})
