import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { lww } from '@syncline/merge'
import { decodeEntry, entriesIn } from '@syncline/protocol'
import { createMemoryStorage, createRelay } from '@syncline/relay'
import { memoryStorage, openStore, type Log, type Storage, type Store } from '@syncline/store'
import { expect, test, vi } from 'vitest'
import { doc, openText, startGeneration, text } from '../src/index.ts'
import { linkTo } from './link.ts'

/**
 * What a log with texts and docs is like stands in golden/log-<number>.json, each written once by the code of its time:
 *   SYNCLINE_GOLDEN=write npx vitest run --project node packages/yjs/test/golden.test.ts
 * writes one more, of what `work` leaves. Whoever changes how a text or a doc is kept does that before, and what stands there stays.
 */
interface Golden {
  readonly shown: Shown
  /** What it shows when the newest step is taken back. */
  readonly undone: Shown
  readonly entries: readonly string[]
}

const note = text('note')
const plan = text('plan')
const page = doc('page')
const title = lww('title', '')

type Shown = ReturnType<typeof shownBy>

const shownBy = (store: Store) => ({
  note: store.get(note),
  plan: store.get(plan),
  page: store.get(page),
  title: store.get(title),
  pending: store.status.pending,
})

const SPACE = 'notes'

/** Writes as people do, with a relay and without: in editors and by transactions, with a new generation, and before a checkpoint and after it. */
async function work(): Promise<Golden> {
  const storage = memoryStorage()
  const relay = createRelay({ storage: createMemoryStorage() })
  const other = await openStore({ space: SPACE, transport: linkTo(relay) })
  const first = await openStore({ space: SPACE, storage, transport: linkTo(relay) })
  await other.transact((tx) => (tx.insert(note, 0, 'Written elsewhere. '), tx.set(title, 'Notes'))).synced()
  await vi.waitFor(() => expect(first.get(note)).not.toBe(''))
  const opened = openText(first, note)
  for (const char of 'Typed here.') {
    opened.text.insert(opened.text.length, `${char}-`)
    await Promise.resolve()
  }
  // What is erased in the middle makes a text of many parts, which a new generation is worth for.
  while (opened.text.toString().includes('-')) {
    opened.text.delete(opened.text.toString().indexOf('-'), 1)
    await Promise.resolve()
  }
  first.transact((tx) => tx.edit(page, ({ text: body, map }) => (body.insert(0, 'A page'), map.set('isOpen', true))))
  first.transact((tx) => tx.insert(plan, 0, 'one two three \u{1F5D2}'))
  first.transact((tx) => tx.remove(plan, 4, 4))
  await first.synced()
  startGeneration(first, note)
  await first.synced()
  opened.close()
  await first.close()
  await other.close()
  await relay.close()

  const second = await openStore({ space: SPACE, storage: smallLogs(storage) })
  await vi.waitFor(async () => expect((await entriesOf(storage))[0]![1]).toBe(CELLS))
  second.transact((tx) => tx.insert(plan, 0, 'zero '))
  second.transact((tx) => tx.edit(page, ({ text: body }) => body.insert(6, ', pending')))
  await second.transact((tx) => tx.remove(note, 0, 8)).durable()
  const shown = shownBy(second)
  const entries = await entriesOf(storage)
  await second.close()
  const again = await openStore({ space: SPACE, storage })
  expect(shownBy(again)).toEqual(shown)
  again.undo()
  const undone = shownBy(again)
  await again.close()
  return { shown, undone, entries: entries.map((entry) => Buffer.from(entry).toString('base64')) }
}

/** The kind of an entry of a checkpoint in which cells are. */
const CELLS = 9

/** A storage whose logs become checkpoints as soon as that makes them smaller. */
function smallLogs(storage: Storage): Storage {
  return { ...storage, openLog: async (space): Promise<Log> => ({ ...(await storage.openLog(space)), worthBytes: 1 }) }
}

async function entriesOf(storage: Storage): Promise<readonly Uint8Array[]> {
  const log = await storage.openLog(SPACE)
  const entries: Uint8Array[] = []
  await log.read(0, (entry) => void entries.push(entry))
  await log.close()
  return entries
}

async function storageOf({ entries }: Golden): Promise<Storage> {
  const storage = memoryStorage()
  const log = await storage.openLog(SPACE)
  for (const entry of entries) await log.append(bytesOf(entry))
  await log.close()
  return storage
}

const bytesOf = (entry: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(entry, 'base64'))

const fileOf = (number: number): URL => new URL(`./golden/log-${number}.json`, import.meta.url)

function goldenFiles(): readonly URL[] {
  const found: URL[] = []
  while (existsSync(fileOf(found.length + 1))) found.push(fileOf(found.length + 1))
  return found
}

if (process.env['SYNCLINE_GOLDEN'] === 'write') {
  writeFileSync(fileOf(goldenFiles().length + 1), `${JSON.stringify(await work(), null, 1)}\n`)
}

// They were written by this file.
const golden = goldenFiles().map((file) => JSON.parse(readFileSync(file, 'utf8')) as Golden)

test('[TE39] there is a log with texts and docs: in cells, as Changes, and as what one can take back', () => {
  expect(golden.length).toBeGreaterThan(0)
  for (const { shown, undone, entries } of golden) {
    const kinds = entries.flatMap((entry) => entriesIn(decodeEntry(bytesOf(entry)))).map(({ kind }) => kind)
    expect(kinds).toEqual(expect.arrayContaining(['cells', 'commits']))
    expect(shown.pending).toBeGreaterThan(0)
    expect(undone.note.length).toBeGreaterThan(shown.note.length)
  }
})

test.each(golden.map((each, i) => [i + 1, each] as const))(
  '[TE39] log %i, which the code of its time has left, opens with all it has, and goes on',
  async (_, found) => {
    const errors: unknown[] = []
    const onError = (error: unknown): void => void errors.push(error)
    const storage = await storageOf(found)
    const store = await openStore({ space: SPACE, storage, onError })
    expect(shownBy(store)).toEqual(found.shown)
    const opened = openText(store, note)
    expect(opened.text.toString()).toBe(found.shown.note)
    opened.close()
    store.undo()
    expect(shownBy(store)).toEqual(found.undone)
    await store.close()
    // What was done to it is in the log behind what was there.
    const again = await openStore({ space: SPACE, storage, onError })
    expect(shownBy(again)).toEqual(found.undone)
    await again.close()
    expect(errors).toEqual([])
  },
)
