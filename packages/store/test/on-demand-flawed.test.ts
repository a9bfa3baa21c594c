import { collection, lww } from '@syncline/merge'
import { decodeEntry } from '@syncline/protocol'
import { expect, test } from 'vitest'
import { memoryStorage, StoreError, type Store } from '../src/index.ts'
import { smallLogs } from './small-logs.ts'
import { withLog } from './with-log.ts'
import { brittleStorage, createWorld, mortalTab, passing, settle } from './world.ts'

const title = lww('title', '')
const archive = collection('archive', { title: '' })

const titles = (store: Store): readonly unknown[] => [...store.items(archive)]

test.each([1, 2])(
  '[OD9] [ST36] a tab that knows the order otherwise than this device has it loads nothing of that, of %i Changes',
  async (grown) => {
    const world = await createWorld(3)
    const storage = memoryStorage()
    let isFull = false
    const tab = mortalTab(storage)
    const [wire, itsWire] = [world.wire(), world.wire()]
    const stray = await world.open({
      storage: brittleStorage(tab.storage, () => (isFull ? new StoreError('storage-full', 'No room.') : undefined)),
      transport: wire,
      onDemand: [archive],
    })
    const writer = await world.open({ transport: world.wire() })
    const keep = (store: Store, id: string): Promise<void> =>
      passing(world, store.transact((tx) => tx.create(archive.at(id), { title: id })).synced())
    for (const id of ['a', 'b']) await keep(writer, id)
    await world.clock.pass(1_000)
    const backup = world.batches
    isFull = true
    for (const id of ['c', 'd']) await keep(writer, id)
    await world.clock.pass(100)
    expect(stray.snapshot.basis.relaySeq).toBe(4)
    await writer.close()
    wire.cut()
    await world.restoreRelay(backup)
    const fresh = await world.open({ transport: world.wire() })
    await world.clock.pass(1_000)
    for (let i = 0; i < grown; i++) await keep(fresh, `other ${i}`)
    const other = await world.open({ storage, transport: itsWire, onDemand: [archive] })
    tab.freeze()
    await settle()
    isFull = false
    await world.clock.pass(60_000)
    const loaded = await passing(world, other.load(archive))
    expect(titles(other)).toEqual(titles(fresh))

    const refused = stray.load(archive).catch((error: unknown) => error)
    expect(await passing(world, refused)).toMatchObject({ code: 'load-failed' })
    expect(stray.isLoaded(archive)).toBe(false)
    loaded.release()
    await world.close()
  },
)

test.each(['the tab that runs the link', 'another tab'])(
  '[OD7] [OD9] [DM3] where the log has a gap by now, %s loads nothing until the relay has told again what was there',
  async (who) => {
    const world = await createWorld(1)
    const shared = memoryStorage()
    let isDamaged = false
    const storage = withLog(shared, (log) => ({
      read: (after, each, ...how) =>
        log.read(
          after,
          (bytes, position, claim) => {
            const entry = decodeEntry(bytes)
            if (!isDamaged || entry.kind !== 'ordered' || entry.first !== 3) return each(bytes, position, claim)
            isDamaged = false
            return each(bytes.slice(0, -1), position, claim)
          },
          ...how,
        ),
    }))
    const errors: unknown[] = []
    const elected = who === 'another tab' ? await world.open({ storage: shared, transport: world.wire() }) : undefined
    const onError = (error: unknown): void => void errors.push(error)
    const store = await world.open({ storage, onDemand: [archive], transport: world.wire(), onError })
    const other = await world.open({ transport: world.wire() })
    await world.clock.pass(1_000)
    for (let i = 0; i < 5; i++)
      await passing(world, other.transact((tx) => tx.create(archive.at(`a${i}`), { title: `old ${i}` })).synced())
    await world.clock.pass(1_000)
    expect(store.snapshot.basis.relaySeq).toBe(5)
    isDamaged = true
    const loading = store.load(archive)
    await settle()
    expect([isDamaged, store.isLoaded(archive)]).toEqual([false, false])
    await passing(world, loading)
    expect(titles(store)).toEqual(titles(other))
    expect(errors).toMatchObject([{ code: 'storage-damaged' }])
    await elected?.close()
    await world.close()
  },
)

test('[OD6] [OD7] what is not loaded, and found damaged when a tab compacts, is in no checkpoint before the relay has told it again', async () => {
  const world = await createWorld(1)
  const shared = memoryStorage()
  const filling = await world.open({ storage: smallLogs(shared, 1_000), onDemand: [archive], transport: world.wire() })
  const loaded = await filling.load(archive)
  for (let i = 0; i < 20; i++) {
    filling.transact((tx) => tx.create(archive.at(`a${i}`), { title: `old ${i}`.padEnd(200, '.') }))
    await passing(world, filling.synced())
    await world.clock.pass(1_000)
  }
  loaded.release()
  await filling.close()

  let isDamaged = true
  const storage = withLog(shared, (log) => ({
    worthBytes: 1_000,
    read: (after, each, ...how) =>
      log.read(
        after,
        (bytes, position, claim) => {
          // Nothing else has rows.
          const isFlawed = isDamaged && decodeEntry(bytes).kind === 'rows'
          return each(isFlawed ? bytes.slice(0, -1) : bytes, position, claim)
        },
        ...how,
      ),
    setAside(...how) {
      isDamaged = false
      return log.setAside(...how)
    },
  }))
  const errors: unknown[] = []
  const onError = (error: unknown): void => void errors.push(error)
  const store = await world.open({ storage, onDemand: [archive], transport: world.wire(), onError })
  expect(isDamaged).toBe(true)
  for (let i = 0; i < 60; i++) {
    store.transact((tx) => tx.set(title, `${i}`.padEnd(100, '.')))
    await passing(world, store.synced())
  }
  await world.clock.pass(60_000)
  expect([isDamaged, store.isLoaded(archive)]).toEqual([false, false])
  expect(errors).toMatchObject([{ code: 'storage-damaged' }])
  await store.close()
  const again = await world.open({ storage: shared })
  expect(titles(again).length).toBe(20)
  await again.close()
  await world.close()
})
