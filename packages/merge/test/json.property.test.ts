import { StmError, type Change, type Policy, type Value } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { collection, json } from '../src/index.ts'
import { canonicalText } from './canonical.ts'
import { histories, play, shuffled, type Dice } from './history.ts'
import { modelJson, toldOf } from './model.ts'
import { createReplica } from './replica.ts'
import { docs, ids, nested, nestedInitials } from './subjects.ts'

/** Every object and array in a value, by where it is. */
function partsOf(
  value: Value | undefined,
  path: readonly string[] = [],
  found = new Map<string, object>(),
): Map<string, object> {
  if (typeof value !== 'object' || value === null) return found
  found.set(JSON.stringify(path), value)
  if (!Array.isArray(value))
    for (const [key, inner] of Object.entries(value)) partsOf(inner as Value, [...path, key], found)
  return found
}

/** The paths of a field that an operation is about. */
function pathsIn(payload: readonly Value[], name: string): readonly (readonly string[])[] {
  const paths: (readonly string[])[] = []
  for (let i = 2; i < payload.length; i += 3) {
    if (payload[i + 1] !== name) continue
    const data = payload[i + 2] as readonly string[]
    paths.push(payload[i] === 4 ? data.slice(1) : (payload[i] as number) > 4 ? data : [])
  }
  return paths
}

const isIn = (path: readonly string[], above: readonly string[]): boolean => above.every((key, i) => path[i] === key)

test('[NJ1] [NJ3] after each operation, in any order, it reads as the model says, and what no write was about is the same object', () => {
  const counts = { same: 0, changed: 0, late: 0 }
  const policy: Policy = docs.policy
  fc.assert(
    fc.property(histories, fc.nat(1000), ([writers, steps], salt) => {
      const { changes } = play(nested, writers, steps, 'causal')
      for (const id of ids.slice(0, 2)) {
        const ref = docs.at(id)
        let state: unknown
        let latest = 0
        const got: Change[] = []
        for (const change of shuffled(changes, salt)) {
          const op = change.ops.find(({ address }) => address === ref.address)
          if (op === undefined) continue
          const payload = structuredClone(op.payload) as readonly Value[]
          const before = policy.read(state, ref) as Record<string, Value> | undefined
          const after = policy.apply(state, payload, { at: change.at, writer: change.writer })
          got.push(change)
          const isSameLife = (state as { incarnation?: number })?.incarnation === payload[1]
          state = after
          const now = policy.read(state, ref) as Record<string, Value> | undefined
          expect(policy.read(state, ref)).toBe(now)
          if (change.at < latest) counts.late += 1
          latest = Math.max(latest, change.at)
          const told = toldOf(got, 'record', ref.address)
          for (const [name, initial] of Object.entries(nestedInitials)) {
            if (now === undefined) continue
            expect(canonicalText(now[name])).toBe(canonicalText(modelJson(told, name, initial)))
            if (before === undefined || !isSameLife) continue
            const written = pathsIn(payload, name)
            const old = partsOf(before[name])
            const isWritten = (at: string): boolean => {
              const path = JSON.parse(at) as string[]
              return written.some((one) => isIn(one, path) || isIn(path, one))
            }
            const parts = [...partsOf(now[name])]
            const others = parts.filter(([at]) => !isWritten(at))
            counts.changed += parts.length - others.length
            counts.same += others.length
            expect(others.filter(([at, part]) => part !== old.get(at))).toEqual([])
          }
        }
      }
    }),
    { seed: 3, numRuns: 60 },
  )
  expect(counts.same).toBeGreaterThan(2_000)
  expect(counts.changed).toBeGreaterThan(1_000)
  expect(counts.late).toBeGreaterThan(500)
})

interface Options {
  readonly [key: string]: Value
}

/** Three versions: the second is read by code of the first too, the third is not. */
const versions = (() => {
  const up2 = ({ opts, ...rest }: any): object => ({ ...rest, ...(opts && { opts: renamed(opts, 'size', 'width') }) })
  const down2 = ({ opts, ...rest }: any): object => ({ ...rest, ...(opts && { opts: renamed(opts, 'width', 'size') }) })
  const up3 = ({ opts, ...rest }: any): object => ({ ...rest, ...(opts && { opts: { all: opts } }) })
  const field = (initial: Options) => ({ opts: json<Options>(initial) })
  return [
    collection('cfg', field({ size: 1 })),
    collection('cfg', field({ width: 1 }), { version: 2, upgrade: { 2: { up: up2, down: down2 } } }),
    collection('cfg', field({ all: { width: 1 } }), {
      version: 3,
      upgrade: { 2: { up: up2, down: down2 }, 3: { up: up3 } },
    }),
  ]
})()

function renamed(object: Options, from: string, to: string): Options {
  const { [from]: value, ...rest } = object
  return value === undefined ? rest : { ...rest, [to]: value }
}

test('[NJ9] code of three versions writes parts of one field: what it writes it reads, and all end with the same bytes', () => {
  const counts = { written: 0, newer: 0, kept: 0 }
  const step = fc.tuple(fc.nat(5), fc.nat(11), fc.nat(9999), fc.nat(9999))
  fc.assert(
    fc.property(fc.array(step, { minLength: 15, maxLength: 40, size: 'max' }), fc.nat(1000), (steps, salt) => {
      const replicas = versions.map((_, i) => createReplica(`w${i}`, [versions[0]!.policy]))
      const changes: Change[] = []
      const start = replicas[0]!.transact((tx) =>
        tx.create(versions[0]!.at('x'), { opts: { size: 1, deep: { a: 1 } } }),
      )!
      for (const replica of replicas) replica.receive(start)
      for (const [who, kind, ...numbers] of steps) {
        let turn = 0
        const dice: Dice = (sides) => (numbers[turn % 2]! + 31 * Math.floor(turn++ / 2)) % sides
        // The newest version writes seldom: what it has written others can only read.
        const version = who === 5 ? 2 : who % 2
        const replica = replicas[version]!
        const ref = versions[version]!.at('x')
        if (kind < 5) {
          const ready = changes.filter((change) => !replica.has(change) && replica.isReadyFor(change))
          if (ready.length > 0) replica.receive(ready[dice(ready.length)]!)
          continue
        }
        const before = replica.memory.snapshot.get(ref)!.opts
        const outer = version === 2 ? ((before['all'] ?? {}) as Options) : before
        const key = ['a', 'b', 'deep', version === 0 ? 'size' : 'width'][dice(4)]!
        const inner = key === 'deep' ? { ...(outer['deep'] as Options), [`k${dice(3)}`]: dice(4) } : dice(4)
        const now = kind === 11 ? renamed(outer, key, 'gone') : { ...outer, [key]: inner }
        const wanted = version === 2 ? { ...before, all: now } : now
        try {
          const change = replica.transact((tx) => tx.patch(ref, { opts: wanted }))
          if (change === undefined) continue
          changes.push(change)
          counts.written += 1
          expect(replica.memory.snapshot.get(ref)!.opts).toEqual(wanted)
          // A part that was written leaves the others to others.
          if (canonicalText(change.ops[0]!.payload).startsWith('[2,1,4')) counts.kept += 1
        } catch (error) {
          if (!(error instanceof StmError) || error.code !== 'read-only-newer') throw error
          counts.newer += 1
        }
      }
      const texts = [0, 1, 2].map((n) => {
        const { memory, receive } = createReplica('x', [versions[0]!.policy])
        for (const change of shuffled([start, ...changes], salt + n)) receive(change)
        const content = versions[0]!.policy.content!(memory.state(versions[0]!.at('x').key))
        return [
          canonicalText(content),
          ...versions.map((one) => canonicalText(memory.snapshot.get(one.at('x')) as Value)),
        ]
      })
      expect(texts[1]).toEqual(texts[0])
      expect(texts[2]).toEqual(texts[0])
    }),
    { seed: 9, numRuns: 150 },
  )
  expect(counts.written).toBeGreaterThan(1_000)
  expect(counts.kept).toBeGreaterThan(500)
  expect(counts.newer).toBeGreaterThan(100)
})
