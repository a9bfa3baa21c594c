import type { AppendOptions, Log, ReadRange } from '@syncline/store'
import type { Counts, Folder, Place } from './folder.ts'
import { claimedError, closedError, compactedError, damagedError, fencedError } from './problems.ts'
import { decodeRow, encodeRow, type Row } from './rows.ts'

/** So much is read at once, and held while it is taken in. */
const BATCH_BYTES = 1024 * 1024
const BATCH_ROWS = 512

const none: Counts = { last: 0, fence: 0, claim: 0 }

/** A row as it was read: what stands in it, or what is wrong with it. */
interface Found {
  readonly position: number
  readonly row: Row | string
}

/** The log of one space in a folder. `release` is called once, when it is closed. */
export function createLog(space: string, folder: Folder, release: () => Promise<void>): Log {
  const { entries, aside, counts } = folder
  const unfinished = new Set<Promise<unknown>>()
  let closing: Promise<void> | undefined

  function assertOpen(): void {
    if (closing !== undefined) throw closedError()
  }

  const countsOf = (): Counts => counts.get(space) ?? none

  /** Does all of `work` or nothing, and resolves when that is on the disk. */
  async function write<T>(work: () => T): Promise<T> {
    assertOpen()
    const writing = folder.writing.write(work)
    unfinished.add(writing)
    try {
      return await writing
    } finally {
      unfinished.delete(writing)
    }
  }

  /** What stands behind a position, up to another one: some of it, read at one moment. */
  function readSome(after: number, upTo: number, most: number): readonly Found[] {
    const found: Found[] = []
    let bytes = 0
    const range = entries.getRange({ start: [space, after], end: [space, Infinity], exclusiveStart: true })
    for (const { key, value } of range) {
      const [, position] = key
      if (position > upTo) break
      found.push({ position, row: decodeRow(space, position, value) })
      bytes += value.length
      if (found.length >= Math.min(most, BATCH_ROWS) || bytes >= BATCH_BYTES) break
    }
    return found
  }

  function isStill({ position, row }: Found): boolean {
    const value = entries.get([space, position])
    if (value === undefined) return false
    const now = decodeRow(space, position, value)
    return typeof row === 'string' || typeof now === 'string' ? row === now : row.sum === now.sum
  }

  async function read(
    after: number,
    each: Parameters<Log['read']>[1],
    bad: NonNullable<Parameters<Log['read']>[2]>,
    next: (last: number) => ReadRange,
  ): Promise<number> {
    // Who is in the middle of a checkpoint does not know whether it is still this one.
    let last = Math.floor(after)
    /** The last part that was read of the checkpoint in which the reading stands. */
    let part: Found | undefined
    let { after: skipped = 0, upTo = Infinity, most = Infinity } = next(last)
    const ask = (): void => {
      ;({ after: skipped = 0, upTo = Infinity, most = Infinity } = next(last))
    }
    for (;;) {
      assertOpen()
      if (part !== undefined && !isStill(part)) {
        last = Math.floor(last)
        part = undefined
        ask()
      }
      const from = Math.max(last, skipped)
      const isOver = most <= 0 || from >= upTo
      const some = isOver ? [] : readSome(from, upTo, most)
      if (some.length === 0) {
        if (upTo === Infinity && most > 0) return last
        if (most > 0) last = Math.max(last, upTo)
        if (Number.isInteger(last)) part = undefined
        ask()
        continue
      }
      most -= some.length
      for (const found of some) {
        const { position, row } = found
        last = position
        part = Number.isInteger(position) ? undefined : found
        assertOpen()
        const taken = typeof row === 'string' ? bad(position, row) : each(row.entry, position, row.claim)
        if ((taken as unknown) instanceof Promise) await taken
      }
      await turn()
    }
  }

  return {
    async read(after, each, bad, next = allOfIt) {
      assertOpen()
      // LMDB answers at once; whoever reads again and again must not keep everybody else from their turn.
      await turn()
      return read(
        after,
        each,
        bad ??
          ((position, reason) => {
            throw damagedError(space, position, reason)
          }),
        next,
      )
    },

    setAside: (position, reason) =>
      write(() => {
        const place: Place = [space, position]
        const row = entries.get(place)
        if (row === undefined) return
        aside.putSync(place, { row, reason })
        entries.removeSync(place)
      }),

    append(entry, { fence, claim, twice = false }: AppendOptions = {}) {
      const own = entry.slice()
      return write(() => {
        const found = countsOf()
        if (fence !== undefined && fence < found.fence) throw fencedError(fence, found.fence)
        if (claim !== undefined && found.claim > 0 && claim !== found.claim + 1) throw claimedError(claim, found.claim)
        let { last } = found
        if (twice) entries.putSync([space, (last += 1)], encodeRow(space, last, own))
        entries.putSync([space, (last += 1)], encodeRow(space, last, own, claim))
        counts.putSync(space, { ...found, last, claim: claim ?? found.claim })
        return last
      })
    },

    replace(upTo, parts, claim) {
      return write(() => {
        const place: Place = [space, upTo]
        if (!entries.doesExist(place) && !aside.doesExist(place)) throw compactedError(space, upTo)
        const range = { start: [space, 0] as Place, end: [space, upTo] as Place, inclusiveEnd: true }
        for (const place of [...entries.getKeys(range)]) entries.removeSync(place)
        for (const place of [...aside.getKeys(range)]) aside.removeSync(place)
        parts.forEach((part, i) => {
          const position = upTo - 1 + (i + 1) / parts.length
          const own = i === parts.length - 1 && claim > 0 ? claim : undefined
          entries.putSync([space, position], encodeRow(space, position, part, own))
        })
      })
    },

    takeFence: () =>
      write(() => {
        const found = countsOf()
        const fence = found.fence + 1
        counts.putSync(space, { ...found, fence })
        return fence
      }),

    onLost: () => () => undefined,

    close() {
      closing ??= Promise.allSettled([...unfinished]).then(release)
      return closing
    },
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const allOfIt = (): ReadRange => ({})
