import { expect, test } from 'vitest'
import { createMemoryStorage, type LogStorage } from '../src/index.ts'
import { gatedStorage } from './gated.ts'
import { ann, bob, eve, join, record, run, told, until, world, type Client } from './kit.ts'

/** What a client has of a log: how far it was told, and in which epoch that stands. */
function basisOf(client: Client, after = 0): { readonly epoch: string; readonly relaySeq: number } {
  return { epoch: client.last('epoch').epoch, relaySeq: after + told(client, after).length }
}

/** The types of what a client heard of the log, with the relaySeqs. */
function stream(client: Client): string[] {
  return client.heard.flatMap((frame) => {
    if (frame.type === 'epoch') return ['epoch']
    if (frame.type === 'changes') return [`${frame.first}+${frame.records.length}`]
    return frame.type === 'acknowledgement' ? [`${frame.first}+${frame.count}`] : []
  })
}

/** A storage with what another had after its first `batches`: what an old backup is. */
async function backup(batches: number, of: Batches): Promise<LogStorage> {
  const restored = createMemoryStorage()
  for (const batch of of.slice(0, batches)) await restored.append(batch)
  return restored
}

type Batches = Parameters<LogStorage['append']>[0][]

/** A storage that remembers its batches. */
function remembering(): { readonly storage: LogStorage; readonly batches: Batches } {
  const inner = createMemoryStorage()
  const batches: Batches = []
  return {
    batches,
    storage: {
      ...inner,
      async append(batch) {
        await inner.append(batch)
        batches.push(batch.map((add) => ({ ...add, records: [...add.records] })))
      },
    },
  }
}

/** Writes some Changes of a writer, one batch each. */
async function write(client: Client, writer: string, from: number, to: number, after = 0): Promise<void> {
  const had = told(client, after).length
  for (let seq = from; seq <= to; seq++) {
    client.send([record(writer, seq)])
    await until(() => told(client, after).length === had + seq - from + 1)
  }
}

test('[RL51] who follows a space before the first Change of a run hears of its epoch with that one, and of no other', async () => {
  const { relay } = world()
  const [a, b] = [await join(relay, 'board'), await join(relay, 'board')]
  await write(a, ann, 1, 3)
  expect(stream(b)).toEqual(['epoch', '1+1', '2+1', '3+1'])
  const late = await join(relay, 'board')
  await until(() => told(late).length === 3)
  expect(stream(late)).toEqual(['epoch', '1+3'])
  const known = await join(relay, 'board', { basis: basisOf(b) })
  await write(a, ann, 4, 4)
  expect(stream(known)).toEqual(['4+1'])
})

test('[RL51] a run that writes begins a stretch; clients go on, and a newcomer is told of all of them where they begin', async () => {
  const storage = createMemoryStorage()
  const epochs: string[] = []
  let basis: { readonly epoch?: string; readonly relaySeq: number } = { relaySeq: 0 }
  for (const writes of [true, false, true, true]) {
    const { relay } = world({ storage })
    const a = await join(relay, 'board', { basis })
    expect(a.all('failure')).toEqual([])
    const seq = basis.relaySeq + 1
    if (writes) await write(a, ann, seq, seq + 1, basis.relaySeq)
    expect(stream(a)).toEqual(writes ? ['epoch', `${seq}+1`, `${seq + 1}+1`] : [])
    await relay.close()
    if (!writes) continue
    basis = basisOf(a, basis.relaySeq)
    epochs.push(basis.epoch!)
  }
  expect(new Set(epochs).size).toBe(3)
  expect((await storage.space('board'))!.stretches).toEqual(epochs.map((epoch, i) => ({ epoch, first: 1 + 2 * i })))
  const { relay } = world({ storage })
  const fresh = await join(relay, 'board')
  await until(() => told(fresh).length === 6)
  expect(stream(fresh)).toEqual(['epoch', '1+2', 'epoch', '3+2', 'epoch', '5+2'])
  expect(fresh.all('epoch').map(({ epoch }) => epoch)).toEqual(epochs)
  const inside = await join(relay, 'board', { basis: { epoch: epochs[0]!, relaySeq: 1 } })
  await until(() => told(inside, 1).length === 5)
  expect(stream(inside)).toEqual(['2+1', 'epoch', '3+2', 'epoch', '5+2'])
})

test('[RL51] spaces have stretches of their own', async () => {
  const { storage } = world()
  for (const space of ['one', 'two']) {
    const { relay } = world({ storage })
    const a = await join(relay, 'one')
    a.open('two', { channel: 2 })
    a.send([record(ann, space === 'one' ? 1 : 2)], space === 'one' ? 1 : 2)
    if (space === 'two') a.send([record(bob, 1)], 2)
    await until(() => told(a, 0, space === 'one' ? 1 : 2).length === 1)
    await relay.close()
  }
  const [one, two] = [await storage.space('one'), await storage.space('two')]
  expect([one!.stretches.length, two!.stretches.length]).toEqual([1, 1])
  expect(one!.stretches[0]!.epoch).not.toBe(two!.stretches[0]!.epoch)
})

for (const grown of [0, 3, 20]) {
  test(`[RL12] a client that knows what an old backup has not is told so, when others have written ${grown} Changes since`, async () => {
    const { storage, batches } = remembering()
    const before = world({ storage })
    const a = await join(before.relay, 'board')
    await write(a, ann, 1, 10)
    await before.relay.close()
    const { epoch } = a.last('epoch')
    const after = world({ storage: await backup(5, batches) })
    const b = await join(after.relay, 'board', { basis: { epoch, relaySeq: 5 } })
    await write(b, bob, 1, grown, 5)
    for (let relaySeq = 0; relaySeq <= 30; relaySeq++) {
      const back = await join(after.relay, 'board', { basis: { epoch, relaySeq } })
      expect(back.all('failure').map(({ code }) => code)).toEqual(relaySeq <= 5 ? [] : ['epoch-changed'])
      expect(stream(back).length > 0).toBe(relaySeq <= 5 && relaySeq < 5 + grown)
    }
    // The stretch that was lost is in no copy, and the one that came since not where the other went on.
    const strange = { epoch: b.all('epoch')[0]?.epoch ?? 'f'.repeat(32), relaySeq: 5 }
    expect((await join(after.relay, 'board', { basis: strange })).last('failure').code).toBe('epoch-changed')
    if (grown === 0) return
    const known = await join(after.relay, 'board', { basis: { epoch: strange.epoch, relaySeq: 6 } })
    expect(known.all('failure')).toEqual([])
  })
}

test('[RL12] a backup from before the first Change is noticed too', async () => {
  const { storage } = world()
  const before = world({ storage })
  const a = await join(before.relay, 'board')
  await write(a, ann, 1, 2)
  const after = world()
  const b = await join(after.relay, 'board')
  await write(b, bob, 1, 5)
  const back = await join(after.relay, 'board', { basis: basisOf(a) })
  expect(back.last('failure')).toMatchObject({
    code: 'epoch-changed',
    message: expect.stringContaining('from a backup'),
  })
})

test('[RL6] a Change that depends on what an old backup has not is refused, when others have written since', async () => {
  const { storage, batches } = remembering()
  const before = world({ storage })
  const a = await join(before.relay, 'board')
  await write(a, ann, 1, 4)
  const { epoch } = a.last('epoch')
  const after = world({ storage: await backup(2, batches) })
  const b = await join(after.relay, 'board')
  await until(() => told(b).length === 2)
  await write(b, bob, 1, 4)
  b.send([record(eve, 1, { deps: { epoch, relaySeq: 2 } }), record(eve, 2, { deps: { epoch, relaySeq: 4 } })])
  await until(() => b.all('refusal').length === 1)
  expect(b.last('refusal')).toMatchObject({ writer: eve, seq: 2, code: 'missing-dependency' })
  await until(() => told(b).length === 7)
})

for (const outcome of ['failed', 'stored-but-failed'] as const) {
  test(`[RL5] [RL51] after a batch that ${outcome} the relay writes under another epoch`, async () => {
    const storage = gatedStorage()
    const { relay } = world({ storage })
    const a = await join(relay, 'board')
    await write(a, ann, 1, 1)
    storage.hold()
    a.send([record(ann, 2)])
    await until(() => storage.waiting === 1)
    storage.release(outcome)
    await until(() => a.closed !== undefined)
    storage.open()
    const back = await join(relay, 'board', { basis: basisOf(a) })
    expect(back.all('failure')).toEqual([])
    back.send(run(ann, 2, 3))
    await until(() => told(back, 1).length === 2)
    const { stretches } = (await storage.space('board'))!
    expect(stretches.map(({ first }) => first)).toEqual([1, outcome === 'failed' ? 2 : 3])
    expect(stretches[1]!.epoch).not.toBe(stretches[0]!.epoch)
    expect(back.last('epoch').epoch).toBe(stretches[1]!.epoch)
  })
}

test('[RL51] a run that only refuses begins no stretch', async () => {
  const storage = createMemoryStorage()
  const { relay } = world({ storage })
  const a = await join(relay, 'board')
  a.send([record(ann, 2)])
  await until(() => a.all('refusal').length === 1)
  expect(await storage.space('board')).toEqual({ stretches: [], head: 0, latestAt: 0 })
  await write(a, bob, 1, 1)
  expect((await storage.space('board'))!.stretches).toEqual([{ epoch: a.last('epoch').epoch, first: 1 }])
})

test('[RL15] [RL51] a client that reads slowly is told in order where stretches begin', async () => {
  const storage = createMemoryStorage()
  for (let runs = 0; runs < 5; runs++) {
    const { relay } = world({ storage })
    const a = await join(relay, 'board')
    await until(() => told(a).length === 4 * runs)
    a.send(run(ann, 4 * runs + 1, 4 * runs + 4, { payload: 'x'.repeat(300) }))
    await until(() => told(a).length === 4 * runs + 4)
    await relay.close()
  }
  const { relay, clock } = world({ storage, limits: { highWaterBytes: 500, maxFrameBytes: 400 } })
  const slow = await join(relay, 'board')
  slow.isStuck = true
  const writer = await join(relay, 'board')
  for (let i = 0; told(slow).length < 24; i++) {
    if (i === 3) writer.send(run(bob, 1, 4))
    slow.bufferedBytes = 0
    clock.advance(100)
    await until(() => slow.bufferedBytes > 0 || told(slow).length >= 20)
  }
  const marks = stream(slow)
  const { stretches } = (await storage.space('board'))!
  expect(stretches).toHaveLength(6)
  for (const { first } of stretches) {
    expect(marks[marks.findIndex((mark) => mark.startsWith(`${first}+`)) - 1]).toBe('epoch')
  }
  expect(marks.filter((mark) => mark === 'epoch')).toHaveLength(6)
})
