import type { Log } from '@syncline/store'
import { expect, onTestFinished, test } from 'vitest'
import { connect } from '../src/connection.ts'
import { databaseName, FORMAT_VERSION } from '../src/format.ts'
import { deleteDatabase, indexedDb } from '../src/index.ts'
import { freshName, patient } from './names.ts'
import { openTab } from './tab.ts'

const IDENTITY = '000102030405060708090a0b0c0d0e0f'

/** A database of version 1, made as the code of version 1 made it, with entries of two spaces and a fence. */
async function makeVersion1(): Promise<string> {
  const name = freshName()
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open(databaseName(name), 1)
    request.onupgradeneeded = () => {
      const entries = request.result.createObjectStore('entries', { keyPath: 'position', autoIncrement: true })
      entries.createIndex('bySpace', ['space', 'position'], { unique: true })
      request.result.createObjectStore('fences')
      request.result.createObjectStore('meta').put(IDENTITY, 'identity')
    }
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error!)
  })
  await new Promise((resolve, reject) => {
    const transaction = database.transaction(['entries', 'fences'], 'readwrite')
    transaction.oncomplete = resolve
    transaction.onabort = () => reject(transaction.error!)
    const entries = transaction.objectStore('entries')
    for (let byte = 1; byte <= 600; byte++) {
      entries.add({ space: byte % 3 === 0 ? 'other' : 'space', entry: Uint8Array.of(byte >>> 8, byte & 255) })
    }
    for (const fence of [1, 2, 3]) transaction.objectStore('fences').add(true, ['space', fence])
  })
  database.close()
  onTestFinished(() => deleteDatabase(name))
  return name
}

async function numbersOf(log: Log): Promise<number[]> {
  const numbers: number[] = []
  await log.read(0, (entry) => numbers.push(entry[0]! * 256 + entry[1]!))
  return numbers
}

const all = Array.from({ length: 600 }, (_, i) => i + 1)
const ofSpace = all.filter((number) => number % 3 !== 0)
const ofOther = all.filter((number) => number % 3 === 0)

/** What is there, by no code of ours. */
async function look(name: string): Promise<{
  readonly version: number
  readonly stores: readonly string[]
  readonly entries: number
  readonly identity: unknown
}> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open(databaseName(name))
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error!)
  })
  const transaction = database.transaction(['entries', 'meta'])
  const counted = transaction.objectStore('entries').count()
  const identity = transaction.objectStore('meta').get('identity')
  await new Promise((resolve) => (transaction.oncomplete = resolve))
  database.close()
  return {
    version: database.version,
    stores: [...database.objectStoreNames],
    entries: counted.result,
    identity: identity.result,
  }
}

test('[ID15] a database of version 1 is opened with all it has: entries, fences, identity; and then has claims', async () => {
  const name = await makeVersion1()
  const log = await indexedDb(name).openLog('space')
  const other = await indexedDb(name).openLog('other')
  expect(await numbersOf(log)).toEqual(ofSpace)
  expect(await numbersOf(other)).toEqual(ofOther)
  await expect(log.append(Uint8Array.of(0, 0), { fence: 2 })).rejects.toMatchObject({ code: 'fenced' })
  expect(await log.takeFence()).toBe(4)
  expect(await other.takeFence()).toBe(1)
  expect(await log.append(Uint8Array.of(3, 0), { claim: 1 })).toBe(601)
  await expect(log.append(Uint8Array.of(3, 1), { claim: 1 })).rejects.toMatchObject({ code: 'claimed' })
  expect(await numbersOf(log)).toEqual([...ofSpace, 768])
  await log.close()
  await other.close()
  expect(await look(name)).toEqual({
    version: 4,
    stores: ['aside', 'claims', 'entries', 'fences', 'meta'],
    entries: 601,
    identity: IDENTITY,
  })
})

test('[ID15] an upgrade that breaks off leaves version 1 as it was, and the next one succeeds', async () => {
  const name = await makeVersion1()
  const { createIndex } = IDBObjectStore.prototype
  IDBObjectStore.prototype.createIndex = function () {
    this.transaction.abort()
    return undefined as never
  }
  const opening = indexedDb(name).openLog('space')
  await expect(opening).rejects.toMatchObject({ code: 'storage-failed' })
  IDBObjectStore.prototype.createIndex = createIndex
  const before = { version: 1, stores: ['entries', 'fences', 'meta'], entries: 600, identity: IDENTITY }
  expect(await look(name)).toEqual(before)
  const log = await indexedDb(name).openLog('space')
  expect(await numbersOf(log)).toEqual(ofSpace)
  await log.close()
})

test('[ID15] pages that end while they upgrade leave everything in place', async () => {
  const name = await makeVersion1()
  const rounds = 6
  for (let i = 0; i < rounds; i++) {
    const tab = await openTab()
    void tab
      .indexedDb(name)
      .openLog('space')
      .catch(() => undefined)
    // Further into the upgrade from round to round.
    for (let turns = 0; turns < i; turns++) await new Promise((resolve) => setTimeout(resolve))
    tab.kill()
  }
  const log = await indexedDb(name).openLog('space')
  expect(await numbersOf(log)).toEqual(ofSpace)
  await log.append(Uint8Array.of(3, 0), { claim: 1 })
  await log.close()
  expect(await look(name)).toMatchObject({ version: 4, entries: 601, identity: IDENTITY })
})

test('[ID7] code of version 1 lets go of a database that is upgraded, and is told that it is newer afterwards', async () => {
  const name = await makeVersion1()
  const old = connect(name, undefined, 1)
  await old.ready()
  const losses: Error[] = []
  old.onLost((error) => losses.push(error))
  const log = await indexedDb(name).openLog('space')
  await expect.poll(() => losses.length, patient).toBe(1)
  expect(losses[0]).toMatchObject({ code: 'storage-newer', message: expect.stringContaining('newer version') })
  await expect(connect(name, undefined, 1).ready()).rejects.toMatchObject({ code: 'storage-newer' })
  expect(await numbersOf(log)).toEqual(ofSpace)
  expect(FORMAT_VERSION).toBe(4)
  old.close()
  await log.close()
})

test('[ID16] of the claims of a space one record stays, however many there were', async () => {
  const name = freshName()
  const storage = indexedDb(name)
  const log = await storage.openLog('space')
  const other = await storage.openLog('other')
  for (let claim = 1; claim <= 100; claim++) await log.append(Uint8Array.of(0, claim), { claim })
  await other.append(Uint8Array.of(0, 0), { claim: 1 })
  const database = await new Promise<IDBDatabase>((resolve) => {
    const request = indexedDB.open(databaseName(name))
    request.onsuccess = () => resolve(request.result)
  })
  const claims = database.transaction('claims').objectStore('claims').getAll()
  await new Promise((resolve) => (claims.onsuccess = resolve))
  expect(claims.result).toEqual([
    { space: 'other', claim: 1 },
    { space: 'space', claim: 100 },
  ])
  database.close()
  await log.close()
  await other.close()
  await deleteDatabase(name)
})
