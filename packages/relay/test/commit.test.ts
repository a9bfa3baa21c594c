import { expect, test } from 'vitest'
import { createCommitter, type Part } from '../src/committer.ts'
import { createRelay } from '../src/index.ts'
import { gatedStorage } from './gated.ts'
import { ann, bob, connect, join, record, run, told, turns, until, virtualClock, world } from './kit.ts'

test('[RL3] nobody hears of a Change, and no basis counts it, before it is durable', async () => {
  const storage = gatedStorage()
  const { relay } = world({ storage })
  const a = await join(relay, 'board')
  const b = await join(relay, 'board')
  storage.hold()
  a.send([record(ann, 1)])
  await until(() => storage.waiting === 1)
  await turns()
  expect([told(a), told(b)]).toEqual([[], []])
  const c = await join(relay, 'board', { basis: { writers: new Map([[ann, 1]]) } })
  expect(c.last('basis')).toMatchObject({ head: 0, writers: new Map([[ann, 0]]) })
  const heard = a.heard.length
  storage.events.push('released')
  storage.release()
  await until(() => told(a).length === 1 && told(b).length === 1 && told(c).length === 1)
  expect(storage.events).toEqual(['append board+1', 'released', 'stored'])
  // In one message: the epoch, and in it the Change.
  expect(a.heard.slice(heard).map(({ type }) => type)).toEqual(['epoch', 'acknowledgement'])
})

test('[RL3] an epoch is stored with the first Change in it, before anybody hears of it', async () => {
  const storage = gatedStorage()
  const { relay } = world({ storage })
  const a = await join(relay, 'board')
  expect(await storage.space('board')).toBeUndefined()
  storage.hold()
  a.send([record(ann, 1)])
  await until(() => storage.waiting === 1)
  await turns()
  expect(a.all('epoch')).toEqual([])
  storage.release()
  await until(() => told(a).length === 1)
  expect((await storage.space('board'))!.stretches).toEqual([{ epoch: a.last('epoch').epoch, first: 1 }])
})

test('[RL3] a refusal is told when it is sure to be given again after a restart', async () => {
  const storage = gatedStorage()
  const { relay } = world({ storage })
  const a = await join(relay, 'board')
  storage.hold()
  a.send([record(ann, 2)])
  await until(() => storage.waiting === 1)
  a.send([record(ann, 3)])
  await turns()
  expect(a.all('refusal')).toEqual([])
  storage.release()
  await until(() => a.all('refusal').length === 1)
})

test('[RL4] an idle relay stores at once; while it stores, the next batch gathers over all spaces', async () => {
  const storage = gatedStorage()
  const { relay } = world({ storage })
  const a = await join(relay, 'one')
  const b = await join(relay, 'two')
  storage.hold()
  a.send([record(ann, 1)])
  await until(() => storage.waiting === 1)
  for (let seq = 2; seq <= 100; seq++) a.send([record(ann, seq)])
  for (let seq = 1; seq <= 100; seq++) b.send([record(bob, seq)])
  await turns()
  expect(storage.waiting).toBe(1)
  storage.release()
  await until(() => storage.waiting === 1)
  storage.release()
  await until(() => told(a).length === 100 && told(b).length === 100)
  expect(storage.events).toEqual(['append one+1', 'stored', 'append one+99 two+100', 'stored'])
})

test('[RL4] where batches cost much, what comes shortly after one was begun gathers, over all spaces; what comes alone does not wait', async () => {
  const storage = gatedStorage()
  const { relay, clock } = world({ storage, gatherMs: 3 })
  const a = await join(relay, 'one')
  const b = await join(relay, 'two')
  const { timers } = clock
  a.send([record(ann, 1)])
  await until(() => told(a).length === 1)
  clock.advance(1)
  b.send([record(bob, 1)])
  await turns()
  a.send([record(ann, 2)])
  clock.advance(1)
  await turns()
  a.send([record(ann, 3)])
  await turns()
  expect([storage.batches, clock.timers]).toEqual([1, timers + 1])
  clock.advance(1)
  await until(() => told(a).length === 3 && told(b).length === 1)
  clock.advance(3)
  a.send([record(ann, 4)])
  await until(() => told(a).length === 4)
  // It goes on by itself: nobody else would share the batch.
  a.send([record(ann, 5)])
  await until(() => told(a).length === 5)
  expect(storage.events.filter((event) => event !== 'stored')).toEqual([
    'append one+1',
    'append two+1 one+2',
    'append one+1',
    'append one+1',
  ])
})

test('[RL4] a batch that takes longer than that is followed at once by what has come since', async () => {
  const storage = gatedStorage()
  const { relay, clock } = world({ storage, gatherMs: 3 })
  const a = await join(relay, 'board')
  storage.hold()
  a.send([record(ann, 1)])
  await until(() => storage.waiting === 1)
  a.send([record(ann, 2)])
  clock.advance(3)
  await turns()
  expect(storage.batches).toBe(1)
  storage.open()
  await until(() => told(a).length === 2)
  expect(storage.batches).toBe(2)
})

test('[RL4] [RL30] what gathers is stored before the goodbye, and a clock that was set back makes nobody wait', async () => {
  const clock = virtualClock()
  let backMs = 0
  const { relay } = world({ gatherMs: 3, clock: { ...clock, nowMs: () => clock.nowMs() - backMs } })
  const a = await join(relay, 'one')
  const b = await join(relay, 'two')
  a.send([record(ann, 1)])
  await until(() => told(a).length === 1)
  backMs = 60_000
  b.send([record(bob, 1)])
  await until(() => told(b).length === 1)
  a.send([record(ann, 2)])
  const closing = relay.close()
  await turns()
  expect(a.closed).toBeUndefined()
  clock.advance(3)
  await closing
  expect(told(a).length).toBe(2)
})

for (const outcome of ['failed', 'stored-but-failed'] as const) {
  test(`[RL5] a batch that ${outcome}: its clients are sent away, and nothing is lost or doubled when they are back`, async () => {
    const storage = gatedStorage()
    const { relay } = world({ storage })
    const a = await join(relay, 'board')
    const reader = await join(relay, 'board')
    const elsewhere = await join(relay, 'elsewhere')
    a.send([record(ann, 1)])
    await until(() => told(reader).length === 1)
    storage.hold()
    a.send([record(ann, 2)])
    await until(() => storage.waiting === 1)
    a.send([record(ann, 3)])
    elsewhere.send([record(bob, 1)])
    storage.release(outcome)
    await until(() => a.closed !== undefined && reader.closed !== undefined)
    storage.open()
    for (const client of [a, reader]) {
      expect(client.last('failure')).toMatchObject({ channel: 0, code: 'storage-failed', retryAfterMs: 1000 })
      expect(client.closed).toEqual({ code: 1011, reason: 'storage-failed' })
      expect(told(client).length).toBe(1)
    }
    await until(() => told(elsewhere).length === 1)
    expect(elsewhere.closed).toBeUndefined()

    const { epoch } = a.last('epoch')
    const back = await join(relay, 'board', { basis: { epoch, relaySeq: 1, writers: new Map([[ann, 3]]) } })
    expect(back.last('basis').writers.get(ann)).toBe(outcome === 'failed' ? 1 : 2)
    back.send(run(ann, 2, 3))
    await until(() => told(back, 1).length === 2)
    expect(told(back, 1)).toEqual([`${ann}:2`, `${ann}:3`])
    expect(back.all('refusal')).toEqual([])
    const fresh = await join(relay, 'board')
    await until(() => told(fresh).length === 3)
    expect(told(fresh)).toEqual(run(ann, 1, 3))
  })
}

for (const failing of ['space', 'writers', 'documents'] as const) {
  test(`[RL5] when the ${failing} cannot be read, the client is sent away and can come back`, async () => {
    const storage = gatedStorage()
    const first = world({ storage })
    const a = await join(first.relay, 'board')
    a.send([record(ann, 1)])
    await until(() => told(a).length === 1)
    await first.relay.close()
    const { relay } = world({ storage })
    storage.failing = failing
    const b = await join(relay, 'board', { basis: { writers: new Map([[ann, 1]]) } })
    if (failing === 'documents') b.send([record(bob, 1, { documents: [7] })])
    await until(() => b.closed !== undefined)
    expect(b.last('failure')).toMatchObject({ channel: 0, code: 'storage-failed' })
    expect(b.closed?.code).toBe(1011)
    await until(() => relay.load.rooms === 0)
    storage.failing = 'none'
    const back = await join(relay, 'board', { basis: { writers: new Map([[ann, 1]]) } })
    await until(() => told(back).length === 1)
  })
}

test('[RL5] when the log cannot be read, that channel ends and the socket goes on', async () => {
  const storage = gatedStorage()
  const { relay } = world({ storage })
  const a = await join(relay, 'board')
  a.send(run(ann, 1, 2))
  await until(() => told(a).length === 2)
  storage.failing = 'read'
  const b = await join(relay, 'board')
  await until(() => b.all('failure').length > 0)
  expect(b.last('failure')).toMatchObject({ channel: 1, code: 'storage-failed' })
  expect(b.last('failure').message).toMatch(/Change 1 /)
  expect(b.closed).toBeUndefined()
  a.send([record(ann, 3)])
  await until(() => told(a).length === 3)
})

for (const broken of ['build', 'onDurable', 'onFailed'] as const) {
  test(`[RL80] [RL5] what ${broken} of a part throws ends no more than its space, and the next batch is stored`, async () => {
    const storage = gatedStorage()
    const defects: unknown[] = []
    let settled = 0
    const committer = createCommitter(
      storage,
      virtualClock(),
      () => {
        settled += 1
        if (settled === 1) throw new TypeError('Nor does the end of a batch.')
      },
      (error, space) => void defects.push([(error as Error).message, space]),
    )
    const heard: string[] = []
    const part = (space: string, isBroken: boolean): Part => {
      const fails = (what: typeof broken): void => {
        if (isBroken && what === broken) throw new TypeError('A defect.')
      }
      const say = (what: 'onDurable' | 'onFailed') => (): void => {
        heard.push(`${space} ${what}`)
        fails(what)
      }
      const add = { space, epoch: '1'.repeat(32), follows: null, first: 1, records: [], latestAt: 0 }
      const build: Part['build'] = () => {
        fails('build')
        return { ...add, writers: new Map(), documents: new Map() }
      }
      return { space, build, onDurable: say('onDurable'), onFailed: say('onFailed') }
    }
    storage.hold()
    committer.stage(part('broken', true))
    committer.stage(part('other', false))
    committer.kick()
    await until(() => storage.waiting === 1)
    committer.stage(part('next', false))
    storage.release(broken === 'onFailed' ? 'failed' : 'stored')
    await until(() => storage.waiting === 1)
    storage.release()
    await committer.idle()
    const first = broken === 'onDurable' ? ['broken onDurable'] : []
    const other = broken === 'onFailed' ? 'onFailed' : 'onDurable'
    expect(heard).toEqual([...first, 'broken onFailed', `other ${other}`, 'next onDurable'])
    const isStored = async (space: string): Promise<boolean> => (await storage.space(space)) !== undefined
    expect([await isStored('broken'), await isStored('other')]).toEqual([broken === 'onDurable', broken !== 'onFailed'])
    expect(defects).toEqual([
      ['A defect.', 'broken'],
      ['Nor does the end of a batch.', undefined],
    ])
  })
}

test('[RL28] a client that sends faster than the disk takes is read no further until its Changes are stored', async () => {
  const storage = gatedStorage()
  const relay = createRelay({ storage, clock: virtualClock(), limits: { maxUnstoredBytes: 10_000 } })
  const a = await join(relay, 'board')
  storage.hold()
  let count = 0
  let bytes = 0
  for (let next = record(ann, 1); bytes + next.length <= 10_000; next = record(ann, count + 1)) {
    a.send([next])
    bytes += next.length
    count += 1
  }
  expect(a.isRead).toBe(true)
  for (let i = 0; i < 10; i++) a.send([record(ann, ++count)])
  expect(a.isRead).toBe(false)
  storage.open()
  await until(() => told(a).length === count)
  expect(a.isRead).toBe(true)
})

test('[RL29] a space that nobody follows is not kept in memory', async () => {
  const storage = gatedStorage()
  const { relay } = world({ storage })
  const a = await join(relay, 'board')
  const b = await join(relay, 'board')
  expect(relay.load).toEqual({ sessions: 2, rooms: 1 })
  storage.hold()
  a.send([record(ann, 1)])
  await until(() => storage.waiting === 1)
  a.drop()
  b.drop()
  expect(relay.load).toEqual({ sessions: 0, rooms: 1 })
  storage.release()
  await until(() => relay.load.rooms === 0)
  const c = await join(relay, 'board')
  await until(() => told(c).length === 1)
})

test('[RL30] a relay that closes stores and acknowledges what it has heard, and then says goodbye', async () => {
  const storage = gatedStorage()
  const { relay, clock } = world({ storage })
  const a = await join(relay, 'board')
  storage.hold()
  a.send([record(ann, 1)])
  await until(() => storage.waiting === 1)
  a.send([record(ann, 2)])
  let isClosed = false
  const closing = relay.close().then(() => (isClosed = true))
  a.send([record(ann, 3)])
  await turns()
  expect([isClosed, a.closed]).toEqual([false, undefined])
  storage.open()
  await closing
  expect(told(a)).toEqual([`${ann}:1`, `${ann}:2`])
  expect(a.heard.at(-1)).toMatchObject({ type: 'failure', channel: 0, code: 'stopping', retryAfterMs: 1000 })
  expect(a.closed).toEqual({ code: 1001, reason: 'stopping' })
  expect([relay.load, clock.timers]).toEqual([{ sessions: 0, rooms: 0 }, 0])
})

test('[RL30] also what waits for a space to be made, or for its writers to be read, is stored before the goodbye', async () => {
  const storage = gatedStorage()
  const { relay } = world({ storage })
  storage.hold()
  const a = connect(relay)
  a.hello()
  a.open('board')
  a.send(run(ann, 1, 5))
  await until(() => storage.waiting === 1)
  const closing = relay.close()
  storage.open()
  await closing
  expect(told(a).length).toBe(5)
  expect(a.closed?.code).toBe(1001)
})
