import { counter, lww } from '@syncline/merge'
import { createFrameReader, MAX_PACKET_BYTES, type Frame } from '@syncline/protocol'
import { expect, test } from 'vitest'
import { memoryStorage } from '../src/index.ts'
import { createWorld, settle, type Wire } from './world.ts'

const title = lww('title', '')
const votes = counter('votes')

const isLong = process.env['SYNCLINE_LONG'] !== undefined
const EDITS = isLong ? 10_000 : 500
const OTHERS = EDITS / 2
const MONTH_MS = 30 * 86_400_000

/** Cuts a wire behind each message with Changes that passes one way, soon after it, and mends it. */
function cutBehindEach(wire: Wire, way: 'up' | 'down') {
  const seen = { cuts: 0, carried: 0, again: 0, openedAt: [] as number[] }
  const known = new Set<string>()
  const newReader = () => createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })
  let readers = { up: newReader(), down: newReader() }
  let isEnding = false

  function note(direction: 'up' | 'down', frame: Frame): boolean {
    if (frame.type === 'open') seen.openedAt.push(frame.basis.relaySeq)
    if (frame.type !== 'changes' || direction !== way) return false
    for (const record of frame.records) {
      const bytes = Buffer.from(record).toString('latin1')
      if (known.has(bytes)) seen.again += 1
      known.add(bytes)
      seen.carried += 1
    }
    return true
  }

  wire.filter = (direction, message) => {
    if (isEnding) return false
    const frames = readers[direction].push(message)
    const isChunk = frames.map((frame) => note(direction, frame)).includes(true)
    // What has been acknowledged need not be sent again: the cut is after the answer.
    if (isChunk) {
      isEnding = true
      void end()
    }
    return true
  }

  async function end(): Promise<void> {
    for (let turn = 0; turn < (way === 'up' ? 6 : 2); turn++) await new Promise((resolve) => setImmediate(resolve))
    seen.cuts += 1
    wire.cut()
    readers = { up: newReader(), down: newReader() }
    isEnding = false
    wire.mend()
  }

  return seen
}

test(`[ST20] [ST13] after 30 days and ${EDITS} edits without a network all comes back in pieces, each sent once, though each is the last before a cut`, async () => {
  const world = await createWorld(78)
  const wire = world.wire()
  const storage = memoryStorage()
  const before = await world.open({ transport: wire, storage })
  const other = await world.open({ transport: world.wire() })
  // A device that nobody looks at for as long, and that misses what everybody does.
  const asleep = { transport: world.wire(), storage: memoryStorage() }
  const shut = await world.open(asleep)
  await other.transact((tx) => tx.set(title, 'before')).synced()
  await world.clock.pass(100)
  expect(shut.get(title)).toBe('before')
  await shut.close()
  wire.cut()
  const words = (i: number): string =>
    Array.from({ length: isLong ? 12 : 60 }, (_, k) => i * 7919 + k * 104_729).join('-')
  for (let i = 0; i < EDITS; i++) {
    before.transact((tx) => {
      tx.add(votes, 1)
      tx.set(lww(`page${i % 500}`, ''), words(i))
    })
    if (i % (EDITS / 10) === 0) await world.clock.pass(MONTH_MS / 10)
  }
  for (let i = 0; i < OTHERS; i++) {
    other.transact((tx) => tx.set(title, words(i)))
    if (i % 200 === 0) await world.clock.pass(10)
  }
  await world.clock.pass(1_000)
  await before.close()

  const store = await world.open({ transport: wire, storage })
  await settle()
  expect(store.status.pending).toBe(EDITS)
  const up = cutBehindEach(wire, 'up')
  wire.mend()
  for (let turn = 0; turn < 60 && store.status.pending > 0; turn++) await world.clock.pass(31_000)
  expect(store.status.pending).toBe(0)
  expect(up).toMatchObject({ carried: EDITS, again: 0 })
  expect(up.cuts).toBeGreaterThan(isLong ? 4 : 1)
  // Whoever comes back asks for what is behind what they have, further each time.
  expect(up.openedAt.length).toBeGreaterThan(up.cuts)
  expect([...up.openedAt].sort((a, b) => a - b)).toEqual(up.openedAt)

  wire.filter = undefined
  await world.clock.pass(60_000)
  expect([store.get(votes), other.get(votes)]).toEqual([EDITS, EDITS])
  expect(store.get(title)).toBe(other.get(title))

  asleep.transport.cut()
  const woken = await world.open(asleep)
  await settle()
  expect([woken.get(votes), woken.get(title)]).toEqual([0, 'before'])
  const down = cutBehindEach(asleep.transport, 'down')
  asleep.transport.mend()
  for (let turn = 0; turn < 60 && woken.status.link !== 'online'; turn++) await world.clock.pass(31_000)
  expect([woken.get(votes), woken.get(title), woken.status.link]).toEqual([EDITS, other.get(title), 'online'])
  expect(down).toMatchObject({ carried: EDITS + OTHERS, again: 0 })
  expect(down.cuts).toBeGreaterThan(isLong ? 4 : 1)
  // From where it stands each time, as each piece is stored before the next one comes.
  expect(new Set(down.openedAt).size).toBeGreaterThan(down.cuts - 1)
  expect([...down.openedAt].sort((a, b) => a - b)).toEqual(down.openedAt)
  await world.close()
})
