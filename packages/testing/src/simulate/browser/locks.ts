import type { Life } from '../life.ts'
import type { Weather } from '../weather.ts'

/** The locks of one browser: the part of a `LockManager` that is used, for each tab. */
export interface SimulatedLocks {
  of(life: Life): TabLocks
  /** Locks that are held or waited for. */
  size(): number
}

interface TabLocks {
  request(name: string, options: LockAsked, callback: LockGranted): Promise<unknown>
}

interface LockAsked {
  readonly mode?: 'exclusive' | 'shared'
  readonly ifAvailable?: boolean
  readonly steal?: boolean
  readonly signal?: AbortSignal
}

type LockGranted = (lock: { readonly name: string; readonly mode: 'exclusive' | 'shared' } | null) => unknown

interface Bolt {
  readonly holders: Set<Asker>
  readonly queue: Asker[]
}

interface Asker {
  readonly isShared: boolean
  enter(): void
  /** It holds the lock no longer, and is told. */
  rob(): void
}

/** A lock is granted to whoever waits first, frozen or not, and is free when its tab has died (https://w3c.github.io/web-locks/). */
export function createLocks(weather: Weather): SimulatedLocks {
  const bolts = new Map<string, Bolt>()

  function isFree({ holders }: Bolt, isShared: boolean): boolean {
    return holders.size === 0 || (isShared && [...holders].every((holder) => holder.isShared))
  }

  function admit(name: string, bolt: Bolt): void {
    while (bolt.queue.length > 0 && isFree(bolt, bolt.queue[0]!.isShared)) {
      const next = bolt.queue.shift()!
      bolt.holders.add(next)
      next.enter()
    }
    if (bolt.holders.size === 0 && bolt.queue.length === 0) bolts.delete(name)
  }

  function boltOf(name: string): Bolt {
    let bolt = bolts.get(name)
    if (bolt === undefined) bolts.set(name, (bolt = { holders: new Set(), queue: [] }))
    return bolt
  }

  function request(life: Life, name: string, asked: LockAsked, granted: LockGranted): Promise<unknown> {
    const { mode = 'exclusive', ifAvailable = false, steal = false, signal } = asked
    // Whoever is dead is not answered.
    if (life.isOver()) return new Promise(() => undefined)
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason)
        return
      }
      let isGranted = false
      let isRobbed = false
      const asker: Asker = {
        isShared: mode === 'shared',
        enter() {
          isGranted = true
          signal?.removeEventListener('abort', giveUp)
          life.plan({ kind: 'lock', label: `holds ${name}`, inMs: weather.lockMs(life.party), run: hold })
        },
        rob() {
          isRobbed = true
          stopWatching()
          life.hear(() => reject(Object.assign(new Error(`Somebody has stolen ${name}.`), { name: 'AbortError' })))
        },
      }
      const stopWatching = life.onEnd(leave, `lock ${name}`)
      signal?.addEventListener('abort', giveUp, { once: true })
      life.plan({
        kind: 'lock',
        label: `${steal ? 'steals' : 'asks for'} ${name}`,
        channel: `locks of ${life.party}`,
        inMs: weather.lockMs(life.party),
        run: arrive,
      })

      function arrive(): void {
        if (signal?.aborted === true) return
        const bolt = boltOf(name)
        if (steal) {
          for (const holder of bolt.holders) holder.rob()
          bolt.holders.clear()
        }
        if (steal || (bolt.queue.length === 0 && isFree(bolt, asker.isShared))) {
          bolt.holders.add(asker)
          isGranted = true
          signal?.removeEventListener('abort', giveUp)
          hold()
        } else if (ifAvailable) {
          stopWatching()
          settle(() => granted(null))
        } else bolt.queue.push(asker)
      }

      function hold(): void {
        if (isRobbed) return
        settle(() => granted({ name, mode }))
      }

      /** Held until what the callback returns has settled. */
      function settle(call: () => unknown): void {
        const held = (async () => call())()
        held.then(
          (result) => {
            leave()
            resolve(result)
          },
          (error: unknown) => {
            leave()
            // As the callback rejected, so does the request.
            reject(error instanceof Error ? error : new Error(String(error)))
          },
        )
      }

      function giveUp(): void {
        if (isGranted) return
        leave()
        reject(signal!.reason)
      }

      function leave(): void {
        stopWatching()
        signal?.removeEventListener('abort', giveUp)
        const bolt = bolts.get(name)
        if (bolt === undefined) return
        bolt.holders.delete(asker)
        const place = bolt.queue.indexOf(asker)
        if (place >= 0) bolt.queue.splice(place, 1)
        admit(name, bolt)
      }
    })
  }

  return {
    of: (life) => ({ request: (name, asked, granted) => request(life, name, asked, granted) }),
    size: () => [...bolts.values()].reduce((sum, { holders, queue }) => sum + holders.size + queue.length, 0),
  }
}
