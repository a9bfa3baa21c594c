import { createMemoryStorage, createRelay } from '@syncline/relay'
import type { LogStorage, RelayOptions } from '@syncline/relay'
import { memoryStorage, openStore } from '@syncline/store'
import type { Chance, Clock, Storage, Store } from '@syncline/store'
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
  open(browser: Browser, clients?: readonly number[]): Promise<Store>
  pass(ms: number): Promise<void>
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
      const draws = [...clients]
      const chance: Chance = {
        fraction: next,
        bytes(count) {
          // Four bytes at once are a Yjs client, or of no account.
          const client = count === 4 ? draws.shift() : undefined
          if (client === undefined) return bytes(count)
          return Uint8Array.of(client >>> 24, client >>> 16, client >>> 8, client)
        },
      }
      const onError = (error: unknown): void => void errors.push(error)
      const store = await openStore({ space: 'notes', storage, transport: link, clock, chance, onError })
      stores.push(store)
      // The first is for presence.
      return store
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
    async close() {
      for (const store of stores) await store.close()
      await settle()
    },
  }
}
