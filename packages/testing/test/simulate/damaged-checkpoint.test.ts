import { indexedDb } from '@syncline/idb'
import { exportDatabase, importDatabase } from '@syncline/idb/care'
import { storageOf } from '@syncline/idb/principals'
import { collection } from '@syncline/merge'
import type { Relay } from '@syncline/relay'
import type { Store } from '@syncline/store'
import { expect, test } from 'vitest'
import { UNREADABLE } from '../../src/simulate/browser/transactions.ts'
import { damage, machineOf, placesOf, valueAt, type Machine } from './disks.ts'
import { compact, openAs, relayOf, wayTo } from './people.ts'

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
