import { expect, test } from 'vitest'
import {
  begin,
  createMemory,
  draft,
  makeRef,
  type Policy,
  type Ref,
  type RefOptions,
  type StandardSchema,
} from '../src/index.ts'
import { bindLive, note, register, tally } from './policies.ts'
import { replica, thrownBy } from './replica.ts'

const context = { stamp: { at: 1, writer: 'w' }, seed: 'seed' }

/** Takes what `holds`, and counts how often it is asked. */
function schemaOf<T>(holds: (value: T) => boolean): StandardSchema<T> & { readonly asked: unknown[] } {
  const asked: unknown[] = []
  return {
    asked,
    '~standard': {
      version: 1,
      vendor: 'us',
      validate(value) {
        asked.push(value)
        // What the ref holds is of its type.
        return holds(value as T) ? { value } : { issues: [{ message: 'No.', path: [{ key: 'a' }, 0, Symbol('s')] }] }
      },
    },
  }
}

function guarded<T>(name: string, initial: T, options: RefOptions<'local'>): Ref<T, { set: T }> {
  return makeRef<T, { set: T }>(register(name, initial).policy, name, initial, options)
}

test('[VD1] [VD3] a schema is asked once about the last value, and not about what stays as it was', () => {
  const schema = schemaOf((n: number) => n < 5)
  const number = guarded('number', 0, { schema })
  expect(schema.asked).toEqual([0])
  const { memory, transact } = replica()
  transact((tx) => {
    tx.set(number, 9)
    tx.savepoint((inner) => inner.set(number, 7))
    tx.set(number, 3)
  })
  expect(schema.asked).toEqual([0, 3])
  transact((tx) => {
    tx.set(number, 9)
    tx.set(number, 3)
  })
  expect(schema.asked).toEqual([0, 3])
  const before = memory.snapshot
  expect(thrownBy(() => transact((tx) => tx.set(number, 5)))).toMatchObject({
    code: 'validation-failed',
    refs: [number.key],
    issues: [{ ref: number.key, message: 'No.', path: ['a', 0, 'Symbol(s)'] }],
  })
  expect(memory.snapshot).toBe(before)
  expect(memory.snapshot.get(number)).toBe(3)
})

test('[VD1] an attempt that must run again, or waits, is not judged', () => {
  const memory = createMemory()
  const schema = schemaOf((n: number) => n < 5)
  const number = guarded('number', 0, { schema })
  const mine = begin<'local'>(memory, context)
  mine.tx.set(number, 9)
  memory.apply([{ tag: 'register', address: 'number', arbiter: 'local', payload: [1] }], context.stamp, {
    ...memory.snapshot.basis,
  })
  mine.finish()
  expect(mine.check('serializable').kind).toBe('rerun')
  const waiting = begin<'local'>(memory, context)
  waiting.tx.get(number)
  waiting.tx.set(number, 9)
  expect(() => waiting.tx.retry()).toThrow('waits')
  waiting.finish()
  expect(waiting.check('serializable').kind).toBe('blocked')
  expect(schema.asked).toEqual([0])
  const again = begin<'local'>(memory, context)
  again.tx.set(number, 9)
  again.finish()
  expect(thrownBy(() => again.check('serializable')).code).toBe('validation-failed')
})

test('[VD4] a snapshot reads what was merged, judged, and stays as it was', () => {
  const number = guarded('number', 0, { schema: schemaOf((n: number) => n < 5) })
  const { memory, receive } = replica()
  const before = memory.snapshot
  receive('register', 'number', [9])
  expect(memory.snapshot.get(number)).toBe(9)
  expect(memory.snapshot.read(number)).toMatchObject({ invalid: true, raw: 9, issues: [{ message: 'No.' }] })
  expect(before.read(number)).toEqual({ invalid: false, value: 0 })
  const bare = tally('votes')
  expect(memory.snapshot.read(bare)).toEqual({ invalid: false, value: 0 })
})

test('[VD1] [VD6] writes to live documents are judged before the documents are touched', () => {
  const memory = createMemory(bindLive)
  const free = note('note')
  const schema = schemaOf((text: string) => text.length < 5)
  const judged = makeRef<string, { insert: string }>(free.policy as Policy<string>, 'note', null, { schema })
  expect(thrownBy(() => draft(memory, (tx) => tx.insert(judged, 0, 'too long'), context)).code).toBe(
    'validation-failed',
  )
  const small = makeRef<string, { insert: string }>(free.policy as Policy<string>, 'note', null, { maxBytes: 20 })
  expect(thrownBy(() => draft(memory, (tx) => tx.insert(small, 0, 'much too long'), context)).code).toBe(
    'too-large-for-ref',
  )
  expect(draft(memory, (tx) => tx.insert(judged, 0, 'fits'), context).writes).toHaveLength(1)
})
