import { expect, test } from 'vitest'
import {
  cellKey,
  checkMemberId,
  checkName,
  compareStamps,
  createMemory,
  listKey,
  makeRef,
  membersKey,
} from '../src/index.ts'
import { cardsNamed, register, tally } from './policies.ts'
import { thrownBy } from './replica.ts'

test('[RF1] the tag and the address are the identity of a ref', () => {
  expect(register('a', 1).key).toBe(register('a', 2).key)
  expect(register('a', 1).key).not.toBe(tally('a').key)
  expect(register('a', 1).key).not.toBe(register('b', 1).key)
  expect(cardsNamed('cards').at('x').key).toBe(cellKey('card', 'cards/x'))
})

test('[RF1] no two of refs, collections and lists have one key, whatever members and parents are called', () => {
  const ids = ['a', 'a/b', 'a b', '@a', '__proto__', 'members', '"', 'cards', 'cards/a']
  const collections = ['card', 'cards', 'members'].map((name) => cardsNamed(name))
  const keys = collections.flatMap((collection) => [
    register(collection.name, 0).key,
    collection.key,
    ...ids.map((id) => collection.at(id).key),
    ...ids.flatMap((parent) => ['at', 'in', 'at x'].map((field) => collection.list(parent, field).key)),
    collection.list('').key,
  ])
  expect(new Set(keys).size).toBe(keys.length)
  expect(keys.length).toBe(3 * (2 + ids.length * 4 + 1))
  expect(listKey('t', 'c', 'f "x', 'p')).not.toBe(listKey('t', 'c', 'f', '"x p'))
  expect(membersKey('t', 'c')).not.toBe(cellKey('t', 'c'))
})

test('[RF2] names and ids that cannot be addresses are refused', () => {
  for (const name of ['a', 'A_1', 'a.b:c-d', '_', 'x'.repeat(128)]) expect(checkName(name)).toBe(name)
  for (const name of ['', 'a b', 'a/b', '-a', 'a-', '.', 'ä', 'x'.repeat(129), 'a\n', 7 as unknown as string]) {
    expect(thrownBy(() => checkName(name)).code).toBe('invalid-address')
  }
  for (const id of ['a', 'a b', 'a/b', 'ä', '😀', '__proto__', '@x', 'x'.repeat(512)])
    expect(checkMemberId(id)).toBe(id)
  for (const id of ['', 'a\u0000', '\n', '\u007f', '\ud800', 'x'.repeat(513), 7 as unknown as string]) {
    expect(thrownBy(() => checkMemberId(id)).message).toContain('cannot be the id of a member')
  }
})

test('[RF3] the first policy under a tag is the one that is used', () => {
  const memory = createMemory()
  const { policy } = register('a', 0)
  const other = { ...policy }
  expect(memory.policy('register')).toBeUndefined()
  expect(memory.adopt(policy)).toBe(policy)
  expect(memory.adopt(other)).toBe(policy)
  expect(memory.policy('register')).toBe(policy)
})

test('[RF3] a tag that would be mistaken for another cell is refused', () => {
  const memory = createMemory()
  for (const tag of ['', 'members', 'list-of', 'a b', 'a/b', 'x'.repeat(33)]) {
    const { policy } = register('a', 0)
    const error = thrownBy(() => memory.snapshot.get(makeRef({ ...policy, tag }, 'a', 0)))
    expect(error.code).toBe('invalid-address')
  }
})

test('[RF4] stamps are ordered by time, then by writer', () => {
  const stamps = [
    { at: 1, writer: 'b' },
    { at: 2, writer: 'a' },
    { at: 2, writer: 'b' },
  ]
  expect(stamps.toReversed().sort(compareStamps)).toEqual(stamps)
  expect(compareStamps(stamps[0]!, { ...stamps[0]! })).toBe(0)
})
