import { deepEqual, ok } from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join as joinPath } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { verifyData } from '../src/care/index.ts'
import { RelayError, type LogStorage, type RelayLog, type SpaceState, type WriterState } from '../src/index.ts'
import { openLmdbStorage } from '../src/lmdb.ts'
import { silentLog } from '../src/system.ts'
import { temporaryFolder } from './folder.ts'
import { join, run, told, until, world, writerId } from './kit.ts'

const ROUNDS = process.env.SYNCLINE_LONG === '1' ? 600 : 30

const PAGE_BYTES = 4096

const spaces = Array.from({ length: 8 }, (_, i) => `space ${i}`)
const writers = Array.from({ length: 60 }, (_, i) => writerId(i + 1))
const clients = Array.from({ length: 60 }, (_, i) => i + 1)

/** All that a storage says of a space. */
interface Contents {
  readonly state: SpaceState
  readonly records: readonly string[]
  readonly writers: ReadonlyMap<string, WriterState>
  readonly documents: ReadonlyMap<number, string>
}

let original: string
/** The file as it was in the middle of that. */
let older: Buffer
const whole = new Map<string, Contents>()

beforeAll(async () => {
  original = temporaryFolder()
  for (let life = 0; life < 2; life++) {
    const storage = await openLmdbStorage(original)
    const { relay } = world({ storage })
    const a = await join(relay, 'nothing')
    const counts = spaces.map(() => 0)
    const isTold = (): boolean => counts.every((count, i) => told(a, 0, 10 + i).length === count)
    for (const [i, space] of spaces.entries()) {
      a.open(space, { channel: 10 + i })
      if (life === 1)
        await until(() => (counts[i] = told(a, 0, 10 + i).length) > 0 && a.all('basis').at(-1)!.head === counts[i])
    }
    for (let w = life; w < writers.length; w += 2) {
      for (const [i] of spaces.entries()) {
        const many = w % 10 === i ? 30 : 1 + (w % 3)
        const payload = 'x'.repeat(w === 20 + i ? 9000 : 40)
        a.send(run(writers[w]!, 1, many, { documents: [w + 1], payload }), 10 + i)
        counts[i]! += many
      }
      await until(isTold)
    }
    await relay.close()
    await storage.close()
    if (life === 0) older = readFileSync(joinPath(original, 'relay.mdb'))
  }
  const storage = await openLmdbStorage(original)
  for (const space of spaces) whole.set(space, await contentsOf(storage, space))
  await storage.close()
})

async function contentsOf(storage: LogStorage, space: string): Promise<Contents> {
  const state = (await storage.space(space))!
  return {
    state,
    records: await recordsOf(storage, space, state.head),
    writers: await storage.writers(space, writers),
    documents: await storage.documents(space, clients),
  }
}

async function recordsOf(storage: LogStorage, space: string, head: number): Promise<readonly string[]> {
  const records: string[] = []
  while (records.length < head) {
    const read = await storage.read(space, records.length, head, 20_000)
    records.push(...read.map((bytes) => Buffer.from(bytes).toString('latin1')))
  }
  return records
}

/** A chance that is the same in every run. */
function chanceOf(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b_3c6d) + 0x9e37_79b9) >>> 0
    const mixed = Math.imul(state ^ (state >>> 12), 0x297a_2d39) >>> 0
    return Math.floor((mixed / 2 ** 32) * below)
  }
}

const kinds: Readonly<Record<string, (bytes: Buffer, chance: (below: number) => number) => Buffer>> = {
  cut: (bytes, chance) => bytes.subarray(0, chance(bytes.length)),
  'bit flip': (bytes, chance) => {
    bytes[chance(bytes.length)]! ^= 1 << chance(8)
    return bytes
  },
  // A disk forgets whole sectors, eight to a page.
  'zeroed block': (bytes, chance) => {
    const at = 512 * chance(bytes.length / 512)
    return bytes.fill(0, at, at + 512 * (1 + chance(16)))
  },
}

/** What becomes of a call: what it gives, or that it says that something is damaged. Anything else fails the test. */
async function toldOf<T>(call: Promise<T>): Promise<T | 'damaged'> {
  return call.catch((error: unknown) => {
    if (error instanceof RelayError && error.code === 'damaged') return 'damaged' as const
    throw error
  })
}

/** Whether a storage says of a space all that it was told, and in parts, or else that it cannot: never less, and nothing else. */
async function isWhole(storage: LogStorage, space: string): Promise<boolean> {
  const expected = whole.get(space)!
  const state = await toldOf(storage.space(space))
  if (state === 'damaged') return false
  deepEqual(state, expected.state)
  const { head } = expected.state
  let after = 0
  while (after < head) {
    const read = await toldOf(storage.read(space, after, head, 20_000))
    if (read === 'damaged') break
    const words = read.map((bytes) => Buffer.from(bytes).toString('latin1'))
    deepEqual(words, expected.records.slice(after, after + words.length))
    after += words.length
  }
  const kept = await toldOf(storage.writers(space, writers))
  if (kept !== 'damaged') deepEqual(kept, expected.writers)
  const owners = await toldOf(storage.documents(space, clients))
  if (owners !== 'damaged') deepEqual(owners, expected.documents)
  return after === head && kept !== 'damaged' && owners !== 'damaged'
}

/** Adds a Change to each of some spaces, as a run of a relay does that comes after. */
async function goOn(storage: LogStorage, some: readonly string[]): Promise<void> {
  const epoch = 'f'.repeat(32)
  const records = [Buffer.from('one more')]
  await storage.append(
    some.map((space) => {
      const { stretches, head } = whole.get(space)!.state
      const follows = stretches.at(-1)!.epoch
      return { space, epoch, follows, first: head + 1, records, latestAt: 0, writers: new Map(), documents: new Map() }
    }),
  )
}

/** What became of many rounds. */
interface Tally {
  refused: number
  mended: number
  spacesServed: number
  spacesTold: number
}

/** Damages a copy of the data, and looks at what a storage makes of it. Throws when it says less than it was told, or something else, and not that it is damaged. */
async function suffer(
  damage: (bytes: Buffer, chance: (below: number) => number) => Buffer,
  round: number,
  tally: Tally,
): Promise<void> {
  const folder = temporaryFolder()
  const path = joinPath(folder, 'relay.mdb')
  writeFileSync(path, damage(readFileSync(joinPath(original, 'relay.mdb')), chanceOf(round)))
  const report = await toldOf(verifyData(folder))
  const isFound = report === 'damaged' || report.findings.length > 0
  const errors: string[] = []
  const log: RelayLog = { ...silentLog, error: (_, message) => void errors.push(message) }
  const storage = await toldOf(openLmdbStorage(folder, log))
  if (storage === 'damaged') {
    ok(isFound)
    tally.refused += 1
    return
  }
  const served: string[] = []
  for (const space of spaces) if (await isWhole(storage, space)) served.push(space)
  ok(isFound || served.length === spaces.length)
  const isMended = existsSync(`${path}.damaged`)
  deepEqual(errors.length > 0, isMended)
  // Others go on, and what was told stays told.
  await goOn(storage, served)
  await storage.close()
  const again = await openLmdbStorage(folder)
  for (const space of spaces) {
    const { state, records } = whole.get(space)!
    if (!served.includes(space)) {
      ok(!(await isWhole(again, space)))
      continue
    }
    deepEqual((await again.space(space))!.head, state.head + 1)
    deepEqual((await recordsOf(again, space, state.head + 1)).slice(0, state.head), records)
  }
  await again.close()
  ok(served.length === spaces.length || (await verifyData(folder)).findings.length > 0)
  tally.mended += Number(isMended)
  tally.spacesServed += served.length
  tally.spacesTold += spaces.length - served.length
}

/** The seed of a round that fails is in the name of its error. */
async function sufferOften(kind: keyof typeof kinds): Promise<Tally> {
  const tally = { refused: 0, mended: 0, spacesServed: 0, spacesTold: 0 }
  for (let round = 1; round <= ROUNDS; round++) {
    try {
      await suffer(kinds[kind]!, round, tally)
    } catch (error) {
      throw new Error(`Round ${round} of ${kind}: ${String(error)}`, { cause: error })
    }
  }
  return tally
}

// It has to have hit what matters, and mostly little of it.
for (const kind of ['bit flip', 'zeroed block']) {
  test(`[RL34] [RL58] whatever a ${kind} hits, nothing is silently wrong, and what is whole is served`, async () => {
    const { refused, mended, spacesServed, spacesTold } = await sufferOften(kind)
    expect(mended).toBeGreaterThan(0)
    expect(spacesTold).toBeGreaterThan(0)
    expect(refused).toBeLessThanOrEqual(ROUNDS / 10)
    expect(spacesServed).toBeGreaterThanOrEqual(4 * spacesTold)
  }, 600_000)
}

test('[RL34] [RL58] wherever the file is cut, nothing is silently wrong, and what is whole is served', async () => {
  const { refused, mended, spacesServed, spacesTold } = await sufferOften('cut')
  // What ends with free pages may lose some of them.
  expect(refused + mended).toBeGreaterThanOrEqual(0.9 * ROUNDS)
  expect(spacesTold).toBeGreaterThan(0)
  expect(spacesServed).toBeGreaterThan(0)
}, 600_000)

test('[RL55] a page that the disk has never written, so that an older one stands there, is found', async () => {
  const bytes = readFileSync(joinPath(original, 'relay.mdb'))
  let found = 0
  const step = PAGE_BYTES * (process.env.SYNCLINE_LONG === '1' ? 1 : 3)
  for (let at = 2 * PAGE_BYTES; at + PAGE_BYTES <= older.length; at += step) {
    const page = older.subarray(at, at + PAGE_BYTES)
    if (page.equals(bytes.subarray(at, at + PAGE_BYTES))) continue
    const folder = temporaryFolder()
    const changed = Buffer.from(bytes)
    changed.set(page, at)
    writeFileSync(joinPath(folder, 'relay.mdb'), changed)
    const report = await toldOf(verifyData(folder))
    if (report === 'damaged' || report.findings.length > 0) found += 1
    else {
      const storage = await openLmdbStorage(folder)
      for (const space of spaces) ok(await isWhole(storage, space), `the page at ${at}`)
      await storage.close()
    }
    rmSync(folder, { recursive: true })
  }
  expect(found).toBeGreaterThan(10)
}, 600_000)
