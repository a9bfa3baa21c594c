import { deleteDatabase } from '@syncline/idb'
import { signOut, storageOf, unsyncedIn, type SignOutOptions } from '@syncline/idb/principals'
import { counter } from '@syncline/merge'
import type { Store } from '@syncline/store'
import { expect, test } from 'vitest'
import { createPage } from '../../src/simulate/browser/page.ts'
import { UNREADABLE } from '../../src/simulate/browser/transactions.ts'
import { codeOf } from '../../src/simulate/ledger.ts'
import { damage, machineOf, placesOf, valueAt, type Machine } from './disks.ts'
import { leave, openAs, relayOf, wayTo } from './people.ts'

// Others go on working while somebody signs out, at each moment of it.

const votes = counter('votes')
const drafts = counter('drafts', { arbiter: 'browser' })

const ada = storageOf('app', 'ada')
const handOver = { data: 'handOver', to: ada } as const
const databases = (machine: Machine): string[] => [...machine.disk.databases.keys()]

/** What became of it: `done`, or the code of what it was rejected with. */
const outcomeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => codeOf(error) ?? String(error),
  )

const vote = (store: Store): Promise<string> => outcomeOf(store.transact((tx) => tx.add(votes, 10)).durable())
const draft = (store: Store): Promise<string> =>
  outcomeOf(store.transactAsync((tx) => tx.add(drafts, 10), { arbiter: 'browser' }))

/** Counts what is in the storage of a principal. */
async function countIn(machine: Machine, principal: string | null): Promise<number> {
  const store = await openAs(machine, principal)
  const sum = store.get(votes) + store.get(drafts)
  await machine.until(store.close())
  return sum
}

/** Calls `meet` with one moment after the other, until that says that all was over by then. */
async function atEachMoment(meet: (moment: number) => Promise<boolean>): Promise<number> {
  let moment = 0
  while (!(await meet(moment))) moment += 1
  return moment
}

test.each([
  ['[PR6] a Change', vote],
  ['[PR6] [BR9] a transaction on browser refs', draft],
])(
  '%s that a tab commits at any moment is handed over, or its tab is told that it is not stored',
  async (_, commit) => {
    const told = new Map<string, number>()
    await atEachMoment(async (moment) => {
      const machine = machineOf(5)
      const tab = await openAs(machine, null)
      await machine.until(vote(tab))
      let isOver = false
      const leaving = signOut('app', { ...handOver, surroundings: machine.surroundings() }).then(() => (isOver = true))
      await machine.run(moment)
      const wasOver = isOver
      const outcome = await machine.until(commit(tab))
      await machine.until(leaving)
      await machine.run(300)
      expect([moment, await countIn(machine, 'ada')]).toEqual([moment, outcome === 'done' ? 20 : 10])
      expect(tab.status).toMatchObject({ storage: 'evicted', problem: { code: 'signed-out' } })
      await machine.until(outcomeOf(tab.close()))
      told.set(outcome, (told.get(outcome) ?? 0) + 1)
      return wasOver
    })
    // Before it, where nothing can be added any more, and where it is gone.
    expect([...told.keys()].sort()).toEqual(['done', 'storage-evicted', 'storage-failed'])
  },
)

test.each([
  ['wipe', { data: 'wipe' }],
  ['handOver of other spaces', { ...handOver, spaces: ['other'] }],
] as const)(
  '[PR6] with %s a Change that no relay has keeps anybody from being signed out, at whatever moment it is committed',
  async (_, how) => {
    const told = new Map<string, number>()
    await atEachMoment(async (moment) => {
      const machine = machineOf(5)
      const way = wayTo(relayOf())
      const before = await openAs(machine, null, { transport: way })
      await machine.until(before.transact((tx) => tx.add(votes, 1)).synced())
      await machine.until(before.close())
      way.isWhole = false
      const tab = await openAs(machine, null, { transport: way })
      await machine.run(300)
      let isOver = false
      const leaving = outcomeOf(signOut('app', { ...how, surroundings: machine.surroundings() })).finally(
        () => (isOver = true),
      )
      await machine.run(moment)
      const wasOver = isOver
      const committed = vote(tab)
      const left = await machine.until(leaving)
      const outcome = await machine.until(committed)
      await machine.run(300)
      told.set(`${left} ${outcome}`, (told.get(`${left} ${outcome}`) ?? 0) + 1)
      const isKept = outcome === 'done'
      expect([moment, left]).toEqual([moment, isKept ? 'unsynced' : 'done'])
      const { storage, atRisk, problem } = tab.status
      expect([moment, storage, atRisk, problem?.code === 'signed-out']).toEqual(
        isKept ? [moment, 'ok', 0, false] : [moment, 'evicted', 1, true],
      )
      if (isKept) {
        // It goes on, and sends it.
        way.isWhole = true
        tab.connect()
        await machine.until(tab.synced())
      }
      expect([moment, databases(machine).includes('syncline:app')]).toEqual([moment, isKept])
      await machine.until(outcomeOf(tab.close()))
      return wasOver
    })
    expect([...told.keys()]).toEqual(expect.arrayContaining(['unsynced done', 'done storage-evicted']))
  },
)

test('[PR6] a tab that writes all the time keeps nobody from handing over what there is', async () => {
  const machine = machineOf(6)
  const tab = await openAs(machine, null)
  let told = 0
  let last = 'done'
  const writing = (async () => {
    while (last === 'done') {
      last = await vote(tab)
      if (last === 'done') told += 10
    }
  })()
  await machine.run(50)
  await leave(machine, null, handOver)
  await machine.until(writing)
  expect(told).toBeGreaterThan(10)
  expect(await countIn(machine, 'ada')).toBe(told)
  await machine.until(outcomeOf(tab.close()))
})

test('[PR6] a page that is opened at any moment of it has what it was told to be stored, here or there', async () => {
  await atEachMoment(async (moment) => {
    const machine = machineOf(7)
    const first = await openAs(machine, null)
    await machine.until(vote(first))
    await machine.until(first.close())
    let isOver = false
    const leaving = signOut('app', { ...handOver, surroundings: machine.surroundings() }).then(() => (isOver = true))
    await machine.run(moment)
    const wasOver = isOver
    const newcomer = await openAs(machine, null)
    const outcome = await machine.until(vote(newcomer))
    await machine.until(leaving)
    await machine.run(300)
    // What has opened when it was over for good goes on.
    const isGone = newcomer.status.storage !== 'ok'
    const again = isGone ? 'done' : await machine.until(vote(newcomer))
    expect([moment, again]).toEqual([moment, 'done'])
    await machine.until(outcomeOf(newcomer.close()))
    const counted = (await countIn(machine, 'ada')) + (await countIn(machine, null))
    expect([moment, counted]).toEqual([moment, 10 + (outcome === 'done' ? 10 : 0) + (isGone ? 0 : 10)])
    return wasOver
  })
})

test.each([
  ['handOver', handOver],
  ['wipe', { data: 'wipe', unsynced: 'lose' }],
] as const)(
  '[PR7] where the page ends at any moment of %s all is there still or all is over, and everybody can go on',
  async (data, how) => {
    const found = new Map<string, number>()
    await atEachMoment(async (moment) => {
      const machine = machineOf(8)
      const tab = await openAs(machine, null)
      await machine.until(vote(tab))
      const life = machine.life()
      let isOver = false
      void signOut('app', { ...how, surroundings: machine.surroundings(life) }).then(() => (isOver = true))
      await machine.run(moment)
      const wasOver = isOver
      life.end()
      await machine.run(300)
      const identity =
        databases(machine).includes('syncline:app') &&
        placesOf(machine.disk, 'meta').map((place) => valueAt(machine.disk, place))[0]
      const isSealed = identity === '0'.repeat(32)
      const isThere = identity !== false && !isSealed
      found.set(isSealed ? 'over' : isThere ? 'there' : 'gone', moment)
      const outcome = await machine.until(vote(tab))
      expect([moment, outcome === 'done']).toEqual([moment, isThere])
      await machine.run(3000)
      expect([moment, tab.status.storage]).toEqual([moment, isThere ? 'ok' : 'evicted'])
      const unsynced = isSealed ? await machine.until(unsyncedIn('app', machine.surroundings())) : []
      expect([moment, unsynced]).toEqual([moment, []])
      await machine.until(outcomeOf(tab.close()))
      // Whoever comes next finds what there is, and what they do is stored.
      const next = await openAs(machine, null)
      expect([moment, next.get(votes), next.status.storage]).toEqual([moment, isThere ? 20 : 0, 'ok'])
      expect(await machine.until(vote(next))).toBe('done')
      await machine.until(next.close())
      expect(await countIn(machine, null)).toBe(isThere ? 30 : 10)
      // And to sign out again goes on.
      await leave(machine, null, how)
      expect(await countIn(machine, 'ada')).toBe(data === 'wipe' ? 0 : isThere ? 30 : 20)
      return wasOver
    })
    expect([...found.keys()].sort()).toEqual(['gone', 'over', 'there'])
  },
)

test('[PR7] who signs out where somebody has before, and has not come to its end, comes to it', async () => {
  let met = 0
  await atEachMoment(async (moment) => {
    const machine = machineOf(9)
    const tab = await openAs(machine, null)
    await machine.until(vote(tab))
    await machine.until(tab.close())
    const life = machine.life()
    let isOver = false
    void signOut('app', { ...handOver, surroundings: machine.surroundings(life) }).then(() => (isOver = true))
    await machine.run(moment)
    life.end()
    await machine.run(300)
    const isThere = databases(machine).includes('syncline:app')
    if (isThere && placesOf(machine.disk, 'entries').length === 1) met += 1
    await leave(machine, null, handOver)
    expect([moment, databases(machine)]).toEqual([moment, [`syncline:${ada}`]])
    expect(await countIn(machine, 'ada')).toBe(10)
    return isOver
  })
  expect(met).toBeGreaterThan(0)
})

test('[PR6] two who hand over to each other at the same time lose nothing, and come to an end', async () => {
  const machine = machineOf(10)
  for (const principal of [null, 'ada']) {
    const store = await openAs(machine, principal)
    await machine.until(vote(store))
    await machine.until(store.close())
  }
  const both = [
    outcomeOf(signOut('app', { ...handOver, surroundings: machine.surroundings() })),
    outcomeOf(signOut(ada, { data: 'handOver', to: 'app', surroundings: machine.surroundings() })),
  ]
  const outcomes = await machine.until(Promise.all(both))
  for (const outcome of outcomes) expect(['done', 'storage-blocked']).toContain(outcome)
  const there = await Promise.all([null, 'ada'].map((principal) => countIn(machine, principal)))
  expect(Math.max(...there)).toBeGreaterThan(0)
  expect(there.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(20)
})

test('[PR6] two tabs that sign the same one out at the same time do it once', async () => {
  const machine = machineOf(11)
  const tab = await openAs(machine, null)
  await machine.until(vote(tab))
  await machine.until(tab.close())
  const both = [1, 2].map(() => outcomeOf(signOut('app', { ...handOver, surroundings: machine.surroundings() })))
  expect(await machine.until(Promise.all(both))).toEqual(['done', 'done'])
  expect(await countIn(machine, 'ada')).toBe(10)
  expect(databases(machine)).toEqual([`syncline:${ada}`])
})

test('[PR5] what the browser cannot read keeps nothing else from being handed over', async () => {
  const machine = machineOf(12)
  const tab = await openAs(machine, null)
  await machine.until(vote(tab))
  await machine.until(vote(tab))
  await machine.until(tab.close())
  damage(machine.disk, placesOf(machine.disk, 'entries')[1]!, () => UNREADABLE)
  expect(await leave(machine, null, handOver)).toMatchObject({
    unsynced: [{ space: 'board', pending: 1 }, { unreadable: 1 }],
  })
  expect(await countIn(machine, 'ada')).toBe(10)
})

test('[PR4] [PR6] a tab that stands still has nothing to lose, and loses its storage when it goes on', async () => {
  const machine = machineOf(13)
  const relay = relayOf()
  const { store, life, page } = await machine.openTab({ transport: wayTo(relay) })
  await machine.until(store.transact((tx) => tx.add(votes, 1)).synced())
  life.freeze()
  page.dispatch('freeze')
  await leave(machine, null, { data: 'wipe' })
  expect(placesOf(machine.disk, 'entries')).toHaveLength(1)
  life.thaw()
  page.dispatch('resume')
  await machine.run(3000)
  expect(store.status).toMatchObject({ storage: 'evicted', problem: { code: 'signed-out' } })
  expect(databases(machine)).toEqual([])
  await machine.until(outcomeOf(store.close()))
})

test('[PR6] [ID27] a page that is frozen while it signs somebody out keeps nobody from storing, and has lost nothing when it goes on', async () => {
  const outcomes = new Set<string>()
  await atEachMoment(async (moment) => {
    const machine = machineOf(15)
    const tab = await openAs(machine, null)
    await machine.until(vote(tab))
    const life = machine.life()
    const page = createPage()
    let isOver = false
    const surroundings = machine.browser.surroundings(life, page)
    const leaving = outcomeOf(signOut('app', { ...handOver, surroundings })).finally(() => (isOver = true))
    await machine.run(moment)
    const wasOver = isOver
    page.dispatch('freeze')
    life.freeze()
    const stored = await machine.until(vote(tab))
    life.thaw()
    page.dispatch('resume')
    const left = await machine.until(leaving)
    outcomes.add(left)
    await machine.run(300)
    await machine.until(outcomeOf(tab.close()))
    const sum = (await countIn(machine, 'ada')) + (left === 'done' ? 0 : await countIn(machine, null))
    // What was handed over by then is there and here.
    expect([moment, sum % 10, sum >= (stored === 'done' ? 20 : 10)]).toEqual([moment, 0, true])
    return wasOver
  })
  expect([...outcomes].sort()).toEqual(['done', 'storage-blocked'])
})

test('[PR4] a full disk keeps nobody from signing out', async () => {
  const machine = machineOf(14)
  const tab = await openAs(machine, null)
  await machine.until(vote(tab))
  await machine.until(tab.close())
  machine.browser.indexedDb.isFull = true
  const how: SignOutOptions = { data: 'wipe', unsynced: 'lose' }
  await leave(machine, null, how)
  expect(databases(machine)).toEqual([])
  await machine.until(deleteDatabase('app', machine.surroundings()))
})
