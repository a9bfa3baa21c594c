import { counter, lww } from '@syncline/merge'
import { agent, type StmErrorCode } from '@syncline/stm'
import { expect, test } from 'vitest'
import { memoryStorage, openStore, StoreError, type Store } from '../src/index.ts'
import { createWorld, seededChance, settle, virtualClock } from './world.ts'

const total = lww('total', 0)
const trail = lww<readonly string[]>('trail', [])
const others = counter('others')

/** A promise, and how to end it. */
function gate<T = void>(): { readonly promise: Promise<T>; open(value: T): void; break(error: unknown): void } {
  let [open, fail] = [(_value: T): void => undefined, (_error: unknown): void => undefined]
  const promise = new Promise<T>((resolve, reject) => ([open, fail] = [resolve, reject]))
  return { promise, open, break: fail }
}

interface Opened {
  readonly store: Store
  readonly clock: ReturnType<typeof virtualClock>
  readonly errors: unknown[]
}

async function open(storage = memoryStorage()): Promise<Opened> {
  const errors: unknown[] = []
  const clock = virtualClock()
  const onError = (error: unknown): void => void errors.push(error)
  const store = await openStore({ space: 'board', storage, clock, chance: seededChance(7), onError })
  return { store, clock, errors }
}

const adder = agent('adder', total, {
  actions: {
    add: (state, n: number) => state + n,
    fail(state, why: string) {
      if (state >= 0) throw new Error(why)
      return state
    },
  },
})
const walker = agent('walker', trail, {
  actions: {
    step: (steps, name: string) => [...steps, name],
    async wait(steps, name: string) {
      for (let i = 0; i < 5; i++) await Promise.resolve()
      return [...steps, name]
    },
  },
})
const refusal = (code: StmErrorCode): unknown => expect.objectContaining({ name: 'StmError', code })

test('[AG1] actions run one at a time, in the order in which they were sent, and not before send has returned', async () => {
  const { store } = await open()
  const live = store.agent(walker)
  const expected: string[] = []
  for (let i = 0; i < 50; i++) {
    live.send(i % 3 === 0 ? 'wait' : 'step', `${i}`)
    expected.push(`${i}`)
  }
  expect([live.state, live.status]).toEqual([[], 'busy'])
  await live.idle()
  expect([live.state, live.status, store.get(trail)]).toEqual([expected, 'idle', expected])
  await store.close()
})

test('[AG1] two actions of one agent never overlap, and each commits by itself', async () => {
  const { store } = await open()
  let running = 0
  const most: number[] = []
  const slow = agent('slow', total, {
    actions: {
      async add(state, n: number) {
        most.push((running += 1))
        await settle()
        running -= 1
        return state + n
      },
    },
  })
  const seqs = await Promise.all(
    [1, 2, 3].map(async (n) => (await store.agent(slow).send('add', n).committed()).change!.seq),
  )
  expect([seqs, most, store.get(total)]).toEqual([[1, 2, 3], [1, 1, 1], 6])
  await store.close()
})

test('[AG2] the state can be read at any time, and is what was committed last', async () => {
  const { store } = await open()
  const arrived = gate<string>()
  const loader = agent('loader', trail, {
    actions: { load: async (steps, name: string) => [...steps, name, await arrived.promise] },
  })
  const live = store.agent(loader)
  const sent = live.send('load', 'asked')
  await settle()
  expect([live.state, live.status]).toEqual([[], 'busy'])
  arrived.open('answered')
  const receipt = await sent.committed()
  expect([receipt.value, live.state]).toEqual([
    ['asked', 'answered'],
    ['asked', 'answered'],
  ])
  await receipt.durable()
  await store.close()
})

test('[AG3] what an action sends is done after it, on the state that it made, and dropped when it throws', async () => {
  const { store } = await open()
  const seen: string[] = []
  const echo = agent('echo', trail, {
    actions: {
      hear(steps, word: string) {
        seen.push(`${word} on ${steps.join(',')}`)
        return [...steps, word]
      },
    },
  })
  const shout = agent('shout', lww('volume', 0), {
    onError: 'continue',
    actions: {
      twice(volume, word: string, tx) {
        tx.set(trail, [...tx.get(trail), 'shouted'])
        tx.send(echo, 'hear', word)
        tx.send(echo, 'hear', word.toUpperCase())
        if (word === 'no') throw new Error('not this word')
        return volume + 1
      },
      async later(volume, word: string, tx) {
        tx.send(echo, 'hear', word)
        await Promise.resolve()
        if (word === 'no') throw new Error('not this word either')
        expect(seen).not.toContain(`${word} on shouted`)
        return volume + 1
      },
    },
  })
  const live = store.agent(shout)
  for (const word of ['no', 'yes']) live.send('twice', word)
  for (const word of ['no', 'late']) live.send('later', word)
  await live.idle()
  await store.agent(echo).idle()
  expect(seen).toEqual(['yes on shouted', 'YES on shouted,yes', 'late on shouted,yes,YES'])
  expect(live.state).toBe(2)
  await store.close()
})

test('[AG4] [UN3] an agent that failed refuses sends, keeps what was sent, and goes on when it is restarted', async () => {
  const { store, errors } = await open()
  const live = store.agent(adder)
  live.send('add', 1)
  const bad = live.send('fail', 'no more')
  const kept = live.send('add', 10)
  await expect(bad.committed()).rejects.toThrow('no more')
  expect([live.status, live.state]).toEqual(['failed', 1])
  expect(live.error).toEqual(new Error('no more'))
  expect(errors).toEqual([expect.objectContaining({ code: 'agent-failed', cause: live.error })])
  const failed: unknown = expect.objectContaining({ code: 'agent-failed' })
  expect(() => live.send('add', 1)).toThrow(failed)
  expect(() => store.transact((tx) => (tx.add(others, 1), tx.send(adder, 'add', 1)))).toThrow(failed)
  expect(store.get(others)).toBe(0)
  await expect(store.transactAsync(async (tx) => tx.send(adder, 'add', 1))).rejects.toMatchObject({
    code: 'agent-failed',
  })
  await expect(live.idle()).rejects.toMatchObject({ code: 'agent-failed' })

  await live.restart(100)
  expect((await kept.committed()).value).toBe(110)
  expect([live.status, live.error, live.state]).toEqual(['idle', undefined, 110])
  // Nobody who undoes means the mending of an agent.
  expect(store.undoStack().undoable).toBe(false)
  await store.close()
})

test('[AG4] a restart may clear what was sent; who waits for it is told', async () => {
  const { store } = await open()
  const live = store.agent(adder)
  live.send('fail', 'no more')
  const waiting = live.send('add', 10).committed()
  await expect(live.idle()).rejects.toMatchObject({ code: 'agent-failed' })
  await live.restart(5, { clear: true })
  await expect(waiting).rejects.toMatchObject({ code: 'agent-failed' })
  await live.idle()
  expect(live.state).toBe(5)
  live.send('add', 1)
  await live.idle()
  expect(live.state).toBe(6)
  await store.close()
})

test('[AG4] a restart with a state that its ref does not take leaves it failed; one that has not failed is not restarted', async () => {
  const { store } = await open()
  const live = store.agent(adder)
  await expect(live.restart(1)).rejects.toMatchObject({ code: 'agent-running' })
  live.send('fail', 'no more')
  await expect(live.idle()).rejects.toMatchObject({ code: 'agent-failed' })
  const send = (): unknown => live.send('add', 1)
  // The compiler would refuse it.
  await expect(live.restart('five' as unknown as number)).rejects.toMatchObject({ code: 'invalid-value' })
  expect([live.status, live.state]).toEqual(['failed', 0])
  expect(send).toThrow(expect.objectContaining({ code: 'agent-failed' }))
  await live.restart(0)
  expect([live.status, live.state]).toEqual(['idle', 0])
  await store.close()
})

test('[AG4] an action that makes a state which its ref does not take fails the agent', async () => {
  const { store } = await open()
  const wrong = agent('wrong', total, { actions: { spoil: () => 'five' as unknown as number } })
  await expect(store.agent(wrong).send('spoil').committed()).rejects.toMatchObject({ code: 'invalid-value' })
  expect([store.agent(wrong).status, store.get(total)]).toEqual(['failed', 0])
  await store.close()
})

test('[AG5] an agent that is to continue skips an action that throws, and the error is reported', async () => {
  const { store, errors } = await open()
  const steady = agent('steady', total, { actions: adder.actions, onError: 'continue' })
  const live = store.agent(steady)
  live.send('add', 1)
  const bad = live.send('fail', 'skip me')
  live.send('add', 2)
  await live.idle()
  expect([live.state, live.status, live.error]).toEqual([3, 'idle', undefined])
  expect(errors).toEqual([expect.objectContaining({ code: 'action-failed', cause: new Error('skip me') })])
  await expect(bad.committed()).rejects.toThrow('skip me')
  await store.close()
})

test('[AG6] to wait for an agent, to restart it or to send to it directly is refused in a body', async () => {
  const { store } = await open()
  const live = store.agent(adder)
  const sent = live.send('add', 1)
  const inBody = refusal('io-in-transaction')
  store.transact((tx) => {
    expect(() => live.idle()).toThrow(inBody)
    expect(() => sent.committed()).toThrow(inBody)
    expect(() => live.restart(1)).toThrow(inBody)
    expect(() => live.send('add', 1)).toThrow(inBody)
    tx.add(others, 1)
  })
  const waiting = agent('waiting', trail, {
    actions: {
      async wait(steps) {
        await live.idle()
        return steps
      },
    },
  })
  await expect(store.agent(waiting).send('wait').committed()).rejects.toMatchObject({ code: 'io-in-transaction' })
  await live.idle()
  expect([live.state, store.get(others)]).toEqual([1, 1])
  await store.close()
})

test('[AG7] an action that awaits holds up its own agent only', async () => {
  const { store } = await open()
  const arrived = gate<string>()
  const loader = agent('loader', trail, {
    actions: { load: async (steps, name: string) => [...steps, name, await arrived.promise] },
  })
  const slow = store.agent(loader)
  slow.send('load', 'asked')
  const live = store.agent(adder)
  for (let n = 0; n < 10; n++) live.send('add', 1)
  await live.idle()
  expect([live.state, slow.status, slow.state]).toEqual([10, 'busy', []])
  arrived.open('answered')
  await slow.idle()
  expect(slow.state).toEqual(['asked', 'answered'])
  await store.close()
})

test('[AG7] an agent that sends to itself for ever lets the page have its turns', async () => {
  const { store, clock } = await open()
  let runs = 0
  const self: { agent: () => ReturnType<typeof make> } = { agent: () => made }
  function make() {
    return agent('ever', total, {
      actions: {
        next(state, _input: null, tx): number {
          runs += 1
          tx.send(self.agent(), 'next', null)
          return state + 1
        },
      },
    })
  }
  const made = make()
  store.agent(made).send('next', null)
  await settle()
  const first = runs
  expect(first).toBe(1000)
  await settle()
  expect(runs).toBe(first)
  await clock.pass(1)
  expect(runs).toBeGreaterThan(first)
  await store.close()
  const last = runs
  await clock.pass(100)
  expect([runs, clock.timers]).toEqual([last, 0])
})

test('[AG8] sends of a transaction are held until it commits, and come in their order', async () => {
  const { store } = await open()
  const live = store.agent(walker)
  store.changes(trail, () => undefined)
  const stop = store.changes(others, ({ value }) => {
    if (value < 2) store.transact((tx) => (tx.add(others, 1), tx.send(walker, 'step', 'of a listener')))
  })
  const receipt = store.transact((tx) => {
    tx.send(walker, 'step', 'first')
    tx.add(others, 1)
    tx.send(walker, 'wait', 'second')
    tx.effect('mail', { to: 'ada' })
    expect(live.status).toBe('idle')
  })
  expect(live.status).toBe('busy')
  expect(receipt.change!.effects.map(({ handler, input }) => [handler, input])).toEqual([
    ['agent:walker/step', 'first'],
    ['agent:walker/wait', 'second'],
    ['mail', { to: 'ada' }],
  ])
  await live.idle()
  expect(live.state).toEqual(['first', 'second', 'of a listener'])
  stop()
  await store.close()
})

test('[AG8] a transaction that only sends commits, and its sends are done', async () => {
  const { store } = await open()
  const receipt = store.transact((tx) => tx.send(adder, 'add', 4))
  expect(receipt.change?.ops).toEqual([])
  await receipt.durable()
  await store.agent(adder).idle()
  expect(store.get(total)).toBe(4)
  await store.close()
})

test('[AG8] sends are dropped with what is undone: throw, savepoint, orElse, another run', async () => {
  const { store } = await open()
  const live = store.agent(walker)
  expect(() =>
    store.transact((tx) => {
      tx.send(walker, 'step', 'thrown')
      throw new Error('no')
    }),
  ).toThrow('no')
  store.transact((tx) => {
    try {
      tx.savepoint((inner) => {
        inner.send(walker, 'step', 'rolled back')
        throw new Error('no')
      })
    } catch {
      tx.send(walker, 'step', 'after the savepoint')
    }
    tx.savepoint((inner) => inner.send(walker, 'step', 'kept savepoint'))
    tx.orElse(
      (left) => {
        left.send(walker, 'step', 'left')
        return left.retry()
      },
      (right) => right.send(walker, 'step', 'right'),
    )
  })
  let runs = 0
  await store.transactAsync(async (tx) => {
    runs += 1
    tx.get(others)
    tx.send(walker, 'step', `run ${runs}`)
    await Promise.resolve()
    if (runs === 1) store.transact((other) => other.add(others, 1))
  })
  await live.idle()
  expect(live.state).toEqual(['after the savepoint', 'kept savepoint', 'right', 'run 2'])
  await store.close()
})

test('[AG8] an effect cannot have the name of a send', async () => {
  const { store } = await open()
  expect(() => store.transact((tx) => tx.effect('agent:adder/add', 1))).toThrow(refusal('invalid-write'))
  // The compiler would refuse the next ones.
  const untyped = adder as unknown as typeof walker
  expect(() => store.transact((tx) => tx.send(untyped, 'step', 'x'))).toThrow('It has add, fail.')
  expect(() => store.agent(untyped).send('step', 'x')).toThrow(refusal('invalid-write'))
  expect(() => store.agent(untyped).send('toString' as 'step', 'x')).toThrow(refusal('invalid-write'))
  expect(() => store.transact((tx) => tx.send(adder, 'add', (() => 1) as unknown as number))).toThrow(
    refusal('invalid-value'),
  )
  expect(store.snapshot.get(total)).toBe(0)
  await store.close()
})

test('[AG9] a send is done by the tab that committed it, once, and not again after a reload', async () => {
  const storage = memoryStorage()
  const { store } = await open(storage)
  const { store: sibling } = await open(storage)
  const acted: string[] = []
  const noting = (tab: string) =>
    agent('noting', trail, { actions: { note: (steps, word: string) => (acted.push(tab), [...steps, word]) } })
  sibling.agent(noting('sibling'))
  await store.transact((tx) => tx.send(noting('own'), 'note', 'x')).durable()
  await settle()
  expect([acted, sibling.get(trail)]).toEqual([['own'], ['x']])
  await store.close()
  await sibling.close()
  const { store: again } = await open(storage)
  again.agent(noting('again'))
  await settle()
  expect([acted, again.get(trail)]).toEqual([['own'], ['x']])
  await again.close()
})

test('[AG10] closing rejects what waits, and nothing is done any more', async () => {
  const { store, clock, errors } = await open()
  const never = gate()
  const stuck = agent('stuck', trail, {
    actions: { wait: async (steps) => (await never.promise, [...steps, 'late']) },
  })
  const live = store.agent(stuck)
  const ends = [live.send('wait').committed(), live.send('wait').committed(), live.idle()]
  await settle()
  const closing = store.close()
  for (const end of ends) await expect(end).rejects.toMatchObject({ code: 'closed' })
  await closing
  expect(() => live.send('wait')).toThrow(expect.objectContaining({ code: 'closed' }))
  await expect(live.idle()).rejects.toBeInstanceOf(StoreError)
  never.open()
  await settle()
  expect([store.get(trail), clock.timers, errors]).toEqual([[], 0, []])
})

test('[AG11] an agent has one object in a store, its newest actions, and one ref', async () => {
  const { store } = await open()
  const live = store.agent(adder)
  expect(store.agent(adder)).toBe(live)
  const reloaded = agent('adder', total, { actions: { add: (state, n: number) => state + 100 * n } })
  expect(store.agent(reloaded)).toBe(live)
  live.send('add', 1)
  await live.idle()
  expect(live.state).toBe(100)
  const clashing = agent('adder', lww('elsewhere', 0), { actions: { add: (state) => state } })
  expect(() => store.agent(clashing)).toThrow(expect.objectContaining({ code: 'agent-clash' }))
  expect(() => store.transact((tx) => (tx.add(others, 1), tx.send(clashing, 'add')))).toThrow('another name')
  expect(store.get(others)).toBe(0)
  expect(() => agent('a b', total, { actions: {} })).toThrow(refusal('invalid-address'))
  expect(() => agent('a', total, { actions: { 'a/b': (state) => state } })).toThrow(refusal('invalid-address'))
  await store.close()
})

test('[AG1] an action runs again when its ref has moved under it, and none is lost', async () => {
  const world = await createWorld(3)
  const storage = memoryStorage()
  const store = await world.open({ storage })
  let runs = 0
  const slow = agent('slow', total, {
    actions: {
      async add(state, n: number) {
        runs += 1
        await Promise.resolve()
        if (runs === 1) store.transact((tx) => tx.set(total, 50))
        return state + n
      },
    },
  })
  await store.agent(slow).send('add', 1).committed()
  expect([store.get(total), runs]).toEqual([51, 2])
  await world.close()
})

test('[AG1] [AG3] agents of a browser ref: those of several tabs work beside each other and lose nothing', async () => {
  const world = await createWorld(4)
  const storage = memoryStorage()
  const tabs = await Promise.all(Array.from({ length: 3 }, () => world.open({ storage })))
  const shared = lww('shared', 0, { arbiter: 'browser' })
  const log = lww<readonly string[]>('log', [], { arbiter: 'browser' })
  const done = agent('done', log, { actions: { note: (lines, line: string) => [...lines, line] } })
  const clerk = agent('clerk', shared, {
    actions: {
      add(state, n: number, tx) {
        tx.send(done, 'note', `${n}`)
        return state + n
      },
      async addLater(state, n: number, tx) {
        tx.send(done, 'note', `${n}`)
        await Promise.resolve()
        return state + n
      },
    },
  })
  const numbers = Array.from({ length: 60 }, (_, i) => i)
  for (const n of numbers) tabs[n % 3]!.agent(clerk).send(n % 2 === 0 ? 'add' : 'addLater', n)
  const idle = Promise.all(tabs.map((tab) => tab.agent(clerk).idle()))
  for (let i = 0; i < 100; i++) await world.clock.pass(100)
  await idle
  const noted = Promise.all(tabs.map((tab) => tab.agent(done).idle()))
  for (let i = 0; i < 100; i++) await world.clock.pass(100)
  await noted
  await settle()
  for (const tab of tabs) {
    expect(tab.get(shared)).toBe((59 * 60) / 2)
    const lines = tab.get(log).map(Number)
    expect([...lines].sort((a, b) => a - b)).toEqual(numbers)
    // Of what one tab sent, nothing has overtaken anything.
    for (const rest of [0, 1, 2]) {
      const own = lines.filter((n) => n % 3 === rest)
      expect(own).toEqual([...own].sort((a, b) => a - b))
    }
  }
  await world.close()
})

test('[AG3] [AG8] an agent of a relay ref: refused runs send nothing, and of two clients none is lost', async () => {
  const world = await createWorld(5)
  const clients = [await world.open({ transport: world.wire() }), await world.open({ transport: world.wire() })]
  await world.clock.pass(100)
  const seats = lww('seats', 10, { arbiter: 'relay' })
  const noted = agent('noted', trail, { actions: { note: (notes, note: string) => [...notes, note] } })
  let runs = 0
  const booking = agent('booking', seats, {
    actions: {
      async take(left, who: string, tx) {
        runs += 1
        tx.send(noted, 'note', `${who} has ${left}`)
        await Promise.resolve()
        return left - 1
      },
    },
  })
  const sent = clients.flatMap((client, i) => [1, 2, 3].map(() => client.agent(booking).send('take', `client ${i}`)))
  const receipts = Promise.all(sent.map((one) => one.committed()))
  await world.clock.pass(60_000)
  expect((await receipts).map(({ value }) => value).sort((a, b) => a - b)).toEqual([4, 5, 6, 7, 8, 9])
  await Promise.all(clients.map((client) => client.agent(noted).idle()))
  await world.clock.pass(60_000)
  expect(clients.map((client) => client.get(seats))).toEqual([4, 4])
  // Runs that the relay refused, or that were overtaken, have left nothing.
  expect(runs).toBeGreaterThan(6)
  const notes = clients.flatMap((client) => client.agent(noted).state)
  expect(new Set(notes).size).toBe(6)
  await world.close()
})

test('[AG8] what a transaction on relay refs sends comes before what its listeners send', async () => {
  const world = await createWorld(6)
  const [wire, storage] = [world.wire(), memoryStorage()]
  // The first tab runs the link, the second hears of the relay through the log.
  const tabs = [await world.open({ transport: wire, storage }), await world.open({ transport: wire, storage })]
  await world.clock.pass(100)
  for (const [i, tab] of tabs.entries()) {
    const seats = lww(`seats${i}`, 10, { arbiter: 'relay' })
    const noted = agent(`noted${i}`, trail, { actions: { note: (notes, note: string) => [...notes, note] } })
    tab.changes(seats, () => tab.agent(noted).send('note', `listener ${i}`))
    const committed = tab.transactAsync(
      (tx) => {
        tx.set(seats, 9)
        tx.send(noted, 'note', `body ${i}`)
      },
      { arbiter: 'relay' },
    )
    await world.clock.pass(1_000)
    await committed
    await tab.agent(noted).idle()
    await world.clock.pass(1_000)
  }
  expect(tabs[0]!.get(trail)).toEqual(['body 0', 'listener 0', 'body 1', 'listener 1'])
  await world.close()
})

test('[AG13] an action on a relay ref waits for a link, in its turn, and only what it throws itself is a failure', async () => {
  const world = await createWorld(5)
  const wire = world.wire()
  const store = await world.open({ transport: wire })
  const elsewhere = await world.open({ transport: world.wire() })
  const stock = lww('stock', 10, { arbiter: 'relay' })
  let runs = 0
  const keeper = agent('keeper', stock, {
    actions: {
      take(left, n: number) {
        runs += 1
        return left - n
      },
      async ask() {
        await Promise.resolve()
        throw new StoreError('offline', 'Somebody else cannot be reached.')
      },
    },
  })
  await world.clock.pass(100)
  wire.cut()
  await world.clock.pass(60_000)
  expect(store.status.link).toBe('waiting')

  const live = store.agent(keeper)
  const sent = [live.send('take', 1), live.send('take', 2), live.send('take', 3)]
  await world.clock.pass(60_000)
  // Tried again at each attempt of the link, it would have run many times.
  expect([live.status, live.error, live.state, runs]).toEqual(['busy', undefined, 10, 1])
  await elsewhere.transactAsync((tx) => tx.set(stock, 100), { arbiter: 'relay' })
  wire.mend()
  await world.clock.pass(60_000)
  expect(await Promise.all(sent.map(async (one) => (await one.committed()).value))).toEqual([99, 97, 94])
  expect([live.status, elsewhere.get(stock)]).toEqual(['idle', 94])

  const asked = live.send('ask').committed()
  asked.catch(() => undefined)
  await world.clock.pass(100)
  await expect(asked).rejects.toMatchObject({ code: 'offline' })
  expect(live.status).toBe('failed')
  await live.restart(50)

  store.disconnect()
  const last = live.send('take', 1).committed()
  last.catch(() => undefined)
  await world.clock.pass(1_000)
  expect(live.status).toBe('busy')
  await store.close()
  await expect(last).rejects.toMatchObject({ code: 'closed' })
  await expect(world.close()).rejects.toMatchObject({ errors: [expect.objectContaining({ code: 'agent-failed' })] })
})
