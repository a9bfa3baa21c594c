import { expect, test } from 'vitest'
import { assign, envelope, holds, ids, op, outcome } from './envelopes.ts'
import { bob, join, record, told, turns, until, world, writerId, type Client, type World } from './kit.ts'

let count = 5_000
const attempt = (): string => writerId((count += 1))

/** One that has lost three times about the seat, the last time just now; the seat is `taken`. */
async function loser({ relay }: World): Promise<Client> {
  const client = await join(relay, 'hall')
  for (let i = 0; i < 3; i++) {
    const writer = attempt()
    client.send([assign(writer, 'seat', `stale ${i}`, 'mine')])
    await until(() => outcome(client, writer) === 'conflict')
  }
  return client
}

/** Sends an envelope, and gives time for all that needs none. */
async function send(client: Client, make: (writer: string) => Uint8Array): Promise<() => number | string | undefined> {
  const writer = attempt()
  client.send([make(writer)])
  await turns()
  return () => outcome(client, writer)
}

const take = (by: string, before?: string) => (writer: string) => assign(writer, 'seat', before, by)

test('[RL59] who has lost three times in a row is waited for: what others want of the same is judged after that', async () => {
  const hall = world()
  const near = await join(hall.relay, 'hall')
  const timers = hall.clock.timers
  const far = await loser(hall)
  const held = await send(near, take('near'))
  expect(held()).toBeUndefined()
  const accepted = await send(far, take('far'))
  expect([accepted(), held()]).toEqual([1, 'conflict'])
  // It is over then.
  expect((await send(near, take('near', 'far')))()).toBe(2)
  expect(hall.clock.timers).toBe(timers)
  await hall.relay.close()
})

test('[RL59] it is waited for 200 ms and no longer', async () => {
  const hall = world()
  const near = await join(hall.relay, 'hall')
  const far = await loser(hall)
  const held = await send(near, take('near'))
  hall.clock.advance(199)
  await turns()
  expect(held()).toBeUndefined()
  hall.clock.advance(1)
  await turns()
  expect(held()).toBe(1)
  // It has had its turn; if it loses again it gets another one.
  expect((await send(far, take('far')))()).toBe('conflict')
  const next = await send(near, take('near again', 'near'))
  expect(next()).toBeUndefined()
  expect((await send(far, take('far', 'near')))()).toBe(2)
  expect(next()).toBe('conflict')
  await hall.relay.close()
})

test('[RL59] twice is not enough, nor thrice with a success in between', async () => {
  const { relay } = world()
  const [near, far] = [await join(relay, 'hall'), await join(relay, 'hall')]
  for (const before of ['no', 'no', undefined, 'no', 'no']) {
    const outcomes = await send(far, (writer) => assign(writer, 'seat', before, 'far'))
    expect(outcomes()).toBe(before === undefined ? 1 : 'conflict')
  }
  expect((await send(near, take('near', 'far')))()).toBe(2)
  await relay.close()
})

test('[RL59] what is about something else is not held, nor what merges, nor what the same client sends', async () => {
  const hall = world()
  const near = await join(hall.relay, 'hall')
  const far = await loser(hall)
  expect((await send(near, (writer) => assign(writer, 'door', undefined, 'open')))()).toBe(1)
  near.send([record(bob, 1)])
  await until(() => told(near).length === 2)
  expect((await send(far, (writer) => assign(writer, 'lamp', undefined, 'on')))()).toBe(3)
  await hall.relay.close()
})

test('[RL59] members of one collection, and who counts them, are about the same', async () => {
  const { relay } = world()
  const [near, far] = [await join(relay, 'hall'), await join(relay, 'hall')]
  const create = (id: string) => (writer: string) =>
    envelope(
      writer,
      [{ kind: 'members', tag: 'record', collection: 'seats', from: '', to: undefined, content: ids([]) }],
      [op('record', `seats/${id}`, [1, 1, 0, 'by', id])],
    )
  expect((await send(near, create('a')))()).toBe(1)
  for (let i = 0; i < 3; i++) expect((await send(far, create('b')))()).toBe('conflict')
  const held = await send(near, (writer) =>
    envelope(writer, [holds('record', 'seats/a', [true, { by: 'a' }, {}, {}])], [op('lww', 'door', [0, 'open'])]),
  )
  expect(held()).toBeUndefined()
  await relay.close()
  expect(held()).toBe(2)
})

test('[RL59] two who have lost as often take their turns one after the other', async () => {
  const hall = world()
  const near = await join(hall.relay, 'hall')
  const first = await loser(hall)
  const second = await join(hall.relay, 'hall')
  // Held as well, until the turn of the first has passed.
  const lost = [await send(second, take('second', 'a')), await send(second, take('second', 'b'))]
  lost.push(await send(second, take('second', 'c')))
  expect(lost.map((one) => one())).toEqual([undefined, undefined, undefined])
  expect((await send(first, take('first')))()).toBe(1)
  expect(lost.map((one) => one())).toEqual(['conflict', 'conflict', 'conflict'])
  const held = await send(near, take('near', 'first'))
  expect((await send(second, take('second', 'first')))()).toBe(2)
  expect(held()).toBe('conflict')
  await hall.relay.close()
})

test('[RL59] nobody waits for who is gone, nor when the relay closes; what was held then is decided', async () => {
  const hall = world()
  const near = await join(hall.relay, 'hall')
  const gone = await loser(hall)
  const held = await send(near, take('near'))
  gone.drop()
  await turns()
  expect(held()).toBe(1)
  await loser(hall)
  const last = await send(near, take('near again', 'near'))
  expect(last()).toBeUndefined()
  await hall.relay.close()
  expect(last()).toBe(2)
  expect(hall.clock.timers).toBe(0)
})

test('[RL46] [RL47] [RL59] what is held is accepted once however often it is sent, and not at all when it was called off', async () => {
  const hall = world()
  const near = await join(hall.relay, 'hall')
  const far = await loser(hall)
  const [twice, never] = [attempt(), attempt()]
  near.send([assign(twice, 'seat', undefined, 'near')])
  near.send([assign(twice, 'seat', undefined, 'near')])
  near.send([assign(never, 'seat', 'near', 'never')])
  near.say({ type: 'abort', channel: 1, writer: never, seq: 1 })
  await turns()
  expect([outcome(near, twice), outcome(near, never)]).toEqual([undefined, 'aborted'])
  far.drop()
  await turns()
  expect([outcome(near, twice), outcome(near, never)]).toEqual([1, 'aborted'])
  expect(told(near)).toEqual([`${twice}:1`])
  await hall.relay.close()
})
