import { StoreError } from './errors.ts'
import { createLocks, later } from './memory-locks.ts'
import type { Channel, Channels, Log, ReadRange, Storage } from './ports.ts'

/** A log of one space in memory. */
interface Shelf {
  entries: { readonly position: number; readonly bytes: Uint8Array; readonly claim: number | undefined }[]
  last: number
  /** Positions of entries that nobody reads any more, and why. */
  readonly aside: Map<number, string>
  fence: number
  /** The number of the newest entry that was appended with a claim. */
  claim: number | undefined
}

/**
 * A storage that lives in this process. Stores that are given the same object are like tabs of one browser: they share logs, locks
 * and channels, and whatever they do reaches the others later, never at once. It is gone with the process.
 *
 * @example
 * import { memoryStorage, openStore } from '@syncline/store'
 * import { lww } from '@syncline/merge'
 *
 * const title = lww('title', '')
 * const browser = memoryStorage()
 * const first = await openStore({ space: 'board', storage: browser })
 * await first.transact((tx) => tx.set(title, 'Plan')).durable()
 * await first.close()
 *
 * const again = await openStore({ space: 'board', storage: browser })
 * expect(again.get(title)).toBe('Plan')
 * await again.close()
 */
export function memoryStorage(): Storage {
  const shelves = new Map<string, Shelf>()
  return {
    async openLog(space) {
      let shelf = shelves.get(space)
      if (shelf === undefined) shelves.set(space, (shelf = emptyShelf()))
      return openShelf(shelf)
    },
    locks: createLocks(),
    channels: createChannels(),
  }
}

function emptyShelf(): Shelf {
  return { entries: [], last: 0, aside: new Map(), fence: 0, claim: undefined }
}

/** What is sent is a copy, as it is in a browser. */
const { structuredClone: clone } = globalThis as unknown as { structuredClone<T>(value: T): T }

function openShelf(shelf: Shelf): Log {
  let closed = false
  const assertOpen = (): void => {
    if (closed) throw new StoreError('closed', 'This log is closed. Open it again.')
  }
  return {
    async read(after, each, _bad, next = allOfIt) {
      assertOpen()
      await Promise.resolve()
      // Who is in the middle of a checkpoint does not know whether it is still this one.
      let last = Math.floor(after)
      let range = next(last)
      let left = range.most ?? Infinity
      for (const { position, bytes, claim } of shelf.entries.slice(placeAfter(shelf, last))) {
        assertOpen()
        if (shelf.aside.has(position)) continue
        while (left === 0 || position > (range.upTo ?? Infinity)) {
          if (left > 0) last = Math.max(last, range.upTo!)
          range = next(last)
          left = range.most ?? Infinity
        }
        if (position <= (range.after ?? 0)) continue
        left -= 1
        last = position
        const taken = each(bytes.slice(), position, claim)
        if (taken instanceof Promise) await taken
      }
      return last
    },
    async setAside(position, reason) {
      assertOpen()
      if (position <= shelf.last) shelf.aside.set(position, reason)
    },
    async append(entry, { fence, claim, twice = false } = {}) {
      assertOpen()
      const bytes = entry.slice()
      await Promise.resolve()
      if (fence !== undefined && fence < shelf.fence) {
        throw new StoreError(
          'fenced',
          `Fence ${fence} is over: another tab has taken ${shelf.fence} and does this job now. Nothing was stored.`,
        )
      }
      if (claim !== undefined) {
        if (shelf.claim !== undefined && claim !== shelf.claim + 1) {
          throw new StoreError(
            'claimed',
            `Entry number ${claim} cannot be appended: another tab has appended number ${shelf.claim}. Nothing was stored. Read on and try again.`,
          )
        }
        shelf.claim = claim
      }
      if (twice) shelf.entries.push({ position: (shelf.last += 1), bytes, claim: undefined })
      shelf.entries.push({ position: (shelf.last += 1), bytes, claim })
      return shelf.last
    },
    async replace(upTo, entries, claim) {
      assertOpen()
      const own = entries.map((entry) => entry.slice())
      await Promise.resolve()
      const placed = own.map((bytes, i) => ({
        position: upTo - 1 + (i + 1) / own.length,
        bytes,
        claim: i === own.length - 1 && claim > 0 ? claim : undefined,
      }))
      for (const position of shelf.aside.keys()) if (position <= upTo) shelf.aside.delete(position)
      shelf.entries = [...placed, ...shelf.entries.slice(placeAfter(shelf, upTo))]
    },
    async takeFence() {
      assertOpen()
      await Promise.resolve()
      return (shelf.fence += 1)
    },
    onLost: () => () => undefined,
    async close() {
      closed = true
    },
  }
}

const allOfIt = (): ReadRange => ({})

/** Where the first entry after a position is. */
function placeAfter({ entries }: Shelf, position: number): number {
  let [low, high] = [0, entries.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (entries[middle]!.position <= position) low = middle + 1
    else high = middle
  }
  return low
}

function createChannels(): Channels {
  const membersByName = new Map<string, Set<(message: unknown) => void>>()
  return {
    open(name, onMessage): Channel {
      let members = membersByName.get(name)
      if (members === undefined) membersByName.set(name, (members = new Set()))
      // A function of its own: two channels may be given the same listener.
      const member = (message: unknown): void => onMessage(message)
      members.add(member)
      return {
        post(message) {
          if (!members.has(member)) return
          for (const other of members) {
            if (other === member) continue
            const copy: unknown = clone(message)
            later(() => {
              if (members.has(other)) other(copy)
            })
          }
        },
        close() {
          members.delete(member)
        },
      }
    },
  }
}
