import type { Expectation } from '@syncline/protocol'
import { equalValues, type Op, type Value } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createRelay } from '../src/index.ts'
import { becomes, envelope, holds, ids, op, outcome } from './envelopes.ts'
import { gatedStorage } from './gated.ts'
import { join, told, until, virtualClock, writerId, type Client } from './kit.ts'

/** What `relay` refs hold, as the slowest reader would keep it: registers, counters, and members with the life that they are in. */
interface Hall {
  readonly registers: { readonly [name: string]: Value }
  readonly counts: { readonly [name: string]: number }
  readonly members: { readonly [id: string]: { readonly life: number; readonly by: string | undefined } }
}

const empty: Hall = { registers: {}, counts: {}, members: {} }

/** A thing that is looked at. */
type Thing = { readonly kind: 'register' | 'count' | 'member'; readonly name: string } | { readonly kind: 'members' }

/** A thing that is done. */
type Act =
  | { readonly kind: 'set'; readonly name: string; readonly value: Value }
  | { readonly kind: 'add'; readonly name: string; readonly delta: number }
  | { readonly kind: 'create' | 'delete' | 'claim'; readonly id: string; readonly by: string }

function exists(hall: Hall, id: string): boolean {
  return hall.members[id]?.by !== undefined
}

function look(hall: Hall, thing: Thing): Value | undefined {
  switch (thing.kind) {
    case 'register':
      return hall.registers[thing.name]
    case 'count':
      return hall.counts[thing.name] || undefined
    case 'member':
      return exists(hall, thing.name) ? [true, { by: hall.members[thing.name]!.by! }, {}, {}] : undefined
    case 'members':
      return Object.keys(hall.members)
        .filter((id) => exists(hall, id))
        .sort()
  }
}

/** What an act on a hall is as an operation, which names the life of a member that its author saw; undefined when it makes no sense. */
function operationOf(hall: Hall, act: Act): Op | undefined {
  if (act.kind === 'set') return op('lww', act.name, [0, act.value])
  if (act.kind === 'add') return op('counter', act.name, [0, act.delta])
  const { life = 0 } = hall.members[act.id] ?? {}
  const address = `seats/${act.id}`
  if (act.kind === 'create')
    return exists(hall, act.id) ? undefined : op('record', address, [1, life + 1, 0, 'by', act.by])
  if (!exists(hall, act.id)) return undefined
  return op('record', address, act.kind === 'delete' ? [3, life] : [2, life, 0, 'by', act.by])
}

/** The hall after an operation that was made on another one, perhaps. */
function perform(hall: Hall, { tag, address, payload }: Op): Hall {
  const [kind, second] = payload as readonly Value[]
  if (tag === 'lww') return { ...hall, registers: { ...hall.registers, [address]: second! } }
  if (tag === 'counter') {
    return { ...hall, counts: { ...hall.counts, [address]: (hall.counts[address] ?? 0) + (second as number) } }
  }
  const id = address.slice('seats/'.length)
  const { life = 0, by } = hall.members[id] ?? {}
  const of = second as number
  if (of < life || (of === life && by === undefined && life > 0)) return hall
  const written = kind === 3 ? undefined : ((payload as readonly Value[])[4] as string)
  // A write to a life that nobody has begun shows nothing.
  if (of > life && kind === 2) return hall
  return { ...hall, members: { ...hall.members, [id]: { life: of, by: written } } }
}

function thingOf({ tag, address }: Op): Thing {
  if (tag === 'record') return { kind: 'member', name: address.slice('seats/'.length) }
  return { kind: tag === 'lww' ? 'register' : 'count', name: address }
}

const names = fc.constantFrom('x', 'y')
const thing: fc.Arbitrary<Thing> = fc.oneof(
  fc.record({ kind: fc.constantFrom('register' as const, 'count' as const), name: names }),
  fc.record({ kind: fc.constant('member' as const), name: fc.constantFrom('a', 'b') }),
  fc.record({ kind: fc.constant('members' as const) }),
)
const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), name: names, value: fc.constantFrom<Value>(null, 1, 2) }),
  fc.record({ kind: fc.constant('add' as const), name: names, delta: fc.constantFrom(1, -1) }),
  fc.record({
    kind: fc.constantFrom('create' as const, 'delete' as const, 'claim' as const),
    id: fc.constantFrom('a', 'b'),
    by: fc.constantFrom('ann', 'bob'),
  }),
)

const step = fc.record({
  who: fc.nat(2),
  /** How many accepted Changes ago its author looked. */
  staleness: fc.constantFrom(0, 0, 1, 2, 5),
  reads: fc.array(thing, { maxLength: 2 }),
  acts: fc.array(act, { maxLength: 3 }),
  /** Whether a ref that is written was read before, or is written blindly. */
  isChecked: fc.constantFrom(true, true, false),
  event: fc.constantFrom('none', 'none', 'none', 'none', 'none', 'repeat', 'restart', 'fail'),
})

test('[RL41] [RL42] [RL43] [RL46] random envelopes are decided as the slowest reader would, through restarts, repeats and a failing disk', async () => {
  const decided = { accepted: 0, conflict: 0, restarts: 0, failures: 0 }
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
      const storage = gatedStorage()
      const clock = virtualClock()
      let relay = createRelay({ storage, clock })
      let clients: Client[] = []
      const enter = async (): Promise<void> => {
        clients = [await join(relay, 'hall'), await join(relay, 'hall'), await join(relay, 'hall')]
      }
      await enter()
      /** The hall after each accepted Change. */
      const halls: Hall[] = [empty]
      const sent: Uint8Array[] = []
      const log: string[] = []
      for (const [i, { who, staleness, reads, acts, isChecked, event }] of steps.entries()) {
        if (event === 'restart') {
          decided.restarts += 1
          await relay.close()
          relay = createRelay({ storage, clock })
          await enter()
        }
        const now = halls.at(-1)!
        const seen = halls.at(-1 - staleness) ?? empty
        const ops: Op[] = []
        let mine = seen
        for (const one of acts) {
          const made = operationOf(mine, one)
          // One operation for each ref, as transactions make them.
          if (made === undefined || ops.some(({ tag, address }) => tag === made.tag && address === made.address))
            continue
          ops.push(made)
          mine = perform(mine, made)
        }
        const after = ops.reduce(perform, now)
        const written = isChecked ? ops.map(thingOf) : []
        const isSame = (a: Hall, b: Hall) => (one: Thing) => equalValues(look(a, one), look(b, one))
        const shouldStand = [...reads, ...written].every(isSame(seen, now)) && written.every(isSame(mine, after))

        const expectations: Expectation[] = reads.map((one) =>
          one.kind === 'members'
            ? {
                kind: 'members',
                tag: 'record',
                collection: 'seats',
                from: '',
                to: undefined,
                content: ids(look(seen, one) as readonly string[]),
              }
            : one.kind === 'member'
              ? holds('record', `seats/${one.name}`, look(seen, one))
              : holds(one.kind === 'count' ? 'counter' : 'lww', one.name, look(seen, one)),
        )
        for (const { tag, address } of isChecked ? ops : []) {
          const one = thingOf({ tag, address, arbiter: 'relay', payload: null })
          expectations.push(becomes(tag, address, look(seen, one), look(mine, one)))
        }
        const writer = writerId(10_000 + i)
        const bytes = envelope(writer, expectations, ops)
        sent.push(bytes)
        if (event === 'repeat') for (const old of sent) clients[(who + 1) % 3]!.send([old])
        if (event === 'fail') {
          decided.failures += 1
          storage.hold()
          clients[who]!.send([bytes])
          await until(() => storage.waiting === 1)
          storage.release('failed')
          storage.open()
          await until(() => clients.every(({ closed }) => closed !== undefined))
          await enter()
        }
        clients[who]!.send([bytes])
        const isTold = (): boolean => outcome(clients[who]!, writer) !== undefined
        await until(() => {
          // It may wait for the turn of another.
          clock.advance(1)
          // What came in by another client before, the stream tells.
          return isTold() || told(clients[who]!).length > halls.length - 1
        }, `envelope ${i} is decided`)
        const stands = outcome(clients[who]!, writer) !== 'conflict'
        expect(stands, `step ${i} of ${JSON.stringify(steps)}`).toBe(shouldStand)
        decided[stands ? 'accepted' : 'conflict'] += 1
        if (!stands) continue
        halls.push(after)
        log.push(writer)
      }
      const reader = await join(relay, 'hall')
      await until(() => told(reader).length === log.length)
      await relay.close()
      expect((await storage.space('hall'))!.head).toBe(log.length)
    }),
    { seed: 41, numRuns: 120 },
  )
  expect(decided.accepted).toBeGreaterThan(500)
  expect(decided.conflict).toBeGreaterThan(200)
  expect(decided.restarts).toBeGreaterThan(50)
  expect(decided.failures).toBeGreaterThan(50)
}, 60_000)
