import { signOut, storageOf, unsyncedIn } from '@syncline/idb/principals'
import type { Store, Transport } from '@syncline/store'
import { describe, expect, test } from 'vitest'
import { machineOf, type Machine } from './disks.ts'
import { banned, drafts, picture, seat, title, votes, work } from './every-policy.ts'
import { compact, kindsOf, leave, openAs, relayOf, wayTo } from './people.ts'

/** How many steps the stacks of tabs that are opened one after the other can take back, and what is there in the end. */
async function undoneBy(
  machine: Machine,
  principal: string,
  transport: Transport,
  tabs: number,
): Promise<readonly unknown[]> {
  const open: Store[] = []
  const counts: number[] = []
  for (let tab = 0; tab < tabs; tab++) {
    const store = await openAs(machine, principal, { transport })
    await machine.until(store.synced())
    open.push(store)
    // A store meets refs when they are read.
    picture(store)
    let taken = 0
    while (store.undoStack().undoable) {
      await machine.until(store.undoAsync())
      taken += 1
    }
    counts.push(taken)
  }
  const shown = picture(open.at(-1)!)
  for (const store of open) await machine.until(store.close())
  return [counts, shown]
}

/** The same each time, made when it is first asked for. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}

const signOutIn = (machine: Machine, life: ReturnType<Machine['life']>) =>
  signOut(storageOf('app', 'ada'), { ...handOver, surroundings: machine.surroundings(life) })

interface Lives {
  readonly compacted: readonly string[]
  /** Who works first. */
  readonly order: readonly ['ada' | 'ben', 'ada' | 'ben']
  /** Whom the relay has heard when they asked for the seat. Default: Ada. */
  readonly heard?: readonly string[]
}

/** Ada and Ben have worked in this browser one after the other, and Ada signs out to Ben. */
async function lives(seed: number, { compacted, order, heard = ['ada'] }: Lives) {
  const machine = machineOf(seed)
  const relay = relayOf((_, addresses) => addresses.includes('banned'), machine.clock())
  for (const principal of order) {
    const way = wayTo(relay)
    const store = await openAs(machine, principal, { transport: way })
    await machine.until(store.transact((tx) => tx.add(votes, 10)).synced())
    await work(machine, store, `${principal} 1`)
    await machine.until(store.synced())
    const refused = store.transact((tx) => tx.set(banned, principal), { meta: principal })
    await machine.until(refused.synced().catch(() => undefined))
    expect(store.status.refused).toBe(1)
    // What the relay was asked, and has answered, nobody hears of here.
    way.isWhole = heard.includes(principal)
    way.onChanges = () => (way.isWhole = false)
    store.transactAsync((tx) => tx.set(seat, principal), { arbiter: 'relay' }).catch(() => undefined)
    await machine.run(100)
    await work(machine, store, `${principal} 2`)
    await work(machine, store, `${principal} 3`)
    await machine.until(store.close())
    if (compacted.includes(principal)) await compact(machine, principal)
  }
  const unsynced = (principal: string) => machine.until(unsyncedIn(storageOf('app', principal), machine.surroundings()))
  for (const principal of order) {
    expect(await unsynced(principal)).toEqual([{ space: 'board', pending: 2, undecided: 1, refused: 1, unreadable: 0 }])
  }
  return { machine, relay, unsynced }
}

const handOver = { data: 'handOver', to: storageOf('app', 'ben') } as const

/** What comes of it: what is told and shown offline, how much can be taken back, and what everybody sees in the end. */
async function outcomeOf(given: Lives) {
  const { machine, relay, unsynced } = await lives(21, given)
  await leave(machine, 'ada', handOver)
  expect([...machine.disk.databases.keys()]).toEqual([`syncline:${storageOf('app', 'ben')}`])
  const kinds = await kindsOf(machine, storageOf('app', 'ben'))
  const told = await unsynced('ben')
  const alone = await openAs(machine, 'ben')
  const before = [picture(alone), alone.status.pending, alone.refused.list().map(({ change }) => change.meta)]
  await machine.until(alone.close())
  const undone = await undoneBy(machine, 'ben', wayTo(relay), 3)
  const ben = await openAs(machine, 'ben', { transport: wayTo(relay) })
  await machine.until(ben.synced())
  await machine.run(300)
  const eve = await openAs(machine, 'eve', { transport: wayTo(relay) })
  await machine.until(eve.transact((tx) => tx.add(votes, 1000)).synced())
  await machine.run(300)
  const shared = [eve.get(title), eve.get(votes), eve.get(seat), eve.get(banned)]
  const after = [picture(ben), ben.status.pending, ben.refused.list().length, shared]
  for (const store of [ben, eve]) await machine.until(store.close())
  return { kinds, outcome: { told, before, undone, after, errors: machine.errors } }
}

const orders = [
  ['ada', 'ben'],
  ['ben', 'ada'],
] as const

describe.each(orders)('%s worked before %s', (...order) => {
  /** The logs of Changes say what comes of it: they are read one by one. */
  const expected = once(() => outcomeOf({ compacted: [], order }))

  test('[PR5] logs of Changes: all that both have done is there, can be taken back and is sent once', async () => {
    const { kinds, outcome } = await expected()
    expect(kinds).not.toContain('rest')
    const { told, before, undone, after, errors } = outcome
    // Who comes second has heard what the relay has answered the other.
    const undecided = order[0] === 'ada' ? 1 : 2
    expect(told).toEqual([{ space: 'board', pending: 4, undecided, refused: 2, unreadable: 0 }])
    const last = `${order[1]} 3`
    const taken = order[0] === 'ada' ? 'ada' : ''
    expect(before.flat().slice(0, 6)).toEqual([last, 26, taken, '', last, 6])
    expect(before.slice(1)).toEqual([4, ['ben', 'ada']])
    // What was accepted before it was known to be asked for here is on no stack.
    expect(undone[0]).toEqual([order[0] === 'ada' ? 7 : 8, 7, 0])
    expect(after.slice(1)).toMatchObject([0, 2, [expect.anything(), 1000, taken, '']])
    expect(errors).toEqual([])
  })

  test.each([[['ada']], [['ben']], [['ada', 'ben']]])(
    '[PR5] where the log of %s is a checkpoint, what comes of it is the same',
    async (compacted) => {
      const { kinds, outcome } = await outcomeOf({ compacted, order })
      expect(outcome).toEqual((await expected()).outcome)
      expect([kinds.includes('joined'), kinds[0] === 'cells']).toEqual([
        compacted.includes('ada'),
        compacted.includes('ben'),
      ])
    },
  )
})

test('[PR5] what was taken over stays when that becomes a checkpoint in its turn, and is handed on', async () => {
  const { machine, unsynced } = await lives(22, { compacted: ['ada', 'ben'], order: orders[0] })
  await leave(machine, 'ada', handOver)
  const before = await unsynced('ben')
  const open = await openAs(machine, 'ben')
  const [shown, ...more] = [picture(open), open.refused.list().length, open.undoStack().undoable] as const
  await machine.until(open.close())
  await compact(machine, 'ben')
  expect(await unsynced('ben')).toEqual(before)
  const eve = await openAs(machine, 'eve')
  await machine.until(eve.transact((tx) => tx.add(votes, 100)).durable())
  await machine.until(eve.close())
  await leave(machine, 'ben', { data: 'handOver', to: storageOf('app', 'eve') })
  const last = await openAs(machine, 'eve')
  expect([picture(last), last.refused.list().length, last.undoStack().undoable]).toEqual([
    shown.with(1, Number(shown[1]) + 100),
    ...more,
  ])
  await machine.until(last.close())
})

test('[PR5] what both have asked the relay, and it has answered, is known as it would be without checkpoints', async () => {
  const [logs, checkpoints] = [[], ['ada', 'ben']].map((compacted) =>
    outcomeOf({ compacted, order: orders[1], heard: ['ada', 'ben'] }),
  )
  const { undone, after } = (await logs)!.outcome
  expect((await checkpoints)!.outcome).toMatchObject({ undone, after })
  expect(undone[0]).toEqual([8, 8, 0])
})

test('[PR5] a page that ends at any moment while two checkpoints become one has lost nothing and doubled nothing', async () => {
  /** What there is when nothing ends. */
  let expected: unknown
  let ends = 0
  for (let moment = 400; moment >= 0; moment = moment > 40 ? 40 : moment - 3) {
    const { machine } = await lives(23, { compacted: ['ada', 'ben'], order: orders[1] })
    const life = machine.life()
    let isDone = false
    void signOutIn(machine, life).then(() => (isDone = true))
    await machine.run(moment)
    if (!isDone) {
      ends += 1
      life.end()
      await leave(machine, 'ada', handOver)
    }
    const ben = await openAs(machine, 'ben')
    const found = [picture(ben), ben.get(drafts), ben.status.pending, ben.refused.list().length]
    expected ??= found
    expect(found).toEqual(expected)
    await machine.until(ben.close())
  }
  expect(ends).toBeGreaterThan(10)
})

test.each([{ isLinked: false }, { isLinked: true }])(
  '[CA4] [PR5] what is handed over comes whole to whoever is writing to the same space at that moment (with a link: $isLinked)',
  async ({ isLinked }) => {
    let raced = 0
    for (let step = 24; step < 44; step++) {
      const machine = machineOf(5)
      const guest = await openAs(machine, null)
      await machine.until(guest.transact((tx) => tx.add(votes, 1)).durable())
      await machine.until(guest.transactAsync((tx) => tx.add(drafts, 1000), { arbiter: 'browser' }))
      await machine.until(guest.close())
      // Its parts stand for all that is before them, where there is anything.
      await compact(machine, null)
      const ada = await openAs(machine, 'ada', isLinked ? { transport: wayTo(relayOf()) } : {})
      const options = { data: 'handOver', to: storageOf('app', 'ada'), surroundings: machine.surroundings() } as const
      let isOver = false
      const leaving = signOut(storageOf('app', null), options).finally(() => (isOver = true))
      await machine.run(step)
      if (!isOver) raced += 1
      await machine.until(ada.transactAsync((tx) => tx.add(drafts, 1), { arbiter: 'browser' }))
      await machine.until(leaving)
      await machine.until(ada.close())
      const again = await openAs(machine, 'ada')
      expect([step, again.get(votes), again.get(drafts)]).toEqual([step, 1, 1001])
      await machine.until(again.close())
    }
    expect(raced).toBeGreaterThan(5)
  },
)
