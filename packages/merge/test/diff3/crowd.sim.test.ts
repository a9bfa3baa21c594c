import { expect, test } from 'vitest'
import { emptyHistory, withVersion, type History, type Version } from '../../src/diff3/history.ts'
import { readHistory } from '../../src/diff3/read.ts'
import { KEEP, runCrowd, tokensIn, valuesOf, type Run, type Subject } from './crowd.ts'
import { board, page, sentence } from './subjects.ts'

const RUNS = process.env.SYNCLINE_LONG === '1' ? 4_000 : 200

/** Sides and heads are as many as people disagree at once, however long they do; this is far above what was ever seen. */
const FAR_TOO_MANY = 24

test.each(Object.entries({ page, sentence, board }))(
  '[D3-15] [D3-17] [D3-19] whoever edits a %s, and whenever they meet: all read the same, nothing is lost, nothing grows',
  (_, subject) => {
    const sum = { edits: 0, disputes: 0, copies: 0 }
    for (let seed = 0; seed < RUNS; seed++) {
      const run = runCrowd(subject, seed)
      expect({ seed, ...faultsOf(run, subject) }).toEqual({ seed, diverged: 0, lost: [], tooMany: [] })
      for (const key of ['edits', 'disputes', 'copies'] as const) sum[key] += run[key]
    }
    expect(Math.min(...Object.values(sum))).toBeGreaterThan(RUNS)
  },
)

function faultsOf({ replicas, most, standing, added }: Run, subject: Subject): object {
  const versions = replicas[0]!.received
  // What everybody received, in an order that nobody had, and what that comes to without forgetting bit by bit.
  const inOrder = versions.toSorted((a, b) => a.generation - b.generation || (a.id < b.id ? -1 : 1))
  const histories = [
    ...replicas.map(({ history }) => history),
    inOrder.reduce<History>((history, version) => withVersion(history, version, KEEP), emptyHistory),
    forgottenAtOnce(versions),
  ]
  const readings = histories.map((history) => readHistory(history, subject.initial, subject.by))
  const seen = new Set(readings.map((reading, i) => JSON.stringify([reading, ...idsIn(histories[i]!)])))
  const [{ copies, ...reading }] = readings as [(typeof readings)[number]]
  const there = tokensIn([valuesOf({ copies, ...reading }), copies.map(({ value }) => value)])
  const limits = {
    versions: KEEP + most.heads,
    heads: FAR_TOO_MANY,
    sides: FAR_TOO_MANY,
    length: JSON.stringify(subject.initial).length + added,
  }
  return {
    diverged: seen.size - 1,
    lost: [...standing].filter((token) => !there.has(token)),
    tooMany: Object.keys(limits).filter((key) => most[key as keyof typeof most] > limits[key as keyof typeof most]),
  }
}

/** The slow, obvious way: of all versions there ever were the latest, and those that nobody names as a parent. */
function forgottenAtOnce(versions: readonly Version[]): History {
  const named = new Set(versions.flatMap(({ parents }) => parents))
  const heads = versions.filter(({ id }) => !named.has(id))
  const latest = versions.toSorted((a, b) => b.generation - a.generation || (a.id < b.id ? 1 : -1)).slice(0, KEEP)
  const kept = new Map([...latest, ...heads].map((version) => [version.id, version]))
  return { versions: kept, heads: heads.map(({ id }) => id).sort() }
}

function idsIn({ versions, heads }: History): readonly string[] {
  return [[...versions.keys()].sort().join(), heads.join()]
}
