import { lww } from '@syncline/merge'
import {
  decodeEntry,
  encodeEntry,
  encodeWhole,
  type CheckpointEntry,
  type Frame,
  type Ledger,
} from '@syncline/protocol'
import { expect, test } from 'vitest'
import { memoryStorage, type Storage, type Store } from '../src/index.ts'
import { asBefore, foldedCheckpoints, withFrames, type FoldedCheckpoints } from './checkpoints.ts'
import { cards, picture, title, votes, write } from './refs-of-all.ts'
import { lookInto, smallLogs } from './small-logs.ts'
import { newBrowser, openMortalTab } from './tab.ts'
import { withLog } from './with-log.ts'
import { brittleStorage, createWorld, type Wire, type World } from './world.ts'

interface Place extends World {
  readonly checkpoints: FoldedCheckpoints
  readonly author: Store
  /** Opens a store with this storage, and says which frames came. */
  newcomer(
    storage?: Storage,
    options?: Parameters<World['open']>[0],
    change?: (frame: Frame) => Frame,
  ): Promise<{ readonly store: Store; readonly heard: string[]; readonly wire: Wire; readonly problems: string[] }>
}

/** A log with much in it, and a checkpoint of most of it. */
async function place(seed: number, edits = 60): Promise<Place> {
  const checkpoints = foldedCheckpoints(() => world.disk)
  const limits = { leastTailBytes: Infinity, maxFrameBytes: 500 }
  const world: World = await createWorld(seed, { limits, checkpoints })
  const author = await world.open({ transport: asBefore(world.wire()) })
  for (let i = 0; i < edits; i++) write(author, i)
  await world.clock.pass(1_000)
  await checkpoints.make('board', edits - 5)
  return {
    ...world,
    checkpoints,
    author,
    async newcomer(storage = memoryStorage(), options = {}, change = (frame) => frame) {
      const heard: string[] = []
      const wire = world.wire()
      const transport = withFrames(
        wire,
        (frame) => [frame],
        (frame) => {
          heard.push(frame.type)
          return change(frame)
        },
      )
      const store = await world.open({ storage, transport, ...options })
      const problems: string[] = []
      store.onStatus(({ problem }) => {
        if (problem !== undefined && problem.code !== problems.at(-1)) problems.push(problem.code)
      })
      await world.clock.pass(1_000)
      return { store, heard, wire, problems }
    },
  }
}

function pieces(heard: readonly string[]): number {
  return heard.filter((type) => type === 'checkpoint').length
}

test('[ST45] who comes new is brought a checkpoint, has it in its log, and sends what it did before', async () => {
  const { author, newcomer, clock, close } = await place(1)
  const storage = memoryStorage()
  const offline = await newcomer(storage, { transport: undefined })
  const note = lww('note', '')
  offline.store.transact((tx) => tx.set(note, 'done before'))
  offline.store.transact((tx) => tx.create(cards.at('mine'), { title: 'mine' }))
  await offline.store.close()
  const { store, heard } = await newcomer(storage)
  expect(pieces(heard)).toBeGreaterThan(1)
  // The last five of the log, and nothing before them.
  expect(store.snapshot.basis.relaySeq).toBe(62)
  expect(store.status).toMatchObject({ link: 'online', saved: 'relay', pending: 0 })
  expect([store.get(note), author.get(note)]).toEqual(['done before', 'done before'])
  expect(picture(store)).toEqual(picture(author))
  const { kinds } = await lookInto(storage)
  expect(kinds.filter((kind) => kind === 'whole')).toHaveLength(1)
  await store.close()
  const again = await newcomer(storage)
  expect(pieces(again.heard)).toBe(0)
  expect(picture(again.store)).toEqual(picture(author))
  again.store.transact((tx) => tx.set(title, 'and on'))
  await clock.pass(1_000)
  expect(author.get(title)).toBe('and on')
  await close()
})

test('[ST45] [CP12] what was counted before the first word of the relay is sent, and lies over what is brought', async () => {
  const { author, newcomer, close } = await place(11)
  const storage = smallLogs(memoryStorage(), 500)
  const offline = await newcomer(storage, { transport: undefined })
  for (let i = 0; i < 40; i++) {
    offline.store.transact((tx) => tx.set(lww('note', ''), `note ${i}`))
    offline.store.transact((tx) => tx.add(votes, 1))
  }
  await offline.store.close()
  const compacted = await newcomer(storage, { transport: undefined })
  expect((await lookInto(storage)).kinds[0]).toBe('rest')
  await compacted.store.close()
  const { store, heard } = await newcomer(storage)
  expect(pieces(heard)).toBeGreaterThan(1)
  expect(store.status).toMatchObject({ link: 'online', pending: 0 })
  expect(picture(store)).toEqual(picture(author))
  expect([store.get(votes), author.get(lww('note', ''))]).toEqual([100, 'note 39'])
  await close()
})

test('[ST45] it is compacted like all else, and other tabs take it up', async () => {
  const { author, newcomer, clock, close } = await place(2)
  const storage = smallLogs(memoryStorage(), 1_000)
  const { store, wire } = await newcomer(storage)
  const sibling = await newcomer(storage, { transport: wire })
  expect(picture(sibling.store)).toEqual(picture(store))
  await clock.pass(10_000)
  const { kinds } = await lookInto(storage)
  expect(kinds).not.toContain('whole')
  expect(kinds).toContain('rest')
  expect(picture(store)).toEqual(picture(author))
  await close()
})

test('[ST45] a tab that is open already shows what is brought, and what it has done meanwhile', async () => {
  const { author, newcomer, clock, close, wire } = await place(3)
  const transport = wire()
  transport.cut()
  const { store } = await newcomer(memoryStorage(), { transport })
  const shown: string[] = []
  store.changes(title, ({ value }) => shown.push(value))
  store.transact((tx) => tx.create(cards.at('own'), { title: 'own' }))
  transport.mend()
  await clock.pass(60_000)
  expect(shown.at(-1)).toBe(author.get(title))
  expect(picture(store)).toEqual(picture(author))
  expect(store.get(cards.at('own'))?.title).toBe('own')
  expect(store.undo().superseded).toEqual([])
  expect(store.get(cards.at('own'))).toBeUndefined()
  await close()
})

test('[ST45] data on demand is read from what was brought', async () => {
  const { author, newcomer, close } = await place(4)
  const { store, heard } = await newcomer(memoryStorage(), { onDemand: [cards] })
  expect(pieces(heard)).toBeGreaterThan(1)
  expect(() => store.get(cards)).toThrow('cards')
  const loaded = await store.load(cards)
  expect(picture(store)).toEqual(picture(author))
  loaded.release()
  await close()
})

test('[ST45] [ST13] without storage it is taken up all the same', async () => {
  const { author, newcomer, close } = await place(5)
  const { store, heard } = await newcomer(undefined, { storage: undefined })
  expect(pieces(heard)).toBeGreaterThan(1)
  expect(picture(store)).toEqual(picture(author))
  expect(store.status).toMatchObject({ link: 'online', saved: 'relay' })
  await close()
})

test('[ST46] a storage that does not take it gets the log', async () => {
  const { author, newcomer, clock, close } = await place(6)
  let isStuck = false
  let goOn = (): void => undefined
  const stuck = new Promise<void>((resolve) => (goOn = resolve))
  const storage = withLog(memoryStorage(), (log) => ({
    async append(entry, options) {
      if (isStuck) await stuck
      return log.append(entry, options)
    },
  }))
  const { store, heard } = await newcomer(storage, {}, (frame) => {
    isStuck ||= frame.type === 'checkpoint'
    return frame
  })
  await clock.pass(60_000)
  expect(heard.filter((type) => type === 'changes').length).toBeGreaterThan(1)
  expect(picture(store)).toEqual(picture(author))
  goOn()
  await clock.pass(5_000)
  expect(store.status).toMatchObject({ link: 'online', storage: 'ok' })
  // What it has taken late changes nothing.
  expect((await lookInto(storage)).kinds).toContain('whole')
  expect(picture(store)).toEqual(picture(author))
  await store.close()
  const again = await newcomer(storage)
  expect([pieces(again.heard), picture(again.store)]).toEqual([0, picture(author)])
  await close()
})

test('[ST46] a full storage gets the log in its memory', async () => {
  const { author, newcomer, clock } = await place(7)
  let isFull = false
  const storage = brittleStorage(memoryStorage(), () => (isFull ? new Error('No room.') : undefined))
  const { store } = await newcomer(storage, {}, (frame) => {
    isFull ||= frame.type === 'checkpoint'
    return frame
  })
  await clock.pass(60_000)
  expect(picture(store)).toEqual(picture(author))
  isFull = false
  await clock.pass(5_000)
  await store.close()
  const again = await newcomer(storage)
  expect(picture(again.store)).toEqual(picture(author))
})

test('[ST45] a tab that dies while it is brought leaves nothing half', async () => {
  const { author, checkpoints, clock, chance, open, wire, close } = await place(8)
  const browser = newBrowser(wire())
  const count = Math.ceil(checkpoints.kept.get('board')!.bytes.length / 500)
  // When a piece is sent, and after the last one, when it is taken in step by step.
  const diedEarly: boolean[] = []
  for (let death = 0; death < count + 12; death++) {
    let seen = 0
    let isDead = false
    browser.wire.onTraffic = (direction, message) => {
      if (direction !== 'down' || message[1] !== 16 || seen++ !== Math.min(death, count - 1)) return
      let turnsLeft = death - count
      const live = (): void => {
        if (turnsLeft-- > 0) return void setImmediate(live)
        isDead = true
        tab.kill()
      }
      live()
    }
    const tab = await openMortalTab(browser, { clock, chance }, () => undefined)
    await clock.pass(100)
    diedEarly.push(isDead)
    if (!isDead) tab.kill()
    browser.wire.cut()
    browser.wire.mend()
    await clock.pass(10_000)
  }
  expect(diedEarly.slice(0, count)).not.toContain(false)
  browser.wire.onTraffic = undefined
  const store = await open({ storage: browser.storage, transport: browser.wire })
  await clock.pass(30_000)
  expect(picture(store)).toEqual(picture(author))
  await close()
})

/** What a relay may send that is wrong, as changes of the parts of the right one. */
const wrong: readonly (readonly [string, (parts: readonly CheckpointEntry[]) => Uint8Array])[] = [
  ['bytes that are no entry', () => new Uint8Array(100)],
  ['another entry', () => encodeEntry({ kind: 'dropped', changes: [] })],
  ['no parts', () => encodeWhole([])],
  ['no end', (parts) => encodeWhole(parts.slice(0, -1).map(encodeEntry))],
  ['a gap', (parts) => encodeWhole(parts.slice(1).map(encodeEntry))],
  ['two ends', (parts) => encodeWhole([...parts, parts.at(-1)!].map(encodeEntry))],
  ['parts of two', ([first, ...parts]) => encodeWhole([{ ...first!, checkpoint: 9 }, ...parts].map(encodeEntry))],
  ['a damaged part', (parts) => encodeWhole([...parts.slice(0, -1).map(encodeEntry), new Uint8Array(20)])],
  ['a part of newer code', (parts) => encodeWhole([...parts.map(encodeEntry), Uint8Array.of(1, 99, 0, 0, 0, 0, 0)])],
  ['a list of pending Changes', withRest(['pending', []])],
  ['notes', withRest(['undoable', []])],
  ['a directory', withRest(['directory', { entries: 1, lastOfCells: 1, portions: [] }])],
  ['cells of one browser', withCells('browser')],
  ['relaySeq 0', withLedger({ relaySeq: 0 })],
  ['more than there is', withLedger({ relaySeq: 61 })],
  ['no stretches', withLedger({ stretches: [] })],
  ['stretches from the middle', withLedger({ stretches: [['0'.repeat(32), 2]] })],
  ['stretches beyond its end', withLedger({ stretches: [...stretchesOf(1, 56)] })],
  ['stretches that go back', withLedger({ stretches: [...stretchesOf(1, 9, 5)] })],
  ['an epoch twice', withLedger({ stretches: [...stretchesOf(1), ['0'.repeat(31) + '0', 5]] })],
  ['an epoch that is none', withLedger({ stretches: [['x', 1]] })],
  ['writers of this browser', withLedger({ seqs: [['a'.repeat(32), 1, -1]] })],
  ['a writer that is none', withLedger({ seqs: [['a', 1, 0]] })],
  ['a writer twice', withLedger({ seqs: [...[1, 2].map((seq) => ['a'.repeat(32), seq, 0] as const)] })],
  ['a writer who has not written', withLedger({ seqs: [['a'.repeat(32), 0, 0]] })],
  ['a clock of this browser', withLedger({ clocks: [1, 1, 1] })],
  ['a writer of this browser', withLedger({ browserWriter: 'a'.repeat(32) })],
  ['a refusal', withLedger({ refusals: [['a'.repeat(32), 1, 'x', 'x']] })],
  ['an end', withLedger({ ended: [['a'.repeat(32), 1, 1]] })],
  ['what was authored again', withLedger({ became: [['a'.repeat(32), 1, 1, 'b'.repeat(32), 1, 1]] })],
  ['what was dismissed', withLedger({ dismissed: ['a'.repeat(32)] })],
  ['foreign epochs', withLedger({ foreign: ['a'.repeat(32)] })],
  ['owners', withLedger({ owners: [[1, 'a'.repeat(32)]] })],
  ['refused clients', withLedger({ clientsOfRefused: [1] })],
  ['renames', withLedger({ renames: [['x', 'a'.repeat(32), 1, null, null]] })],
  ['counted Changes', withLedger({ counted: [['a'.repeat(32), 1]] })],
]

function* stretchesOf(...firsts: readonly number[]): Iterable<readonly [string, number]> {
  for (const [i, first] of firsts.entries()) yield [`${i}`.padStart(32, '0'), first]
}

function withLedger(other: Partial<Ledger>) {
  return (parts: readonly CheckpointEntry[]): Uint8Array =>
    encodeWhole(
      parts.map((part) =>
        encodeEntry(
          part.kind === 'rest' && part.rest[0] === 'ledger'
            ? { ...part, rest: ['ledger', { ...part.rest[1], ...other }] }
            : part,
        ),
      ),
    )
}

function withRest(rest: Extract<CheckpointEntry, { kind: 'rest' }>['rest']) {
  return ([first, ...parts]: readonly CheckpointEntry[]): Uint8Array =>
    encodeWhole([{ ...first!, kind: 'rest' as const, isLast: false, rest }, ...parts].map(encodeEntry))
}

function withCells(arbiter: 'browser') {
  return (parts: readonly CheckpointEntry[]): Uint8Array => {
    const cells = [
      { tag: 'lww', address: 'x', arbiter, ops: [{ payload: [0, 1], stamp: { at: 1, writer: 'a'.repeat(32) } }] },
    ]
    return encodeWhole(
      parts.map((part, i) =>
        encodeEntry(i === 0 ? { kind: 'cells', checkpoint: part.checkpoint, part: 1, cells } : part),
      ),
    )
  }
}

test.each(wrong)('[ST46] a checkpoint with %s is not taken: the log is asked for', async (_, made) => {
  const { author, checkpoints, newcomer, clock, close } = await place(9)
  const kept = checkpoints.kept.get('board')!
  const whole = decodeEntry(kept.bytes)
  if (whole.kind !== 'whole') throw new Error('A checkpoint is whole.')
  checkpoints.kept.set('board', { ...kept, bytes: made(whole.parts) })
  const storage = memoryStorage()
  const { store, heard, problems } = await newcomer(storage)
  store.transact((tx) => tx.set(title, 'mine'))
  await clock.pass(60_000)
  expect(problems).toEqual(['damaged-checkpoint'])
  expect(pieces(heard)).toBeGreaterThan(0)
  expect(picture(store)).toEqual(picture(author))
  expect(store.status).toMatchObject({ link: 'online', pending: 0, problem: undefined })
  expect((await lookInto(storage)).kinds).not.toContain('whole')
  await close()
})
