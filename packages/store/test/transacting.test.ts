import { collection, count, counter, lww, place } from '@syncline/merge'
import { decodeChange, decodeEntry, decodeLocal, type LocalPart } from '@syncline/protocol'
import type { Tx } from '@syncline/stm'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { everything, memoryStorage, openStore, type Store, type StoreOptions } from '../src/index.ts'
import { createWorld, seededChance, settle, virtualClock, type VirtualClock } from './world.ts'

const x = lww('x', 0)
const y = lww('y', 0)
const votes = counter('votes')
const cards = collection('cards', { title: '', likes: count(), at: place() })

let clock: VirtualClock
let store: Store
let errors: unknown[]

async function open(options: Partial<StoreOptions> = {}): Promise<Store> {
  const onError = (error: unknown): void => void errors.push(error)
  return openStore({ space: 'board', clock, chance: seededChance(7), onError, ...options })
}

beforeEach(async () => {
  clock = virtualClock()
  errors = []
  store = await open()
})

afterEach(async () => {
  await store.close()
  // In every test: what has ended leaves no timer behind.
  if (clock.timers > 0) throw new Error(`${clock.timers} timers are left.`)
})

/** A promise that somebody else resolves. */
function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = (): void => undefined
  const passed = new Promise<void>((resolve) => (open = resolve))
  return { passed, open }
}

/** What a promise is rejected with, for when time must pass before it is. */
function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.unreachable('It was resolved.'),
    (error: unknown) => error,
  )
}

test('[AT1] a body that awaits commits as one that does not: value, Change, receipt', async () => {
  const receipt = await store.transactAsync(
    async (tx) => {
      tx.add(votes, 1)
      await Promise.resolve()
      tx.set(x, tx.get(votes) + 1)
      return 'done'
    },
    { meta: { by: 'ada' } },
  )
  expect(receipt.value).toBe('done')
  expect(receipt.change).toMatchObject({ seq: 1, meta: { by: 'ada' }, ops: [{ tag: 'counter' }, { tag: 'lww' }] })
  expect([store.get(x), store.get(votes)]).toEqual([2, 1])
  const nothing = await store.transactAsync((tx) => tx.get(x))
  expect([nothing.value, nothing.change]).toEqual([2, undefined])
  await nothing.durable()
  await nothing.synced()
})

test('[AT1] a body that throws, late or at once, leaves nothing', async () => {
  const before = store.snapshot
  let told = 0
  store.changes(everything, () => told++)
  const throwing = store.transactAsync(async (tx) => {
    tx.set(x, 1)
    await Promise.resolve()
    throw new Error('late')
  })
  await expect(throwing).rejects.toThrow('late')
  await expect(
    store.transactAsync((tx) => {
      tx.set(x, 1)
      throw new Error('at once')
    }),
  ).rejects.toThrow('at once')
  await expect(store.transactAsync(() => 1, { meta: new Date() as never })).rejects.toMatchObject({
    code: 'invalid-value',
  })
  expect([store.snapshot === before, told, store.status.pending]).toEqual([true, 0, 0])
})

test('[AT2] what has moved makes the body run again on the newest snapshot, at once the first time and then after waits that grow', async () => {
  const began: number[] = []
  const seen: number[] = []
  const start = clock.nowMs()
  const running = store.transactAsync(async (tx) => {
    began.push(clock.nowMs() - start)
    seen.push(tx.get(x))
    await Promise.resolve()
    if (began.length <= 8) store.transact((other) => other.set(x, began.length))
    expect(tx.get(x)).toBe(seen.at(-1))
    tx.set(y, tx.get(x) + 100)
  })
  await clock.pass(1000)
  await running
  expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  expect(store.get(y)).toBe(108)
  expect(began[1]).toBe(0)
  const waits = began.slice(2).map((at, i) => at - began[i + 1]!)
  waits.forEach((wait, i) => expect(wait).toBeLessThan(Math.min(128, 2 * 2 ** i)))
  expect(new Set(waits).size).toBe(waits.length)
})

test('[AT2] the body reads one snapshot, whatever other people and other tasks commit meanwhile', async () => {
  const world = await createWorld(3)
  const [ours, theirs] = [await world.open({ transport: world.wire() }), await world.open({ transport: world.wire() })]
  await world.clock.pass(1000)
  ours.transact((tx) => tx.set(x, 1))
  await world.clock.pass(1000)
  const waiting = gate()
  const sums: number[] = []
  const running = ours.transactAsync(async (tx) => {
    const first = tx.get(x)
    if (sums.length === 0) await waiting.passed
    sums.push(first + tx.get(y))
    tx.set(y, first + 1)
  })
  // x and y always sum up to 1 for who sees one snapshot.
  theirs.transact((tx) => {
    tx.set(x, -5)
    tx.set(y, 6)
  })
  await world.clock.pass(1000)
  expect([ours.get(x), ours.get(y)]).toEqual([-5, 6])
  waiting.open()
  await world.clock.pass(1000)
  await running
  expect(sums).toEqual([1, 1])
  expect(ours.get(y)).toBe(-4)
  await world.close()
})

test('[AT3] after so many runs, or so long, it gives up and names what moved, the most contended first', async () => {
  const counts = { x: 0, y: 0 }
  const losing = store.transactAsync(
    async (tx) => {
      tx.get(y)
      tx.get(x)
      await Promise.resolve()
      counts.x += 1
      store.transact((other) => other.set(x, counts.x))
      if (counts.x === 1) store.transact((other) => other.set(y, 1))
      tx.add(votes, 1)
    },
    { attempts: 5 },
  )
  const lost = failureOf(losing)
  await clock.pass(1000)
  expect(await lost).toMatchObject({ code: 'attempts-exhausted', refs: [x.key, y.key] })
  await expect(losing).rejects.toThrow(/overtaken in each of 5 runs: it depends on "lww x", "lww y"/)
  expect([counts.x, store.get(votes)]).toEqual([5, 0])

  const stuck = store.transactAsync(() => new Promise(() => undefined), { timeoutMs: 300 })
  const patient = failureOf(stuck)
  await clock.pass(300)
  expect(await patient).toMatchObject({ code: 'attempts-exhausted', refs: [] })
  const waiting = store.transactAsync((tx) => (tx.get(votes) > 0 ? 1 : tx.retry()), { timeoutMs: 300 })
  const woken = failureOf(waiting)
  await clock.pass(300)
  expect(await woken).toMatchObject({ code: 'attempts-exhausted', refs: [votes.key] })
})

test('[AT4] retry waits without polling, and is woken only by what was read when that reads otherwise', async () => {
  let runs = 0
  const running = store.transactAsync((tx) => {
    runs += 1
    tx.peek(y)
    const ids = tx.get(cards.range({ prefix: 'a/' }))
    if (tx.get(x) < 3 && ids.length === 0) return tx.retry()
    return `${tx.get(x)} ${ids.join()}`
  })
  await settle()
  expect([runs, clock.timers]).toEqual([1, 0])
  store.transact((tx) => tx.set(y, 1))
  store.transact((tx) => tx.add(votes, 1))
  store.transact((tx) => tx.create(cards.at('b/1'), {}))
  await clock.pass(10_000)
  expect(runs).toBe(1)
  store.transact((tx) => tx.set(x, 1))
  await settle()
  expect(runs).toBe(2)
  store.transact((tx) => tx.create(cards.at('a/1'), {}))
  await settle()
  expect(runs).toBe(3)
  expect((await running).value).toBe('1 a/1')
})

test('[AT4] a hundred who wait are woken one by one, each by its own ref, and the last value counts', async () => {
  const seats = Array.from({ length: 100 }, (_, i) => lww(`seat${i}`, 0))
  const runs = seats.map(() => 0)
  const waiting = seats.map((seat, i) =>
    store.transactAsync((tx) => {
      runs[i]! += 1
      return tx.get(seat) > 0 ? tx.get(seat) : tx.retry()
    }),
  )
  await settle()
  store.transact((tx) => {
    for (const seat of seats.slice(0, 50)) tx.set(seat, 1)
  })
  for (const seat of seats.slice(50)) store.transact((tx) => tx.set(seat, 2))
  const values = await Promise.all(waiting)
  expect(values.map(({ value }) => value)).toEqual(seats.map((_, i) => (i < 50 ? 1 : 2)))
  expect(new Set(runs)).toEqual(new Set([2]))
})

test('[AT4] two who each wait for the other’s turn', async () => {
  const turn = lww<'ping' | 'pong'>('turn', 'ping')
  const said: string[] = []
  const player = async (mine: 'ping' | 'pong', other: 'ping' | 'pong'): Promise<void> => {
    for (let i = 0; i < 20; i++) {
      await store.transactAsync((tx) => {
        if (tx.get(turn) !== mine) return tx.retry()
        tx.set(turn, other)
        return undefined
      })
      said.push(mine)
    }
  }
  const both = Promise.all([player('ping', 'pong'), player('pong', 'ping')])
  await clock.pass(10_000)
  await both
  expect(said).toEqual(Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 'ping' : 'pong')))
})

test('[AT4] retry that has read nothing would wait for ever', async () => {
  await expect(store.transactAsync((tx) => tx.retry())).rejects.toMatchObject({ code: 'would-block' })
})

test('[AT5] the signal ends it wherever it is, and leaves neither a listener nor a timer', async () => {
  const reason = new Error('changed my mind')
  const inBody = new AbortController()
  const never = store.transactAsync(
    async (tx) => {
      tx.set(x, 1)
      await new Promise(() => undefined)
    },
    { signal: inBody.signal, timeoutMs: 5000 },
  )
  const waiting = new AbortController()
  let runs = 0
  const retrying = store.transactAsync(
    (tx) => {
      runs += 1
      return tx.get(y) > 0 ? 1 : tx.retry()
    },
    { signal: waiting.signal },
  )
  await settle()
  inBody.abort(reason)
  waiting.abort(reason)
  await expect(never).rejects.toBe(reason)
  await expect(retrying).rejects.toBe(reason)
  await expect(store.transactAsync(() => 1, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  store.transact((tx) => tx.set(y, 1))
  await settle()
  expect([runs, store.get(x), clock.timers]).toEqual([1, 0, 0])
})

test('[AT5] a body that ends after the end has come commits nothing, and its tx says that it is over', async () => {
  const late = gate()
  const stopping = new AbortController()
  let afterwards: unknown
  const running = store.transactAsync(
    async (tx) => {
      await late.passed
      try {
        tx.set(x, 1)
      } catch (error) {
        afterwards = error
        throw error
      }
    },
    { signal: stopping.signal },
  )
  await settle()
  stopping.abort(new Error('stop'))
  await expect(running).rejects.toThrow('stop')
  late.open()
  await settle()
  expect(afterwards).toMatchObject({ code: 'transaction-finished' })
  expect([store.get(x), errors]).toEqual([0, []])
})

test('[AT5] closing the store ends those that run and those that wait', async () => {
  const other = await open({ space: 'other' })
  const running = other.transactAsync(() => new Promise(() => undefined))
  const waiting = other.transactAsync((tx) => (tx.get(x) > 0 ? 1 : tx.retry()))
  const both = Promise.all([failureOf(running), failureOf(waiting)])
  await settle()
  await other.close()
  expect(await both).toMatchObject([{ code: 'closed' }, { code: 'closed' }])
  await expect(other.transactAsync(() => 1)).rejects.toMatchObject({ code: 'closed' })
})

test('[AT6] a slow body comes through among ten fast ones that never stop', async () => {
  const stop = { now: false }
  let fast = 0
  const worker = async (): Promise<void> => {
    while (!stop.now) {
      await store.transactAsync(async (tx) => {
        const before = tx.get(x)
        await Promise.resolve()
        tx.set(x, before + 1)
      })
      fast += 1
      await new Promise<void>((resolve) => clock.setTimer(10, resolve))
    }
  }
  let runs = 0
  const slow = store.transactAsync(
    async (tx) => {
      runs += 1
      const before = tx.get(x)
      await new Promise<void>((resolve) => clock.setTimer(50, resolve))
      tx.set(x, before + 1)
    },
    { attempts: 10 },
  )
  const workers = Array.from({ length: 10 }, worker)
  await clock.pass(500)
  await slow
  stop.now = true
  await clock.pass(500)
  await Promise.all(workers)
  expect(runs).toBe(4)
  expect(fast).toBeGreaterThan(100)
  expect(store.get(x)).toBe(fast + 1)
})

test('[AT6] who is waited for and never ends is waited for a second at most', async () => {
  let runs = 0
  const slow = store.transactAsync(
    async (tx) => {
      runs += 1
      tx.set(x, tx.get(x) + 1)
      await Promise.resolve()
      if (runs <= 3) store.transact((other) => other.set(x, runs * 10))
      // It waits for one that waits for it.
      else await store.transactAsync((other) => other.update(x, (value) => value + 1))
    },
    { attempts: 5 },
  )
  const lost = failureOf(slow)
  await clock.pass(5000)
  expect(await lost).toMatchObject({ code: 'attempts-exhausted' })
  expect([runs, store.get(x)]).toEqual([5, 32])
})

test('[AT7] sync commits never wait for a body that awaits', async () => {
  const held = gate()
  const running = store.transactAsync(async (tx) => {
    tx.set(x, tx.get(x) + 1)
    await held.passed
  })
  await settle()
  for (let i = 0; i < 10; i++) store.transact((tx) => tx.update(x, (value) => value + 1))
  expect(store.get(x)).toBe(10)
  held.open()
  await running
  expect(store.get(x)).toBe(11)
})

test('[AT8] an independent transaction stands whatever becomes of the one around it, and is told after it', () => {
  const heard: (readonly [number, number])[] = []
  store.changes(everything, ({ now }) => heard.push([now.get(x), now.get(votes)]))
  expect(() =>
    store.transact((tx) => {
      tx.set(x, 1)
      const inner = store.independent((other) => (other.add(votes, 1), tx.get(votes)))
      expect([inner.value, inner.change?.seq, store.get(votes), tx.get(votes)]).toEqual([0, 1, 1, 0])
      expect(heard).toEqual([])
      throw new Error('no')
    }),
  ).toThrow('no')
  expect(heard).toEqual([[0, 1]])
  store.transact((tx) => {
    store.independent((other) => other.add(votes, 1))
    tx.set(x, 5)
  })
  expect(heard).toEqual([
    [0, 1],
    [0, 2],
    [5, 2],
  ])
  expect(() =>
    store.transact((tx) => {
      tx.set(x, tx.get(x) + 1)
      store.independent((other) => other.set(x, 100))
    }),
  ).toThrow(expect.objectContaining({ code: 'overtaken', refs: [x.key] }))
  expect(store.get(x)).toBe(100)
  expect(() => store.transact(() => store.transact(() => 1))).toThrow('A transaction is running already')
})

test('[AT8] items of lists made by transactions inside of each other have different ids', () => {
  const todo = cards.list('todo')
  store.transact((tx) => {
    store.independent((inner) => {
      inner.create(cards.at('inner'), {})
      inner.move(cards.at('inner'), todo)
    })
    tx.create(cards.at('outer'), {})
  })
  expect(store.get(cards)).toEqual(['inner', 'outer'])
})

test('[AT9] io is refused in a body, up to its first await, and runs outside', async () => {
  let ran = 0
  const io = (): number => store.io(() => (ran += 1))
  expect(io()).toBe(1)
  expect(() => store.transact(io)).toThrow(expect.objectContaining({ code: 'io-in-transaction' }))
  await expect(store.transactAsync(io)).rejects.toMatchObject({ code: 'io-in-transaction' })
  expect(() => store.transact((tx) => tx.savepoint(io))).toThrow('io() was called in the body')
  expect(ran).toBe(1)
})

test('[AT10] in development write skew is reported, with what was read and moved', async () => {
  const strict = await open({ space: 'strict', development: true })
  const doctor = async (mine: typeof x, other: typeof x, ensure: boolean): Promise<void> => {
    await strict.transactAsync(
      async (tx) => {
        const sum = tx.get(mine) + tx.get(other)
        if (ensure) tx.ensure(other)
        await Promise.resolve()
        if (sum > 1) tx.set(mine, 0)
      },
      { isolation: 'snapshot' },
    )
  }
  const onCall = (): void => void strict.transact((tx) => [x, y].forEach((ref) => tx.set(ref, 1)))
  onCall()
  await Promise.all([doctor(x, y, false), doctor(y, x, false)])
  expect([strict.get(x), strict.get(y)]).toEqual([0, 0])
  expect(errors).toEqual([expect.objectContaining({ code: 'write-skew', refs: [x.key] })])
  onCall()
  await Promise.all([doctor(x, y, true), doctor(y, x, true)])
  expect([strict.get(x), strict.get(y)]).toEqual([0, 1])
  expect(errors).toHaveLength(1)
  await strict.close()
})

test('[AT11] a ref of another arbiter is refused, also where the compiler was told otherwise', async () => {
  const draft = lww('draft', '', { arbiter: 'browser' })
  const seat = lww('seat', '', { arbiter: 'relay' })
  const write = (tx: Tx): void => tx.set(draft as never, 'mine')
  await expect(store.transactAsync(write)).rejects.toMatchObject({ code: 'wrong-arbiter', refs: [draft.key] })
  await expect(
    store.transactAsync((tx) => tx.set(seat as never, 'mine'), { arbiter: 'browser' }),
  ).rejects.toMatchObject({ code: 'wrong-arbiter' })
  expect(() => store.transact(write)).toThrow(expect.objectContaining({ code: 'wrong-arbiter' }))
  expect([store.get(draft), store.get(seat)]).toEqual(['', ''])
})

test('[AT12] effects are on the Change, each with an id of its own, in this device’s log and nowhere else', async () => {
  const storage = memoryStorage()
  const saving = await open({ storage })
  const both = saving.transact((tx) => {
    tx.add(votes, 1)
    tx.effect('mail', { to: 'ada' })
    tx.effect('mail', { to: 'grace' })
  })
  const only = saving.transact((tx) => tx.effect('ring'))
  const effects = [...both.change!.effects, ...only.change!.effects]
  expect(effects.map(({ handler, input }) => [handler, input])).toEqual([
    ['mail', { to: 'ada' }],
    ['mail', { to: 'grace' }],
    ['ring', null],
  ])
  expect(new Set(effects.map(({ id }) => id)).size).toBe(3)
  await saving.close()

  const parts: LocalPart[] = []
  const records: Uint8Array[] = []
  const log = await storage.openLog('board')
  await log.read(0, (bytes) => {
    const entry = decodeEntry(bytes)
    if (entry.kind !== 'commits') return
    for (const { record, local } of entry.changes) {
      parts.push(decodeLocal(local))
      records.push(record)
    }
  })
  expect(parts.flatMap((part) => part.effects)).toEqual(effects)
  for (const record of records) expect(decodeChange(record).effects).toEqual([])
})

test('[AT13] a commuted count of a member that was deleted meanwhile is not written; of others it adds up', async () => {
  store.transact((tx) => {
    tx.create(cards.at('gone'), {})
    tx.create(cards.at('here'), {})
  })
  const held = gate()
  let runs = 0
  const liking = store.transactAsync(async (tx) => {
    runs += 1
    tx.commute(cards.at('gone'), { add: 1, field: 'likes' })
    tx.commute(cards.at('here'), { add: 1, field: 'likes' })
    tx.commute(votes, { add: 1 })
    await held.passed
  })
  await settle()
  store.transact((tx) => {
    tx.delete(cards.at('gone'))
    tx.add(cards.at('here'), 5, 'likes')
    tx.add(votes, 5)
  })
  held.open()
  const { change } = await liking
  expect([runs, store.get(cards.at('gone')), store.get(cards.at('here'))?.likes, store.get(votes)]).toEqual([
    1,
    undefined,
    6,
    6,
  ])
  expect(change?.ops.map(({ address }) => address)).toEqual(['cards/here', 'votes'])
})

test('[AT14] ten workers, a hundred increments each, in one tab', async () => {
  const worker = async (): Promise<void> => {
    for (let i = 0; i < 100; i++) {
      await store.transactAsync(async (tx) => {
        const before = tx.get(x)
        await Promise.resolve()
        tx.set(x, before + 1)
      })
    }
  }
  const all = Promise.all(Array.from({ length: 10 }, worker))
  await clock.pass(600_000)
  await all
  expect(store.get(x)).toBe(1000)
})
