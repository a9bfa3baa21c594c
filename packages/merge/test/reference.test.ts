import { StmError, type StandardSchema, type Value } from '@syncline/stm'
import { expect, test } from 'vitest'
import { collection, follow, group, lww, optional, reference } from '../src/index.ts'
import { createReplica } from './replica.ts'
import { createUndoing } from './undoing.ts'

const people = collection('people', { name: '' })
const cards = collection('cards', {
  title: '',
  owner: reference(people),
  editor: reference(people, { onMissing: 'throw' }),
  reader: reference(() => people, { onMissing: { value: { name: 'nobody' } } }),
  ['__proto__']: reference(people),
})
const card = cards.at('c')
const undeclared = collection('cards', { owner: optional<Value>(), editor: optional<Value>() })

function codeOf(run: () => unknown): [string, string, readonly string[] | undefined] {
  try {
    run()
  } catch (error) {
    if (error instanceof StmError) return [error.code, error.message, error.refs]
  }
  throw new Error('nothing was thrown')
}

test('[RM1] a reference holds an id, is absent until it is written and after it was cleared, and is an optional field to others', () => {
  const { memory, transact } = createReplica('w', [])
  const made = transact((tx) => tx.create(card, { owner: 'ada' }))
  expect(made?.ops[0]?.payload).toEqual([1, 1, 0, 'owner', 'ada'])
  expect(memory.snapshot.get(undeclared.at('c'))).toEqual({ owner: 'ada' })
  const cleared = transact((tx) => tx.patch(card, { owner: undefined }))
  expect(cleared?.ops[0]?.payload).toEqual([2, 1, 1, 'owner', null])
  expect(Object.keys(memory.snapshot.get(card)!)).toEqual(['title'])
})

test('[RM2] what cannot be the id of a member is refused, and names the ref, the field and the collection', () => {
  const { memory, transact } = createReplica('w', [])
  transact((tx) => tx.create(card, { owner: 'ada' }))
  for (const id of ['', 'a\u0000b', 'x'.repeat(513), 7, null, {}, ['ada']]) {
    const [code, message] = codeOf(() => transact((tx) => tx.patch(card, { owner: id as string })))
    expect(code).toBe('invalid-value')
    expect(message).toContain('The field "owner" of "cards/c" refers to a member of "people" and got')
  }
  expect(memory.snapshot.get(card)?.owner).toBe('ada')
})

test('[RM3] [RM4] follow gives the member; where there is none what onMissing says', () => {
  const { memory, transact } = createReplica('w', [])
  const see = (field: 'owner' | 'editor' | 'reader' | '__proto__') => follow(memory.snapshot, card, field)
  // The member that refers does not exist, then refers to nothing.
  expect([see('owner'), see('editor'), see('reader')]).toEqual([undefined, undefined, undefined])
  transact((tx) => tx.create(card, {}))
  expect([see('owner'), see('editor'), see('reader'), see('__proto__')]).toEqual(Array(4).fill(undefined))
  transact((tx) => tx.patch(card, { owner: 'ada', editor: 'ada', reader: 'ada', ['__proto__']: 'ada' }))
  expect([see('owner'), see('reader'), see('__proto__')]).toEqual([undefined, { name: 'nobody' }, undefined])
  expect(see('reader')).toBe(see('reader'))
  expect(codeOf(() => see('editor'))).toEqual([
    'missing-target',
    '"cards/c" refers by "editor" to "people/ada", which does not exist. Create it, clear the field, or say with onMissing what stands for it.',
    [card.key, people.at('ada').key],
  ])
  transact((tx) => tx.create(people.at('ada'), { name: 'Ada' }))
  expect([see('owner'), see('editor'), see('reader'), see('__proto__')]).toEqual(Array(4).fill({ name: 'Ada' }))
  expect(see('owner')).toBe(memory.snapshot.get(people.at('ada')))
  transact((tx) => {
    expect(follow(tx, card, 'editor')).toEqual({ name: 'Ada' })
    tx.delete(people.at('ada'))
    expect(codeOf(() => follow(tx, card, 'editor'))[0]).toBe('missing-target')
  })
  expect(see('owner')).toBe(undefined)
})

test('[RM4] what others sent, and cannot be an id, refers to what does not exist', () => {
  const { memory, transact } = createReplica('w', [])
  transact((tx) => tx.create(undeclared.at('c'), { owner: { id: 'ada' }, editor: '\u0000' }))
  expect(follow(memory.snapshot, card, 'owner')).toBe(undefined)
  const [code, message, refs] = codeOf(() => follow(memory.snapshot, card, 'editor'))
  expect([code, refs]).toEqual(['missing-target', [card.key]])
  expect(message).toContain('what is no id of "people"')
})

test('[RM3] follow reads both from its reader, so whoever tells what was read tells both', () => {
  const { memory, transact } = createReplica('w', [])
  const read: string[] = []
  const { snapshot } = memory
  const reader = {
    get: <V>(readable: { readonly key: string; readonly kind: any }): V => {
      read.push(readable.key)
      return snapshot.get(readable) as V
    },
  }
  follow(reader, card, 'owner')
  expect(read).toEqual([card.key])
  transact((tx) => tx.create(card, { owner: 'ada' }))
  read.length = 0
  follow({ get: (readable) => (read.push(readable.key), memory.snapshot.get(readable)) }, card, 'owner')
  expect(read).toEqual([card.key, people.at('ada').key])
})

test('[RM5] a member that is deleted leaves what refers to it as it is; what goes together goes in one transaction, and comes back together', () => {
  const me = createUndoing(createReplica('me', [cards.policy]))
  const { memory } = me.replica
  me.transact((tx) => {
    tx.create(people.at('ada'), { name: 'Ada' })
    tx.create(card, { owner: 'ada' })
    tx.create(cards.at('d'), { owner: 'ada' })
  })
  me.transact((tx) => tx.delete(people.at('ada')))
  expect(memory.snapshot.get(card)?.owner).toBe('ada')
  me.undo()
  const change = me.transact((tx) => {
    for (const [id, { owner }] of tx.items(cards)) if (owner === 'ada') tx.patch(cards.at(id), { owner: undefined })
    tx.delete(people.at('ada'))
  })
  expect(change?.ops).toHaveLength(3)
  expect([memory.snapshot.get(card), memory.snapshot.get(cards.at('d'))]).toEqual([{ title: '' }, { title: '' }])
  me.undo()
  expect(follow(memory.snapshot, card, 'owner')).toEqual({ name: 'Ada' })
})

test('[RM6] groups refer too, and a schema of the whole record leaves references what they are', () => {
  const { memory, transact } = createReplica('w', [])
  const view = group('view', { card: reference(cards) })
  const judged: unknown[] = []
  const schema: StandardSchema<{ readonly title: string; readonly owner?: string }> = {
    '~standard': { version: 1, vendor: 'test', validate: (value) => (judged.push(value), { value: value as any }) },
  }
  const strict = collection('strict', { title: '', owner: reference(people) }, { schema })
  transact((tx) => {
    tx.create(people.at('ada'), { name: 'Ada' })
    tx.create(card, { title: 'T' })
    tx.create(strict.at('s'), { title: 'S', owner: 'ada' })
    tx.patch(view, { card: 'c' })
  })
  expect(follow(memory.snapshot, view, 'card')).toEqual({ title: 'T' })
  expect(follow(memory.snapshot, strict.at('s'), 'owner')).toEqual({ name: 'Ada' })
  expect(judged).toEqual([{ title: 'S', owner: 'ada' }])
})

test('[RM3] a field that is no reference is refused, and so is an onMissing that makes no sense', () => {
  const { memory } = createReplica('w', [])
  const wrong = (run: () => unknown): string => codeOf(run)[0]
  expect(wrong(() => follow(memory.snapshot, card, 'title' as never))).toBe('invalid-value')
  expect(wrong(() => follow(memory.snapshot, card, 'toString' as never))).toBe('invalid-value')
  expect(wrong(() => follow(memory.snapshot, lww('x', '') as never, 'x' as never))).toBe('invalid-value')
  expect(wrong(() => reference(people, { onMissing: 'ignore' as never }))).toBe('invalid-options')
  expect(wrong(() => reference(people, { onMissing: { value: new Date() } }))).toBe('invalid-value')
})
