import { expect, test } from 'vitest'
import { createMemoryStorage, createRelay, type Checkpoints, type StoredCheckpoint } from '../src/index.ts'
import { ann, bob, connect, join, record, run, told, turns, until, world, type Client, type World } from './kit.ts'

/** A cache that is told what it has, and remembers what it was asked to make. */
interface Cache extends Checkpoints {
  readonly kept: Map<string, StoredCheckpoint>
  readonly reads: string[]
  readonly asked: (readonly [space: string, upTo: number])[]
  /** What making one comes to; absent, nothing. */
  making?: (space: string, upTo: number) => Promise<StoredCheckpoint | undefined>
  failure: Error | undefined
}

function createCache(): Cache {
  const cache: Cache = {
    kept: new Map(),
    reads: [],
    asked: [],
    failure: undefined,
    async read(space) {
      cache.reads.push(space)
      if (cache.failure !== undefined) throw cache.failure
      return cache.kept.get(space)
    },
    async make(space, upTo) {
      cache.asked.push([space, upTo])
      const made = await cache.making?.(space, upTo)
      if (made !== undefined) cache.kept.set(space, made)
      return made
    },
  }
  return cache
}

/** Bytes that look like no other ones; the relay does not look into them. */
function bytesOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7) % 251)
}

async function comeNew({ relay }: Pick<World, 'relay'>, space = 'board', client = connect(relay)): Promise<Client> {
  client.hello()
  client.say(
    { type: 'newcomer', channel: 1 },
    { type: 'open', channel: 1, space, basis: { epoch: null, relaySeq: 0, writers: new Map() } },
  )
  await until(() => client.all('basis').length > 0)
  await turns()
  return client
}

/** The bytes of the checkpoint that a client was brought; undefined when it was none. */
function broughtTo(client: Client): Uint8Array | undefined {
  const pieces = client.all('checkpoint')
  if (pieces.length === 0) return undefined
  expect(pieces.map(({ isLast }) => isLast)).toEqual(pieces.map((_, i) => i === pieces.length - 1))
  return Uint8Array.from(Buffer.concat(pieces.map(({ piece }) => piece)))
}

/** A log of Changes of Ann, and a checkpoint up to somewhere in it. */
async function withLog(changes: number, upTo: number, options: Parameters<typeof world>[0] = {}) {
  const cache = createCache()
  const of = world({ checkpoints: cache, ...options })
  const author = await join(of.relay, 'board')
  author.send(run(ann, 1, changes))
  await until(() => told(author).length === changes)
  const { epoch } = (await of.storage.space('board'))!.stretches[0]!
  const checkpoint = { epoch, relaySeq: upTo, bytes: bytesOf(1000) }
  cache.kept.set('board', checkpoint)
  return { ...of, cache, author, epoch, checkpoint }
}

test('[RL60] who comes new is brought the checkpoint, and told the log behind it', async () => {
  const { relay, author, epoch, checkpoint } = await withLog(5, 3)
  const client = await comeNew({ relay })
  expect(broughtTo(client)).toEqual(checkpoint.bytes)
  expect(told(client, 3)).toEqual(run(ann, 4, 5))
  expect(client.heard.map(({ type }) => type)).toEqual(['rolls', 'welcome', 'basis', 'checkpoint', 'epoch', 'changes'])
  expect([client.last('basis').head, client.last('epoch').epoch]).toEqual([5, epoch])
  author.send([record(ann, 6)])
  await until(() => told(client, 3).length === 3)
  client.send([record(bob, 1, { deps: { epoch, relaySeq: 6 } })])
  await until(() => told(client, 3).length === 4)
  expect(told(client, 3)).toEqual([...run(ann, 4, 6), `${bob}:1`])
})

test('[RL60] a checkpoint of the whole log is all that is said, and the epoch follows when there is more', async () => {
  const { relay, author, epoch } = await withLog(5, 5)
  const client = await comeNew({ relay })
  expect(client.heard.map(({ type }) => type)).toEqual(['rolls', 'welcome', 'basis', 'checkpoint'])
  author.send([record(ann, 6)])
  await until(() => told(client, 5).length === 1)
  expect(client.last('epoch').epoch).toBe(epoch)
})

test('[RL60] who has not said so, knows something, or is known is told the log', async () => {
  const { relay, epoch } = await withLog(5, 3)
  expect(told(await join(relay, 'board'))).toEqual(run(ann, 1, 5))

  const behind = connect(relay)
  behind.hello()
  behind.say({ type: 'newcomer', channel: 1 })
  behind.open('board', { basis: { epoch, relaySeq: 1 } })
  await until(() => told(behind, 1).length === 4)

  const back = connect(relay)
  back.hello()
  back.say({ type: 'newcomer', channel: 1 })
  back.open('board', { basis: { writers: new Map([[ann, 5]]) } })
  await until(() => told(back).length === 5)
  expect(told(back)).toEqual([1, 2, 3, 4, 5].map((seq) => `${ann}:${seq}`))

  // What is said about one channel says nothing about another, or about the next space there.
  const other = connect(relay)
  other.hello()
  other.say({ type: 'newcomer', channel: 2 })
  other.open('board')
  await until(() => told(other).length === 5)
  expect([behind, back, other].map(broughtTo)).toEqual([undefined, undefined, undefined])

  const pending = connect(relay)
  pending.hello()
  pending.say({ type: 'newcomer', channel: 1 })
  pending.open('board', { basis: { writers: new Map([[bob, 2]]) } })
  await until(() => told(pending, 3).length === 2)
  expect(broughtTo(pending)).toHaveLength(1000)
})

test('[RL61] a checkpoint that is not of this log is not sent', async () => {
  const { relay, cache, epoch, checkpoint } = await withLog(5, 3)
  for (const other of [
    { ...checkpoint, epoch: '0'.repeat(32) },
    { ...checkpoint, relaySeq: 6 },
    { ...checkpoint, epoch, relaySeq: 700 },
  ]) {
    cache.kept.set('board', other)
    const client = await comeNew({ relay })
    expect([broughtTo(client), told(client)]).toEqual([undefined, run(ann, 1, 5)])
  }
})

test('[RL61] without one, or when it cannot be read, the log is told', async () => {
  const warnings: string[] = []
  const silent = (): void => undefined
  const log = { debug: silent, info: silent, warn: (_: object, text: string) => warnings.push(text), error: silent }
  const { relay, cache } = await withLog(5, 3, { log })
  cache.failure = new Error('The disk does not answer.')
  expect(told(await comeNew({ relay }))).toEqual(run(ann, 1, 5))
  expect(warnings).toEqual(['The checkpoint of a space cannot be read. Newcomers are told its log.'])
  cache.failure = undefined
  cache.kept.clear()
  expect(told(await comeNew({ relay }))).toEqual(run(ann, 1, 5))
  expect(broughtTo(await comeNew({ relay }, 'elsewhere'))).toBeUndefined()
})

test('[RL53] [RL60] all who come new are sent the same messages, read once while somebody follows the space', async () => {
  const { relay, cache, author } = await withLog(5, 5, { limits: { maxFrameBytes: 300 } })
  const clients = await Promise.all(Array.from({ length: 5 }, () => comeNew({ relay })))
  const messages = clients.map((client) => client.messages.slice(-4))
  for (const [i, message] of messages[0]!.entries()) for (const other of messages) expect(other[i]).toBe(message)
  expect(clients[0]!.all('checkpoint')).toHaveLength(4)
  expect(cache.reads).toEqual(['board'])
  for (const client of [...clients, author]) client.drop()
  await until(() => relay.load.rooms === 0)
  expect(broughtTo(await comeNew({ relay }))).toHaveLength(1000)
  expect(cache.reads).toEqual(['board', 'board'])
})

test('[RL60] checkpoints take a bounded amount of memory', async () => {
  const { relay, cache, storage } = await withLog(1, 1, { limits: { maxHotCheckpointBytes: 5000 } })
  for (const space of ['one', 'two']) {
    const author = await join(relay, space)
    author.send([record(ann, 1)])
    await until(() => told(author).length === 1)
    const { epoch } = (await storage.space(space))!.stretches[0]!
    cache.kept.set(space, { epoch, relaySeq: 1, bytes: bytesOf(1000) })
  }
  for (const space of ['board', 'one', 'two', 'two', 'one', 'board', 'one']) {
    expect(broughtTo(await comeNew({ relay }, space))).toHaveLength(1000)
  }
  // Two of them have room.
  expect(cache.reads).toEqual(['board', 'one', 'two', 'board'])
})

test('[RL15] [RL60] a checkpoint is sent no faster than it is taken', async () => {
  const { relay, clock, author } = await withLog(5, 4, { limits: { maxFrameBytes: 100, highWaterBytes: 250 } })
  const client = connect(relay)
  client.isStuck = true
  await comeNew({ relay }, 'board', client)
  const first = client.all('checkpoint').length
  expect(first).toBeLessThan(4)
  author.send([record(ann, 6)])
  await until(() => told(author).length === 6)
  expect(client.all('changes')).toEqual([])
  for (let i = 0; i < 20; i++) {
    client.bufferedBytes = 0
    clock.advance(100)
    await turns()
  }
  expect(client.all('checkpoint')).toHaveLength(10)
  expect(told(client, 4)).toEqual(run(ann, 5, 6))
})

test('[RL19] who has left is brought nothing', async () => {
  const { relay, cache } = await withLog(5, 3)
  let go = (): void => undefined
  const { read } = cache
  cache.read = async (space) => {
    await new Promise<void>((resolve) => (go = resolve))
    return read(space)
  }
  const client = await comeNew({ relay })
  client.say({ type: 'leave', channel: 1 })
  go()
  await turns()
  expect(client.heard.map(({ type }) => type)).toEqual(['rolls', 'welcome', 'basis'])
})

test('[RL62] when somebody new was told much of the log, a checkpoint is made, and again when that has grown by as much', async () => {
  const cache = createCache()
  const { relay, storage } = world({ checkpoints: cache, limits: { leastTailBytes: 5_000 } })
  const author = await join(relay, 'board')
  let sent = 0
  async function write(count: number): Promise<void> {
    author.send(run(ann, sent + 1, (sent += count), { payload: 'x'.repeat(100) }))
    await until(() => told(author).length === sent)
    await turns()
  }
  cache.making = async (space, upTo) => {
    const { epoch } = (await storage.space(space))!.stretches[0]!
    return { epoch, relaySeq: upTo, bytes: bytesOf(8_000) }
  }
  await write(20)
  // It is not worth it yet.
  await comeNew({ relay })
  expect(cache.asked).toEqual([])
  await write(20)
  // Nobody new has come.
  expect(cache.asked).toEqual([])
  await comeNew({ relay })
  expect(cache.asked).toEqual([['board', 40]])
  // What has come since is less than the checkpoint is long.
  await write(40)
  expect(told(await comeNew({ relay }), 40)).toHaveLength(40)
  expect(cache.asked).toHaveLength(1)
  await write(20)
  await comeNew({ relay })
  expect(cache.asked).toEqual([
    ['board', 40],
    ['board', 100],
  ])
  expect(broughtTo(await comeNew({ relay }))).toHaveLength(8_000)
})

test('[RL62] without newcomers one is made when four times as much was written', async () => {
  const cache = createCache()
  const { relay } = world({ checkpoints: cache, limits: { leastTailBytes: 1_000 } })
  const author = await join(relay, 'board')
  for (let i = 0; cache.asked.length === 0; i++) {
    author.send([record(ann, i + 1, { payload: 'x'.repeat(100) })])
    await until(() => told(author).length === i + 1)
  }
  const each = record(ann, 1, { payload: 'x'.repeat(100) }).length
  expect(told(author).length).toBe(Math.ceil((4 * 1_000) / each))
})

test('[RL62] one is made at a time; where none can be, nobody asks again before the log has doubled', async () => {
  const warnings: string[] = []
  const silent = (): void => undefined
  const log = { debug: silent, info: silent, warn: (_: object, text: string) => warnings.push(text), error: silent }
  const cache = createCache()
  const { relay } = world({ checkpoints: cache, log, limits: { leastTailBytes: 1_000 } })
  const goes: (() => void)[] = []
  cache.making = () => new Promise((_, reject) => goes.push(() => reject(new Error('It cannot be folded.'))))
  for (const space of ['board', 'other']) {
    const author = await join(relay, space)
    author.send(run(ann, 1, 20))
    await until(() => told(author).length === 20)
    await comeNew({ relay }, space)
    await comeNew({ relay }, space)
  }
  expect(cache.asked).toEqual([['board', 20]])
  goes.shift()!()
  await turns()
  expect(cache.asked).toEqual([
    ['board', 20],
    ['other', 20],
  ])
  goes.shift()!()
  await turns()
  expect(warnings).toHaveLength(2)
  const client = await comeNew({ relay })
  client.send(run(bob, 1, 15))
  await until(() => told(client).length === 35)
  await comeNew({ relay })
  expect(cache.asked).toHaveLength(2)
  client.send(run(bob, 16, 20))
  await until(() => told(client).length === 40)
  await comeNew({ relay })
  expect(cache.asked.at(-1)).toEqual(['board', 40])
  const closing = relay.close()
  goes.shift()!()
  await closing
})

test('[RL30] a relay that closes has none made', async () => {
  const cache = createCache()
  const storage = createMemoryStorage()
  const relay = createRelay({ storage, checkpoints: cache, limits: { leastTailBytes: 100 } })
  const author = await join(relay, 'board')
  author.send(run(ann, 1, 20))
  const closing = relay.close()
  await closing
  expect((await storage.space('board'))?.head).toBe(20)
  expect(cache.asked).toEqual([])
})
