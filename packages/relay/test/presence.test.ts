import { expect, test } from 'vitest'
import { gatedStorage } from './gated.ts'
import { ann, connect, join, record, told, turns, until, world, type Client } from './kit.ts'

const nobody = '0'.repeat(32)

function show(client: Client, slot: number, text: string, channel = 1): void {
  client.say({ type: 'presence', channel, session: nobody, slot, payload: new Uint8Array(Buffer.from(text)) })
}

/** What a client has been shown, as `session slot text`. */
function shown(client: Client): string[] {
  return client
    .all('presence')
    .map(({ session, slot, payload }) => `${session} ${slot} ${Buffer.from(payload).toString()}`)
}

const idOf = (client: Client): string => client.last('welcome').session

test('[RL23] presence reaches everybody else in the space, under the session id that the relay writes', async () => {
  const { relay } = world()
  const a = await join(relay, 'board')
  const b = await join(relay, 'board', { channel: 9 })
  const elsewhere = await join(relay, 'another board')
  show(a, 0, 'here')
  a.say({ type: 'presence', channel: 1, session: idOf(b), slot: 1, payload: new Uint8Array([33]) })
  expect(shown(b)).toEqual([`${idOf(a)} 0 here`, `${idOf(a)} 1 !`])
  expect(b.last('presence').channel).toBe(9)
  expect([shown(a), shown(elsewhere)]).toEqual([[], []])
})

test('[RL23] a newcomer is shown what each session shows last, and nothing that is gone', async () => {
  const { relay } = world()
  const a = await join(relay, 'board')
  show(a, 0, 'first')
  show(a, 0, 'second')
  show(a, 1, 'tab')
  show(a, 2, 'shut')
  show(a, 2, '')
  const b = await join(relay, 'board')
  expect(shown(b)).toEqual([`${idOf(a)} 0 second`, `${idOf(a)} 1 tab`])
})

test('[RL23] what is shown before the space has opened is shown when it has', async () => {
  const storage = gatedStorage()
  const { relay } = world({ storage })
  const a = await join(relay, 'board')
  const b = connect(relay)
  b.hello()
  b.open('board')
  show(b, 0, 'early')
  await until(() => shown(a).length === 1)
  expect(shown(a)).toEqual([`${idOf(b)} 0 early`])
})

test('[RL24] [RL26] everybody hears at once when a session is ended because it says nothing', async () => {
  const { relay, clock } = world()
  const a = await join(relay, 'board')
  show(a, 0, 'here')
  clock.advance(10_000)
  const b = await join(relay, 'board')
  clock.advance(35_000)
  expect(a.closed?.reason).toBe('too-busy')
  expect(shown(b)).toEqual([`${idOf(a)} 0 here`, `${idOf(a)} 0 `])
})

test('[RL24] everybody hears at once when a session is ended because it takes nothing', async () => {
  const { relay, clock } = world({ limits: { highWaterBytes: 1000, stuckTimeoutMs: 10_000 } })
  const [a, b] = [await join(relay, 'board'), await join(relay, 'board')]
  show(a, 0, 'here')
  a.bufferedBytes = 2000
  show(b, 0, 'unseen')
  clock.advance(11_000)
  expect(a.closed?.reason).toBe('too-busy')
  expect(shown(b)).toEqual([`${idOf(a)} 0 here`, `${idOf(a)} 0 `])
})

test('[RL24] everybody hears when a session leaves or goes away, slot by slot', async () => {
  const { relay } = world()
  const watcher = await join(relay, 'board')
  const leaver = await join(relay, 'board')
  const dropper = await join(relay, 'board')
  show(leaver, 3, 'x')
  show(dropper, 0, 'x')
  show(dropper, 1, 'x')
  const before = shown(watcher).length
  leaver.say({ type: 'leave', channel: 1 })
  dropper.drop()
  expect(shown(watcher).slice(before)).toEqual([`${idOf(leaver)} 3 `, `${idOf(dropper)} 0 `, `${idOf(dropper)} 1 `])
  const late = await join(relay, 'board')
  expect(shown(late)).toEqual([])
})

test('[RL25] too long a presence, or one slot too many, is dropped and said; the channel goes on', async () => {
  const { relay } = world({ limits: { maxPresenceSlots: 2 } })
  const a = await join(relay, 'board')
  const b = await join(relay, 'board')
  show(a, 0, 'x'.repeat(4096))
  show(a, 1, 'x'.repeat(4097))
  expect(a.last('failure')).toMatchObject({ channel: 1, code: 'too-large' })
  show(a, 1, 'one')
  show(a, 2, 'two')
  expect(a.last('failure')).toMatchObject({ channel: 1, code: 'too-busy' })
  show(a, 1, '')
  show(a, 2, 'two')
  a.send([record(ann, 1)])
  await until(() => told(b).length === 1)
  expect(shown(b).map((line) => line.slice(33, 40))).toEqual(['0 xxxxx', '1 one', '1 ', '2 two'])
  expect(a.closed).toBeUndefined()
})

test('[RL25] a client that reads slowly is shown the newest of each slot, once it has drained', async () => {
  const { relay, clock } = world({ limits: { highWaterBytes: 5000 } })
  const a = await join(relay, 'board')
  const slow = await join(relay, 'board')
  slow.isStuck = true
  for (let i = 0; i < 20; i++) show(a, 0, `${i} ${'x'.repeat(1000)}`)
  show(a, 2, `old ${'x'.repeat(1000)}`)
  show(a, 2, `new ${'x'.repeat(1000)}`)
  const few = shown(slow).length
  expect(few).toBeLessThan(8)
  slow.isStuck = false
  slow.bufferedBytes = 0
  clock.advance(20)
  expect(
    shown(slow)
      .slice(few)
      .map((line) => line.slice(33, 38)),
  ).toEqual(['0 19 ', '2 new'])
  show(a, 0, 'live')
  expect(shown(slow).at(-1)).toBe(`${idOf(a)} 0 live`)
})

test('[RL23] presence is never stored', async () => {
  const storage = gatedStorage()
  const { relay } = world({ storage })
  const a = await join(relay, 'board')
  const before = storage.batches
  show(a, 0, 'here')
  await turns()
  expect(storage.batches).toBe(before)
  a.drop()
  await until(() => relay.load.rooms === 0)
  const b = await join(relay, 'board')
  expect(shown(b)).toEqual([])
})

test('[RL52] [RL53] where many are, what is shown is told in turns: of each slot the newest, the same bytes to all who have shown nothing', async () => {
  const { relay, clock } = world({ limits: { busyPresence: 4, presenceWindowMs: 16 } })
  const [a, b, ...others] = await Promise.all(Array.from({ length: 5 }, () => join(relay, 'board')))
  const everybody = [a!, b!, ...others]
  const before = everybody.map(({ messages }) => messages.length)
  const news = (client: Client): Uint8Array[] => client.messages.slice(before[everybody.indexOf(client)])
  show(a!, 0, 'first')
  show(a!, 0, 'second')
  show(b!, 0, 'here')
  show(b!, 1, 'tab')
  show(b!, 1, '')
  clock.advance(15)
  expect(everybody.flatMap(news)).toEqual([])
  clock.advance(1)
  expect(shown(others[0]!)).toEqual([`${idOf(a!)} 0 second`, `${idOf(b!)} 0 here`, `${idOf(b!)} 1 `])
  for (const client of others) {
    expect(news(client).length).toBe(1)
    expect(news(client)[0]).toBe(news(others[0]!)[0])
  }
  expect(shown(a!)).toEqual([`${idOf(b!)} 0 here`, `${idOf(b!)} 1 `])
  expect(shown(b!)).toEqual([`${idOf(a!)} 0 second`])

  // Who goes away meanwhile is gone, and a newcomer is shown how it is.
  show(a!, 0, 'third')
  a!.drop()
  const late = await join(relay, 'board')
  clock.advance(16)
  expect(shown(others[0]!).slice(3)).toEqual([`${idOf(a!)} 0 `])
  expect(shown(late).filter((line) => line.startsWith(`${idOf(a!)} `) && !line.endsWith(' '))).toEqual([])
  // The one that listens to everybody.
  expect(clock.timers).toBe(1)
})
