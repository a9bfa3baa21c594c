import { counter } from '@syncline/merge'
import { createFrameReader, MAX_PACKET_BYTES } from '@syncline/protocol'
import { createMemoryStorage } from '@syncline/relay'
import { expect, test } from 'vitest'
import { memoryStorage, type Store } from '../src/index.ts'
import { createWorld, seededChance, type Wire } from './world.ts'

const votes = counter('votes')
const spaces = Array.from({ length: 6 }, (_, i) => `board-${i}`)

interface Browser {
  readonly wire: Wire
  readonly stores: Map<string, Store>
}

/** What happened in all runs: one in which nothing did would say nothing. */
const seen = new Map<string, number>()

function count(what: string): void {
  seen.set(what, (seen.get(what) ?? 0) + 1)
}

/** Three browsers with a line of many spaces each, whose connections break at any time, as does the relay. */
async function run(seed: number): Promise<void> {
  const { fraction } = seededChance(seed)
  const draw = <T>(from: readonly T[]): T => from[Math.floor(fraction() * from.length)]!
  const storage = Object.assign(createMemoryStorage(), { gatherMs: draw([0, 3]) })
  const world = await createWorld(seed, { limits: { leastRoll: 2, maxRooms: draw([2, 2_000]) }, storage })
  const added = new Map<string, number>()
  const browsers: Browser[] = []

  async function open({ wire, stores }: Browser, space: string): Promise<void> {
    stores.set(space, await world.open({ space, transport: wire, storage: memoryStorage() }))
  }

  for (let i = 0; i < 3; i++) {
    const browser: Browser = { wire: world.wire(), stores: new Map() }
    browsers.push(browser)
    const readers = {
      up: createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES }),
      down: createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES }),
    }
    let connections = 0
    browser.wire.onTraffic = (direction, message) => {
      // Each connection begins with a word of its own.
      if (direction === 'up' && message[1] === 1) {
        connections += 1
        readers.up = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })
        readers.down = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })
      }
      for (const { type } of readers[direction].push(message)) count(type)
    }
    for (const space of spaces) if (space === spaces[0] || fraction() < 0.8) await open(browser, space)
    await world.clock.pass(100)
    expect(connections).toBeGreaterThan(0)
  }

  function write(by: Browser = draw(browsers)): void {
    const [space, store] = draw([...by.stores])
    store.transact((tx) => tx.add(votes, 1))
    added.set(space, (added.get(space) ?? 0) + 1)
  }
  const inTheMiddle = async (most: number): Promise<void> => {
    for (let turn = Math.floor(fraction() * most); turn > 0; turn--) await new Promise((go) => setImmediate(go))
  }
  const happenings: (() => unknown)[] = [
    () => write(),
    () => write(),
    () => draw(browsers).wire.cut(),
    () => browsers.forEach(({ wire }) => wire.mend()),
    () => browsers.forEach(({ wire }) => wire.mend()),
    () => fraction() < 0.3 && world.restartRelay(),
  ]
  for (let step = 0; step < 30; step++) {
    await draw(happenings)()
    const ms = draw([0, 1, 5, 300, 2_000])
    if (fraction() < 0.5) {
      await world.clock.pass(ms)
      continue
    }
    // Or the next thing happens in the middle of what is being said.
    world.clock.step(ms)
    await inTheMiddle(6)
  }
  for (const { wire } of browsers) wire.mend()
  await world.clock.pass(40_000)
  // One comes back while others write, and after that nothing happens which would bring what it was not told.
  const [one, other] = browsers as [Browser, Browser]
  one.wire.cut()
  write(other)
  await world.clock.pass(100)
  one.wire.mend()
  world.clock.step(1_000)
  await inTheMiddle(9)
  for (let i = 0; i < 4; i++) write(other)
  await world.clock.pass(90_000)
  for (const { stores } of browsers) {
    for (const [space, store] of stores) {
      expect([seed, space, store.status.link, store.get(votes)]).toEqual([seed, space, 'online', added.get(space) ?? 0])
    }
  }
  await world.close()
  expect(world.clock.timers).toBe(0)
}

test('[ST50] [RL70] [RL71] [RL4] lines of several spaces come to the same, whatever breaks while they compare', async () => {
  const runs = process.env['SYNCLINE_LONG'] === '1' ? 600 : 60
  for (let seed = 1; seed <= runs; seed++) await run(seed)
  for (const word of ['roll', 'unnamed', 'names', 'marks', 'stand', 'open', 'changes', 'acknowledgement'])
    expect([word, (seen.get(word) ?? 0) >= runs / 2]).toEqual([word, true])
}, 600_000)
