import type { Change } from '@syncline/stm'
import { expect, test } from 'vitest'
import { list } from '../src/index.ts'
import { createReplica, picture, type Replica } from './replica.ts'

const steps = list<string>('steps')

function replicasWith(values: readonly string[], ...writers: string[]): Replica[] {
  const replicas = writers.map((writer) => createReplica(writer, [steps.policy]))
  const change = replicas[0]!.transact((tx) => tx.insert(steps, 0, values))!
  for (const replica of replicas) replica.receive(change)
  return replicas
}

/** Everybody gets everything; checks that all show the same, and returns it. */
function together(replicas: readonly Replica[], changes: readonly (Change | undefined)[]): readonly string[] {
  for (const [i, replica] of replicas.entries()) {
    for (const change of i % 2 ? changes.toReversed() : changes) if (change) replica.receive(change)
  }
  expect(new Set(replicas.map(({ memory }) => picture(memory, [steps.key], [steps]))).size).toBe(1)
  return replicas[0]!.memory.snapshot.get(steps)
}

test('[ME31] concurrent insertions at one spot are all there, each run in one piece', () => {
  const replicas = replicasWith(['start', 'end'], 'w1', 'w2', 'w3')
  const runs = replicas.map((_, i) => Array.from({ length: 30 }, (_, n) => `${i}-${n}`))
  const changes = replicas.map((replica, i) => replica.transact((tx) => tx.insert(steps, 1, runs[i]!)))
  const all = together(replicas, changes)
  expect(all).toHaveLength(92)
  expect([all[0], all.at(-1)]).toEqual(['start', 'end'])
  for (const run of runs) {
    const at = all.indexOf(run[0]!)
    expect(all.slice(at, at + 30)).toEqual(run)
  }
})

test('[ME31] items inserted one by one in one transaction stay together too', () => {
  const replicas = replicasWith(['start', 'end'], 'w1', 'w2')
  const changes = replicas.map((replica, i) => {
    return replica.transact((tx) => {
      for (let n = 0; n < 20; n++) tx.insert(steps, 1 + n, `${i}-${n}`)
    })
  })
  const all = together(replicas, changes)
  const owners = all.slice(1, -1).map((value) => value[0])
  expect(owners.join('')).toMatch(/^(0{20}1{20}|1{20}0{20})$/)
})

test('[ME32] an item that two people move is at the place of the later move, once', () => {
  const [one, two] = replicasWith(['a', 'b', 'c', 'd'], 'w1', 'w2') as [Replica, Replica]
  const changes = [one.transact((tx) => tx.reorder(steps, 0, 3)), two.transact((tx) => tx.reorder(steps, 0, 1))]
  expect(together([one, two], changes)).toEqual(['b', 'a', 'c', 'd'])
})

test('[ME32] a removed item stays removed, whatever others do to it', () => {
  const [one, two] = replicasWith(['a', 'b', 'c'], 'w1', 'w2') as [Replica, Replica]
  const changes = [
    one.transact((tx) => tx.remove(steps, 0, 1)),
    two.transact((tx) => tx.reorder(steps, 0, 2)),
    two.transact((tx) => tx.reorder(steps, 2, 1)),
  ]
  expect(together([one, two], changes)).toEqual(['b', 'c'])
})

test('[ME29] moving into a cramped place re-keys neighbours in the same Change and keeps the order', () => {
  const replica = createReplica('w1', [steps.policy])
  const { memory } = replica
  memory.apply(
    [
      {
        tag: 'list',
        address: 'steps',
        arbiter: 'local',
        payload: [0, 'x', 'a0', 'x', 0, 'y', 'a0', 'y', 0, 'z', 'a0', 'z'],
      },
    ],
    { at: 1, writer: 'other' },
    memory.snapshot.basis,
  )
  const change = replica.transact((tx) => tx.insert(steps, 1, 'between'))!
  expect(memory.snapshot.get(steps)).toEqual(['x', 'between', 'y', 'z'])
  expect((change.ops[0]!.payload as unknown[]).includes('y')).toBe(true)
})

test('[ME31] ten thousand insertions, one transaction each, and one of ten thousand', () => {
  const replica = createReplica('w1', [steps.policy])
  for (let i = 0; i < 10_000; i++) replica.transact((tx) => tx.insert(steps, Math.min(1, i), `${i}`))
  const read = replica.memory.snapshot.get(steps)
  expect(read).toHaveLength(10_000)
  expect([read[0], read[1], read.at(-1)]).toEqual(['0', '9999', '1'])
  const bulk = Array.from({ length: 10_000 }, (_, i) => `bulk ${i}`)
  replica.transact((tx) => tx.insert(steps, 5_000, bulk))
  expect(replica.memory.snapshot.get(steps).slice(5_000, 15_000)).toEqual(bulk)
})
