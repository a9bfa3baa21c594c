import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { text } from '../src/index.ts'
import { DocumentState } from '../src/state.ts'
import { TypedRun } from '../src/typed-run.ts'
import { clientsOf, insert, note, remove, set, Site, task } from './world.ts'

afterEach(() => vi.restoreAllMocks())

/** Outside of a test, where the linter takes a condition for a test that may hold nothing. */
const same = (actual: unknown, expected: unknown): void => expect(actual).toEqual(expected)

const hex = (payload: unknown): string => Buffer.from(payload as Uint8Array).toString('hex')

/** A transaction for each character. */
function type(site: Site, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) site.transact(note, insert(at + i, text.charAt(i)))
}

/** The same edits where nobody has the text open, where somebody has, and what somebody else writes meanwhile. */
class Twins {
  readonly closed = new Site(0, 2)
  readonly open = new Site(0, 2)
  readonly other = new Site(1, 2)
  at = 0
  #sent = 0
  #received = 0

  constructor() {
    this.open.open(note)
  }

  get length(): number {
    return this.open.policy.live(note.address).text.length
  }

  both(act: (site: Site) => void): void {
    for (const site of [this.open, this.closed]) act(site)
  }

  /** Somebody else gets what there is, and writes. */
  remote(at: number, text: string): void {
    for (const change of this.open.sent.slice(this.#sent)) this.other.receive(change)
    this.#sent = this.open.sent.length
    this.other.transact(note, insert(at % (this.other.read(note).length + 1), text))
    for (const change of this.other.sent.slice(this.#received)) this.both((site) => site.receive(change))
    this.#received = this.other.sent.length
  }
}

test('[TE40] a text that nobody has open gets the updates that an open one does, byte for byte, and shows the same', () => {
  const typing = fc.record({
    kind: fc.constant('type' as const),
    at: fc.nat(),
    text: fc.constantFrom('a', 'b', 'xyz', '€', '😀', 'more '.repeat(70)),
  })
  const step = fc.record({
    kind: fc.constantFrom('move', 'back', 'set', 'twice', 'away', 'remote', 'read', 'look', 'anew', 'direct'),
    at: fc.nat(),
    text: fc.constantFrom('a', 'bc', '😀'),
  })
  const typeOn = vi.spyOn(TypedRun.prototype, 'typeOn')
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 3, arbitrary: typing }, { weight: 1, arbitrary: step }), {
        maxLength: 60,
        size: 'max',
      }),
      (steps) => {
        const twins = new Twins()
        for (const { kind, at, text } of steps) {
          twins.at = Math.min(twins.at, twins.length)
          if (kind === 'type') {
            twins.both((site) => site.transact(note, insert(twins.at, text)))
            twins.at += text.length
          }
          if (kind === 'move') twins.at = at % (twins.length + 1)
          if (kind === 'back' && twins.at > 0) {
            twins.at -= 1
            twins.both((site) => site.transact(note, remove(twins.at, 1)))
          }
          if (kind === 'set') twins.both((site) => site.transact(note, set(`${site.read(note)}${text}`)))
          if (kind === 'twice') twins.both((site) => site.transact(note, insert(twins.at, text), insert(0, text)))
          // What is inserted and removed again.
          if (kind === 'away')
            twins.both((site) => site.transact(note, insert(twins.at, text), remove(twins.at, text.length)))
          if (kind === 'remote') twins.remote(at, text)
          if (kind === 'read') same(twins.closed.read(note), twins.open.read(note))
          if (kind === 'look') {
            const live = twins.closed.open(note)
            same(live.text.toString(), twins.open.read(note))
            // What is done while somebody looks is seen at once.
            twins.both((site) => site.transact(note, insert(twins.at, text)))
            same(live.text.toString(), twins.open.read(note))
            twins.closed.policy.release(live)
          }
          // The documents are made anew, under another client.
          if (kind === 'anew') twins.both((site) => site.policy.reset(note.address, site.states.get(note.address)))
          if (kind === 'direct') {
            twins.both((site) => {
              const live = site.open(note)
              live.text.insert(0, text)
              site.policy.flush()
              site.policy.release(live)
            })
          }
        }
        const { closed, open } = twins
        same(
          closed.sent.map(({ payload }) => hex(payload)),
          open.sent.map(({ payload }) => hex(payload)),
        )
        same([closed.read(note), closed.replayed(note)], [open.read(note), open.read(note)])
        same([closed.open(note).text.toString(), closed.reports, open.reports], [open.read(note), [], []])
      },
    ),
  )
  const typedOn = typeOn.mock.results.filter(({ value }) => value !== undefined).length
  expect(typedOn).toBeGreaterThan(500)
})

test('[TE40] what is typed on costs the document nothing before somebody looks, and then one edit', () => {
  const site = new Site()
  site.transact(note, insert(0, 'ab'))
  site.transact(note, insert(1, 'x'))
  const transact = vi.spyOn(Y.Doc.prototype, 'transact')
  const put = vi.spyOn(Y.Text.prototype, 'insert')
  const read = vi.spyOn(Y.Text.prototype as { toString(): string }, 'toString')
  for (let i = 0; i < 500; i++) {
    site.transact(note, insert(2 + i, `${i % 10}`))
    expect(site.read(note).length).toBe(4 + i)
  }
  expect([transact.mock.calls.length, put.mock.calls.length, read.mock.calls.length]).toEqual([0, 0, 1])
  const digits = '0123456789'.repeat(50)
  const live = site.open(note)
  expect([live.text.toString(), transact.mock.calls.length, put.mock.calls.length]).toEqual([`ax${digits}b`, 1, 1])
  expect([site.read(note), site.replayed(note), site.reports]).toEqual([`ax${digits}b`, `ax${digits}b`, []])
})

test('[TE40] who has the text open sees each character in the transaction that types it', () => {
  const site = new Site()
  type(site, 0, 'unseen ')
  const live = site.open(note)
  const seen: string[] = []
  live.text.observe(() => seen.push(live.text.toString()))
  type(site, 7, 'ab')
  expect(seen).toEqual(['unseen a', 'unseen ab'])
  expect(site.replayed(note)).toBe('unseen ab')
})

test('[TE40] a direct edit that is made before what was typed was looked at stands on it', async () => {
  const [site, other] = [new Site(0, 2), new Site(1, 2)]
  type(site, 0, 'typed')
  site.open(note).text.delete(1, 3)
  await task()
  for (const change of site.sent) other.receive(change)
  expect([site.read(note), other.read(note), other.reports]).toEqual(['td', 'td', []])
})

test('[TE40] [TE17] a long run that nobody has looked at is put together as any other', () => {
  const site = new Site()
  type(site, 0, '0123456789'.repeat(150))
  while (site.laters.length > 0) site.laters.shift()!()
  const { link } = site.states.get(note.address)!
  expect(link!.loose).toBeLessThan(1_000)
  type(site, 1_500, '0123456789'.repeat(10))
  const all = '0123456789'.repeat(160)
  expect([site.read(note), site.replayed(note), site.open(note).text.toString()]).toEqual([all, all, all])
})

test('[TE40] [TE12] what was typed under one client id is not written under the next, and what comes is not under the first', () => {
  const [site, other] = [new Site(0, 2), new Site(1, 2)]
  const elsewhere = text('elsewhere')
  site.transact(elsewhere, insert(0, 'here'))
  site.open(elsewhere)
  type(site, 0, 'before')
  const before = clientsOf(site.sent.at(-1)!)
  // All documents go over to another client with it.
  site.policy.reset(elsewhere.address, site.states.get(elsewhere.address))
  type(site, 6, ' and after')
  const after = clientsOf(site.sent.at(-1)!)
  expect([before.length, after.length, before[0] === after[0]]).toEqual([1, 1, false])
  for (const change of site.sent) other.receive(change)
  const all = Array<string>(4).fill('before and after')
  expect([site.read(note), site.replayed(note), site.open(note).text.toString(), other.read(note)]).toEqual(all)
})

test('[TE40] what was typed and never looked at goes with a document that is made anew, and is in the next one', () => {
  const site = new Site()
  type(site, 0, 'unseen')
  const live = site.open(note)
  const { link } = site.states.get(note.address)!
  // The relay has refused the last three.
  site.states.set(note.address, new DocumentState(link!.previous!.previous!.previous))
  site.policy.reset(note.address, site.states.get(note.address) as DocumentState<string>)
  expect([live.text.toString(), site.read(note), site.reports]).toEqual(['uns', 'uns', []])
  type(site, 3, 'ure')
  expect([live.text.toString(), site.replayed(note)]).toEqual(['unsure', 'unsure'])
})

test('[TE40] what is read after the first character of a run is what there is, however often somebody else writes', () => {
  const [site, other] = [new Site(0, 2), new Site(1, 2)]
  site.transact(note, insert(0, 'a'))
  other.receive(site.sent[0]!)
  for (const [i, all] of ['ab', 'abb', 'abbb'].entries()) {
    other.transact(note, insert(1, 'b'))
    site.receive(other.sent[i]!)
    expect(site.read(note)).toBe(all)
  }
})
