import { createServer } from 'node:http'
import { Socket, type AddressInfo } from 'node:net'
import { queryObjects } from 'node:v8'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createRelay } from '@syncline/relay'
import { openLmdbStorage } from '@syncline/relay/lmdb'
import { attachRelay } from '@syncline/relay/node'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { person } from './crowd.ts'
import { heldBytes } from './held.ts'
import { compileFirst, launch, temporaryFolder } from './launch.ts'

compileFirst()

const isLong = process.env.SYNCLINE_LONG === '1'

test('[RL2] [RL3] [RL13] a thousand clients that come back at once after a kill get all that they miss, once and in order', async () => {
  const [spaces, inEach] = [50, 20]
  const data = temporaryFolder()
  const people = Array.from({ length: spaces * inEach }, (_, i) => person(`space ${i % spaces}`, i + 1))
  const first = await launch(['--port', '0', '--data', data])
  await Promise.all(people.map((one) => one.connect(first.port)))
  for (const one of people) one.write()
  await Promise.all(people.map((one) => one.hears(inEach)))
  expect(people.filter(({ acknowledged }) => acknowledged === 1)).toHaveLength(1_000)
  // Half of them have something on its way when it dies.
  for (const one of people.slice(0, 500)) one.write()
  await first.kill('SIGKILL')
  await Promise.all(people.map((one) => one.gone()))

  const second = await launch(['--port', '0', '--data', data])
  for (const one of people.slice(500)) one.write()
  await Promise.all(people.map((one) => one.connect(second.port)))
  await Promise.all(people.map((one) => one.hears(2 * inEach)))
  expect(people.filter(({ acknowledged }) => acknowledged === 2)).toHaveLength(1_000)
  for (const { space, log } of people) {
    expect(new Set(log).size).toBe(2 * inEach)
    expect(log).toEqual(people.find((other) => other.space === space)!.log)
  }
  await Promise.all(people.map((one) => one.leave()))
  expect((await second.kill('SIGTERM')).stderr).toBe('')
})

const socketsThatLive = () => [Socket, WebSocket].map((kind) => queryObjects(kind, { format: 'count' }))

test('whoever came, edited and left again leaves their Changes and nothing else', async () => {
  const [spaces, atATime, rounds] = [7, 10, isLong ? 1_000 : 300]
  const relay = createRelay({ storage: await openLmdbStorage(temporaryFolder()) })
  const server = createServer()
  const attached = attachRelay(server, relay)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  let came = 0

  async function comeAndGo(): Promise<void> {
    const isRude = came % 3 === 0
    const one = person(`space ${came % spaces}`, ++came)
    await one.connect(port)
    const before = one.log.length
    one.write()
    await one.hears(before + 1)
    while (one.acknowledged === 0) await one.hears(one.log.length + 1)
    await (isRude ? one.drop() : one.leave())
  }

  async function comeAndGoOften(times: number): Promise<void> {
    const until = came + times
    await Promise.all(
      Array.from({ length: atATime }, async () => {
        while (came < until) await comeAndGo()
      }),
    )
  }

  /** What is held when so many more have come and gone. */
  async function heldAfter(times: number): Promise<number> {
    await comeAndGoOften(times)
    for (let turn = 0; turn < 1000 && relay.load.sessions > 0; turn++) await nextTurn()
    expect(relay.load).toEqual({ sessions: 0, rooms: 0 })
    return heldBytes()
  }

  // Code is compiled, and compiled better, and what is kept for all is there.
  let before = await heldAfter(1_500)
  const sockets = socketsThatLive()
  const grown: number[] = []
  for (let turn = 0; turn < 5; turn++) {
    const after = await heldAfter(rounds)
    grown.push((after - before) / rounds)
    before = after
  }
  // Each session held 3.4 kB while it was there. Code comes, and goes, in some of the turns; what somebody leaves behind is there after each.
  expect(grown.sort((a, b) => a - b)[2]).toBeLessThan(300)
  expect(socketsThatLive()).toEqual(sockets)
  expect(await new Promise((resolve) => server.getConnections((_, count) => resolve(count)))).toBe(0)
  const logs = Array.from({ length: spaces }, async (_, space) => {
    const one = person(`space ${space}`, 100_000 + space)
    await one.connect(port)
    const expected = Array.from({ length: came }, (__, i) => i).filter((i) => i % spaces === space).length
    await one.hears(expected)
    await one.leave()
    return new Set(one.log).size
  })
  expect((await Promise.all(logs)).reduce((sum, size) => sum + size, 0)).toBe(came)
  await attached.close()
  await new Promise((resolve) => server.close(resolve))
}, 300_000)
