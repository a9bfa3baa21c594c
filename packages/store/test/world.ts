import { createMemoryStorage, createRelay, type LogStorage, type Relay, type RelayOptions } from '@syncline/relay'
import type { Chance, Clock, Connection, Storage, Transport } from '../src/index.ts'
import { memoryStorage, openStore, type Store, type StoreOptions } from '../src/index.ts'

/** Time that moves only when told. */
export interface VirtualClock extends Clock {
  /** Lets time pass, timer by timer, and everything they start run out. */
  pass(ms: number): Promise<void>
  readonly timers: number
}

export function virtualClock(startMs = 1_700_000_000_000): VirtualClock {
  let now = startMs
  const timers = new Set<{ readonly atMs: number; readonly fn: () => void }>()
  return {
    nowMs: () => now,
    setTimer(delayMs, fn) {
      const timer = { atMs: now + delayMs, fn }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    async pass(ms) {
      const end = now + ms
      await settle()
      for (;;) {
        const next = [...timers].sort((a, b) => a.atMs - b.atMs)[0]
        if (next === undefined || next.atMs > end) break
        now = Math.max(now, next.atMs)
        timers.delete(next)
        next.fn()
        await settle()
      }
      now = end
      await settle()
    },
    get timers() {
      return timers.size
    },
  }
}

/** Lets everything that waits for a turn of this process have it. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 30; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Pseudo-random bytes from a seed (mulberry32; Tommy Ettinger, public domain). */
export function seededChance(seed: number): Chance {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  return { bytes: (count) => Uint8Array.from({ length: count }, () => Math.floor(next() * 256)), fraction: next }
}

/** A relay that can be killed, and the wires to it. */
export interface World {
  readonly clock: VirtualClock
  readonly chance: Chance
  readonly disk: LogStorage
  /** A transport of its own: one browser. */
  wire(): Wire
  /** Ends the relay without a word and starts another one on the same disk. */
  restartRelay(): Promise<void>
  open(options?: Partial<StoreOptions>): Promise<Store>
  /** Closes all stores and checks that nothing is left. */
  close(): Promise<void>
}

/** A transport whose connection can be cut. */
export interface Wire extends Transport {
  /** While false, attempts fail and nothing passes. */
  isWhole: boolean
  cut(): void
  mend(): void
  /** What the client sent and what the relay sent, message by message, when set. */
  onTraffic: ((direction: 'up' | 'down', message: Uint8Array) => void) | undefined
  /** Return false to lose a message. */
  filter: ((direction: 'up' | 'down', message: Uint8Array) => boolean) | undefined
  readonly connections: number
}

export async function createWorld(seed: number, relayOptions: Partial<RelayOptions> = {}): Promise<World> {
  const clock = virtualClock()
  const chance = seededChance(seed)
  const disk = createMemoryStorage()
  const stores: Store[] = []
  const errors: unknown[] = []
  const cuts = new Set<() => void>()
  let relay: Relay = createRelay({ storage: disk, clock, chance, ...relayOptions })

  function wire(): Wire {
    const open = new Set<() => void>()
    const wire: Wire = {
      isWhole: true,
      onTraffic: undefined,
      filter: undefined,
      cut() {
        wire.isWhole = false
        for (const end of [...open]) end()
      },
      mend() {
        wire.isWhole = true
      },
      get connections() {
        return open.size
      },
      connect(events) {
        let ended = false
        let side: ReturnType<Relay['accept']> | undefined
        const end = (code: number, reason: string): void => {
          if (ended) return
          ended = true
          open.delete(breakOff)
          cuts.delete(breakOff)
          side?.onClose()
          events.onClose(code, reason)
        }
        const breakOff = (): void => end(1006, '')
        const later = (fn: () => void): void => void setImmediate(fn)
        const connection: Connection = {
          bufferedBytes: 0,
          send(message) {
            wire.onTraffic?.('up', message)
            if (wire.filter?.('up', message) === false) return
            const copy = message.slice()
            later(() => {
              if (!ended) side?.onMessage(copy)
            })
          },
          close(code = 1000, reason = '') {
            later(() => end(code, reason))
          },
        }
        open.add(breakOff)
        cuts.add(breakOff)
        later(() => {
          if (ended) return
          if (!wire.isWhole) {
            breakOff()
            return
          }
          side = relay.accept({
            bufferedBytes: 0,
            send(message) {
              const copy = message.slice()
              wire.onTraffic?.('down', copy)
              if (wire.filter?.('down', copy) === false) return
              later(() => {
                if (!ended) events.onMessage(copy)
              })
            },
            close(code, reason) {
              later(() => end(code, reason))
            },
          })
          events.onOpen()
        })
        return connection
      },
    }
    return wire
  }

  return {
    clock,
    chance,
    disk,
    wire,
    async restartRelay() {
      for (const cut of [...cuts]) cut()
      relay = createRelay({ storage: disk, clock, chance, ...relayOptions })
      await settle()
    },
    async open(options = {}) {
      const store = await openStore({
        space: 'board',
        storage: memoryStorage(),
        clock,
        chance,
        onError: (error) => errors.push(error),
        ...options,
      })
      stores.push(store)
      return store
    },
    async close() {
      for (const store of stores) await store.close()
      await settle()
      if (errors.length > 0) throw new AggregateError(errors, 'A store reported errors that no test expects.')
    },
  }
}

/** A storage that is told what to refuse. */
export function brittleStorage(storage: Storage, refuse: () => Error | undefined): Storage {
  return {
    ...storage,
    async openLog(space) {
      const log = await storage.openLog(space)
      return {
        ...log,
        async append(entry, options) {
          const error = refuse()
          if (error !== undefined) throw error
          return log.append(entry, options)
        },
      }
    },
  }
}
