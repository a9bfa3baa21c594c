import { crc32c, encodeChange, recordChecksum, type Frame } from '@syncline/protocol'
import { expect, test } from 'vitest'
import { createMemoryStorage, createRelay } from '../src/index.ts'
import {
  ann,
  bob,
  change,
  eve,
  join,
  record,
  run,
  startMs,
  told,
  turns,
  until,
  world,
  writerId,
  type ChangeOptions,
} from './kit.ts'

test('[RL1] Changes are ordered, acknowledged to their author and forwarded to the others', async () => {
  const { relay } = world()
  const a = await join(relay, 'board')
  const b = await join(relay, 'board')
  expect(a.last('basis')).toEqual(b.last('basis'))
  a.send(run(ann, 1, 3))
  await until(() => told(a).length === 3 && told(b).length === 3)
  b.send([record(bob, 1)])
  await until(() => told(a).length === 4 && told(b).length === 4)
  expect(told(a)).toEqual([`${ann}:1`, `${ann}:2`, `${ann}:3`, record(bob, 1)])
  expect(told(b)).toEqual([...run(ann, 1, 3), `${bob}:1`])
})

test('[RL1] one batch reaches everybody: the author of part of it gets that part as acknowledgements', async () => {
  const { relay } = world()
  const a = await join(relay, 'board')
  const b = await join(relay, 'board')
  const c = await join(relay, 'board')
  a.send([record(ann, 1)])
  for (let seq = 1; seq <= 3; seq++) {
    b.send([record(bob, seq)])
    a.send([record(ann, seq + 1)])
  }
  await until(() => [a, b, c].every((client) => told(client).length === 7))
  const order = told(c)
  const shown = (own: string): unknown[] => {
    const ownRecords = new Map(run(own, 1, 4).map((bytes, i) => [recordChecksum(bytes), `${own}:${i + 1}`]))
    return order.map((bytes) => ownRecords.get(recordChecksum(bytes as Uint8Array)) ?? bytes)
  }
  expect(told(a)).toEqual(shown(ann))
  expect(told(b)).toEqual(shown(bob))
})

test('[RL2] the basis says the head and what the relay has of the writers asked for', async () => {
  const { relay } = world()
  const a = await join(relay, 'board')
  a.send(run(ann, 1, 3))
  await until(() => told(a).length === 3)
  const b = await join(relay, 'board', {
    basis: {
      writers: new Map([
        [ann, 9],
        [bob, 2],
      ]),
    },
  })
  expect(b.last('basis')).toMatchObject({
    head: 3,
    writers: new Map([
      [ann, 3],
      [bob, 0],
    ]),
  })
})

test('[RL2] a space is the same one for a relay that starts again on its storage', async () => {
  const first = world()
  const a = await join(first.relay, 'board')
  a.send(run(ann, 1, 3))
  await until(() => told(a).length === 3)
  await first.relay.close()
  const second = world({ storage: first.storage })
  const b = await join(second.relay, 'board', { basis: { writers: new Map([[ann, 3]]) } })
  expect(b.last('basis')).toMatchObject({ head: 3, writers: new Map([[ann, 3]]) })
  b.send([record(ann, 4)])
  await until(() => told(b).length === 4)
})

/** What each refusal needs: the Change, and one at the limit that is taken. */
const refusals: readonly {
  readonly code: string
  readonly what: string
  readonly refused: ChangeOptions & { readonly seq?: number }
  readonly taken: ChangeOptions & { readonly seq?: number }
}[] = [
  { code: 'missing-dependency', what: 'a gap', refused: { seq: 3 }, taken: { seq: 2 } },
  {
    code: 'missing-dependency',
    what: 'a relaySeq to come',
    refused: { deps: { relaySeq: 5 } },
    taken: { deps: { relaySeq: 2 } },
  },
  {
    code: 'missing-dependency',
    what: 'another writer’s Change to come',
    refused: { deps: { writers: new Map([[eve, 1]]) } },
    taken: { deps: { writers: new Map([[ann, 1]]) } },
  },
  {
    code: 'missing-dependency',
    what: 'a relaySeq of another epoch',
    refused: { deps: { epoch: 'f'.repeat(32), relaySeq: 1 } },
    taken: { deps: { relaySeq: 1 } },
  },
  {
    code: 'clock-ahead',
    what: 'a stamp from the future',
    refused: { at: (startMs + 60_010) * 1000 + 1 },
    taken: { at: (startMs + 60_000) * 1000 },
  },
  {
    code: 'too-large',
    what: 'a long record',
    refused: { payload: 'x'.repeat(901) },
    taken: { payload: 'x'.repeat(900) },
  },
  {
    code: 'too-large',
    what: 'dependencies without end',
    refused: { deps: { writers: new Map([...Array(5)].map((_, i) => [writerId(i + 100), 0])) } },
    taken: { deps: { writers: new Map([...Array(4)].map((_, i) => [writerId(i + 100), 0])) } },
  },
  { code: 'malformed', what: 'a relay ref and no expectations', refused: { arbiter: 'relay' }, taken: {} },
  { code: 'malformed', what: 'a ref that stays in the browser', refused: { arbiter: 'browser' }, taken: {} },
  { code: 'forbidden', what: 'what the operator forbids', refused: { address: 'secret' }, taken: { address: 'open' } },
]

for (const { code, what, refused, taken } of refusals) {
  test(`[RL6] [RL10] a Change with ${what} is refused with ${code}, and one at the limit is taken`, async () => {
    const limit = encodeChange(change(bob, 2, { payload: 'x'.repeat(900), deps: { epoch: eve } })).length
    const { relay } = world({
      limits: { maxChangeBytes: limit, maxNamedWriters: 4 },
      refuse: ({ touched }) =>
        touched.some(({ address }) => address === 'secret')
          ? { code: 'forbidden', message: 'This ref is not yours to write.' }
          : undefined,
    })
    const a = await join(relay, 'board')
    a.send([record(ann, 1)])
    await until(() => told(a).length === 1)
    const { epoch } = a.last('epoch')
    const inThisLog = (options: ChangeOptions): ChangeOptions => ({ ...options, deps: { epoch, ...options.deps } })
    const b = await join(relay, 'board')
    b.send([record(bob, 1), record(bob, taken.seq ?? 2, inThisLog(taken))])
    const c = await join(relay, 'board')
    const carol = writerId(0xc)
    c.send([record(carol, 1), record(carol, refused.seq ?? 2, inThisLog(refused)), record(carol, 3)])
    await until(() => c.all('refusal').length > 0 && told(a).length === 4)
    expect(b.all('refusal')).toEqual([])
    expect(c.all('refusal')).toMatchObject([{ channel: 1, writer: carol, seq: refused.seq ?? 2, code }])
    expect(c.last('refusal').message.length).toBeGreaterThan(20)
    await turns()
    expect(told(a).length).toBe(4)
    expect(c.closed).toBeUndefined()
  })
}

test('[RL50] a clock that was set back does not stand against who has seen what was taken before, also after a restart', async () => {
  const { relay, clock, storage } = world()
  const a = await join(relay, 'board')
  const latest = (startMs + 60_000) * 1000
  a.send([record(ann, 1, { at: latest })])
  await until(() => told(a).length === 1)
  clock.advance(-3_600_000)
  a.send([record(ann, 2, { at: latest + 1 }), record(bob, 1, { at: latest + 10_000 })])
  await until(() => told(a).length === 3)
  await relay.close()

  const again = await join(createRelay({ storage, clock }), 'board')
  again.send([record(ann, 3, { at: latest + 20_000 }), record(eve, 1, { at: latest + 30_001 })])
  await until(() => again.all('refusal').length > 0)
  expect(again.all('refusal')).toMatchObject([{ writer: eve, seq: 1, code: 'clock-ahead' }])
  await until(() => told(again).length === 4)
})

test('[RL10] a Change that asks for a check this relay does not know is refused, never taken unchecked', async () => {
  const { relay } = world()
  const a = await join(relay, 'board')
  a.send([withPrecondition(record(ann, 1))])
  await until(() => a.all('refusal').length > 0)
  expect(a.last('refusal')).toMatchObject({ writer: ann, seq: 1, code: 'unknown-precondition' })
  expect(a.closed).toBeUndefined()
})

test('[RL11] a rule of the operator that throws sends the client away and refuses nothing', async () => {
  let isBroken = true
  const { relay } = world({
    refuse() {
      if (isBroken) throw new Error('no database')
      return undefined
    },
  })
  const a = await join(relay, 'board')
  a.send(run(ann, 1, 2))
  await until(() => a.closed !== undefined)
  expect(a.last('failure')).toMatchObject({ channel: 0, code: 'too-busy', retryAfterMs: 1000 })
  expect(a.closed).toEqual({ code: 1013, reason: 'too-busy' })
  isBroken = false
  const again = await join(relay, 'board')
  again.send(run(ann, 1, 2))
  await until(() => told(again).length === 2)
})

test('[RL11] the operator’s rule is told who writes what, and where', async () => {
  const seen: unknown[] = []
  const { relay } = world({
    authenticate: (credential) => ({ principal: `user ${credential.length}` }),
    refuse: ({ touched }, context) => void seen.push(touched[0]!.address, context),
  })
  const a = await join(relay, 'board')
  a.send([record(ann, 1, { address: 'cards/1' })])
  await until(() => told(a).length === 1)
  expect(seen).toEqual(['cards/1', { space: 'board', principal: 'user 0' }])
})

test('[RL11] [RL19] what is looked at when its client has gone is judged as that client’s', async () => {
  const seen: unknown[] = []
  const { relay } = world({
    authenticate: (credential) => ({ principal: `user ${credential.length}` }),
    refuse: (_header, context) => void seen.push(context),
  })
  const a = await join(relay, 'board')
  a.send([record(ann, 1)])
  a.drop()
  await until(() => seen.length === 1)
  expect(seen).toEqual([{ space: 'board', principal: 'user 0' }])
})

test('[RL7] what is sent again after a lost acknowledgement is stored once and told once', async () => {
  const { relay } = world()
  const first = await join(relay, 'board')
  first.send(run(ann, 1, 5))
  first.drop()
  const second = await join(relay, 'board', { basis: { writers: new Map([[ann, 5]]) } })
  second.send(run(ann, 1, 5))
  second.send([...run(ann, 4, 5), record(ann, 6)])
  await until(() => told(second).length === 6)
  expect(told(second)).toEqual([1, 2, 3, 4, 5, 6].map((seq) => `${ann}:${seq}`))
  await turns()
  expect(told(second).length).toBe(6)
  expect(second.all('refusal')).toEqual([])
})

test('[RL7] what a client sends again without having named it is told by the stream, as a record or as its own', async () => {
  const { relay } = world()
  const first = await join(relay, 'board')
  first.send(run(ann, 1, 2))
  await until(() => told(first).length === 2)
  const second = await join(relay, 'board')
  second.send(run(ann, 1, 3))
  await until(() => told(second).length === 3)
  expect(told(second)).toEqual([...run(ann, 1, 2), `${ann}:3`])
})

for (const seq of [1, 3]) {
  test(`[RL8] another Change under the name of ${seq} of 3 is a clash, and ends the writer`, async () => {
    const { relay } = world()
    const a = await join(relay, 'board')
    a.send(run(ann, 1, 3))
    await until(() => told(a).length === 3)
    const clone = await join(relay, 'board', { basis: { epoch: a.last('epoch').epoch, relaySeq: 3 } })
    clone.send([record(ann, seq, { payload: 'other' }), record(ann, 4, { payload: 'other' })])
    await until(() => clone.all('refusal').length > 0)
    expect(clone.all('refusal')).toMatchObject([{ writer: ann, seq, code: 'writer-clash' }])
    a.send([record(ann, 4)])
    await until(() => a.all('refusal').length > 0)
    expect(a.all('refusal')).toMatchObject([{ writer: ann, seq: 4, code: 'writer-clash' }])
    expect(told(clone, 3)).toEqual([])
  })
}

test('[RL9] a refusal ends its writer in this space, also after a restart, and says again why', async () => {
  const first = world()
  const a = await join(first.relay, 'board')
  a.send([record(ann, 1), record(ann, 2, { arbiter: 'browser' }), record(ann, 3)])
  await until(() => a.all('refusal').length > 0)
  expect(a.all('refusal')).toMatchObject([{ seq: 2, code: 'malformed' }])
  const { message } = a.last('refusal')
  await first.relay.close()

  const second = world({ storage: first.storage })
  const again = await join(second.relay, 'board')
  again.send([record(ann, 2, { arbiter: 'browser' })])
  await until(() => again.all('refusal').length > 0)
  expect(again.last('refusal')).toMatchObject({ seq: 2, code: 'malformed', message })
  const later = await join(second.relay, 'board')
  later.send([record(ann, 3), record(ann, 4)])
  await until(() => later.all('refusal').length > 0)
  expect(later.all('refusal')).toMatchObject([{ seq: 3, code: 'after-refused' }])
  expect(told(later)).toEqual([record(ann, 1)])
  const elsewhere = await join(second.relay, 'another board')
  elsewhere.send([record(ann, 1)])
  await until(() => told(elsewhere).length === 1)
})

for (const [what, basis] of [
  ['of another epoch', { epoch: 'f'.repeat(32), relaySeq: 1 }],
  ['beyond the end of the log', { relaySeq: 3 }],
] as const) {
  test(`[RL12] a basis ${what} does not open the channel`, async () => {
    const { relay } = world()
    const a = await join(relay, 'board')
    a.send(run(ann, 1, 2))
    await until(() => told(a).length === 2)
    const b = await join(relay, 'board', { basis: { epoch: a.last('epoch').epoch, ...basis } })
    expect(b.all('basis')).toEqual([])
    expect(b.all('failure')).toMatchObject([{ channel: 1, code: 'epoch-changed' }])
    expect(b.last('failure').message).toMatch(/Nothing of yours is lost/)
    b.send([record(bob, 1)])
    b.open('board')
    await until(() => told(b).length === 2)
    expect(b.closed).toBeUndefined()
  })
}

test('[RL17] two spaces on one socket: each has its own order, under the channel the client chose', async () => {
  const { relay } = world()
  const a = await join(relay, 'one', { channel: 7 })
  a.open('two', { channel: 300 })
  const b = await join(relay, 'two')
  a.send(run(ann, 1, 2), 7)
  a.send(run(ann, 1, 3), 300)
  await until(() => told(a, 0, 7).length === 2 && told(a, 0, 300).length === 3 && told(b).length === 3)
  b.send([record(bob, 1)])
  await until(() => told(a, 0, 300).length === 4)
  expect(told(a, 0, 7).length).toBe(2)
})

test('[RL4] a batch over two spaces leaves in one message to a socket that follows both', async () => {
  const { relay } = world({ storage: createMemoryStorage() })
  const a = await join(relay, 'one')
  a.open('two', { channel: 2 })
  await until(() => a.all('basis').length === 2)
  const b = await join(relay, 'one')
  b.open('two', { channel: 2 })
  await until(() => b.all('basis').length === 2)
  const before = a.messages.length
  const frames: Frame[] = [
    { type: 'changes', channel: 1, first: 0, records: run(bob, 1, 2) },
    { type: 'changes', channel: 2, first: 0, records: run(bob, 1, 2) },
  ]
  b.say(...frames)
  await until(() => told(a).length === 2 && told(a, 0, 2).length === 2)
  expect(a.messages.length - before).toBeLessThanOrEqual(2)
})

test('[RL4] those hear first of a batch who wrote nothing of it', async () => {
  const { relay } = world()
  const clients = { ann: await join(relay, 'board'), bob: await join(relay, 'board'), eve: await join(relay, 'board') }
  const order: string[] = []
  for (const [name, { messages }] of Object.entries(clients)) {
    messages.push = (...sent) => {
      order.push(name)
      return Array.prototype.push.apply(messages, sent)
    }
  }
  clients.ann.send([record(ann, 1)])
  await until(() => told(clients.ann).length === 1)
  clients.bob.send([record(bob, 1)])
  await until(() => told(clients.bob).length === 2)
  expect(order).toEqual(['bob', 'eve', 'ann', 'ann', 'eve', 'bob'])
})

/** The record with one precondition of kind 6, sealed again: byte for byte as PROTOCOL.md would have a later version write it. */
function withPrecondition(plain: Uint8Array): Uint8Array {
  return sealed(plain, (header) => Buffer.concat([header.subarray(0, -1), Buffer.from([1, 6, 0])]))
}

function sealed(plain: Uint8Array, edit: (header: Buffer) => Buffer): Uint8Array {
  const bytes = Buffer.from(plain)
  const length = bytes[1]!
  if (length > 120) throw new Error('This writes lengths of one byte only')
  const header = edit(bytes.subarray(2, 2 + length))
  const content = Buffer.concat([
    bytes.subarray(0, 1),
    Buffer.from([header.length]),
    header,
    bytes.subarray(2 + length, -4),
  ])
  const seal = Buffer.alloc(4)
  seal.writeUInt32LE(crc32c(content))
  return new Uint8Array(Buffer.concat([content, seal]))
}
