import { broughtBackBytes, encodeChange, type JoinPiece } from '@syncline/protocol'
import type { DistilledCell } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assign, outcome } from './envelopes.ts'
import { ann, bob, connect, eve, record, startMs, until, world, writerId, type Client, type World } from './kit.ts'

const lost = '1'.repeat(32)
const GREATEST = 2 ** 52

/** Every number that a client may say is small, or at a bound. */
const bound = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(0, 1, 2, 9) },
  { weight: 1, arbitrary: fc.constantFrom(GREATEST - 9, GREATEST, GREATEST + 1, 2 ** 53 - 2, 2 ** 53 - 1) },
)
const place = bound.filter((at) => at > 0)

const header = fc.record({
  relaySeq: place,
  shift: bound,
  at: fc.oneof(fc.constant(startMs * 1000), bound),
  isWhole: fc.integer({ min: 0, max: 9 }).map((one) => one > 0),
  also: fc.option(place, { nil: undefined }),
  writer: fc.constantFrom(writerId(0x70), bob),
  named: fc.option(fc.tuple(fc.constantFrom(ann, bob, writerId(0x70)), place), { nil: undefined }),
  client: fc.option(bound, { nil: undefined }),
  cellAt: fc.option(bound, { nil: undefined }),
  besideAt: fc.option(bound, { nil: undefined }),
  count: fc.integer({ min: 1, max: 3 }),
  decidedFrom: fc.integer({ min: 0, max: 2 }),
})

type Header = typeof header extends fc.Arbitrary<infer T> ? T : never

function cellOf(at: number): DistilledCell {
  return { tag: 'lww', address: '1', arbiter: 'relay', ops: [{ payload: [0, 'ann'], stamp: { at, writer: ann } }] }
}

function piecesOf(header: Header): Uint8Array[] {
  const { relaySeq, shift, at, isWhole, also, writer, named, client, cellAt, besideAt, count, decidedFrom } = header
  const beside = besideAt === undefined ? [] : [[besideAt, assign(writerId(0x99), '2', undefined, 'eve')] as const]
  const bytes = broughtBackBytes({ cells: cellAt === undefined ? [] : [cellOf(cellAt)], beside })
  return Array.from({ length: count }, (_, i) => {
    const deps = { epoch: lost, relaySeq, writers: new Map(named && i === 0 ? [named] : []) }
    const isLast = i === count - 1
    const meta = isLast ? bytes : new Uint8Array(i >= decidedFrom ? 0 : 1)
    const change = { ...{ writer, seq: i + 1, deps, at }, ops: [], effects: [], meta }
    const documents = client === undefined || i > 0 ? [] : [client]
    const join: JoinPiece = {
      left: (isWhole ? count : 2 ** 53 - 1) - 1 - i,
      also: also === undefined ? [] : [['2'.repeat(32), also]],
      ...(i >= decidedFrom && { decided: { shift } }),
    }
    return encodeChange(change, documents, undefined, new Map(documents.map((one) => [one, ann])), { join })
  })
}

function enter(relay: World['relay'], relaySeq = 0): Client {
  const client = connect(relay)
  client.hello(3)
  client.open('board', relaySeq === 0 ? {} : { basis: { epoch: lost, relaySeq } })
  return client
}

test('[RL80] whatever the numbers of a join are, the relay goes on: it is taken, or its channel fails, and seats are decided after it', async () => {
  const ends = new Map<string, number>()
  const defects: unknown[] = []
  const log = { debug() {}, info() {}, warn() {}, error: (...words: unknown[]) => void defects.push(words) }
  await fc.assert(
    fc.asyncProperty(header, async (one) => {
      const { relay, storage } = world({ log })
      const live = enter(relay)
      await until(() => live.all('basis').length === 1)
      live.send([record(bob, 1)])
      await until(() => outcome(live, bob) !== undefined)
      const evil = enter(relay, one.relaySeq)
      await until(() => evil.all('apart').length + evil.all('basis').length > 0)
      evil.send(piecesOf(one))
      const isOver = () => evil.all('basis').length + evil.all('failure').length > 0
      if (one.isWhole) await until(isOver)
      const end = !isOver() ? 'never whole' : (evil.all('failure')[0]?.code ?? 'taken')
      ends.set(end, (ends.get(end) ?? 0) + 1)
      // All others go on, and what is decided from here on is later than all that was.
      live.send([record(eve, 1)])
      await until(() => outcome(live, eve) !== undefined)
      expect(outcome(live, eve)).toEqual(expect.any(Number))
      const adopted = await relay.adopt('board', { take: 'brought back' }).catch((error: unknown) => error)
      expect(adopted).toSatisfy(
        (found: object) => 'refs' in found || ('code' in found && found.code === 'nothing-waits'),
      )
      const isHeld = end === 'taken' && one.cellAt !== undefined && one.decidedFrom < one.count
      const before = isHeld ? 'ann' : undefined
      const seats = [assign(writerId(0x80), '1', before, 'joe'), assign(writerId(0x81), '1', 'joe', 'mia')]
      live.send(seats)
      await until(() => outcome(live, writerId(0x81)) !== undefined)
      for (const by of [0x80, 0x81]) expect(outcome(live, writerId(by))).toEqual(expect.any(Number))
      expect((await storage.space('board'))!.latestAt).toBeLessThanOrEqual(GREATEST)
      expect([live.closed, live.all('failure'), defects]).toEqual([undefined, [], []])
      await relay.close()
    }),
  )
  expect(new Set(ends.keys())).toEqual(new Set(['taken', 'malformed', 'never whole']))
  expect(Math.min(ends.get('taken')!, ends.get('malformed')!)).toBeGreaterThan(10)
}, 60_000)
