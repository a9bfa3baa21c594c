import {
  openStore,
  StoreError,
  type Chance,
  type Clock,
  type Connection,
  type HeldLock,
  type Storage,
  type Store,
  type StoreOptions,
  type Transport,
} from '../src/index.ts'
import { memoryStorage } from '../src/index.ts'
import type { VirtualClock, Wire } from './world.ts'

/** A tab that can be killed: everything it holds is let go by somebody else, and nothing it started comes to an end. */
export interface MortalTab {
  readonly store: Store
  kill(): void
  /** Whether its storage refuses to be written. */
  isFull: boolean
  /** Whether its storage keeps what it is to write waiting. */
  isHeld: boolean
}

/** Opens a store as a tab of a browser. Errors it reports while it lives go to `onError`. */
export async function openMortalTab(
  browser: { readonly storage: Storage; readonly wire: Wire },
  world: { readonly clock: VirtualClock; readonly chance: Chance },
  onError: (error: unknown) => void,
  options: Partial<StoreOptions> = {},
): Promise<MortalTab> {
  let isDead = false
  const death = new AbortController()
  const deaths = new Set<() => void>([() => death.abort()])
  const held = createGate()
  const tab = {
    isFull: false,
    get isHeld() {
      return held.isShut()
    },
    set isHeld(isShut) {
      held.shut(isShut)
    },
    kill() {
      isDead = true
      for (const die of deaths) die()
    },
  }
  const never = new Promise<never>(() => undefined)

  /** What a dead tab asked for is never answered. */
  async function whileAlive<T>(work: () => Promise<T>): Promise<T> {
    if (isDead) return never
    const result = await work()
    return isDead ? never : result
  }

  const { locks, channels } = browser.storage
  const hold = async <L extends { release(): void } | undefined>(take: () => Promise<L>): Promise<L> => {
    if (isDead) return never
    const lock = await take()
    if (lock === undefined) return lock
    if (isDead) {
      lock.release()
      return never
    }
    const release = (): void => {
      deaths.delete(release)
      lock.release()
    }
    deaths.add(release)
    return { ...lock, release }
  }
  const wait = (take: (until: AbortSignal) => Promise<HeldLock>, signal: AbortSignal): Promise<HeldLock> =>
    hold(() => take(AbortSignal.any([signal, death.signal]))).catch((error: unknown) =>
      isDead ? never : Promise.reject(error),
    )
  const storage: Storage = {
    async openLog(space) {
      const log = await browser.storage.openLog(space)
      return {
        ...log,
        append: (entry, how) =>
          whileAlive(async () => {
            await held.passed()
            if (tab.isFull) throw new Error('the disk is full')
            return log.append(entry, how)
          }),
        read: (after, each, ...how) =>
          whileAlive(() =>
            log.read(after, (entry, position, claim) => (isDead ? never : each(entry, position, claim)), ...how),
          ),
        replace: (...how) =>
          whileAlive(() =>
            tab.isFull ? Promise.reject(new StoreError('storage-full', 'The disk is full.')) : log.replace(...how),
          ),
        takeFence: () => whileAlive(() => log.takeFence()),
      }
    },
    locks: {
      tryHold: (name) => hold(() => locks!.tryHold(name)),
      hold: (name, signal) => wait((until) => locks!.hold(name, until), signal),
      share: (name, signal) => wait((until) => locks!.share(name, until), signal),
    },
    channels: {
      open(name, onMessage) {
        const channel = channels!.open(name, (message) => {
          if (!isDead) onMessage(message)
        })
        deaths.add(() => channel.close())
        return {
          post(message) {
            if (!isDead) channel.post(message)
          },
          close: () => channel.close(),
        }
      },
    },
  }
  const clock: Clock = {
    nowMs: () => world.clock.nowMs(),
    setTimer(delayMs, fn) {
      // What was under way when it died.
      if (isDead) return () => undefined
      const cancel = world.clock.setTimer(delayMs, fn)
      deaths.add(cancel)
      return cancel
    },
  }
  const transport: Transport = {
    connect(events): Connection {
      const connection = browser.wire.connect({
        onOpen: () => (isDead ? undefined : events.onOpen()),
        onMessage: (message) => (isDead ? undefined : events.onMessage(message)),
        onClose: (code, reason) => (isDead ? undefined : events.onClose(code, reason)),
      })
      deaths.add(() => connection.close())
      return connection
    },
  }
  const store = await openStore({
    space: 'board',
    storage,
    transport,
    clock,
    chance: world.chance,
    onError: (error) => (isDead ? undefined : onError(error)),
    ...options,
  })
  return Object.defineProperty(tab, 'store', { value: store }) as typeof tab & { readonly store: Store }
}

/** Where what comes waits, in its order, as long as it is shut. */
function createGate() {
  let opened: Promise<void> | undefined
  let open = (): void => undefined
  return {
    isShut: () => opened !== undefined,
    shut(isShut: boolean) {
      if (!isShut) {
        open()
        opened = undefined
      } else opened ??= new Promise((resolve) => (open = resolve))
    },
    passed: () => opened,
  }
}

/** A browser with nothing in it. */
export function newBrowser(wire: Wire): { readonly storage: Storage; readonly wire: Wire; readonly tabs: MortalTab[] } {
  return { storage: memoryStorage(), wire, tabs: [] }
}
