import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join as joinPath } from 'node:path'
import { open } from 'lmdb'
import { expect, test } from 'vitest'
import { backupData, exportData, readChanges, verifyData } from '../src/care/index.ts'
import type { RelayLog } from '../src/index.ts'
import { LmdbFile } from '../src/lmdb-file.ts'
import { makeFit } from '../src/lmdb-mend.ts'
import { ownerOf, type Owner } from '../src/lmdb-owner.ts'
import { OWNER_KEY, seal } from '../src/lmdb-rows.ts'
import { openLmdbStorage } from '../src/lmdb.ts'
import { silentLog } from '../src/system.ts'
import { temporaryFolder } from './folder.ts'
import { ann, bob, join, record, run, told, until, world } from './kit.ts'

const PAGE_BYTES = 4096

/** A folder with three spaces, each written by two writers, one Change at a time. */
async function filled(): Promise<string> {
  const folder = temporaryFolder()
  const storage = await openLmdbStorage(folder)
  const { relay } = world({ storage })
  for (const space of ['one', 'two', 'three']) {
    const a = await join(relay, space)
    for (let seq = 1; seq <= 3; seq++) {
      a.send([record(ann, seq, { documents: [7] }), record(bob, seq)])
      await until(() => told(a).length === 2 * seq)
    }
  }
  await relay.close()
  await storage.close()
  return folder
}

/** Zeroes a page of a table. */
function loseOf(table: string, folder: string): void {
  const path = joinPath(folder, 'relay.mdb')
  const whole = readFileSync(path)
  for (let page = 2; page < whole.length / PAGE_BYTES; page++) {
    const bytes = Buffer.from(whole)
    writeFileSync(path, bytes.fill(0, page * PAGE_BYTES, (page + 1) * PAGE_BYTES))
    const file = new LmdbFile(path)
    const holes = file.check()
    file.close()
    if (holes.length === 1 && holes[0]!.table === table) return
  }
  throw new Error(`There is no page of ${table}`)
}

/** When a process was started, as the system says it. */
function startOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!
}

/** Writes down who uses a folder. */
async function own(folder: string, owner: Owner): Promise<void> {
  const root = open({
    path: joinPath(folder, 'relay.mdb'),
    noSubdir: true,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
  })
  const meta = root.openDB<Buffer, Buffer>('meta', { encoding: 'binary', keyEncoding: 'binary' })
  await meta.put(OWNER_KEY, seal(OWNER_KEY, Buffer.from(JSON.stringify(owner))))
  await root.close()
}

function listening(): { readonly log: RelayLog; readonly messages: string[] } {
  const messages: string[] = []
  return { messages, log: { ...silentLog, error: (_, message) => void messages.push(message) } }
}

test('[RL58] a file that is whole is left as it is', async () => {
  const folder = await filled()
  const { log, messages } = listening()
  await (await openLmdbStorage(folder, log)).close()
  expect(messages).toEqual([])
  expect(readdirSync(folder).sort()).toEqual(['relay.mdb', 'relay.mdb-lock'])
})

test('[RL58] rows of any length are whole', async () => {
  const folder = temporaryFolder()
  const storage = await openLmdbStorage(folder)
  const lengths = [0, 1900, 1950, 2000, 2050, 4000, 4100, 9000, 70_000]
  for (const [i, length] of lengths.entries()) {
    const ended = { seq: 2, code: 'conflict', message: 'x'.repeat(length) }
    const writers = new Map([[ann, { lastSeq: 1, recent: [1], ended }]])
    const batch = {
      epoch: 'e'.repeat(32),
      follows: null,
      first: 1,
      latestAt: 0,
      writers,
      documents: new Map([[i, bob]]),
    }
    await storage.append([{ ...batch, space: `${'x'.repeat(20 * i)}${i}`, records: [new Uint8Array(length)] }])
  }
  await storage.close()
  const { log, messages } = listening()
  await (await openLmdbStorage(folder, log)).close()
  expect(messages).toEqual([])
})

test('[RL57] when names of spaces are lost, it is said that there may be Changes that are not read', async () => {
  const folder = await filled()
  loseOf('spaces', folder)
  const found: string[] = []
  const lost = await readChanges(folder, ({ space }) => void found.push(space))
  expect([found, lost]).toEqual([[], [expect.stringMatching(/^Page \d+ of the file, of "spaces", /)]])
  const to = joinPath(temporaryFolder(), 'files')
  expect(await exportData(folder, to)).toEqual({ files: [], damaged: 1 })
})

test('[RL56] a file that was cut is copied as it is', async () => {
  const folder = await filled()
  const path = joinPath(folder, 'relay.mdb')
  writeFileSync(path, readFileSync(path).subarray(0, -PAGE_BYTES - 100))
  const to = joinPath(temporaryFolder(), 'copy')
  expect((await backupData(folder, to)).findings.length).toBeGreaterThan(0)
  expect(readFileSync(joinPath(to, 'relay.mdb')).equals(readFileSync(path))).toBe(true)
})

test('[RL58] damage among the free pages costs nothing', async () => {
  const folder = await filled()
  loseOf('free pages', folder)
  const { log, messages } = listening()
  const storage = await openLmdbStorage(folder, log)
  expect(messages).toHaveLength(2)
  for (const space of ['one', 'two', 'three']) expect((await storage.space(space))!.head).toBe(6)
  await storage.close()
  expect((await verifyData(folder)).findings).toEqual([])
})

test('[RL58] when names of spaces are lost, none is taken for a new one, and what is lost once stays so', async () => {
  const folder = await filled()
  loseOf('spaces', folder)
  for (let opening = 0; opening < 2; opening++) {
    const { log, messages } = listening()
    const storage = await openLmdbStorage(folder, log)
    expect(messages).toHaveLength(opening === 0 ? 3 : 1)
    const { relay } = world({ storage })
    for (const space of ['one', 'four']) {
      expect((await join(relay, space)).last('failure')).toMatchObject({ code: 'storage-failed' })
      await expect(storage.writers(space, [ann])).rejects.toMatchObject({ code: 'damaged' })
      await expect(storage.documents(space, [7])).rejects.toMatchObject({ code: 'damaged' })
    }
    await relay.close()
    await storage.close()
  }
  const { findings } = await verifyData(folder)
  expect(findings.map(({ message }) => message).join()).toContain('Names of spaces were lost')
})

for (const table of ['writers', 'documents', 'epochs']) {
  test(`[RL58] a space that lost ${table} is not served, whatever is damaged next`, async () => {
    const folder = await filled()
    loseOf(table, folder)
    await (await openLmdbStorage(folder)).close()
    loseOf('free pages', folder)
    const storage = await openLmdbStorage(folder)
    for (const space of ['one', 'two', 'three']) {
      await expect(storage.space(space)).rejects.toMatchObject({ code: 'damaged' })
      await expect(storage.read(space, 0, 6, 1e6)).rejects.toMatchObject({ code: 'damaged' })
    }
    // There is room for others.
    const { relay } = world({ storage })
    const a = await join(relay, 'four')
    a.send(run(ann, 1, 3))
    await until(() => told(a).length === 3)
    await relay.close()
    await storage.close()
    expect(
      readdirSync(folder)
        .filter((name) => name.includes('damaged'))
        .sort(),
    ).toEqual(['relay.mdb.damaged', 'relay.mdb.damaged-2'])
    const { findings } = await verifyData(folder)
    expect(findings.filter(({ message }) => message.startsWith('It is not served')).map(({ space }) => space)).toEqual([
      'one',
      'two',
      'three',
    ])
  })
}

test('[RL58] what everything depends on is not guessed at, and the file is left alone', async () => {
  for (const table of ['tables', 'meta']) {
    const folder = await filled()
    loseOf(table, folder)
    const before = readFileSync(joinPath(folder, 'relay.mdb'))
    await expect(openLmdbStorage(folder)).rejects.toMatchObject({ code: 'damaged' })
    expect(readFileSync(joinPath(folder, 'relay.mdb')).equals(before)).toBe(true)
    expect(readdirSync(folder).filter((name) => name.includes('mending') || name.includes('.damaged'))).toEqual([])
  }
})

test('[RL58] a mending that was broken off is begun again, and one that is under way is waited for', async () => {
  const folder = await filled()
  loseOf('free pages', folder)
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'])
  const pid = child.pid!
  const left = joinPath(folder, `relay.mdb.mending-${pid}-${startOf(pid)}`)
  writeFileSync(left, 'half of it')
  await expect(openLmdbStorage(folder)).rejects.toMatchObject({
    code: 'data-in-use',
    message: expect.stringContaining(`${pid}`) as string,
  })
  expect(existsSync(left)).toBe(true)
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
  const storage = await openLmdbStorage(folder)
  expect((await storage.space('one'))!.head).toBe(6)
  await storage.close()
  expect(readdirSync(folder).sort()).toEqual(['relay.mdb', 'relay.mdb-lock', 'relay.mdb.damaged'])
})

test('[RL35] [RL58] the file of a relay that runs is not mended', async () => {
  const folder = await filled()
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'])
  const owner = { ...ownerOf(folder), pid: child.pid!, started: startOf(child.pid!) }
  await own(folder, owner)
  loseOf('documents', folder)
  const before = readFileSync(joinPath(folder, 'relay.mdb'))
  await expect(openLmdbStorage(folder)).rejects.toMatchObject({ code: 'data-in-use' })
  expect(readFileSync(joinPath(folder, 'relay.mdb')).equals(before)).toBe(true)
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
  await (await openLmdbStorage(folder)).close()
  expect(existsSync(joinPath(folder, 'relay.mdb.damaged'))).toBe(true)
})

test('[RL58] a file that is written to while it is looked at is not mended', async () => {
  const folder = await filled()
  const path = joinPath(folder, 'relay.mdb')
  const self = ownerOf(folder)
  await own(folder, self)
  loseOf('documents', folder)
  const root = open({ path, noSubdir: true, encoding: 'binary', keyEncoding: 'binary', overlappingSync: false })
  const meta = root.openDB<Buffer, Buffer>('meta', { encoding: 'binary', keyEncoding: 'binary' })
  const write = (row: Buffer): void => meta.putSync(OWNER_KEY, row)
  await expect(makeFit(path, folder, self, write, silentLog)).rejects.toMatchObject({ code: 'data-in-use' })
  expect(readdirSync(folder).filter((name) => name.includes('mending') || name.includes('.damaged'))).toEqual([])
  await root.close()
})
