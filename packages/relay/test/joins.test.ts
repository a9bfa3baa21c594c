import { encodeChange, type Covered } from '@syncline/protocol'
import { emptyBasis, type Basis } from '@syncline/stm'
import { expect, test } from 'vitest'
import { readChanges, verifyData, type StoredChange } from '../src/care/index.ts'
import { createMemoryStorage, type Epochs, type LogStorage } from '../src/index.ts'
import { openLmdbStorage } from '../src/lmdb.ts'
import { createKeyedEpochs } from '../src/node.ts'
import { temporaryFolder } from './folder.ts'
import { gatedStorage } from './gated.ts'
import {
  ann,
  bob,
  connect,
  eve,
  record,
  run,
  startMs,
  turns,
  until,
  world,
  writerId,
  type Client,
  type World,
} from './kit.ts'

const lost = '1'.repeat(32)
const lostToo = '2'.repeat(32)

/** A client of the version that knows joins. */
function newer(relay: World['relay'], basis?: Partial<Basis>, space = 'board'): Client {
  const client = connect(relay)
  client.hello(2)
  client.open(space, basis && { basis })
  return client
}

interface JoinOptions {
  readonly epoch?: string
  readonly relaySeq?: number
  readonly seqs?: readonly (readonly [writer: string, seq: number])[]
  readonly owners?: readonly (readonly [client: number, owner: string])[]
  readonly also?: readonly Covered[]
  readonly count?: number
  readonly by?: string
  readonly at?: number
}

/** The pieces of a join, whose bytes mean nothing to a relay. */
function pieces({
  epoch = lost,
  relaySeq = 9,
  seqs = [],
  owners = [],
  also = [],
  count = 2,
  by = writerId(0x70),
  at = startMs * 1000,
}: JoinOptions = {}): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const inherited = new Map(i === 0 ? owners : [])
    const writers = new Map(seqs.filter((_, n) => n % count === i))
    const meta = new Uint8Array([i])
    const change = { writer: by, seq: i + 1, deps: { epoch, relaySeq, writers }, at, ops: [], effects: [], meta }
    return encodeChange(change, [...inherited.keys()], undefined, inherited, { join: { left: count - 1 - i, also } })
  })
}

/** What a client is told, in words. */
function heard(client: Client): string[] {
  return client.heard.flatMap((frame): string[] => {
    switch (frame.type) {
      case 'apart':
        return [`apart ${frame.relaySeq}${frame.isTurn ? ' turn' : ''}`]
      case 'basis':
        return [`basis ${frame.head}`]
      case 'join':
        return [`join ${frame.first}-${frame.last}`]
      case 'changes':
        return [`${frame.first}+${frame.records.length}`]
      case 'acknowledgement':
        return [`acknowledged ${frame.first}+${frame.count}`]
      case 'failure':
        return [`failure ${frame.code}`]
      default:
        return []
    }
  })
}

const apart: Partial<Basis> = { epoch: lost, relaySeq: 9 }

test('[RL74] of those whose log was lost one joins what it has, and it is told to all: what stands before it and it has not seen, then it', async () => {
  const { relay, storage } = world()
  const live = newer(relay)
  live.send([record(ann, 1), record(ann, 2)])
  await until(() => heard(live).includes('acknowledged 1+2'))
  const back = newer(relay, apart)
  const other = newer(relay, { epoch: lost, relaySeq: 5 })
  await until(() => heard(other).length === 1)
  expect([heard(back), heard(other)]).toEqual([['apart 0 turn'], ['apart 0']])
  back.send(pieces({ seqs: [[bob, 7]] }))
  await until(() => heard(other).length >= 5)
  const whole = ['join 3-4', '1+4']
  expect(heard(live).slice(2)).toEqual(whole)
  for (const client of [back, other]) expect(heard(client).slice(1)).toEqual(['apart 9', 'basis 4', ...whole])
  expect(back.last('join').epoch).toBe(live.last('epoch').epoch)
  expect((await storage.space('board'))!).toMatchObject({ head: 4, joinedAt: 4 })
  // From then on the stream is what it always was.
  live.send([record(ann, 3)])
  await until(() => heard(other).at(-1) === '5+1')
  expect(heard(live).at(-1)).toBe('acknowledged 5+1')
})

test('[RL74] newcomers, those who had read less, and those who come after a restart are told the join first', async () => {
  const { relay, storage } = world()
  const live = newer(relay)
  live.send(run(ann, 1, 3))
  await until(() => heard(live).includes('acknowledged 1+3'))
  const { epoch } = live.last('epoch')
  const back = newer(relay, apart)
  back.send(pieces())
  await until(() => heard(back).includes('1+5'))
  live.send([record(ann, 4)])
  await until(() => heard(back).includes('6+1'))
  await relay.close()
  const again = world({ storage })
  for (const relaySeq of [0, 1, 4, 5, 6]) {
    const client = newer(again.relay, { epoch: relaySeq === 0 ? null : epoch, relaySeq })
    await until(() => heard(client).length === (relaySeq === 6 ? 1 : relaySeq === 5 ? 2 : 4))
    const rest = relaySeq === 6 ? [] : relaySeq === 5 ? ['6+1'] : ['join 4-5', '1+5', '6+1']
    expect(heard(client)).toEqual(['basis 6', ...rest])
  }
  const late = newer(again.relay, apart)
  await until(() => heard(late).length === 5)
  expect(heard(late)).toEqual(['apart 9', 'basis 6', 'join 4-5', '1+5', '6+1'])
})

test('[RL75] what a writer has by a join is not appended again, and it goes on from there', async () => {
  const { relay } = world()
  const back = newer(relay, apart)
  await until(() => heard(back).length === 1)
  back.send(
    pieces({
      seqs: [
        [ann, 4],
        [bob, 2],
      ],
    }),
  )
  await until(() => heard(back).includes('1+2'))
  const other = newer(relay, { ...apart, writers: new Map([[ann, 6]]) })
  await until(() => other.all('basis').length === 1)
  expect(other.last('basis').writers).toEqual(new Map([[ann, 4]]))
  other.send(run(ann, 3, 6, { deps: { epoch: lost, relaySeq: 9, writers: new Map([[bob, 2]]) } }))
  await until(() => heard(other).includes('acknowledged 3+2'))
  other.send([record(ann, 7, { deps: { epoch: lost, relaySeq: 10 } })])
  await until(() => other.all('refusal').length === 1)
  expect(other.last('refusal')).toMatchObject({ writer: ann, seq: 7, code: 'missing-dependency' })
})

test('[RL75] [RL81] whose the Yjs clients are, and how late it was, comes with a join; one that comes too early comes again', async () => {
  const { relay, storage, clock } = world()
  const early = newer(relay, apart)
  await until(() => heard(early).length === 1)
  const at = (startMs + 600_000) * 1000
  const owners = [
    [7, ann],
    [9, bob],
  ] as const
  early.send(pieces({ owners, at }))
  await until(() => early.all('failure').length === 1)
  expect(early.last('failure')).toMatchObject({ channel: 1, code: 'malformed' })
  expect(early.last('failure').message).toContain('comes in 540000 ms')
  expect(await storage.space('board')).toBeUndefined()
  clock.advance(540_000)
  const back = newer(relay, apart)
  await until(() => heard(back).length === 1)
  back.send(pieces({ owners, at }))
  await until(() => heard(back).includes('1+2'))
  expect(await storage.documents('board', [7, 8, 9])).toEqual(
    new Map([
      [7, ann],
      [9, bob],
    ]),
  )
  back.send([record(eve, 1, { documents: [7] })])
  await until(() => back.all('refusal').length === 1)
  expect(back.last('refusal')).toMatchObject({ writer: eve, code: 'writer-clash' })
  back.send([record(ann, 1, { at: at + 5 })])
  await until(() => heard(back).includes('acknowledged 3+1'))
})

test('[RL74] when it is silent, or goes, the next one has its turn: who has most', async () => {
  const { relay, clock } = world()
  const [first, less, most] = [9, 5, 12].map((relaySeq) => newer(relay, { epoch: lost, relaySeq })) as [
    Client,
    Client,
    Client,
  ]
  await until(() => heard(most).length === 1)
  expect([first, less, most].map(heard)).toEqual([['apart 0 turn'], ['apart 0'], ['apart 0']])
  first.send(pieces().slice(0, 1))
  clock.advance(9_000)
  expect(heard(most)).toEqual(['apart 0'])
  clock.advance(1_000)
  await turns()
  expect(heard(most)).toEqual(['apart 0', 'apart 0 turn'])
  // It comes too late, and nobody takes it for the other's.
  first.send(pieces().slice(1))
  most.drop()
  await turns()
  expect([first, less].map(heard)).toEqual([['apart 0 turn', 'apart 0 turn'], ['apart 0']])
  // It begins anew.
  first.send(pieces({ by: writerId(0x71) }))
  await until(() => heard(less).includes('1+2'))
  expect(heard(first).slice(2)).toEqual(['apart 9', 'basis 2', 'join 1-2', '1+2'])
})

test('[RL74] alone, who was silent may begin again', async () => {
  const { relay, clock } = world()
  const back = newer(relay, apart)
  await until(() => heard(back).length === 1)
  back.send(pieces().slice(0, 1))
  clock.advance(10_000)
  await turns()
  expect(heard(back)).toEqual(['apart 0 turn', 'apart 0 turn'])
  back.send(pieces({ by: writerId(0x71), count: 3 }))
  await until(() => heard(back).includes('1+3'))
})

test('[RL76] who has more than was joined joins that in its place; who has less of something else does not', async () => {
  const { relay } = world()
  const back = newer(relay, apart)
  await until(() => heard(back).length === 1)
  back.send(pieces({ seqs: [[ann, 1]] }))
  await until(() => heard(back).includes('1+2'))
  const more = newer(relay, { epoch: lost, relaySeq: 11 })
  await until(() => heard(more).length === 1)
  expect(heard(more)).toEqual(['apart 9 turn'])
  more.send(pieces({ relaySeq: 11, by: writerId(0x71), seqs: [[ann, 2]] }))
  await until(() => heard(back).includes('join 3-4'))
  expect(heard(more).slice(1, 4)).toEqual(['apart 11', 'basis 4', 'join 3-4'])
  await until(() => more.all('changes').flatMap(({ records }) => records).length === 4)
  // It knows of another log that was lost, and nothing of this one.
  const stranger = newer(relay, { epoch: lostToo, relaySeq: 3 })
  await until(() => heard(stranger).length === 1)
  stranger.send(pieces({ epoch: lostToo, relaySeq: 3, by: writerId(0x72) }))
  await until(() => stranger.all('failure').length === 1)
  expect(stranger.last('failure')).toMatchObject({ code: 'epoch-changed', channel: 1 })
  // One who has both may.
  const both = newer(relay, { epoch: lostToo, relaySeq: 3 })
  await until(() => heard(both).length === 1)
  both.send(pieces({ epoch: lostToo, relaySeq: 3, by: writerId(0x73), also: [[lost, 11]] }))
  await until(() => heard(both).includes('join 5-6'))
  const late = newer(relay, { epoch: lost, relaySeq: 11 })
  await until(() => heard(late).includes('join 5-6'))
})

test('[RL81] nobody has more of what this run writes than is there, and who says so keeps nobody waiting', async () => {
  const { relay } = world()
  const live = newer(relay)
  live.send([record(ann, 1)])
  await until(() => heard(live).includes('acknowledged 1+1'))
  const { epoch } = live.last('epoch')
  const liar = newer(relay, { epoch, relaySeq: 2 ** 50 })
  await until(() => liar.all('failure').length === 1)
  expect(liar.last('failure')).toMatchObject({ channel: 1, code: 'epoch-changed' })
  expect([heard(liar), liar.closed]).toEqual([['failure epoch-changed'], undefined])
  const other = newer(relay, apart)
  await until(() => heard(other).length === 1)
  other.send(pieces({ by: writerId(0x71), also: [[epoch, 2]] }))
  await until(() => other.all('failure').length === 1)
  expect(other.last('failure').message).toContain(`of epoch ${epoch} there was never more than there is here`)
  const honest = newer(relay, apart)
  await until(() => heard(honest).length === 1)
  expect(heard(honest)).toEqual(['apart 0 turn'])
  honest.send(pieces({ also: [[epoch, 1]] }))
  await until(() => heard(honest).includes('join 2-3'))
})

test('[RL81] a relay that knows its own epochs takes back what it has lost of them, and of others nothing', async () => {
  const key = new TextEncoder().encode('a secret of the operator')
  const epochs = createKeyedEpochs(key)
  const before = world({ epochs })
  const author = newer(before.relay)
  author.send([record(ann, 1)])
  await until(() => heard(author).includes('acknowledged 1+1'))
  const { epoch } = author.last('epoch')
  await before.relay.close()

  const { relay } = world({ epochs: createKeyedEpochs(key) })
  const liars = [apart, { epoch: `${epoch.slice(1)}${epoch.startsWith('0') ? '1' : '0'}`, relaySeq: 1 }]
  for (const basis of liars) {
    const liar = newer(relay, basis)
    await until(() => liar.all('failure').length === 1)
    expect(heard(liar)).toEqual(['failure epoch-changed'])
    expect(liar.last('failure').message).toContain(`this relay has never written in epoch ${basis.epoch}`)
  }
  const sly = newer(relay, { epoch, relaySeq: 1 })
  await until(() => heard(sly).length === 1)
  sly.send(pieces({ epoch, relaySeq: 1, also: [[lost, 9]], by: writerId(0x71) }))
  await until(() => sly.all('failure').length === 1)
  const honest = newer(relay, { epoch, relaySeq: 1 })
  await until(() => heard(honest).length === 1)
  expect(heard(honest)).toEqual(['apart 0 turn'])
  honest.send(pieces({ epoch, relaySeq: 1, seqs: [[ann, 1]] }))
  await until(() => heard(honest).includes('join 1-2'))
})

test('[RL81] epochs of another key are another’s, and a key that could be guessed is none', () => {
  const [one, other] = ['a secret of the operator', 'a secret of another one'].map((text) =>
    createKeyedEpochs(new TextEncoder().encode(text)),
  ) as [Epochs, Epochs]
  const drawn = Array.from({ length: 100 }, () => one.draw())
  expect(new Set(drawn).size).toBe(100)
  for (const epoch of drawn) expect([one.isOwn(epoch), other.isOwn(epoch)]).toEqual([true, false])
  for (const epoch of ['', '0', 'f'.repeat(31), drawn[0]! + '00']) expect(one.isOwn(epoch)).toBe(false)
  expect(() => createKeyedEpochs(new Uint8Array(15))).toThrow(RangeError)
})

test('[RL76] two who have the same are joined once', async () => {
  const { relay, storage } = world()
  const clients = Array.from({ length: 50 }, () => newer(relay, apart))
  await until(() => clients.every((client) => heard(client).length === 1))
  expect(clients.filter((client) => heard(client)[0] === 'apart 0 turn')).toHaveLength(1)
  for (const [i, client] of clients.entries()) client.send(pieces({ by: writerId(0x100 + i) }))
  await until(() => clients.every((client) => heard(client).includes('1+2')))
  expect((await storage.space('board'))!.head).toBe(2)
})

test('[RL12] a client that knows no joins is told that its epoch has changed, whenever it is to be told one', async () => {
  const { relay } = world()
  const old = (basis?: Partial<Basis>): Client => {
    const client = connect(relay)
    client.hello(1)
    client.open('board', basis && { basis })
    return client
  }
  const live = old()
  await until(() => heard(live).length === 1)
  const gone = old(apart)
  await until(() => heard(gone).length === 1)
  const back = newer(relay, apart)
  await until(() => heard(back).length === 1)
  back.send(pieces())
  await until(() => live.all('failure').length === 1)
  const fresh = old()
  await until(() => fresh.all('failure').length === 1)
  for (const client of [live, gone, fresh]) {
    expect(client.last('failure')).toMatchObject({ code: 'epoch-changed', channel: 1 })
    expect(client.all('changes')).toEqual([])
  }
})

test('[RL74] what is too large, or what the operator does not want, ends the channel and changes nothing', async () => {
  const { relay, storage } = world({
    limits: { maxJoinBytes: 300 },
    refuse: ({ join }) => (join === undefined ? undefined : { code: 'no-joins', message: 'Ask me first.' }),
  })
  const large = newer(relay, apart)
  const unwanted = newer(relay, apart)
  await until(() => heard(unwanted).length === 1)
  large.send(pieces({ count: 9 }))
  await until(() => large.all('failure').length === 1)
  expect(large.last('failure').code).toBe('epoch-changed')
  await until(() => heard(unwanted).includes('apart 0 turn'))
  unwanted.send(pieces())
  await until(() => unwanted.all('failure').length === 1)
  expect(unwanted.last('failure')).toMatchObject({ code: 'forbidden', message: 'Ask me first.' })
  expect(await storage.space('board')).toBeUndefined()
})

test('[RL75] pieces that belong to nothing are passed over', async () => {
  const { relay, storage } = world()
  const live = newer(relay)
  await until(() => heard(live).length === 1)
  live.send([...pieces(), record(ann, 1)])
  await until(() => heard(live).includes('acknowledged 1+1'))
  const back = newer(relay, apart)
  await until(() => heard(back).length === 1)
  back.send(pieces({ relaySeq: 8 }))
  back.send([pieces()[0]!, pieces({ by: writerId(0x71) })[1]!, record(bob, 1)])
  await turns()
  expect(heard(back)).toEqual(['apart 0 turn'])
  expect((await storage.space('board'))!.head).toBe(1)
})

for (const outcome of ['failed', 'stored-but-failed'] as const) {
  test(`[RL5] [RL74] a join whose batch has ${outcome} is there as a whole or not at all`, async () => {
    const storage = gatedStorage()
    const { relay } = world({ storage })
    const back = newer(relay, apart)
    await until(() => heard(back).length === 1)
    storage.hold()
    back.send(pieces({ seqs: [[ann, 3]] }))
    const waits = newer(relay, { epoch: lost, relaySeq: 3 })
    await until(() => storage.waiting === 1 && heard(waits).length === 1)
    storage.release(outcome)
    await until(() => back.closed !== undefined && waits.closed !== undefined)
    storage.open()
    const again = newer(relay, apart)
    await until(() => heard(again).length >= 1)
    expect(heard(again)[0]).toBe(outcome === 'failed' ? 'apart 0 turn' : 'apart 9')
    if (outcome === 'failed') again.send(pieces({ by: writerId(0x71), seqs: [[ann, 3]] }))
    await until(() => heard(again).includes('1+2'))
    again.send([record(ann, 4)])
    await until(() => heard(again).includes('acknowledged 3+1'))
  })
}

test('[RL74] a relay that is closed meanwhile ends, and a space of which somebody waits is not forgotten', async () => {
  const storage: LogStorage = createMemoryStorage()
  const { relay } = world({ storage })
  const back = newer(relay, apart)
  await until(() => heard(back).length === 1)
  // The room that it waits in is the one that others come to.
  const other = newer(relay, apart)
  await until(() => heard(other).length === 1)
  expect(heard(other)).toEqual(['apart 0'])
  back.send(pieces().slice(0, 1))
  await relay.close()
  expect(await storage.space('board')).toBeUndefined()
  expect([back.closed, other.closed]).toEqual(Array(2).fill({ code: 1001, reason: 'stopping' }))
})

test('[RL6] what depends on what was joined may come after it, and not before', async () => {
  const { relay } = world()
  const live = newer(relay)
  await until(() => heard(live).length === 1)
  live.send([record(ann, 1, { deps: { ...emptyBasis, ...apart } })])
  await until(() => live.all('refusal').length === 1)
  expect(live.last('refusal').code).toBe('missing-dependency')
  const back = newer(relay, apart)
  await until(() => heard(back).length === 1)
  back.send(pieces())
  await until(() => heard(live).includes('1+2'))
  live.send([record(bob, 1, { deps: { ...emptyBasis, ...apart } })])
  await until(() => heard(live).includes('acknowledged 3+1'))
})

test('[RL55] [RL57] what was joined is as it was written, and shows as what it is', async () => {
  const folder = temporaryFolder()
  const storage = await openLmdbStorage(folder)
  const { relay } = world({ storage })
  const live = newer(relay)
  live.send([record(ann, 1)])
  await until(() => heard(live).includes('acknowledged 1+1'))
  const back = newer(relay, apart)
  await until(() => heard(back).length === 1)
  back.send(
    pieces({
      seqs: [
        [ann, 4],
        [bob, 2],
      ],
      owners: [[7, bob]],
    }),
  )
  await until(() => heard(back).includes('1+3'))
  back.send([record(ann, 5, { deps: { ...emptyBasis, ...apart } }), record(bob, 3)])
  await until(() => heard(live).includes('4+2'))
  await relay.close()
  await storage.close()
  expect((await verifyData(folder)).findings).toEqual([])
  const found: StoredChange[] = []
  expect(await readChanges(folder, (stored) => void found.push(stored))).toEqual([])
  expect(found.map((stored) => ('damage' in stored ? stored.damage : stored.join))).toEqual([
    undefined,
    { left: 1, epoch: lost, relaySeq: 9 },
    { left: 0, epoch: lost, relaySeq: 9 },
    undefined,
    undefined,
  ])
  const again = await openLmdbStorage(folder)
  expect((await again.space('board'))!.joinedAt).toBe(3)
  await again.close()
})
