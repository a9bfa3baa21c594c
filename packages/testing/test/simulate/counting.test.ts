import { lww } from '@syncline/merge'
import { encodeFrames } from '@syncline/protocol'
import type { Relay } from '@syncline/relay'
import type { Connection } from '@syncline/store'
import { expect, test } from 'vitest'
import { simulate, type SimulatedApp } from '../../src/simulate/index.ts'
import { createKernel } from '../../src/simulate/kernel.ts'
import { beginLife } from '../../src/simulate/life.ts'
import { createMachineClock } from '../../src/simulate/machine-clock.ts'
import { createNetwork, type Way } from '../../src/simulate/network.ts'
import { createTally } from '../../src/simulate/tally.ts'
import { createWeather } from '../../src/simulate/weather.ts'

type RelaySocket = Parameters<Relay['accept']>[0]

const [PING] = encodeFrames([{ type: 'ping', token: 1 }], 1024) as [Uint8Array<ArrayBuffer>]

/** One browser that is connected to a relay which says nothing by itself. */
async function connected(seed: number) {
  const kernel = createKernel(seed)
  const tally = createTally()
  const network = createNetwork(kernel, createWeather(kernel.decider, {}), (what) => tally.count(what))
  const sockets: RelaySocket[] = []
  const accept = (socket: RelaySocket): ReturnType<Relay['accept']> => {
    sockets.push(socket)
    return { onMessage: () => undefined, onClose: () => undefined } as ReturnType<Relay['accept']>
  }
  // It is asked for nothing else.
  network.serve(beginLife(kernel, 'relay'), { accept } as unknown as Relay)
  const way = network.way('browser')
  const transport = way.transport(beginLife(kernel, 'tab'))
  const connect = (): Connection =>
    transport.connect({ onOpen: () => undefined, onMessage: () => undefined, onClose: () => undefined })
  const connection = connect()
  await kernel.pass(1000)
  return { kernel, tally, way, connect, connection, socket: sockets[0]! }
}

type Connected = Awaited<ReturnType<typeof connected>>

const troubled: readonly {
  readonly fault: string
  readonly happen: (way: Way) => void
  /** What it takes for something to come of it. */
  readonly meet: (world: Connected) => void
  /** Whether that has to be on its way already. */
  readonly isBefore?: true
}[] = [
  {
    fault: 'loss',
    happen: (way) => way.break(),
    meet({ connection, socket }) {
      connection.send(PING)
      socket.send(PING)
    },
    isBefore: true,
  },
  {
    fault: 'halfOpen',
    happen: (way) => way.swallow(),
    meet({ connection, socket }) {
      for (let i = 0; i < 3; i++) {
        connection.send(PING)
        socket.send(PING)
      }
    },
  },
  { fault: 'partition', happen: (way) => way.part(1000), meet: ({ connect }) => void connect() },
]

test.each(troubled)('$fault counts when something has come of it', async ({ fault, happen, meet, isBefore }) => {
  let felt = 0
  for (let seed = 1; seed <= 20; seed++) {
    const alone = await connected(seed)
    happen(alone.way)
    // A parting may break a connection, of which both ends hear.
    const breaks = fault === 'partition' ? 1 : 0
    await alone.kernel.pass(100_000)
    expect(alone.tally.counts[fault] ?? 0).toBeLessThanOrEqual(breaks)

    const met = await connected(seed)
    if (isBefore) meet(met)
    happen(met.way)
    if (!isBefore) meet(met)
    await met.kernel.pass(100_000)
    const count = met.tally.counts[fault] ?? 0
    felt += count
    // Of what is under way nothing may be lost, or what was sent up, or down, or both; a connection is half open once, and a parting one.
    const [least, most] = fault === 'loss' ? [0, 2] : [1, 1]
    expect(count).toBeGreaterThanOrEqual(least)
    expect(count).toBeLessThanOrEqual(most)
  }
  expect(felt).toBeGreaterThan(10)
})

test('a clock that is wrong counts when somebody reads it, and a tab that stands still when something waits for it', () => {
  const kernel = createKernel(1)
  const [clock, life] = [createMachineClock(kernel), beginLife(kernel, 'tab')]
  const heard: string[] = []
  clock.set(500, () => heard.push('clock'))
  life.freeze(() => heard.push('life'))
  expect(heard).toEqual([])
  clock.nowMs()
  clock.nowMs()
  life.hear(() => undefined)
  life.hear(() => undefined)
  expect(heard).toEqual(['clock', 'life'])
})

test('what was asked for and had nothing to happen to is missing', async () => {
  const title = lww('title', '')
  const app = {
    refs: { title },
    actions: { rename: (tx, chance) => tx.set(title, chance.unique()) },
  } satisfies SimulatedApp
  // Nobody writes while a disk is full: each is mended before there is a second step.
  const faults = { quota: 0.5, relayQuota: 0.4 }
  const { missing, counts } = await simulate({ app, tabs: [1], faults, steps: 1 }).cohort({ runs: 20 })
  expect(counts['changes']).toBeGreaterThan(0)
  expect(missing).toEqual(['quota', 'relayQuota'])
})
