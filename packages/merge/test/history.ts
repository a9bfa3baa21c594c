import { isDeepStrictEqual } from 'node:util'
import { cellKey, type CellKey, type Change, type Policy, type Readable, type Tx } from '@syncline/stm'
import fc from 'fast-check'
import { expect } from 'vitest'
import { createReplica, picture, type Replica } from './replica.ts'

/** Numbers that decide what happens next, drawn one after the other. */
export type Dice = (sides: number) => number

/** What a random history is about. */
export interface Subject {
  readonly policies: readonly Policy[]
  /** One random write. */
  write(tx: Tx, dice: Dice): void
  /** Everything that can be read. */
  readonly readables: readonly Readable<unknown>[]
}

/** What happened in a history, and the replicas in which it did. */
export interface History {
  readonly changes: readonly Change[]
  readonly replicas: readonly Replica[]
  readonly cells: ReadonlySet<CellKey>
}

/** One step of a history: who does what, and four numbers for the details. */
export type Step = readonly [number, number, number, number, number, number]

/** Random histories of three to five writers. */
export const histories: fc.Arbitrary<readonly [number, readonly Step[]]> = fc.tuple(
  fc.integer({ min: 3, max: 5 }),
  fc.array(fc.tuple(fc.nat(59), fc.nat(9999), fc.nat(9999), fc.nat(9999), fc.nat(9999), fc.nat(9999)), {
    minLength: 12,
    maxLength: 50,
    size: 'max',
  }),
)

/** How Changes travel: in an order in which everything an author had seen arrives first, or in any order at all. */
export type Delivery = 'causal' | 'any order'

/**
 * Plays a history: writers write, and Changes reach some of the others, some of them twice. After each transaction the committed values
 * are what its body saw last.
 */
export function play(subject: Subject, writers: number, steps: readonly Step[], delivery: Delivery): History {
  let nowMs = 1
  const replicas = Array.from({ length: writers }, (_, i) => createReplica(`w${i}`, subject.policies, () => nowMs))
  const changes: Change[] = []
  for (const [who, kind, ...details] of steps) {
    let turn = 0
    const dice: Dice = (sides) => (details[turn % 4]! + 31 * Math.floor(turn++ / 4)) % sides
    const replica = replicas[who % writers]!
    if (kind % 10 === 0) nowMs += kind % 3
    if (kind % 2 === 0) {
      const late = changes.filter((change) => delivery === 'any order' || replica.isReadyFor(change))
      for (let i = 0; i < 3 && late.length > 0; i++) {
        const change = late[dice(late.length)]!
        if (delivery === 'any order' || replica.isReadyFor(change)) replica.receive(change)
      }
      continue
    }
    let seen: unknown[] = []
    const change = replica.transact((tx) => {
      for (let i = dice(3); i >= 0; i--) subject.write(tx, dice)
      seen = subject.readables.map((readable) => tx.get(readable))
    })
    const committed = subject.readables.map((readable) => replica.memory.snapshot.get(readable))
    // Asked first, for saying it well takes much longer than seeing it.
    if (!isDeepStrictEqual(committed, seen)) expect(committed).toEqual(seen)
    if (change !== undefined) changes.push(change)
  }
  const cells = new Set(changes.flatMap(({ ops }) => ops.map(({ tag, address }) => cellKey(tag, address))))
  return { changes, replicas, cells }
}

/** Delivers what is missing everywhere, to each replica in another order, and checks that all end equal. Returns what they show. */
export function expectConvergence(subject: Subject, history: History, delivery: Delivery): Replica {
  const { changes, replicas, cells } = history
  const fresh = ['x0', 'x1', 'x2'].map((writer) => createReplica(writer, subject.policies))
  const all = [...replicas, ...fresh]
  all.forEach((replica, i) => {
    if (delivery === 'causal') deliverCausally(replica, changes, i)
    else for (const change of shuffled([...changes, ...changes], i)) replica.receive(change)
  })
  for (const replica of all) expect(changes.every((change) => replica.has(change))).toBe(true)
  const pictures = all.map(({ memory }) => picture(memory, cells, subject.readables))
  for (const other of pictures) expect(other).toBe(pictures[0])
  return fresh[0]!
}

function deliverCausally(replica: Replica, changes: readonly Change[], salt: number): void {
  for (let rest = shuffled(changes, salt); rest.length > 0;) {
    const ready = rest.filter((change) => replica.has(change) || replica.isReadyFor(change))
    if (ready.length === 0)
      throw new Error(`None of ${rest.length} Changes can be taken: what they stand on never came`)
    for (const change of ready) replica.receive(change)
    rest = rest.filter((change) => !replica.has(change))
  }
}

/** The items in an order that depends on the salt alone. */
export function shuffled<T>(items: readonly T[], salt: number): T[] {
  const result = [...items]
  let state = salt * 2654435761 + 12345
  for (let i = result.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    const j = (state >>> 8) % (i + 1)
    ;[result[i], result[j]] = [result[j]!, result[i]!]
  }
  return result
}
