import type { Value } from '@syncline/stm'
import { expect, test } from 'vitest'
import { lines } from '../../src/diff/index.ts'
import { emptyHistory, LIMITS, withVersions, type History, type Limits } from '../../src/diff3/history.ts'
import { readHistory } from '../../src/diff3/read.ts'
import { FORGOTTEN, makeVersion, versionOf, type Version } from '../../src/diff3/version.ts'
import { canonical } from '../replica.ts'
import { shuffled } from '../history.ts'

function make(value: Value, parents: readonly Version[] = [], seed = 'w1'): Version {
  return makeVersion(value, parents, seed)
}

const picture = (history: History): string => JSON.stringify(canonical(history))
const few: Limits = { versions: 4, atLeast: 4, sizeBytes: 0 }

test('[D3-14] the id of a version is a hash of all it is, and of which transaction made it', () => {
  const content = { generation: 1, parents: [], value: 'a\n', seed: 's' }
  // SHA-256 of `[1,[],"s","a\n"]`, computed elsewhere.
  expect(versionOf(content).id).toBe('ad0cc9426921c8d0beb75efe2a14986d')
  const others = [
    { ...content, value: 'b\n' },
    { ...content, value: undefined },
    { ...content, value: null },
    { ...content, seed: 't' },
    { ...content, generation: 2, parents: [FORGOTTEN] },
  ]
  expect(new Set([content, ...others].map((each) => versionOf(each).id)).size).toBe(6)
  // Every kind of value has a form of its own; the order of keys has none.
  const forms: Value[] = [true, 'true', 1, '1', [1], ['1'], [[]], {}, { a: 1 }, { a: [1] }, Number.NaN, 'NaN', Infinity]
  const bytes: Value[] = [new Uint8Array([1, 255]), 'x01ff', new Uint8Array()]
  expect(new Set([...forms, ...bytes].map((value) => make(value).id)).size).toBe(16)
  expect(make({ b: 1, a: '😀\u2028' }).id).toBe(make({ a: '😀\u2028', b: 1 }).id)
})

test('[D3-15] as long as nothing is forgotten, the order does not matter at all', () => {
  const first = make('1')
  const [left, right] = [make('2', [first]), make('3', [first])]
  const all = [first, left, right, make('4', [left, right]), make('5', [right])]
  const pictures = Array.from({ length: 60 }, (_, salt) => {
    return picture(shuffled(all, salt).reduce((history, version) => withVersions(history, [version]), emptyHistory))
  })
  expect(new Set(pictures).size).toBe(1)
  expect(withVersions(emptyHistory, all)).toMatchObject({ awaited: [], heads: [all[3]!.id, all[4]!.id].sort() })
  // Twice is once.
  const history = withVersions(emptyHistory, all)
  expect(withVersions(history, all)).toBe(history)
})

test('[D3-19] a history keeps the latest versions, fewer of large ones, and all heads', () => {
  let last = make('0')
  const lonely = make('lonely')
  let history = withVersions(emptyHistory, [last, lonely], few)
  const others: Version[] = []
  for (let i = 1; i < 20; i++) {
    last = make(String(i), [last])
    history = withVersions(history, [last], few)
    if (i < 6) others.push(last)
  }
  expect([...history.versions.values()].map(({ value }) => value)).toEqual(['19', '18', '17', '16', 'lonely'])
  expect(history.heads).toEqual([last.id, lonely.id].sort())
  // What comes after it was forgotten whether it has children is a head: nothing is lost by it.
  const late = make('late', [others[2]!])
  expect(withVersions(history, [late], few).heads).toContain(late.id)
  // Of large values as many as fit.
  const sizes = { versions: 8, atLeast: 2, sizeBytes: 3 * make('x').sizeBytes }
  const grown = Array.from({ length: 9 }, (_, i) => i).reduce(
    ({ history, last }, i) => {
      const next = make(String(i), last)
      return { history: withVersions(history, [next], sizes), last: [next] }
    },
    { history: emptyHistory, last: [] as Version[] },
  )
  expect(grown.history.versions.size).toBe(3)
  expect(LIMITS.atLeast).toBeLessThan(LIMITS.versions)
})

test('[D3-19] what is kept of versions of all sizes does not depend on who came first', () => {
  const sizes: Limits = { versions: 5, atLeast: 2, sizeBytes: 120 }
  let compared = 0
  for (let seed = 0; seed < 60; seed++) {
    const values = Array.from({ length: 8 }, (_, i) => make('x'.repeat((seed * 7 + i * 13) % 31), [], `${seed} ${i}`))
    const orders = [values, values.toReversed(), shuffled(values, seed), shuffled(values, seed + 1)]
    const pictures = orders.map((order) =>
      picture(order.reduce((history, version) => withVersions(history, [version], sizes), emptyHistory)),
    )
    expect(new Set(pictures).size).toBe(1)
    if (pictures[0]!.includes('"horizon",[')) compared += 1
  }
  expect(compared).toBeGreaterThan(30)
})

test('[D3-20] a head that has nothing remembered in common with the latest is a copy', () => {
  let last = make('a\n')
  const first = last
  let history = withVersions(emptyHistory, [last], few)
  for (let i = 0; i < 8; i++) {
    last = make(`a\n${i}\n`, [last])
    history = withVersions(history, [last], few)
  }
  const late = make('a\nlate\n', [first])
  const reading = readHistory(withVersions(history, [late], few), 'a\n', lines)
  expect(reading).toMatchObject({ value: 'a\n7\n', copies: [{ value: 'a\nlate\n' }], waiting: [] })
  const stray = makeVersion('a\nstray\n', [{ id: FORGOTTEN, generation: 3 }], 's')
  expect(readHistory(withVersions(history, [stray], few), 'a\n', lines).copies).toHaveLength(1)
})

test('[D3-16] [D3-17] where the versions that two come from disagree, and what these come from is forgotten, nobody is taken to be right', () => {
  const forgotten = make('a\nb\nc\n')
  const [one, other] = [make('a\n1\nc\n', [forgotten]), make('a\n2\nc\n', [forgotten])]
  // Two people have decided it, each otherwise: of what they saw the one kept one text and the other none.
  const [kept, neither] = [make('a\n1\nc\n', [one, other], 's1'), make('a\nb\nc\n', [one, other], 's2')]
  const sizes: Limits = { versions: 4, atLeast: 4, sizeBytes: 0 }
  const history = withVersions(emptyHistory, [forgotten, one, other, kept, neither], sizes)
  expect(history.versions.has(forgotten.id)).toBe(false)
  const { sides, conflicts } = readHistory(history, '', lines)
  expect(sides.map(({ value }) => value)).toEqual(['a\n1\nc\n', 'a\nb\nc\n'])
  expect(conflicts).toHaveLength(1)
})
