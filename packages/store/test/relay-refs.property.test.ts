import { counter, lww } from '@syncline/merge'
import { decodeChange } from '@syncline/protocol'
import type { Change } from '@syncline/stm'
import { expect, test } from 'vitest'
import type { Clock, Transport } from '../src/index.ts'
import { newBrowser, openMortalTab, type MortalTab } from './tab.ts'
import { createWorld, seededChance, settle, type Wire, type World } from './world.ts'

const relay = { arbiter: 'relay' } as const
const seats = ['front', 'middle', 'back'].map((name) => lww<string | null, 'relay'>(name, null, relay))
const tally = lww('tally', 0, relay)
const visits = counter('visits', relay)
const note = lww('note', '')

/** What a tab was told of a transaction: that it was accepted, as which Change, or why not. */
interface Told {
  /** `waits`, `accepted`, `nothing`, or the code of an error. */
  outcome: string
  writer?: string
}

/** How a message begins that holds whole frames, the first of which brings Changes. */
const WHOLE = 0
const CHANGES = 5

/** A wire that says some messages twice: a network may, and so may a client that does not know whether it was heard. */
function stuttering(wire: Wire, isTwice: () => boolean): Wire {
  const connect: Transport['connect'] = (events) => {
    const connection = wire.connect(events)
    return {
      get bufferedBytes() {
        return connection.bufferedBytes
      },
      send(message) {
        connection.send(message)
        if (message[0] === WHOLE && message[1] === CHANGES && isTwice()) connection.send(message)
      },
      close: (code, reason) => connection.close(code, reason),
    }
  }
  return Object.assign(Object.create(wire) as Wire, { connect })
}

async function wholeLog(world: World): Promise<Change[]> {
  const { head } = (await world.disk.space('board'))!
  const records = await world.disk.read('board', 0, head, Number.MAX_SAFE_INTEGER)
  return records.map((record) => decodeChange(record))
}

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve))
}

/** The values that an operation on a register of a log wrote, in order. */
function valuesOf(log: readonly Change[], address: string): unknown[] {
  return log.flatMap(({ ops }) =>
    ops
      .filter((op) => op.address === address && op.arbiter === 'relay')
      .map(({ payload }) => (payload as unknown[])[1]),
  )
}

const totals = { accepted: 0, unknown: 0, offline: 0, kills: 0, restarts: 0, sold: 0 }

for (let seed = 1; seed <= (process.env.SYNCLINE_LONG === '1' ? 1000 : 16); seed++) {
  test(`[RE1] [RE2] [RE7] seed ${seed}: through cut links, killed tabs and relays, and repeats, what tabs are told is what is so`, async () => {
    const world = await createWorld(seed)
    const { fraction } = seededChance(seed * 1000)
    const dice = (sides: number): number => Math.floor(fraction() * sides)
    const errors: unknown[] = []
    const browsers = Array.from({ length: 3 }, () => newBrowser(stuttering(world.wire(), () => dice(4) === 0)))
    const wires = browsers.map(({ wire }) => Object.getPrototypeOf(wire) as Wire)
    const told: Told[] = []

    const openTab = async (browser: (typeof browsers)[number]): Promise<void> => {
      browser.tabs.push(await openMortalTab(browser, world, (error) => errors.push(error)))
    }
    for (const browser of browsers) await openTab(browser)
    await world.clock.pass(200)

    function begin({ store }: MortalTab, who: string): void {
      const mine: Told = { outcome: 'waits' }
      told.push(mine)
      const seat = seats[dice(seats.length)]!
      const kind = dice(5)
      const running = store.transactAsync((tx) => {
        if (kind === 0) tx.commute(visits, { add: 1 })
        else if (kind === 1) tx.update(tally, (n) => n + 1)
        else if (kind === 2) {
          if (tx.get(seat) !== null) tx.set(seat, null)
        } else {
          tx.orElse(
            (left) => (left.get(seat) === null ? left.set(seat, who) : left.retry()),
            (right) => {
              const free = seats.find((other) => right.get(other) === null)
              if (free !== undefined) right.set(free, who)
            },
          )
        }
      }, relay)
      running.then(
        ({ change }) => {
          mine.outcome = change === undefined ? 'nothing' : 'accepted'
          mine.writer = change?.writer
        },
        (error: { code?: string }) => (mine.outcome = error.code ?? String(error)),
      )
    }

    for (let step = 0; step < 80; step++) {
      const browser = browsers[dice(browsers.length)]!
      const wire = wires[browsers.indexOf(browser)]!
      const tab = browser.tabs[dice(browser.tabs.length)]
      switch (dice(12)) {
        case 0:
          wire.cut()
          break
        case 1:
        case 2:
          wire.mend()
          break
        case 3:
          if (browser.tabs.length < 3) await openTab(browser)
          break
        case 4:
          if (tab === undefined) break
          totals.kills += 1
          begin(tab, `${seed}-${step}`)
          await turns(dice(20))
          browser.tabs.splice(browser.tabs.indexOf(tab), 1)
          tab.kill()
          break
        case 5:
          if (dice(2) === 0) break
          totals.restarts += 1
          await world.restartRelay()
          break
        case 6:
          tab?.store.transact((tx) => tx.set(note, `${step}`))
          break
        default:
          for (let n = dice(3); tab !== undefined && n >= 0; n--) begin(tab, `${seed}-${step}-${n}`)
      }
      // Often not even what is on its way arrives before the next thing happens.
      if (dice(2) === 0) await turns(dice(12))
      else await world.clock.pass([0, 5, 50, 400][dice(4)]!)
    }

    for (const wire of wires) wire.mend()
    for (const browser of browsers) if (browser.tabs.length === 0) await openTab(browser)
    await world.clock.pass(300_000)

    const log = await wholeLog(world)
    const writers = new Set(log.map(({ writer }) => writer))
    // Who was told that it is accepted is in the log, and once.
    const accepted = told.filter(({ outcome }) => outcome === 'accepted')
    expect(accepted.filter(({ writer }) => !writers.has(writer!))).toEqual([])
    expect(new Set(accepted.map(({ writer }) => writer)).size).toBe(accepted.length)
    // Only a tab that was killed is left without an answer.
    const outcomes = new Set(told.map(({ outcome }) => outcome))
    expect([...outcomes].filter((one) => !['accepted', 'nothing', 'offline', 'waits'].includes(one))).toEqual([])
    const decided = log.filter(({ ops }) => ops.some(({ arbiter }) => arbiter === 'relay'))
    const waiting = told.filter(({ outcome }) => outcome === 'waits').length
    expect(decided.length).toBeGreaterThanOrEqual(accepted.length)
    expect(decided.length).toBeLessThanOrEqual(accepted.length + waiting)
    // Nothing was counted twice, nothing lost; a seat was free when it was sold, and sold when it was given back.
    expect(valuesOf(log, 'tally')).toEqual(valuesOf(log, 'tally').map((_, i) => i + 1))
    for (const { address } of seats) {
      const sold = valuesOf(log, address)
      expect(sold.map((who) => who === null)).toEqual(sold.map((_, i) => i % 2 === 1))
      totals.sold += sold.length
    }
    // And everybody reads that.
    const stores = browsers.flatMap(({ tabs }) => tabs.map(({ store }) => store))
    for (const store of stores) {
      expect(store.snapshot.basis).toEqual(stores[0]!.snapshot.basis)
      expect(store.get(tally)).toBe(valuesOf(log, 'tally').length)
      expect(store.get(visits)).toBe(valuesOf(log, 'visits').length)
      for (const seat of seats) expect(store.get(seat)).toBe(valuesOf(log, seat.address).at(-1) ?? null)
      expect(store.status).toMatchObject({ pending: 0, refused: 0, link: 'online' })
    }
    // Nothing is left undecided: the next ones begin with nothing to call off.
    const last = stores[0]!.transactAsync((tx) => tx.set(seats[0]!, 'last'), relay)
    await world.clock.pass(5_000)
    expect((await last).value).toBeUndefined()
    totals.accepted += accepted.length
    totals.unknown += decided.length - accepted.length
    totals.offline += told.filter(({ outcome }) => outcome === 'offline').length
    for (const store of stores) await store.close()
    await settle()
    expect(errors).toEqual([])
  })
}

test('the schedules were about something', () => {
  expect(totals.accepted).toBeGreaterThan(150)
  expect(totals.offline).toBeGreaterThan(5)
  expect(totals.kills).toBeGreaterThan(10)
  expect(totals.restarts).toBeGreaterThan(5)
  expect(totals.sold).toBeGreaterThan(40)
  expect(totals.unknown).toBeGreaterThan(0)
})

test('[RE2] ten workers in five browsers add a hundred each: a thousand, none lost and none twice', async () => {
  const world = await createWorld(99)
  // Here time runs by itself, so that nobody waits for others to be quiet, and ten times as fast.
  const clock: Clock = {
    nowMs: () => world.clock.nowMs(),
    setTimer(delayMs, fn) {
      const timer = setTimeout(fn, delayMs / 10)
      return () => clearTimeout(timer)
    },
  }
  const stores = await Promise.all(Array.from({ length: 5 }, () => world.open({ transport: world.wire(), clock })))
  let runs = 0
  const work = stores.flatMap((store) =>
    [0, 1].map(async () => {
      for (let n = 0; n < 100; n++) {
        await store.transactAsync(
          (tx) => {
            runs += 1
            tx.update(tally, (now) => now + 1)
          },
          { ...relay, attempts: 10_000 },
        )
      }
    }),
  )
  await Promise.all(work)
  await settle()
  expect(stores.map((store) => store.get(tally))).toEqual(Array(5).fill(1000))
  expect(valuesOf(await wholeLog(world), 'tally')).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1))
  // They must have been in each other's way.
  expect(runs).toBeGreaterThan(1100)
  await world.close()
}, 60_000)
