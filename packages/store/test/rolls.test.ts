import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFrameReader, encodeChange, encodeFrames, MAX_PACKET_BYTES, type Frame } from '@syncline/protocol'
import { createMemoryStorage, type RelayLimits } from '@syncline/relay'
import { openLmdbStorage } from '@syncline/relay/lmdb'
import { emptyBasis } from '@syncline/stm'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import type { Standing } from '../src/line.ts'
import { settle } from './world.ts'
import { manySpaces, names, stored, type ManySpaces, type Traffic } from './many-spaces.ts'

const folder = mkdtempSync(join(tmpdir(), 'syncline-rolls-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const [old, young] = ['1'.repeat(32), '2'.repeat(32)]

const bytes = ({ up, down }: Traffic): { up: number; down: number } => ({ up, down })

function opened({ frames }: Traffic): string[] {
  return frames.flatMap((frame) => (frame.type === 'open' ? [frame.space] : [])).sort()
}

function types({ frames }: Traffic): string[] {
  return frames.map(({ type }) => type).filter((type) => type !== 'hello' && type !== 'welcome' && type !== 'rolls')
}

/** Everybody stands where the log of their space ends, and their channel is open. */
async function expectAllUpToDate({ readers }: ManySpaces, heads: (space: string) => Promise<number>): Promise<void> {
  const late: string[] = []
  for (const { space, standing, isOpen } of readers.values()) {
    if (!isOpen || standing.relaySeq !== (await heads(space))) late.push(`${space} ${isOpen} ${standing.relaySeq}`)
  }
  expect(late).toEqual([])
}

describe('10,000 spaces on one line, over LMDB', () => {
  const COUNT = 10_000

  test('[ST50] [RL70] [RL72] a hello costs bytes by the spaces that changed', async () => {
    const storage = await openLmdbStorage(folder)
    const spaces = names(COUNT)
    await storage.append(spaces.map((space) => stored(space, old, 2)))
    let reads = 0
    const counted: typeof storage = Object.create(storage, {
      gatherMs: { value: 0 },
      heads: { value: (of: readonly string[]) => ((reads += of.length), storage.heads(of)) },
    })
    const many = manySpaces(counted)
    const headOf = async (space: string): Promise<number> => (await storage.space(space))!.head
    for (const space of spaces) many.read(space, { epoch: old, relaySeq: 2 })
    await many.comeBack()
    const cost: { [what: string]: { up: number; down: number } } = {}
    const count = async (what: string): Promise<Traffic> => {
      await expectAllUpToDate(many, headOf)
      const traffic = many.traffic()
      cost[what] = bytes(traffic)
      return traffic
    }
    expect(types(await count('the first time'))).toEqual(['roll', 'unnamed', 'names', 'stand'])
    expect([reads, many.relay.load.rooms]).toEqual([COUNT, 0])

    many.cut()
    await many.comeBack()
    expect(types(await count('nothing changed'))).toEqual(['roll', 'stand'])
    expect([reads, many.relay.load.rooms]).toEqual([COUNT, 0])

    for (const changed of [3, 100]) {
      many.cut()
      const written = spaces.filter((_, i) => i % Math.floor(COUNT / changed) === 7).slice(0, changed)
      for (const space of written) await many.write(space)
      many.traffic()
      await many.comeBack()
      expect(opened(await count(`${changed} changed`))).toEqual(written.toSorted())
      expect([reads, many.relay.load.rooms]).toEqual([COUNT, changed])
    }

    many.cut()
    many.tamper = (_, frame) => (frame.type === 'rolls' ? [] : [frame])
    await many.comeBack()
    expect(opened(await count('each by itself'))).toEqual(spaces.toSorted())
    expect(cost).toEqual({
      'the first time': { up: 30_064, down: 50 },
      'nothing changed': { up: 45, down: 46 },
      '3 changed': { up: 199, down: 1_412 },
      '100 changed': { up: 4_202, down: 28_082 },
      'each by itself': { up: 398_906, down: 80_040 },
    })
    await storage.close()
  })

  test('[RL72] to read where 10,000 logs end takes some twenty turns', async () => {
    const storage = await openLmdbStorage(join(folder, 'turns'))
    await storage.append([stored('board', old, 2)])
    let turns = 0
    let isOver = false
    const turn = (): void => {
      turns += 1
      if (!isOver) setImmediate(turn)
    }
    setImmediate(turn)
    const heads = await storage.heads([...names(9_999), 'board'])
    isOver = true
    expect(turns).toBeGreaterThanOrEqual(19)
    expect([heads.length, heads[0], heads.at(-1)]).toEqual([
      10_000,
      { epoch: null, relaySeq: 0 },
      { epoch: old, relaySeq: 2 },
    ])
    await storage.close()
  })
})

describe('who is opened', () => {
  /** What a client knows of a space, of which the relay has so much. */
  const pair = fc.record({
    relay: fc.record({ epoch: fc.constantFrom(old, young), relaySeq: fc.integer({ min: 0, max: 3 }) }),
    client: fc.record({ epoch: fc.constantFrom(old, young), relaySeq: fc.integer({ min: 0, max: 3 }) }),
    isAlike: fc.integer({ min: 0, max: 9 }).map((one) => one > 0),
  })

  test('[ST50] [RL70] of any spaces exactly those in which both stand at other heads', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(pair, { minLength: 2, maxLength: 300 }), fc.boolean(), async (pairs, isKnown) => {
        const storage = createMemoryStorage()
        const spaces = names(pairs.length)
        await storage.append(pairs.map(({ relay }, i) => stored(spaces[i]!, relay.epoch, relay.relaySeq)))
        const many = manySpaces(storage, { leastRoll: 2 })
        const differing: string[] = []
        pairs.forEach(({ relay, client, isAlike }, i) => {
          const { epoch, relaySeq } = isAlike ? relay : client
          if (relaySeq !== relay.relaySeq || (relaySeq > 0 && epoch !== relay.epoch)) differing.push(spaces[i]!)
          many.read(spaces[i]!, { epoch: relaySeq === 0 ? null : epoch, relaySeq })
        })
        await many.comeBack()
        const first = many.traffic()
        expect(opened(first)).toEqual(differing.toSorted())
        expect(first.frames.some(({ type }) => type === 'names')).toBe(true)
        const apart: string[] = []
        for (const [i, { relay, client, isAlike }] of pairs.entries()) {
          const { isOpen, failures, standing } = many.readers.get(spaces[i]!)!
          const { epoch, relaySeq } = isAlike ? relay : client
          const isApart = relaySeq > 0 && (epoch !== relay.epoch || relaySeq > relay.relaySeq)
          if (isApart) apart.push(spaces[i]!)
          // What is known of another log waits until somebody has joined it, and all else goes on to the end.
          const expected = isApart ? [false, undefined, -1] : [true, undefined, relay.relaySeq]
          expect([isOpen, failures[0], isOpen ? standing.relaySeq : -1]).toEqual(expected)
        }
        if (!isKnown) return
        many.cut()
        await many.comeBack()
        const second = many.traffic()
        expect(second.frames.some(({ type }) => type === 'names')).toBe(false)
        expect(opened(second)).toEqual(apart.toSorted())
      }),
      { seed: 501, numRuns: process.env['SYNCLINE_LONG'] === '1' ? 1000 : 25 },
    )
  })

  test('[ST50] who is older is not asked, nor are few spaces, nor too many', async () => {
    for (const [count, limits] of [
      [5, { leastRoll: 6 }],
      [5, { leastRoll: 2, maxChannels: 4 }],
      [5, { leastRoll: 20, maxChannels: 10 }],
    ] as const) {
      const many = manySpaces(createMemoryStorage(), limits)
      for (const space of names(count)) many.read(space)
      await many.comeBack()
      const traffic = many.traffic()
      expect([opened(traffic), types(traffic).includes('roll')]).toEqual([names(count), false])
    }
  })

  test('[ST50] who has seen more than it has, or is asked about its writers, is opened by itself', async () => {
    const storage = createMemoryStorage()
    const spaces = names(6)
    await storage.append(spaces.map((space) => stored(space, old, 2)))
    const many = manySpaces(storage, { leastRoll: 2 })
    for (const space of spaces) many.read(space, { epoch: old, relaySeq: 2 })
    const [seen, asks] = [many.readers.get(spaces[1]!)!, many.readers.get(spaces[4]!)!]
    const { open } = seen.channel
    Object.assign(seen.channel, { open: (has: Standing) => open({ ...has, seenSeq: 3 }) })
    const { open: ask } = asks.channel
    const writers = new Map([['b'.repeat(32), 1]])
    Object.assign(asks.channel, { open: (has: Standing) => ask({ ...has, basis: { ...has.basis, writers } }) })
    await many.comeBack()
    expect(opened(many.traffic())).toEqual([spaces[1], spaces[4]])
    await expectAllUpToDate(many, async () => 2)
  })
})

describe('while a roll is called, and after it', () => {
  async function standing(
    count: number,
    limits: Partial<RelayLimits> = {},
    onLoad: (space: string) => void = () => undefined,
  ): Promise<{ many: ManySpaces; spaces: string[]; head(space: string): Promise<number> }> {
    const storage = createMemoryStorage()
    const spaces = names(count)
    await storage.append(spaces.map((space) => stored(space, old, 1)))
    const watched: typeof storage = Object.create(storage, {
      space: { value: (space: string) => (onLoad(space), storage.space(space)) },
    })
    const many = manySpaces(watched, { leastRoll: 2, ...limits })
    for (const space of spaces) many.read(space, { epoch: old, relaySeq: 1 })
    return { many, spaces, head: async (space) => (await storage.space(space))!.head }
  }

  test('[RL70] [RL71] what is written later is told, and only there a room is made', async () => {
    const { many, spaces, head } = await standing(40)
    await many.comeBack()
    expect(many.relay.load.rooms).toBe(0)
    for (const space of [spaces[3]!, spaces[30]!, spaces[3]!]) await many.write(space)
    await many.comeBack()
    await expectAllUpToDate(many, head)
    expect(many.readers.get(spaces[3]!)!.standing.relaySeq).toBe(3)
    expect(many.relay.load.rooms).toBe(2)
    expect(opened(many.traffic())).toEqual([])
  })

  test('[RL70] what is written while both compare is told, also where both stood alike when they began', async () => {
    for (const answer of ['roll', 'unnamed', 'names', 'marks', 'below', 'stand'] as const) {
      const { many, spaces, head } = await standing(300)
      await many.comeBack()
      many.cut()
      await many.write(spaces[7]!)
      if (answer === 'unnamed' || answer === 'names') many.restartRelay()
      let isWritten = false
      many.traffic()
      many.tamper = (_, frame) => {
        if (frame.type === answer && !isWritten) {
          isWritten = true
          for (const space of [spaces[7]!, spaces[8]!, spaces[200]!]) void many.write(space)
        }
        return [frame]
      }
      await many.comeBack()
      await many.comeBack()
      expect([answer, isWritten]).toEqual([answer, true])
      await expectAllUpToDate(many, head)
      expect(await head(spaces[8]!)).toBe(2)
    }
  })

  test('[RL71] [RL23] presence is told to who follows by a roll, and shown by it', async () => {
    const { many, spaces } = await standing(10)
    await many.comeBack()
    const heard: Frame[] = []
    const reader = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })
    const side = many.relay.accept({
      bufferedBytes: 0,
      send: (message) => void heard.push(...reader.push(message)),
      close: () => undefined,
    })
    const say = (...frames: Frame[]): void => encodeFrames(frames, 65_536).forEach((message) => side.onMessage(message))
    const space = spaces[4]!
    const session = '0'.repeat(32)
    say({ type: 'hello', protocol: 1, oldest: 1, agent: '', schema: 1, credential: new Uint8Array(0) })
    say({ type: 'open', channel: 1, space, basis: emptyBasis })
    say({ type: 'presence', channel: 1, session, slot: 1, payload: Uint8Array.of(7) })
    await many.comeBack()
    const told = (): Frame[] => many.traffic().frames.filter(({ type }) => type === 'presence')
    expect(told()).toMatchObject([{ slot: 1, payload: Uint8Array.of(7) }])
    // Who comes later is shown it as well.
    many.cut()
    await many.comeBack()
    expect(told()).toMatchObject([{ slot: 1, payload: Uint8Array.of(7) }])
    const { channel } = many.readers.get(spaces[5]!)!
    say({ type: 'open', channel: 2, space: spaces[5]!, basis: emptyBasis })
    await many.comeBack()
    channel.send([{ type: 'presence', channel: channel.number, session, slot: 2, payload: Uint8Array.of(8) }])
    await many.comeBack()
    expect(heard.filter(({ type }) => type === 'presence')).toMatchObject([{ channel: 2, slot: 2 }])
    side.onClose()
  })

  test('[RL67] where rooms are too many, those go in which nothing happens, and what is written there later is told once', async () => {
    const { many, spaces, head } = await standing(40, { maxRooms: 5 })
    await many.comeBack()
    const most: number[] = []
    for (let round = 0; round < 2; round++) {
      for (const space of spaces) {
        await many.write(space)
        await settle()
        most.push(many.relay.load.rooms)
      }
    }
    // One more is there while its space is written to.
    expect(Math.max(...most)).toBeLessThanOrEqual(6)
    expect(Math.max(...most)).toBeGreaterThanOrEqual(5)
    await expectAllUpToDate(many, head)
    expect(await head(spaces[0]!)).toBe(3)
    expect(opened(many.traffic())).toEqual([])
  })

  test('[RL67] of the rooms that may go the one unused for longest goes, and the one just used stays', async () => {
    const loaded: string[] = []
    const { many, spaces } = await standing(5, { maxRooms: 3 }, (space) => void loaded.push(space))
    await many.comeBack()
    const write = async (i: number): Promise<void> => {
      await many.write(spaces[i]!)
      await settle()
    }
    for (const i of [0, 1, 2, 0]) await write(i)
    expect(many.relay.load.rooms).toBe(3)
    loaded.length = 0
    for (const i of [3, 0, 1]) await write(i)
    expect(loaded).toEqual([spaces[3], spaces[1]])
  })

  test('[RL71] a channel that was left is told nothing more, and its space may be opened anew', async () => {
    const { many, spaces, head } = await standing(10)
    await many.comeBack()
    const left = many.readers.get(spaces[4]!)!
    left.channel.leave()
    await many.write(spaces[4]!)
    await many.comeBack()
    expect(left.standing.relaySeq).toBe(1)
    expect(many.relay.load.rooms).toBe(0)
    many.read(spaces[4]!, left.standing)
    await many.write(spaces[4]!)
    await many.comeBack()
    await expectAllUpToDate(many, head)
  })

  test('[RL71] what is sent on a channel of a roll is taken like on any other', async () => {
    const { many, spaces, head } = await standing(10)
    await many.comeBack()
    const { channel } = many.readers.get(spaces[2]!)!
    const op = { tag: 'lww', address: 'title', arbiter: 'local', payload: [0, 9] } as const
    const change = { writer: 'c'.repeat(32), seq: 1, deps: emptyBasis, at: 1, ops: [op], effects: [], meta: null }
    channel.send([{ type: 'changes', channel: channel.number, first: 0, records: [encodeChange(change)] }])
    await many.comeBack()
    expect(await head(spaces[2]!)).toBe(2)
    expect(many.traffic().frames.at(-1)).toMatchObject({ type: 'acknowledgement', channel: channel.number, first: 2 })
  })

  test.each<[string, Frame]>([
    ['marks that say nothing', { type: 'marks', channel: 0, marks: new Uint8Array(8) }],
    ['marks that are too many', { type: 'marks', channel: 0, marks: new Uint8Array(8 * 300) }],
  ])('[ST50] of %s the line wants nothing, and connects anew', async (_, lie) => {
    const { many, spaces, head } = await standing(300)
    await many.comeBack()
    many.cut()
    await many.write(spaces[7]!)
    let lies = 0
    many.tamper = (_direction, frame) => {
      if (frame.type !== 'marks' || lies > 2) return [frame]
      lies += 1
      return [{ ...lie, channel: frame.channel } as Frame]
    }
    for (let i = 0; i < 8; i++) await many.comeBack()
    expect(lies).toBe(3)
    await expectAllUpToDate(many, head)
  })
})
