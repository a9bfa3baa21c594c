import { counter } from '@syncline/merge'
import { expect, test } from 'vitest'
import { memoryStorage, type Storage } from '../src/index.ts'
import { brittleStorage, createWorld, listener, mortalTab, settle } from './world.ts'

test('[ST30] a tab that dies is gone for its siblings and for everybody, however often that happens', async () => {
  const world = await createWorld(31)
  const shared = memoryStorage()
  const [near, far] = [listener(), listener()]
  await world.open({ storage: shared, transport: world.wire(), presence: near.maker })
  await world.open({ transport: world.wire(), presence: far.maker })
  await world.clock.pass(100)
  let seen = 0
  // More often than the relay has slots for one browser.
  for (let i = 0; i < 70; i++) {
    const tab = mortalTab(shared)
    const wire = world.wire()
    const side = listener()
    await world.open({ storage: tab.storage, transport: wire, presence: side.maker })
    side.say(`tab ${i}`)
    await world.clock.pass(100)
    if (near.words.includes(`tab ${i}`) && far.words.includes(`tab ${i}`)) seen += 1
    tab.die()
    wire.cut()
    await world.clock.pass(100)
    expect([near.words, far.words]).toEqual([[], []])
  }
  expect(seen).toBe(70)
  await world.close()
  expect(world.clock.timers).toBe(0)
})

test('[ST30] when the tab that runs the link dies, what it knew of others is gone until somebody has a link again', async () => {
  const world = await createWorld(32)
  const shared = memoryStorage()
  const tab = mortalTab(shared)
  const [first, second, far] = [listener(), listener(), listener()]
  const [wire1, wire2] = [world.wire(), world.wire()]
  await world.open({ storage: tab.storage, transport: wire1, presence: first.maker })
  await world.open({ storage: shared, transport: wire2, presence: second.maker })
  await world.open({ transport: world.wire(), presence: far.maker })
  await world.clock.pass(100)
  first.say('first')
  second.say('second')
  far.say('far')
  await world.clock.pass(100)
  expect([second.words, far.words]).toEqual([
    ['far', 'first'],
    ['first', 'second'],
  ])
  wire2.cut()
  tab.die()
  wire1.cut()
  await world.clock.pass(100)
  expect([second.words, far.words]).toEqual([[], []])
  wire2.mend()
  await world.clock.pass(60_000)
  expect([second.words, far.words]).toEqual([['far'], ['second']])
  await world.close()
})

test('[ST30] a tab that was frozen is gone meanwhile and shown again when it thaws', async () => {
  const world = await createWorld(33)
  const shared = memoryStorage()
  const tab = mortalTab(shared)
  const [one, two] = [listener(), listener()]
  await world.open({ storage: shared, presence: one.maker })
  await world.open({ storage: tab.storage, presence: two.maker })
  const heard: number[] = []
  two.say('two')
  await settle()
  expect(one.words).toEqual(['two'])
  tab.freeze()
  for (let i = 0; i < 30; i++) {
    heard.push(one.words.length)
    await Promise.resolve()
  }
  await settle()
  expect(heard).toContain(0)
  expect(one.words).toEqual(['two'])
  await world.close()
})

test('[ST14] [ST30] a good-bye ends the wait for a sibling, and closing leaves no lock held or waited for', async () => {
  const world = await createWorld(34)
  const shared = memoryStorage()
  const tabs = [mortalTab(shared), mortalTab(shared), mortalTab(shared)]
  const sides = tabs.map(() => listener())
  const stores = []
  for (const [i, { storage }] of tabs.entries()) stores.push(await world.open({ storage, presence: sides[i]!.maker }))
  const quiet = tabs.map(({ locks }) => locks)
  sides.forEach((side, i) => side.say(`tab ${i}`))
  await settle()
  expect(sides.map(({ words }) => words.length)).toEqual([2, 2, 2])
  expect(tabs.map(({ locks }, i) => locks - quiet[i]!)).toEqual([3, 3, 3])
  sides[2]!.say(null)
  await settle()
  expect(sides.map(({ words }) => words.length)).toEqual([1, 1, 2])
  expect(tabs.map(({ locks }, i) => locks - quiet[i]!)).toEqual([2, 2, 3])
  sides[2]!.say('again')
  await settle()
  expect(sides.map(({ words }) => words.length)).toEqual([2, 2, 2])
  for (const [i, store] of stores.entries()) {
    await store.close()
    await settle()
    expect(tabs[i]!.locks).toBe(0)
  }
  await world.close()
})

test('[ST30] without locks presence is shown all the same, and a good-bye ends it', async () => {
  const world = await createWorld(35)
  const { openLog, channels } = memoryStorage()
  const bare: Storage = { openLog, channels: channels! }
  const [one, two] = [listener(), listener()]
  await world.open({ storage: bare, presence: one.maker })
  const second = await world.open({ storage: bare, presence: two.maker })
  two.say('two')
  await settle()
  expect(one.words).toEqual(['two'])
  await second.close()
  await settle()
  expect(one.words).toEqual([])
  await world.close()
})

test('[ST30] a lock that cannot be asked for is reported, and presence is told', async () => {
  const world = await createWorld(36)
  const shared = memoryStorage()
  const errors: unknown[] = []
  const refusing: Storage = {
    ...shared,
    locks: {
      ...shared.locks!,
      tryHold: (name) => (name.startsWith('tab ') ? Promise.reject(new Error('denied')) : shared.locks!.tryHold(name)),
    },
  }
  const far = listener()
  const near = listener()
  await world.open({ transport: world.wire(), presence: far.maker })
  await world.open({
    storage: refusing,
    transport: world.wire(),
    presence: near.maker,
    onError: (error) => errors.push(error),
  })
  await world.clock.pass(100)
  near.say('near')
  await world.clock.pass(100)
  expect([far.words, errors]).toMatchObject([['near'], [{ message: 'denied' }]])
  await world.close()
})

test('[ST30] a tab whose storage fails runs a link for a while, and nobody is lost by that', async () => {
  const world = await createWorld(37)
  const shared = memoryStorage()
  let isFull = false
  const brittle = brittleStorage(shared, () => (isFull ? new Error('the disk is full') : undefined))
  const wires = [world.wire(), world.wire(), world.wire()]
  const [elected, failing, third, far] = [listener(), listener(), listener(), listener()]
  await world.open({ storage: shared, transport: wires[0]!, presence: elected.maker })
  const store = await world.open({ storage: brittle, transport: wires[1]!, presence: failing.maker })
  await world.open({ storage: shared, transport: wires[2]!, presence: third.maker })
  await world.open({ transport: world.wire(), presence: far.maker })
  await world.clock.pass(100)
  far.say('far')
  await world.clock.pass(100)
  const near = [elected, failing, third]
  const see = (): boolean[] => near.map(({ words }) => words.includes('far'))
  expect(see()).toEqual([true, true, true])

  wires[1]!.isWhole = false
  isFull = true
  const receipt = store.transact((tx) => tx.add(counter('votes'), 1))
  await expect(receipt.durable()).rejects.toMatchObject({ code: 'storage-failed' })
  await world.clock.pass(100)
  expect(see()).toEqual([true, true, true])
  wires[1]!.mend()
  await world.clock.pass(60_000)
  expect(wires.map(({ connections }) => connections)).toEqual([1, 1, 0])
  expect(see()).toEqual([true, true, true])
  isFull = false
  await world.clock.pass(60_000)
  expect(wires.map(({ connections }) => connections)).toEqual([1, 0, 0])
  expect([see(), store.status.link]).toEqual([[true, true, true], 'online'])
  await world.close()
})
