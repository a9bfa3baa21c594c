import { lww } from '@syncline/merge'
import { decodeEntry, encodeEntry, encodeValue, type KeptNote, type OlderNote, type Rest } from '@syncline/protocol'
import { expect, test } from 'vitest'
import { memoryStorage, type Storage, type Store } from '../src/index.ts'
import { encodeNote, readNote } from '../src/undo-note.ts'
import { recordsIn } from './records-asleep.ts'
import { smallLogs } from './small-logs.ts'
import { withLog } from './with-log.ts'
import { createWorld, passing, type World } from './world.ts'

const title = lww('title', '')
const steps = 20

/** A disk whose log has become a checkpoint, of a store with twenty steps of which the last two were taken back. */
async function compactedDisk(world: World, isLinked: boolean): Promise<Storage> {
  const disk = memoryStorage()
  const store = await world.open({ storage: smallLogs(disk, 400), ...(isLinked && { transport: world.wire() }) })
  for (let i = 1; i <= steps; i++) {
    store.transact((tx) => tx.set(title, `title ${i}`.padEnd(90, '.')))
    await store.durable()
  }
  store.undo()
  store.undo()
  if (isLinked) await passing(world, store.synced())
  await store.durable()
  for (let i = 0; i < 20; i++) await world.clock.pass(500)
  await store.close()
  expect((await restsIn(disk)).map(([kind]) => kind)).toContain('undoable')
  return disk
}

async function restsIn(disk: Storage): Promise<readonly Rest[]> {
  const log = await disk.openLog('board')
  const rests: Rest[] = []
  await log.read(0, (bytes) => {
    const entry = decodeEntry(bytes)
    if (entry.kind === 'rest') rests.push(entry.rest)
  })
  await log.close()
  return rests
}

/** The disk, read as if parts of its checkpoint said something else. */
function altered(disk: Storage, alter: (rest: Rest) => Rest): Storage {
  return withLog(disk, (log) => ({
    read(after, each, bad, ...more) {
      const heard: typeof each = (bytes, ...where) => {
        const entry = decodeEntry(bytes)
        return each(entry.kind === 'rest' ? encodeEntry({ ...entry, rest: alter(entry.rest) }) : bytes, ...where)
      }
      return log.read(after, heard, bad, ...more)
    },
  }))
}

const withBodies = (bodyOf: (note: KeptNote, i: number) => Uint8Array) => (rest: Rest) =>
  rest[0] !== 'undoable' ? rest : withNotes(rest[1].map((note, i) => [...note.slice(0, 5), bodyOf(note, i)] as never))

const withNotes = (notes: readonly KeptNote[]): Rest => ['undoable', notes]

const numberIn = (store: Store): number => Number(/\d+/.exec(store.get(title))?.[0] ?? 0)

for (const isLinked of [false, true]) {
  const kind = isLinked ? 'acknowledged' : 'counted'

  test(`[CP6] of steps in a checkpoint nothing is read before one is taken, and one that is damaged is gone (${kind})`, async () => {
    const world = await createWorld(1)
    const disk = await compactedDisk(world, isLinked)
    const errors: unknown[] = []
    // What makes no value; a value that is none of these; one of more operations than there were.
    const nonsense = [new Uint8Array([99]), encodeValue(null), encodeValue([[], [], []])]
    // Of the steps that are left 18 and 17 are damaged, and 16 is not; and the undos of 20 and 19 are.
    const isDamaged = ([, seq]: KeptNote): boolean => seq > 16
    const storage = altered(
      disk,
      withBodies((note, i) => (isDamaged(note) ? nonsense[i % 3]! : note[5])),
    )
    const store = await world.open({ storage, onError: (error: unknown) => void errors.push(error) })
    expect(numberIn(store)).toBe(18)
    expect([store.undoStack().undoable, store.undoStack().redoable]).toEqual([true, true])
    expect([errors, store.status.storage]).toEqual([[], 'ok'])

    expect(store.undo()).toMatchObject({ change: undefined, superseded: [], irreversible: [] })
    expect(errors).toMatchObject([{ code: 'storage-damaged' }])
    expect(store.status).toMatchObject({ storage: 'damaged', storageError: { code: 'storage-damaged' } })
    expect(numberIn(store)).toBe(18)
    store.undo()
    expect([errors.length, numberIn(store)]).toEqual([2, 18])
    // The next one is whole, but its value does not stand any more: what the damaged ones did stays.
    const last = store.undo()
    expect(last.superseded).toMatchObject([{ address: 'title' }])
    expect(store.undoStack().undoable).toBe(true)
    // It works on.
    store.transact((tx) => tx.set(title, 'mine'))
    store.undo()
    expect(numberIn(store)).toBe(18)
    await world.close()
  })

  test(`[CP6] steps in a checkpoint of an older version can be taken back, and stay so (${kind})`, async () => {
    const world = await createWorld(2)
    const disk = await compactedDisk(world, isLinked)
    const storage = altered(disk, older)
    const store = await world.open({ storage: smallLogs(storage, 400) })
    store.get(title)
    store.redo()
    store.redo()
    expect(numberIn(store)).toBe(20)
    for (let i = 0; i < 10; i++) store.undo()
    expect(numberIn(store)).toBe(10)
    for (let i = 0; i < 20; i++) {
      store.transact((tx) => tx.set(title, `again ${i}`.padEnd(90, '.')))
      await store.durable()
    }
    for (let i = 0; i < 20; i++) await world.clock.pass(500)
    await store.close()
    const kinds = (await restsIn(disk)).map(([one]) => one)
    expect([kinds.includes('undoable'), kinds.includes('notes')]).toEqual([true, false])
    const again = await world.open({ storage: disk })
    again.get(title)
    for (let i = 0; i < 25; i++) again.undo()
    expect(numberIn(again)).toBe(5)
    await world.close()
  })
}

/** A part of a checkpoint as it was written before it had anything that is read later. */
function older(rest: Rest): Rest {
  if (rest[0] === 'asleep') {
    const records = recordsIn(rest[1])
    return ['asleep', [records.length, encodeValue(records)]]
  }
  if (rest[0] !== 'undoable') return rest
  const notes = rest[1].map((kept): OlderNote => {
    const note = readNote(kept, (error) => expect.unreachable(error.message))!
    const refs = note.inverses().map(({ tag, address, arbiter }) => [tag, address, arbiter] as const)
    return [kept[0], kept[1], kept[2], kept[3], refs, encodeNote(note)]
  })
  return ['notes', notes]
}
