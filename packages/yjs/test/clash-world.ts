import { encodeFrames, type Frame } from '@syncline/protocol'
import { createMemoryStorage, createRelay } from '@syncline/relay'
import type { LogStorage, RelayOptions } from '@syncline/relay'
import { memoryStorage, openStore } from '@syncline/store'
import type { Chance, Clock, HeldLock, Storage, Store } from '@syncline/store'
import { linkTo } from './link.ts'
import type { Link } from './link.ts'

/** Lets everything that waits for a turn of this process have it. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Numbers from a seed (mulberry32; Tommy Ettinger, public domain). */
export function chanceFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A browser: what it keeps, and its way to the relay. */
export interface Browser {
  readonly storage: Storage
  readonly link: Link
}

/** A relay and browsers that may draw the Yjs clients of each other, in virtual time. */
export interface ClashWorld {
  readonly disk: LogStorage
  readonly errors: unknown[]
  browser(storage?: Storage): Browser
  /** Opens a store. It draws `clients` as its Yjs clients, and then any. */
  open(browser: Browser, clients?: Iterable<number>): Promise<Store>
  /** What somebody sends who keeps to no rule. */
  send(...records: readonly Uint8Array[]): Promise<void>
  pass(ms: number): Promise<void>
  /** Time goes by while nothing runs, as when machines sleep. */
  sleep(ms: number): void
  /** Closes all stores. */
  close(): Promise<void>
}

export function createClashWorld(seed: number, options: Partial<RelayOptions> = {}): ClashWorld {
  const next = chanceFrom(seed)
  let nowMs = 1_700_000_000_000
  const timers = new Set<{ readonly atMs: number; readonly fn: () => void }>()
  const clock: Clock = {
    nowMs: () => nowMs,
    setTimer(delayMs, fn) {
      const timer = { atMs: nowMs + delayMs, fn }
      timers.add(timer)
      return () => timers.delete(timer)
    },
  }
  const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => Math.floor(next() * 256))
  const disk = createMemoryStorage()
  const relay = createRelay({ storage: disk, clock, chance: { bytes }, ...options })
  const errors: unknown[] = []
  const stores: Store[] = []

  return {
    disk,
    errors,
    browser: (storage = memoryStorage()) => ({ storage, link: linkTo(relay) }),
    async open({ storage, link }, clients = []) {
      const draws = clients[Symbol.iterator]()
      const chance: Chance = {
        fraction: next,
        bytes(count) {
          // Four bytes at once are a Yjs client, or of no account.
          const drawn = count === 4 ? draws.next() : undefined
          if (drawn === undefined || drawn.done === true) return bytes(count)
          const client = drawn.value
          return Uint8Array.of(client >>> 24, client >>> 16, client >>> 8, client)
        },
      }
      const onError = (error: unknown): void => void errors.push(error)
      const store = await openStore({ space: 'notes', storage, transport: link, clock, chance, onError })
      stores.push(store)
      return store
    },
    async send(...records) {
      const connection = linkTo(relay).connect({
        onOpen: () => undefined,
        onMessage: () => undefined,
        onClose: () => undefined,
      })
      await settle()
      const credential = new Uint8Array()
      const frames: readonly Frame[] = [
        { type: 'hello', protocol: 1, oldest: 1, agent: 'test', schema: 1, credential },
        { type: 'open', channel: 1, space: 'notes', basis: { epoch: null, relaySeq: 0, writers: new Map() } },
        { type: 'changes', channel: 1, first: 0, records },
      ]
      for (const frame of frames) {
        for (const message of encodeFrames([frame], 65_536)) connection.send(message)
        await settle()
      }
      connection.close()
      await settle()
    },
    async pass(ms) {
      const end = nowMs + ms
      await settle()
      for (;;) {
        const first = [...timers].sort((a, b) => a.atMs - b.atMs)[0]
        if (first === undefined || first.atMs > end) break
        nowMs = Math.max(nowMs, first.atMs)
        timers.delete(first)
        first.fn()
        await settle()
      }
      nowMs = end
      await settle()
    },
    sleep: (ms) => void (nowMs += ms),
    async close() {
      for (const store of stores) await store.close()
      await settle()
    },
  }
}

/** The storage as one tab sees it, which dies at some call. */
export interface MortalStorage {
  readonly storage: Storage
  /** How many entries it was asked to append. */
  readonly appends: number
  /** Dies at the append with this number: when that is stored, or before. */
  dieAt(append: number, isStored: boolean): void
  readonly isDead: boolean
  /** It says and hears nothing more, and holds no lock. */
  die(): void
}

export function mortalStorage(shared: Storage): MortalStorage {
  const held = new Set<HeldLock>()
  const never = new Promise<never>(() => undefined)
  const end = new AbortController()
  let appends = 0
  let isDead = false
  let last: { readonly append: number; readonly isStored: boolean } | undefined
  const keep = (lock: HeldLock): HeldLock => {
    if (isDead) lock.release()
    held.add(lock)
    return { ...lock, release: () => (held.delete(lock) ? lock.release() : undefined) }
  }
  const wait = async (take: (until: AbortSignal) => Promise<HeldLock>, signal: AbortSignal): Promise<HeldLock> => {
    try {
      return keep(await take(AbortSignal.any([signal, end.signal])))
    } catch (error) {
      if (end.signal.aborted) return never
      throw error
    }
  }
  function die(): void {
    isDead = true
    end.abort()
    for (const lock of held) lock.release()
    held.clear()
  }
  return {
    get appends() {
      return appends
    },
    get isDead() {
      return isDead
    },
    dieAt: (append, isStored) => void (last = { append, isStored }),
    die,
    storage: {
      async openLog(space) {
        const log = await shared.openLog(space)
        return {
          ...log,
          async append(entry, options) {
            appends += 1
            const isLast = appends === last?.append
            if (isLast && last?.isStored === true) await log.append(entry, options)
            if (isLast) die()
            return isDead ? never : log.append(entry, options)
          },
        }
      },
      locks: {
        async tryHold(name) {
          const lock = await shared.locks!.tryHold(name)
          return lock && keep(lock)
        },
        hold: (name, signal) => wait((until) => shared.locks!.hold(name, until), signal),
        share: (name, signal) => wait((until) => shared.locks!.share(name, until), signal),
      },
      channels: {
        open(name, onMessage) {
          const channel = shared.channels!.open(name, (message) => (isDead ? undefined : onMessage(message)))
          return { post: (message) => (isDead ? undefined : channel.post(message)), close: () => channel.close() }
        },
      },
    },
  }
}
