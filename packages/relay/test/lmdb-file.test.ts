import { readFileSync, writeFileSync } from 'node:fs'
import { join as joinPath } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { LmdbFile, type Hole } from '../src/lmdb-file.ts'
import { openLmdbStorage } from '../src/lmdb.ts'
import { temporaryFolder } from './folder.ts'
import { ann, bob } from './kit.ts'
import { tamper } from './tamper.ts'

const PAGE_BYTES = 4096
/** Of a page: its number and its flags; of what is said of a table: its depth, how many rows it has, and the page of its root. */
const [NUMBER_AT, FLAGS_AT, DEPTH_AT, ENTRIES_AT, ROOT_AT] = [0, 18, 6, 32, 40]
/** Of the first pages: the root of what leads to all tables, and the transaction. */
const [MAIN_ROOT_AT, TRANSACTION_AT] = [136, 152]
const OVERFLOW = 4

let whole: Buffer

beforeAll(async () => {
  const folder = temporaryFolder()
  const storage = await openLmdbStorage(folder)
  for (const [i, space] of ['one', 'two', 'three'].entries()) {
    const state = { lastSeq: 1, recent: [1], ended: null }
    const [writers, documents] = [new Map([[ann, state]]), new Map([[i, bob]])]
    const records = [new Uint8Array(100), new Uint8Array(10_000)]
    await storage.append([
      { space, epoch: 'e'.repeat(32), follows: null, first: 1, records, latestAt: 0, writers, documents },
    ])
  }
  await storage.close()
  whole = readFileSync(joinPath(folder, 'relay.mdb'))
})

/** Which of the first two pages is the newer one: where it begins. */
function newest(bytes: Buffer): number {
  return bytes.readBigUInt64LE(TRANSACTION_AT) > bytes.readBigUInt64LE(PAGE_BYTES + TRANSACTION_AT) ? 0 : PAGE_BYTES
}

/** Where it is said what there is of a table. */
function saidOf(bytes: Buffer, table: string): number {
  const root = Number(bytes.readBigUInt64LE(newest(bytes) + MAIN_ROOT_AT)) * PAGE_BYTES
  const at = bytes.indexOf(`${table}\0`, root)
  if (at < 0 || at >= root + PAGE_BYTES) throw new Error(`Nothing is said of ${table}`)
  return at + table.length + 1
}

function rootOf(bytes: Buffer, table: string): number {
  return Number(bytes.readBigUInt64LE(saidOf(bytes, table) + ROOT_AT))
}

/** Changes a copy of the file, and gives what is wrong with it. */
function holesAfter(change: (bytes: Buffer) => void): readonly Hole[] {
  const bytes = Buffer.from(whole)
  change(bytes)
  const path = joinPath(temporaryFolder(), 'relay.mdb')
  writeFileSync(path, bytes)
  const file = new LmdbFile(path)
  try {
    return file.check()
  } finally {
    file.close()
  }
}

test('[RL58] a whole file has no holes', () => {
  expect(holesAfter(() => {})).toEqual([])
})

const faults: readonly [string, (bytes: Buffer) => void, Partial<Hole>][] = [
  [
    'a table that leads to the pages of another',
    (bytes) => bytes.writeBigUInt64LE(BigInt(rootOf(bytes, 'documents')), saidOf(bytes, 'epochs') + ROOT_AT),
    { table: 'epochs', why: 'stands in two places' },
  ],
  [
    'a page in the place of another',
    (bytes) => {
      const [from, to] = [rootOf(bytes, 'documents') * PAGE_BYTES, rootOf(bytes, 'epochs') * PAGE_BYTES]
      bytes.copy(bytes, to, from, from + PAGE_BYTES)
    },
    { table: 'epochs', why: 'is not what was written' },
  ],
  [
    'a table that counts more rows than it has',
    (bytes) => bytes.writeBigUInt64LE(4n, saidOf(bytes, 'writers') + ENTRIES_AT),
    { table: 'writers', why: 'has 3 rows and counts 4' },
  ],
  [
    'a table that says it is deeper than it is',
    (bytes) => bytes.writeUInt16LE(2, saidOf(bytes, 'writers') + DEPTH_AT),
    { table: 'writers', why: 'stands at another level' },
  ],
  [
    'a page of a transaction that is still to come',
    (bytes) => bytes.writeBigUInt64LE(1000n, rootOf(bytes, 'writers') * PAGE_BYTES + 8),
    { table: 'writers', why: 'is newer than the file' },
  ],
  [
    'a long value of which the first page is another',
    (bytes) => {
      let at = 0
      while (bytes.readUInt16LE(at + FLAGS_AT) !== OVERFLOW) at += PAGE_BYTES
      bytes.writeBigUInt64LE(9n, at + NUMBER_AT)
    },
    { table: 'log', why: 'is not what was written' },
  ],
]

test.each(faults)('[RL58] %s is found', (_, change, hole) => {
  expect(holesAfter(change)).toContainEqual(expect.objectContaining(hole))
})

test('[RL58] a transaction that is out of turn is not believed', () => {
  // The older page says more than the newer one; or too little to be the one before it.
  for (const transaction of [1000n, 1n]) {
    const change = (bytes: Buffer): void => {
      bytes.writeBigUInt64LE(transaction, PAGE_BYTES - newest(bytes) + TRANSACTION_AT)
    }
    expect(() => holesAfter(change)).toThrow(expect.objectContaining({ code: 'damaged' }) as Error)
  }
})

test('[RL58] a row that has another key is not taken for one that is not there', async () => {
  const folder = temporaryFolder()
  writeFileSync(joinPath(folder, 'relay.mdb'), whole)
  const rows = new Map<string, Buffer>()
  await tamper(folder, 'writers', (key, value) => void rows.set(key.toString('hex'), value))
  // In the page only, as a disk does it: the rows stay in order.
  const bytes = readFileSync(joinPath(folder, 'relay.mdb'))
  const [, second] = [...rows.keys()]
  const at = bytes.indexOf(Buffer.from(second!, 'hex'), rootOf(bytes, 'writers') * PAGE_BYTES)
  bytes[at + 19]! ^= 1
  writeFileSync(joinPath(folder, 'relay.mdb'), bytes)
  const storage = await openLmdbStorage(folder)
  await expect(storage.writers('two', [ann])).rejects.toMatchObject({ code: 'damaged' })
  await storage.close()
})
