// Reproductions of a review. Each fails on what it describes.
import { counter, lww } from '@syncline/merge'
import { expect, test } from 'vitest'
import { openText, text, yjsPresence } from '../../yjs/src/index.ts'
import { memoryStorage, openStore, StoreError, type Storage } from '../src/index.ts'
import { createWorld, settle, virtualClock } from './world.ts'

const a = counter('a'), b = counter('b')
const bad = lww('bad', ''), note = text('note'), other = text('other'), word = lww('word', '')
const noBad = { refuse: (h: any) => h.touched.some((t: any) => t.address === 'bad') ? { code: 'forbidden', message: 'no' } : undefined }

test('B1 meta that cannot be encoded is refused in transact', async () => {
  const w = await createWorld(1)
  const s = await w.open({ onError: () => undefined })
  try { s.transact((tx) => tx.add(a, 1), { meta: { when: new Date() } as never }) } catch { /* the wanted typed error */ }
  const later = s.transact((tx) => tx.add(b, 1))
  await settle()
  await expect(later.durable()).resolves.toBeUndefined()
})
test('B1b meta counts for the size', async () => {
  const s = await (await createWorld(1)).open({ onError: () => undefined })
  let error: any
  try { s.transact((tx) => tx.add(a, 1), { meta: 'x'.repeat(17 << 20) }) } catch (e) { error = e }
  expect(error?.code).toBe('change-too-large')
})
test('B1c a direct edit that is too large does not stop everything else', async () => {
  const w = await createWorld(1)
  const s = await w.open({ onError: () => undefined })
  openText(s, note).text.insert(0, 'x'.repeat(17 << 20))
  await settle()
  const later = s.transact((tx) => tx.add(b, 1))
  await settle()
  await expect(later.durable()).resolves.toBeUndefined()
})
test('B2 what was synced is shown', async () => {
  const w = await createWorld(1, noBad)
  const storage = memoryStorage(), wire = w.wire()
  const quiet = { onError: () => undefined }
  const t2 = await w.open({ storage, transport: wire, ...quiet })
  const t1 = await w.open({ storage, transport: wire, ...quiet })
  await w.clock.pass(1000); wire.cut(); await w.clock.pass(100)
  t1.transact((tx) => { tx.set(bad, 'x'); tx.insert(other, 0, 'SECRET') }); await w.clock.pass(10)
  t2.transact((tx) => tx.insert(note, 0, 'hello ')); await w.clock.pass(10)
  const receipt = t1.transact((tx) => tx.insert(note, 6, 'world ')); await w.clock.pass(10)
  t1.transact((tx) => { tx.insert(other, 0, '!'); tx.insert(note, 0, 'X') }); await w.clock.pass(10)
  const told = receipt.synced().then(() => 'synced', (e) => e.code)
  wire.mend(); await w.clock.pass(60_000)
  const fresh = await w.open({ transport: w.wire(), ...quiet }); await w.clock.pass(1000)
  if ((await told) === 'synced') expect(fresh.get(note)).toContain('world ')
})
test('B3 a refusal is settled once', async () => {
  const w = await createWorld(1, noBad)
  const base = memoryStorage()
  const waiting: (() => void)[] = []
  let gated = false
  const slow: Storage = { ...base, async openLog(n) { const log = await base.openLog(n); return { ...log, async append(e, o) { if (gated) await new Promise<void>((r) => waiting.push(r)); return log.append(e, o) } } } }
  const s1 = await w.open({ storage: base, transport: w.wire() })
  const s2 = await w.open({ storage: slow, transport: w.wire() })
  await w.clock.pass(1000)
  s2.transact((tx) => tx.set(bad, 'x')); s2.transact((tx) => tx.add(a, 1))
  await Promise.resolve(); gated = true; await Promise.resolve()
  s2.transact((tx) => tx.add(b, 1)) // its append is slow
  await w.clock.pass(1000)          // refused: s2 settles and lets its writer's lock go; its `ended` waits behind
  waiting.shift()!()                // s1 hears of b, finds the lock free, and settles too
  await w.clock.pass(1000)
  gated = false; for (const go of waiting.splice(0)) go()
  await w.clock.pass(60_000)
  expect([s1.status.pending, s2.status.pending, s2.status.saved]).toEqual([0, 0, 'relay'])
})
test('B4 a sibling tab that was reloaded is no ghost', async () => {
  const w = await createWorld(1)
  const base = memoryStorage()
  const s1 = await w.open({ storage: base, transport: w.wire(), presence: yjsPresence() })
  for (let i = 0; i < 3; i++) {
    const held: (() => void)[] = []; let dead = false
    const storage: Storage = { openLog: base.openLog, locks: { async tryHold(n) { const l = await base.locks!.tryHold(n); if (l) held.push(l.release); return l }, hold: () => new Promise(() => undefined) },
      channels: { open: (n, f) => { const c = base.channels!.open(n, (m) => dead || f(m)); return { post: (m) => dead || c.post(m), close: c.close } as never } } }
    await openStore({ space: 'board', storage, presence: yjsPresence(), chance: w.chance, clock: virtualClock() })
    await w.clock.pass(100)
    dead = true; for (const f of held) f()
  }
  await w.clock.pass(100_000)
  const newcomer = await w.open({ transport: w.wire(), presence: yjsPresence() })
  await w.clock.pass(1000)
  expect([s1.presence.peers().size, newcomer.presence.peers().size]).toEqual([2, 2])
})
test('B5 a channel that failed with storage-failed is tried again', async () => {
  const w = await createWorld(1)
  const s1 = await w.open({ transport: w.wire() })
  s1.transact((tx) => tx.add(a, 1)); await w.clock.pass(1000)
  const read = w.disk.read.bind(w.disk); let fails = true
  ;(w.disk as any).read = async (...x: any[]) => { if (fails) throw new Error('EIO'); return (read as any)(...x) }
  const s2 = await w.open({ transport: w.wire() })
  await w.clock.pass(1000); fails = false; await w.clock.pass(600_000)
  expect([s2.status.link, s2.get(a)]).toEqual(['online', 1])
})
test('B6 a clock that jumps ahead while online is mended', async () => {
  const w = await createWorld(1); let off = 0
  const s = await w.open({ transport: w.wire(), clock: { ...w.clock, nowMs: () => w.clock.nowMs() + off } })
  await w.clock.pass(1000); off = 86_400_000
  s.transact((tx) => tx.set(word, 'mine')); await w.clock.pass(60_000)
  expect([s.get(word), s.status.refused]).toEqual(['mine', 0])
})
test('B7 a damaged entry of a sibling is not passed over', async () => {
  const w = await createWorld(1); const storage = memoryStorage(); const errors: unknown[] = []
  const s = await w.open({ storage, onError: (e) => errors.push(e) })
  await (await storage.openLog('board')).append(new Uint8Array([1, 2, 3, 4, 5]))
  s.transact((tx) => tx.add(a, 1)); await settle(); s.transact((tx) => tx.add(a, 1)); await settle()
  expect([s.status.storageError?.code, errors.length > 0]).not.toEqual([undefined, false])
})
test('B8 an opening that fails lets go of everything', async () => {
  const base = memoryStorage(); let reads = 0; const open = { logs: 0, channels: 0, locks: 0 }
  const storage: Storage = {
    async openLog(n) { const log = await base.openLog(n); open.logs++; return { ...log, async read(x, e) { if (++reads === 2) throw new StoreError('storage-failed', 'io'); return log.read(x, e) }, async close() { open.logs--; await log.close() } } },
    locks: { async tryHold(n) { const l = await base.locks!.tryHold(n); if (!l) return l; open.locks++; return { ...l, release() { open.locks--; l.release() } } }, hold: base.locks!.hold },
    channels: { open(n, f) { open.channels++; const c = base.channels!.open(n, f); return { ...c, close() { open.channels--; c.close() } } } },
  }
  await expect(openStore({ space: 'x', storage })).rejects.toThrow('io')
  expect(open).toEqual({ logs: 0, channels: 0, locks: 0 })
})
test('B9 without storage durable() does not say yes', async () => {
  const s = await openStore({ space: 'x', storage: { openLog: async () => { throw new StoreError('storage-failed', 'no') } } })
  await expect(s.transact((tx) => tx.add(a, 1)).durable()).rejects.toMatchObject({ code: 'storage-failed' })
})
test('B10 150,000 writes in one transaction give a typed answer', async () => {
  const s = await openStore({ space: 'x' })
  let error: any
  try { s.transact((tx) => { for (let i = 0; i < 150_000; i++) tx.add(counter(`k${i}`), 1) }) } catch (e) { error = e }
  expect(error?.name).not.toBe('RangeError')
})
test('B11 names of spaces that the relay will not take are refused at once', async () => {
  await expect(openStore({ space: 'x\u2028y' })).rejects.toThrow()
})
test('B12 one bad space does not cut the others of the connection', async () => {
  const w = await createWorld(1); const wire = w.wire()
  await w.open({ space: 'x', transport: wire }); const y = await w.open({ space: 'y', transport: wire })
  const writer = await w.open({ space: 'x', transport: w.wire() })
  await w.clock.pass(1000); let drops = 0, before = y.status.link
  y.onStatus(({ link }) => { if (link === 'waiting' && before !== link) drops++; before = link })
  wire.onTraffic = (way, m) => { const i = way === 'down' ? Buffer.from(m).indexOf('POISON') : -1; if (i >= 0) m[i]! ^= 1 }
  writer.transact((tx) => tx.set(word, 'POISON')); await w.clock.pass(120_000)
  expect(drops).toBeLessThan(2)
})
test('B13 close() tells what could not be saved', async () => {
  const base = memoryStorage(); const w = await createWorld(1)
  const s = await w.open({ storage: { ...base, async openLog(n) { return { ...(await base.openLog(n)), append: async () => { throw new Error('quota') } } } }, onError: () => undefined })
  s.transact((tx) => tx.add(a, 1))
  await expect(s.close()).rejects.toThrow()
})
test('B14 without locks a second store on the same space and transport gets its turn', async () => {
  const w = await createWorld(1); const wire = w.wire()
  const s1 = await w.open({ transport: wire }); await w.clock.pass(1000)
  const s2 = await w.open({ transport: wire }); await w.clock.pass(1000)
  await s1.close(); await w.clock.pass(120_000)
  expect(s2.status.link).toBe('online')
})
test('B15 a tab whose storage fails, and that does not run the link, gets its work to the relay', async () => {
  const w = await createWorld(1); const base = memoryStorage(); let fails = false
  await w.open({ storage: base, transport: w.wire() })
  const s2 = await w.open({ storage: { ...base, async openLog(n) { const log = await base.openLog(n); return { ...log, append: async (e, o) => { if (fails) throw new Error('quota'); return log.append(e, o) } } } }, transport: w.wire() })
  const far = await w.open({ transport: w.wire() }); await w.clock.pass(1000); fails = true
  s2.transact((tx) => tx.add(a, 1)); await w.clock.pass(60_000)
  expect(far.get(a)).toBe(1)
})
