import { MARK_BYTES, markHead, markTree, rollId, type Frame } from '@syncline/protocol'
import { emptyBasis, type Epoch } from '@syncline/stm'
import { describe, expect, test } from 'vitest'
import { createMemoryStorage, type RelayLimits } from '../src/index.ts'
import { gatedStorage } from './gated.ts'
import { ann, bob, connect, join, record, told, turns, until, world, type Client, type World } from './kit.ts'

const spaces = Array.from({ length: 40 }, (_, i) => `board-${i}`).sort()
const none = new Uint8Array(MARK_BYTES)

/** The root of where a client stands that has nothing, but for these. */
function rootOf(
  names: readonly string[],
  heads: { readonly [space: string]: readonly [Epoch, number] } = {},
): Uint8Array {
  const marks = new Uint8Array(MARK_BYTES * names.length)
  names.forEach((space, i) => {
    const [epoch, relaySeq] = heads[space] ?? [null, 0]
    markHead(marks, i, { epoch, relaySeq })
  })
  return markTree(marks).at(-1)!
}

const roll = (names: readonly string[], root = rootOf(names), channel = 1): Frame => ({
  type: 'roll',
  channel,
  roll: rollId(names),
  count: names.length,
  root,
})
const named = (names: readonly string[], channel = 1): Frame => ({ type: 'names', channel, names })
const stand: Frame = { type: 'stand', channel: 1 }

function many(limits: Partial<RelayLimits> = {}, storage = createMemoryStorage()): World {
  return world({ storage, limits: { leastRoll: 2, ...limits } })
}

function hello({ relay }: World): Client {
  const client = connect(relay)
  client.hello()
  return client
}

/** A client that stands in all of these, with nothing. */
async function follower(world: World, names: readonly string[] = spaces): Promise<Client> {
  const client = hello(world)
  client.say(roll(names))
  if (client.heard.at(-1)!.type === 'unnamed') client.say(named(names))
  await until(() => client.heard.some(({ type }) => type === 'stand'), 'it stands')
  return client
}

describe('a roll that cannot be', () => {
  const tooMany = Array.from({ length: 41 }, (_, i) => `x-${i}`).sort()
  test.each<[string, readonly Frame[], RegExp]>([
    ['of fewer spaces than the relay takes', [roll(spaces.slice(0, 1))], /2 spaces or more/],
    ['of more than a connection may follow', [roll(tooMany)], /41/],
    ['of more, with what is open', [{ type: 'open', channel: 99, space: 'z', basis: emptyBasis }, roll(spaces)], /40/],
    ['of more, with another one', [roll(spaces), roll(tooMany.slice(0, 2), none, 60)], /40/],
    [
      'on a channel that is open',
      [{ type: 'open', channel: 2, space: 'z', basis: emptyBasis }, roll(spaces.slice(2))],
      /free/,
    ],
    ['on a channel of another roll', [roll(spaces.slice(20), none, 5), roll(spaces.slice(0, 9), none)], /free/],
    ['on channels beyond 2^53 - 1', [roll(spaces, none, Number.MAX_SAFE_INTEGER - 10)], /free/],
    [
      'of a space that is open',
      [
        { type: 'open', channel: 99, space: spaces[3]!, basis: emptyBasis },
        roll(spaces.slice(2)),
        named(spaces.slice(2)),
      ],
      /channel 99/,
    ],
    ['with names that nobody asked for', [named(spaces)], /where no roll begins/],
    ['with other names than it says', [roll(spaces), named(spaces.map((space) => `${space}!`))], /not those of roll/],
    ['with fewer names than it says', [roll(spaces), named(spaces.slice(1))], /not those of roll/],
    ['with names that are told twice', [roll(spaces), named(spaces), named(spaces)], /Nobody has asked/],
    [
      'that is asked about before it is named',
      [roll(spaces), { type: 'below', channel: 1, level: 1, nodes: [0] }],
      /Nobody was told/,
    ],
    ['that stands before it is named', [roll(spaces), stand], /nothing that was compared/],
    [
      'with a channel that is opened before it is named',
      [roll(spaces), { type: 'open', channel: 3, space: spaces[2]!, basis: emptyBasis }],
      /Channel 3/,
    ],
    ['from the relay', [{ type: 'marks', channel: 1, marks: none }], /does not belong here/],
    ['that is not known, from the client', [{ type: 'unnamed', channel: 1 }], /does not belong here/],
  ])('[RL73] %s ends the session', async (_, frames, why) => {
    const client = hello(many({ maxChannels: 40 }))
    client.say(...frames)
    await until(() => client.closed !== undefined, 'it is closed')
    expect(client.closed).toEqual({ code: 4400, reason: 'malformed' })
    expect(client.last('failure').message).toMatch(why)
  })

  test('[RL73] so does what is out of turn while both compare', async () => {
    const lies: [Frame[], RegExp][] = [
      [[{ type: 'below', channel: 1, level: 2, nodes: [0] }], /Nobody was told/],
      [[{ type: 'below', channel: 1, level: 1, nodes: [3] }], /no mark 3 on level 1/],
      [
        [
          { type: 'below', channel: 1, level: 1, nodes: [0] },
          { type: 'below', channel: 1, level: 1, nodes: [0] },
        ],
        /Nobody was told/,
      ],
      [[stand, stand], /nothing that was compared/],
      [[stand, { type: 'open', channel: 5, space: spaces[4]!, basis: emptyBasis }], /Channel 5 is open already/],
      [[stand, roll(spaces.slice(0, 3), none, 100), named(spaces.slice(0, 3), 100)], /those of another roll/],
      [[{ type: 'open', channel: 77, space: spaces[4]!, basis: emptyBasis }], /open on channel 5 already/],
    ]
    for (const [frames, why] of lies) {
      const them = many()
      await join(them.relay, spaces[0]!)
      await follower(them)
      const client = hello(them)
      client.say(roll(spaces, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)))
      await until(() => client.heard.at(-1)!.type === 'marks', 'it is told marks')
      client.say(...frames)
      await turns()
      expect(client.last('failure').message).toMatch(why)
    }
  })

  test('[RL73] a roll of a count that its names have not is none', async () => {
    const them = many()
    await follower(them)
    const client = hello(them)
    client.say({ ...(roll(spaces) as Frame & { type: 'roll' }), count: 39 })
    await turns()
    expect(client.last('failure').message).toMatch(/has 40 spaces, and not 39/)
  })
})

describe('storage that fails', () => {
  test('[RL73] the client is to open each by itself, on the channels of the roll', async () => {
    const storage = gatedStorage()
    const them = many({}, storage)
    storage.failing = 'heads'
    const client = hello(them)
    client.say(roll(spaces), named(spaces))
    await until(() => client.heard.at(-1)!.type === 'singly', 'it is told')
    client.open(spaces[3]!, { channel: 4 })
    await until(() => client.heard.at(-1)!.type === 'basis')
    storage.failing = 'none'
    const other = await follower(them)
    expect([client.closed, other.closed]).toEqual([undefined, undefined])
  })

  test('[RL5] who follows a space by a roll is sent away when that cannot be stored, and what is stored is read again', async () => {
    for (const outcome of ['failed', 'stored-but-failed'] as const) {
      const storage = gatedStorage()
      const them = many({}, storage)
      const client = await follower(them)
      const writer = await join(them.relay, spaces[7]!)
      storage.hold()
      writer.send([record(ann, 1)])
      await until(() => storage.waiting === 1)
      storage.release(outcome)
      await until(() => client.closed !== undefined, 'it is sent away')
      expect(client.closed).toEqual({ code: 1011, reason: 'storage-failed' })
      storage.open()
      const again = hello(them)
      again.say(roll(spaces))
      await until(() => ['stand', 'marks'].includes(again.heard.at(-1)!.type))
      expect(again.heard.at(-1)!.type).toBe(outcome === 'failed' ? 'stand' : 'marks')
    }
  })

  test('[RL70] what is about to be told is not told by a mark', async () => {
    const storage = gatedStorage()
    const them = many({}, storage)
    const writer = await join(them.relay, spaces[7]!)
    storage.hold()
    writer.send([record(ann, 1)])
    await until(() => storage.waiting === 1)
    const client = await follower(them)
    storage.open()
    await until(() => told(client, 0, 8).length === 1, 'it is told')
    expect(told(writer)).toEqual([`${ann}:1`])
  })
})

describe('what is known of rolls', () => {
  test('[RL72] those that nobody follows are forgotten when they are too many, the ones first that were followed longest ago', async () => {
    const rolls = [spaces.slice(0, 10), spaces.slice(10, 20), spaces.slice(5, 15)]
    const size = rolls[0]!.reduce((sum, name) => sum + 2 * name.length + 150, 0)
    const them = many({ maxIdleRollBytes: 2 * size + 100 })
    const isKnown = (names: readonly string[]): boolean => {
      const client = hello(them)
      client.say(roll(names))
      const known = client.heard.at(-1)!.type !== 'unnamed'
      client.drop()
      return known
    }
    for (const names of rolls) (await follower(them, names)).drop()
    expect(rolls.map(isKnown)).toEqual([false, true, true])
    const stays = await follower(them, rolls[0])
    for (const names of rolls.slice(1)) (await follower(them, names)).drop()
    expect(rolls.map(isKnown)).toEqual([true, true, true])
    // One that was forgotten is no part of what is told about its spaces.
    const writer = await join(them.relay, rolls[0]![0]!)
    writer.send([record(bob, 1)])
    await until(() => told(stays).length === 1)
  })

  test('[RL72] what an earlier run was told of a roll need not be said again, where it is kept', async () => {
    const names = new Map<string, readonly string[]>()
    const rolls = {
      read: (id: string) => names.get(id),
      keep: (id: string, of: readonly string[]) => void names.set(id, of),
    }
    const storage = createMemoryStorage()
    const before = world({ storage, limits: { leastRoll: 2 }, rolls })
    const first = hello(before)
    first.say(roll(spaces))
    expect(first.heard.at(-1)!.type).toBe('unnamed')
    first.say(named(spaces))
    await until(() => first.heard.at(-1)!.type === 'stand')
    expect([...names]).toEqual([[rollId(spaces), spaces]])
    await before.relay.close()
    const after = world({ storage, limits: { leastRoll: 2 }, rolls })
    const [back, elsewhere] = [hello(after), hello(after)]
    back.say(roll(spaces))
    await until(() => back.heard.at(-1)!.type === 'stand')
    expect(back.all('unnamed')).toEqual([])
    elsewhere.say(roll(spaces.slice(1)))
    expect(elsewhere.heard.at(-1)!.type).toBe('unnamed')
    // It is a roll like any other.
    const writer = await join(after.relay, spaces[0]!)
    writer.send([record(bob, 1)])
    await until(() => told(back).length === 1)
  })

  test('[RL71] [RL19] of who has gone nothing is left', async () => {
    const them = many()
    const [one, other] = [await follower(them), await follower(them)]
    one.drop()
    other.say({ type: 'leave', channel: 3 })
    const writer = await join(them.relay, spaces[2]!)
    writer.send([record(ann, 1)])
    await until(() => told(writer).length === 1)
    expect([one.all('changes'), other.all('changes')]).toEqual([[], []])
    writer.drop()
    await until(() => them.relay.load.rooms === 0, 'the room is gone')
    // The channel that was left counts no more, and its space may be followed on another.
    other.open(spaces[2]!, { channel: 77 })
    await until(() => told(other, 0, 77).length === 1)
  })
})
