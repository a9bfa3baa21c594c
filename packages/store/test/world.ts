import {
  createMemoryStorage,
  createRelay,
  type LogStorage,
  type Relay,
  type RelayOptions,
  type SpaceAppend,
} from '@syncline/relay'
import type {
  Chance,
  Clock,
  Connection,
  HeldLock,
  PresenceMaker,
  PresencePort,
  Storage,
  Transport,
} from '../src/index.ts'
import { memoryStorage, openStore, type Store, type StoreOptions } from '../src/index.ts'
import { openLean, type LeanStore, type Part } from '../src/lean.ts'

/** Time that moves only when told. */
export interface VirtualClock extends Clock {
  /** Lets time pass, timer by timer, and everything they start run out. */
  pass(ms: number): Promise<void>
  /** Lets time pass, timer by timer, at once. */
  step(ms: number): void
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
    nextTask: (fn) => void setImmediate(fn),
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
    step(ms) {
      const end = now + ms
      for (;;) {
        let next: { readonly atMs: number; readonly fn: () => void } | undefined
        for (const timer of timers) if (next === undefined || timer.atMs < next.atMs) next = timer
        if (next === undefined || next.atMs > end) break
        now = Math.max(now, next.atMs)
        timers.delete(next)
        next.fn()
      }
      now = end
    },
    get timers() {
      return timers.size
    },
  }
}

/**
 * Lets everything that waits for a turn of this process have it. In two turns after each other in which nothing asks for another one, all
 * that follows from promises has run too; most of the thirty would be empty.
 */
export async function settle(): Promise<void> {
  for (let turn = 0, quiet = 0; turn < 30 && quiet < 2; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
    quiet = process.getActiveResourcesInfo().includes('Immediate') ? 0 : quiet + 1
  }
}

/** Lets time pass until something is done. */
export async function passing<T>({ clock }: Pick<World, 'clock'>, work: Promise<T>): Promise<T> {
  let isOver = false
  const end = (): void => void (isOver = true)
  work.then(end, end)
  for (let i = 0; i < 1_000 && !isOver; i++) await clock.pass(10)
  return work
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
  /** The same on a disk that has the first `batches` of what was stored: an old backup. */
  restoreRelay(batches: number): Promise<void>
  /** The one that runs now. */
  readonly relay: Relay
  /** How many batches are stored. */
  readonly batches: number
  open(options?: Partial<StoreOptions>): Promise<Store>
  /** The same with these parts only. */
  openLean<const P extends readonly Part[]>(parts: P, options?: Partial<StoreOptions>): Promise<LeanStore<P>>
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
  let stored: SpaceAppend[][] = []
  let disk = remembering()
  const stores: { close(): Promise<void> }[] = []
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

  /** A disk that remembers what was stored batch by batch. */
  function remembering(): LogStorage {
    const storage = createMemoryStorage()
    const { append } = storage
    return Object.assign(storage, {
      async append(batch: readonly SpaceAppend[]) {
        await append(batch)
        stored.push(batch.map((add) => ({ ...add, records: add.records.map((record) => record.slice()) })))
      },
    })
  }

  async function restartRelay(): Promise<void> {
    for (const cut of [...cuts]) cut()
    relay = createRelay({ storage: disk, clock, chance, ...relayOptions })
    await settle()
  }

  const complete = (options: Partial<StoreOptions>): StoreOptions => ({
    space: 'board',
    storage: memoryStorage(),
    clock,
    chance,
    onError: (error) => errors.push(error),
    ...options,
  })

  return {
    clock,
    chance,
    get disk() {
      return disk
    },
    wire,
    get relay() {
      return relay
    },
    restartRelay,
    async restoreRelay(batches) {
      const kept = stored.slice(0, batches)
      stored = []
      disk = remembering()
      for (const batch of kept) await disk.append(batch)
      await restartRelay()
    },
    get batches() {
      return stored.length
    },
    async open(options = {}) {
      const store = await openStore(complete(options))
      stores.push(store)
      return store
    },
    async openLean<const P extends readonly Part[]>(parts: P, options: Partial<StoreOptions> = {}) {
      const store = await openLean({ ...complete(options), parts })
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

/** The storage as one tab sees it, and that tab's sudden death, as far as others notice. */
export interface MortalTab {
  readonly storage: Storage
  /** Locks that this tab holds or waits for. */
  readonly locks: number
  /** Takes all its locks away, as freezing does. */
  freeze(): void
  /** It says nothing any more, hears nothing, and holds no lock. */
  die(): void
}

export function mortalTab(shared: Storage): MortalTab {
  const held = new Set<{ isKept: boolean; end(isLost: boolean): void }>()
  const end = new AbortController()
  let waiting = 0
  let isDead = false
  function keep(lock: HeldLock): HeldLock {
    let lose = (): void => undefined
    const lost = new Promise<void>((resolve) => (lose = resolve))
    const entry = {
      isKept: false,
      end(isLost: boolean) {
        if (!held.delete(entry)) return
        lock.release()
        if (isLost) lose()
      },
    }
    held.add(entry)
    // Nobody holds what was granted in the moment of their end.
    if (isDead) entry.end(false)
    return { release: () => entry.end(false), keep: () => void (entry.isKept = true), lost, freed: lock.freed }
  }
  async function wait(take: (until: AbortSignal) => Promise<HeldLock>, signal: AbortSignal): Promise<HeldLock> {
    waiting += 1
    try {
      return keep(await take(AbortSignal.any([signal, end.signal])))
    } catch (error) {
      // What a dead tab waits for never comes.
      if (!signal.aborted) await new Promise(() => undefined)
      throw error
    } finally {
      waiting -= 1
    }
  }
  return {
    storage: {
      openLog: (space) => shared.openLog(space),
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
          const channel = shared.channels!.open(name, (message) => {
            if (!isDead) onMessage(message)
          })
          return {
            post(message) {
              if (!isDead) channel.post(message)
            },
            close: () => channel.close(),
          }
        },
      },
    },
    get locks() {
      return held.size + waiting
    },
    freeze() {
      for (const entry of [...held]) if (!entry.isKept) entry.end(true)
    },
    die() {
      isDead = true
      end.abort()
      for (const entry of [...held]) entry.end(false)
    },
  }
}

/** Presence that shows what arrives, and says what it is told. */
export interface Listener {
  readonly maker: PresenceMaker
  readonly words: readonly string[]
  say(words: string | null): void
}

export function listener(): Listener {
  const heard = new Map<string, string>()
  let own: PresencePort | undefined
  return {
    maker(port) {
      own = port
      const stop = port.onPayload((peer, payload) => {
        if (payload === null) heard.delete(peer)
        else heard.set(peer, new TextDecoder().decode(payload))
      })
      return {
        self: 0,
        peers: () => new Map(),
        set: () => undefined,
        subscribe: () => () => undefined,
        close: () => (port.publish(null), stop()),
      }
    },
    get words() {
      return [...heard.values()].sort()
    },
    say: (words) => own!.publish(words === null ? null : new TextEncoder().encode(words)),
  }
}
