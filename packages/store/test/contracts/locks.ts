import { afterEach, beforeEach, expect, test } from 'vitest'
import type { HeldLock, Locks } from '../../src/index.ts'
import type { BrowserUnderTest } from './storage.ts'

/** Proves the promises of `Locks`. */
export function locksContract(openBrowser: () => Promise<BrowserUnderTest>): void {
  let browser: BrowserUnderTest
  let mine: Locks
  let theirs: Locks

  beforeEach(async () => {
    browser = await openBrowser()
    mine = browser.tabs[0].locks!
    theirs = browser.tabs[1].locks!
  })

  afterEach(async () => {
    await browser.dispose?.()
  })

  test('one holds at a time; the next holds after the release', async () => {
    const held = await mine.hold('a', never())
    expect(await theirs.tryHold('a')).toBeUndefined()
    expect(await mine.tryHold('a')).toBeUndefined()
    held.release()
    const next = await theirs.hold('a', never())
    expect(await mine.tryHold('a')).toBeUndefined()
    next.release()
    const last = await eventually(() => mine.tryHold('a'))
    last.release()
  })

  test('those who wait come in turn, and never two at once', async () => {
    const order: number[] = []
    let inside = 0
    const first = await mine.hold('a', never())
    const enter = async (locks: Locks, i: number): Promise<void> => {
      const held = await locks.hold('a', never())
      expect(++inside).toBe(1)
      order.push(i)
      await Promise.resolve()
      inside--
      held.release()
    }
    const all = [0, 1, 2, 3, 4, 5].map((i) => enter(i % 2 === 0 ? mine : theirs, i))
    first.release()
    await Promise.all(all)
    expect(order.length).toBe(6)
    // In turn for each tab; between tabs requests may overtake each other on their way.
    expect(order.filter((i) => i % 2 === 0)).toEqual([0, 2, 4])
    expect(order.filter((i) => i % 2 === 1)).toEqual([1, 3, 5])
  })

  test('who gives up waiting is out of the way', async () => {
    const held = await mine.hold('a', never())
    const abort = new AbortController()
    const reason = new Error('no longer wanted')
    const waiting = theirs.hold('a', abort.signal)
    const next = theirs.hold('a', never())
    abort.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    held.release()
    const got = await next
    got.release()
  })

  test('who has given up before asking does not wait', async () => {
    const reason = new Error('too late')
    await expect(mine.hold('a', AbortSignal.abort(reason))).rejects.toBe(reason)
    const held = await eventually(() => theirs.tryHold('a'))
    held.release()
  })

  test('giving up after the lock is held changes nothing', async () => {
    const abort = new AbortController()
    const held = await mine.hold('a', abort.signal)
    abort.abort()
    expect(await theirs.tryHold('a')).toBeUndefined()
    held.release()
  })

  test('several share a lock, and nobody holds it alone until the last of them has let go', async () => {
    const shares = [await mine.share('a', never()), await mine.share('a', never()), await theirs.share('a', never())]
    expect(await mine.tryHold('a')).toBeUndefined()
    expect(await theirs.tryHold('a')).toBeUndefined()
    shares[0]!.release()
    shares[2]!.release()
    shares[2]!.release()
    expect(await theirs.tryHold('a')).toBeUndefined()
    shares[1]!.release()
    const alone = await eventually(() => theirs.tryHold('a'))
    let isShared = false
    const next = mine.share('a', never()).then((held) => ((isShared = true), held))
    const other = mine.share('a', never())
    expect(await mine.tryHold('a')).toBeUndefined()
    expect(isShared).toBe(false)
    alone.release()
    for (const held of await Promise.all([next, other])) held.release()
  })

  test('a lock that is freed can be had at once', async () => {
    for (let i = 0; i < 20; i++) {
      const held = i % 2 === 0 ? await mine.share('a', never()) : await mine.hold('a', never())
      held.release()
      await held.freed
      const next = await mine.tryHold('a')
      expect(next).toBeDefined()
      next!.release()
      await next!.freed
    }
  })

  test('who waits to hold a lock alone comes before those who ask later to share it', async () => {
    const order: string[] = []
    const first = await mine.share('a', never())
    const alone = mine.hold('a', never()).then((held) => (order.push('alone'), held.release()))
    const abort = new AbortController()
    const givesUp = mine.hold('a', abort.signal)
    const shared = mine.share('a', never()).then((held) => (order.push('shared'), held.release()))
    abort.abort(new Error('no longer wanted'))
    await expect(givesUp).rejects.toThrow('no longer wanted')
    first.release()
    await Promise.all([alone, shared])
    expect(order).toEqual(['alone', 'shared'])
    const reason = new Error('too late')
    await expect(mine.share('a', AbortSignal.abort(reason))).rejects.toBe(reason)
    const last = await eventually(() => theirs.tryHold('a'))
    last.release()
  })

  test('a lock that can be stolen is taken from its holder, before those who wait for it', async () => {
    if (mine.steal === undefined) return
    let lost = 0
    const robbed = await mine.hold('a', never())
    void robbed.lost.then(() => lost++)
    const order: string[] = []
    const waiting = mine.hold('a', never()).then((held) => (order.push('waited'), held))
    const stolen = await theirs.steal!('a')
    order.push('stole')
    await robbed.lost
    expect(lost).toBe(1)
    // It is not its any more.
    robbed.release()
    expect(await mine.tryHold('a')).toBeUndefined()
    stolen.release()
    const next = await waiting
    expect(order).toEqual(['stole', 'waited'])
    next.release()
    const free = await eventually(() => theirs.tryHold('a'))
    free.release()
    const unheld = await mine.steal('b')
    expect(await theirs.tryHold('b')).toBeUndefined()
    unheld.release()
  })

  test('locks of other names are free', async () => {
    const held = await mine.hold('a', never())
    const other = await theirs.tryHold('b')
    expect(other).toBeDefined()
    other!.release()
    held.release()
  })

  test('a second release does not free what another one holds, and a release is not a loss', async () => {
    let lost = 0
    const held = await mine.hold('a', never())
    void held.lost.then(() => lost++)
    held.release()
    const next = await theirs.hold('a', never())
    void next.lost.then(() => lost++)
    held.release()
    expect(await mine.tryHold('a')).toBeUndefined()
    next.release()
    const last = await mine.hold('a', never())
    last.release()
    expect(lost).toBe(0)
  })
}

const never = (): AbortSignal => new AbortController().signal

/** A release may take a moment to reach the other tabs. */
async function eventually(tryHold: () => Promise<HeldLock | undefined>): Promise<HeldLock> {
  let held: HeldLock | undefined
  await expect.poll(async () => (held = await tryHold()), { timeout: 10_000 }).toBeDefined()
  return held!
}
