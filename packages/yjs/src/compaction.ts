import * as Y from 'yjs'
import type { Content } from './content.ts'
import { isMarked, kindOf, RETIREMENT } from './generation-format.ts'
import { generationsIn, isSound } from './generations.ts'
import type { Replica } from './replica.ts'
import { begin as beginning, ignore, updatesSince } from './state.ts'
import type { Link } from './state.ts'
import { stateBeyond } from './update-of.ts'

/** When, and in which steps, updates are put together. */
export interface CompactionLimits {
  /** So many may lie there one by one. */
  readonly mostLoose: number
  /**
   * And one for each so many bytes that were put together before: who puts a long text together again for each few hundred keys that are pressed
   * does little else.
   */
  readonly bytesForOne: number
  /** So many are taken in at once: some milliseconds of work, so that what the page has to do comes in between. */
  readonly sliceUpdates: number
}

/** An update and what holds it take some 250 bytes: eight times as much memory as what was put together at most. */
const usualLimits: CompactionLimits = { mostLoose: 512, bytesForOne: 32, sliceUpdates: 200 }

/** What a compaction asks of whoever keeps the histories. */
export interface Compacting {
  newest(address: string): Link | undefined
  /** The replica of a live document, and the history that it shows and nothing beside it. */
  shown(address: string): { readonly replica: Replica; readonly link: Link | undefined } | undefined
  /** Whether a live document is there that shows less than this. */
  isBehind(address: string, link: Link): boolean
  /** Runs `work` in a task of its own. */
  later(work: () => void): void
}

/** Puts the updates of documents together, so that neither their memory nor what it takes to open them grows with the number of edits. */
export interface Compaction {
  /** A history has grown. */
  look(address: string, newest: Link | undefined): void
  close(): void
}

/**
 * Makes the compaction of one store. One document after the other: of one that is open the update is its state, as Yjs encodes it without what
 * was deleted; of others a copy is made, some updates a task. Edits that come meanwhile lie on top. `Y.mergeUpdates` of thousands would take
 * time in the square of their number.
 */
export function createCompaction(
  content: Content<unknown>,
  { newest, shown, isBehind, later }: Compacting,
  { mostLoose, bytesForOne, sliceUpdates }: CompactionLimits = usualLimits,
): Compaction {
  const waiting = new Set<string>()
  /** Whose turn it is. */
  let current: string | undefined
  let isClosed = false

  function isScattered({ loose, mergedBytes, isCut }: Link): boolean {
    return isCut || (loose >= mostLoose && loose * bytesForOne >= mergedBytes)
  }

  function begin(): void {
    const [address] = waiting
    if (current !== undefined || isClosed || address === undefined) return
    current = address
    waiting.delete(address)
    later(() => run(address))
  }

  function run(address: string): void {
    if (isClosed) return
    const now = newest(address)
    if (now === undefined || !isScattered(now)) {
      finish()
      return
    }
    // Where lives were retired last: what was before is put together by itself, for what comes after is taken in otherwise.
    let at: Link | undefined = now
    while (at !== undefined && kindOf(at.update) !== RETIREMENT) at = at.previous
    const link = at ?? now
    const open = shown(address)
    if (open?.link === link) {
      put(address, link, open.replica)
      finish()
      return
    }
    const { replica, updates } = beginning(content.create(), content, updatesSince(undefined, link)!, ignore)
    const take = (from: number): void => {
      if (isClosed) return
      const slice = updates.slice(from, from + sliceUpdates)
      replica.doc.transact(() => slice.forEach((update) => replica.feed(update)))
      if (from + sliceUpdates < updates.length) {
        later(() => take(from + sliceUpdates))
        return
      }
      later(() => {
        if (!isClosed) put(address, link, replica)
        replica.doc.destroy()
        finish()
      })
    }
    take(0)
  }

  /** Unless the history has lost it meanwhile, or somebody would miss the way there. */
  function put(address: string, link: Link, replica: Replica): void {
    const now = newest(address)
    if (updatesSince(link, now) === undefined || isBehind(address, link)) return
    const all = updatesSince(undefined, link)!
    // An open document may have been made when the same was put together in another way.
    const generations = replica.generations && generationsIn(all, content)
    const merged =
      generations === undefined
        ? Y.encodeStateAsUpdate(replica.doc)
        : stateBeyond(replica.doc, generations.lives.clocks)
    try {
      content.parse(merged)
    } catch {
      // What this code cannot read again it must not write.
      return
    }
    const { stranded } = replica
    // What was written on top of it is in a conflict copy too should another cut come to count: as it was written, not put together.
    if (generations !== undefined && [...stranded].some((update) => generations.hasTakenOver(update, content))) return
    const there = new Set(all)
    const left = [...replica.waiting, ...stranded].filter((update) => there.has(update))
    const kept = generations?.kept(merged, all, left, content) ?? [merged]
    const beside = [
      ...kept.slice(0, -1),
      ...all.filter((update) => isUnknown(update, content)),
      ...left.filter((update) => generations?.isDropped(update) !== true),
    ]
    // What comes after a retirement next.
    if (link !== now && kindOf(link.update) === RETIREMENT) waiting.add(address)
    link.compact(kept.at(-1)!, beside, now!)
  }

  function finish(): void {
    current = undefined
    begin()
  }

  return {
    look(address, link) {
      if (link === undefined || !isScattered(link) || address === current) return
      waiting.add(address)
      begin()
    },
    close() {
      isClosed = true
      waiting.clear()
    },
  }
}

/** Whether newer code has written it. It is not shown, and stays until somebody knows it. */
function isUnknown(update: Uint8Array, content: Content<unknown>): boolean {
  return isMarked(update) && !isSound(update, content)
}
