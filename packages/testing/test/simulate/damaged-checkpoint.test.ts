import { indexedDb, type Surroundings } from '@syncline/idb'
import { exportDatabase, importDatabase, repairDatabase, verifyDatabase } from '@syncline/idb/care'
import { storageOf, unsyncedIn } from '@syncline/idb/principals'
import { collection } from '@syncline/merge'
import { decodeEntry } from '@syncline/protocol'
import type { Relay } from '@syncline/relay'
import type { Store } from '@syncline/store'
import { expect, test } from 'vitest'
import { UNREADABLE } from '../../src/simulate/browser/transactions.ts'
import { damage, machineOf, makeHole, placesOf, valueAt, type Machine, type Place } from './disks.ts'
import { compact, openAs, relayOf, wayTo } from './people.ts'

type Databases = NonNullable<Surroundings['databases']>

const cards = collection('cards', { title: '' })
const others = collection('others', { title: '' })
const count = 200

const flipped = (value: unknown): unknown => {
  const fields = value as { readonly entry: Uint8Array }
  const entry = fields.entry.slice()
  entry[entry.length >> 1]! ^= 16
  return { ...fields, entry }
}

/** What a part of a checkpoint says, by the kind of its entry. */
const kindAt = (machine: Machine, i: number): number =>
  (valueAt(machine.disk, placesOf(machine.disk, 'entries')[i]!) as { readonly entry: Uint8Array }).entry[1]!
/** The places of what is asleep, and of the spare. */
function placesAsleep(machine: Machine): readonly [asleep: readonly Place[], spare: Place] {
  const saying = (what: string): readonly Place[] =>
    placesOf(machine.disk, 'entries').filter((place) => {
      const entry = decodeEntry((valueAt(machine.disk, place) as { readonly entry: Uint8Array }).entry)
      return entry.kind === 'rest' && entry.rest[0] === what
    })
  return [saying('asleep'), saying('spare')[0]!]
}
const ASLEEP = 16
const SPARE = 20

/** A disk with a checkpoint whose pending Changes are asleep, in several parts: each card is made by one of them and named by a later one. */
async function asleep(): Promise<Machine> {
  const machine = machineOf(3)
  const store = await openAs(machine, null)
  for (let i = 0; i < count; i++) {
    const { durable } = store.transact((tx) => {
      tx.create(cards.at(`c${i}`), { title: `${i} `.repeat(150) })
      if (i >= count / 2) tx.patch(cards.at(`c${i - count / 2}`), { title: 'named' })
    })
    if (i % 20 === 19) await machine.until(durable())
  }
  await machine.until(store.close())
  await compact(machine, null)
  return machine
}

const titlesOf = (store: Store): readonly (string | undefined)[] =>
  store.get(cards).map((id) => store.get(cards.at(id))?.title.slice(0, 10))

/** Opens the space next to a relay that has nothing of it, and gives what somebody else has then. */
async function shownElsewhere(machine: Machine): Promise<readonly unknown[]> {
  const relay: Relay = relayOf()
  const store = await openAs(machine, null, { transport: wayTo(relay) })
  await machine.until(store.synced())
  const far = machineOf(4)
  const other = await openAs(far, null, { transport: wayTo(relay) })
  for (let turn = 0; turn < 50 && other.get(cards).length < count; turn++) {
    await machine.run(50)
    await far.run(50)
  }
  const shown = [titlesOf(store), titlesOf(other)]
  await machine.until(store.close())
  await far.until(other.close())
  return shown
}

test.each(['cannot be read by the browser', 'is not what was written'])(
  '[CP16] each record in turn of a checkpoint that sleeps %s: all is shown, sent, and brought along by an import',
  async (how) => {
    const kinds = new Map<number, number>()
    let records = Infinity
    for (let at = 0; at < records; at++) {
      const machine = await asleep()
      const places = placesOf(machine.disk, 'entries')
      records = places.length
      const kind = kindAt(machine, at)
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
      const before = await openAs(machine, null)
      const shown = titlesOf(before)
      expect(shown).toHaveLength(count)
      await machine.until(before.close())
      damage(machine.disk, places[at]!, how === 'is not what was written' ? flipped : () => UNREADABLE)

      const alone = await openAs(machine, null)
      expect(titlesOf(alone), `record ${at}`).toEqual(shown)
      await machine.until(alone.close())

      const chunks: Uint8Array[] = []
      const surroundings = machine.surroundings()
      const backUp = async (): Promise<void> => {
        for await (const chunk of exportDatabase(storageOf('app', null), { surroundings })) chunks.push(chunk)
      }
      await machine.until(backUp())
      const second = machineOf(5)
      const name = storageOf('app', null)
      await second.until(importDatabase(name, chunks, { surroundings: second.surroundings() }))
      expect(await shownElsewhere(second), `record ${at}, imported`).toEqual([shown, shown])

      expect(await shownElsewhere(machine), `record ${at}`).toEqual([shown, shown])
      expect(machine.errors.every((error) => (error as { code?: string }).code === 'storage-damaged')).toBe(true)
      expect(machine.errors.length).toBeGreaterThan(0)
    }
    expect(kinds.get(ASLEEP)).toBeGreaterThan(2)
    expect(kinds.get(SPARE)).toBe(1)
  },
)

test.each(['cannot be read by the browser', 'is not what was written', 'is gone'])(
  '[CA1] [CA2] [PR2] a sleeping part that %s is told as one that is made again, and a repair puts it back as it was',
  async (how) => {
    const machine = await asleep()
    const surroundings = machine.surroundings()
    const name = storageOf('app', null)
    const whole = await machine.until(verifyDatabase(name, surroundings))
    expect(whole).toMatchObject({ isSound: true, spaces: [{ pending: count, isRemade: false }] })
    const [places] = placesAsleep(machine)
    const parts = places.map((place) => valueAt(machine.disk, place))
    for (const [i, place] of places.entries()) {
      if (how === 'is gone') makeHole(machine.disk, place)
      else damage(machine.disk, place, how === 'is not what was written' ? flipped : () => UNREADABLE)
      const damaged = how === 'is gone' ? [] : [{ from: 'entries', key: place.key, isRemade: true }]
      const report = await machine.until(verifyDatabase(name, surroundings))
      expect(report).toMatchObject({
        isSound: false,
        damaged,
        spaces: [{ pending: count, missing: [], isRemade: true }],
      })
      expect(await machine.until(unsyncedIn(name, surroundings))).toMatchObject([{ pending: count, unreadable: 0 }])
      const repaired = await machine.until(repairDatabase(name, { surroundings }))
      expect(repaired).toEqual({ setAside: 0, dropped: 0, putBack: 1, report: whole })
      expect(valueAt(machine.disk, place)).toEqual(parts[i])
    }
    expect(places.length).toBeGreaterThan(2)
  },
)

test('[CA2] [CA4] a sleeping part of a checkpoint that was imported is put back too, and nothing where another one has taken its place', async () => {
  const machine = await asleep()
  const name = storageOf('app', null)
  const chunks: Uint8Array[] = []
  const backUp = async (): Promise<void> => {
    for await (const chunk of exportDatabase(name, { surroundings: machine.surroundings() })) chunks.push(chunk)
  }
  await machine.until(backUp())
  const second = machineOf(5)
  const surroundings = second.surroundings()
  await second.until(importDatabase(name, chunks, { surroundings }))
  const whole = await second.until(verifyDatabase(name, surroundings))
  const [[place], spare] = placesAsleep(second)
  damage(second.disk, place!, flipped)
  expect(await second.until(repairDatabase(name, { surroundings }))).toMatchObject({ putBack: 1, report: whole })

  // Between the looking and the putting back.
  damage(second.disk, place!, flipped)
  let isReplaced = false
  const replacing: Surroundings = Object.create(surroundings, {
    databases: {
      value: {
        ...surroundings.databases,
        open: async (...args: Parameters<Databases['open']>) => {
          const database = await surroundings.databases!.open(...args)
          // Opened as it is for the look, and at its version for what is done.
          if (args[1] !== undefined && !isReplaced) {
            isReplaced = true
            damage(second.disk, spare, (value) => ({ ...(value as object), sum: 0 }))
          }
          return database
        },
      },
    },
  })
  expect(await second.until(repairDatabase(name, { surroundings: replacing }))).toMatchObject({
    putBack: 0,
    setAside: 1,
  })
  expect(isReplaced).toBe(true)
})

/** A disk with a checkpoint that has the cards, all of them ordered by a relay, in parts that are read on demand. */
async function onDemand(): Promise<{ readonly machine: Machine; readonly relay: Relay }> {
  const machine = machineOf(3)
  const relay = relayOf()
  const storage = indexedDb(storageOf('app', null), machine.surroundings())
  const openLog: typeof storage.openLog = async (of) => ({ ...(await storage.openLog(of)), worthBytes: 1 })
  const store = await openAs(machine, null, {
    transport: wayTo(relay),
    onDemand: [cards],
    storage: { ...storage, openLog },
  })
  await machine.until(store.load(cards))
  for (let i = 0; i < count; i++) {
    store.transact((tx) => tx.create(cards.at(`c${i}`), { title: `${i}`.padEnd(1_000, '.') }))
    if (i % 20 === 19) await machine.until(store.synced())
  }
  for (let i = 0; i < 4; i++) {
    store.transact((tx) => tx.create(others.at(`o${i}`), { title: 'y'.repeat(100_000) }))
    await machine.until(store.synced())
    await machine.run(400)
  }
  await machine.until(store.close())
  return { machine, relay }
}

test('[OD7] [CP5] each part in turn of what is on demand is damaged: what it had is missing, nothing else, and the relay brings that back', async () => {
  let damaged = 0
  let records = Infinity
  for (let at = 0; at < records; at++) {
    const { machine, relay } = await onDemand()
    const places = placesOf(machine.disk, 'entries').filter(({ key }) => !Number.isInteger(key))
    records = places.length
    damage(machine.disk, places[at]!, flipped)
    const shown: number[] = []
    for (const isLinked of [false, true]) {
      const store = await openAs(machine, null, {
        onDemand: [cards],
        ...(isLinked && { transport: wayTo(relay) }),
      })
      if (isLinked) await machine.until(store.synced())
      await machine.until(store.load(cards))
      for (let turn = 0; isLinked && turn < 50 && store.get(cards).length < count; turn++) await machine.run(50)
      shown.push(store.get(cards).length)
      await machine.until(store.close())
    }
    const [offline, online] = shown
    expect([at, online]).toEqual([at, count])
    const lost = count - offline!
    if (lost > 0) damaged += 1
    // A part has some 64 KiB.
    expect(lost).toBeLessThan(count / 2)
  }
  expect(damaged).toBeGreaterThan(2)
})
