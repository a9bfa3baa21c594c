import { decodeEntry, entriesIn } from '@syncline/protocol'
import { counter, lww } from '@syncline/merge'
import { agent, changeId, type Change, type Effect, type Tx } from '@syncline/stm'
import { expect, test } from 'vitest'
import { memoryStorage, type Storage, type Store } from '../src/index.ts'
import { allHere } from '../src/away.ts'
import type { Core } from '../src/core.ts'
import { createIntake } from '../src/intake.ts'
import { atOnce } from '../src/pieces.ts'
import { readEntry } from '../src/open-log.ts'
import type { Pending } from '../src/pending.ts'
import { createReplica } from '../src/replica.ts'
import { createWaiting } from '../src/waiting.ts'
import { createWorld, settle } from './world.ts'

const title = lww('title', '')
const votes = counter('votes')
const notes = agent('notes', lww<readonly string[]>('notes', []), {
  actions: { add: (all, note: string) => [...all, note] },
})
/** Words that stand nowhere else. */
const CANARY = 'canary-7f3a'

const declared = (effects: readonly Effect[] | undefined): readonly unknown[] =>
  (effects ?? []).map(({ handler, input }) => [handler, input])

/** What a store knows of its pending Changes when it has read this log, as it does on opening. */
async function replayed(storage: Storage): Promise<readonly Pending[]> {
  const replica = createReplica(
    (policy) => policy,
    () => undefined,
    { judge: () => [] },
    () => allHere,
  )
  // Reading a log needs no more of a store than this.
  const undoing = { hear: () => undefined }
  const intake = createIntake({
    space: 'board',
    replica,
    waiting: createWaiting(),
    undoing,
    away: allHere,
  } as unknown as Core)
  const log = await storage.openLog('board')
  await log.read(0, (bytes) => void atOnce(intake.entry(readEntry(bytes, 'board'), 'replay')))
  return [...replica.pending.values()]
}

/** Every way to declare what must not happen, and one that does. */
function declareAll(tx: Tx, word: string): void {
  tx.effect('mail', { to: `${word}-kept` })
  expect(() =>
    tx.savepoint((inner) => {
      inner.effect('mail', { to: `${word}-thrown` })
      inner.send(notes, 'add', `${word}-thrown`)
      throw new Error('back')
    }),
  ).toThrow('back')
  tx.orElse(
    (left) => {
      left.effect('mail', { to: `${word}-left` })
      left.send(notes, 'add', `${word}-left`)
      return left.retry()
    },
    (right) => {
      right.effect('mail', { to: `${word}-right` })
      right.send(notes, 'add', `${word}-right`)
    },
  )
  tx.savepoint((inner) => inner.effect('ring'))
}

const kept = (word: string): readonly unknown[] => [
  ['mail', { to: `${word}-kept` }],
  ['mail', { to: `${word}-right` }],
  ['agent:notes/add', `${word}-right`],
  ['ring', null],
]

test('[AG12] effects and sends are held until the commit, and dropped with what is undone', async () => {
  const world = await createWorld(1)
  const store = await world.open()
  const sync = store.transact((tx) => {
    tx.add(votes, 1)
    declareAll(tx, 'sync')
  })
  expect(declared(sync.change?.effects)).toEqual(kept('sync'))
  const awaiting = await store.transactAsync(async (tx) => {
    tx.effect('mail', { to: 'first' })
    await tx.savepoint(async (inner) => {
      await Promise.resolve()
      inner.effect('mail', { to: 'second' })
    })
    await tx
      .savepoint(async (inner) => {
        inner.effect('mail', { to: 'never' })
        await Promise.resolve()
        throw new Error('back')
      })
      .catch(() => undefined)
  })
  expect(declared(awaiting.change?.effects)).toEqual([
    ['mail', { to: 'first' }],
    ['mail', { to: 'second' }],
  ])
  await store.agent(notes).idle()
  expect(store.agent(notes).state).toEqual(['sync-right'])
  await world.close()
})

test('[AG12] a body that throws, is aborted or refused leaves no effect anywhere', async () => {
  const world = await createWorld(2)
  const storage = memoryStorage()
  const store = await world.open({ storage })
  const declareAndThrow = (tx: Tx<never>): never => {
    tx.effect('mail', { to: CANARY })
    tx.send(notes, 'add', CANARY)
    throw new Error('no')
  }
  expect(() => store.transact(declareAndThrow)).toThrow('no')
  await expect(store.transactAsync(declareAndThrow)).rejects.toThrow('no')
  const stop = new AbortController()
  const aborted = store.transactAsync(
    async (tx) => {
      tx.effect('mail', { to: CANARY })
      tx.send(notes, 'add', CANARY)
      await settle()
    },
    { signal: stop.signal },
  )
  stop.abort(new Error('stopped'))
  await expect(aborted).rejects.toThrow('stopped')
  expect(() =>
    store.transact((tx) => {
      tx.effect('mail', { to: CANARY, attachment: new Uint8Array(17 * 1024 * 1024) })
      tx.send(notes, 'add', CANARY)
    }),
  ).toThrow(expect.objectContaining({ code: 'change-too-large' }))
  expect(() =>
    store.transact((tx) => {
      tx.send(notes, 'add', CANARY)
      return tx.retry()
    }),
  ).toThrow(expect.objectContaining({ code: 'would-block' }))
  await settle()
  expect([store.agent(notes).status, store.get(notes.ref), store.status.pending]).toEqual(['idle', [], 0])
  expect(await replayed(storage)).toEqual([])
  await world.close()
})

test('[AG12] of a body that runs again, or waits, only the last run’s effects count', async () => {
  const world = await createWorld(3)
  const store = await world.open()
  let runs = 0
  const conflicting = store.transactAsync(async (tx) => {
    runs += 1
    const seen = tx.get(votes)
    tx.effect('mail', { run: runs, seen })
    tx.send(notes, 'add', `run ${runs}`)
    await Promise.resolve()
    if (runs < 4) store.transact((other) => other.add(votes, 1))
  })
  await world.clock.pass(1000)
  expect(declared((await conflicting).change?.effects)).toEqual([
    ['mail', { run: 4, seen: 3 }],
    ['agent:notes/add', 'run 4'],
  ])

  const waiting = store.transactAsync((tx) => {
    tx.effect('mail', { title: tx.get(title) })
    tx.send(notes, 'add', tx.get(title))
    return tx.get(title) === '' ? tx.retry() : undefined
  })
  await settle()
  expect(store.status.pending).toBe(5)
  store.transact((tx) => tx.set(title, 'there'))
  expect(declared((await waiting).change?.effects)).toEqual([
    ['mail', { title: 'there' }],
    ['agent:notes/add', 'there'],
  ])
  await store.agent(notes).idle()
  expect(store.get(notes.ref)).toEqual(['run 4', 'there'])
  await world.close()
})

test('[AG12] effects are in the local part of the log entry, and come back in the Change with their ids', async () => {
  const world = await createWorld(4)
  const storage = memoryStorage()
  const store = await world.open({ storage })
  const changes: Change[] = [
    store.transact((tx) => (tx.add(votes, 1), tx.effect('mail', { to: 'ada' }))).change!,
    store.transact((tx) => (tx.effect('ring'), tx.send(notes, 'add', 'x'))).change!,
    store.transact((tx) => tx.add(votes, 1), { undo: false }).change!,
  ]
  await store.durable()
  await store.close()
  const found = new Map((await replayed(storage)).map(({ change }) => [changeId(change), change.effects]))
  for (const change of changes) expect(found.get(changeId(change))).toEqual(change.effects)
  const kept: string[] = []
  await (
    await storage.openLog('board')
  ).read(0, (bytes) => {
    const entry = decodeEntry(bytes)
    for (const one of entriesIn(entry)) {
      if (one.kind === 'commits')
        for (const { local } of one.changes) kept.push(local.length > 0 ? 'with a local part' : '')
      if (one.kind === 'run') kept.push(...one.changes.map(() => 'in a run'))
    }
  })
  // Nothing is to be kept beside the one without effects; the send has made one more Change.
  expect(kept).toEqual(['with a local part', 'with a local part', 'in a run', 'in a run'])
  await world.close()
})

test('[AT12] no byte of an effect or of a send reaches the relay, also of a Change that has nothing else', async () => {
  const world = await createWorld(5)
  const wires = [world.wire(), world.wire()]
  const traffic: Buffer[] = []
  wires[0]!.onTraffic = (_direction, message) => void traffic.push(Buffer.from(message))
  const storage = memoryStorage()
  const inMemoryOnly = agent('quiet', lww('quiet', 0), { actions: { [CANARY]: (n, _word: string) => n } })
  const speak = (store: Store): void => {
    store.transact((tx) => {
      tx.set(title, 'said aloud')
      tx.effect('mail', { to: CANARY })
      tx.effect(CANARY)
      tx.send(inMemoryOnly, CANARY, CANARY)
    })
    store.transact((tx) => tx.effect('mail', { to: CANARY }))
    store.transact((tx) => tx.send(inMemoryOnly, CANARY, CANARY))
  }
  const one = await world.open({ storage, transport: wires[0]! })
  speak(one)
  await world.clock.pass(1000)
  expect(one.status.pending).toBe(0)

  // What was pending over a reload is read from this device's log and then sent.
  wires[0]!.cut()
  speak(one)
  await one.durable()
  await one.close()
  wires[0]!.mend()
  const again = await world.open({ storage, transport: wires[0]! })
  await world.clock.pass(60_000)
  expect(again.status.pending).toBe(0)

  const other = await world.open({ transport: wires[1]! })
  await world.clock.pass(1000)
  expect(other.get(title)).toBe('said aloud')
  const wire = Buffer.concat(traffic)
  expect([wire.includes('said aloud'), wire.includes(CANARY)]).toEqual([true, false])
  // That they are kept at all is seen in this device's log.
  const kept: Buffer[] = []
  await (await storage.openLog('board')).read(0, (bytes) => void kept.push(Buffer.from(bytes)))
  expect(Buffer.concat(kept).includes(CANARY)).toBe(true)
  await world.close()
})
