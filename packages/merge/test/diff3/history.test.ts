import type { Value } from '@syncline/stm'
import { expect, test } from 'vitest'
import { json, keyed, lines, type By } from '../../src/diff/index.ts'
import { emptyHistory, makeVersion, withVersion, type History, type Version } from '../../src/diff3/history.ts'
import { readHistory, type Reading } from '../../src/diff3/read.ts'
import { settlingVersion, versionsAfter } from '../../src/diff3/write.ts'
import { idOf } from './crowd.ts'

const initial = 'a\nb\nc\nd\ne\n'

const sidesOf = ({ sides }: Reading): readonly string[] => sides.map(({ value }) => String(value)).sort()

/** Somebody with a history of their own. */
function person(by: By<any> = lines, start: Value = initial, keep = 64) {
  let history: History = emptyHistory
  const add = (versions: readonly Version[]): void => {
    for (const version of versions) history = withVersion(history, version, keep)
  }
  const read = (): Reading => readHistory(history, start, by)
  return {
    read,
    shows: () => read().value,
    history: () => history,
    write: (to: Value): readonly Version[] => {
      const versions = versionsAfter(history, read(), to, { initial: start, by, idOf })
      add(versions)
      return versions
    },
    settle: (to: Value): Version => {
      const version = settlingVersion(read(), to, idOf)
      add([version])
      return version
    },
    receive: (...versions: readonly (Version | readonly Version[])[]) => add(versions.flat()),
  }
}

test('[D3-14] the same edit of the same versions is one version, whoever made it', () => {
  const [ada, bob] = [person(), person()]
  const first = ada.write('A\nb\nc\nd\ne\n')
  expect(bob.write('A\nb\nc\nd\ne\n')).toEqual(first)
  bob.receive(first)
  expect(bob.history()).toEqual(ada.history())
  // Nobody stores that two versions merge.
  const second = person()
  second.receive(first, makeVersion('a\nb\nc\nd\nE\n', [], idOf))
  expect(second.shows()).toBe('A\nb\nc\nd\nE\n')
  expect(second.history().versions.size).toBe(2)
})

test('[D3-16] what both wrote at the same time merges, and what is written then has seen both', () => {
  const [ada, bob] = [person(), person()]
  const [one, other] = [ada.write('A\nb\nc\nd\ne\n'), bob.write('a\nb\nc\nd\nE\n')]
  ada.receive(other)
  bob.receive(one)
  expect([ada.shows(), bob.shows()]).toEqual(['A\nb\nc\nd\nE\n', 'A\nb\nc\nd\nE\n'])
  const [merged] = ada.write('A\nb\nC\nd\nE\n')
  expect(merged!.parents).toEqual([one[0]!.id, other[0]!.id].sort())
  expect(ada.history().heads).toEqual([merged!.id])
})

test('[D3-16] merges crosswise have a base that was read from several', () => {
  const [ada, bob] = [person(), person()]
  const [one, other] = [ada.write('A\nb\nc\nd\ne\n'), bob.write('a\nb\nc\nd\nE\n')]
  ada.receive(other)
  bob.receive(one)
  // Each merges for itself, and takes back what the other did not touch: only with both as base is it seen who changed what.
  const [left, right] = [ada.write('A\nB\nc\nd\nE\n'), bob.write('A\nb\nc\nD\nE\n')]
  ada.receive(right)
  bob.receive(left)
  expect([ada.shows(), bob.shows()]).toEqual(['A\nB\nc\nD\nE\n', 'A\nB\nc\nD\nE\n'])
  const back = ada.write('a\nB\nc\nD\nE\n')
  bob.receive(back)
  expect(bob.shows()).toBe('a\nB\nc\nD\nE\n')
})

test('[D3-16] who disagrees are sides, and what is shown there is what they come from', () => {
  const [ada, bob, cyd] = [person(), person(), person()]
  const versions = [ada.write('a\nb\n1\nd\ne\n'), bob.write('a\nb\n2\nd\ne\n'), cyd.write('A\nb\n1\nd\ne\n')]
  ada.receive(...versions)
  bob.receive(...versions.toReversed())
  const reading = ada.read()
  expect(reading).toEqual(bob.read())
  expect(reading.value).toBe('A\nb\nc\nd\ne\n')
  expect(reading.sides.map(({ value, heads }) => `${String(value)}${heads.length}`).sort()).toEqual([
    'A\nb\n1\nd\ne\n2',
    'a\nb\n2\nd\ne\n1',
  ])
})

test('[D3-18] an edit elsewhere leaves a dispute as it is; an edit there settles it', () => {
  const [ada, bob] = [person(), person()]
  const [one, other] = [ada.write('a\nb\n1\nd\ne\n'), bob.write('a\nb\n2\nd\ne\n')]
  ada.receive(other)
  bob.receive(one)
  const elsewhere = ada.write('A\nb\nc\nd\ne\n')
  expect(elsewhere).toHaveLength(2)
  expect(ada.read()).toMatchObject({ value: 'A\nb\nc\nd\ne\n' })
  expect(sidesOf(ada.read())).toEqual(['A\nb\n1\nd\ne\n', 'A\nb\n2\nd\ne\n'])
  // At the same time the other does the same somewhere else: still two sides.
  bob.receive(elsewhere, bob.write('a\nb\nc\nd\nE\n'))
  expect(sidesOf(bob.read())).toEqual(['A\nb\n1\nd\nE\n', 'A\nb\n2\nd\nE\n'])
  const there = bob.write('A\nb\n3\nd\nE\n')
  expect(there).toHaveLength(1)
  expect(bob.read()).toMatchObject({ value: 'A\nb\n3\nd\nE\n', sides: [{ value: 'A\nb\n3\nd\nE\n' }] })
})

test('[D3-18] whoever decides for what is shown says so', () => {
  const [ada, bob] = [person(), person()]
  ada.write('a\nb\n1\nd\ne\n')
  ada.receive(bob.write('a\nb\n2\nd\ne\n'))
  const decided = ada.settle(initial)
  expect(decided.parents).toHaveLength(2)
  expect(ada.read()).toMatchObject({ value: initial, sides: [{ value: initial }] })
})

test('[D3-19] [D3-20] who comes later than everybody remembers has a copy, until somebody has seen it', () => {
  const keep = 4
  const [ada, late] = [person(lines, initial, keep), person(lines, initial, keep)]
  const start = ada.write('a\n')
  late.receive(start)
  const versions = Array.from({ length: 10 }, (_, i) => ada.write(`a\n${i}\n`)).flat()
  expect(ada.history().versions.size).toBe(keep)
  const copy = late.write('a\nlate\n')
  ada.receive(copy)
  late.receive(...versions)
  for (const who of [ada, late]) {
    expect(who.read()).toMatchObject({ value: 'a\n9\n', sides: [{}], copies: [{ value: 'a\nlate\n' }] })
    expect(who.history()).toEqual(ada.history())
  }
  const after = ada.write('a\n10\n')
  expect(ada.read().copies).toHaveLength(1)
  late.receive(after, late.settle('a\n9\nlate\n'))
  // What was settled has the copy behind it; what was written meanwhile is merged.
  expect(late.read().copies).toEqual([])
  expect(sidesOf(late.read())).toEqual(['a\n10\n', 'a\n9\nlate\n'])
})

test('[D3-20] who comes late, but not too late, is merged with what they had seen', () => {
  const [ada, late] = [person(lines, initial, 8), person(lines, initial, 8)]
  late.receive(ada.write('A\nb\nc\nd\ne\n'))
  for (let i = 0; i < 6; i++) ada.write(`A\nb\nc\nd\n${i}\n`)
  ada.receive(late.write('A\nB\nc\nd\ne\n'))
  expect(ada.read()).toMatchObject({ value: 'A\nB\nc\nd\n5\n', copies: [] })
})

test('[D3-16] a value that does not fit the way it is merged is merged as a whole, and nothing throws', () => {
  const by = keyed('id')
  const [ada, bob] = [person(by, []), person(by, [])]
  const odd = bob.write([{ id: 'x' }, { id: 'x' }])
  ada.write([{ id: 'y' }])
  ada.receive(odd)
  expect(ada.read().sides).toHaveLength(2)
  expect(ada.read().value).toEqual([])
  const names = person(json(), {})
  names.write(JSON.parse('{"__proto__": 1}') as Value)
  names.receive(makeVersion(JSON.parse('{"constructor": 1}') as Value, [], idOf))
  expect(JSON.stringify(names.shows())).toBe('{"__proto__":1,"constructor":1}')
})
