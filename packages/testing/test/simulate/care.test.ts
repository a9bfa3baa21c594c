import { exportDatabase, importDatabase, repairDatabase, verifyDatabase } from '@syncline/idb/care'
import { counter, lww } from '@syncline/merge'
import { encodeEntry } from '@syncline/protocol'
import type { Store } from '@syncline/store'
import { expect, test } from 'vitest'
import { damage, machineOf, makeHole, placesOf, valueAt, type Machine } from './disks.ts'
import * as every from './every-policy.ts'
import { compact, kindsOf, openAs, relayOf, wayTo } from './people.ts'

const title = lww('title', '')
const votes = counter('votes')
const draft = lww('draft', '', { arbiter: 'browser' })

/** A machine on which somebody has worked in two spaces, alone. */
async function worked(seed = 1): Promise<Machine> {
  const machine = machineOf(seed)
  const store = await machine.open()
  for (const text of ['one', 'two', 'three']) await machine.until(work(store, text))
  await machine.until(store.close())
  const other = await machine.open({ space: 'other' })
  await machine.until(other.transact((tx) => tx.set(title, 'elsewhere')).durable())
  await machine.until(other.close())
  return machine
}

async function work(store: Store, text: string): Promise<void> {
  await store.transact((tx) => tx.set(title, text)).durable()
  await store.transact((tx) => tx.add(votes, 3)).durable()
  await store.transactAsync((tx) => tx.set(draft, text), { arbiter: 'browser' })
}

const verify = (machine: Machine) => machine.until(verifyDatabase('app', machine.surroundings()))

async function exported(machine: Machine, spaces?: readonly string[]): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = []
  const all = async (): Promise<void> => {
    const options = { surroundings: machine.surroundings(), ...(spaces && { spaces }) }
    for await (const chunk of exportDatabase('app', options)) chunks.push(chunk)
  }
  await machine.until(all())
  return chunks
}

const imported = (machine: Machine, backup: Iterable<Uint8Array>) =>
  machine.until(importDatabase('app', backup, { surroundings: machine.surroundings() }))

const shown = (store: Store): unknown[] => [store.get(title), store.get(votes), store.get(draft), store.status.pending]

/** What a disk holds, with the identity left out. */
function contents(machine: Machine, ...stores: string[]): unknown[] {
  return placesOf(machine.disk, ...stores).map((place) => [place, valueAt(machine.disk, place)])
}

test('[CA1] a report says what each space holds, and nothing is changed by it', async () => {
  const machine = await worked()
  const stores = ['entries', 'fences', 'claims', 'meta', 'aside']
  const before = contents(machine, ...stores)
  const report = await verify(machine)
  expect(report).toMatchObject({
    format: 4,
    spaces: [
      { space: 'board', entries: 9, newer: 0, epoch: null, relaySeq: 0, gaps: [], missing: [], pending: 6, refused: 0 },
      { space: 'other', entries: 1, pending: 1 },
    ],
    damaged: [],
    aside: [],
    isSound: true,
  })
  expect(report.spaces[0]!.sizeBytes).toBeGreaterThan(500)
  expect(contents(machine, ...stores)).toEqual(before)
  const empty = machineOf(2)
  expect(await verify(empty)).toEqual({ format: 0, spaces: [], damaged: [], aside: [], isSound: true })
  expect(empty.disk.databases.size).toBe(0)
})

test('[CA1] each damaged record is named, whatever it is, and what is missing because of it', async () => {
  const count = placesOf((await worked()).disk, 'entries').length
  const holes: number[] = []
  for (let at = 0; at < count; at++) {
    const machine = await worked()
    const place = placesOf(machine.disk, 'entries')[at]!
    damage(machine.disk, place, (value) => ({ ...(value as object), entry: 'nothing' }))
    const report = await verify(machine)
    expect(report.isSound).toBe(false)
    expect(report.damaged).toMatchObject([{ from: 'entries', key: place.key, space: at < 9 ? 'board' : 'other' }])
    // A hole in what one writer has written is seen when something of the same writer comes after it.
    const missing = report.spaces.flatMap((space) => space.missing)
    holes.push(missing.length)
    const again = await verify(machine)
    expect(again).toEqual(report)
  }
  expect(holes).toEqual([1, 1, 1, 1, 1, 1, 1, 0, 0, 0])
})

test('[CA2] a repair sets aside what is damaged in any space, and puts the rest right; only when told to it destroys', async () => {
  const machine = await worked()
  const [first, , third] = placesOf(machine.disk, 'entries')
  damage(machine.disk, first!, () => 17)
  damage(machine.disk, third!, (value) => ({ ...(value as object), space: undefined }))
  damage(machine.disk, placesOf(machine.disk, 'meta')[0]!, () => undefined)
  makeHole(machine.disk, placesOf(machine.disk, 'claims')[0]!)
  const options = { surroundings: machine.surroundings() }
  const repaired = await machine.until(repairDatabase('app', options))
  expect(repaired).toMatchObject({ setAside: 2, dropped: 0, report: { damaged: [], aside: [{ from: 'entries' }, {}] } })
  expect(placesOf(machine.disk, 'claims').map(({ key }) => key)).toEqual([['board', 3]])
  expect(await machine.until(repairDatabase('app', options))).toMatchObject({ setAside: 0, dropped: 0 })
  const store = await machine.open()
  expect(machine.errors).toEqual([])
  expect(shown(store)).toEqual(['three', 9, 'three', 5])
  await machine.until(work(store, 'four'))
  await machine.until(store.close())
  const dropping = { surroundings: machine.surroundings(), dropAside: true }
  expect(await machine.until(repairDatabase('app', dropping))).toMatchObject({
    setAside: 0,
    dropped: 2,
    report: { aside: [] },
  })
  expect(await machine.until(repairDatabase('none', options))).toMatchObject({ report: { format: 0 } })
})

test('[CA3] what was exported and imported is as if it had never stopped: values, pending Changes, undo', async () => {
  const machine = await worked()
  const backup = await exported(machine)
  const fresh = machineOf(5)
  expect(await imported(fresh, backup)).toEqual({
    spaces: [
      { space: 'board', outcome: 'imported', added: 9, known: 0 },
      { space: 'other', outcome: 'imported', added: 1, known: 0 },
    ],
    aside: 0,
    damagedBytes: 0,
    isWhole: true,
  })
  const [there, here] = [await machine.open(), await fresh.open()]
  expect(shown(here)).toEqual(['three', 9, 'three', 6])
  expect(shown(here)).toEqual(shown(there))
  const undone: unknown[][] = [[], []]
  for (const [i, store] of [there, here].entries()) {
    const owner = i === 0 ? machine : fresh
    for (let step = 0; step < 9; step++) {
      await owner.until(store.undoAsync())
      undone[i]!.push(shown(store))
    }
    expect(store.undoStack().undoable).toBe(false)
    await owner.until(work(store, 'on'))
    undone[i]!.push(shown(store))
  }
  expect(undone[1]).toEqual(undone[0])
  expect(undone[0]!.at(-2)).toEqual(['', 0, '', 12])
})

test('[CA3] some spaces only, and what was set aside goes along', async () => {
  const machine = await worked()
  damage(machine.disk, placesOf(machine.disk, 'entries')[2]!, (value) => ({
    ...(value as object),
    sum: new Map([[1, 2]]),
  }))
  const fresh = machineOf(5)
  expect(await imported(fresh, await exported(machine, ['other']))).toMatchObject({
    spaces: [{ space: 'other', added: 1 }],
    aside: 0,
    isWhole: true,
  })
  const backup = await exported(machine)
  for (const [aside, added] of [
    [1, 8],
    [0, 0],
  ]) {
    expect(await imported(fresh, backup)).toMatchObject({ spaces: [{ space: 'board', added }, { known: 1 }], aside })
  }
  expect((await verify(fresh)).aside).toMatchObject([{ from: 'backup', space: 'board', reason: expect.any(String) }])
})

test('[CA4] importing twice, and where work has gone on, adds only what is not there', async () => {
  const machine = await worked()
  const backup = await exported(machine)
  const store = await machine.open()
  await machine.until(work(store, 'four'))
  const before = shown(store)
  for (let round = 0; round < 2; round++) {
    expect(await imported(machine, backup)).toMatchObject({
      spaces: [
        { added: 0, known: 9 },
        { added: 0, known: 1 },
      ],
      isWhole: true,
    })
  }
  const newer = await exported(machine)
  await machine.until(store.close())
  const older = machineOf(9)
  await imported(older, backup)
  const open = await older.open()
  // A store that is open shows what comes.
  expect(await imported(older, newer)).toMatchObject({ spaces: [{ added: 3, known: 9 }, {}] })
  await older.until(open.transactAsync((tx) => tx.peek(draft), { arbiter: 'browser' }))
  await older.until(new Promise((resolve) => setImmediate(resolve)))
  expect(shown(open)).toEqual(before)
  await older.until(open.transactAsync((tx) => tx.set(draft, 'claims go on'), { arbiter: 'browser' }))
  await older.until(open.close())
  expect((await verify(older)).isSound).toBe(true)
})

test('[CA4] each cut of a backup gives a prefix of what was there, and to import again adds the rest', async () => {
  const machine = await worked()
  const backup = joined(await exported(machine))
  let cuts = 0
  for (let end = 10; end < backup.length; end += 97) {
    const fresh = machineOf(5)
    const half = await imported(fresh, [backup.slice(0, end)])
    expect(half.isWhole).toBe(false)
    expect((await verify(fresh)).isSound).toBe(true)
    const rest = await imported(fresh, inPieces(backup, 61))
    expect(rest.isWhole).toBe(true)
    expect(rest.spaces.map(({ added: more, known }) => [more + known])).toEqual([[9], [1]])
    cuts++
  }
  expect(cuts).toBeGreaterThan(15)
})

test('[CA5] a backup with damage anywhere is taken in but for that, and it is counted', async () => {
  const machine = await worked()
  const backup = joined(await exported(machine))
  let tried = 0
  for (let at = 12; at < backup.length; at += 41) {
    const damaged = backup.slice()
    damaged[at]! ^= 8
    const fresh = machineOf(5)
    const result = await imported(fresh, inPieces(damaged, 1000))
    expect(result.isWhole).toBe(false)
    expect(result.damagedBytes).toBeGreaterThan(0)
    const added = result.spaces.reduce((sum, space) => sum + space.added, 0)
    expect(added).toBeGreaterThanOrEqual(9)
    tried++
  }
  expect(tried).toBeGreaterThan(40)
})

test('[CA5] what is no backup, or of newer code, is refused, and nothing has happened', async () => {
  const machine = machineOf(3)
  const backup = joined(await exported(await worked()))
  const newer = backup.slice()
  newer[9] = 2
  for (const [bytes, code] of [
    [new Uint8Array(), 'invalid-backup'],
    [Uint8Array.of(1, 2, 3), 'invalid-backup'],
    [new Uint8Array(1000), 'invalid-backup'],
    [newer, 'storage-newer'],
  ] as const) {
    await expect(imported(machine, [bytes])).rejects.toMatchObject({ code })
  }
  expect(placesOf(machine.disk, 'entries')).toEqual([])
})

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]))
}

function inPieces(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.slice(i * size, (i + 1) * size))
}

test('[CA4] runs of one relay are one log, older or newer; the log of another relay takes nothing', async () => {
  const runs = ['a', 'b', 'c'].map((digit) => digit.repeat(32))
  /** A log of which the relay has written a Change in each of these runs. */
  async function ordered(seed: number, ...epochs: readonly string[]): Promise<Machine> {
    const machine = machineOf(seed)
    const log = await machine.until(machine.storage().openLog('board'))
    for (const [i, epoch] of epochs.entries()) {
      const items = [{ writer: 'd'.repeat(32), seq: i + 1 }]
      await machine.until(log.append(encodeEntry({ kind: 'ordered', epoch, first: i + 1, items }), {}))
    }
    await log.close()
    return machine
  }
  const [a, b, c] = runs as [string, string, string]
  const [older, newer] = [await exported(await ordered(1, a)), await exported(await ordered(2, a, b))]
  expect(await imported(await ordered(3, a, b), older)).toMatchObject({ spaces: [{ outcome: 'imported', known: 1 }] })
  expect(await imported(await ordered(4, a), newer)).toMatchObject({ spaces: [{ outcome: 'imported', added: 1 }] })
  expect(await imported(await ordered(5, c), newer)).toMatchObject({ spaces: [{ outcome: 'other-epoch', added: 0 }] })
})

/** Opens what the app has on a machine, works there, and closes it. */
async function workOn(machine: Machine, ...texts: readonly string[]): Promise<void> {
  const store = await openAs(machine, null)
  for (const text of texts) await every.work(machine, store, text)
  await machine.until(store.close())
}

/** What the app shows on a machine, and how much is pending. */
async function shownOn(machine: Machine): Promise<readonly unknown[]> {
  const store = await openAs(machine, null)
  const found = [...every.picture(store), store.status.pending]
  await machine.until(store.close())
  return found
}

/** Two devices go on from one backup, become checkpoints or not, and take in each other's. */
async function apart(compacted: readonly number[]) {
  const devices = [machineOf(31), machineOf(32)] as const
  await workOn(devices[0], 'one', 'two')
  await imported(devices[1], await exported(devices[0]))
  await workOn(devices[0], 'three here')
  await workOn(devices[1], 'three there', 'four there')
  await workOn(devices[0], 'four here')
  for (const at of compacted) await compact(devices[at]!, null)
  const backups = [await exported(devices[0]), await exported(devices[1])] as const
  for (const at of [0, 1] as const) await imported(devices[at], backups[1 - at]!)
  return { devices, backups, shown: [await shownOn(devices[0]), await shownOn(devices[1])] }
}

test('[CA3] a backup that is made while the log becomes a checkpoint, and another one, has all that was there when it began', async () => {
  const outcomes = new Set<number>()
  for (let events = 0; events < 30; events++) {
    const machine = machineOf(60)
    await workOn(machine, 'one', 'two')
    if (events % 2 === 0) await compact(machine, null)
    const chunks: Uint8Array[] = []
    const life = machine.life()
    const surroundings = machine.surroundings(life)
    const exporting = (async () => {
      for await (const chunk of exportDatabase('app', { surroundings })) chunks.push(chunk)
    })()
    await machine.run(events)
    // Whoever reads stands still while the others go on.
    life.freeze()
    await workOn(machine, 'three')
    await compact(machine, null)
    life.thaw()
    await machine.until(exporting)
    const fresh = machineOf(61)
    await imported(fresh, chunks)
    const found = await shownOn(fresh)
    expect(['two', 'three']).toContain(found[0])
    expect(found[1]).toBe(found[0] === 'two' ? 2 : 3)
    outcomes.add(Number(found[1]))
    expect((await verify(fresh)).isSound).toBe(true)
  }
  expect(outcomes.size).toBe(2)
})

test('[CA4] of two devices that went on from one backup each has all that both have done, once, whatever has become a checkpoint', async () => {
  const logs = await apart([])
  expect(logs.shown[0]).toEqual(logs.shown[1])
  expect([logs.shown[0]![1], logs.shown[0]![5], logs.shown[0]!.at(-1)]).toEqual([6, 6, 6])
  for (const compacted of [[0], [1], [0, 1]]) {
    const { devices, backups, shown: found } = await apart(compacted)
    expect(found).toEqual(logs.shown)
    for (const at of [0, 1] as const) {
      // Once more, as it is now and as a checkpoint, adds nothing of a checkpoint.
      for (const isCompacted of [false, true]) {
        if (isCompacted) await compact(devices[at], null)
        const again = await imported(devices[at], backups[1 - at]!)
        expect(again.spaces).toMatchObject([{ outcome: 'imported', ...(compacted.includes(1 - at) && { added: 0 }) }])
        expect(await shownOn(devices[at])).toEqual(logs.shown[at])
      }
      expect((await verify(devices[at])).isSound).toBe(true)
    }
  }
})

test('[CA4] an old backup that is a checkpoint takes nothing back where work has gone on', async () => {
  const machine = machineOf(33)
  await workOn(machine, 'one', 'two')
  await compact(machine, null)
  const old = await exported(machine)
  await workOn(machine, 'three')
  const store = await openAs(machine, null)
  // What the backup has is written over, taken out and taken back.
  await machine.until(store.transactAsync((tx) => tx.exclude(every.tags, 'one'), { arbiter: 'browser' }))
  await machine.until(store.transactAsync((tx) => tx.add(every.drafts, -1), { arbiter: 'browser' }))
  await machine.until(store.close())
  const before = await shownOn(machine)
  for (const isCompacted of [false, true]) {
    if (isCompacted) await compact(machine, null)
    const { spaces } = await imported(machine, old)
    expect(spaces).toMatchObject([{ added: 0 }])
    expect(await shownOn(machine)).toEqual(before)
  }
  // And where only the old one is, the new one brings the rest, and what it took away is away.
  await compact(machine, null)
  const fresh = machineOf(34)
  await imported(fresh, old)
  await imported(fresh, await exported(machine))
  expect(await shownOn(fresh)).toEqual(before)
})

for (const compacted of [[], [0], [1], [0, 1]]) {
  test(`[CA4] on a second device while the first lives, with a relay between: each Change is there once (${compacted.length === 0 ? 'logs' : `checkpoints ${compacted.join(' and ')}`})`, async () => {
    const devices = [machineOf(35), machineOf(36)] as const
    const relay = relayOf(undefined, devices[0].clock())
    const online = async (at: 0 | 1, text: string): Promise<void> => {
      const store = await openAs(devices[at], null, { transport: wayTo(relay) })
      await every.work(devices[at], store, text)
      await devices[at].until(store.synced())
      await devices[at].until(store.close())
    }
    await online(0, 'one')
    await workOn(devices[0], 'two')
    await imported(devices[1], await exported(devices[0]))
    // What the first has pending is sent by the second, which goes on, as the first does.
    await online(1, 'three')
    await workOn(devices[1], 'four')
    await workOn(devices[0], 'five')
    for (const at of compacted) await compact(devices[at]!, null)
    const backups = [await exported(devices[0]), await exported(devices[1])] as const
    for (const at of [1, 0] as const) await imported(devices[at], backups[1 - at]!)
    await online(0, 'six')
    await online(1, 'seven')
    await online(0, 'eight')
    const first = await shownOn(devices[0])
    expect([first[0], first[1], first.at(-1)]).toEqual(['eight', 8, 0])
    // Five were there when it was exported, and the two that it made since.
    expect(first[5]).toBe(7)
    expect((await shownOn(devices[1]))[5]).toBe(6)
    const third = machineOf(37)
    const elsewhere = await openAs(third, null, { transport: wayTo(relay) })
    await third.until(elsewhere.transact((tx) => tx.set(every.banned, 'not here')).synced())
    expect([elsewhere.get(every.title), elsewhere.get(every.votes)]).toEqual(['eight', 8])
  })
}

test('[CA4] [DM1] of a joined checkpoint that is damaged in one part all others are taken in, and nothing is doubled', async () => {
  const parts = async () => {
    const [source, target] = [machineOf(38), machineOf(39)]
    await workOn(source, 'one', 'two')
    await compact(source, null)
    await workOn(target, 'three')
    await imported(target, await exported(source))
    return target
  }
  const whole = await parts()
  const kinds = await kindsOf(whole, 'app')
  const places = kinds.flatMap((kind, i) => (kind === 'joined' ? [i] : []))
  const all = await shownOn(whole)
  expect([all[1], all[5], places.length > 3]).toEqual([3, 3, true])
  for (const at of places) {
    const machine = await parts()
    const place = placesOf(machine.disk, 'entries')[at]!
    damage(machine.disk, place, (value) => ({ ...(value as object), entry: 'nothing' }))
    const found = await shownOn(machine)
    expect([Number(found[1]) <= 3, Number(found[5]) <= 3, machine.errors.length > 0]).toEqual([true, true, true])
    expect(Number(found[1]) + Number(found[5])).toBeGreaterThanOrEqual(4)
  }
})

for (const isOnline of [false, true]) {
  test(`[CA4] [CP10] stores that are open${isOnline ? ' and online' : ''} show what a joined checkpoint brings, and go on`, async () => {
    const [source, target] = [machineOf(40), machineOf(41)]
    const relay = relayOf(undefined, target.clock())
    await workOn(source, 'one', 'two')
    await compact(source, null)
    const backup = await exported(source)
    const open = (): Promise<Store> =>
      openAs(target, null, { storage: target.storage(), ...(isOnline && { transport: wayTo(relay) }) })
    const tabs = [await open(), await open()] as const
    for (const [i, store] of tabs.entries()) await every.work(target, store, `here ${i}`)
    const told: unknown[] = []
    tabs[1].changes(every.drafts, ({ value }) => told.push(value))
    // While one is on its way to what the browser decides about.
    const both = [
      imported(target, backup),
      tabs[0].transactAsync((tx) => tx.add(every.drafts, 1), { arbiter: 'browser' }),
    ] as const
    await target.until(Promise.all(both))
    await target.run(300)
    for (const store of tabs) {
      expect([store.get(every.votes), store.get(every.drafts), store.get(every.tags)]).toEqual([
        4,
        5,
        ['here 0', 'here 1', 'one', 'two'],
      ])
    }
    expect(told.at(-1)).toBe(5)
    for (const store of tabs) await every.work(target, store, 'after')
    if (isOnline) await target.until(Promise.all(tabs.map((store) => store.synced())))
    await target.run(300)
    const shown_ = tabs.map((store) => every.picture(store))
    expect(shown_[0]).toEqual(shown_[1])
    expect([shown_[0]![1], shown_[0]![5], tabs[0].status.pending]).toEqual([6, 7, isOnline ? 0 : 6])
    for (const store of tabs) await target.until(store.close())
    expect((await shownOn(target)).slice(0, -1)).toEqual(shown_[0])
    expect(target.errors).toEqual([])
  })
}

for (const isCompacted of [false, true]) {
  test(`[CA4] what the first device had to author again the second does not send beside it (a ${isCompacted ? 'checkpoint' : 'log'})`, async () => {
    const devices = [machineOf(42), machineOf(43)] as const
    let clashes = 1
    const relay = relayOf((_, addresses) => {
      if (addresses.includes('banned')) return true
      return addresses.includes('votes') && clashes-- > 0 ? 'writer-clash' : false
    }, devices[0].clock())
    await workOn(devices[0], 'one', 'two')
    const alone = await openAs(devices[0], null)
    await devices[0].until(alone.transact((tx) => tx.set(every.banned, 'x'), { meta: 'mine' }).durable())
    await devices[0].until(alone.close())
    await imported(devices[1], await exported(devices[0]))
    const first = await openAs(devices[0], null, { transport: wayTo(relay) })
    await devices[0].until(first.synced().catch(() => undefined))
    await devices[0].until(first.transact((tx) => tx.set(every.title, 'sent')).synced())
    expect([first.status.refused, first.status.pending, first.get(every.votes)]).toEqual([1, 0, 2])
    await devices[0].until(first.close())
    if (isCompacted) await compact(devices[0], null)
    await imported(devices[1], await exported(devices[0]))
    const before = await openAs(devices[1], null)
    expect([before.status.refused, before.get(every.votes), before.get(every.drafts)]).toEqual([1, 2, 2])
    expect(before.refused.list().map(({ change }) => change.meta)).toEqual(['mine'])
    await devices[1].until(before.close())
    const second = await openAs(devices[1], null, { transport: wayTo(relay) })
    await devices[1].until(second.transact((tx) => tx.add(every.votes, 10)).synced())
    expect([second.status.refused, second.status.pending, second.get(every.votes)]).toEqual([1, 0, 12])
    // What is taken off the list here stays off it, however often it comes.
    second.refused.drop(second.refused.list()[0]!.id)
    await devices[1].until(second.durable())
    await devices[1].until(second.close())
    await compact(devices[1], null)
    await imported(devices[1], await exported(devices[0]))
    const last = await openAs(devices[1], null)
    expect([last.status.refused, last.status.pending, last.get(every.votes)]).toEqual([0, 0, 12])
    await devices[1].until(last.close())
  })
}

test('[CA4] [CA5] entries of which none can be used are passed over, however many they are', async () => {
  const machine = machineOf(9)
  const store = await machine.open()
  // As many as are looked through at once.
  for (let i = 0; i < 512; i++) await machine.until(store.transact((tx) => tx.add(votes, 1)).durable())
  await machine.until(store.close())
  const backup = await exported(machine)
  for (const place of placesOf(machine.disk, 'entries'))
    damage(machine.disk, place, (value) => ({ ...(value as object), entry: 'no bytes' }))
  const found = await machine.until(importDatabase('app', backup, { surroundings: machine.surroundings() }))
  expect(found).toMatchObject({ isWhole: true, spaces: [{ space: 'board', outcome: 'imported', added: 512 }] })
})
