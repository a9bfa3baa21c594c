import type { Log, Storage } from '../src/index.ts'
import { withLog } from './with-log.ts'

interface Placed {
  readonly bytes: Uint8Array
  readonly position: number
  readonly claim: number | undefined
}

/**
 * A storage that is read as one on a disk is: entry by entry, each as it is there by then. In the middle of a checkpoint that another one has taken the place of
 * it begins with that. `meanwhile` happens before the next turn.
 */
export function inTurns(disk: Storage, meanwhile: (last: Uint8Array) => Promise<void>): Storage {
  return withLog(disk, (log) => ({
    async read(after, each, _bad, next = () => ({})) {
      let last = Math.floor(after)
      let part: Placed | undefined
      for (;;) {
        const { after: from = last, upTo = Infinity, most = Infinity } = next(last)
        for (let left = most; left > 0; left--) {
          const there = await entriesOf(log)
          if (part !== undefined && !there.some((one) => isSame(one, part!))) {
            last = Math.floor(last)
            part = undefined
            break
          }
          const found = there.find(({ position }) => position > Math.max(last, from) && position <= upTo)
          if (found === undefined) {
            if (upTo === Infinity) return last
            last = Math.max(last, upTo)
            break
          }
          last = found.position
          part = Number.isInteger(last) ? undefined : found
          const taken = each(found.bytes, last, found.claim)
          if (taken instanceof Promise) await taken
          await meanwhile(found.bytes)
        }
      }
    },
  }))
}

async function entriesOf(log: Log): Promise<readonly Placed[]> {
  const all: Placed[] = []
  await log.read(0, (bytes, position, claim) => void all.push({ bytes, position, claim }))
  return all
}

function isSame(one: Placed, other: Placed): boolean {
  return one.position === other.position && one.bytes.every((byte, i) => byte === other.bytes[i])
}
