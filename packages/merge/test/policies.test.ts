import { StmError, type Intent, type Policy, type Ref, type Value } from '@syncline/stm'
import { expect, test } from 'vitest'
import { collection, count, counter, field, list, lww, optional, place, record } from '../src/index.ts'
import { createReplica } from './replica.ts'

const stamp = { at: 1, writer: 'w' }
const context = { stamp, seed: 'seed' }

/** What a write to a ref that nobody has written gives. */
function edit(ref: Ref<any, any>, ...intents: Intent[]): Value | undefined {
  const policy: Policy = ref.policy
  let draft = policy.draft(undefined, ref)
  for (const intent of intents) draft = policy.edit(draft, intent, ref, context)
  return policy.finish(draft, ref, context)
}

function errorOf(run: () => unknown): StmError {
  try {
    run()
  } catch (error) {
    if (error instanceof StmError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

test('[ME2] a state reads as the same frozen value every time', () => {
  const shape = record('shape', { size: field<{ readonly w: number }>({ w: 1 }), tags: field<string[]>([]) })
  const cards = collection('cards', { title: '', at: place() })
  const same = collection('cards', { title: '', done: false })
  const { memory, transact } = createReplica('w', [])
  const names = list<{ readonly n: number }>('names')
  transact((tx) => {
    tx.patch(shape, { size: { w: 2 } })
    tx.create(cards.at('a'), {})
    tx.insert(names, 0, [{ n: 1 }, { n: 2 }])
  })
  for (const ref of [shape, cards.at('a'), same.at('a'), names]) {
    const state = memory.state(ref.key)
    const value: any = ref.policy.read(state, ref)
    expect(ref.policy.read(state, ref)).toBe(value)
    expect(Object.isFrozen(value)).toBe(true)
  }
  const [first, second] = [cards.at('a'), same.at('a')].map((ref) => ref.policy.read(memory.state(ref.key), ref))
  expect(first).toEqual({ title: '' })
  expect(second).toEqual({ title: '', done: false })
  const state = memory.state(cards.at('a').key)
  expect(cards.policy.read(state, cards.at('a'))).toBe(first)
  expect(cards.policy.read(state, same.at('a'))).toBe(second)
  expect(Object.isFrozen(memory.snapshot.get(shape).size)).toBe(true)
  expect(Object.isFrozen(memory.snapshot.get(shape).tags)).toBe(true)
  expect(shape.policy.read(undefined, shape)).toBe(shape.policy.read(undefined, shape))
})

test('[ME2] values that came from elsewhere are frozen as well', () => {
  const ref = lww<Value>('any', null)
  const state = ref.policy.apply(undefined, [0, { deep: [{ down: 1 }] }], stamp)
  const value: any = ref.policy.read(state, ref)
  expect([value, value.deep, value.deep[0]].every(Object.isFrozen)).toBe(true)
})

test('[ME5] setting equal values, or ending where it began, writes nothing', () => {
  const title = lww<Value>('title', { a: [1] })
  expect(edit(title, { kind: 'set', value: { a: [1] } })).toBe(undefined)
  expect(edit(title, { kind: 'set', value: 2 }, { kind: 'set', value: { a: [1] } })).toBe(undefined)
  const settings = record('settings', { theme: 'light', last: optional<string>(), n: count() })
  expect(edit(settings, { kind: 'patch', fields: { theme: 'light', last: undefined } })).toBe(undefined)
  expect(edit(settings, { kind: 'patch', fields: { last: 'x' } }, { kind: 'patch', fields: { last: undefined } })).toBe(
    undefined,
  )
  expect(edit(settings, { kind: 'add', delta: 3, field: 'n' }, { kind: 'add', delta: -3, field: 'n' })).toBe(undefined)
  expect(edit(counter('c'), { kind: 'add', delta: 0.1 }, { kind: 'add', delta: -0.1 }, { kind: 'add', delta: 0 })).toBe(
    undefined,
  )
  const steps = list<string>('steps')
  expect(edit(steps, { kind: 'insert', index: 0, content: [] })).toBe(undefined)
  expect(edit(steps, { kind: 'insert', index: 0, content: ['a', 'b'] }, { kind: 'remove', index: 0, length: 2 })).toBe(
    undefined,
  )
  expect(edit(steps, { kind: 'set', value: [] })).toBe(undefined)
  const { memory, transact } = createReplica('w', [])
  transact((tx) => tx.insert(steps, 0, ['a', 'b', 'c']))
  const back = transact((tx) => {
    tx.reorder(steps, 0, 2)
    tx.reorder(steps, 2, 0)
  })
  expect(back).toBe(undefined)
  expect(transact((tx) => tx.set(steps, ['a', 'b', 'c']))).toBe(undefined)
  expect(memory.snapshot.get(steps)).toEqual(['a', 'b', 'c'])
})

test('[ME6] each ref refuses the writes it does not have and says which it has', () => {
  const cards = collection('cards', { title: '' })
  const cases: [Ref<any, any>, Intent, string][] = [
    [lww('title', ''), { kind: 'add', delta: 1 }, '"title" is a register and has no "add". It takes set and merge.'],
    [counter('votes'), { kind: 'set', value: 1 }, '"votes" is a counter and has no "set". It takes add and merge.'],
    [
      list('steps'),
      { kind: 'patch', fields: {} },
      '"steps" is a list and has no "patch". It takes insert, remove, reorder, set and merge.',
    ],
    [
      record('settings', {}),
      { kind: 'delete' },
      '"settings" is a record and has no "delete". It takes set, merge, patch and add to a count.',
    ],
    [
      cards.at('a'),
      { kind: 'insert', index: 0, content: '' },
      '"cards/a" is a member of a collection and has no "insert". It takes create, set, merge, patch, add to a count, move and delete.',
    ],
  ]
  for (const [ref, intent, message] of cases) {
    const error = errorOf(() => edit(ref, intent))
    expect([error.code, error.message]).toEqual(['invalid-write', message])
  }
})

test('[ME6] a value of another type names the ref, the field, what it got and what it takes', () => {
  const settings = record('settings', { theme: 'light', n: count(), at: place() })
  const cases: [Ref<any, any>, Intent, string][] = [
    [lww('title', ''), { kind: 'set', value: 5 }, '"title" holds a string and got the number 5. Write a string.'],
    [
      settings,
      { kind: 'patch', fields: { theme: true } },
      'The field "theme" of "settings" holds a string and got the boolean true. Write a string.',
    ],
    [
      settings,
      { kind: 'patch', fields: { theme: undefined } },
      'The field "theme" of "settings" holds a string and got undefined. Write a string.',
    ],
    [settings, { kind: 'set', value: 'x' }, '"settings" takes an object of fields and got the string "x".'],
    [
      settings,
      { kind: 'set', value: {} },
      'The value for "settings" lacks the field "theme". Give all fields, or use patch to write some.',
    ],
    [
      counter('c'),
      { kind: 'add', delta: Number.NaN },
      'The counter "c" was given the number NaN to add. Add a number between -9007199254740991 and 9007199254740991.',
    ],
    [list('steps'), { kind: 'insert', index: 1, content: 'x' }, 'Position 1 is outside the list "steps". Use 0 to 0.'],
    [list('steps'), { kind: 'move', from: 0, to: 0 }, 'Position 0 is outside the list "steps", which is empty.'],
    [list('steps'), { kind: 'set', value: 'abc' }, '"steps" is a list and got the string "abc". Give an array.'],
  ]
  for (const [ref, intent, message] of cases) {
    const error = errorOf(() => edit(ref, intent))
    expect([error.code, error.message]).toEqual(['invalid-value', message])
  }
  for (const delta of [Infinity, '1', 2 ** 53, undefined]) {
    expect(errorOf(() => edit(counter('c'), { kind: 'add', delta: delta as number })).code).toBe('invalid-value')
  }
  for (const value of [() => 1, undefined, 1n, new Date(), { a: undefined }, '\ud800']) {
    expect(errorOf(() => edit(lww<unknown>('any', null), { kind: 'set', value })).code).toBe('invalid-value')
    expect(errorOf(() => edit(list('steps'), { kind: 'insert', index: 0, content: [value] })).code).toBe(
      'invalid-value',
    )
  }
})

test('[ME8] a register reads its initial value, takes its type or null, and keeps what it was given', () => {
  const { memory, transact } = createReplica('w', [])
  const title = lww<string | null>('title', 'none')
  const any = lww<Value>('any', null)
  expect([memory.snapshot.get(title), memory.snapshot.get(any)]).toEqual(['none', null])
  const given = [1, { a: 2 }]
  transact((tx) => {
    tx.set(title, null)
    tx.set(any, given)
  })
  given.push(3)
  expect(memory.snapshot.get(title)).toBe(null)
  expect(memory.snapshot.get(any)).toEqual([1, { a: 2 }])
})

test('[ME10] what one transaction adds is bounded in sum', () => {
  const most = Number.MAX_SAFE_INTEGER
  expect(edit(counter('c'), { kind: 'add', delta: most })).toEqual([0, most])
  expect(errorOf(() => edit(counter('c'), { kind: 'add', delta: most }, { kind: 'add', delta: 1 })).code).toBe(
    'invalid-value',
  )
  const counted = record('r', { n: count() })
  expect(
    errorOf(() => edit(counted, { kind: 'add', delta: most, field: 'n' }, { kind: 'add', delta: 1, field: 'n' })).code,
  ).toBe('invalid-value')
})

test('[ME10] what each writer has added is kept apart', () => {
  const votes = counter('votes')
  const told = [
    [[0, 1], 'a'],
    [[0, 0.1], 'b'],
    [[0, 0.2], 'b'],
    [[0, -1], 'a'],
  ] as const
  const state: any = told.reduce<unknown>(
    (state, [payload, writer], at) => votes.policy.apply(state as any, payload, { at, writer }),
    undefined,
  )
  expect([...state.tallies].map(([writer, { sum }]) => [writer, sum])).toEqual([
    ['a', []],
    ['b', [0.30000000000000004, -2.7755575615628914e-17]],
  ])
  expect(votes.policy.read(state, votes)).toBe(0.30000000000000004)
})

test('[ME11] concurrent writes to different fields are all kept, and each field merges by its kind', () => {
  const doc = collection('docs', { title: '', body: '', votes: count(), at: place() })
  const ref = doc.at('a')
  const replicas = ['w1', 'w2', 'w3'].map((writer) => createReplica(writer, [doc.policy]))
  const created = replicas[0]!.transact((tx) => tx.create(ref, { title: 'T', body: 'B' }))!
  for (const replica of replicas) replica.receive(created)
  const changes = replicas.map((replica, i) =>
    replica.transact((tx) => {
      tx.add(ref, i + 1, 'votes')
      if (i === 0) tx.patch(ref, { title: 'one' })
      if (i === 1) tx.patch(ref, { body: 'two' })
      if (i === 2) tx.move(ref, doc.list('x'))
    })!,
  )
  for (const replica of replicas) {
    for (const change of changes) replica.receive(change)
    const value = replica.memory.snapshot.get(ref)!
    expect(value).toMatchObject({ title: 'one', body: 'two', votes: 6, at: { parent: 'x' } })
  }
})

test('[ME12] two kinds under one name do not mix', () => {
  const mine = record('thing', { x: '' })
  const theirs = record('thing', { x: count() })
  const { memory, transact } = createReplica('w', [])
  transact((tx) => tx.patch(mine, { x: 'text' }))
  transact((tx) => tx.add(theirs, 2, 'x'))
  expect(memory.snapshot.get(mine)).toEqual({ x: 'text' })
  expect(memory.snapshot.get(theirs)).toEqual({ x: 2 })
})

test('[ME13] fields of newer code are kept and merged and not shown; the order is the declared one', () => {
  const newer = collection('cards', { extra: '', title: '', due: optional<string>() })
  const older = collection('cards', { title: '', done: false, at: place() })
  const { memory, transact } = createReplica('w', [])
  transact((tx) => tx.create(newer.at('a'), { extra: 'kept', title: 'T', due: 'now' }))
  transact((tx) => tx.update(older.at('a'), (card) => ({ ...card, done: true })))
  expect(Object.entries(memory.snapshot.get(older.at('a'))!)).toEqual([
    ['title', 'T'],
    ['done', true],
  ])
  expect(Object.entries(memory.snapshot.get(newer.at('a'))!)).toEqual([
    ['extra', 'kept'],
    ['title', 'T'],
    ['due', 'now'],
  ])
})

test('[ME14] an optional field is absent, set, and absent again', () => {
  const settings = record('settings', { last: optional<string>(), theme: '' })
  const { memory, transact } = createReplica('w', [])
  expect(Object.keys(memory.snapshot.get(settings))).toEqual(['theme'])
  transact((tx) => tx.patch(settings, { last: 'x' }))
  expect(memory.snapshot.get(settings)).toEqual({ last: 'x', theme: '' })
  const cleared = transact((tx) => tx.set(settings, { theme: '' }))
  expect(cleared!.ops[0]!.payload).toEqual([2, 0, 1, 'last', null])
  expect('last' in memory.snapshot.get(settings)).toBe(false)
})

test('[ME15] a name that is not declared lists those that are', () => {
  const cards = collection('cards', { title: '', votes: count() })
  const error = errorOf(() => edit(cards.at('a'), { kind: 'create', value: { titel: 'x' } }))
  expect(error.code).toBe('invalid-write')
  expect(error.message).toBe(
    '"cards/a" has no field "titel". It has "title", "votes". Declare the field, or correct its name.',
  )
  const settings = record('settings', { theme: '' })
  for (const intent of [
    { kind: 'patch', fields: { constructor: 1 } },
    { kind: 'set', value: { theme: '', other: 1 } },
    { kind: 'add', delta: 1, field: 'theme' },
    { kind: 'add', delta: 1 },
  ] satisfies Intent[]) {
    expect(errorOf(() => edit(settings, intent)).code).toBe('invalid-write')
  }
})

test('[ME16] any string is a field name', () => {
  const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '', 'a b', 'ü', '0']
  const odd = collection('odd', Object.fromEntries(names.map((name) => [name, ''])))
  const member = odd.at('x')
  const { memory, transact } = createReplica('w', [])
  const values = Object.fromEntries(names.map((name) => [name, `value of ${name}`]))
  transact((tx) => tx.create(member, values))
  const read = memory.snapshot.get(member) as Record<string, string>
  for (const name of names) expect(Object.getOwnPropertyDescriptor(read, name)?.value).toBe(`value of ${name}`)
  expect(Object.getPrototypeOf(read)).toBe(Object.prototype)
  transact((tx) => tx.patch(member, Object.fromEntries([['__proto__', 'new']])))
  expect(Object.getOwnPropertyDescriptor(memory.snapshot.get(member), '__proto__')?.value).toBe('new')
  const bare = record('bare', { title: '' })
  expect(errorOf(() => edit(bare, { kind: 'patch', fields: Object.fromEntries([['__proto__', 'x']]) })).code).toBe(
    'invalid-write',
  )
})

test('[ME17] counts and places come along with a set, and are not written by value', () => {
  const cards = collection('cards', { title: '', votes: count(), at: place() })
  const { memory, transact } = createReplica('w', [])
  transact((tx) => {
    tx.create(cards.at('a'), { title: 'A' })
    tx.add(cards.at('a'), 2, 'votes')
    tx.move(cards.at('a'), cards.list('todo'))
  })
  const change = transact((tx) => tx.update(cards.at('a'), (card) => ({ ...card, title: 'B' })))
  expect(change!.ops.map(({ payload }) => payload)).toEqual([[2, 1, 0, 'title', 'B']])
  const now = memory.snapshot.get(cards.at('a'))!
  expect(errorOf(() => transact((tx) => tx.set(cards.at('a'), { ...now, votes: 9 })))).toMatchObject({
    code: 'invalid-write',
    message:
      'The field "votes" of "cards/a" is a count and is not written as a value. Use tx.add(ref, delta, "votes").',
  })
  expect(
    errorOf(() => transact((tx) => tx.set(cards.at('a'), { ...now, at: { parent: 'x', key: 'a0' } }))),
  ).toMatchObject({
    code: 'invalid-write',
    message: 'The field "at" of "cards/a" is a place and is not written as a value. Use tx.move(ref, list, index).',
  })
  for (const fields of [{ votes: 1 }, { at: 'todo' }, { at: { parent: 'x', key: '-' } }, { at: undefined }]) {
    expect(errorOf(() => transact((tx) => tx.patch(cards.at('a'), fields as object))).code).toBe('invalid-write')
  }
  expect(errorOf(() => transact((tx) => tx.create(cards.at('b'), { votes: 1 } as object))).code).toBe('invalid-write')
  expect(memory.snapshot.get(cards.at('a'))).toBe(now)
})

test('[ME18] a record exists before anybody wrote, and after an operation that would delete it', () => {
  const settings = record('settings', { theme: 'light' })
  const { memory, transact } = createReplica('w', [settings.policy])
  expect(memory.snapshot.get(settings)).toEqual({ theme: 'light' })
  memory.apply(
    [{ tag: 'record', address: 'settings', arbiter: 'local', payload: [3, 4] }],
    stamp,
    memory.snapshot.basis,
  )
  expect(memory.snapshot.get(settings)).toEqual({ theme: 'light' })
  transact((tx) => tx.patch(settings, { theme: 'dark' }))
  expect(memory.snapshot.get(settings)).toEqual({ theme: 'dark' })
})

test('[ME33] set of a list replaces what is between the common beginning and the common end', () => {
  const steps = list<string>('steps')
  const { memory, transact } = createReplica('w', [])
  transact((tx) => tx.set(steps, ['a', 'b', 'c', 'd']))
  const change = transact((tx) => tx.set(steps, ['a', 'x', 'y', 'd']))
  expect((change!.ops[0]!.payload as Value[]).filter((item) => typeof item === 'number')).toEqual([2, 2, 0, 0])
  expect(memory.snapshot.get(steps)).toEqual(['a', 'x', 'y', 'd'])
  transact((tx) => tx.set(steps, ['a', 'a', 'd', 'd']))
  transact((tx) => tx.set(steps, ['a', 'd']))
  expect(memory.snapshot.get(steps)).toEqual(['a', 'd'])
  transact((tx) => tx.set(steps, []))
  expect(memory.snapshot.get(steps)).toEqual([])
})

test('[ME11] null is written where a field starts with something else', () => {
  const { memory, transact } = createReplica('w', [])
  const seats = record('seats', { first: field<string | null>('free') })
  const change = transact((tx) => tx.patch(seats, { first: null }))
  expect(change?.ops[0]?.payload).toEqual([2, 0, 0, 'first', null])
  expect(memory.snapshot.get(seats)).toEqual({ first: null })
})

test('declarations that cannot be are refused at once', () => {
  expect(errorOf(() => lww('a/b', '')).code).toBe('invalid-address')
  expect(errorOf(() => counter('')).code).toBe('invalid-address')
  expect(errorOf(() => list(' x')).code).toBe('invalid-address')
  expect(errorOf(() => record('x y', {})).code).toBe('invalid-address')
  expect(errorOf(() => collection('cards', { title: '' }).at('')).code).toBe('invalid-address')
  expect(errorOf(() => lww('x', undefined)).code).toBe('invalid-value')
  expect(errorOf(() => lww('x', new Map())).code).toBe('invalid-value')
  const refused = errorOf(() => record('x', { tags: [] as any }))
  expect(refused.code).toBe('invalid-value')
  expect(refused.message).toBe(
    'Field "tags" of "x" is declared by a value of type object. Declare it by a string, number or boolean to start with, ' +
      'or by field(initial), json(initial), optional(), count() or place().',
  )
  expect(errorOf(() => record('x', { nothing: null as any })).code).toBe('invalid-value')
  const none = collection('none', { title: '' })
  const two = collection('two', { a: place(), b: place() })
  for (const run of [() => none.list('x'), () => two.list('x'), () => two.list('x', 'title' as 'a')]) {
    expect(errorOf(run).code).toBe('invalid-write')
  }
  expect(two.list('x', 'b').field).toBe('b')
  expect(errorOf(() => two.list('\u0001', 'a')).code).toBe('invalid-address')
})
