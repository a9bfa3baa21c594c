import { collection, count, field, group, list, lww, optional, place, record, set } from '@syncline/merge'
import { expect, test } from 'vitest'
import { memoryStorage, type Store } from '../src/index.ts'
import { createWorld } from './world.ts'

// Names that mean something to JavaScript mean nothing here: as names of refs and fields, as ids, as parents of lists, and as keys in values.

const names = ['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString', 'valueOf', '__defineGetter__']
const fields = { ['__proto__']: 'own', constructor: '', prototype: 0, toString: optional<string>(), valueOf: count() }

const registers = names.map((name) => lww<unknown>(name, null))
const bags = names.map((name) => set<unknown>(name))
const arrays = names.map((name) => list<unknown>(name))
const records = names.map((name) => record(name, fields))
const groups = names.map((name) =>
  group(name, { ['__proto__']: 'own', constructor: '', prototype: field<unknown>(null) }),
)
const families = names.map((name) => collection(name, { ...fields, ['__proto__']: 'own', hasOwnProperty: place() }))

/** An object with all these names as keys of its own. */
const odd: Readonly<Record<string, unknown>> = JSON.parse(`{${names.map((name) => `"${name}":{"${name}":1}`).join()}}`)

function write(store: Store): void {
  store.transact((tx) => {
    for (const ref of registers) tx.set(ref, odd)
    for (const ref of bags) tx.include(ref, ...names, odd)
    for (const ref of arrays) tx.insert(ref, 0, [...names, odd])
    for (const ref of records) {
      tx.patch(ref, { ['__proto__']: 'written', constructor: 'c', prototype: 7, toString: 't' })
      tx.add(ref, 2, 'valueOf')
    }
    for (const ref of groups) tx.patch(ref, { ['__proto__']: 'written', constructor: '', prototype: odd })
    for (const family of families) {
      for (const id of names) {
        tx.create(family.at(id), { ['__proto__']: id, constructor: 'c', toString: undefined })
        tx.add(family.at(id), 1, 'valueOf')
        tx.move(family.at(id), family.list(id === 'valueOf' ? '__proto__' : id))
      }
    }
  })
}

function reading(store: Store): unknown {
  const single = [...registers, ...bags, ...arrays, ...records, ...groups].map((ref) =>
    store.get(ref as (typeof registers)[number]),
  )
  const many = families.map((family) => [
    store.get(family),
    [...store.items(family)],
    names.map((id) => store.get(family.list(id))),
    store.get(family.range({ prefix: '__' })),
  ])
  return [single, many]
}

test('[ME16] [DF9] [SE1] names that mean something to JavaScript are ordinary data: here, elsewhere, on disk, undone and done again', async () => {
  const world = await createWorld(1)
  const [storage, wire] = [memoryStorage(), world.wire()]
  const one = await world.open({ storage, transport: wire })
  const other = await world.open({ transport: world.wire() })
  const before = reading(one)
  write(one)
  const after = reading(one)
  expect(one.get(registers[0]!)).toEqual(odd)
  expect(Object.keys(one.get(registers[0]!) as object)).toEqual(names)
  expect(one.get(records[0]!)).toEqual(
    JSON.parse('{"__proto__":"written","constructor":"c","prototype":7,"toString":"t","valueOf":2}'),
  )
  expect(one.get(families[0]!)).toEqual(names.toSorted())
  expect(one.get(families[0]!.list('__proto__'))).toEqual(['__proto__', 'valueOf'])
  await world.clock.pass(2_000)
  expect(reading(other)).toEqual(after)

  one.undoStack().undo()
  expect(reading(one)).toEqual(before)
  one.undoStack().redo()
  expect(reading(one)).toEqual(after)
  await world.clock.pass(2_000)
  expect(reading(other)).toEqual(after)
  await one.close()

  const again = await world.open({ storage, transport: wire })
  expect(reading(again)).toEqual(after)
  again.transact((tx) => {
    for (const family of families) for (const id of names) tx.delete(family.at(id))
    for (const ref of bags) tx.exclude(ref, ...names)
    for (const ref of arrays) tx.merge(ref, [...names, odd], [odd, 'constructor'])
  })
  await world.clock.pass(2_000)
  expect(reading(other)).toEqual(reading(again))
  expect([other.get(families[1]!), other.get(bags[0]!), other.get(arrays[0]!)]).toEqual([
    [],
    [odd],
    [odd, 'constructor'],
  ])
  await world.close()
  // Nothing that every object has was touched.
  expect(Object.keys(Object.prototype)).toEqual([])
  expect(Object.getPrototypeOf({})).toBe(Object.prototype)
})
