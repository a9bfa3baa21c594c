import { indexedDb } from '@syncline/idb'
import { signOut, storageOf, unsyncedIn } from '@syncline/idb/principals'
import { counter, lww } from '@syncline/merge'
import type { Store } from '@syncline/store'
import { expect, test } from 'vitest'
import { createDisk } from '../../src/simulate/browser/disk.ts'
import { unheard } from '../../src/simulate/calls.ts'
import { damage, machineOf, placesOf, type Machine } from './disks.ts'
import { leave, openAs, relayOf, wayTo } from './people.ts'

const title = lww('title', '')
const votes = counter('votes')
const mine = lww('mine', '', { arbiter: 'browser' })

async function work(machine: Machine, store: Store, text: string): Promise<void> {
  await machine.until(store.transact((tx) => tx.set(title, text)).durable())
  await machine.until(store.transact((tx) => tx.add(votes, 1)).durable())
  await machine.until(store.transactAsync((tx) => tx.set(mine, text), { arbiter: 'browser' }))
}

const shown = (store: Store): unknown[] => [store.get(title), store.get(votes), store.get(mine)]
const databases = (machine: Machine): string[] => [...machine.disk.databases.keys()]

test('[PR1] each principal finds what they left, and nothing of another', async () => {
  const machine = machineOf(1)
  for (const principal of [null, 'ada', 'ben', 'null', '["app",null]']) {
    const store = await openAs(machine, principal)
    expect(shown(store)).toEqual(['', 0, ''])
    await work(machine, store, `of ${principal}`)
    await machine.until(store.close())
  }
  expect(new Set(databases(machine)).size).toBe(5)
  const again = await openAs(machine, 'ada')
  expect(shown(again)).toEqual(['of ada', 1, 'of ada'])
  await machine.until(again.close())
})

test('[PR2] what is in this browser only is told by space, and nothing of what the relay has', async () => {
  const machine = machineOf(2)
  const name = storageOf('app', 'ada')
  const unsynced = () => machine.until(unsyncedIn(name, machine.surroundings()))
  expect(await unsynced()).toEqual([])
  const way = wayTo(relayOf((principal) => principal === 'eve'))
  const store = await openAs(machine, 'ada', { transport: way })
  await work(machine, store, 'sent')
  await machine.until(store.transact((tx) => tx.add(votes, 1)).synced())
  expect(await unsynced()).toEqual([])
  way.isWhole = false
  await work(machine, store, 'kept')
  const other = await openAs(machine, 'ada', { space: 'other' })
  await machine.until(other.transact((tx) => tx.set(title, 'x')).durable())
  expect(await unsynced()).toEqual([
    { space: 'board', pending: 2, undecided: 0, refused: 0, unreadable: 0 },
    { space: 'other', pending: 1, undecided: 0, refused: 0, unreadable: 0 },
  ])
  await machine.until(store.close())
  await machine.until(other.close())
})

test('[PR2] [PR4] what could not be read counts: nobody knows what was in it', async () => {
  const machine = machineOf(3)
  const store = await openAs(machine, null)
  await work(machine, store, 'x')
  await machine.until(store.close())
  damage(machine.disk, placesOf(machine.disk, 'entries')[0]!, (value) => ({ ...(value as object), entry: 'nothing' }))
  expect(await machine.until(unsyncedIn('app', machine.surroundings()))).toMatchObject([
    { space: 'board', unreadable: 1 },
  ])
  await expect(leave(machine, null, { data: 'wipe' })).rejects.toMatchObject({ code: 'unsynced' })
})

test('[PR3] who signs out and keeps what they have finds it again, and tabs that are open send nothing more', async () => {
  const machine = machineOf(4)
  const relay = relayOf()
  const first = await openAs(machine, 'ada', { transport: wayTo(relay) })
  const second = await openAs(machine, 'ada', { transport: wayTo(relay) })
  await machine.until(first.transact((tx) => tx.add(votes, 1)).synced())
  expect(await leave(machine, 'ada', { data: 'keep' })).toEqual({ unsynced: [] })
  await machine.run(300)
  for (const store of [first, second]) {
    expect(store.status).toMatchObject({ link: 'waiting', problem: { code: 'signed-out' }, storage: 'ok' })
    await machine.until(store.transact((tx) => tx.add(votes, 1)).durable())
  }
  await machine.run(300)
  expect(second.status).toMatchObject({ pending: 2, saved: 'device' })
  for (const store of [first, second]) await machine.until(store.close())

  const back = await openAs(machine, 'ada', { transport: wayTo(relay) })
  expect(back.get(votes)).toBe(3)
  await machine.until(back.transact((tx) => tx.add(votes, 1)).synced())
  const elsewhere = await openAs(machine, 'ben', { transport: wayTo(relay) })
  await machine.until(elsewhere.transact((tx) => tx.set(title, 'there')).synced())
  expect(elsewhere.get(votes)).toBe(4)
  await machine.until(back.close())
  await machine.until(elsewhere.close())
})

test('[PR4] what no relay has is not wiped unasked, and what one has is', async () => {
  const machine = machineOf(5)
  const relay = relayOf()
  const way = wayTo(relay)
  const store = await openAs(machine, 'ada', { transport: way })
  await machine.until(store.transact((tx) => tx.set(title, 'sent')).synced())
  way.isWhole = false
  await work(machine, store, 'kept')
  await expect(leave(machine, 'ada', { data: 'wipe' })).rejects.toThrow(
    /"\["app","ada"\]" has what no relay has.*"board": 2 pending.*`unsynced: 'lose'`/s,
  )
  await machine.run(300)
  expect(store.status.problem?.code).not.toBe('signed-out')
  way.isWhole = true
  store.connect()
  await machine.until(store.transact((tx) => tx.set(title, 'more')).synced())
  // The tab of somebody else goes on.
  const ben = await openAs(machine, 'ben', { transport: wayTo(relay) })
  expect(await leave(machine, 'ada', { data: 'wipe' })).toEqual({ unsynced: [] })
  await machine.run(300)
  expect(databases(machine)).toEqual([`syncline:${storageOf('app', 'ben')}`])
  expect(store.status).toMatchObject({ storage: 'evicted', problem: { code: 'signed-out' }, link: 'waiting' })
  expect(store.get(title)).toBe('more')
  store.transact((tx) => tx.set(title, 'unheard'))
  await machine.until(ben.transact((tx) => tx.add(votes, 1)).synced())
  await machine.run(300)
  expect(ben.get(title)).toBe('more')
  await machine.until(store.close().catch(() => undefined))
  await machine.until(ben.close())
})

test('[PR4] what is to be lost is lost when that is said', async () => {
  const machine = machineOf(6)
  const store = await openAs(machine, 'ada')
  await work(machine, store, 'x')
  await machine.until(store.close())
  expect(await leave(machine, 'ada', { data: 'wipe', unsynced: 'lose' })).toMatchObject({ unsynced: [{ pending: 2 }] })
  expect(databases(machine)).toEqual([])
})

test('[PR5] what somebody did before they signed in is theirs: it is sent in their name, once, and can be undone', async () => {
  const machine = machineOf(7)
  const relay = relayOf((principal) => principal === '')
  const guest = await openAs(machine, null)
  await work(machine, guest, 'one')
  await work(machine, guest, 'two')
  await machine.until(guest.close())
  const { unsynced } = await leave(machine, null, { data: 'handOver', to: storageOf('app', 'ada') })
  expect(unsynced).toMatchObject([{ space: 'board', pending: 4 }])
  expect(databases(machine)).toEqual([`syncline:${storageOf('app', 'ada')}`])
  const ada = await openAs(machine, 'ada', { transport: wayTo(relay) })
  expect(shown(ada)).toEqual(['two', 2, 'two'])
  await machine.until(ada.transact((tx) => tx.add(votes, 1)).synced())
  const ben = await openAs(machine, 'ben', { transport: wayTo(relay) })
  await machine.until(ben.transact((tx) => tx.add(votes, 1)).synced())
  expect([ben.get(title), ben.get(votes)]).toEqual(['two', 4])
  await machine.until(ada.undoAsync())
  await machine.until(ada.undoAsync())
  await machine.run(300)
  expect(ada.get(votes)).toBe(3)
  expect(ada.get(mine)).toBe('one')
  await machine.until(ada.close())
  await machine.until(ben.close())
})

// The relay has bound the writer to whom it was sent by: what it took and had not said so yet is there once, what it did not take is authored again.
for (const isHeard of [true, false]) {
  test(`[PR5] work that was on its way is there once (${isHeard ? 'the relay has it' : 'it was lost'})`, async () => {
    const machine = machineOf(isHeard ? 8 : 9)
    const relay = relayOf()
    const way = wayTo(relay)
    const ada = await openAs(machine, 'ada', { transport: way })
    await machine.until(ada.transact((tx) => tx.add(votes, 1)).synced())
    if (isHeard) way.onChanges = () => (way.isWhole = false)
    else way.isWhole = false
    await machine.until(ada.transact((tx) => tx.add(votes, 10)).durable())
    await machine.run(200)
    expect(ada.status.pending).toBe(1)
    await machine.until(ada.close())
    const ben = await openAs(machine, 'ben', { transport: wayTo(relay) })
    await machine.until(ben.transact((tx) => tx.add(votes, 100)).synced())
    await machine.until(ben.close())
    const { unsynced } = await leave(machine, 'ada', { data: 'handOver', to: storageOf('app', 'ben') })
    expect(unsynced).toMatchObject([{ pending: 1 }])
    const next = await openAs(machine, 'ben', { transport: wayTo(relay) })
    await machine.until(next.transact((tx) => tx.add(votes, 1000)).synced())
    await machine.run(300)
    expect([next.get(votes), next.status.pending, next.status.refused]).toEqual([1111, 0, 0])
    const fresh = await openAs(machine, 'eve', { transport: wayTo(relay) })
    await machine.until(fresh.transact((tx) => tx.set(title, 'x')).synced())
    expect(fresh.get(votes)).toBe(1111)
    await machine.until(next.close())
    await machine.until(fresh.close())
  })
}

test('[PR5] of some spaces only, the rest is wiped, and not unasked', async () => {
  const machine = machineOf(10)
  for (const space of ['shared', 'private']) {
    const store = await openAs(machine, 'ada', { space })
    await work(machine, store, space)
    await machine.until(store.close())
  }
  const handOver = { data: 'handOver', to: storageOf('app', 'ben'), spaces: ['shared'] } as const
  await expect(leave(machine, 'ada', handOver)).rejects.toMatchObject({ code: 'unsynced' })
  expect(databases(machine)).toEqual([`syncline:${storageOf('app', 'ada')}`])
  await leave(machine, 'ada', { ...handOver, unsynced: 'lose' })
  expect(databases(machine)).toEqual([`syncline:${storageOf('app', 'ben')}`])
  for (const [space, text] of [
    ['shared', 'shared'],
    ['private', ''],
  ] as const) {
    const store = await openAs(machine, 'ben', { space })
    expect(store.get(title)).toBe(text)
    await machine.until(store.close())
  }
})

test('[PR5] it is not handed over to nobody, nor to who has the log of another relay; nothing happens then', async () => {
  const machine = machineOf(11)
  await expect(leave(machine, 'ada', { data: 'handOver' })).rejects.toMatchObject({ code: 'invalid-sign-out' })
  for (const principal of ['ada', 'ben']) {
    const store = await openAs(machine, principal, { transport: wayTo(relayOf()) })
    await machine.until(store.transact((tx) => tx.set(title, principal)).synced())
    await machine.until(store.close())
  }
  const before = databases(machine)
  await expect(leave(machine, 'ada', { data: 'handOver', to: storageOf('app', 'ben') })).rejects.toMatchObject({
    code: 'other-log',
  })
  expect(databases(machine)).toEqual(before)
})

test('[PR5] a page that ends at any moment of it has lost nothing, and to sign out again goes on', async () => {
  let ends = 0
  for (let moment = 0; ; moment += 3) {
    const machine = machineOf(12)
    const relay = relayOf()
    const guest = await openAs(machine, null)
    await work(machine, guest, 'one')
    await work(machine, guest, 'two')
    await machine.until(guest.close())
    const life = machine.life()
    let isDone = false
    const to = storageOf('app', 'ada')
    void signOut('app', { data: 'handOver', to, surroundings: machine.surroundings(life) }).then(() => (isDone = true))
    await machine.run(moment)
    if (isDone) break
    ends += 1
    life.end()
    await leave(machine, null, { data: 'handOver', to })
    expect(databases(machine)).toEqual([`syncline:${to}`])
    const ada = await openAs(machine, 'ada', { transport: wayTo(relay) })
    expect(shown(ada)).toEqual(['two', 2, 'two'])
    await machine.until(ada.transact((tx) => tx.add(votes, 1)).synced())
    const ben = await openAs(machine, 'ben', { transport: wayTo(relay) })
    await machine.until(ben.transact((tx) => tx.add(votes, 1)).synced())
    expect(ben.get(votes)).toBe(4)
    await machine.until(ada.close())
    await machine.until(ben.close())
  }
  expect(ends).toBeGreaterThan(10)
})

test.each([
  ['', true],
  ['[ID26] ', false],
])(
  '%s[PR3] [PR5] a tab that does not let go of the link keeps its storage from being moved (Web Locks: %s)',
  async (_, hasWebLocks) => {
    const machine = machineOf(13, createDisk(), unheard, hasWebLocks)
    const store = await openAs(machine, 'ada')
    await work(machine, store, 'x')
    const held = await machine.until(
      indexedDb(storageOf('app', 'ada'), machine.surroundings()).locks!.hold(
        'link board',
        new AbortController().signal,
      ),
    )
    await expect(leave(machine, 'ada', { data: 'handOver', to: storageOf('app', 'ben') })).rejects.toMatchObject({
      code: 'storage-blocked',
    })
    expect(await leave(machine, 'ada', { data: 'keep' })).toMatchObject({ unsynced: [{ pending: 2 }] })
    held.release()
    await leave(machine, 'ada', { data: 'handOver', to: storageOf('app', 'ben') })
    expect(databases(machine)).toEqual([`syncline:${storageOf('app', 'ben')}`])
    await machine.until(store.close().catch(() => undefined))
  },
)

test('[ID26] [PR3] [PR4] a tab that has ended without a word keeps nobody from signing out where there are no Web Locks', async () => {
  const machine = machineOf(14, createDisk(), unheard, false)
  const life = machine.life()
  const tab = await machine.openTab({
    storage: indexedDb(storageOf('app', 'ada'), machine.surroundings(life)),
    transport: wayTo(relayOf()),
  })
  await machine.until(tab.store.transact((tx) => tx.add(votes, 1)).synced())
  await machine.run(300)
  for (const part of [life, tab.life]) part.end()
  expect(await leave(machine, 'ada', { data: 'wipe' })).toEqual({ unsynced: [] })
  expect(databases(machine)).toEqual([])
})
