import { expect, test } from 'vitest'
import { characters, items, json, keyed, lines, merge3, resolve, words, type By } from '../../src/diff/index.ts'

const merge = (base: unknown, mine: unknown, theirs: unknown, by: By<any>) => merge3({ base, mine, theirs, by })
const clean = (value: unknown) => ({ clean: true, value })

test('[D3-3] changes that touch each other conflict, and one unchanged item between them is enough', () => {
  expect(merge('a\nb\nc\n', 'A\nb\nc\n', 'a\nb\nC\n', lines)).toEqual(clean('A\nb\nC\n'))
  expect(merge('a\nb\n', 'A\nb\n', 'a\nB\n', lines)).toMatchObject({ clean: false, conflicts: [{ at: 0 }] })
  expect(merge([1, 2], [1, 3, 2], [1, 4, 2], items)).toEqual({
    clean: false,
    value: [1, 2],
    conflicts: [{ kind: 'span', path: [], at: 1, base: [], mine: [3], theirs: [4] }],
  })
  expect(merge('one two', '1 two', 'one 2', words)).toEqual(clean('1 2'))
  expect(merge('abc', 'aXbc', 'abYc', characters)).toEqual(clean('aXbYc'))
})

test('[D3-3] the same change on both sides is no conflict, also where one side did more around it', () => {
  expect(merge('a\nb\nc\nd\ne\n', 'a\nX\nc\nd\nE\n', 'a\nX\nc\nd\ne\n', lines)).toEqual(clean('a\nX\nc\nd\nE\n'))
  expect(merge([1, 2, 3], [1, 3], [1, 3, 4], items)).toEqual(clean([1, 3, 4]))
})

test('[D3-7] trees merge field by field; a change and a removal, two additions, two types disagree', () => {
  const base = { a: 1, b: { c: 1, d: 1 }, e: 1, f: [1] }
  expect(merge(base, { ...base, a: 2 }, { ...base, b: { c: 1, d: 2 }, e: 3 }, json())).toEqual(
    clean({ ...base, a: 2, b: { c: 1, d: 2 }, e: 3 }),
  )
  const { a: _, ...withoutA } = base
  expect(merge(base, withoutA, { ...base, e: 2 }, json())).toEqual(clean({ ...withoutA, e: 2 }))
  expect(merge(base, withoutA, { ...base, a: 2 }, json())).toEqual({
    clean: false,
    value: base,
    conflicts: [{ kind: 'value', path: ['a'], base: 1, theirs: 2 }],
  })
  const { b: __, ...withoutB } = base
  expect(merge(base, withoutB, { ...base, b: { c: 2, d: 1 } }, json())).toMatchObject({
    conflicts: [{ kind: 'value', path: ['b'], base: { c: 1, d: 1 }, theirs: { c: 2, d: 1 } }],
  })
  expect(merge(base, { ...base, x: 1 }, { ...base, x: 2 }, json())).toEqual({
    clean: false,
    value: base,
    conflicts: [{ kind: 'value', path: ['x'], mine: 1, theirs: 2 }],
  })
  expect(merge(base, { ...base, f: { g: 1 } }, { ...base, f: [1, 2] }, json())).toMatchObject({
    conflicts: [{ kind: 'value', path: ['f'], base: [1], mine: { g: 1 }, theirs: [1, 2] }],
  })
  // null is a value, and absent is another thing.
  expect(merge({ a: 1 }, { a: null }, {}, json())).toMatchObject({ conflicts: [{ base: 1, mine: null }] })
})

test('[D3-7] objects that both added merge into one, and differ only where they differ', () => {
  expect(merge({}, { a: { x: 1, y: 1 } }, { a: { y: 1, z: 1 } }, json())).toEqual(clean({ a: { x: 1, y: 1, z: 1 } }))
  expect(merge({}, { a: { x: 1 } }, { a: { x: 2, y: 1 } }, json())).toEqual({
    clean: false,
    value: { a: { y: 1 } },
    conflicts: [{ kind: 'value', path: ['a', 'x'], mine: 1, theirs: 2 }],
  })
  // Texts and arrays that both added have nothing that they come from.
  expect(merge({}, { t: 'a b' }, { t: 'a c' }, json({ t: words }))).toMatchObject({
    value: {},
    conflicts: [{ kind: 'value' }],
  })
})

test('[D3-7] what was added comes after the fields of the base, whoever added it', () => {
  const merged = merge({ z: 1, b: 1 }, { b: 1, z: 1, y: 1 }, { z: 1, b: 1, x: 1 }, json())
  expect(Object.keys(merged.value as object)).toEqual(['z', 'b', 'x', 'y'])
})

test('[D3-8] names that mean something to JavaScript are fields like others', () => {
  const of = (text: string): unknown => JSON.parse(text)
  const merged = merge(
    of('{"__proto__": {"a": 1}, "constructor": 1}'),
    of('{"__proto__": {"a": 2}, "constructor": 1, "prototype": {}}'),
    of('{"__proto__": {"a": 1, "b": 1}, "constructor": 2, "toString": 1}'),
    json(),
  )
  expect(merged.clean).toBe(true)
  expect(JSON.stringify(merged.value)).toBe('{"__proto__":{"a":2,"b":1},"constructor":2,"prototype":{},"toString":1}')
  const disputed = merge(of('{}'), of('{"__proto__": 1}'), of('{"__proto__": 2}'), json())
  expect(disputed).toEqual({
    clean: false,
    value: {},
    conflicts: [{ kind: 'value', path: ['__proto__'], mine: 1, theirs: 2 }],
  })
  expect(JSON.stringify(resolve(disputed, () => 'mine'))).toBe('{"__proto__":1}')
  expect(merge([{ __id: 1 }], [], [], keyed('__id'))).toEqual(clean([]))
  const item = (value: number): unknown => of(`[{"__proto__": "k", "v": ${value}}]`)
  expect(merge(item(1), item(2), item(3), keyed('__proto__'))).toMatchObject({
    conflicts: [{ path: [{ ['__proto__']: 'k' }, 'v'], mine: 2, theirs: 3 }],
  })
  expect(({} as { a?: number }).a).toBeUndefined()
})

const item = (id: string, n = 1) => ({ id, n })
const all = (ids: string) => ids.split('').map((id) => item(id))

test('[D3-9] items of keyed arrays are moved by one and changed by the other', () => {
  expect(merge(all('abcd'), all('dabc'), [item('a'), item('b'), item('c'), item('d', 2)], keyed('id'))).toEqual(
    clean([item('d', 2), item('a'), item('b'), item('c')]),
  )
  expect(merge(all('abcd'), all('bcda'), all('abdc'), keyed('id'))).toEqual(clean(all('bdca')))
  // Gone, also for who moved it.
  expect(merge(all('abc'), all('ab'), all('cab'), keyed('id'))).toEqual(clean(all('ab')))
})

test('[D3-9] items that both put at one spot stand in runs, that with the lesser first key before the other', () => {
  expect(merge(all('ab'), all('axzb'), all('aywb'), keyed('id'))).toEqual(clean(all('axzywb')))
  expect(merge(all('ab'), all('axyb'), all('ayzb'), keyed('id'))).toEqual(clean(all('axyzb')))
})

test('[D3-9] one removed and the other changed it: a conflict, and the item stands where the other has it', () => {
  expect(merge(all('abc'), all('bc'), [item('b'), item('c'), item('a', 2)], keyed('id'))).toEqual({
    clean: false,
    value: all('bca'),
    conflicts: [{ kind: 'value', path: [{ id: 'a' }], base: item('a'), theirs: item('a', 2) }],
  })
})

test('[D3-9] moved by both, to different places: a conflict about the place', () => {
  const merged = merge(all('abcde'), all('bcade'), all('bcdea'), keyed('id'))
  expect(merged).toEqual({
    clean: false,
    value: all('bcade'),
    conflicts: [{ kind: 'place', path: [{ id: 'a' }], base: null, mine: 'c', theirs: 'e' }],
  })
  expect(resolve(merged, () => 'theirs')).toEqual(all('bcdea'))
  expect(resolve(merged, () => 'mine')).toEqual(all('bcade'))
  expect(resolve(merged, () => 'base')).toEqual(all('abcde'))
  expect(resolve(merged, () => ({ is: 'd' }))).toEqual(all('bcdae'))
})

test('[D3-10] a nested conflict is resolved where it is, and the others stay where they are', () => {
  const by = json({ text: lines, tasks: keyed('id', json({ title: words })) })
  const base = {
    text: 'a\nb\nc\n',
    tasks: [
      { id: 1, title: 'to sow' },
      { id: 2, title: 'to reap' },
    ],
    n: 1,
  }
  const mine = {
    text: 'A\nb\nC\n',
    tasks: [
      { id: 1, title: 'to plough' },
      { id: 2, title: 'to reap' },
    ],
    n: 2,
  }
  const theirs = { text: '1\nb\n3\n', tasks: [{ id: 1, title: 'to dig' }], n: 3 }
  const merged = merge3({ base, mine, theirs, by })
  expect(merged).toEqual({
    clean: false,
    value: { text: 'a\nb\nc\n', tasks: [{ id: 1, title: 'to sow' }], n: 1 },
    conflicts: [
      { kind: 'span', path: ['text'], at: 0, base: 'a\n', mine: 'A\n', theirs: '1\n' },
      { kind: 'span', path: ['text'], at: 4, base: 'c\n', mine: 'C\n', theirs: '3\n' },
      { kind: 'span', path: ['tasks', { id: 1 }, 'title'], at: 3, base: 'sow', mine: 'plough', theirs: 'dig' },
      { kind: 'value', path: ['n'], base: 1, mine: 2, theirs: 3 },
    ],
  })
  // Conflicts are plain data: they may have been stored meanwhile.
  const stored = JSON.parse(JSON.stringify(merged)) as typeof merged
  expect(
    resolve(stored, (_, i) => (i === 0 ? { is: 'longer\nthan\nbefore\n' } : i === 3 ? { is: undefined } : 'mine')),
  ).toEqual({
    text: 'longer\nthan\nbefore\nb\nC\n',
    tasks: [{ id: 1, title: 'to plough' }],
  })
})

test('[D3-10] a conflict about another value than this is refused', () => {
  const merged = merge('a\nb\n', 'A\nb\n', '1\nb\n', lines)
  expect(() => resolve({ ...merged, value: 'something else' }, () => 'mine')).toThrow(
    expect.objectContaining({ code: 'invalid-value' }),
  )
  const tree = merge({ a: { b: 1 } }, { a: { b: 2 } }, { a: { b: 3 } }, json())
  expect(() => resolve({ ...tree, value: { a: 1 } }, () => 'mine')).toThrow('A conflict is about "b"')
  const keyedConflict = merge([item('a')], [item('a', 2)], [item('a', 3)], keyed('id'))
  expect(() => resolve({ ...keyedConflict, value: [] }, () => 'mine')).toThrow('A conflict is about {"id":"a"}')
})

test('[D3-6] the whole is refused that does not fit, as diff refuses it', () => {
  expect(() => merge('a', 'b', 3, lines)).toThrow('Theirs is a number and no text')
  expect(() => merge([item('a')], [item('a'), item('a')], [], keyed('id'))).toThrow(
    expect.objectContaining({ code: 'duplicate-key' }),
  )
})

test('[D3-11] 200,000 lines merge', () => {
  const base = Array.from({ length: 200_000 }, (_, i) => (i % 4 === 3 ? '' : `line ${i % 5000}`))
  const mine = base.with(10, 'mine').toSpliced(100_000, 50, 'shorter')
  const theirs = base.with(199_999, 'theirs').toSpliced(150_000, 0, ...base.slice(0, 1000))
  const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('')
  const both = base
    .with(10, 'mine')
    .with(199_999, 'theirs')
    .toSpliced(150_000, 0, ...base.slice(0, 1000))
    .toSpliced(100_000, 50, 'shorter')
  expect(merge(text(base), text(mine), text(theirs), lines)).toEqual(clean(text(both)))
})

test('[D3-11] 150,000 items are added to an array, and put in place of others', () => {
  const rows = (count: number): { id: number }[] => Array.from({ length: count }, (_, id) => ({ id }))
  const added = merge(rows(1), rows(150_000), rows(1), keyed('id')).value as { id: number }[]
  // An assertion on so many objects would take longer than everything else.
  expect(added.length === 150_000 && added.every(({ id }, i) => id === i)).toBe(true)
  const numbers = Array.from({ length: 150_000 }, (_, i) => i + 2)
  const settled = resolve(merge([0], numbers, [1], items), () => 'mine') as number[]
  expect(settled.length === 150_000 && settled.every((number, i) => number === i + 2)).toBe(true)
})
