import { collection, counter, lww } from '@syncline/merge'
import { broughtBackBytes, encodeChange } from '@syncline/protocol'
import { emptyBasis, type Tx } from '@syncline/stm'
import { expect, test } from 'vitest'
import { memoryStorage, type Storage, type Store } from '../src/index.ts'
import { createWorld, passing, type World } from './world.ts'

const relay = { arbiter: 'relay' } as const
const seats = collection('seats', { by: '' }, relay)
const taken = counter('taken', relay)
const title = lww('title', '')

const SEATS = 4

/** Takes a seat for somebody; false when there is none. */
function book(who: string, seat: string): (tx: Tx<'local' | 'relay'>) => boolean {
  return (tx) => {
    if (tx.get(taken) >= SEATS || tx.get(seats.at(seat)) !== undefined) return false
    tx.create(seats.at(seat), { by: who })
    tx.add(taken, 1)
    return true
  }
}

async function books(world: World, store: Store, who: string, seat: string): Promise<boolean | string> {
  try {
    return (await passing(world, store.transactAsync(book(who, seat), relay))).value
  } catch (error) {
    return (error as { code: string }).code
  }
}

/** Who has which seat. */
function plan(store: Store): Record<string, string> {
  return Object.fromEntries(store.get(seats).map((id) => [id, store.get(seats.at(id))!.by]))
}

for (const kept of ['nothing', 'a backup'] as const) {
  test(`[ST53] what the relay had decided and lost is brought back, waits for the operator, and no seat is sold twice (${kept})`, async () => {
    const world = await createWorld(1)
    const wires = [world.wire(), world.wire(), world.wire()] as const
    const storage = memoryStorage()
    const one = await world.open({ transport: wires[0], storage })
    const two = await world.open({ transport: wires[1] })
    await world.clock.pass(100)
    expect(await books(world, one, 'ann', '1')).toBe(true)
    const backup = kept === 'nothing' ? 0 : world.batches
    expect(await books(world, two, 'bob', '2')).toBe(true)
    await world.clock.pass(100)
    expect(plan(one)).toEqual({ 1: 'ann', 2: 'bob' })
    for (const wire of wires) wire.cut()
    await world.restoreRelay(backup)
    wires[0].mend()
    wires[1].mend()
    one.transact((tx) => tx.set(title, 'merges'))
    await world.clock.pass(60_000)
    const third = await world.open({ transport: world.wire() })
    await world.clock.pass(60_000)
    for (const store of [one, two, third]) {
      expect(store.status).toMatchObject({ link: 'online', pending: 0, problem: { code: 'unadopted' } })
      expect([plan(store), store.get(title)]).toEqual([{ 1: 'ann', 2: 'bob' }, 'merges'])
      expect(await books(world, store, 'eve', '9')).toBe('unadopted')
    }
    const adopted = world.relay.adopt('board', { take: 'brought back' })
    await world.clock.pass(1_000)
    expect(await adopted).toMatchObject({ refs: 3, takenBack: [] })
    for (const store of [one, two, third]) expect(store.status.problem).toBeUndefined()
    expect(await books(world, third, 'eve', '1')).toBe(false)
    expect(await books(world, third, 'eve', '3')).toBe(true)
    expect(await books(world, two, 'bob', '4')).toBe(true)
    expect(await books(world, one, 'ann', '5')).toBe(false)
    await one.close()
    const again = await world.open({ transport: wires[0], storage })
    const newcomer = await world.open({ transport: world.wire() })
    await world.clock.pass(60_000)
    for (const store of [again, two, third, newcomer]) {
      expect([plan(store), store.get(taken)]).toEqual([{ 1: 'ann', 2: 'bob', 3: 'eve', 4: 'bob' }, 4])
      expect(store.snapshot.basis).toEqual(again.snapshot.basis)
    }
    await world.close()
  })
}

/** A relay that has lost everything, and has sold seats since; two tabs that know what it had sold before. */
async function soldTwice(): Promise<{ world: World; tabs: readonly Store[]; late: Store; storage: Storage }> {
  const world = await createWorld(2)
  const wires = [world.wire(), world.wire()] as const
  const storage = memoryStorage()
  const tabs = [await world.open({ transport: wires[0], storage }), await world.open({ transport: wires[1], storage })]
  await world.clock.pass(100)
  expect(await books(world, tabs[0]!, 'ann', '1')).toBe(true)
  expect(await books(world, tabs[0]!, 'ann', '2')).toBe(true)
  for (const wire of wires) wire.cut()
  await world.restoreRelay(0)
  const late = await world.open({ transport: world.wire() })
  await world.clock.pass(60_000)
  // Whatever there is of counts, a seat that was not looked at is free.
  for (const seat of ['1', '7']) {
    const sold = late.transactAsync((tx) => {
      tx.create(seats.at(seat), { by: 'eve' })
      tx.commute(taken, { add: 1 })
    }, relay)
    await passing(world, sold)
  }
  for (const wire of wires) wire.mend()
  await world.clock.pass(60_000)
  return { world, tabs, late, storage }
}

test.each([
  ['brought back', { 1: 'ann', 2: 'ann', 7: 'eve' }, 1],
  ['log', { 1: 'eve', 7: 'eve' }, 0],
] as const)(
  '[ST53] what was decided before and after a loss: the operator takes "%s", and everybody has it alike',
  async (take, seen, back) => {
    const { world, tabs, late } = await soldTwice()
    const fresh = await world.open({ transport: world.wire() })
    await world.clock.pass(60_000)
    const all = [...tabs, late, fresh]
    for (const store of all) {
      expect([plan(store), store.get(taken)]).toEqual([{ 1: 'ann', 2: 'ann' }, 2])
      expect(store.status).toMatchObject({ link: 'online', problem: { code: 'unadopted' } })
    }
    const adopted = await passing(world, world.relay.adopt('board', { take }))
    expect(adopted.takenBack).toHaveLength(back)
    await world.clock.pass(100)
    for (const store of all) {
      expect([plan(store), store.get(taken)]).toEqual([seen, Object.keys(seen).length])
      expect(store.status).toMatchObject({ link: 'online', problem: undefined, pending: 0 })
    }
    // What is decided now is later than all that was adopted.
    await passing(
      world,
      tabs[1]!.transactAsync((tx) => tx.set(seats.at('1'), { by: 'joe' }), relay),
    )
    await world.clock.pass(100)
    for (const store of all) expect(plan(store)).toEqual({ ...seen, 1: 'joe' })
    await world.close()
  },
)

test('[ST53] what the relay was asked before is judged when something was adopted, by that', async () => {
  const world = await createWorld(3)
  const wire = world.wire()
  const one = await world.open({ transport: wire })
  const two = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  expect(await books(world, two, 'bob', '1')).toBe(true)
  await world.clock.pass(100)
  // Nothing gets through that one sends, and then all is lost.
  wire.filter = (direction) => direction === 'down'
  const asked = [one.transactAsync(book('ann', '2'), relay), one.transactAsync(book('ann', '1'), relay)]
  await world.clock.pass(10)
  await world.restoreRelay(0)
  wire.filter = undefined
  await world.clock.pass(60_000)
  expect(one.status.problem?.code).toBe('unadopted')
  const standing = Promise.race([...asked.slice(0, 1), Promise.resolve('waits')])
  expect(await standing).toBe('waits')
  await passing(world, world.relay.adopt('board', { take: 'brought back' }))
  await world.clock.pass(10_000)
  expect((await asked[0]!).value).toBe(true)
  expect((await asked[1]!).value).toBe(false)
  for (const store of [one, two]) expect(plan(store)).toEqual({ 1: 'bob', 2: 'ann' })
  await world.close()
})

test('[ST53] what waits to be adopted is lost once more, over a reload: what either log had decided is brought back', async () => {
  const { world, tabs, late, storage } = await soldTwice()
  for (const store of [...tabs, late]) await store.close()
  await world.restoreRelay(0)
  const again = await world.open({ transport: world.wire(), storage })
  const fresh = await world.open({ transport: world.wire() })
  await world.clock.pass(60_000)
  for (const store of [again, fresh]) expect(plan(store)).toEqual({ 1: 'ann', 2: 'ann' })
  const adopted = await passing(world, world.relay.adopt('board', { take: 'brought back' }))
  expect(adopted.takenBack).toMatchObject([{ relaySeq: 0, refs: [{ address: 'seats/1' }, { address: 'taken' }] }])
  await world.clock.pass(100)
  for (const store of [again, fresh]) {
    expect([plan(store), store.get(taken)]).toEqual([{ 1: 'ann', 2: 'ann', 7: 'eve' }, 3])
    expect(store.status.problem).toBeUndefined()
  }
  await world.close()
})

test('[ST53] where the log that has come back has all that was decided nobody waits', async () => {
  const world = await createWorld(5)
  const wire = world.wire()
  const one = await world.open({ transport: wire })
  await world.clock.pass(100)
  expect(await books(world, one, 'ann', '1')).toBe(true)
  const backup = world.batches
  for (let i = 0; i < 3; i++) await passing(world, one.transact((tx) => tx.set(title, `${i}`)).synced())
  await world.restoreRelay(backup)
  await world.clock.pass(60_000)
  expect(one.status).toMatchObject({ link: 'online', problem: undefined })
  expect(one.get(title)).toBe('2')
  expect(await books(world, one, 'ann', '2')).toBe(true)
  expect(await books(world, one, 'eve', '1')).toBe(false)
  await world.close()
})

test('[ST53] a tab does not go over to what was joined by numbers after which there is no room, and keeps what it has', async () => {
  const world = await createWorld(6)
  const wire = world.wire()
  const one = await world.open({ transport: wire })
  await world.clock.pass(100)
  expect(await books(world, one, 'ann', '1')).toBe(true)
  one.transact((tx) => tx.set(title, 'kept'))
  await world.clock.pass(100)
  // As a relay would have it that does not look at these.
  const [epoch, writer] = ['1'.repeat(32), '2'.repeat(32)]
  const { stretches, head: follows, latestAt } = (await world.disk.space('board'))!
  const meta = broughtBackBytes({ cells: [], beside: [] })
  const deps = { ...emptyBasis, epoch, relaySeq: 9 }
  const change = { writer, seq: 1, deps, at: 1, ops: [], effects: [], meta }
  const join = { left: 0, also: [], decided: { shift: 2 ** 53 - 1 } }
  await world.disk.append([
    {
      space: 'board',
      epoch: stretches.at(-1)!.epoch,
      follows: stretches.at(-1)!.epoch,
      first: follows + 1,
      records: [encodeChange(change, [], undefined, undefined, { join })],
      latestAt,
      joinedAt: follows + 1,
      writers: new Map([[writer, { lastSeq: 1, recent: [], ended: null }]]),
      documents: new Map(),
    },
  ])
  await world.restartRelay()
  await world.clock.pass(60_000)
  expect(one.status).toMatchObject({ pending: 0, problem: { code: 'damaged-change' } })
  expect(one.status.problem?.message).toContain(`it reaches up to ${2 ** 53 + 8}.`)
  expect([plan(one), one.get(title)]).toEqual([{ 1: 'ann' }, 'kept'])
  await world.close()
})
