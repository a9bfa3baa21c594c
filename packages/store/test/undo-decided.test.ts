import { collection, count, counter, list, lww, place } from '@syncline/merge'
import { createFrameReader, MAX_PACKET_BYTES, type Frame } from '@syncline/protocol'
import { changeId } from '@syncline/stm'
import { expect, test } from 'vitest'
import { memoryStorage, type Store, type Undone } from '../src/index.ts'
import { createWorld, mortalTab, passing, settle, type Wire } from './world.ts'

const browser = { arbiter: 'browser' } as const
const relay = { arbiter: 'relay' } as const
const title = lww('title', 'untitled')
const stars = counter('stars')
const draft = lww('draft', '', browser)
const drafts = collection('drafts', { text: '', edits: count(), at: place() }, browser)
const lines = list<string, 'browser'>('lines', browser)
const seat = lww<string | null, 'relay'>('seat', null, relay)
const visits = counter('visits', relay)
const queue = list<string, 'relay'>('queue', relay)
const sign = lww('sign', '', { ...relay, onConflict: 'merge' })
const seats = collection('seats', { by: '', row: place() }, relay)

const onBrowser = (store: Store): unknown => [
  store.get(title),
  store.get(draft),
  [...store.items(drafts)],
  store.get(drafts.list('box')),
  store.get(lines),
]

const onRelay = (store: Store): unknown => [
  store.get(title),
  store.get(seat),
  store.get(visits),
  store.get(queue),
  [...store.items(seats)],
  store.get(seats.list('1')),
]

const keysOf = ({ superseded }: Undone): readonly string[] => superseded.map(({ key }) => key)

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'done',
    (error: { code?: string }) => error.code ?? error,
  )
}

function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}

/** Nothing that may hold an envelope gets through, so what is sent is on its way for as long as one likes. */
function hold(wire: Wire): void {
  wire.filter = (direction, message) => direction === 'down' || message.length < 60
}

/** The frames that pass on a wire from now on, in one direction. */
function framesOn(wire: Wire, direction: 'up' | 'down', then = (): unknown => undefined): Frame[] {
  const reader = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })
  const frames: Frame[] = []
  wire.onTraffic = (way, message) => {
    if (way !== direction) return
    frames.push(...reader.push(message))
    then()
  }
  return frames
}

async function letGo({ clock }: { readonly clock: { pass(ms: number): Promise<void> } }, wire: Wire): Promise<void> {
  wire.cut()
  wire.filter = undefined
  wire.mend()
  await clock.pass(60_000)
}

test('[UN12] steps on browser refs go back and forth one by one, in the sibling too, and after a reload', async () => {
  const world = await createWorld(1)
  const storage = memoryStorage()
  const sibling = await world.open({ storage })
  let store = await world.open({ storage })
  const states = [onBrowser(store)]
  const bodies = [
    (tx: Parameters<Parameters<typeof store.transactAsync<void, 'browser'>>[0]>[0]) => {
      tx.set(draft, 'Dear Ada')
      tx.create(drafts.at('a'), { text: 'a' })
      tx.insert(lines, 0, ['x', 'y'])
    },
    (tx: Parameters<Parameters<typeof store.transactAsync<void, 'browser'>>[0]>[0]) => {
      // Local refs and browser refs in one Change, in whatever order.
      tx.set(title, 'Letter')
      tx.move(drafts.at('a'), drafts.list('box'))
      tx.add(drafts.at('a'), 0.1, 'edits')
      tx.set(title, 'A letter')
      tx.reorder(lines, 0, 1)
    },
    (tx: Parameters<Parameters<typeof store.transactAsync<void, 'browser'>>[0]>[0]) => {
      tx.delete(drafts.at('a'))
      tx.set(draft, '')
      tx.set(title, 'Nothing')
    },
  ]
  for (const body of bodies) {
    await store.transactAsync(body, browser)
    states.push(onBrowser(store))
  }
  for (const isReloaded of [false, true]) {
    if (isReloaded) {
      await store.close()
      store = await world.open({ storage })
      onBrowser(store)
    }
    for (const state of states.slice(0, -1).toReversed()) {
      expect(await store.undoAsync()).toMatchObject({ superseded: [], irreversible: [] })
      await settle()
      expect([onBrowser(store), onBrowser(sibling)]).toEqual([state, state])
    }
    expect((await store.undoAsync()).change).toBe(undefined)
    for (const state of states.slice(1)) {
      const { change, durable } = await store.redoAsync()
      expect(change).not.toBe(undefined)
      await durable()
      await settle()
      expect([onBrowser(store), onBrowser(sibling)]).toEqual([state, state])
    }
    expect((await store.redoAsync()).change).toBe(undefined)
  }
  expect([sibling.undoStack().undoable, sibling.undoStack().redoable]).toEqual([false, false])
  await world.close()
})

test('[UN12] steps on relay refs go back and forth one by one, for everybody, and after a reload', async () => {
  const world = await createWorld(2)
  const storage = memoryStorage()
  const wire = world.wire()
  const other = await world.open({ transport: world.wire() })
  let store = await world.open({ storage, transport: wire })
  await world.clock.pass(100)
  type Body = Parameters<typeof store.transactAsync<void, 'relay'>>[0]
  const bodies: readonly Body[] = [
    (tx) => {
      tx.set(seat, 'ada')
      tx.add(visits, 0.1)
      tx.set(title, 'Booked')
    },
    (tx) => {
      tx.create(seats.at('1a'), { by: 'ada' })
      tx.move(seats.at('1a'), seats.list('1'))
      tx.insert(queue, 0, ['ada', 'bob'])
    },
    (tx) => {
      tx.patch(seats.at('1a'), { by: 'bob' })
      tx.reorder(queue, 0, 1)
      tx.add(visits, 0.2)
    },
    (tx) => {
      tx.delete(seats.at('1a'))
      tx.set(seat, null)
      tx.set(title, 'Cancelled')
      tx.remove(queue, 0, 1)
    },
  ]
  const states = [onRelay(store)]
  for (const body of bodies) {
    await store.transactAsync(body, relay)
    states.push(onRelay(store))
  }
  for (const isReloaded of [false, true]) {
    if (isReloaded) {
      await store.close()
      store = await world.open({ storage, transport: wire })
      onRelay(store)
      await world.clock.pass(1_000)
    }
    for (const state of states.slice(0, -1).toReversed()) {
      const undone = await passing(world, store.undoAsync())
      expect(undone).toMatchObject({ superseded: [], irreversible: [] })
      await undone.synced()
      await undone.durable()
      await world.clock.pass(50)
      expect([onRelay(store), onRelay(other)]).toEqual([state, state])
    }
    expect([(await store.undoAsync()).change, store.undoStack().undoable]).toEqual([undefined, false])
    for (const state of states.slice(1)) {
      const done = await passing(world, store.redoAsync())
      expect([done.change === undefined, done.superseded]).toEqual([false, []])
      await world.clock.pass(50)
      expect([onRelay(store), onRelay(other)]).toEqual([state, state])
    }
  }
  expect(store.snapshot.basis).toEqual(other.snapshot.basis)
  await world.close()
})

test('[UN12] undo() and redo() of such a step say that it needs undoAsync(), and nothing has happened', async () => {
  const world = await createWorld(3)
  const store = await world.open()
  await store.transactAsync((tx) => tx.set(draft, 'Dear Ada'), browser)
  const { snapshot } = store
  const stack = store.undoStack()
  expect(() => store.undo()).toThrow(expect.objectContaining({ code: 'undo-needs-async' }))
  expect(() => stack.undo()).toThrow(/wrote browser refs\. Nothing has happened\. Call undoAsync\(\)/)
  expect([store.snapshot === snapshot, stack.undoable, stack.redoable, stack.isWaiting]).toEqual([
    true,
    true,
    false,
    false,
  ])
  await stack.undoAsync()
  expect(() => store.redo()).toThrow(/redo\(\) cannot be done at once: .* Call redoAsync\(\)/)
  await stack.redoAsync()
  expect(store.get(draft)).toBe('Dear Ada')
  await world.close()
})

test('[UN12] what undo() can do undoAsync() has done before it returns, and it refuses as undo() throws', async () => {
  const world = await createWorld(4)
  const store = await world.open()
  const stack = store.undoStack()
  const heard: unknown[] = []
  stack.onChange(() => heard.push([stack.undoable, stack.isWaiting]))
  store.transact((tx) => tx.set(title, 'A'))
  const undoing = store.undoAsync()
  expect([store.get(title), stack.isWaiting]).toEqual(['untitled', false])
  await undoing
  expect(heard).toEqual([
    [true, false],
    [false, false],
  ])
  expect((await store.undoAsync()).change).toBe(undefined)
  let inBody: Promise<unknown> | undefined
  store.transact((tx) => {
    inBody = quietly(store.redoAsync())
    tx.add(stars, 1)
  })
  expect(await codeOf(inBody!)).toBe('nested-transaction')
  const over = AbortSignal.abort(new Error('enough'))
  await expect(store.undoAsync({ signal: over })).rejects.toThrow('enough')
  expect(store.get(stars)).toBe(1)
  await store.close()
  expect(await codeOf(store.undoAsync())).toBe('closed')
  await world.close()
})

test('[UN2] a group holds what one Change can write: browser refs and relay refs are never in one step', async () => {
  const world = await createWorld(5)
  const store = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  const group = { undo: { group: 'typing' } } as const
  store.transact((tx) => tx.set(title, 'one'), group)
  await store.transactAsync((tx) => tx.set(draft, 'two'), { ...browser, ...group })
  store.transact((tx) => tx.set(title, 'three'), group)
  await store.transactAsync((tx) => tx.set(seat, 'four'), { ...relay, ...group })
  store.transact((tx) => tx.set(title, 'five'), group)
  const now = (): unknown => [store.get(title), store.get(draft), store.get(seat)]
  const first = await passing(world, store.undoAsync())
  expect([now(), first.change!.ops.map(({ arbiter }) => arbiter).sort()]).toEqual([
    ['three', 'two', null],
    ['local', 'relay'],
  ])
  const second = await store.undoAsync()
  expect([now(), second.change!.ops.map(({ arbiter }) => arbiter).sort()]).toEqual([
    ['untitled', '', null],
    ['browser', 'local'],
  ])
  expect(store.undoStack().undoable).toBe(false)
  await store.redoAsync()
  await passing(world, store.redoAsync())
  expect(now()).toEqual(['five', 'two', 'four'])
  await world.close()
})

test('[UN2] what begins in one call of group() is one step, also where it commits later', async () => {
  const world = await createWorld(6)
  const storage = memoryStorage()
  const store = await world.open({ storage })
  const working = store
    .undoStack()
    .group(() => [
      store.transactAsync((tx) => tx.set(draft, 'D'), browser),
      store.transactAsync((tx) => tx.insert(lines, 0, ['x']), browser),
      store.transactAsync((tx) => tx.set(title, 'T')),
    ])
  await Promise.all(working)
  await store.transactAsync((tx) => tx.insert(lines, 0, ['y']), browser)
  await store.undoAsync()
  expect(store.get(lines)).toEqual(['x'])
  const { change } = await store.undoAsync()
  expect([onBrowser(store), change!.ops.length]).toEqual([['untitled', '', [], [], []], 3])
  await store.close()
  const again = await world.open({ storage })
  onBrowser(again)
  await again.redoAsync()
  expect(onBrowser(again)).toEqual(['T', 'D', [], [], ['x']])
  await world.close()
})

test('[UN13] what a sibling wrote before the browser decided stays and is named, and the rest goes back', async () => {
  const world = await createWorld(7)
  const storage = memoryStorage()
  const [mine, theirs] = [await world.open({ storage }), await world.open({ storage })]
  await mine.transactAsync((tx) => {
    tx.set(draft, 'mine')
    tx.create(drafts.at('a'), { text: 'mine' })
    tx.set(title, 'mine')
  }, browser)
  await settle()
  // At once: this tab does not know of it when undo is asked for.
  const writing = theirs.transactAsync((tx) => {
    tx.set(draft, 'theirs')
    tx.patch(drafts.at('a'), { text: 'theirs' })
  }, browser)
  const undoing = mine.undoAsync()
  await writing
  const undone = await undoing
  await settle()
  expect(undone.superseded.map(({ key, part }) => [key, part])).toEqual([
    [draft.key, ''],
    [drafts.at('a').key, 'text'],
  ])
  for (const store of [mine, theirs]) {
    expect([store.get(draft), store.get(drafts.at('a'))?.text, store.get(title)]).toEqual([
      'theirs',
      'theirs',
      store === mine ? 'untitled' : 'untitled',
    ])
  }
  await world.close()
})

test('[UN13] two tabs that undo what they wrote to each other’s refs, at once and many times, lose nothing of each other', async () => {
  const world = await createWorld(8)
  const storage = memoryStorage()
  const tabs = [await world.open({ storage }), await world.open({ storage })]
  const words = ['mine', 'yours'] as const
  for (let round = 0; round < 20; round++) {
    await Promise.all(tabs.map((tab, i) => tab.transactAsync((tx) => tx.set(draft, `${words[i]} ${round}`), browser)))
    await settle()
    const shown = tabs[0]!.get(draft)
    const winner = shown.startsWith('mine') ? 0 : 1
    const undone = await Promise.all(tabs.map((tab) => tab.undoAsync()))
    await settle()
    expect(undone[winner]!.superseded).toEqual([])
    // Who was overwritten has nothing left to undo; who stood has gone back to what the other one wrote, or past it if that went first.
    expect(undone[1 - winner]!.change === undefined ? [draft.key] : []).toEqual(keysOf(undone[1 - winner]!))
    expect(tabs[1]!.get(draft)).toBe(tabs[0]!.get(draft))
    expect(tabs[0]!.get(draft)).not.toBe(shown)
  }
  await world.close()
})

test('[UN13] a seat that somebody else has taken over stays theirs: the relay refuses the undo, and it is made again', async () => {
  const world = await createWorld(9)
  const wire = world.wire()
  const mine = await world.open({ transport: wire })
  const theirs = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  for (const target of [seat, sign] as const) {
    await mine.transactAsync((tx) => {
      tx.set(target, 'ada')
      tx.add(visits, 1)
    }, relay)
    await world.clock.pass(100)
    // It is asked for while what the other one wrote is on the wire to us.
    let undoing: Promise<Undone> | undefined
    const frames = framesOn(wire, 'down', () => (undoing ??= mine.undoAsync()))
    await passing(
      world,
      theirs.transactAsync((tx) => tx.set(target, 'bob'), relay),
    )
    const undone = await passing(world, undoing!)
    await world.clock.pass(100)
    expect([keysOf(undone), frames.filter(({ type }) => type === 'refusal').length]).toEqual([[target.key], 1])
    for (const store of [mine, theirs]) expect([store.get(target), store.get(visits)]).toEqual(['bob', 0])
    const again = await passing(world, mine.redoAsync())
    expect([again.superseded, mine.get(target), mine.get(visits)]).toEqual([[], 'bob', 1])
    await passing(world, mine.undoAsync())
  }
  await world.close()
})

test('[UN13] a step of which nothing is left is gone, without asking anybody', async () => {
  const world = await createWorld(10)
  const wire = world.wire()
  const mine = await world.open({ transport: wire })
  const theirs = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  await mine.transactAsync((tx) => tx.set(seat, 'ada'), relay)
  await world.clock.pass(100)
  await theirs.transactAsync((tx) => tx.set(seat, 'bob'), relay)
  await world.clock.pass(100)
  wire.cut()
  await settle()
  const undone = await mine.undoAsync()
  expect([undone.change, keysOf(undone), mine.undoStack().undoable]).toEqual([undefined, [seat.key], false])
  await undone.durable()
  await undone.synced()
  await world.close()
})

test('[UN14] undos that are asked for at once take one step each, in that order, and redos too', async () => {
  const world = await createWorld(11)
  const store = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  const stack = store.undoStack()
  await store.transactAsync((tx) => tx.set(draft, 'one'), browser)
  store.transact((tx) => tx.set(title, 'two'))
  await store.transactAsync((tx) => tx.set(seat, 'three'), relay)
  await store.transactAsync((tx) => tx.set(draft, 'four'), browser)
  const seen: unknown[] = []
  const now = (): unknown => [store.get(draft), store.get(title), store.get(seat)]
  const waiting: boolean[] = []
  stack.onChange(() => waiting.push(stack.isWaiting))
  const undoing = Array.from({ length: 5 }, () =>
    store.undoAsync().then(({ change }) => seen.push([change !== undefined, now()])),
  )
  expect(stack.isWaiting).toBe(true)
  // One that cannot wait does not push in.
  expect(() => store.undo()).toThrow(/is behind one that is under way/)
  expect(() => store.redo()).toThrow(expect.objectContaining({ code: 'undo-needs-async' }))
  await passing(world, Promise.all(undoing))
  expect(seen).toEqual([
    [true, ['one', 'two', 'three']],
    [true, ['one', 'two', null]],
    [true, ['one', 'untitled', null]],
    [true, ['', 'untitled', null]],
    [false, ['', 'untitled', null]],
  ])
  expect([stack.isWaiting, waiting[0], waiting.at(-1)]).toEqual([false, true, false])
  seen.length = 0
  // Back, and on in the middle of it.
  const mixed = [store.redoAsync(), store.redoAsync(), store.undoAsync(), store.redoAsync(), store.redoAsync()]
  await passing(world, Promise.all(mixed))
  expect(now()).toEqual(['one', 'two', 'three'])
  await store.redoAsync()
  expect([now(), stack.redoable]).toEqual([['four', 'two', 'three'], false])
  await world.close()
})

test('[UN14] scopes do not wait for each other, and one that is refused or given up lets the next one try', async () => {
  const world = await createWorld(12)
  const wire = world.wire()
  const store = await world.open({ transport: wire })
  await world.clock.pass(100)
  await store.transactAsync((tx) => tx.set(seat, 'ada'), relay)
  store.transact((tx) => tx.set(title, 'T'), { undo: { scope: 'view' } })
  hold(wire)
  const enough = new AbortController()
  const first = quietly(store.undoAsync({ signal: enough.signal }))
  const second = quietly(store.undoAsync({ timeoutMs: 500 }))
  const third = quietly(store.undoAsync())
  await world.clock.pass(100)
  store.undoStack('view').undo()
  expect([store.get(title), store.undoStack().isWaiting, store.undoStack('view').isWaiting]).toEqual([
    'untitled',
    true,
    false,
  ])
  await world.clock.pass(1_000)
  // It waits for its turn, and its time is over.
  expect(await codeOf(second)).toBe('attempts-exhausted')
  enough.abort(new Error('enough'))
  await letGo(world, wire)
  await expect(first).rejects.toThrow('enough')
  expect([(await third).superseded, store.get(seat), store.undoStack().isWaiting]).toEqual([[], null, false])
  await world.close()
  expect(world.clock.timers).toBe(0)
})

test('[UN15] a step stands where it was asked for, in a tab that goes on meanwhile as after a reload', async () => {
  const world = await createWorld(13)
  const wire = world.wire()
  const storage = memoryStorage()
  const store = await world.open({ transport: wire, storage })
  await world.clock.pass(100)
  store.transact((tx) => tx.set(title, 'one'))
  hold(wire)
  const taking = store.transactAsync((tx) => tx.set(seat, 'two'), relay)
  await world.clock.pass(100)
  // What is not decided is no step yet.
  store.undo()
  expect([store.get(title), store.undoStack().redoable]).toEqual(['untitled', true])
  store.redo()
  store.transact((tx) => tx.set(title, 'three'))
  await letGo(world, wire)
  await taking
  const now = (from: Store): unknown => [from.get(title), from.get(seat)]
  expect(now(store)).toEqual(['three', 'two'])
  await store.durable()
  await store.close()
  const again = await world.open({ transport: wire, storage })
  now(again)
  await world.clock.pass(1_000)
  const seen: unknown[] = []
  for (let i = 0; i < 3; i++) {
    await passing(world, again.undoAsync())
    seen.push(now(again))
  }
  expect(seen).toEqual([
    ['one', 'two'],
    ['untitled', 'two'],
    ['untitled', null],
  ])
  await world.close()
})

test('[UN15] what was undone after a step was asked for can be done again, and what was undone before cannot', async () => {
  const world = await createWorld(14)
  for (const isBefore of [true, false]) {
    const wire = world.wire()
    const store = await world.open({ transport: wire })
    await world.clock.pass(100)
    store.transact((tx) => tx.set(title, 'one'), { undo: {} })
    if (isBefore) store.undo()
    hold(wire)
    const taking = store.transactAsync((tx) => tx.set(seat, `two ${isBefore}`), relay)
    await world.clock.pass(100)
    if (!isBefore) store.undo()
    await letGo(world, wire)
    await taking
    const stack = store.undoStack()
    expect([stack.undoable, stack.redoable]).toEqual([true, !isBefore])
    store.redo()
    expect(store.get(title)).toBe(isBefore ? 'untitled' : 'one')
    await store.close()
  }
  await world.close()
})

test('[UN15] an undo that comes back after something new cannot be done again', async () => {
  const world = await createWorld(15)
  const wire = world.wire()
  const store = await world.open({ transport: wire })
  await world.clock.pass(100)
  await store.transactAsync((tx) => tx.set(seat, 'one'), relay)
  hold(wire)
  const undoing = store.undoAsync()
  await world.clock.pass(100)
  store.transact((tx) => tx.set(title, 'two'))
  await letGo(world, wire)
  await undoing
  const stack = store.undoStack()
  expect([store.get(seat), stack.undoable, stack.redoable]).toEqual([null, true, false])
  store.undo()
  expect([store.get(title), stack.undoable, stack.redoable]).toEqual(['untitled', false, true])
  await world.close()
})

test('[UN16] without a link an undo on relay refs rejects, nothing has happened, and it can be asked for again', async () => {
  const world = await createWorld(16)
  const wire = world.wire()
  const store = await world.open({ transport: wire })
  await world.clock.pass(100)
  await store.transactAsync((tx) => tx.set(seat, 'ada'), relay)
  wire.cut()
  store.disconnect()
  await world.clock.pass(1_000)
  const { snapshot } = store
  for (let i = 0; i < 2; i++) expect(await codeOf(store.undoAsync())).toBe('offline')
  const stack = store.undoStack()
  expect([store.snapshot === snapshot, stack.undoable, stack.redoable, stack.isWaiting]).toEqual([
    true,
    true,
    false,
    false,
  ])
  wire.mend()
  store.connect()
  await world.clock.pass(60_000)
  await passing(world, store.undoAsync())
  expect(store.get(seat)).toBe(null)
  await world.close()
})

test('[UN16] a store that is closed with an undo under way rejects it, and the next one knows what became of it', async () => {
  const world = await createWorld(25)
  for (const reached of [false, true]) {
    const target = lww(`seat-${reached}`, '', relay)
    const wire = world.wire()
    const storage = memoryStorage()
    const store = await world.open({ transport: wire, storage })
    await world.clock.pass(100)
    await store.transactAsync((tx) => tx.set(target, 'ada'), relay)
    wire.filter = (direction, message) => direction === 'up' && (reached || message.length < 60)
    const [undoing, behind] = [quietly(store.undoAsync()), quietly(store.undoAsync())]
    await world.clock.pass(100)
    await store.close()
    expect([await codeOf(undoing), await codeOf(behind)]).toEqual(['closed', 'closed'])
    wire.cut()
    wire.filter = undefined
    wire.mend()
    const next = await world.open({ transport: wire, storage })
    next.get(target)
    await world.clock.pass(60_000)
    const stack = next.undoStack()
    expect([next.get(target), stack.undoable, stack.redoable]).toEqual([reached ? '' : 'ada', !reached, reached])
    await next.close()
  }
  await world.close()
  expect(world.clock.timers).toBe(0)
})

test('[UN16] what the relay does not allow is not undone, and stays on the stack', async () => {
  let isOpen = true
  const world = await createWorld(17, {
    refuse: () => (isOpen ? undefined : { code: 'forbidden', message: 'Not now.' }),
  })
  const store = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  await store.transactAsync((tx) => tx.set(seat, 'ada'), relay)
  isOpen = false
  await expect(passing(world, store.undoAsync())).rejects.toMatchObject({ code: 'refused', refusal: 'forbidden' })
  expect([store.get(seat), store.undoStack().undoable, store.refused.list()]).toEqual(['ada', true, []])
  isOpen = true
  await passing(world, store.undoAsync())
  expect([store.get(seat), store.undoStack().redoable]).toEqual([null, true])
  await world.close()
})

test('[UN16] a store without a transport cannot undo what the relay has decided, and keeps it', async () => {
  const world = await createWorld(18)
  const storage = memoryStorage()
  const first = await world.open({ storage, transport: world.wire() })
  await world.clock.pass(100)
  await (await first.transactAsync((tx) => tx.set(seat, 'ada'), relay)).durable()
  await first.close()
  const second = await world.open({ storage })
  expect(second.get(seat)).toBe('ada')
  expect(await codeOf(second.undoAsync())).toBe('no-arbiter')
  await second.close()
  const third = await world.open({ storage, transport: world.wire() })
  await world.clock.pass(100)
  expect(await codeOf(third.undoAsync())).toBe('unknown-policy')
  expect(third.get(seat)).toBe('ada')
  await passing(world, third.undoAsync())
  expect(third.get(seat)).toBe(null)
  await world.close()
})

for (const when of ['before it was sent', 'before the answer came', 'when the answer was here'] as const) {
  for (const what of ['a step', 'an undo'] as const) {
    test(`[UN16] a tab dies with ${what} under way, ${when}: the tab that comes after it knows what became of it`, async () => {
      const world = await createWorld(19)
      const storage = memoryStorage()
      const mortal = mortalTab(storage)
      const wire = world.wire()
      const author = await world.open({ transport: wire, storage: mortal.storage })
      await world.clock.pass(100)
      await author.transactAsync((tx) => tx.set(seat, 'ada'), relay)
      await author.durable()
      wire.filter = (direction, message) => {
        if (when === 'before it was sent') return direction === 'down' || message.length < 60
        return when === 'when the answer was here' || direction === 'up'
      }
      if (what === 'a step') void quietly(author.transactAsync((tx) => tx.set(seat, 'bob'), relay))
      else void quietly(author.undoAsync())
      if (when === 'when the answer was here') await settle()
      else await world.clock.pass(200)
      mortal.die()
      wire.cut()
      await world.clock.pass(100)
      const next = await world.open({ transport: world.wire(), storage })
      await world.clock.pass(120_000)
      const isDone = when !== 'before it was sent'
      const stack = next.undoStack()
      const there = what === 'a step' ? (isDone ? 'bob' : 'ada') : isDone ? null : 'ada'
      const isUndone = what === 'an undo' && isDone
      expect([next.get(seat), stack.undoable, stack.redoable]).toEqual([there, !isUndone, isUndone])
      // One step the other way.
      const { superseded } = await passing(world, isUndone ? next.redoAsync() : next.undoAsync())
      const isTwo = what === 'a step' && isDone
      expect([superseded, next.get(seat), stack.undoable]).toEqual([
        [],
        isTwo || isUndone ? 'ada' : null,
        isTwo || isUndone,
      ])
      await author.close().catch(() => undefined)
      await world.close()
    })
  }
}

test('[UN16] the step of a tab that died before the relay had answered is on the stack even when it is the only one', async () => {
  const world = await createWorld(20)
  const storage = memoryStorage()
  const mortal = mortalTab(storage)
  const wire = world.wire()
  const author = await world.open({ transport: wire, storage: mortal.storage })
  await world.clock.pass(100)
  wire.filter = (direction) => direction === 'up'
  void quietly(author.transactAsync((tx) => tx.set(seat, 'ada'), relay))
  await world.clock.pass(200)
  mortal.die()
  wire.cut()
  const next = await world.open({ transport: world.wire(), storage })
  next.get(seat)
  await world.clock.pass(120_000)
  expect([next.get(seat), next.undoStack().undoable]).toEqual(['ada', true])
  // A new step has a place of its own beside it.
  next.transact((tx) => tx.set(title, 'T'))
  next.undo()
  await passing(world, next.undoAsync())
  expect([next.get(seat), next.get(title), next.undoStack().undoable]).toEqual([null, 'untitled', false])
  await author.close().catch(() => undefined)
  await world.close()
})

test('[UN17] what others wrote between asking and answer makes a part irreversible, unless it is only added to', async () => {
  const world = await createWorld(21)
  for (const isReloaded of [false, true]) {
    const wire = world.wire()
    const storage = memoryStorage()
    let mine = await world.open({ transport: wire, storage })
    const theirs = await world.open({ transport: world.wire() })
    await world.clock.pass(100)
    const before = theirs.get(visits)
    // What was asked for waits on the wire while the other one is faster.
    hold(wire)
    const asking = mine.transactAsync((tx) => {
      tx.set(sign, `mine ${isReloaded}`)
      tx.commute(queue, { insert: [`mine ${isReloaded}`] })
      tx.commute(visits, { add: 2 })
    }, relay)
    await world.clock.pass(100)
    await theirs.transactAsync((tx) => {
      tx.set(sign, `theirs ${isReloaded}`)
      tx.commute(queue, { insert: [`theirs ${isReloaded}`] })
      tx.commute(visits, { add: 40 })
    }, relay)
    await letGo(world, wire)
    await asking
    expect([mine.get(sign), mine.get(visits)]).toEqual([`mine ${isReloaded}`, before + 42])
    if (isReloaded) {
      await mine.durable()
      await mine.close()
      mine = await world.open({ transport: wire, storage })
      await world.clock.pass(1_000)
      onRelay(mine)
      mine.get(sign)
    }
    const { superseded, irreversible } = await passing(world, mine.undoAsync())
    expect([superseded, irreversible.map(({ key }) => key)]).toEqual([[], [sign.key]])
    expect([mine.get(sign), mine.get(visits)]).toEqual([`mine ${isReloaded}`, before + 40])
    expect(mine.get(queue)).toContain(`theirs ${isReloaded}`)
    expect(mine.get(queue)).not.toContain(`mine ${isReloaded}`)
    await Promise.all([mine.close(), theirs.close()])
  }
  await world.close()
})

test('[UN6] of a refused Change what it did to browser refs stands, and can be undone', async () => {
  const world = await createWorld(22, {
    refuse: (header) =>
      header.touched.some(({ address }) => address === 'stars')
        ? { code: 'forbidden', message: 'Not yours.' }
        : undefined,
  })
  const storage = memoryStorage()
  const wire = world.wire()
  let store = await world.open({ storage, transport: wire })
  await world.clock.pass(100)
  await store.transactAsync((tx) => {
    tx.set(draft, 'mine')
    tx.add(stars, 1)
  }, browser)
  await world.clock.pass(60_000)
  for (const isReloaded of [false, true]) {
    if (isReloaded) {
      await store.close()
      store = await world.open({ storage, transport: wire })
      await world.clock.pass(1_000)
    }
    expect([store.get(draft), store.get(stars), store.refused.list().length]).toEqual(['mine', 0, 1])
    const { change, superseded } = await store.undoAsync()
    expect([change!.ops.map(({ address }) => address), superseded, store.get(draft)]).toEqual([['draft'], [], ''])
    await store.redoAsync()
    expect([store.get(draft), store.get(stars)]).toEqual(['mine', 0])
  }
  await world.close()
})

test('[UN3] what agents do, and what handles do as they open and close, is on no stack', async () => {
  const world = await createWorld(23)
  const store = await world.open()
  const shortLived = lww('short-lived', '', { ...browser, persistence: 'transient' })
  const handle = await store.open(shortLived, 'write')
  await store.transactAsync((tx) => tx.set(shortLived, 'now'), browser)
  await handle.persist()
  await handle.close()
  const { superseded } = await store.undoAsync()
  expect([store.get(shortLived), superseded, store.undoStack().undoable]).toEqual(['', [], false])
  await world.close()
})

test('[UN11] the inverse of a Change on browser and relay refs says what it would take', async () => {
  const world = await createWorld(24)
  const store = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  const first = await store.transactAsync((tx) => tx.set(draft, 'one'), browser)
  const second = await store.transactAsync((tx) => tx.add(visits, 2), relay)
  const opsOf = (change: typeof first.change): unknown =>
    store
      .undoStack()
      .inverse(changeId(change!))
      ?.ops.map(({ address, arbiter, payload }) => [address, arbiter, payload])
  expect(opsOf(first.change)).toEqual([['draft', 'browser', [1, null]]])
  expect(opsOf(second.change)).toEqual([['visits', 'relay', [0, -2]]])
  await world.close()
})

test('[UN4] that nothing was left in a step is not forgotten when the Change that says so first is not accepted', async () => {
  let isOpen = true
  const world = await createWorld(26, {
    refuse: () => (isOpen ? undefined : { code: 'forbidden', message: 'Not now.' }),
  })
  const storage = memoryStorage()
  const wire = world.wire()
  const mine = await world.open({ transport: wire, storage })
  const theirs = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  await mine.transactAsync((tx) => tx.set(seat, 'first'), relay)
  await mine.transactAsync((tx) => tx.set(sign, 'gone'), relay)
  await world.clock.pass(100)
  await theirs.transactAsync((tx) => tx.set(sign, 'theirs'), relay)
  await world.clock.pass(100)
  expect((await mine.undoAsync()).change).toBe(undefined)
  isOpen = false
  await expect(mine.undoAsync()).rejects.toMatchObject({ code: 'refused' })
  isOpen = true
  await (await mine.transactAsync((tx) => tx.add(visits, 1), relay)).durable()
  await mine.close()

  const again = await world.open({ transport: wire, storage })
  onRelay(again)
  again.get(sign)
  await world.clock.pass(1_000)
  await passing(world, again.undoAsync())
  // Not the one that is gone.
  expect((await passing(world, again.undoAsync())).superseded).toEqual([])
  expect([again.get(visits), again.get(seat), again.get(sign), again.undoStack().undoable]).toEqual([
    0,
    null,
    'theirs',
    false,
  ])
  await world.close()
})
