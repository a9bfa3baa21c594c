import { StmError, type Change, type Value } from '@syncline/stm'
import { expect, test, vi } from 'vitest'
import { collection, field, json, optional, record, type Field, type RecordValue } from '../src/index.ts'
import { canonicalText } from './canonical.ts'
import { createReplica, type Replica } from './replica.ts'
import { createUndoing } from './undoing.ts'

interface Prefs {
  readonly font: { readonly size: number; readonly family: string }
  readonly tabs: readonly string[]
  readonly marks: { readonly [key: string]: Value }
}
const start: Prefs = { font: { size: 12, family: 'serif' }, tabs: ['a'], marks: {} }
const prefs = record('prefs', { editor: json<Prefs>(start), name: '' })
const docs = collection('docs', {
  title: '',
  body: json<Value>(null),
  more: json<{ [key: string]: Value }>({ kept: 1 }),
})
const doc = docs.at('d')

const replicas = (...names: string[]): Replica[] => names.map((name) => createReplica(name, [prefs.policy]))
const swap = (a: Replica, b: Replica, ...changes: (Change | undefined)[]): void => {
  for (const change of changes) {
    for (const replica of [a, b]) if (change !== undefined) replica.receive(change)
  }
}

test('[NJ1] two who write different keys of one field both keep theirs, at any depth', () => {
  const [a, b] = replicas('a', 'b') as [Replica, Replica]
  swap(
    a,
    b,
    a.transact((tx) => tx.patch(prefs, { editor: { ...start, marks: { x: { y: { z: 1 } } } } })),
  )
  const mine = a.transact((tx) =>
    tx.update(prefs, (now) => ({
      ...now,
      editor: { ...now.editor, font: { ...now.editor.font, size: 14 }, marks: { x: { y: { z: 2 } } } },
    })),
  )
  const theirs = b.transact((tx) =>
    tx.update(prefs, (now) => ({
      ...now,
      editor: { ...now.editor, font: { ...now.editor.font, family: 'mono' }, marks: { x: { y: { z: 1, w: 3 } } } },
    })),
  )
  swap(a, b, mine, theirs)
  const both = { font: { size: 14, family: 'mono' }, tabs: ['a'], marks: { x: { y: { z: 2, w: 3 } } } }
  for (const { memory } of [a, b]) expect(memory.snapshot.get(prefs).editor).toEqual(both)
})

test('[NJ1] arrays, and what is no object, are whole; what is written below a thing makes it an object', () => {
  const [a, b] = replicas('a', 'b') as [Replica, Replica]
  swap(
    a,
    b,
    a.transact((tx) => tx.create(doc, { body: { list: [1, 2], x: 'text' } })),
  )
  const later = [
    a.transact((tx) => tx.patch(doc, { body: { list: [1, 2, 3], x: 'other' } })),
    b.transact((tx) => tx.patch(doc, { body: { list: [0, 1, 2], x: { deep: 1 } } })),
  ]
  swap(a, b, ...later)
  // Both at the same time, so the greater writer wins.
  for (const { memory } of [a, b]) expect(memory.snapshot.get(doc)?.body).toEqual({ list: [0, 1, 2], x: { deep: 1 } })
  const gone = b.transact((tx) => tx.patch(doc, { body: { list: [0, 1, 2], x: {} } }))
  expect(gone?.ops[0]?.payload).toEqual([2, 1, 5, 'body', ['x', 'deep']])
  const whole = a.transact((tx) => tx.patch(doc, { body: { list: [0, 1, 2], x: 'whole' } }))
  swap(a, b, gone, whole)
  // The removal is later by its writer: it makes an object of what had become a text meanwhile.
  for (const { memory } of [a, b]) expect(memory.snapshot.get(doc)?.body).toEqual({ list: [0, 1, 2], x: {} })
})

test('[NJ2] only the paths that differ are written, one for each; an equal value writes nothing', () => {
  const [a] = replicas('a') as [Replica]
  const edit = (change: (now: Prefs) => Prefs) =>
    a.transact((tx) => tx.update(prefs, (now) => ({ ...now, editor: change(now.editor) })))?.ops[0]?.payload
  expect(edit((now) => ({ ...now, font: { ...now.font } }))).toBe(undefined)
  expect(edit((now) => ({ ...now, font: { size: 13, family: 'mono' } }))).toEqual([
    2,
    0,
    4,
    'editor',
    [13, 'font', 'size'],
    4,
    'editor',
    ['mono', 'font', 'family'],
  ])
  expect(edit((now) => ({ ...now, tabs: ['a', 'b'], marks: { k: { l: 1 } } }))).toEqual([
    2,
    0,
    4,
    'editor',
    [['a', 'b'], 'tabs'],
    4,
    'editor',
    [{ l: 1 }, 'marks', 'k'],
  ])
  expect(edit((now) => ({ ...now, marks: {} }))).toEqual([2, 0, 5, 'editor', ['marks', 'k']])
  // There and back again in one transaction.
  const nothing = a.transact((tx) => {
    const before = tx.get(prefs)
    tx.patch(prefs, { editor: { ...before.editor, tabs: [] } })
    expect(tx.get(prefs).editor.tabs).toEqual([])
    tx.set(prefs, before)
  })
  expect(nothing).toBe(undefined)
})

test('[NJ2] a member that is created with nested data merges with one that was created at the same time', () => {
  const [a, b] = replicas('a', 'b') as [Replica, Replica]
  const made = [
    a.transact((tx) => tx.create(doc, { more: { kept: 1, a: 1 } })),
    b.transact((tx) => tx.create(doc, { more: { b: 2 }, title: 'B' })),
  ]
  expect(made.map((change) => change?.ops[0]?.payload)).toEqual([
    [1, 1, 4, 'more', [1, 'a']],
    [1, 1, 0, 'title', 'B', 4, 'more', [2, 'b'], 5, 'more', ['kept']],
  ])
  swap(a, b, ...made)
  for (const { memory } of [a, b]) {
    expect(memory.snapshot.get(doc)).toEqual({ title: 'B', body: null, more: { a: 1, b: 2 } })
  }
})

test('[NJ2] [MG2] merge writes the paths that somebody changed in what they had, to what is there now', () => {
  const [a] = replicas('a') as [Replica]
  const read = (): Value => a.memory.snapshot.get(doc)!.body
  a.transact((tx) => tx.create(doc, { body: { a: { x: 1, y: 1 }, b: { c: 1 }, tags: ['t'] } }))
  const base = a.memory.snapshot.get(doc)!
  a.transact((tx) => tx.patch(doc, { body: { a: { x: 2, y: 1, ['__proto__']: 5 }, tags: ['t', 'theirs'] } }))
  const body = { a: { x: 1, y: 3 }, b: {}, tags: ['t'] }
  const change = a.transact((tx) => {
    tx.merge(doc, base, { ...base, body })
    expect(tx.get(doc)?.body).toEqual({ a: { x: 2, y: 3, ['__proto__']: 5 }, tags: ['t', 'theirs'] })
  })
  expect(change?.ops[0]?.payload).toEqual([2, 1, 4, 'body', [3, 'a', 'y']])
  expect(canonicalText(read())).toBe('{"a":{"__proto__":5,"x":2,"y":3},"tags":["t","theirs"]}')
  expect(a.transact((tx) => tx.merge(doc, base, base))).toBe(undefined)
  a.transact((tx) => tx.merge(doc, { body: { k: 1 } }, { body: { k: { l: 1 }, m: null } }))
  expect(read()).toMatchObject({ a: { x: 2, y: 3 }, k: { l: 1 }, m: null })
  a.transact((tx) => tx.merge(doc, { body: { k: 1 } }, { body: 'whole' }))
  expect(read()).toBe('whole')
})

test('[NJ3] what is read is frozen, the same each time, and keeps what no write was about', () => {
  const [a] = replicas('a') as [Replica]
  const read = (): Prefs => a.memory.snapshot.get(prefs).editor
  a.transact((tx) => tx.patch(prefs, { editor: { ...start, marks: { x: { a: { b: 1 } }, y: { c: 2 } } } }))
  const first = read()
  expect(read()).toBe(first)
  expect([first, first.font, first.marks, first.marks.x].every((part) => Object.isFrozen(part))).toBe(true)
  a.transact((tx) => tx.patch(prefs, { editor: { ...first, marks: { ...first.marks, x: { a: { b: 1, d: 4 } } } } }))
  const second = read()
  expect(second).not.toBe(first)
  expect([second.font, second.tabs, second.marks.y]).toEqual([first.font, first.tabs, first.marks.y])
  expect(second.font).toBe(first.font)
  expect(second.tabs).toBe(first.tabs)
  expect(second.marks.y).toBe(first.marks.y)
  expect(second.marks.x).not.toBe(first.marks.x)
  a.transact((tx) => tx.patch(prefs, { name: 'other' }))
  expect(read()).toBe(second)
})

test('[NJ4] what merges key by key and what is a whole is one field: who declares it otherwise reads and writes it too', () => {
  const old = collection('docs', { more: field<Value>(null), body: optional<Value>() })
  const [a, b] = replicas('a', 'b') as [Replica, Replica]
  swap(
    a,
    b,
    a.transact((tx) => tx.create(old.at('d'), { more: { a: { b: 1 } } })),
  )
  swap(
    a,
    b,
    a.transact((tx) => tx.update(doc, (now) => ({ ...now, more: { ...now.more, c: 2 }, body: { x: 1 } }))),
  )
  expect(b.memory.snapshot.get(old.at('d'))).toEqual({ more: { a: { b: 1 }, c: 2 }, body: { x: 1 } })
  const whole = b.transact((tx) => tx.patch(old.at('d'), { more: ['all'] }))
  expect(whole?.ops[0]?.payload).toEqual([2, 1, 0, 'more', ['all']])
  swap(a, b, whole)
  expect(a.memory.snapshot.get(doc)?.more).toEqual(['all'])
  swap(
    a,
    b,
    b.transact((tx) => tx.patch(old.at('d'), { body: undefined })),
  )
  expect(a.memory.snapshot.get(doc)).toEqual({ title: '', body: null, more: ['all'] })
})

test('[NJ6] more levels than a value may have are refused, and nothing of others makes more', () => {
  const [a] = replicas('a') as [Replica]
  const deep = (levels: number): Value => (levels === 0 ? 1 : { a: deep(levels - 1) })
  a.transact((tx) => tx.create(doc, { body: deep(64) }))
  const refused = (): unknown => a.transact((tx) => tx.patch(doc, { body: deep(65) }))
  expect(refused).toThrow(StmError)
  expect(refused).toThrow('The field "body" of "docs/d"')
  expect(refused).toThrow('nested more than 64 levels deep')
  const { policy } = doc
  const path = (length: number): string[] => Array.from({ length }, () => 'a')
  const at = (entry: Value[]): unknown => policy.apply(undefined, [1, 1, ...entry], { at: 1, writer: 'w' })
  expect(at([4, 'body', [deep(5), ...path(60)]])).toBeDefined()
  expect(at([4, 'body', [deep(5), ...path(61)]])).toBeUndefined()
  expect(at([5, 'body', path(65)])).toBeDefined()
  expect(at([5, 'body', path(66)])).toBeUndefined()
})

test('[NJ7] undo takes back path by path: what others wrote beside stays, and what they wrote there too, which is named', () => {
  const me = createUndoing(createReplica('me', [prefs.policy]))
  const other = createReplica('other', [prefs.policy])
  const both = (change: Change | undefined): void => swap(me.replica, other, change)
  both(me.transact((tx) => tx.create(doc, { body: { a: { x: 1, y: 1 }, b: 1 } })))
  both(me.transact((tx) => tx.patch(doc, { body: { a: { x: 2, y: 2 }, b: 2 } })))
  both(other.transact((tx) => tx.patch(doc, { body: { a: { x: 3, y: 2, z: 3 }, b: 2 } })))
  const taken = me.undo()!
  expect(taken.superseded.map(({ part }) => part)).toEqual(['body'])
  both(taken.change)
  expect(other.memory.snapshot.get(doc)?.body).toEqual({ a: { x: 3, y: 1, z: 3 }, b: 1 })
  both(me.redo()!.change)
  expect(other.memory.snapshot.get(doc)?.body).toEqual({ a: { x: 3, y: 2, z: 3 }, b: 2 })
})

test('[NJ7] what others wrote into a part after it was replaced stays when that is taken back, over what there was before', () => {
  const me = createUndoing(createReplica('me', [prefs.policy]))
  const other = createReplica('other', [prefs.policy])
  const both = (change: Change | undefined): void => swap(me.replica, other, change)
  both(me.transact((tx) => tx.create(doc, { body: { a: { x: 1, y: { z: 1 } }, b: 1 } })))
  both(me.transact((tx) => tx.patch(doc, { body: { a: 'text', b: 1 } })))
  both(other.transact((tx) => tx.patch(doc, { body: { a: { theirs: { deep: 1 } }, b: 1 } })))
  both(other.transact((tx) => tx.patch(doc, { body: { a: { theirs: { deep: 2 } }, b: 1 } })))
  const mine = me.replica.memory.snapshot.get(doc)
  // All of it was written by others since: nothing of mine stands there.
  expect(me.undo()).toMatchObject({ change: undefined, superseded: [{ part: 'body' }] })
  expect(me.replica.memory.snapshot.get(doc)).toBe(mine)

  both(me.transact((tx) => tx.patch(doc, { body: { a: { new: 1 }, b: 1 } })))
  both(me.transact((tx) => tx.patch(doc, { body: { a: 5, b: 1 } })))
  both(me.transact((tx) => tx.patch(doc, { body: { a: { mine: 1 }, b: 1 } })))
  both(
    other.transact((tx) =>
      tx.update(doc, (now) => ({ ...now, body: { a: { mine: 1, late: { by: 'other' } }, b: 1 } })),
    ),
  )
  const taken = me.undo()!
  both(taken.change)
  expect(taken.superseded.map(({ part }) => part)).toEqual(['body'])
  for (const { memory } of [me.replica, other]) {
    // The whole that was there before is no object, and what is written below makes it one.
    expect(memory.snapshot.get(doc)?.body).toEqual({ a: { late: { by: 'other' } }, b: 1 })
  }
})

test('[NJ1] [ME7] a stamp that a faulty writer uses twice, for a whole and for a part of it, gives the same in either order', () => {
  const { policy } = doc
  const stamp = { at: 5, writer: 'w' }
  const payloads: Value[] = [
    [1, 1, 0, 'body', { a: { b: 1 }, c: 1 }],
    [2, 1, 4, 'body', [2, 'a', 'b']],
    [2, 1, 4, 'body', [{ d: 3 }, 'a']],
    [2, 1, 5, 'body', ['c']],
    [2, 1, 4, 'body', [7, 'c']],
  ]
  const orders = payloads.flatMap((_, i) => {
    const turned = [...payloads.slice(i), ...payloads.slice(0, i)]
    return [turned, turned.toReversed()]
  })
  const texts = orders.map((order) => {
    const state = order.reduce<unknown>((before, payload) => policy.apply(before, payload, stamp), undefined)
    return canonicalText((policy.read(state, doc) as { body: Value }).body)
  })
  expect(new Set(texts)).toEqual(new Set(['{"a":{"b":2,"d":3},"c":7}']))
})

test('[NJ7] a key that was written over what a field starts with reads that again; what was replaced as a whole comes back with its parts', () => {
  const me = createUndoing(createReplica('me', [prefs.policy]))
  const read = (): Prefs => me.replica.memory.snapshot.get(prefs).editor
  const edit = (change: (now: Prefs) => unknown): void => {
    me.transact((tx) => tx.update(prefs, (now) => ({ ...now, editor: change(now.editor) as Prefs })))
  }
  edit((now) => ({ ...now, font: { ...now.font, size: 20 } }))
  edit(({ tabs, marks }) => ({ tabs, marks }))
  edit((now) => ({ ...now, font: 'none' }))
  const seen = [read()]
  for (let i = 0; i < 3; i++) {
    me.undo()
    seen.push(read())
  }
  expect(seen.map(({ font }) => font)).toEqual(['none', undefined, { size: 20, family: 'serif' }, start.font])
  expect(read()).toEqual(start)
  for (let i = 0; i < 3; i++) me.redo()
  expect(read()).toEqual(seen[0])
})

test('[NJ8] any string is a key, at every depth, and none touches a prototype', () => {
  const names = ['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString', '']
  const fields: Record<string, Field<Value, 'data'>> = Object.fromEntries(names.map((name) => [name, json<Value>({})]))
  const wild = collection('wild', fields)
  const me = createUndoing(createReplica('me', [wild.policy]))
  const other = createReplica('other', [wild.policy])
  const tell = (change: Change | undefined): void => {
    if (change !== undefined) other.receive(change)
  }
  const nest = (value: Value, depth: number): Value =>
    depth === 0 ? value : Object.fromEntries(names.map((name) => [name, nest(value, depth - 1)]))
  const all = nest(1, 3) as RecordValue<typeof fields>
  tell(me.transact((tx) => tx.create(wild.at('x'), {})))
  const empty = canonicalText(me.replica.memory.snapshot.get(wild.at('x')) as Value)
  tell(me.transact((tx) => tx.set(wild.at('x'), all)))
  const full = canonicalText(all as Value)
  // Removes one, changes one, adds one, all below keys of such names.
  const changed = (value: any): any => {
    const { ['__proto__']: removed, constructor: kept, ...rest } = value as { [key: string]: any }
    expect(removed).toBe(1)
    return { ...rest, constructor: (kept as unknown as number) + 1, valueOf: 5 }
  }
  const edited = (): any => {
    const now = me.replica.memory.snapshot.get(wild.at('x')) as any
    const inner = Object.fromEntries(Object.entries(now['__proto__']))
    return { ...now, ['__proto__']: { ...inner, constructor: changed(inner.constructor) } }
  }
  const wanted = edited()
  tell(me.transact((tx) => tx.set(wild.at('x'), wanted)))
  for (const { memory } of [me.replica, other]) {
    expect(canonicalText(memory.snapshot.get(wild.at('x')) as Value)).toBe(canonicalText(wanted))
    expect(Object.getPrototypeOf(memory.snapshot.get(wild.at('x')))).toBe(Object.prototype)
    expect(canonicalText(wild.policy.content!(memory.state(wild.at('x').key)))).toBe(
      canonicalText(wild.policy.content!(other.memory.state(wild.at('x').key))),
    )
  }
  const content = wild.policy.content!(other.memory.state(wild.at('x').key)) as any
  expect(Object.keys(content[4]).sort()).toEqual([...names].sort())
  tell(me.undo()!.change)
  expect(canonicalText(other.memory.snapshot.get(wild.at('x')) as Value)).toBe(full)
  tell(me.undo()!.change)
  expect(canonicalText(other.memory.snapshot.get(wild.at('x')) as Value)).toBe(empty)
  for (const name of ['b', 'c', 'polluted']) expect(name in Object.prototype).toBe(false)
  expect(Object.keys(Object.prototype)).toEqual([])
})

test('[NJ9] with versions an upgrade gets the merged value, and what is written at a version merges key by key too', () => {
  const v1 = collection('cfg', { opts: json<any>({ size: 1, old: true }) })
  const both = collection(
    'cfg',
    { opts: json<any>({ size: 1, old: true }), extra: '' },
    {
      version: 2,
      upgrade: {
        2: {
          up: ({ opts, ...rest }: any) => ({ ...rest, ...(opts && { opts: { ...opts, width: opts.size } }) }),
          down: ({ opts, ...rest }: any) => {
            if (opts === undefined) return rest
            const { width, ...others } = opts
            return { ...rest, opts: { ...others, size: width ?? others.size } }
          },
        },
      },
    },
  )
  const { memory, transact } = createReplica('w', [v1.policy])
  transact((tx) => tx.create(v1.at('x'), { opts: { size: 3, old: true, deep: { a: 1 } } }))
  expect(memory.snapshot.get(both.at('x'))?.opts).toEqual({ size: 3, width: 3, old: true, deep: { a: 1 } })
  // Only parts were written, over what older code starts with: from here on it is a whole, and parts of that.
  const parts = [
    { a: 1, b: 2 },
    { a: 1, b: 2, c: 3 },
  ].map((deep) => transact((tx) => tx.update(both.at('x'), (now) => ({ ...now, opts: { ...now.opts, deep } }))))
  expect(parts.map((change) => change?.ops[0]?.payload)).toEqual([
    [2, 1, 0, 'opts', { size: 3, old: true, deep: { a: 1, b: 2 } }],
    [2, 1, 4, 'opts', [3, 'deep', 'c']],
  ])
  expect(memory.snapshot.get(v1.at('x'))?.opts).toEqual({ size: 3, old: true, deep: { a: 1, b: 2, c: 3 } })

  const oneWay = collection(
    'cfg',
    { opts: json<any>({ size: 1, old: true }) },
    {
      version: 2,
      upgrade: { 2: { up: ({ opts, ...rest }: any) => ({ ...rest, ...(opts && { opts: { v: 2, ...opts } }) }) } },
    },
  )
  const whole = transact((tx) => tx.update(oneWay.at('x'), (now) => ({ opts: { ...now.opts, size: 4 } })))
  expect(whole?.ops[0]?.payload).toEqual([
    2,
    1,
    0,
    'opts',
    { '\u0000version': 2, value: { v: 2, size: 4, old: true, deep: { a: 1, b: 2, c: 3 } } },
  ])
  const part = transact((tx) => tx.update(oneWay.at('x'), (now) => ({ opts: { ...now.opts, size: 5 } })))
  expect(part?.ops[0]?.payload).toEqual([2, 1, 4, 'opts', [5, 'value', 'size']])
  expect(memory.snapshot.get(oneWay.at('x'))?.opts).toEqual({ v: 2, size: 5, old: true, deep: { a: 1, b: 2, c: 3 } })
  expect(memory.snapshot.read(v1.at('x'))).toMatchObject({ invalid: true })
  expect(() => transact((tx) => tx.patch(v1.at('x'), { opts: {} }))).toThrow('can only be read here')
})

test('[NJ9] an upgrade gets the parts that were written, and what the field starts with is under what it makes of them', () => {
  const old = record('look', { theme: json<any>({ font: { size: 10, bold: false }, dark: false }), other: '' })
  const upgrade = {
    2: { up: ({ theme, ...rest }: any) => ({ ...rest, ...(theme && { theme: { ...theme, up: true } }) }) },
  }
  const now = record(
    'look',
    { theme: json<any>({ font: { size: 11, italic: true }, up: false }) },
    { version: 2, upgrade },
  )
  const { memory, transact } = createReplica('w', [])
  expect(memory.snapshot.get(now).theme).toEqual({ font: { size: 11, italic: true }, up: false })
  transact((tx) =>
    tx.update(old, (before) => ({ ...before, theme: { ...before.theme, font: { size: 12, bold: false } } })),
  )
  const { theme } = memory.snapshot.get(now)
  expect(theme).toEqual({ font: { size: 12, italic: true }, up: true })
  expect(memory.snapshot.get(now).theme).toBe(theme)
  expect([theme, theme.font].every((part) => Object.isFrozen(part))).toBe(true)
  // A whole is nobody's parts.
  transact((tx) => tx.patch(old, { theme: [] }))
  transact((tx) => tx.patch(old, { theme: { font: {} } }))
  expect(memory.snapshot.get(now).theme).toEqual({ font: {}, up: true })
})

test('[NJ2] writing many keys at once costs once for each, and so does reading, merging and removing them', () => {
  const big = record('big', { data: json<{ [key: string]: number }>({}) })
  const { memory, transact } = createReplica('w', [big.policy])
  const many = Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`k${i}`, i]))
  // A copy of a Map sets each of its entries.
  const sets = vi.spyOn(Map.prototype, 'set')
  transact((tx) => tx.patch(big, { data: many }))
  expect(memory.snapshot.get(big).data).toEqual(many)
  transact((tx) => tx.merge(big, { data: { k1: 1 } }, { data: { ...many, k1: 2 } }))
  transact((tx) => tx.patch(big, { data: {} }))
  transact((tx) => tx.merge(big, { data: {} }, { data: many }))
  const count = sets.mock.calls.length
  sets.mockRestore()
  expect(memory.snapshot.get(big).data).toEqual(many)
  expect(count).toBeGreaterThan(3_000)
  expect(count).toBeLessThan(20 * 3_000)
})
