import { encodeFrames, type Frame } from '@syncline/protocol'
import { emptyBasis } from '@syncline/stm'
import { expect, test } from 'vitest'
import { ann, connect, join, record, run, told, turns, until, world } from './kit.ts'

test('[RL87] as many messages as it may say at once are heard; one more ends the connection, and a second later it may go on', async () => {
  const { relay, clock } = world({ limits: { maxMessagesPerSecond: 10 } })
  const say = async (count: number) => {
    const client = await join(relay, 'board')
    // Hello and open were two.
    for (let token = 0; token < count - 2; token++) client.say({ type: 'ping', token })
    await turns()
    return client
  }
  const fitting = await say(20)
  expect([fitting.closed, fitting.all('pong').length]).toEqual([undefined, 18])
  const excessive = await say(21)
  expect(excessive.last('failure')).toMatchObject({
    code: 'too-busy',
    message: expect.stringContaining('10 messages a second'),
  })
  expect(excessive.closed).toEqual({ code: 1013, reason: 'too-busy' })
  clock.advance(1000)
  for (let token = 0; token < 10; token++) fitting.say({ type: 'ping', token })
  expect(fitting.closed).toBeUndefined()
  fitting.say({ type: 'ping', token: 10 })
  expect(fitting.closed).toEqual({ code: 1013, reason: 'too-busy' })
  await relay.close()
})

test('[RL87] the same in bytes; what came before is stored', async () => {
  for (const more of [0, 1]) {
    const { relay } = world({ limits: { maxBytesPerSecond: 1000 } })
    const client = connect(relay)
    let said = 0
    const say = (...frames: Frame[]): void => {
      for (const message of encodeFrames(frames, 1024 * 1024)) {
        said += message.length
        client.sayBytes(message)
      }
    }
    say({ type: 'hello', protocol: 1, oldest: 1, agent: 'test', schema: 1, credential: new Uint8Array(0) })
    say({ type: 'open', channel: 1, space: 'board', basis: emptyBasis })
    say({ type: 'changes', channel: 1, first: 0, records: run(ann, 1, 3) })
    await until(() => told(client).length === 3)
    const shown = (bytes: number): Frame => ({
      type: 'presence',
      channel: 1,
      session: ann,
      slot: 1,
      payload: new Uint8Array(bytes),
    })
    const bare = encodeFrames([shown(1000)], 1024 * 1024)[0]!.length - 1000
    // All that may be said at once, to the byte.
    say(shown(2000 - said - bare + more))
    await turns()
    expect([said, client.closed?.code]).toEqual(more === 0 ? [2000, undefined] : [2001, 1013])
    await relay.close()
  }
})

test('[RL87] of one address as many as it may are served; one more is sent away unheard, and taken when another has gone', async () => {
  const { relay } = world({ limits: { maxSocketsPerAddress: 2 } })
  const here = [connect(relay, undefined, '192.0.2.1'), connect(relay, undefined, '192.0.2.1')]
  const excessive = connect(relay, undefined, '192.0.2.1')
  excessive.hello()
  await turns()
  expect(excessive.closed).toEqual({ code: 1013, reason: 'too-busy' })
  expect(excessive.all('welcome')).toEqual([])
  const others = [
    connect(relay, undefined, '192.0.2.2'),
    connect(relay, undefined, ''),
    connect(relay, undefined, ''),
    connect(relay, undefined, ''),
  ]
  for (const client of [...here, ...others]) client.hello()
  await turns()
  for (const client of [...here, ...others]) expect(client.all('welcome')).toHaveLength(1)
  here[0]!.drop()
  const next = connect(relay, undefined, '192.0.2.1')
  next.hello()
  await turns()
  expect(next.all('welcome')).toHaveLength(1)
  await relay.close()
})

test('[RL87] where no bound is set a flood is heard to its end', async () => {
  const { relay } = world()
  const client = await join(relay, 'board')
  for (let seq = 1; seq <= 3000; seq++) client.send([record(ann, seq)])
  await until(() => told(client).length === 3000)
  expect(client.closed).toBeUndefined()
  await relay.close()
})
