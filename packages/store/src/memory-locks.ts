import type { HeldLock, Locks } from './ports.ts'

/** Ends the running turn, so that nothing is answered inside the call that asked. */
export function later(fn: () => void): void {
  void Promise.resolve().then(fn)
}

/** Who holds a lock of one name, and who waits for it. */
interface Bolt {
  holders: number
  isShared: boolean
  readonly queue: { readonly isShared: boolean; enter(): void }[]
}

/** Makes locks among the tabs that share them in this process. */
export function createLocks(): Locks {
  const bolts = new Map<string, Bolt>()

  function grant(name: string, bolt: Bolt, isShared: boolean): HeldLock {
    let held = true
    let free: () => void
    const freed = new Promise<void>((resolve) => (free = resolve))
    bolt.holders += 1
    bolt.isShared = isShared
    return {
      release() {
        if (!held) return
        held = false
        bolt.holders -= 1
        admit(name, bolt)
        free()
      },
      keep: () => undefined,
      lost: new Promise(() => undefined),
      freed,
    }
  }

  /** Lets in who waits, in turn: one alone, or all that share up to the next who will not. */
  function admit(name: string, bolt: Bolt): void {
    while (bolt.queue.length > 0 && isFree(bolt, bolt.queue[0]!.isShared)) bolt.queue.shift()!.enter()
    if (bolt.holders === 0) bolts.delete(name)
  }

  function isFree(bolt: Bolt, isShared: boolean): boolean {
    return bolt.holders === 0 || (isShared && bolt.isShared)
  }

  function boltOf(name: string): Bolt {
    let bolt = bolts.get(name)
    if (bolt === undefined) bolts.set(name, (bolt = { holders: 0, isShared: false, queue: [] }))
    return bolt
  }

  async function wait(name: string, signal: AbortSignal, isShared: boolean): Promise<HeldLock> {
    await Promise.resolve()
    signal.throwIfAborted()
    const bolt = boltOf(name)
    if (bolt.queue.length === 0 && isFree(bolt, isShared)) return grant(name, bolt, isShared)
    return new Promise((resolve, reject) => {
      const entrant = {
        isShared,
        enter() {
          signal.removeEventListener('abort', leave)
          const held = grant(name, bolt, isShared)
          later(() => resolve(held))
        },
      }
      const leave = (): void => {
        bolt.queue.splice(bolt.queue.indexOf(entrant), 1)
        // Those behind it may have waited for nobody else.
        admit(name, bolt)
        reject(signal.reason)
      }
      signal.addEventListener('abort', leave, { once: true })
      bolt.queue.push(entrant)
    })
  }

  return {
    async tryHold(name) {
      await Promise.resolve()
      return bolts.has(name) ? undefined : grant(name, boltOf(name), false)
    },
    hold: (name, signal) => wait(name, signal, false),
    share: (name, signal) => wait(name, signal, true),
  }
}
