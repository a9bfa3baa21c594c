import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join as joinPath } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { verifyData } from '../src/care/index.ts'
import { isAlive, ownerOf } from '../src/lmdb-owner.ts'
import { DATA_FILE, decodeSpace, encodeSpace, seal, unseal } from '../src/lmdb-rows.ts'
import { openLmdbStorage } from '../src/lmdb.ts'
import { temporaryFolder } from './folder.ts'
import { ann, bob, eve, join, record, run, startMs, sums, told, turns, until, world } from './kit.ts'
import { flipped, tamper } from './tamper.ts'

const used = { documents: [7] }
const epoch = 'e'.repeat(32)

/** A folder with ten Changes in each of two spaces, which came one by one. */
async function filled(): Promise<string> {
  const folder = temporaryFolder()
  const storage = await openLmdbStorage(folder)
  const { relay } = world({ storage, limits: { maxFrameBytes: 200 } })
  const a = await join(relay, 'board')
  a.open('other', { channel: 2 })
  for (let seq = 1; seq <= 10; seq++) {
    a.send([record(ann, seq, used)])
    a.send([record(ann, seq, used)], 2)
    await until(() => told(a).length === seq && told(a, 0, 2).length === seq)
  }
  await relay.close()
  await storage.close()
  return folder
}

test('[RL34] a damaged Change is found when it is read: its space says which, other spaces serve', async () => {
  const folder = await filled()
  // The sixth Change of the space with number 1.
  expect(
    await tamper(folder, 'log', (key, value) =>
      key.toString('hex') === '00000001000000000006' ? flipped(value, 30) : undefined,
    ),
  ).toBe(1)
  const storage = await openLmdbStorage(folder)
  const { relay } = world({ storage })
  const a = await join(relay, 'board')
  a.open('other', { channel: 2 })
  await until(() => a.all('failure').length === 1 && told(a, 0, 2).length === 10)
  expect(a.last('failure')).toMatchObject({ channel: 1, code: 'storage-failed' })
  expect(a.last('failure').message).toMatch(/Change 6 /)
  expect(sums(told(a))).toEqual(sums(run(ann, 1, 5, used)))
  a.send([record(bob, 1)], 2)
  await until(() => told(a, 0, 2).length === 11)
  const past = await join(relay, 'board', { basis: { epoch: a.all('epoch')[0]!.epoch, relaySeq: 6 } })
  await until(() => told(past, 6).length === 4)
  await relay.close()
  await storage.close()
})

test('[RL34] every byte of a stored row counts, and a row at another row’s place is found', async () => {
  const folder = await filled()
  const bytes = new Map<string, Buffer>()
  await tamper(folder, 'log', (key, value) => void bytes.set(key.toString('hex'), value))
  const third = bytes.get('00000001000000000003')!
  for (const wrong of [
    flipped(Buffer.from(third), 0),
    flipped(Buffer.from(third), third.length - 1),
    bytes.get('00000001000000000004')!,
    third.subarray(0, 3),
  ]) {
    await tamper(folder, 'log', (key) => (key.toString('hex') === '00000001000000000003' ? wrong : undefined))
    const storage = await openLmdbStorage(folder)
    await expect(storage.read('board', 2, 10, 1e6)).rejects.toMatchObject({ code: 'damaged', relaySeq: 3 })
    expect((await storage.read('board', 0, 10, 1e6)).length).toBe(2)
    await storage.close()
  }
})

test('[RL34] [RL54] what came together is one row: any part of it is read, and damage in it is found before anything of it is told', async () => {
  const folder = temporaryFolder()
  const storage = await openLmdbStorage(folder)
  const long = new Uint8Array(70_000).fill(7)
  // A row of its own for the first, which came alone; then more than one row takes, and one Change that is longer than a row.
  const batches = [run(ann, 1, 1), run(ann, 2, 1000), [...run(bob, 1, 3), long, ...run(bob, 4, 5)]]
  const all = batches.flat()
  let first = 1
  for (const records of batches) {
    const follows = first === 1 ? null : epoch
    await storage.append([
      { space: 'board', epoch, follows, first, records, latestAt: 0, writers: new Map(), documents: new Map() },
    ])
    first += records.length
  }
  const check = async (after: number, upTo: number, maxBytes: number): Promise<void> => {
    const found: Uint8Array[] = []
    while (found.length < upTo - after) {
      const read = await storage.read('board', after + found.length, upTo, maxBytes)
      expect(read.length).toBeGreaterThan(0)
      found.push(...read)
    }
    expect(found.map((one) => Buffer.from(one).toString('base64'))).toEqual(
      all.slice(after, upTo).map((one) => Buffer.from(one).toString('base64')),
    )
  }
  for (const [after, upTo] of [
    [0, 1006],
    [1, 1000],
    [0, 1],
    [500, 501],
    [999, 1002],
    [1003, 1004],
    [1004, 1006],
  ] as const) {
    for (const maxBytes of [1, 5000, 1e6]) await check(after, upTo, maxBytes)
  }
  expect((await storage.space('board'))!.head).toBe(1006)
  await storage.close()

  const keys: string[] = []
  await tamper(folder, 'log', (key) => void keys.push(key.toString('hex')))
  expect(keys.length).toBeLessThan(10)
  // Wherever it is hit.
  for (const at of [0, 4, 5, 40, 20_000]) {
    await tamper(folder, 'log', (key, value) => (key.toString('hex') === keys[1] ? flipped(value, at) : undefined))
    const opened = await openLmdbStorage(folder)
    await expect(opened.read('board', 1, 1006, 1e6)).rejects.toMatchObject({ code: 'damaged', relaySeq: 2 })
    await expect(opened.read('board', 300, 301, 1e6)).rejects.toMatchObject({ code: 'damaged' })
    expect((await opened.read('board', 0, 1006, 1e6)).length).toBe(1)
    expect((await opened.read('board', 1000, 1006, 1e6)).length).toBe(6)
    await opened.close()
    await tamper(folder, 'log', (key, value) => (key.toString('hex') === keys[1] ? flipped(value, at) : undefined))
  }
})

for (const table of ['spaces', 'writers', 'documents', 'epochs']) {
  test(`[RL34] damage among the ${table} is found`, async () => {
    const folder = await filled()
    expect(await tamper(folder, table, (_, value) => flipped(value, value.length - 1))).toBe(2)
    const storage = await openLmdbStorage(folder)
    const reading = {
      spaces: () => storage.space('board'),
      writers: () => storage.writers('board', [ann]),
      documents: () => storage.documents('board', [7]),
      epochs: () => storage.space('board'),
    }[table]!()
    await expect(reading).rejects.toMatchObject({ code: 'damaged' })
    await storage.close()
  })
}

test('[RL35] a folder that cannot be made or written is said', async () => {
  const folder = temporaryFolder()
  writeFileSync(joinPath(folder, 'file'), '')
  for (const path of [joinPath(folder, 'file'), joinPath(folder, 'file', 'below'), '/proc/syncline']) {
    await expect(openLmdbStorage(path)).rejects.toMatchObject({ name: 'RelayError', code: 'data-unwritable' })
  }
  mkdirSync(joinPath(folder, 'blocked', 'relay.mdb'), { recursive: true })
  await expect(openLmdbStorage(joinPath(folder, 'blocked'))).rejects.toMatchObject({ code: 'data-unwritable' })
  const fine = await openLmdbStorage(joinPath(folder, 'a', 'b', 'c'))
  await fine.close()
})

test('[RL35] a file that is not LMDB’s is said, and left alone', async () => {
  const folder = temporaryFolder()
  const path = joinPath(folder, 'relay.mdb')
  writeFileSync(path, Buffer.alloc(16_384, 'not a log '))
  await expect(openLmdbStorage(folder)).rejects.toMatchObject({ code: 'damaged' })
  expect(readFileSync(path).subarray(0, 10).toString()).toBe('not a log ')
})

test('[RL35] a folder is open once; when it was closed it is free, and a copy of it always is', async () => {
  const folder = temporaryFolder()
  const storage = await openLmdbStorage(folder)
  const [writers, documents] = [new Map(), new Map()]
  await storage.append([
    { space: 'board', epoch, follows: null, first: 1, records: [record(ann, 1)], latestAt: 7, writers, documents },
  ])
  await expect(openLmdbStorage(folder)).rejects.toMatchObject({ code: 'data-in-use' })
  const copy = joinPath(temporaryFolder(), 'copy')
  cpSync(folder, copy, { recursive: true })
  const copied = await openLmdbStorage(copy)
  expect(await copied.space('board')).toEqual({ stretches: [{ epoch, first: 1 }], head: 1, latestAt: 7 })
  await copied.close()
  await storage.close()
  await expect(storage.space('board')).rejects.toMatchObject({ code: 'closed' })
  await (await openLmdbStorage(folder)).close()
})

test('[RL35] an owner is alive while its very process runs', async () => {
  const folder = temporaryFolder()
  const self = ownerOf(folder)
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'])
  const pid = child.pid!
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const other = { ...self, pid, started: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]! }
  expect(isAlive(other, self)).toBe(true)
  expect(isAlive({ ...other, started: '1' }, self)).toBe(false)
  expect(isAlive({ ...other, host: 'elsewhere' }, self)).toBe(false)
  expect(isAlive({ ...other, place: '0:0' }, self)).toBe(false)
  expect(isAlive(self, self)).toBe(false)
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
  expect(isAlive(other, self)).toBe(false)
})

// Written by the last relay of each format: three spaces, of which one was opened and never written to, and in another one somebody was refused.
for (const format of [1, 2, 3]) {
  test(`[RL31] [RL36] a folder that a relay of format ${format} has written is served as it was`, async () => {
    const folder = temporaryFolder()
    const written = readFileSync(new URL(`folders/format-${format}.mdb.gz`, import.meta.url))
    writeFileSync(joinPath(folder, DATA_FILE), gunzipSync(written))
    const before = await verifyData(folder).catch((error: unknown) => error)
    expect(before).toMatchObject(format < 3 ? { code: 'data-older' } : { findings: [] })
    for (let opening = 0; opening < 2; opening++) {
      const storage = await openLmdbStorage(folder)
      const { relay } = world({ storage })
      const basis = { writers: new Map([ann, bob, eve].map((id) => [id, 9] as const)) }
      const [board, other, empty] = [
        await join(relay, 'board', { basis }),
        await join(relay, 'other', { basis }),
        await join(relay, 'empty'),
      ]
      expect([...board.last('basis').writers]).toEqual([
        [ann, 1],
        [bob, 3],
        [eve, 0],
      ])
      await until(() => told(board).length === 4 && told(other).length === 1)
      const own = [`${ann}:1`, `${bob}:1`, `${bob}:2`, `${bob}:3`]
      expect([told(board), told(other), told(empty)]).toEqual([own, [`${eve}:1`], []])
      expect((await storage.space('board'))!.latestAt).toBe(startMs * 1000 + 3)
      expect(await storage.documents('board', [7, 8, 9, 0xffff_ffff])).toEqual(
        new Map([
          [7, ann],
          [9, ann],
          [0xffff_ffff, bob],
        ]),
      )
      other.send([record(eve, 3)])
      await until(() => other.all('refusal').length === 1)
      expect(other.last('refusal')).toMatchObject({ writer: eve, seq: 3, code: 'missing-dependency' })
      await relay.close()
      await storage.close()
      expect((await verifyData(folder)).findings).toEqual([])
    }
  })
}

test('[RL49] in a folder of the first format a Yjs client is whose the log says', async () => {
  const folder = temporaryFolder()
  const storage = await openLmdbStorage(folder)
  const records = [
    record(ann, 1, { documents: [7, 9] }),
    record(bob, 1, { documents: [9, 0xffff_ffff], inherited: [[0xffff_ffff, eve]] }),
    record(bob, 2),
  ]
  const [writers, documents] = [new Map(), new Map()]
  const add = { epoch, latestAt: 0, writers, documents }
  const last = { board: 0, other: 0 }
  // In that format each was a row.
  for (const one of records) {
    for (const space of one === records[0] ? (['board'] as const) : (['board', 'other'] as const)) {
      await storage.append([
        { ...add, space, follows: last[space] === 0 ? null : epoch, first: ++last[space], records: [one] },
      ])
    }
  }
  await storage.close()
  const first = (key: Buffer): Buffer | undefined =>
    key.toString() === 'format' ? seal(key, Buffer.from([0, 0, 0, 1])) : undefined
  expect(await tamper(folder, 'meta', first)).toBe(1)

  const check = async (): Promise<void> => {
    const opened = await openLmdbStorage(folder)
    const all = [7, 9, 0xffff_ffff]
    expect(await opened.documents('board', all)).toEqual(new Map(all.map((id, i) => [id, [ann, ann, eve][i]])))
    expect(await opened.documents('other', all)).toEqual(new Map(all.slice(1).map((id, i) => [id, [bob, eve][i]])))
    await opened.close()
  }
  await check()
  await check()
})

test('[RL51] in a folder of the second format the epoch of a log is that of all of it', async () => {
  const folder = await filled()
  const storage = await openLmdbStorage(folder)
  const stretches = (await storage.space('board'))!.stretches
  // A space that was opened and never written to had an epoch too.
  const empty = { space: 'empty', follows: null, first: 1, records: [], latestAt: 0 }
  await storage.append([{ ...empty, epoch, writers: new Map(), documents: new Map() }])
  await storage.close()
  const toSecond = {
    meta: (key: Buffer) => (key.toString() === 'format' ? seal(key, Buffer.from([0, 0, 0, 2])) : undefined),
    epochs: () => null,
    spaces: (key: Buffer, value: Buffer) => {
      const row = decodeSpace(unseal(key, value, 'a space'))
      return row.epoch === null ? seal(key, encodeSpace({ ...row, epoch })) : undefined
    },
  }
  for (const [table, change] of Object.entries(toSecond)) expect(await tamper(folder, table, change)).toBeGreaterThan(0)

  for (let opening = 0; opening < 2; opening++) {
    const opened = await openLmdbStorage(folder)
    expect(await opened.space('board')).toMatchObject({ stretches, head: 10 })
    expect(await opened.space('empty')).toMatchObject(opening === 0 ? { stretches: [], head: 0 } : { head: 1 })
    const { relay } = world({ storage: opened })
    const known = await join(relay, 'board', { basis: { epoch: stretches[0]!.epoch, relaySeq: 10 } })
    const fresh = await join(relay, 'empty')
    fresh.send([record(bob, 1 + opening)])
    await until(() => told(fresh).length === 1 + opening)
    expect(known.all('failure')).toEqual([])
    await relay.close()
    await opened.close()
    if (opening === 0) continue
    // The log ends where its last epoch stands, or the folder is damaged.
    await tamper(folder, 'epochs', () => null)
    const damaged = await openLmdbStorage(folder)
    await expect(damaged.space('board')).rejects.toMatchObject({ code: 'damaged' })
    await damaged.close()
  }
})

for (const [format, what, bytes] of [
  [4, 'fourth format nothing was joined to a log', 34],
  [5, 'fifth format nothing was adopted', 40],
] as const) {
  test(`[RL31] in a folder of the ${what}`, async () => {
    const folder = await filled()
    const before = await openLmdbStorage(folder)
    const state = await before.space('board')
    await before.close()
    await tamper(folder, 'meta', (key) =>
      key.toString() === 'format' ? seal(key, Buffer.from([0, 0, 0, format])) : undefined,
    )
    await tamper(folder, 'spaces', (key, row) => seal(key, row.subarray(4, 4 + bytes)))
    const storage = await openLmdbStorage(folder)
    expect(await storage.space('board')).toEqual(state)
    await storage.close()
  })
}

test('[RL36] a folder of a newer version is refused and left alone', async () => {
  const folder = await filled()
  const changed = await tamper(folder, 'meta', (key) =>
    key.toString() === 'format' ? seal(key, Buffer.from([0, 0, 0, 7])) : undefined,
  )
  expect(changed).toBe(1)
  await expect(openLmdbStorage(folder)).rejects.toMatchObject({ code: 'data-newer' })
  await tamper(folder, 'meta', (key) =>
    key.toString() === 'format' ? seal(key, Buffer.from([0, 0, 0, 6])) : undefined,
  )
  const storage = await openLmdbStorage(folder)
  expect((await storage.space('board'))!.head).toBe(10)
  await storage.close()
})

test('[RL4] on a disk, what comes shortly after a batch was begun gathers', async () => {
  const storage = await openLmdbStorage(temporaryFolder())
  expect(storage.gatherMs).toBe(3)
  const { relay, clock } = world({ storage, gatherMs: storage.gatherMs! })
  const a = await join(relay, 'board')
  const b = await join(relay, 'other')
  a.send([record(ann, 1)])
  await until(() => told(a).length === 1)
  const before = clock.timers
  b.send([record(bob, 1)])
  // Whatever the disk does meanwhile: it waits for time to pass, which it does not by itself.
  await until(() => clock.timers > before)
  clock.advance(storage.gatherMs! - 1)
  await turns()
  expect(told(b)).toEqual([])
  clock.advance(1)
  await until(() => told(b).length === 1)
  await relay.close()
  await storage.close()
})
