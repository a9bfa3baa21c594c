import { collection, count, counter, list, lww, place } from '@syncline/merge'
import { changeId, type AnyRef } from '@syncline/stm'
import { expect, test } from 'vitest'
import { everything, memoryStorage, type Store } from '../src/index.ts'
import { createWorld, settle } from './world.ts'

const title = lww('title', 'untitled')
const secret = lww('secret', '')
const stars = counter('stars')
const steps = list<string>('steps')
const cards = collection('cards', { title: '', votes: count(), at: place() })

const readAll = (store: Store): unknown => [
  store.get(title),
  store.get(stars),
  store.get(steps),
  [...store.items(cards)],
  store.get(cards.list('todo')),
]

test('[UN1] undo takes back transactions over several refs, the newest first, each as one Change; redo does them again', async () => {
  const world = await createWorld(1)
  const store = await world.open()
  const states = [readAll(store)]
  const note = (): unknown => states.push(readAll(store))
  store.transact((tx) => {
    tx.set(title, 'Plan')
    tx.add(stars, 0.1)
    tx.insert(steps, 0, ['x', 'y'])
  })
  note()
  store.transact((tx) => {
    for (const id of ['a', 'b']) {
      tx.create(cards.at(id), { title: id })
      tx.move(cards.at(id), cards.list('todo'))
    }
    tx.add(stars, 0.2)
  })
  note()
  store.transact((tx) => {
    tx.delete(cards.at('a'))
    tx.set(title, 'Plan B')
    tx.reorder(steps, 0, 1)
  })
  note()
  for (let round = 0; round < 2; round++) {
    for (const state of states.slice(0, -1).toReversed()) {
      let commits = 0
      const stop = store.changes(everything, () => (commits += 1))
      expect(store.undo()).toMatchObject({ superseded: [], irreversible: [] })
      stop()
      expect([readAll(store), commits]).toEqual([state, 1])
    }
    expect(store.undo().change).toBe(undefined)
    for (const state of states.slice(1)) {
      expect(store.redo().change).not.toBe(undefined)
      expect(readAll(store)).toEqual(state)
    }
    expect(store.redo().change).toBe(undefined)
  }
  await world.close()
})

test('[UN1] a new transaction clears what can be done again', async () => {
  const world = await createWorld(2)
  const store = await world.open()
  store.transact((tx) => tx.set(title, 'A'))
  store.transact((tx) => tx.set(title, 'B'))
  store.undo()
  const stack = store.undoStack()
  expect([stack.undoable, stack.redoable]).toEqual([true, true])
  store.transact((tx) => tx.set(title, 'C'))
  expect([stack.undoable, stack.redoable]).toEqual([true, false])
  store.undo()
  store.undo()
  expect([store.get(title), stack.undoable, stack.redoable]).toEqual(['untitled', false, true])
  await world.close()
})

test('[UN2] transactions of one group are one step, until something else comes between', async () => {
  const world = await createWorld(3)
  const store = await world.open()
  const type = (value: string, group?: string): unknown =>
    store.transact((tx) => tx.set(title, value), group === undefined ? {} : { undo: { group } })
  type('P', 'typing')
  type('Pl', 'typing')
  store.transact((tx) => tx.add(stars, 1))
  type('Pla', 'typing')
  type('Plan', 'typing')
  const { change } = store.undo()
  expect(change!.ops).toHaveLength(1)
  expect(store.get(title)).toBe('Pl')
  store.undo()
  expect([store.get(title), store.get(stars)]).toEqual(['Pl', 0])
  // Whoever has gone back does not go on with what they did before.
  type('Plus', 'typing')
  store.undo()
  expect(store.get(title)).toBe('Pl')
  store.undo()
  expect(store.get(title)).toBe('untitled')
  await world.close()
})

test('[UN2] the transactions in group() are one step, whatever they throw and however they are nested', async () => {
  const world = await createWorld(4)
  const store = await world.open()
  const stack = store.undoStack()
  const given = stack.group(() => {
    store.transact((tx) => tx.set(title, 'A'))
    expect(() =>
      stack.group(() => {
        store.transact((tx) => tx.add(stars, 1))
        throw new Error('not this one')
      }),
    ).toThrow('not this one')
    store.transact((tx) => tx.set(title, 'B'), { undo: { group: 'other' } })
    return 7
  })
  store.transact((tx) => tx.set(title, 'C'))
  expect(given).toBe(7)
  store.undo()
  expect([store.get(title), store.get(stars)]).toEqual(['B', 1])
  store.undo()
  expect([store.get(title), store.get(stars), stack.undoable]).toEqual(['untitled', 0, false])
  store.redo()
  expect([store.get(title), store.get(stars)]).toEqual(['B', 1])
  await world.close()
})

test('[UN3] a transaction that is not to be undone leaves alone what can be', async () => {
  const world = await createWorld(5)
  const store = await world.open()
  store.transact((tx) => tx.set(title, 'A'))
  store.undo()
  const { change } = store.transact((tx) => tx.add(stars, 1), { undo: false })
  const stack = store.undoStack()
  expect([stack.undoable, stack.redoable, stack.inverse(changeId(change!))]).toEqual([false, true, undefined])
  store.redo()
  expect([store.get(title), store.get(stars)]).toEqual(['A', 1])
  await world.close()
})

test('[UN3] a transaction that awaits can be undone as others', async () => {
  const world = await createWorld(6)
  const store = await world.open()
  await store.transactAsync(async (tx) => {
    tx.set(title, await Promise.resolve('A'))
  })
  await store.transactAsync((tx) => tx.add(stars, 1), { undo: { scope: 'other' } })
  store.undo()
  expect([store.get(title), store.get(stars)]).toEqual(['untitled', 1])
  store.undoStack('other').undo()
  expect(store.get(stars)).toBe(0)
  await world.close()
})

test('[UN4] what others wrote later stays and is named, and the rest goes back', async () => {
  const world = await createWorld(7)
  const [mine, theirs] = [await world.open({ transport: world.wire() }), await world.open({ transport: world.wire() })]
  await world.clock.pass(100)
  mine.transact((tx) => {
    tx.create(cards.at('a'), { title: 'mine' })
    tx.set(title, 'mine')
    tx.add(stars, 2)
  })
  await world.clock.pass(100)
  theirs.transact((tx) => {
    tx.patch(cards.at('a'), { title: 'theirs' })
    tx.add(stars, 40)
  })
  await world.clock.pass(100)
  const { superseded } = mine.undo()
  const keys = (refs: readonly AnyRef[]): readonly string[] => refs.map(({ key }) => key)
  expect(superseded.map(({ key, part }) => [key, part])).toEqual([[keys([cards.at('a')])[0], 'title']])
  await world.clock.pass(100)
  for (const store of [mine, theirs]) {
    expect([store.get(title), store.get(stars), store.get(cards.at('a'))?.title]).toEqual(['untitled', 40, 'theirs'])
  }
  mine.redo()
  await world.clock.pass(100)
  expect([theirs.get(title), theirs.get(stars), theirs.get(cards.at('a'))?.title]).toEqual(['mine', 42, 'theirs'])
  await world.close()
})

test('[UN4] what was put back is known as our own, however often something else goes back and forth since', async () => {
  const world = await createWorld(23)
  const storage = memoryStorage()
  const store = await world.open({ storage })
  for (const word of ['A', 'B']) store.transact((tx) => tx.set(title, word))
  store.undo()
  store.transact((tx) => tx.add(stars, 1), { undo: { scope: 'sky' } })
  const sky = store.undoStack('sky')
  for (let i = 0; i < 1_100; i++) {
    sky.undo()
    sky.redo()
  }
  await store.close()
  const again = await world.open({ storage })
  again.get(title)
  const { superseded } = again.undo()
  expect([superseded, again.get(title)]).toEqual([[], 'untitled'])
  await world.close()
})

test('[UN4] a step of which nothing is left makes no Change, and is gone', async () => {
  const world = await createWorld(8)
  const [mine, theirs] = [await world.open({ transport: world.wire() }), await world.open({ transport: world.wire() })]
  await world.clock.pass(100)
  mine.transact((tx) => tx.add(stars, 1))
  mine.transact((tx) => tx.set(title, 'mine'))
  await world.clock.pass(100)
  theirs.transact((tx) => tx.set(title, 'theirs'))
  await world.clock.pass(100)
  const undone = mine.undo()
  expect([undone.change, undone.superseded.map(({ key }) => key)]).toEqual([undefined, [title.key]])
  await undone.durable()
  await undone.synced()
  mine.undo()
  expect([mine.get(title), mine.get(stars), mine.undoStack().undoable]).toEqual(['theirs', 0, false])
  mine.redo()
  expect([mine.get(stars), mine.undoStack().redoable]).toEqual([1, false])
  await world.close()
})

test('[UN5] it survives a reload, both ways, and goes on from there', async () => {
  const world = await createWorld(9)
  const storage = memoryStorage()
  const first = await world.open({ storage })
  first.transact((tx) => tx.set(title, 'A'))
  first.transact((tx) => tx.create(cards.at('a'), { title: 'a' }))
  first.transact((tx) => {
    tx.set(title, 'B')
    tx.delete(cards.at('a'))
    tx.add(stars, 1)
  })
  first.undo()
  await first.close()

  const second = await world.open({ storage })
  const stack = second.undoStack()
  expect([stack.undoable, stack.redoable]).toEqual([true, true])
  // What kinds of refs there are nobody has said yet: nothing can be done with their data, and nothing is.
  expect(() => second.redo()).toThrow(/has not met a "lww" ref yet/)
  expect([stack.undoable, stack.redoable]).toEqual([true, true])
  readAll(second)
  second.redo()
  expect([second.get(title), second.get(cards), second.get(stars)]).toEqual(['B', [], 1])
  second.undo()
  second.undo()
  await second.close()

  const third = await world.open({ storage })
  expect(readAll(third)).toEqual(['A', 0, [], [], []])
  third.undo()
  expect([third.get(title), third.undoStack().undoable]).toEqual(['untitled', false])
  third.redo()
  third.redo()
  third.redo()
  expect([third.get(title), third.get(cards), third.get(stars)]).toEqual(['B', [], 1])
  third.undo()
  expect([...third.items(cards)]).toEqual([['a', { title: 'a', votes: 0 }]])
  await world.close()
})

test('[UN5] each tab undoes its own; the next one that opens goes on with what a closed one has left', async () => {
  const world = await createWorld(10)
  const storage = memoryStorage()
  const [one, two] = [await world.open({ storage }), await world.open({ storage })]
  one.transact((tx) => tx.set(title, 'one'))
  await settle()
  two.transact((tx) => tx.add(stars, 2))
  await settle()
  one.undo()
  await settle()
  expect([two.get(title), two.get(stars)]).toEqual(['untitled', 2])
  expect([one.undoStack().undoable, two.undoStack().undoable]).toEqual([false, true])
  await two.close()

  const three = await world.open({ storage })
  const four = await world.open({ storage })
  expect([three.undoStack().undoable, four.undoStack().undoable]).toEqual([true, false])
  expect(three.get(stars)).toBe(2)
  three.undo()
  await settle()
  expect([one.get(stars), three.get(stars), four.get(stars)]).toEqual([0, 0, 0])
  one.redo()
  await settle()
  expect(four.get(title)).toBe('one')
  await world.close()
})

test('[UN5] what a tab writes while another one takes its stack over is not lost from it', async () => {
  const world = await createWorld(22)
  const storage = memoryStorage()
  const first = await world.open({ storage })
  await first.transact((tx) => tx.add(stars, 1)).durable()
  let isOver = false
  const locks = {
    ...storage.locks!,
    async tryHold(name: string) {
      if (name.startsWith('undo ') && !isOver) {
        isOver = true
        first.transact((tx) => tx.add(stars, 2))
        await first.close()
      }
      return storage.locks!.tryHold(name)
    },
  }
  const second = await world.open({ storage: { ...storage, locks } })
  expect([isOver, second.get(stars)]).toEqual([true, 3])
  second.undo()
  expect(second.get(stars)).toBe(1)
  second.undo()
  expect([second.get(stars), second.undoStack().undoable]).toEqual([0, false])
  await world.close()
})

test('[UN5] without locks nobody knows whether a tab is gone, so there is nothing to go on with', async () => {
  const world = await createWorld(11)
  const { openLog, channels } = memoryStorage()
  const storage = { openLog, channels, locks: undefined }
  const first = await world.open({ storage })
  first.transact((tx) => tx.set(title, 'A'))
  await first.close()
  const second = await world.open({ storage })
  expect([second.get(title), second.undoStack().undoable]).toEqual(['A', false])
  second.transact((tx) => tx.set(title, 'B'))
  second.undo()
  expect(second.get(title)).toBe('A')
  await world.close()
})

const forbidding = (address: string) => ({
  refuse: (header: { readonly touched: readonly { readonly address: string }[] }) =>
    header.touched.some((ref) => ref.address === address)
      ? ({ code: 'forbidden', message: 'Not yours.' } as const)
      : undefined,
})

test('[UN6] a refused Change leaves the stack, and one that was authored again can be undone, also after a reload', async () => {
  const world = await createWorld(12, forbidding('secret'))
  const wire = world.wire()
  const storage = memoryStorage()
  const store = await world.open({ transport: wire, storage })
  await world.clock.pass(100)
  wire.cut()
  store.transact((tx) => tx.set(title, 'A'))
  store.transact((tx) => tx.set(secret, 'S'))
  const { change } = store.transact((tx) => tx.set(title, 'B'))
  store.transact((tx) => tx.add(stars, 1))
  const told: boolean[] = []
  store.undoStack().onChange(() => told.push(store.undoStack().undoable))
  wire.mend()
  await world.clock.pass(60_000)
  expect([store.refused.list().length, store.get(secret), store.status.pending]).toEqual([1, '', 0])
  expect(store.undoStack().inverse(changeId(change!))?.superseded).toEqual([])
  store.undo()
  store.undo()
  expect([store.get(title), store.get(stars)]).toEqual(['A', 0])
  await world.clock.pass(1_000)
  await store.close()

  const again = await world.open({ transport: wire, storage })
  await world.clock.pass(1_000)
  expect([again.get(title), again.get(stars)]).toEqual(['A', 0])
  again.redo()
  again.redo()
  expect([again.get(title), again.get(stars)]).toEqual(['B', 1])
  for (let i = 0; i < 3; i++) again.undo()
  expect([again.get(title), again.get(stars), again.undoStack().undoable]).toEqual(['untitled', 0, false])
  expect(told).toEqual([true, false].slice(0, told.length))
  await world.close()
})

test('[UN6] steps that were undone before they were authored again go back and forth as before', async () => {
  const world = await createWorld(21, forbidding('secret'))
  const wire = world.wire()
  const storage = memoryStorage()
  const store = await world.open({ transport: wire, storage })
  await world.clock.pass(100)
  wire.cut()
  store.transact((tx) => tx.set(secret, 'S'), { undo: false })
  const states = [readAll(store)]
  for (const word of ['A', 'B', 'C']) {
    store.transact((tx) => {
      tx.set(title, word)
      if (word === 'A') tx.create(cards.at('a'), { title: word })
      else if (word === 'B') tx.patch(cards.at('a'), { title: word })
      else tx.delete(cards.at('a'))
    })
    states.push(readAll(store))
  }
  store.undo()
  store.undo()
  store.redo()
  wire.mend()
  await world.clock.pass(60_000)
  expect([store.refused.list().length, store.status.pending]).toEqual([1, 0])
  const reopened = async (before: Store): Promise<Store> => {
    await before.close()
    const after = await world.open({ transport: wire, storage })
    await world.clock.pass(100)
    return after
  }
  let now = store
  for (const isReopened of [false, true]) {
    if (isReopened) now = await reopened(now)
    expect(readAll(now)).toEqual(states[2])
    for (const state of [states[1], states[0]]) {
      expect(now.undo().superseded).toEqual([])
      expect(readAll(now)).toEqual(state)
    }
    for (const state of states.slice(1)) {
      expect(now.redo().superseded).toEqual([])
      expect(readAll(now)).toEqual(state)
    }
    now.undo()
    await world.clock.pass(1_000)
  }
  await world.close()
})

test('[UN6] a step that was undone, authored again and then refused with its undo is on no stack, also after a reload', async () => {
  const world = await createWorld(22, {
    refuse: ({ touched }) =>
      touched.some(({ address }) => address !== 'stars') ? { code: 'forbidden', message: 'Not yours.' } : undefined,
  })
  const wire = world.wire()
  const storage = memoryStorage()
  const store = await world.open({ transport: wire, storage })
  await world.clock.pass(100)
  wire.cut()
  // The refusal of this one has what follows authored again.
  store.transact((tx) => tx.set(secret, 'S'), { undo: false })
  store.transact((tx) => tx.add(stars, 1))
  const { change } = store.transact((tx) => tx.set(title, 'A'))
  store.undo()
  wire.mend()
  await world.clock.pass(60_000)
  expect([store.refused.list().length, store.get(title), store.status.pending]).toEqual([3, 'untitled', 0])
  expect(store.undoStack().inverse(changeId(change!))).toBeUndefined()
  store.undo()
  expect([store.get(stars), store.undoStack().undoable]).toEqual([0, false])
  await world.clock.pass(1_000)
  await store.close()

  const again = await world.open({ transport: wire, storage })
  await world.clock.pass(100)
  again.get(stars)
  expect([again.undoStack().undoable, again.undoStack().redoable]).toEqual([false, true])
  await world.close()
})

test('[UN6] an undo that is refused has not happened: its step can be undone again', async () => {
  let isOpen = true
  const world = await createWorld(13, {
    refuse: () => (isOpen ? undefined : { code: 'forbidden', message: 'Not now.' }),
  })
  const store = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  await store.transact((tx) => tx.set(title, 'A')).synced()
  isOpen = false
  store
    .undo()
    .synced()
    .catch(() => undefined)
  expect(store.get(title)).toBe('untitled')
  await world.clock.pass(1_000)
  const stack = store.undoStack()
  expect([store.get(title), stack.undoable, stack.redoable]).toEqual(['A', true, false])
  isOpen = true
  await store.undo().synced()
  expect([store.get(title), stack.undoable, stack.redoable]).toEqual(['untitled', false, true])
  await world.close()
})

test('[UN7] scopes are undone each by itself', async () => {
  const world = await createWorld(14)
  const store = await world.open()
  const other = store.undoStack('other')
  expect(store.undoStack('other')).toBe(other)
  store.transact((tx) => tx.set(title, 'A'), { undo: { scope: 'other' } })
  store.transact((tx) => tx.add(stars, 1))
  other.undo()
  expect([store.get(title), store.get(stars)]).toEqual(['untitled', 1])
  store.transact((tx) => tx.add(stars, 1))
  expect(other.redoable).toBe(true)
  other.redo()
  // The other scope's write stands there now.
  store.transact((tx) => tx.set(title, 'B'))
  expect(other.undo().superseded.map(({ key }) => key)).toEqual([title.key])
  expect(store.get(title)).toBe('B')
  await world.close()
})

test('[UN8] listeners hear when there is something to undo or redo, or no more, after those who watch values', async () => {
  const world = await createWorld(15)
  const errors: unknown[] = []
  const store = await world.open({ onError: (error) => errors.push(error) })
  const stack = store.undoStack()
  const heard: string[] = []
  store.changes(title, () => heard.push('value'))
  stack.onChange(() => {
    throw new Error('bad listener')
  })
  const stop = stack.onChange(() => heard.push(`${stack.undoable} ${stack.redoable}`))
  store.transact((tx) => tx.set(title, 'A'))
  store.transact((tx) => tx.set(title, 'B'))
  store.undo()
  store.undo()
  store.redo()
  expect(heard).toEqual([
    'value',
    'true false',
    'value',
    'value',
    'true true',
    'value',
    'false true',
    'value',
    'true true',
  ])
  expect(errors).toHaveLength(4)
  stop()
  store.undo()
  expect(heard).toHaveLength(10)
  await world.close()
})

test('[UN9] neither undo nor redo runs in the body of a transaction, or in a store that is closed', async () => {
  const world = await createWorld(16)
  const store = await world.open()
  store.transact((tx) => tx.set(title, 'A'))
  store.transact((tx) => {
    expect(() => store.undo()).toThrow(/undo\(\) was called in the body/)
    expect(() => store.redo()).toThrow(/redo\(\) was called in the body/)
    tx.add(stars, 1)
  })
  expect(store.get(title)).toBe('A')
  await store.close()
  expect(() => store.undo()).toThrow(/closed/)
  expect(() => store.undoStack().onChange(() => undefined)).toThrow(/closed/)
  await world.close()
})

test('[UN9] an undo that would break an invariant is refused, and can be asked for again', async () => {
  const world = await createWorld(20)
  const store = await world.open()
  const limit = lww('limit', 10)
  store.invariant('limit', (snapshot) => snapshot.get(stars) <= snapshot.get(limit) || 'Too many stars.')
  store.transact((tx) => tx.set(limit, 20))
  store.transact((tx) => tx.add(stars, 15), { undo: false })
  const { snapshot } = store
  expect(() => store.undo()).toThrow(expect.objectContaining({ code: 'invariant-failed', invariant: 'limit' }))
  expect([store.snapshot === snapshot, store.undoStack().undoable]).toEqual([true, true])
  store.transact((tx) => tx.add(stars, -5), { undo: false })
  store.undo()
  expect(store.get(limit)).toBe(10)
  store.redo()
  expect(store.get(limit)).toBe(20)
  await world.close()
})

test('[UN10] the newest 500 steps are kept, also over a reload', async () => {
  const world = await createWorld(17)
  const storage = memoryStorage()
  const first = await world.open({ storage })
  for (let i = 1; i <= 510; i++) first.transact((tx) => tx.add(stars, 1))
  await first.close()
  const second = await world.open({ storage })
  let undone = 0
  expect(second.get(stars)).toBe(510)
  while (second.undoStack().undoable) {
    second.undo()
    undone += 1
  }
  expect([undone, second.get(stars)]).toEqual([500, 10])
  for (let i = 0; i < 500; i++) second.redo()
  expect([second.get(stars), second.undoStack().redoable]).toEqual([510, false])
  await world.close()
})

test('[UN10] of large steps fewer are kept, the newest whatever it has, also over a reload', async () => {
  const world = await createWorld(19)
  const storage = memoryStorage()
  const first = await world.open({ storage })
  const counters = Array.from({ length: 20_000 }, (_, i) => counter(`c${i}`))
  const write = (many: number): void => {
    first.transact((tx) => {
      for (const one of counters.slice(0, many)) tx.add(one, 1)
    })
  }
  for (let i = 0; i < 5; i++) write(20_000)
  await first.close()
  const second = await world.open({ storage })
  expect(second.get(counters[0]!)).toBe(5)
  let undone = 0
  for (; second.undoStack().undoable; undone++) second.undo()
  expect([undone, second.get(counters[0]!)]).toEqual([2, 3])
  await world.close()
})

test('[UN10] what the log keeps for an undo follows what was written, however much there is', async () => {
  const world = await createWorld(18)
  const sizes: number[] = []
  const storage = memoryStorage()
  const measured = {
    ...storage,
    async openLog(space: string) {
      const log = await storage.openLog(space)
      return {
        ...log,
        append(entry: Uint8Array, options: Parameters<typeof log.append>[1]) {
          sizes.push(entry.length)
          return log.append(entry, options)
        },
      }
    },
  }
  const store = await world.open({ storage: measured })
  const write = async (undo: false | object): Promise<number> => {
    await store.transact((tx) => tx.patch(cards.at('7'), { title: `now ${sizes.length}` }), { undo }).durable()
    return sizes.at(-1)!
  }
  const extras: number[] = []
  for (const [from, to] of [
    [0, 10],
    [10, 2_000],
  ] as const) {
    store.transact((tx) => {
      for (let i = from; i < to; i++) tx.create(cards.at(`${i}`), { title: 'x'.repeat(20) })
    })
    await store.durable()
    const with_ = await write({})
    extras.push(with_ - (await write(false)))
  }
  expect(extras[1]).toBeLessThanOrEqual(extras[0]!)
  expect(extras[0]).toBeLessThan(150)
  await world.close()
})

test('[UN11] the inverse of a Change says what it would take, and nothing happens', async () => {
  const world = await createWorld(19)
  const store = await world.open()
  const { change } = store.transact((tx) => {
    tx.set(title, 'A')
    tx.add(stars, 1)
  })
  store.transact((tx) => tx.set(title, 'B'))
  const stack = store.undoStack()
  const inverse = stack.inverse(changeId(change!))!
  expect(inverse.ops.map(({ address, payload }) => [address, payload])).toEqual([['stars', [0, -1]]])
  expect(inverse.superseded.map(({ key }) => key)).toEqual([title.key])
  expect([store.get(title), store.get(stars)]).toEqual(['B', 1])
  expect([stack.inverse('0:1'), store.undoStack('other').inverse(changeId(change!))]).toEqual([undefined, undefined])
  await world.close()
})
