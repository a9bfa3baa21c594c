import { StmError, type Ref, type Tx } from '@syncline/stm'
import { expect, test } from 'vitest'
import { collection, count, counter, field, list, lww, optional, place, record } from '../src/index.ts'
import { createReplica } from './replica.ts'

function errorOf(run: () => unknown): StmError {
  try {
    run()
  } catch (error) {
    if (error instanceof StmError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

interface Text {
  readonly text?: string
}

// Three versions of one register: a name; first and last name; those and a list of others.
const name1 = lww('name', 'nobody')
const splitting = {
  up: (name: string) => ({ first: name.split(' ')[0]!, last: name.split(' ').slice(1).join(' ') }),
  down: ({ first, last }: { first: string; last: string }) => (last === '' ? first : `${first} ${last}`),
}
const name2 = lww('name', { first: 'nobody', last: '' }, { version: 2, upgrade: { 2: splitting } })
const name3 = lww(
  'name',
  { first: 'nobody', last: '', others: [] as readonly string[] },
  // Nobody can read it as before.
  { version: 3, upgrade: { 2: splitting, 3: { up: (old: object) => ({ ...old, others: [] }) } } },
)

test('[ME40] [ME41] old and new code read and write one register, each its own version', () => {
  const { memory, transact } = createReplica('w', [])
  const read = (ref: Ref<unknown, any>): unknown => memory.snapshot.get(ref)
  expect([read(name1), read(name2)]).toEqual(['nobody', { first: 'nobody', last: '' }])
  const old = transact((tx) => tx.set(name1, 'Ada Lovelace'))
  expect(read(name2)).toEqual({ first: 'Ada', last: 'Lovelace' })
  expect(read(name2)).toBe(read(name2))
  expect(Object.isFrozen(read(name2))).toBe(true)
  const now = transact((tx) => tx.update(name2, (name) => ({ ...name, first: 'Augusta' })))
  expect([read(name1), read(name2)]).toEqual(['Augusta Lovelace', { first: 'Augusta', last: 'Lovelace' }])
  // What old code may read is stored as old code does it.
  expect([old, now].map((change) => change?.ops[0]?.payload)).toEqual([
    [0, 'Ada Lovelace'],
    [0, 'Augusta Lovelace'],
  ])
  expect(memory.snapshot.read(name2)).toMatchObject({ invalid: false })
})

test('[ME42] [ME43] what cannot be read as before is of its own version: older code reads it as it is and cannot write', () => {
  const { memory, transact } = createReplica('w', [])
  transact((tx) => tx.set(name1, 'Ada Lovelace'))
  const change = transact((tx) => tx.update(name3, (name) => ({ ...name, others: ['Byron'] })))
  const value = { first: 'Ada', last: 'Lovelace', others: ['Byron'] }
  expect(change?.ops[0]?.payload).toEqual([0, { '\u0000version': 3, value }])
  for (const ref of [name1, name2] as readonly Ref<unknown, any>[]) {
    expect(memory.snapshot.get(ref)).toEqual(value)
    expect(memory.snapshot.read(ref)).toMatchObject({ invalid: true, raw: value, issues: [{ path: [] }] })
    const error = errorOf(() => transact((tx) => tx.set(ref, value)))
    expect(error.code).toBe('read-only-newer')
    expect(error.message).toContain('was written at version 3')
  }
  expect(memory.snapshot.read(name3)).toEqual({ invalid: false, value })
})

test('[ME44] a version without all its steps is refused when the ref is made, and so is what makes no sense', () => {
  const { 2: two, 3: three } = { 2: splitting, 3: { up: (old: unknown) => old } }
  const codes = [
    () => lww('a', '', { version: 2 }),
    () => lww('a', '', { version: 3, upgrade: { 3: three } }),
    () => collection('a', {}, { version: 3, upgrade: { 2: two } }),
    () => record('a', {}, { version: 2, upgrade: { 2: {} as never } }),
  ].map((make) => errorOf(make).code)
  expect(codes).toEqual(codes.map(() => 'missing-upgrade'))
  expect(errorOf(() => lww('a', '', { version: 3, upgrade: { 3: three } })).message).toContain(
    'how version 1 becomes version 2',
  )
  const unfit = [
    () => lww('a', '', { version: 0 }),
    () => lww('a', '', { version: 1.5 }),
    () => lww('a', '', { upgrade: { 2: two } }),
    () => counter('a', { version: 2, upgrade: { 2: two } }),
    () => list('a', { version: 2, upgrade: { 2: two } }),
  ].map((make) => errorOf(make).code)
  expect(unfit).toEqual(unfit.map(() => 'invalid-options'))
})

test('[ME45] a write that would not read as it was written is refused', () => {
  const { memory, transact } = createReplica('w', [])
  const before = memory.snapshot
  const lossy = errorOf(() => transact((tx) => tx.set(name2, { first: 'Anna Maria', last: 'Sibylla' })))
  expect([lossy.code, lossy.refs]).toEqual(['lossy-upgrade', [name2.key]])
  const throwing = lww<number | string>('n', 0, {
    version: 2,
    upgrade: { 2: { up: Number, down: (n: number) => BigInt(n) } },
  })
  expect(errorOf(() => transact((tx) => tx.set(throwing, 5)))).toMatchObject({ code: 'lossy-upgrade' })
  expect(memory.snapshot).toBe(before)
})

test('[ME46] what an upgrade throws at is read as it is stored, and told; it can be written over', () => {
  const { memory, transact } = createReplica('w', [])
  const loose = lww<unknown>('name', null)
  transact((tx) => tx.set(loose, 7))
  expect(memory.snapshot.get<unknown>(name2)).toBe(7)
  expect(memory.snapshot.read(name2)).toMatchObject({
    invalid: true,
    raw: 7,
    issues: [{ message: expect.stringContaining('its upgrade threw') as string }],
  })
  transact((tx) => tx.set(name2, { first: 'Ada', last: '' }))
  expect(memory.snapshot.read(name2)).toEqual({ invalid: false, value: { first: 'Ada', last: '' } })
  expect(errorOf(() => transact((tx) => tx.set(loose, { '\u0000version': 2 }))).code).toBe('invalid-value')
})

// Two versions of a collection: a title became a heading, and there is a priority.
const cards1 = collection('cards', { title: '', done: false, votes: count(), at: place(), due: optional<number>() })
const renaming = {
  up: ({ title, ...rest }: { title?: string }) => ({ ...rest, ...(title !== undefined && { heading: title }) }),
  down: ({ heading, ...rest }: { heading?: string }) => ({ ...rest, ...(heading !== undefined && { title: heading }) }),
}
const fields2 = {
  heading: '',
  priority: 'low',
  done: false,
  votes: count(),
  at: place(),
  due: optional<number>(),
}
const cards2 = collection('cards', fields2, { version: 2, upgrade: { 2: renaming } })
const oneWay = collection('cards', fields2, { version: 2, upgrade: { 2: { up: renaming.up } } })

test('[ME40] [ME47] fields are written one by one under the names that old code knows, and what it does not know is kept', () => {
  const { memory, transact } = createReplica('w', [])
  const [old, now] = [cards1.at('a'), cards2.at('a')]
  transact((tx) => tx.create(old, { title: 'Plan', due: 5 }))
  expect(memory.snapshot.get(now)).toEqual({ heading: 'Plan', priority: 'low', done: false, votes: 0, due: 5 })
  const change = transact((tx) => {
    tx.patch(now, { heading: 'Better plan', priority: 'high' })
    tx.add(now, 2, 'votes')
    tx.move(now, cards2.list('todo'))
  })
  const payload = change?.ops[0]?.payload as readonly unknown[]
  expect(payload.slice(2).filter((_, i) => i % 3 === 1)).toEqual(['votes', 'at', 'priority', 'title'])
  expect(memory.snapshot.get(old)).toMatchObject({ title: 'Better plan', votes: 2, due: 5 })
  // Old code goes on, and does not touch what it does not know.
  transact((tx) => tx.update(old, (card) => ({ ...card, title: 'Best plan', due: undefined })))
  expect(memory.snapshot.get(now)).toMatchObject({ heading: 'Best plan', priority: 'high', votes: 2 })
  expect(memory.snapshot.get(now)).not.toHaveProperty('due')
  expect(memory.snapshot.get(cards1.list('todo'))).toEqual(['a'])
  transact((tx) => tx.patch(now, { due: 7 }))
  transact((tx) => tx.patch(now, { due: undefined }))
  expect(memory.snapshot.get(old)).not.toHaveProperty('due')
  expect(transact((tx) => tx.patch(now, { heading: 'Best plan' }))).toBeUndefined()
  // A new one is whole for old code.
  transact((tx) => tx.create(cards2.at('b'), { heading: 'New' }))
  expect(memory.snapshot.get(cards1.at('b'))).toEqual({ title: 'New', done: false, votes: 0 })
})

test('[ME42] [ME43] [ME47] [ME48] without a way back fields are of the new version, the others are still upgraded', () => {
  const { memory, transact } = createReplica('w', [])
  const [old, now] = [cards1.at('a'), oneWay.at('a')]
  transact((tx) => tx.create(old, { title: 'Plan', due: 5 }))
  const change = transact((tx) => tx.patch(now, { priority: 'high' }))
  expect(change?.ops[0]?.payload).toEqual([2, 1, 0, 'priority', { '\u0000version': 2, value: 'high' }])
  expect(memory.snapshot.get(now)).toMatchObject({ heading: 'Plan', priority: 'high', due: 5 })
  const acts: ((tx: Tx) => void)[] = [
    (tx) => tx.patch(old, { title: 'no' }),
    (tx) => tx.add(old, 1, 'votes'),
    (tx) => tx.move(old, cards1.list('todo')),
    (tx) => tx.delete(old),
  ]
  expect(acts.map((act) => errorOf(() => transact(act)).code)).toEqual(acts.map(() => 'read-only-newer'))
  expect(memory.snapshot.get(old)).toMatchObject({ title: 'Plan', done: false })
  expect(memory.snapshot.read(old)).toMatchObject({ invalid: true })
  expect(memory.snapshot.get(cards1)).toEqual(['a'])
  // A field is cleared at its own version too, whatever an older one would come to.
  transact((tx) => tx.patch(now, { due: undefined, heading: 'Own' }))
  expect(memory.snapshot.get(now)).toEqual({ heading: 'Own', priority: 'high', done: false, votes: 0 })
  // Code that has got a way back later does not go below what is there.
  transact((tx) => tx.patch(cards2.at('a'), { heading: 'Still' }))
  expect(memory.snapshot.get(now)?.heading).toBe('Still')
  // A deleted one is begun anew by whoever comes.
  transact((tx) => tx.delete(now))
  transact((tx) => tx.create(old, { title: 'Again' }))
  expect(memory.snapshot.get(now)).toMatchObject({ heading: 'Again', priority: 'low' })
})

test('[ME47] concurrent writes of new code to different fields are both kept, the first ones of a new version too', () => {
  const [one, two] = [createReplica('a', [cards1.policy]), createReplica('b', [cards1.policy])]
  const start = one.transact((tx) => tx.create(cards1.at('a'), { title: 'Plan' }))!
  two.receive(start)
  const mine = one.transact((tx) => tx.patch(oneWay.at('a'), { heading: 'Mine' }))!
  const theirs = two.transact((tx) => tx.patch(oneWay.at('a'), { priority: 'high' }))!
  const late = two.transact((tx) => tx.add(oneWay.at('a'), 1, 'votes'))!
  one.receive(theirs)
  one.receive(late)
  two.receive(mine)
  for (const { memory } of [one, two]) {
    expect(memory.snapshot.get(oneWay.at('a'))).toEqual({ heading: 'Mine', priority: 'high', done: false, votes: 1 })
  }
})

test('[ME40] [ME48] a record that nobody has written, and fields of any name', () => {
  const { memory, transact } = createReplica('w', [])
  const fields = { ['__proto__']: 'p', size: field<Text>({}) }
  const old = record('r', { ['__proto__']: 'p', width: 1 })
  const up = ({ width, ...rest }: { width?: number }): object => {
    const made: Record<string, unknown> = { ...rest }
    if (width !== undefined) made['size'] = { text: String(width) }
    return made
  }
  const down = ({ size, ...rest }: { size: Text }): object => {
    const made: Record<string, unknown> = { ...rest }
    if (size.text !== undefined) made['width'] = Number(size.text)
    return made
  }
  const now = record('r', fields, { version: 2, upgrade: { 2: { up, down } } })
  expect(memory.snapshot.get(now)).toEqual(JSON.parse('{"__proto__":"p","size":{}}'))
  transact((tx) => tx.patch(now, { size: { text: '5' } }))
  expect(memory.snapshot.get(old).width).toBe(5)
  transact((tx) => tx.patch(old, { ['__proto__']: 'q' }))
  expect(Object.entries(memory.snapshot.get(now))).toEqual([
    ['__proto__', 'q'],
    ['size', { text: '5' }],
  ])
  expect(errorOf(() => record('r', { '\u0000version': 1 })).code).toBe('invalid-value')
})
