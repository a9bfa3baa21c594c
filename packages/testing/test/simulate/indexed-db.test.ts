import { expect, test } from 'vitest'
import { machineOf } from './disks.ts'

const events = { upgrade: () => undefined, onBlocked: () => undefined, onTerminated: () => undefined }

test('who opens a database that is about to be deleted waits for that, as in browsers, and opens a new one', async () => {
  const machine = machineOf(1)
  const databases = machine.surroundings().databases!
  const others = machine.surroundings().databases!
  const old = await machine.until(databases.open('it', 3, { ...events, onVersionChange: () => undefined }))
  const order: string[] = []
  const deleting = others.delete('it', () => order.push('blocked')).then(() => order.push('deleted'))
  await machine.run()
  const opening = databases
    .open('it', undefined, { ...events, onVersionChange: () => undefined })
    .then((database) => (order.push('opened'), database))
  await machine.run()
  expect(order).toEqual(['blocked'])
  old.close()
  await machine.until(deleting)
  const next = await machine.until(opening)
  expect([order, next.version]).toEqual([['blocked', 'deleted', 'opened'], 1])
  next.close()
})

test('a tab that ends while it waits to delete a database keeps nobody from opening it', async () => {
  const machine = machineOf(2)
  const life = machine.life()
  const others = machine.surroundings().databases!
  const old = await machine.until(others.open('it', 3, { ...events, onVersionChange: () => undefined }))
  void machine.surroundings(life).databases!.delete('it', () => undefined)
  await machine.run()
  const opening = others.open('it', undefined, { ...events, onVersionChange: () => undefined })
  await machine.run()
  life.end()
  const again = await machine.until(opening)
  expect(again.version).toBe(3)
  for (const each of [old, again]) each.close()
})
