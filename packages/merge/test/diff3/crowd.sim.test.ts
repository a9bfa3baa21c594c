import type { Change } from '@syncline/stm'
import { expect, test } from 'vitest'
import { emptyHistory, type History, type Limits } from '../../src/diff3/history.ts'
import { versionsIn } from '../../src/diff3/payload.ts'
import { byGeneration, type Version } from '../../src/diff3/version.ts'
import { canonical, createReplica, type Replica } from '../replica.ts'
import { FEW, readingOf, runCrowd, tokensOf, type Run, type Subject } from './crowd.ts'
import { board, page, sentence } from './subjects.ts'

const RUNS = process.env.SYNCLINE_LONG === '1' ? 4_000 : 100

/** Seeds that were hard: bases that nobody remembers were guessed, of two that disagree one was taken, and one word stood in two versions. */
const KNOWN = [365, 1038, 2407, 2468, 2789]

/** Sides and heads are as many as people disagree at once, however long they do; this is far above what was ever seen. */
const FAR_TOO_MANY = 24

test.each(Object.entries({ page, sentence, board }))(
  '[D3-15] [D3-17] [D3-19] [ME1] whoever edits a %s, and whenever they meet: all read the same, nothing is lost, nothing grows',
  (_, subject) => {
    const sum: Record<string, number> = {}
    for (const seed of new Set([...Array.from({ length: RUNS }, (_, i) => i), ...KNOWN])) {
      const run = runCrowd(subject, seed)
      expect({ seed, ...faultsOf(run, subject) }).toEqual({ seed, diverged: 0, lost: [], undone: [], tooMany: [] })
      for (const [key, count] of Object.entries(run.did)) sum[key] = (sum[key] ?? 0) + count
    }
    // Each of these happens in every tenth run at least, and most of them in each.
    expect(Object.keys(sum)).toHaveLength(8)
    expect(Math.min(...Object.values(sum))).toBeGreaterThan(RUNS / 10)
  },
)

function faultsOf({ ref, replicas, changes, most, standing, undone, added }: Run, subject: Subject): object {
  // What everybody received, in two orders that nobody had, and what that comes to without forgetting bit by bit.
  const fresh = [changes.toSorted((a, b) => (a.writer < b.writer ? -1 : 1)), changes.toReversed()].map((order) => {
    const replica = createReplica('x', [ref.policy])
    deliver(replica, order)
    return replica
  })
  const histories = [
    ...[...replicas, ...fresh].map(({ memory }) => (memory.state(ref.key) as History | undefined) ?? emptyHistory),
    forgottenAtOnce(changes, FEW),
  ]
  const readings = histories.map((history) => readingOf(history, subject))
  const seen = new Set(readings.map((reading, i) => JSON.stringify([canonical(histories[i]), canonical(reading)])))
  const there = tokensOf(readings[0]!)
  const limits = {
    versions: FEW.versions + most.heads,
    heads: FAR_TOO_MANY,
    sides: FAR_TOO_MANY,
    length: JSON.stringify(subject.initial).length + added,
  }
  return {
    diverged: seen.size - 1,
    undone,
    lost: [...standing].filter((token) => !there.has(token)),
    tooMany: Object.keys(limits).filter((key) => most[key as keyof typeof most] > limits[key as keyof typeof most]),
  }
}

/** Each as soon as everything is there that its author had seen. */
function deliver(replica: Replica, order: readonly Change[]): void {
  for (let rest = order; rest.length > 0; rest = rest.filter((change) => !replica.has(change))) {
    for (const change of rest) if (replica.isReadyFor(change)) replica.receive(change)
  }
}

/** The slow, obvious way: of all versions there ever were the latest, and those that nobody names as a parent. */
function forgottenAtOnce(changes: readonly Change[], limits: Limits): History {
  const versions = new Map<string, Version>()
  for (const { ops } of changes) {
    for (const version of versionsIn(ops[0]!.payload)!) versions.set(version.id, version)
  }
  const named = new Set([...versions.values()].flatMap(({ parents }) => parents))
  const heads = [...versions.keys()].filter((id) => !named.has(id)).sort()
  const latest = [...versions.values()].sort(byGeneration)
  const tooMuch = latest.findIndex((_, i) => {
    const sizeBytes = latest.slice(0, i + 1).reduce((sum, version) => sum + version.sizeBytes, 0)
    return i >= limits.versions || (i >= limits.atLeast && sizeBytes > limits.sizeBytes)
  })
  const kept = latest.filter((version, i) => tooMuch === -1 || i < tooMuch || heads.includes(version.id))
  const { id, generation } = latest[tooMuch] ?? {}
  return {
    versions: new Map(kept.map((version) => [version.id, version])),
    heads,
    awaited: [],
    horizon: id === undefined ? undefined : { id, generation: generation! },
  }
}
