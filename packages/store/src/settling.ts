import { changeId, type WriterId } from '@syncline/stm'
import type { Core } from './core.ts'
import { refusedError } from './errors.ts'
import { randomId, randomUint32 } from './identity.ts'
import type { Refusal } from './refusals.ts'

/** Sorts out what becomes of the pending Changes of a refused writer. */
export interface Settling {
  /** Settles what is ours to settle. With `forDead` also what dead tabs have left. */
  settle(forDead: boolean): void
  /** The relay has taken something: what was refused before was mended. */
  onProgress(): void
  /** The relay says that our clock is ahead: nothing is authored again because of it before the relay has told its time. */
  onClockWrong(): void
  /** It has told it, to us or to the tab that runs the link. `forDead` as in `settle`. */
  onClockRight(forDead: boolean): void
}

/** Refusals that are about circumstances, not about what was written: the same work is sent again by a fresh writer. */
const MENDABLE: ReadonlySet<string> = new Set(['clock-ahead', 'writer-clash', 'missing-dependency', 'after-refused'])
/** Mending that fails this often without any acknowledgement in between is no mending. */
const MOST_MENDS = 10

/** Makes the settling of one open store. */
export function createSettling(core: Core): Settling {
  const { replica, writers } = core
  let mends = 0
  /** Refused writers of other tabs whose locks are waited for. */
  const awaited = new Set<WriterId>()
  /** The relay has called our clock ahead, and has not told its time since. */
  let isClockWrong = false

  /** Whether a refusal can be sorted out now. */
  function isRipe(refusal: Refusal): boolean {
    if (isClockWrong && refusal.code === 'clock-ahead') return false
    // What it had seen the relay has not, and this tab would say again that it depends on it. Another one can mend it when this one is gone.
    if (core.stranded !== undefined) return false
    // When the policy is known that it needs for that, it is settled.
    if (!replica.canReauthor(refusal)) return false
    // What a Change had seen of others must have its new name first. Of two that wait for each other the first refused goes first.
    for (const earlier of replica.refusals.values()) {
      if (earlier === refusal) return true
      for (const { change, saw } of replica.pending.values()) {
        if (change.writer === refusal.writer && (saw.get(earlier.writer) ?? 0) >= earlier.seq) return false
      }
    }
    return true
  }

  /**
   * Whether another tab may do it sooner than a log that refuses to be written lets us: nobody can do it as long as we are about it, and what
   * the log has of this writer is not sent before the log has the settlement.
   */
  function isForOthers({ writer, seq }: Refusal): boolean {
    if (core.journal.failure() === undefined) return false
    for (const [id, { change }] of replica.pending) {
      if (change.writer === writer && change.seq >= seq && core.journal.isDurable(id)) return true
    }
    return false
  }

  async function settleForDead(refusal: Refusal): Promise<void> {
    if (awaited.has(refusal.writer) || isForOthers(refusal)) return
    awaited.add(refusal.writer)
    await writers
      .forDead(refusal.writer, async () => {
        // Its tab may have settled it just before it died.
        await core.journal.pull()
        if (core.isClosed || replica.refusals.get(refusal.writer) !== refusal || !isRipe(refusal)) return
        if (!isForOthers(refusal)) await settleOne(refusal)
      })
      .finally(() => awaited.delete(refusal.writer))
    // Another one may have waited for this, or more of the same writer has come to light.
    if (replica.refusals.get(refusal.writer) !== refusal) settle(true)
  }

  /** Resolves when what became of its Changes is in the log. */
  async function settleOne(refusal: Refusal): Promise<void> {
    replica.flushDocuments()
    const mend = MENDABLE.has(refusal.code) && mends < MOST_MENDS
    if (mend) mends += 1
    const rotated = refusal.writer === writers.current() ? writers.rotate() : undefined
    // What another tab has left gets a writer of its own, who is as dead: behind what this tab writes, or wants to write again, it would wait for
    // that, which may wait for it.
    const fresh = rotated === undefined ? randomId(core.chance) : writers.current()
    const { lastSeq, refused, reauthored } = replica.settlement(refusal, fresh, core.nowMs(), mend, () =>
      randomUint32(core.chance),
    )
    const again = reauthored.map(({ to }) => to)
    const records = refused.map(({ id }) => replica.pending.get(id)!.record())
    const changed = replica.end(
      refusal.writer,
      lastSeq,
      refused.map((change, i) => ({ change, record: records[i]! })),
      reauthored.map(({ to: change, clients }) => ({ change, clients })),
    )
    core.undoing.onRefused(refused.map(({ id }) => id))
    const stored = core.journal.settle(
      {
        kind: 'ended',
        writer: refusal.writer,
        lastSeq,
        refused: refused.map(({ code, message }, i) => ({ record: records[i]!, code, message })),
        reauthored: again.map((change) => replica.pending.get(changeId(change))!.record()),
      },
      new Map(reauthored.map(({ from, to }) => [from, changeId(to)])),
    )
    for (const change of refused) core.waiting.reject(change.id, refusedError(change))
    core.touchStatus()
    core.watching.publish(changed, replica.memory.snapshot)
    core.undoing.tell()
    await stored
    rotated?.retire()
  }

  /** Nothing is lost by that: the log has the refusal, and it is settled when something moves again. */
  function onUnawake(error: unknown): void {
    if (!core.isClosed) core.onError(error)
  }

  function settle(forDead: boolean): void {
    // What is not settled when a store closes is settled by whoever is left: the log has the refusal.
    if (core.isClosed) return
    core.letGo()
    if (replica.refusals.size > 0 && replica.asleep().length > 0) {
      core.waking.wake().then(() => settle(forDead), onUnawake)
      return
    }
    for (let again = true; again;) {
      again = false
      for (const refusal of [...replica.refusals.values()]) {
        if (replica.refusals.get(refusal.writer) !== refusal || !isRipe(refusal)) continue
        if (refusal.writer === writers.current()) {
          settleOne(refusal).catch(core.onError)
          // Another one may have waited for this.
          again = true
        } else if (forDead) settleForDead(refusal).catch(core.onError)
      }
    }
  }

  return {
    settle,
    onClockWrong() {
      isClockWrong = true
    },
    onClockRight(forDead) {
      isClockWrong = false
      settle(forDead)
    },
    onProgress() {
      mends = 0
    },
  }
}
