import { deleteDatabase, indexedDb, type Surroundings } from '@syncline/idb'
import { counter } from '@syncline/merge'
import { expect, test } from 'vitest'
import { machineOf, type Machine } from './disks.ts'

const votes = counter('votes')

/** Opens a store, may add one, and closes it; what its status says at the beginning and at the end. */
async function visit(
  machine: Machine,
  { adds = true, surroundings = machine.surroundings() } = {},
): Promise<unknown[]> {
  const store = await machine.open({ storage: indexedDb('app', surroundings) })
  const before = store.status
  if (adds) await machine.until(store.transact((tx) => tx.add(votes, 1)).durable())
  const seen = [before.storage, before.storageError?.code, store.get(votes), store.status.storage]
  await machine.until(store.close())
  return seen
}

test('[ID20] a browser that was cleared is told from a first visit, once', async () => {
  const machine = machineOf(1)
  expect(await visit(machine)).toEqual(['ok', undefined, 1, 'ok'])
  expect(await visit(machine)).toEqual(['ok', undefined, 2, 'ok'])
  machine.disk.databases.clear()
  expect(await visit(machine)).toEqual(['evicted', 'storage-cleared', 1, 'evicted'])
  expect(machine.errors).toMatchObject([{ code: 'storage-cleared', message: expect.stringContaining('"app"') }])
  expect(await visit(machine)).toEqual(['ok', undefined, 2, 'ok'])
  expect(machine.errors).toHaveLength(1)
})

test('[ID20] where nothing was stored nothing is missed; what was stored by others, or before there were notes, is', async () => {
  const machine = machineOf(2)
  await visit(machine, { adds: false })
  machine.disk.databases.clear()
  expect(await visit(machine, { adds: false })).toEqual(['ok', undefined, 0, 'ok'])
  await visit(machine)
  machine.disk.marks.clear()
  expect(await visit(machine)).toEqual(['ok', undefined, 2, 'ok'])
  machine.disk.databases.clear()
  expect((await visit(machine, { adds: false }))[0]).toBe('evicted')
})

test('[ID20] of several tabs that open what was cleared the first tells; a database beside it is its own', async () => {
  const machine = machineOf(3)
  await visit(machine)
  const other = await machine.open({ storage: indexedDb('other', machine.surroundings()) })
  await machine.until(other.transact((tx) => tx.add(votes, 1)).durable())
  await machine.until(other.close())
  machine.disk.databases.delete('syncline:app')
  const [first, second] = [await machine.open(), await machine.open()]
  expect([first.status.storage, second.status.storage]).toEqual(['evicted', 'ok'])
  await machine.until(first.close())
  await machine.until(second.close())
  const beside = await machine.open({ storage: indexedDb('other', machine.surroundings()) })
  expect([beside.status.storage, beside.get(votes)]).toEqual(['ok', 1])
  await machine.until(beside.close())
})

test('[ID20] who deletes the storage is not told that it was cleared', async () => {
  const machine = machineOf(4)
  await visit(machine)
  await machine.until(deleteDatabase('app', machine.surroundings()))
  expect(machine.disk.marks.size).toBe(0)
  expect(await visit(machine)).toEqual(['ok', undefined, 1, 'ok'])
  expect(machine.errors).toEqual([])
})

test('[ID20] a damaged identity is no eviction', async () => {
  const machine = machineOf(5)
  await visit(machine)
  machine.disk.databases.get('syncline:app')!.stores.get('meta')!.records.put('identity', 17)
  expect(await visit(machine)).toEqual(['ok', undefined, 2, 'ok'])
  expect(await visit(machine)).toEqual(['ok', undefined, 3, 'ok'])
  expect(machine.errors).toEqual([])
})

test('[ID20] without anything to note it in, or where that refuses, all goes on without', async () => {
  const refuse = (): never => {
    throw new DOMException('No.', 'SecurityError')
  }
  const refusals: readonly PropertyDescriptor[] = [
    { get: refuse },
    { value: undefined },
    { value: { getItem: refuse, setItem: refuse, removeItem: refuse } },
  ]
  for (const marks of refusals) {
    const machine = machineOf(6)
    const surroundings = (): Surroundings => Object.defineProperty(machine.surroundings(), 'marks', marks)
    expect(await visit(machine, { surroundings: surroundings() })).toEqual(['ok', undefined, 1, 'ok'])
    machine.disk.databases.clear()
    expect(await visit(machine, { surroundings: surroundings() })).toEqual(['ok', undefined, 1, 'ok'])
    await machine.until(deleteDatabase('app', surroundings()))
    expect(machine.errors).toEqual([])
  }
})
