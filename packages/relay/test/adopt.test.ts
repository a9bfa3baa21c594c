import { broughtBackBytes, decodeHeader, encodeChange, type Covered } from '@syncline/protocol'
import { emptyBasis, type Basis, type DistilledCell } from '@syncline/stm'
import { expect, test } from 'vitest'
import { adoptData, readChanges, verifyData } from '../src/care/index.ts'
import { createMemoryStorage, type AdoptOptions } from '../src/index.ts'
import { openLmdbStorage } from '../src/lmdb.ts'
import { assign, outcome } from './envelopes.ts'
import { temporaryFolder } from './folder.ts'
import { gatedStorage } from './gated.ts'
import { ann, bob, connect, record, startMs, turns, until, world, writerId, type Client, type World } from './kit.ts'

const lost = '1'.repeat(32)
const apart: Partial<Basis> = { epoch: lost, relaySeq: 9 }

function enter(relay: World['relay'], basis?: Partial<Basis>, protocol = 3): Client {
  const client = connect(relay)
  client.hello(protocol)
  client.open('board', basis && { basis })
  return client
}

/** What a register holds, as it was decided in a log that was lost. */
function held(address: string, value: string, at: number): DistilledCell {
  return { tag: 'lww', address, arbiter: 'relay', ops: [{ payload: [0, value], stamp: { at, writer: writerId(at) } }] }
}

interface JoinOptions {
  readonly cells?: readonly DistilledCell[]
  readonly shift?: number
  readonly seqs?: readonly (readonly [writer: string, seq: number])[]
  readonly basis?: Partial<Basis>
  readonly also?: readonly Covered[]
  readonly by?: string
}

/** The two pieces of a join: what merges, which means nothing to a relay, and what was decided. */
function pieces({
  cells = [],
  shift = 0,
  seqs = [],
  basis = apart,
  also = [],
  by = writerId(0x70),
}: JoinOptions): Uint8Array[] {
  const metas = [new Uint8Array([1]), broughtBackBytes({ cells, beside: [] })]
  return metas.map((meta, i) => {
    const deps = { ...emptyBasis, ...basis, writers: new Map(i === 0 ? seqs : []) }
    const change = { writer: by, seq: i + 1, deps, at: startMs * 1000, ops: [], effects: [], meta }
    const join = { left: 1 - i, also, ...(i === 1 && { decided: { shift } }) }
    return encodeChange(change, [], undefined, undefined, { join })
  })
}

/** Somebody brings something back. */
async function bring(relay: World['relay'], options: JoinOptions): Promise<Client> {
  const client = enter(relay, options.basis ?? apart)
  await until(() => client.all('apart').length === 1)
  client.send(pieces(options))
  await until(() => client.all('basis').length === 1 || client.all('failure').length === 1)
  return client
}

let count = 1000

/** Sends an envelope that takes a seat which it believes free, and gives its writer. */
function take(client: Client, seat: string, by: string, before?: string): string {
  count += 1
  client.send([assign(writerId(count), seat, before, by)])
  return writerId(count)
}

/** What a client has been told of adoptions. */
function adoptions(client: Client): unknown[] {
  const records = client.all('changes').flatMap((frame) => frame.records)
  return records.flatMap((one) => decodeHeader(one).adoption ?? [])
}

test('[RL77] what was brought back of relay refs waits: until it is adopted nothing is decided, and all else goes on', async () => {
  const { relay } = world()
  const live = enter(relay)
  await until(() => live.all('basis').length === 1)
  const back = await bring(relay, { cells: [held('1', 'ann', 4), held('2', 'bob', 9)] })
  const asked = [take(live, '1', 'eve'), take(live, '3', 'eve')] as const
  live.send([record(ann, 1)])
  await until(() => outcome(live, ann) !== undefined)
  live.say({ type: 'abort', channel: 1, writer: asked[1], seq: 1 })
  await until(() => outcome(live, asked[1]) !== undefined)
  expect([outcome(live, asked[0]), outcome(live, asked[1])]).toEqual([undefined, 'aborted'])
  const adopted = await relay.adopt('board', { take: 'brought back' })
  expect(adopted).toEqual({ relaySeq: 4, refs: 2, takenBack: [] })
  for (const client of [live, back]) {
    await until(() => adoptions(client).length === 1)
    expect(adoptions(client)).toEqual([{ shift: 9, taken: 'brought back', covers: [[lost, Number.MAX_SAFE_INTEGER]] }])
  }
  // It is asked again, and judged by what was adopted.
  live.send([assign(asked[0], '1', undefined, 'eve')])
  const [free, over] = [take(live, '3', 'eve'), take(live, '2', 'eve', 'bob')]
  await until(() => outcome(live, over) !== undefined)
  expect([outcome(live, asked[0]), outcome(live, free), outcome(live, over)]).toEqual(['conflict', 5, 6])
  await expect(relay.adopt('board', { take: 'log' })).rejects.toMatchObject({ code: 'nothing-waits' })
  await expect(relay.adopt('other', { take: 'log' })).rejects.toMatchObject({ code: 'nothing-waits' })
})

for (const restarts of [false, true]) {
  for (const choice of ['brought back', 'log'] as const) {
    test(`[RL77] [RL78] "${choice}": ${restarts ? 'after a restart, ' : ''}what this log has decided is judged again, or stands`, async () => {
      const before = world()
      const live = enter(before.relay)
      await until(() => live.all('basis').length === 1)
      const here = [take(live, '1', 'eve'), take(live, '3', 'eve')]
      await until(() => here.every((writer) => outcome(live, writer) !== undefined))
      await bring(before.relay, { cells: [held('1', 'ann', 4), held('2', 'bob', 9)], shift: 20 })
      if (restarts) await before.relay.close()
      const { relay } = restarts ? world({ storage: before.storage }) : before
      const client = enter(relay)
      const asked = take(client, '4', 'eve')
      client.send([record(bob, 1)])
      await until(() => outcome(client, bob) !== undefined)
      expect(outcome(client, asked)).toBeUndefined()
      const adopted = await relay.adopt('board', { take: choice, joinedAt: 4 })
      const refs = [{ tag: 'lww', address: '1', arbiter: 'relay' }]
      const takenBack = choice === 'log' ? [] : [{ relaySeq: 1, writer: here[0], at: startMs * 1000, refs }]
      expect(adopted).toMatchObject({ relaySeq: 6, refs: choice === 'log' ? 2 : 3, takenBack })
      await until(() => adoptions(client).length === 1)
      expect(adoptions(client)).toMatchObject([{ shift: choice === 'log' ? 0 : 29, taken: choice }])
      const seen = choice === 'log' ? { 1: 'eve', 2: undefined, 3: 'eve' } : { 1: 'ann', 2: 'bob', 3: 'eve' }
      // A relay that comes after it begins from there.
      await relay.close()
      const again = world({ storage: before.storage })
      const last = enter(again.relay)
      for (const [seat, by] of Object.entries(seen)) {
        const wrong = take(last, seat, 'joe', 'nobody')
        const right = take(last, seat, 'joe', by)
        await until(() => outcome(last, wrong) !== undefined && outcome(last, right) !== undefined)
        expect([outcome(last, wrong), outcome(last, right)]).toEqual(['conflict', expect.any(Number)])
      }
    })
  }
}

test('[RL78] where the log has what was brought back nothing waits, and what comes later of that epoch does', async () => {
  const { relay } = world()
  const live = enter(relay)
  await until(() => live.all('basis').length === 1)
  const first = take(live, '1', 'ann')
  await until(() => outcome(live, first) === 1)
  const stamp = { at: 1, writer: first }
  const cells = [{ tag: 'lww', address: '1', arbiter: 'relay', ops: [{ payload: [0, 'ann'], stamp }] }] as const
  // Taken over, it would leave no room for what is brought back after the next loss.
  await bring(relay, { cells, seqs: [[first, 1]], shift: 2 ** 52 - 9 })
  const second = take(live, '2', 'ann')
  await until(() => outcome(live, second) !== undefined)
  expect(outcome(live, second)).toBe(5)
  expect(adoptions(live)).toEqual([{ shift: 0, taken: 'same', covers: [[lost, 9]] }])
  await bring(relay, { cells, seqs: [[first, 1]], basis: { epoch: lost, relaySeq: 12 }, by: writerId(0x71) })
  take(live, '3', 'ann')
  await turns()
  expect((await relay.adopt('board', { take: 'log' })).refs).toBe(2)
})

test('[RL78] what is brought back after somebody has said what counts of its epoch keeps nobody waiting, and may be adopted', async () => {
  const { relay } = world()
  const live = enter(relay)
  await until(() => live.all('basis').length === 1)
  await bring(relay, { cells: [held('1', 'ann', 4)] })
  await relay.adopt('board', { take: 'brought back' })
  const more = { cells: [held('1', 'ann', 4), held('2', 'bob', 11)], basis: { epoch: lost, relaySeq: 11 } }
  await bring(relay, { ...more, by: writerId(0x71) })
  const asked = take(live, '2', 'eve')
  await until(() => outcome(live, asked) !== undefined)
  expect(outcome(live, asked)).toBe(6)
  const refs = [{ tag: 'lww', address: '2', arbiter: 'relay' }]
  const adopted = await relay.adopt('board', { take: 'brought back' })
  expect(adopted).toEqual({
    relaySeq: 7,
    refs: 2,
    takenBack: [{ relaySeq: 6, writer: asked, at: startMs * 1000, refs }],
  })
  // The first one is told once more, with what was brought back.
  await until(() => adoptions(live).length === 3)
})

test('[RL77] who has looked at something else than what waits now adopts nothing', async () => {
  const { relay } = world()
  await bring(relay, { cells: [held('1', 'ann', 4)] })
  await expect(relay.adopt('board', { take: 'log', joinedAt: 1 })).rejects.toMatchObject({ code: 'nothing-waits' })
  expect((await relay.adopt('board', { take: 'log', joinedAt: 2 })).relaySeq).toBe(3)
  await relay.close()
  await expect(relay.adopt('board', { take: 'log' })).rejects.toMatchObject({ code: 'closed' })
})

for (const [happens, then] of [
  ['failed', 'adopted'],
  ['stored-but-failed', 'nothing-waits'],
] as const) {
  test(`[RL77] an adoption whose batch has ${happens} is there or not, and whoever asked is told that nobody knows`, async () => {
    const storage = gatedStorage()
    const { relay } = world({ storage })
    await bring(relay, { cells: [held('1', 'ann', 4)] })
    storage.hold()
    const asked = relay.adopt('board', { take: 'brought back' })
    asked.catch(() => undefined)
    await until(() => storage.waiting === 1)
    storage.release(happens)
    await expect(asked).rejects.toMatchObject({ code: 'storage-failed' })
    storage.open()
    const again = relay.adopt('board', { take: 'log' })
    const found = await again.then(
      () => 'adopted',
      (error: { readonly code: string }) => error.code,
    )
    expect(found).toBe(then)
  })
}

test('[RL77] a client can adopt nothing, and what it brings back has to be of relay refs', async () => {
  const storage = createMemoryStorage()
  const { relay } = world({ storage })
  const client = enter(relay)
  await until(() => client.all('basis').length === 1)
  const change = { writer: ann, seq: 1, deps: emptyBasis, at: startMs * 1000, ops: [], effects: [], meta: null }
  const adoption = { shift: 0, taken: 'log', covers: [] } as const
  client.send([encodeChange(change, [], undefined, undefined, { adoption })])
  await until(() => outcome(client, ann) !== undefined)
  expect(outcome(client, ann)).toBe('malformed')
  const cell = { ...held('1', 'ann', 4), arbiter: 'local' } as const
  const back = await bring(relay, { cells: [cell] })
  expect(back.last('failure')).toMatchObject({ code: 'malformed', channel: 1 })
  expect((await storage.space('board'))!.head).toBe(0)
})

test('[RL75] [RL77] a client of a version that knows joins and no adoptions is told so', async () => {
  const { relay } = world()
  const older = enter(relay, undefined, 2)
  await until(() => older.all('basis').length === 1)
  await bring(relay, { cells: [held('1', 'ann', 4)] })
  await until(() => older.all('failure').length === 1)
  expect(older.last('failure')).toMatchObject({ code: 'epoch-changed', channel: 1 })
})

test('[RL55] [RL57] [RL79] what waits and what was adopted shows as what it is, and is adopted in a folder that nobody uses', async () => {
  const folder = temporaryFolder()
  const storage = await openLmdbStorage(folder)
  const { relay } = world({ storage })
  const live = enter(relay)
  await until(() => live.all('basis').length === 1)
  const here = [take(live, '1', 'eve'), take(live, '3', 'eve')]
  await until(() => here.every((writer) => outcome(live, writer) !== undefined))
  await bring(relay, { cells: [held('1', 'ann', 4), held('2', 'bob', 9)] })
  await relay.close()
  await storage.close()
  const before = await verifyData(folder)
  expect(before.findings).toEqual([])
  const unadopted = { joinedAt: 4, epoch: lost, relaySeq: 9, refs: 2, decidedSince: 2, isAwaited: true }
  expect(before.spaces).toMatchObject([{ space: 'board', unadopted }])
  const how: AdoptOptions = { take: 'brought back' }
  await expect(adoptData(folder, 'other', how)).rejects.toMatchObject({ code: 'nothing-waits' })
  expect(await adoptData(folder, 'board', how)).toMatchObject({ relaySeq: 5, refs: 3, takenBack: [{ relaySeq: 1 }] })
  const after = await verifyData(folder)
  expect([after.findings, after.spaces[0]!.unadopted]).toEqual([[], undefined])
  const shown: unknown[] = []
  await readChanges(folder, (stored) => void shown.push('damage' in stored ? stored.damage : stored.adopted))
  expect(shown).toEqual([undefined, undefined, undefined, undefined, 'brought back'])
})

test('[RL77] what is longer than a record may be is not adopted: it says what to do, and nobody else notices', async () => {
  const { relay } = world()
  const live = enter(relay)
  await until(() => live.all('basis').length === 1)
  // Each alone would have room.
  const cells = ['1', '2'].map((seat) => held(seat, seat.repeat(9 * 1024 * 1024), 4))
  const client = enter(relay, apart)
  await until(() => client.all('apart').length === 1)
  const bytes = broughtBackBytes({ cells, beside: [] })
  const half = bytes.length / 2
  for (const [i, meta] of [bytes.slice(0, half), bytes.slice(half)].entries()) {
    const deps = { ...emptyBasis, ...apart }
    const change = { writer: writerId(0x70), seq: i + 1, deps, at: startMs * 1000, ops: [], effects: [], meta }
    const join = { left: 1 - i, also: [], decided: { shift: 0 } }
    client.send([encodeChange(change, [], undefined, undefined, { join })])
  }
  await until(() => client.all('basis').length === 1)
  await expect(relay.adopt('board', { take: 'brought back' })).rejects.toMatchObject({
    code: 'too-large',
    message:
      'What relay refs would hold in "board" takes more than the 16 MiB of one record, in which it is adopted as a whole or not at all. Nothing has happened. Adopt what this log has ("log"), or restore a backup of before the loss.',
  })
  live.send([record(ann, 1)])
  await until(() => outcome(live, ann) !== undefined)
  expect((await relay.adopt('board', { take: 'log' })).refs).toBe(0)
})

for (const shift of [2 ** 52 - 8, Number.MAX_SAFE_INTEGER]) {
  test(`[RL80] a join that is shifted by ${shift} is not taken, and all others go on`, async () => {
    const storage = createMemoryStorage()
    const { relay } = world({ storage })
    const live = enter(relay)
    await until(() => live.all('basis').length === 1)
    const client = await bring(relay, { shift })
    expect(client.last('failure')).toMatchObject({ code: 'malformed', channel: 1 })
    expect(client.last('failure').message).toContain(`it reaches up to ${shift + 9}. Nothing of yours is lost`)
    live.send([record(bob, 1)])
    await until(() => outcome(live, bob) !== undefined)
    expect([client.closed, (await storage.space('board'))!.head]).toEqual([undefined, 1])
  })
}

test('[RL80] a join of which something is stamped later than what comes after it is not taken', async () => {
  const { relay } = world()
  const client = await bring(relay, { cells: [held('1', 'ann', 10)] })
  expect(client.last('failure')).toMatchObject({ code: 'malformed', channel: 1 })
  const other = await bring(relay, { cells: [held('1', 'ann', 9)], by: writerId(0x71) })
  expect(other.all('failure')).toEqual([])
})

test('[RL80] [RL5] a defect of the relay ends no more than the space, for whose clients it is as if that could not be stored', async () => {
  let isBroken = false
  const chance = {
    bytes(count: number) {
      if (isBroken) {
        isBroken = false
        throw new TypeError('A defect.')
      }
      return crypto.getRandomValues(new Uint8Array(count))
    },
  }
  const errors: unknown[] = []
  const log = { debug() {}, info() {}, warn() {}, error: (...words: unknown[]) => void errors.push(words) }
  const { relay } = world({ chance, log })
  const live = enter(relay)
  const elsewhere = connect(relay)
  elsewhere.hello(3)
  elsewhere.open('other')
  await until(() => live.all('basis').length + elsewhere.all('basis').length === 2)
  const client = enter(relay, apart)
  await until(() => client.all('apart').length === 1)
  isBroken = true
  client.send(pieces({}))
  await until(() => !isBroken && live.closed !== undefined)
  expect(client.last('failure')).toMatchObject({ code: 'malformed', channel: 1 })
  expect(live.last('failure')).toMatchObject({ code: 'storage-failed', channel: 0 })
  expect(errors).toMatchObject([[{ space: 'board', err: { message: 'A defect.' } }, expect.any(String)]])
  elsewhere.send([record(ann, 1)])
  const again = enter(relay)
  again.send([record(bob, 1)])
  await until(() => outcome(elsewhere, ann) !== undefined && outcome(again, bob) !== undefined)
  expect([outcome(elsewhere, ann), outcome(again, bob)]).toEqual([1, 1])
})

test('[RL80] a rule of the operator that throws for a join is no end of anything', async () => {
  let isBroken = true
  const refuse = (): undefined => {
    if (isBroken) throw new TypeError('A defect.')
    return undefined
  }
  const { relay } = world({ refuse })
  const first = enter(relay, apart)
  await until(() => first.all('apart').length === 1)
  const second = enter(relay, apart)
  first.send(pieces({ cells: [held('1', 'ann', 4)] }))
  await until(() => first.closed !== undefined)
  expect(first.last('failure')).toMatchObject({ code: 'too-busy', channel: 0 })
  isBroken = false
  await until(() => second.all('apart').at(-1)?.isTurn === true)
  second.send(pieces({ cells: [held('1', 'ann', 4)], by: writerId(0x71) }))
  await until(() => second.all('basis').length === 1)
})
