import { expect, test } from 'vitest'
import { originWide } from '../src/format.ts'
import { indexedDb } from '../src/index.ts'
import { freshName, patient } from './names.ts'
import { openTab } from './tab.ts'

const never = (): AbortSignal => new AbortController().signal

test('[ID12] a lock is free when the page that held it is gone', async () => {
  const name = freshName()
  const { locks } = indexedDb(name)
  const tab = await openTab()
  await tab.indexedDb(name).locks!.hold('a', never())
  expect(await locks!.tryHold('a')).toBeUndefined()
  const waiting = locks!.hold('a', never())
  tab.kill()
  const held = await waiting
  held.release()
})

test('[ID12] a lock that is stolen is lost, and a release of it harms nobody', async () => {
  const name = freshName()
  const { locks } = indexedDb(name)
  const held = await locks!.hold('a', never())
  const thief = new Promise<() => void>((resolve) => {
    void navigator.locks.request(
      originWide(name, 'a'),
      { steal: true },
      () => new Promise<void>((free) => resolve(free)),
    )
  })
  await held.lost
  const free = await thief
  held.release()
  expect(await locks!.tryHold('a')).toBeUndefined()
  free()
  const again = await locks!.hold('a', never())
  again.release()
})

test('[ID13] a page that freezes lets go of what it holds and of what it waits for, and waits again after the thaw', async () => {
  const name = freshName()
  const { locks } = indexedDb(name)
  const tab = await openTab()
  const theirs = tab.indexedDb(name).locks!
  const held = await theirs.hold('held', never())
  const awaited = await locks!.hold('awaited', never())
  const waiting = theirs.hold('awaited', never())
  let isGranted = false
  void waiting.then(() => (isGranted = true))

  tab.window.document.dispatchEvent(new Event('freeze'))
  await held.lost
  const next = await locks!.hold('held', never())
  // Asked for while it is frozen, as by the code that hears of the loss.
  const again = theirs.hold('held', never())
  awaited.release()
  const second = await locks!.hold('awaited', never())
  second.release()
  next.release()
  const third = await locks!.hold('held', never())
  third.release()
  expect(isGranted).toBe(false)

  tab.window.document.dispatchEvent(new Event('resume'))
  const [late, lateToo] = await Promise.all([waiting, again])
  expect(await locks!.tryHold('awaited')).toBeUndefined()
  expect(await locks!.tryHold('held')).toBeUndefined()
  late.release()
  lateToo.release()
  held.release()
  tab.kill()
})

test('[ID13] a page that freezes keeps what it shares, until it ends', async () => {
  const name = freshName()
  const { locks } = indexedDb(name)
  const tab = await openTab()
  const theirs = tab.indexedDb(name).locks!
  const held = await theirs.share('there', never())
  let isLost = false
  void held.lost.then(() => (isLost = true))
  tab.window.document.dispatchEvent(new Event('freeze'))
  const other = await theirs.share('there', never())
  expect(await locks!.tryHold('there')).toBeUndefined()
  other.release()
  expect(await locks!.tryHold('there')).toBeUndefined()
  expect(isLost).toBe(false)
  tab.kill()
  const alone = await locks!.hold('there', never())
  alone.release()
})

test('[ID14] pages hear each other on channels of the same storage only', async () => {
  const [name, other] = [freshName(), freshName()]
  const tab = await openTab()
  const heard: unknown[] = []
  const elsewhere: unknown[] = []
  const channel = indexedDb(name).channels!.open('a', (message) => heard.push(message))
  const apart = indexedDb(other).channels!.open('a', (message) => elsewhere.push(message))
  const theirs = tab.indexedDb(name).channels!.open('a', () => undefined)
  for (let i = 0; i < 50; i++) theirs.post({ i, payload: Uint8Array.of(i) })
  await expect.poll(() => heard.length, patient).toBe(50)
  expect(heard).toEqual(Array.from({ length: 50 }, (_, i) => ({ i, payload: Uint8Array.of(i) })))
  tab
    .indexedDb(other)
    .channels!.open('a', () => undefined)
    .post('there')
  await expect.poll(() => elsewhere, patient).toEqual(['there'])
  expect(heard.length).toBe(50)
  channel.close()
  apart.close()
  tab.kill()
})

test('[ID14] names do not run into each other', () => {
  const pairs = [
    ['a', 'b"c'],
    ['a"', 'bc'],
    ['a","b', 'c'],
    ['a', 'b","c'],
    ['', '","'],
    ['","', ''],
    ['\ud800', ''],
    ['\ud801', ''],
  ] as const
  expect(new Set(pairs.map(([name, key]) => originWide(name, key))).size).toBe(pairs.length)
})
