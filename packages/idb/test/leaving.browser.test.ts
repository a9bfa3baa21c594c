import { server } from 'vitest/browser'
import { expect, onTestFinished, test, vi } from 'vitest'
import { deleteDatabase, indexedDb } from '../src/index.ts'
import { freshName, patient } from './names.ts'
import { openTab } from './tab.ts'

async function bytesOf(name: string): Promise<number[]> {
  const log = await indexedDb(name).openLog('space')
  const bytes: number[] = []
  await log.read(0, (entry) => bytes.push(...entry))
  await log.close()
  return bytes
}

test('[ID19] what a page appends when it goes elsewhere is stored, also behind what is under way', async ({ skip }) => {
  skip(server.browser === 'webkit', 'WebKit undoes what it has not stored yet when a page ends')
  const rounds = 3
  let whole = 0
  for (let i = 0; i < rounds; i++) {
    const stored = await leaveAndRead()
    expect([1, 2, 3].slice(0, stored.length)).toEqual(stored)
    expect(stored.length).toBeGreaterThan(0)
    if (stored.length === 3) whole++
  }
  // A browser that is busy may be late for one. What is appended any later never is there.
  expect(whole).toBeGreaterThan(rounds / 2)
})

/** Of 1, which was stored, 2, which was under way, and 3, which was appended when the page was told: what is there when it is gone. */
async function leaveAndRead(): Promise<number[]> {
  const name = freshName()
  onTestFinished(() => deleteDatabase(name))
  const tab = await openTab()
  const storage = tab.indexedDb(name)
  const log = await storage.openLog('space')
  await log.append(Uint8Array.of(1))
  const append = (byte: number): void => void log.append(Uint8Array.of(byte)).catch(() => undefined)
  // A page that is closed is hidden first, and told twice.
  let told = 0
  storage.onLeaving!(() => {
    if (++told === 1) append(3)
  })
  append(2)
  // A frame that a script removes ends in the middle of that script, which no tab does.
  tab.window.location.href = 'about:blank'
  await expect.poll(() => told, patient).toBeGreaterThan(0)
  tab.kill()
  return bytesOf(name)
}

test('[ID19] a page that is hidden is told, and one that is shown is not', () => {
  let told = 0
  const stop = indexedDb(freshName()).onLeaving!(() => told++)
  const state = vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('visible')
  onTestFinished(() => state.mockRestore())
  document.dispatchEvent(new Event('visibilitychange'))
  expect(told).toBe(0)
  state.mockReturnValue('hidden')
  document.dispatchEvent(new Event('visibilitychange'))
  expect(told).toBe(1)
  document.dispatchEvent(new Event('freeze'))
  window.dispatchEvent(new Event('pagehide'))
  expect(told).toBe(3)
  stop()
  document.dispatchEvent(new Event('visibilitychange'))
  document.dispatchEvent(new Event('freeze'))
  window.dispatchEvent(new Event('pagehide'))
  expect(told).toBe(3)
})

test('[ID20] the note of a database stays when that is cleared, and goes with deleteDatabase', async () => {
  const name = freshName()
  const notes = (): string[] => Object.keys(localStorage).filter((key) => key.includes(name))
  const visit = async (byte?: number): Promise<string | undefined> => {
    const log = await indexedDb(name).openLog('space')
    if (byte !== undefined) await log.append(Uint8Array.of(byte))
    await log.close()
    return log.cleared?.code
  }
  expect(await visit()).toBeUndefined()
  expect(notes()).toEqual([])
  expect(await visit(1)).toBeUndefined()
  expect(notes()).toHaveLength(1)
  await new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(`syncline:${name}`)
    request.onsuccess = resolve
    request.onerror = reject
  })
  expect(await visit()).toBe('storage-cleared')
  expect(await visit()).toBeUndefined()
  await deleteDatabase(name)
  expect(notes()).toEqual([])
  expect(await visit()).toBeUndefined()
  await deleteDatabase(name)
})
