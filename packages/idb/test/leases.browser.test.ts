import { afterEach, expect, test } from 'vitest'
import { deleteDatabase, indexedDb, type Surroundings } from '../src/index.ts'
import { surroundingsHere } from '../src/surroundings.ts'
import { freshName, patient } from './names.ts'
import { openTab, type OtherTab } from './tab.ts'

const never = (): AbortSignal => new AbortController().signal

const surroundings: Surroundings = Object.create(surroundingsHere, { locks: { value: undefined } })
const tabs: OtherTab[] = []

/** Another tab of this browser, which has no Web Locks either. */
async function openTabWithout(): Promise<OtherTab> {
  const tab = await openTab()
  Object.defineProperty(tab.window.navigator, 'locks', { value: undefined })
  tabs.push(tab)
  return tab
}

/** What a tab says to the others of its locks does not come any more, as if it stood still; it hears them when it goes on. */
function makeStandStill(tab: OtherTab): () => void {
  const { prototype } = (tab.window as Window & typeof globalThis).BroadcastChannel
  const { postMessage } = prototype
  prototype.postMessage = () => undefined
  return () => void (prototype.postMessage = postMessage)
}

afterEach(() => {
  for (const tab of tabs.splice(0)) tab.kill()
})

test('[ID26] a lease is free at once when the page that held it is left, also for who only tries', async () => {
  const name = freshName()
  const locks = indexedDb(name, surroundings).locks!
  // A store that is open holds locks all the time, so it hears what others say of theirs.
  const own = await locks.hold('own', never())
  const tab = await openTabWithout()
  const theirs = tab.indexedDb(name).locks!
  await theirs.hold('a', never())
  await theirs.share('b', never())
  expect([await locks.tryHold('a'), await locks.tryHold('b')]).toEqual([undefined, undefined])
  const waiting = locks.hold('a', never())
  tab.kill()
  const held = await waiting
  expect(await locks.tryHold('b')).toBeDefined()
  for (const each of [own, held]) each.release()
})

test('[ID26] the lease of a page that stands still goes to who waits for it, or tries; it is told when it goes on', async () => {
  const name = freshName()
  const locks = indexedDb(name, surroundings).locks!
  const tab = await openTabWithout()
  const theirs = tab.indexedDb(name).locks!
  const [one, two] = [await theirs.hold('one', never()), await theirs.hold('two', never())]
  let losses = 0
  for (const held of [one, two]) void held.lost.then(() => losses++)
  // As long as it answers, it keeps them.
  const waiting = locks.hold('one', never())
  expect(await locks.tryHold('two')).toBeUndefined()
  expect(losses).toBe(0)
  const goOn = makeStandStill(tab)
  const taken = await waiting
  const tried = (await locks.tryHold('two'))!
  goOn()
  await Promise.all([one.lost, two.lost])
  expect(losses).toBe(2)
  // They are not its any more.
  one.release()
  two.release()
  expect(await theirs.tryHold('one')).toBeUndefined()
  const back = theirs.hold('one', never())
  taken.release()
  const again = await back
  again.release()
  tried.release()
})

test('[ID26] [ID13] a page that freezes lets go of its leases, keeps what it shares, and waits again after the thaw', async () => {
  const name = freshName()
  const locks = indexedDb(name, surroundings).locks!
  const tab = await openTabWithout()
  const theirs = tab.indexedDb(name).locks!
  const held = await theirs.hold('held', never())
  const shared = await theirs.share('shared', never())
  const awaited = await locks.hold('awaited', never())
  let isGranted = false
  const waiting = theirs.hold('awaited', never()).then((it) => ((isGranted = true), it))
  tab.window.document.dispatchEvent(new Event('freeze'))
  await held.lost
  const next = await locks.hold('held', never())
  expect(await locks.tryHold('shared')).toBeUndefined()
  awaited.release()
  const second = await locks.hold('awaited', never())
  second.release()
  await second.freed
  expect(isGranted).toBe(false)
  tab.window.document.dispatchEvent(new Event('resume'))
  const late = await waiting
  for (const one of [late, next, shared]) one.release()
})

test('[ID26] a page that is left lets go of all, and when somebody comes back to it has what it shares again, and waits again', async () => {
  const name = freshName()
  const locks = indexedDb(name, surroundings).locks!
  const tab = await openTabWithout()
  const theirs = tab.indexedDb(name).locks!
  const held = await theirs.hold('held', never())
  held.keep()
  await theirs.share('shared', never())
  const awaited = await locks.hold('awaited', never())
  const waiting = theirs.hold('awaited', never())
  // As the browser says it of a page that it keeps for the way back.
  tab.window.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))
  await held.lost
  const [mine, alone] = [await locks.hold('held', never()), await locks.hold('shared', never())]
  alone.release()
  tab.window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))
  await expect
    .poll(async () => {
      const tried = await locks.tryHold('shared')
      tried?.release()
      return tried
    }, patient)
    .toBeUndefined()
  awaited.release()
  for (const one of [await waiting, mine]) one.release()
})

test('[ID26] where nothing can be written a lock that nobody is seen to hold is given, and of several one keeps it when it can be', async () => {
  const name = freshName()
  let isFull = false
  const { databases } = surroundings
  const full: Surroundings = Object.create(surroundings, {
    databases: {
      value: {
        ...databases,
        open: async (...args: Parameters<NonNullable<typeof databases>['open']>) => {
          if (isFull) throw new DOMException('There is no room.', 'QuotaExceededError')
          return databases!.open(...args)
        },
      },
    },
  })
  isFull = true
  const [mine, theirs] = [indexedDb(name, full).locks!, indexedDb(name, full).locks!]
  const one = await mine.hold('a', never())
  const two = await theirs.hold('a', never())
  expect(await mine.tryHold('a')).toBeUndefined()
  isFull = false
  await Promise.race([one.lost, two.lost])
  expect(await mine.tryHold('a')).toBeUndefined()
  one.release()
  two.release()
  const free = await mine.hold('a', never())
  free.release()
})

test('[ID26] [ID8] who holds a lease when the storage is deleted holds it still, and who waits goes on waiting', async () => {
  const name = freshName()
  const locks = indexedDb(name, surroundings).locks!
  const tab = await openTabWithout()
  const held = await tab.indexedDb(name).locks!.hold('a', never())
  let isOver = false
  void held.lost.then(() => (isOver = true))
  const waiting = locks.hold('a', never())
  void waiting.then(() => (isOver = true))
  expect(await locks.tryHold('a')).toBeUndefined()
  await deleteDatabase(name, surroundings)
  // It is entered again by then, or it would be given.
  expect(await locks.tryHold('a')).toBeUndefined()
  expect(isOver).toBe(false)
  held.release()
  const next = await waiting
  next.release()
})
