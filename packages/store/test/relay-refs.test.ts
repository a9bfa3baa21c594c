import { collection, counter, list, lww, place } from '@syncline/merge'
import { createFrameReader, MAX_PACKET_BYTES, type Frame } from '@syncline/protocol'
import type { Tx } from '@syncline/stm'
import { expect, test } from 'vitest'
import { everything, memoryStorage, type Receipt, type Store, type StoreError } from '../src/index.ts'
import { heldStorage } from './held-storage.ts'
import { createWorld, mortalTab, settle, type Wire } from './world.ts'

const relay = { arbiter: 'relay' } as const
const seat = lww<string | null, 'relay'>('seat', null, relay)
const price = lww('price', 10, relay)
const visits = counter('visits', relay)
const steps = list<string, 'relay'>('steps', relay)
const seats = collection('seats', { by: '', row: place() }, relay)
const note = lww('note', '')

type Both = Tx<'local' | 'relay'>

/** Takes the seat if it is free. */
function take(who: string): (tx: Both) => boolean {
  return (tx) => {
    if (tx.get(seat) !== null) return false
    tx.set(seat, who)
    return true
  }
}

/** The frames that pass on a wire from now on, in one direction. */
function framesOn(wire: Wire, direction: 'up' | 'down'): Frame[] {
  const reader = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })
  const frames: Frame[] = []
  wire.onTraffic = (way, message) => {
    if (way === direction) frames.push(...reader.push(message))
  }
  return frames
}

/** How a promise stands: its value, the code of its error, or that it waits. */
async function standing(promise: Promise<Receipt<unknown>>): Promise<unknown> {
  await settle()
  return Promise.race([
    promise.then(
      ({ value }) => value,
      (error: { code?: string }) => error.code ?? error,
    ),
    settle().then(() => 'waits'),
  ])
}

function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}

test('[RE1] it commits when the relay has accepted it, and not before, at the same place for everybody', async () => {
  const world = await createWorld(1)
  const wire = world.wire()
  const one = await world.open({ transport: wire })
  const two = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  const commits: unknown[] = []
  one.changes(everything, ({ now, origin }) => commits.push([now.get(seat), origin]))
  wire.filter = (direction) => direction === 'up'
  const taking = quietly(one.transactAsync(take('ada'), relay))
  await world.clock.pass(500)
  expect([await standing(taking), one.get(seat), two.get(seat), commits]).toEqual(['waits', null, 'ada', []])
  wire.cut()
  wire.filter = undefined
  wire.mend()
  await world.clock.pass(60_000)
  const receipt = await taking
  expect([receipt.value, one.get(seat), two.get(seat), commits]).toEqual([true, 'ada', 'ada', [['ada', 'local']]])
  await receipt.synced()
  await receipt.durable()
  expect(receipt.change!.ops).toEqual([{ tag: 'lww', address: 'seat', arbiter: 'relay', payload: [0, 'ada'] }])
  expect(one.snapshot.basis).toEqual(two.snapshot.basis)
  expect(one.status).toMatchObject({ saved: 'relay', pending: 0 })
  await world.close()
  expect(world.clock.timers).toBe(0)
})

test('[RE1] it is there after a reload, also offline', async () => {
  const world = await createWorld(2)
  const wire = world.wire()
  const storage = memoryStorage()
  const one = await world.open({ transport: wire, storage })
  const { value, durable } = await one.transactAsync(take('ada'), relay)
  await durable()
  expect(value).toBe(true)
  await one.close()
  wire.cut()
  const again = await world.open({ transport: wire, storage })
  expect(again.get(seat)).toBe('ada')
  await world.close()
})

test('[RE2] a seat is sold once: who comes second runs again and sees who has it', async () => {
  const world = await createWorld(3)
  const stores = await Promise.all(Array.from({ length: 4 }, () => world.open({ transport: world.wire() })))
  await world.clock.pass(100)
  let runs = 0
  const taking = stores.map((store, i) =>
    store.transactAsync((tx) => {
      runs += 1
      return take(`person ${i}`)(tx)
    }, relay),
  )
  await world.clock.pass(5_000)
  const sold = await Promise.all(taking.map(async (one) => (await one).value))
  expect(sold.filter(Boolean)).toEqual([true])
  expect(stores.map((store) => store.get(seat))).toEqual(Array(4).fill(`person ${sold.indexOf(true)}`))
  expect(runs).toBe(7)
  await world.close()
})

test('[RE2] by orElse the second choice is taken', async () => {
  const world = await createWorld(4)
  const other = lww<string | null, 'relay'>('other-seat', null, relay)
  const stores = [await world.open({ transport: world.wire() }), await world.open({ transport: world.wire() })]
  await world.clock.pass(100)
  const first =
    (ref: typeof seat, who: string) =>
    (tx: Both): string => {
      if (tx.get(ref) !== null) return tx.retry()
      tx.set(ref, who)
      return ref.address
    }
  const taking = stores.map((store, i) =>
    store.transactAsync((tx) => tx.orElse(first(seat, `person ${i}`), first(other, `person ${i}`)), relay),
  )
  await world.clock.pass(5_000)
  const taken = await Promise.all(taking.map(async (one) => (await one).value))
  expect(taken.toSorted()).toEqual(['other-seat', 'seat'])
  // The third has no choice left: it waits until a seat is given back.
  const third = stores[0]!.transactAsync((tx) => tx.orElse(first(seat, 'third'), first(other, 'third')), relay)
  await world.clock.pass(1_000)
  expect(await standing(third)).toBe('waits')
  await stores[1]!.transactAsync((tx) => tx.set(other, null), relay)
  await world.clock.pass(1_000)
  expect((await third).value).toBe('other-seat')
  await world.close()
})

test('[RE2] changed and changed back is no reason to run again', async () => {
  const world = await createWorld(5)
  const wire = world.wire()
  const one = await world.open({ transport: wire })
  const two = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  // The first hears nothing of what the second does.
  wire.filter = (direction) => direction === 'up'
  await two.transactAsync((tx) => tx.set(seat, 'bob'), relay)
  await two.transactAsync((tx) => tx.set(seat, null), relay)
  let runs = 0
  const taking = one.transactAsync((tx) => {
    runs += 1
    return take('ada')(tx)
  }, relay)
  await world.clock.pass(1_000)
  expect([runs, two.get(seat)]).toEqual([1, null])
  wire.cut()
  wire.filter = undefined
  wire.mend()
  await world.clock.pass(60_000)
  // Null is what the seat holds now, and it held nothing when it was read: that is something else.
  expect((await taking).value).toBe(true)
  expect(runs).toBe(2)

  await two.transactAsync((tx) => tx.set(seat, 'bob'), relay)
  await two.transactAsync((tx) => tx.set(seat, 'ada'), relay)
  await world.clock.pass(1_000)
  wire.filter = (direction) => direction === 'up'
  await two.transactAsync((tx) => tx.set(seat, 'bob'), relay)
  await two.transactAsync((tx) => tx.set(seat, 'ada'), relay)
  const giving = one.transactAsync((tx) => {
    runs += 1
    return tx.update(seat, (who) => `${who}!`)
  }, relay)
  await world.clock.pass(1_000)
  expect([runs, two.get(seat)]).toEqual([3, 'ada!'])
  wire.cut()
  wire.filter = undefined
  wire.mend()
  await world.clock.pass(60_000)
  await giving
  expect([runs, one.get(seat)]).toEqual([3, 'ada!'])
  await world.close()
})

test('[RE2] what it only read must stand too, and is left alone; at the limit the error names what moved', async () => {
  const world = await createWorld(6)
  const one = await world.open({ transport: world.wire() })
  const two = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  let runs = 0
  const buying = quietly(
    one.transactAsync(
      async (tx) => {
        runs += 1
        const now = tx.get(price)
        const raised = two.transactAsync((other) => other.set(price, now + 1), relay)
        await raised
        tx.set(seat, `paid ${now}`)
      },
      { ...relay, attempts: 3 },
    ),
  )
  await world.clock.pass(5_000)
  await expect(buying).rejects.toMatchObject({ code: 'attempts-exhausted', refs: [price.key] })
  expect([runs, one.get(seat), one.get(price)]).toEqual([3, null, 13])
  await world.close()
})

test('[RE3] what was not there is expected: members, collections, ranges and lists', async () => {
  const world = await createWorld(7)
  const wire = world.wire()
  const one = await world.open({ transport: wire })
  const two = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  const reads: readonly (readonly [string, (tx: Both) => unknown, isTouched: boolean])[] = [
    ['a member', (tx) => tx.get(seats.at('b2')), true],
    ['another member', (tx) => tx.get(seats.at('b3')), false],
    ['the collection', (tx) => tx.get(seats), true],
    ['its range', (tx) => tx.get(seats.range({ prefix: 'b' })), true],
    ['another range', (tx) => tx.get(seats.range({ from: 'a', to: 'b' })), false],
    ['a prefix that ends in a surrogate pair', (tx) => tx.get(seats.range({ prefix: 'a\u{1f7ff}' })), false],
    ['its list', (tx) => tx.get(seats.list('front')), true],
    ['another list', (tx) => tx.get(seats.list('back')), false],
    ['the first of its list', (tx) => tx.get(seats.list('front').slice(0, 1)), true],
    ['a peek', (tx) => tx.peek(seats), false],
  ]
  let checked = 0
  for (const [what, read, isTouched] of reads) {
    wire.filter = (direction) => direction === 'up'
    await two.transactAsync((tx) => {
      tx.create(seats.at('b2'), { by: what })
      tx.move(seats.at('b2'), seats.list('front'), 0)
    }, relay)
    let runs = 0
    const marking = one.transactAsync((tx) => {
      runs += 1
      read(tx)
      tx.commute(visits, { add: 1 })
    }, relay)
    await world.clock.pass(1_000)
    wire.cut()
    wire.filter = undefined
    wire.mend()
    await world.clock.pass(60_000)
    await marking
    expect([what, runs]).toEqual([what, isTouched ? 2 : 1])
    await two.transactAsync((tx) => tx.delete(seats.at('b2')), relay)
    await world.clock.pass(1_000)
    checked += 1
  }
  expect([one.get(visits), two.get(visits)]).toEqual([checked, checked])
  await world.close()
})

test('[RE2] under isolation snapshot only what was written or ensured is expected', async () => {
  const world = await createWorld(8)
  const wire = world.wire()
  const one = await world.open({ transport: wire })
  const two = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  const runsOf = async (body: (tx: Both) => void): Promise<number> => {
    wire.filter = (direction) => direction === 'up'
    await two.transactAsync((tx) => tx.update(price, (now) => now + 1), relay)
    let runs = 0
    const buying = one.transactAsync(
      (tx) => {
        runs += 1
        body(tx)
        tx.update(seat, (who) => `${who}.`)
      },
      { ...relay, isolation: 'snapshot' },
    )
    await world.clock.pass(1_000)
    wire.cut()
    wire.filter = undefined
    wire.mend()
    await world.clock.pass(60_000)
    await buying
    return runs
  }
  expect(await runsOf((tx) => void tx.get(price))).toBe(1)
  expect(await runsOf((tx) => tx.ensure(price))).toBe(2)
  await world.close()
})

test('[RE2] what a strict invariant has read is expected too, though the body has not read it', async () => {
  const world = await createWorld(22)
  const wire = world.wire()
  const one = await world.open({ transport: wire })
  const two = await world.open({ transport: world.wire() })
  const ada = lww('ada', true, relay)
  const ben = lww('ben', true, relay)
  for (const store of [one, two]) {
    store.invariant('somebody is on call', ({ get }) => get(ada) || get(ben) || 'Nobody is on call.', { strict: true })
  }
  await world.clock.pass(100)
  wire.filter = (direction) => direction === 'up'
  await two.transactAsync((tx) => tx.set(ben, false), relay)
  const leaving = quietly(one.transactAsync((tx) => tx.set(ada, false), relay))
  await world.clock.pass(1_000)
  expect([one.get(ben), two.get(ada)]).toEqual([true, true])
  wire.cut()
  wire.filter = undefined
  wire.mend()
  await world.clock.pass(60_000)
  await expect(leaving).rejects.toMatchObject({ code: 'invariant-failed' })
  expect([one.get(ada), one.get(ben), two.get(ada), two.get(ben)]).toEqual([true, false, true, false])
  await world.close()
})

test('[RE4] additions and insertions that are commuted never run again, however many there are', async () => {
  const world = await createWorld(9)
  const stores = await Promise.all(Array.from({ length: 3 }, () => world.open({ transport: world.wire() })))
  await world.clock.pass(100)
  let runs = 0
  const work = stores.flatMap((store, i) =>
    Array.from({ length: 10 }, (_, n) =>
      store.transactAsync((tx) => {
        runs += 1
        tx.commute(visits, { add: 1 })
        tx.commute(steps, { insert: `${i}${n}`, index: 0 })
      }, relay),
    ),
  )
  await world.clock.pass(5_000)
  await Promise.all(work)
  expect([runs, ...stores.map((store) => store.get(visits))]).toEqual([30, 30, 30, 30])
  expect(new Set(stores[0]!.get(steps)).size).toBe(30)
  expect(stores.map((store) => store.get(steps))).toEqual(Array(3).fill(stores[0]!.get(steps)))
  await world.close()
})

test('[RE13] transactions of one tab that exclude each other are asked about one after the other', async () => {
  const world = await createWorld(20)
  const wire = world.wire()
  const one = await world.open({ transport: wire })
  await world.clock.pass(100)
  const frames = framesOn(wire, 'down')
  const work = Array.from({ length: 10 }, () => one.transactAsync((tx) => tx.update(price, (now) => now + 1), relay))
  const commuted = Array.from({ length: 10 }, () => one.transactAsync((tx) => tx.commute(visits, { add: 1 }), relay))
  await world.clock.pass(5_000)
  await Promise.all([...work, ...commuted])
  expect([one.get(price), one.get(visits)]).toEqual([20, 10])
  expect(frames.filter(({ type }) => type === 'refusal')).toEqual([])
  await world.close()
})

test('[RE5] any tab’s envelope is sent by the elected tab, when it is in the log and after what was pending', async () => {
  const world = await createWorld(10)
  const storage = memoryStorage()
  const wire = world.wire()
  const elected = await world.open({ transport: wire, storage })
  await world.clock.pass(100)
  const other = await world.open({ transport: wire, storage })
  await world.clock.pass(100)
  expect(wire.connections).toBe(1)
  const frames = framesOn(wire, 'up')
  other.transact((tx) => tx.set(note, 'before'))
  const taking = other.transactAsync((tx) => {
    tx.set(note, `${tx.get(note)}, with it`)
    return take('ada')(tx)
  }, relay)
  await world.clock.pass(1_000)
  expect((await taking).value).toBe(true)
  expect([elected.get(seat), elected.get(note), other.get(seat), other.get(note)]).toEqual([
    'ada',
    'before, with it',
    'ada',
    'before, with it',
  ])
  expect(frames.filter(({ type }) => type === 'changes')).toHaveLength(2)
  expect(other.snapshot.basis).toEqual(elected.snapshot.basis)
  await world.close()
})

test('[RE5] no envelope is sent before it is in the log, with all that its transaction has written', async () => {
  const world = await createWorld(10)
  const held = heldStorage(memoryStorage())
  const wire = world.wire()
  const store = await world.open({ transport: wire, storage: held.storage })
  await world.clock.pass(100)
  const frames = framesOn(wire, 'up')
  const sent = (): number => frames.filter(({ type }) => type === 'changes').length
  held.hold()
  const taking = quietly(
    store.transactAsync((tx) => {
      tx.set(note, 'with it')
      return take('ada')(tx)
    }, relay),
  )
  await world.clock.pass(2_000)
  expect([sent(), await standing(taking)]).toEqual([0, 'waits'])
  held.letAll()
  await world.clock.pass(1_000)
  expect([sent(), (await taking).value, store.get(seat), store.get(note)]).toEqual([1, true, 'ada', 'with it'])
  await world.close()
})

test('[RE6] without a link it rejects, and nothing has happened', async () => {
  const world = await createWorld(11)
  const wire = world.wire()
  wire.cut()
  const storage = memoryStorage()
  const one = await world.open({ transport: wire, storage })
  const early = quietly(one.transactAsync(take('ada'), relay))
  await world.clock.pass(500)
  expect(await standing(early)).toBe('offline')
  expect(await standing(quietly(one.transactAsync(take('ada'), relay)))).toBe('offline')
  one.disconnect()
  expect(await standing(quietly(one.transactAsync(take('ada'), relay)))).toBe('offline')
  wire.mend()
  one.connect()
  // While a link is being opened it waits.
  const taking = one.transactAsync(take('bob'), relay)
  await world.clock.pass(60_000)
  expect([(await taking).value, one.get(seat)]).toEqual([true, 'bob'])
  await world.close()
})

test('[RE6] when the link is lost on the way it waits until the outcome is known', async () => {
  const world = await createWorld(12)
  const wire = world.wire()
  const one = await world.open({ transport: wire })
  const two = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  // It is lost on the way up, while somebody else takes the seat.
  wire.filter = () => false
  const taking = quietly(one.transactAsync(take('ada'), relay))
  await world.clock.pass(100)
  wire.cut()
  await world.clock.pass(20_000)
  await two.transactAsync(take('bob'), relay)
  expect(await standing(taking)).toBe('waits')
  wire.filter = undefined
  wire.mend()
  await world.clock.pass(60_000)
  expect([(await taking).value, one.get(seat)]).toEqual([false, 'bob'])
  await world.close()
})

for (const when of ['before it was sent', 'when the relay had it', 'when the answer was here'] as const) {
  for (const isElected of [true, false]) {
    test(`[RE7] a tab that dies ${when}, ${isElected ? 'elected' : 'not elected'}: a living one settles it`, async () => {
      const world = await createWorld(13)
      const storage = memoryStorage()
      const mortal = mortalTab(storage)
      const wires = [world.wire(), world.wire()]
      const open = (isAuthor: boolean): Promise<Store> =>
        world.open({ transport: wires[isAuthor ? 0 : 1]!, storage: isAuthor ? mortal.storage : storage })
      const first = await open(isElected)
      await world.clock.pass(100)
      const second = await open(!isElected)
      await world.clock.pass(100)
      const [author, living] = isElected ? [first, second] : [second, first]
      for (const wire of wires) {
        wire.filter = (direction, message) => {
          if (when === 'before it was sent') return direction === 'down' || message.length < 60
          return when === 'when the answer was here' || direction === 'up'
        }
      }
      void quietly(author.transactAsync(take('ada'), relay))
      if (when === 'when the answer was here') await settle()
      else await world.clock.pass(200)
      mortal.die()
      wires[0]!.cut()
      await world.clock.pass(100)
      wires[1]!.cut()
      wires[1]!.filter = undefined
      wires[1]!.mend()
      await world.clock.pass(120_000)
      const isTaken = when !== 'before it was sent'
      expect(living.get(seat)).toBe(isTaken ? 'ada' : null)
      // Decided for good: the seat is free, or it is not.
      const next = living.transactAsync(take('bob'), relay)
      await world.clock.pass(5_000)
      expect((await next).value).toBe(!isTaken)
      const elsewhere = await world.open({ transport: world.wire() })
      await world.clock.pass(100)
      expect([elsewhere.get(seat), elsewhere.snapshot.basis]).toEqual([isTaken ? 'ada' : 'bob', living.snapshot.basis])
      await world.close()
    })
  }
}

test('[RE7] a tab that was frozen loses what it had asked, and asks again when it is thawed', async () => {
  const world = await createWorld(21)
  const storage = memoryStorage()
  const sleeper = mortalTab(storage)
  const wire = world.wire()
  const elected = await world.open({ transport: wire, storage })
  await world.clock.pass(100)
  const store = await world.open({ transport: wire, storage: sleeper.storage })
  await world.clock.pass(100)
  wire.filter = (direction, message) => direction === 'down' || message.length < 60
  const frames = framesOn(wire, 'up')
  let runs = 0
  const taking = store.transactAsync((tx) => {
    runs += 1
    return take('ada')(tx)
  }, relay)
  await world.clock.pass(100)
  sleeper.freeze()
  await world.clock.pass(100)
  wire.cut()
  wire.filter = undefined
  wire.mend()
  await world.clock.pass(60_000)
  expect((await taking).value).toBe(true)
  expect([runs, frames.filter(({ type }) => type === 'abort').length]).toEqual([2, 1])
  // And from then on as ever.
  await store.transactAsync((tx) => tx.set(seat, 'bob'), relay)
  expect([elected.get(seat), frames.filter(({ type }) => type === 'abort').length]).toEqual(['bob', 1])
  await world.close()
})

test('[RE7] [RE9] a store that is closed with an open envelope rejects, and the next one settles it', async () => {
  const world = await createWorld(14)
  for (const reached of [false, true]) {
    const name = lww<string | null, 'relay'>(`seat-${reached}`, null, relay)
    const wire = world.wire()
    const storage = memoryStorage()
    const one = await world.open({ transport: wire, storage })
    await world.clock.pass(100)
    wire.filter = (direction, message) => direction === 'up' && (reached || message.length < 60)
    const taking = quietly(one.transactAsync((tx) => tx.set(name, 'ada'), relay))
    await world.clock.pass(100)
    await one.close()
    await expect(taking).rejects.toMatchObject({ code: 'closed' })
    wire.cut()
    wire.filter = undefined
    wire.mend()
    const frames = framesOn(wire, 'up')
    const again = await world.open({ transport: wire, storage })
    await world.clock.pass(60_000)
    expect(again.get(name)).toBe(reached ? 'ada' : null)
    // What the relay has need not be called off.
    expect(frames.filter(({ type }) => type === 'abort')).toHaveLength(reached ? 0 : 1)
    const { value } = await again.transactAsync((tx) => tx.get(name), relay)
    expect(value).toBe(reached ? 'ada' : null)
    await again.close()
    // And it stays settled.
    const third = await world.open({ transport: wire, storage })
    await world.clock.pass(1_000)
    expect(frames.filter(({ type }) => type === 'abort')).toHaveLength(reached ? 0 : 1)
    await third.close()
  }
  await world.close()
})

test('[RE8] a refusal that running again would not change rejects with its code, and nothing is kept', async () => {
  const world = await createWorld(15, {
    refuse: ({ touched }) =>
      touched.some(({ address }) => address === 'seat')
        ? { code: 'forbidden', message: 'Only for members.' }
        : undefined,
  })
  const one = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  const taking = quietly(one.transactAsync(take('ada'), relay))
  await world.clock.pass(1_000)
  await expect(taking).rejects.toMatchObject({ code: 'refused', refusal: 'forbidden' })
  expect([one.get(seat), one.refused.list(), one.status.pending]).toEqual([null, [], 0])
  await one.transactAsync((tx) => tx.set(price, 5), relay)
  one.transact((tx) => tx.set(note, 'goes on'))
  await world.clock.pass(1_000)
  expect(one.status).toMatchObject({ pending: 0, refused: 0 })
  await world.close()
})

test('[RE8] what it had seen was refused: it runs again without that', async () => {
  const world = await createWorld(16, {
    refuse: ({ touched }) =>
      touched.some(({ address }) => address === 'note') ? { code: 'forbidden', message: 'Not yours.' } : undefined,
  })
  const one = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  one.transact((tx) => tx.set(note, 'refused'))
  const taking = one.transactAsync((tx) => {
    tx.set(seat, `${tx.get(note)}!`)
  }, relay)
  await world.clock.pass(5_000)
  await taking
  expect([one.get(seat), one.get(note)]).toEqual(['!', ''])
  await world.close()
})

test('[RE10] who gives up while it is on its way is told what became of it', async () => {
  const world = await createWorld(17)
  const wire = world.wire()
  const storage = memoryStorage()
  const elected = await world.open({ transport: wire, storage })
  await world.clock.pass(100)
  const other = await world.open({ transport: wire, storage })
  await world.clock.pass(100)
  for (const store of [elected, other]) {
    for (const reached of [false, true]) {
      wire.filter = (direction, message) => direction === 'up' && (reached || message.length < 60)
      const giveUp = new AbortController()
      const name = lww<string | null, 'relay'>(`seat-${reached}-${store === other}`, null, relay)
      const taking = quietly(store.transactAsync((tx) => tx.set(name, 'ada'), { ...relay, signal: giveUp.signal }))
      await world.clock.pass(100)
      giveUp.abort(new Error('no time'))
      await world.clock.pass(100)
      // It cannot know before the relay answers.
      expect(await standing(taking)).toBe('waits')
      wire.cut()
      wire.filter = undefined
      wire.mend()
      await world.clock.pass(60_000)
      const ended = await taking.then(
        () => 'accepted',
        (error: Error) => error.message,
      )
      expect([ended, store.get(name)]).toEqual(reached ? ['accepted', 'ada'] : ['no time', null])
    }
  }
  await world.close()
})

test('[RE11] local refs are checked here, when it is prepared', async () => {
  const world = await createWorld(18)
  const one = await world.open({ transport: world.wire() })
  const two = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  let runs = 0
  const taking = one.transactAsync(async (tx) => {
    runs += 1
    const written = tx.get(note)
    await settle()
    tx.set(seat, written)
  }, relay)
  one.transact((tx) => tx.set(note, 'here'))
  await world.clock.pass(5_000)
  await taking
  await settle()
  expect([runs, one.get(seat), two.get(seat)]).toEqual([2, 'here', 'here'])
  await world.close()
})

test('[RE14] in development local refs that it decides on are reported, each once', async () => {
  const world = await createWorld(23)
  const errors: unknown[] = []
  const onError = (error: unknown): void => void errors.push(error)
  const store = await world.open({ transport: world.wire(), development: true, onError })
  const quiet = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  const notes = collection('notes', { text: '' })
  const bodies: readonly ((tx: Both) => unknown)[] = [
    (tx) => tx.set(seat, tx.get(price) > 5 ? 'ada' : 'ben'),
    (tx) => tx.set(seat, `${tx.peek(note)}!`),
    // Nobody has to decide about what writes nothing.
    (tx) => void tx.get(note),
    (tx) => tx.set(seat, `${tx.get(note)}?`),
    (tx) => tx.set(seat, `${tx.get(note)}, ${tx.get(notes).length}`),
    (tx) => tx.set(seat, `${tx.get(notes).length}, ${tx.get(note)}`),
  ]
  const counts: number[] = []
  for (const body of bodies) {
    for (const one of [store, quiet]) {
      const done = one.transactAsync(body, relay)
      await world.clock.pass(1_000)
      await done
    }
    counts.push(errors.length)
  }
  expect(counts).toEqual([0, 0, 0, 1, 2, 2])
  expect(errors.map((error) => [(error as StoreError).code, (error as StoreError).message])).toEqual([
    ['unchecked-facts', expect.stringContaining('"lww note"')],
    ['unchecked-facts', expect.stringContaining('"members record notes"')],
  ])
  await world.close()
})

test('[AT10] write skew between clients of a relay is reported to who comes second, and to nobody else', async () => {
  const world = await createWorld(24)
  const errors: unknown[][] = []
  const clients = await Promise.all(
    [0, 1].map(async (i) => {
      const wire = world.wire()
      errors.push([])
      const onError = (error: unknown): void => void errors[i]!.push(error)
      return { wire, store: await world.open({ transport: wire, development: true, onError }) }
    }),
  )
  await world.clock.pass(100)
  const onCall = ['ada', 'ben'].map((name) => lww(name, true, relay))
  const leave = (i: number, isolation: 'snapshot' | 'serializable' = 'snapshot'): Promise<Receipt<void>> =>
    clients[i]!.store.transactAsync(
      (tx) => {
        if (onCall.every((one) => tx.get(one))) tx.set(onCall[i]!, false)
      },
      { ...relay, isolation },
    )
  const standing = (): readonly boolean[] => onCall.map((one) => clients[0]!.store.get(one))

  // Each is asked for before the other is heard of.
  const both = [leave(0), leave(1)]
  await world.clock.pass(1_000)
  await Promise.all(both)
  await settle()
  expect(standing()).toEqual([false, false])
  expect(errors.flat()).toEqual([expect.objectContaining({ code: 'write-skew' })])
  const second = errors[0]!.length === 1 ? 0 : 1
  expect(errors[second]).toEqual([expect.objectContaining({ refs: [onCall[1 - second]!.key] })])

  // What comes after one that was decided is no skew, and there is none where all that was read is expected.
  const back = clients[0]!.store.transactAsync((tx) => onCall.forEach((one) => tx.set(one, true)), relay)
  await world.clock.pass(1_000)
  await back
  const first = leave(0)
  await world.clock.pass(1_000)
  await first
  const later = clients[1]!.store.transactAsync((tx) => tx.set(onCall[1]!, false), relay)
  await world.clock.pass(1_000)
  await later
  const again = clients[0]!.store.transactAsync((tx) => onCall.forEach((one) => tx.set(one, true)), relay)
  await world.clock.pass(1_000)
  await again
  const strict = [leave(0, 'serializable'), leave(1, 'serializable')]
  await world.clock.pass(5_000)
  await Promise.all(strict)
  expect(standing().filter(Boolean)).toHaveLength(1)
  expect(errors.flat()).toHaveLength(1)
  await world.close()
})

test('[RE12] a relay ref is written by the relay’s leave only', async () => {
  const world = await createWorld(19)
  const one = await world.open({ transport: world.wire() })
  const alone = await world.open()
  await world.clock.pass(100)
  expect(() => one.transact((tx) => (tx as Both).set(seat, 'ada'))).toThrow(
    expect.objectContaining({ code: 'wrong-arbiter' }),
  )
  await expect(one.transactAsync((tx) => (tx as Both).set(seat, 'ada'))).rejects.toMatchObject({
    code: 'wrong-arbiter',
  })
  await expect(alone.transactAsync(take('ada'), relay)).rejects.toMatchObject({ code: 'no-arbiter' })
  const byFunction = one.transactAsync((tx) => (tx as Tx<any>).commute(price, (now: number) => now + 1), relay)
  await expect(byFunction).rejects.toMatchObject({ code: 'invalid-write', refs: [price.key] })
  // A local ref of the same name is another ref.
  one.transact((tx) => tx.set(lww('seat', ''), 'eve'))
  expect([one.get(seat), one.get(lww('seat', ''))]).toEqual([null, 'eve'])
  const { value, change } = await one.transactAsync((tx) => tx.get(seat), relay)
  expect([value, change]).toEqual([null, undefined])
  await world.close()
})
