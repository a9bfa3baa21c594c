import { counter, lww } from '@syncline/merge'
import type { AnyRef, LeftPart, Ref, Tx } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { memoryStorage, type Storage, type Store, type Transport, type Undone } from '../src/index.ts'
import { createUndoModel, type Taken, type UndoModel, type Writes } from './undo-model.ts'
import { createWorld, passing, settle, type Wire, type World } from './world.ts'

/** Two who write and undo beside each other: what they write, and what they share. */
interface Setting {
  readonly arbiter: 'browser' | 'relay'
  /** Where each opens its store. */
  place(world: World): { readonly storage: Storage; readonly wire: Wire | undefined }
  /** Lets each know what the other one has done. */
  spread(world: World): Promise<void>
}

function browserSetting(): Setting {
  const storage = memoryStorage()
  return { arbiter: 'browser', place: () => ({ storage, wire: undefined }), spread: settle }
}

function relaySetting(): Setting {
  return {
    arbiter: 'relay',
    place: (world) => ({ storage: memoryStorage(), wire: world.wire() }),
    spread: ({ clock }) => clock.pass(100),
  }
}

type Register = Ref<string, { set: string }, 'local' | 'browser' | 'relay'>

/** What both write: refs that an arbiter decides about. And what one of them writes only: local refs, which merge. */
function refsOf(arbiter: 'browser' | 'relay') {
  const own = ['left', 'right'].map((name) => lww(name, ''))
  const shared = ['a', 'b'].map((name) => lww(name, '', { arbiter }))
  // The type says less than it could, so that one body may write all of them.
  return { own, shared, registers: [...own, ...shared] as readonly Register[], count: counter('count', { arbiter }) }
}

type Refs = ReturnType<typeof refsOf>
type AnyTx = Tx<'local' | 'browser' | 'relay'>
/** Which arbiter it is only the setting knows: no type. */
type Transact = (
  body: (tx: AnyTx) => void,
  options: { readonly arbiter: string; readonly undo: object },
) => Promise<unknown>

const act = fc.record({
  who: fc.nat(1),
  kind: fc.constantFrom(
    'write',
    'write',
    'write',
    'join',
    'join',
    'undo',
    'undo',
    'redo',
    'burst',
    'race',
    'race',
    'race',
    'reload',
    'cut',
  ),
  // Without a bias to small numbers, which are transactions that write little.
  which: fc.noBias(fc.nat(63)),
})

type Act = typeof act extends fc.Arbitrary<infer T> ? T : never

interface Counts {
  undone: number
  redone: number
  superseded: number
  reloads: number
  bursts: number
  cuts: number
  /** Races whose end only one order explains, with whoever was first. */
  first: number
  second: number
}

let unique = 0

/** What one transaction writes: never twice the same. */
function writesOf(who: number, which: number): Writes {
  unique += 1
  const set: Record<string, string> = {}
  if ((which & 1) > 0) set['a'] = `a${unique}`
  if ((which & 2) > 0) set['b'] = `b${unique}`
  if ((which & 12) === 12) set[who === 0 ? 'left' : 'right'] = `own${unique}`
  return { set, add: (which & 19) === 0 || (which & 16) > 0 ? { count: 1 + (which % 3) } : {} }
}

/** One store after the other in one place, and what is done there. */
function createHand(world: World, refs: Refs, arbiter: 'browser' | 'relay', place: ReturnType<Setting['place']>) {
  let store: Store | undefined

  function bodyOf({ set, add }: Writes) {
    return (tx: AnyTx): void => {
      for (const ref of refs.registers) if (set[ref.address] !== undefined) tx.set(ref, set[ref.address]!)
      if (add['count'] !== undefined) tx.add(refs.count, add['count'])
    }
  }

  return {
    get store() {
      return store!
    },
    wire: place.wire,
    async open(): Promise<void> {
      await store?.close()
      const transport: Transport | undefined = place.wire
      store = await world.open({ storage: place.storage, ...(transport !== undefined && { transport }) })
      this.reading()
      await world.clock.pass(100)
    },
    reading(): string {
      const values = refs.registers.map((ref) => store!.get(ref))
      return JSON.stringify([values, { count: store!.get(refs.count) }])
    },
    async write(writes: Writes, joins: boolean): Promise<void> {
      await (store!.transactAsync as unknown as Transact)(bodyOf(writes), {
        arbiter,
        undo: joins ? { group: 'g' } : {},
      })
    },
    async take(direction: 'undo' | 'redo'): Promise<Taken> {
      const { change, superseded, irreversible } = await store![`${direction}Async`]()
      expect(irreversible).toEqual([])
      return { isDone: change !== undefined, superseded: superseded.map(addressOf).sort() }
    },
  }
}

function addressOf({ address }: LeftPart | AnyRef): string {
  return address
}

/** One thing that can be done to a store and to its model. */
interface Deed {
  really(): Promise<unknown>
  inModel(model: UndoModel): unknown
}

async function run(setting: Setting, seed: number, acts: readonly Act[], counts: Counts): Promise<void> {
  const world = await createWorld(seed)
  const refs = refsOf(setting.arbiter)
  /** More than one where what was seen so far does not tell which of two was first. */
  let models = [createUndoModel(refs.registers.map(addressOf), ['count'], 2)]
  const hands = [0, 1].map(() => createHand(world, refs, setting.arbiter, setting.place(world)))
  for (const hand of hands) await hand.open()
  /** Steps of which nothing was left say so with the next Change. */
  const isUnsaid = [false, false]

  function deedOf(who: number, kind: 'write' | 'join' | 'undo' | 'redo', which: number): Deed {
    const hand = hands[who]!
    if (kind === 'undo' || kind === 'redo') {
      return { really: () => hand.take(kind), inModel: (on) => on.take(who, kind) }
    }
    const writes = writesOf(who, which)
    return {
      really: () => hand.write(writes, kind === 'join'),
      inModel: (on) => on.write(who, writes, kind === 'join'),
    }
  }

  function note(who: number, kind: string, outcome: unknown): void {
    const taken = outcome as Taken | undefined
    if (taken === undefined) isUnsaid[who] = false
    else {
      if (taken.isDone) counts[kind === 'undo' ? 'undone' : 'redone'] += 1
      isUnsaid[who] = !taken.isDone && (isUnsaid[who]! || taken.superseded.length > 0)
      counts.superseded += taken.superseded.length
    }
  }

  /** Keeps the models that have come to what was seen: one at least. */
  function keep(seen: string, looks: (model: UndoModel) => string): void {
    const found = models.map((model) => [model, looks(model)] as const)
    expect(found.map(([, one]) => one)).toContain(seen)
    models = found.filter(([, one]) => one === seen).map(([model]) => model)
  }

  async function check(): Promise<void> {
    await setting.spread(world)
    hands.forEach(({ store, reading }, who) => {
      const { undoable, redoable, isWaiting } = store.undoStack()
      expect(isWaiting).toBe(false)
      const seen = JSON.stringify([reading(), undoable, redoable])
      keep(seen, (model) => JSON.stringify([model.reading, model.undoable(who), model.redoable(who)]))
    })
  }

  async function alone(who: number, kind: 'write' | 'join' | 'undo' | 'redo', which: number): Promise<void> {
    const deed = deedOf(who, kind, which)
    const outcome = await passing(world, deed.really())
    keep(JSON.stringify([outcome]), (model) => JSON.stringify([deed.inModel(model)]))
    note(who, kind, outcome)
  }

  /** Both at once: what became of it is what one of the two orders makes of it. */
  async function race(kinds: readonly ('write' | 'undo' | 'redo')[], which: number): Promise<void> {
    const deeds = kinds.map((kind, who) => deedOf(who, kind, which | 3))
    const outcomes = await passing(world, Promise.all(deeds.map(({ really }) => really())))
    await setting.spread(world)
    const orders = new Map<UndoModel, 'first' | 'second'>()
    const expected = new Map<UndoModel, unknown[]>()
    models = models.flatMap((model) =>
      (['first', 'second'] as const).map((order) => {
        const end = model.copy()
        const found: unknown[] = []
        for (const who of order === 'first' ? [0, 1] : [1, 0]) found[who] = deeds[who]!.inModel(end)
        orders.set(end, order)
        expected.set(end, found)
        return end
      }),
    )
    keep(JSON.stringify([outcomes, hands[0]!.reading()]), (model) =>
      JSON.stringify([expected.get(model), model.reading]),
    )
    const possible = new Set(models.map((model) => orders.get(model)!))
    if (possible.size === 1) counts[[...possible][0]!] += 1
    outcomes.forEach((outcome, who) => note(who, kinds[who]!, outcome))
  }

  for (const { who, kind, which } of acts) {
    const hand = hands[who]!
    switch (kind) {
      case 'burst': {
        const kinds = ['undo', 'undo', 'redo', 'undo', 'redo', 'redo'] as const
        const deeds = kinds.slice(which % 4).map((one) => deedOf(who, one, 0))
        const outcomes = await passing(world, Promise.all(deeds.map(({ really }) => really())))
        keep(JSON.stringify(outcomes), (model) => JSON.stringify(deeds.map((deed) => deed.inModel(model))))
        outcomes.forEach((outcome, i) => note(who, kinds.slice(which % 4)[i]!, outcome))
        counts.bursts += 1
        break
      }
      case 'race': {
        const kinds = ['write', 'undo', 'undo', 'redo'] as const
        await race([kinds[which % 4]!, kinds[(which >> 2) % 3]!], which)
        break
      }
      case 'reload':
        if (isUnsaid[who]) await alone(who, 'write', which)
        await hand.store.durable()
        await hand.open()
        for (const model of models) model.reload(who)
        counts.reloads += 1
        break
      case 'cut': {
        const { wire, store } = hand
        if (wire === undefined) break
        const next = which % 2 === 0 ? 'undo' : 'redo'
        const isAsked = store.undoStack()[`${next}able`]
        wire.cut()
        await world.clock.pass(1)
        const asked = store[`${next}Async`]().catch((error: { code: string }) => error.code)
        // A step on local refs is none of the relay's business, and one with nothing left asks nobody: neither is in here.
        if (isAsked && (await Promise.race([asked, settle()])) === 'offline') {
          wire.mend()
          await world.clock.pass(60_000)
          await check()
          await alone(who, next, 0)
          counts.cuts += 1
        } else {
          wire.mend()
          await world.clock.pass(60_000)
          const outcome = await asked
          // Not the code of an error, which would have no `superseded`.
          const { change, superseded } = outcome as Undone
          const taken = { isDone: change !== undefined, superseded: superseded.map(addressOf).sort() }
          keep(JSON.stringify(taken), (model) => JSON.stringify(model.take(who, next)))
          note(who, next, taken)
        }
        break
      }
      default:
        await alone(who, kind, which)
    }
    await check()
  }
  for (const who of [0, 1]) {
    while (hands[who]!.store.undoStack().undoable) await alone(who, 'undo', 0)
    await check()
  }
  await world.close()
}

for (const [name, settingOf] of [
  ['two tabs on browser refs', browserSetting],
  ['two people on relay refs', relaySetting],
] as const) {
  test(`[UN1] [UN12] [UN13] [UN14] ${name}, one after the other and at once, undo and redo as a list of everything written says`, async () => {
    const counts: Counts = { undone: 0, redone: 0, superseded: 0, reloads: 0, bursts: 0, cuts: 0, first: 0, second: 0 }
    let seed = 0
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 10, maxLength: 25 }), (acts) =>
        run(settingOf(), (seed += 1), acts, counts),
      ),
      { seed: 11, numRuns: process.env.SYNCLINE_LONG === '1' ? 300 : 20 },
    )
    expect(counts.undone).toBeGreaterThan(60)
    expect(counts.redone).toBeGreaterThan(15)
    expect(counts.superseded).toBeGreaterThan(15)
    expect(counts.reloads).toBeGreaterThan(8)
    expect(counts.bursts).toBeGreaterThan(8)
    expect(counts.first + counts.second).toBeGreaterThan(10)
    expect(counts.cuts).toBeGreaterThan(settingOf === relaySetting ? 3 : -1)
  })
}
