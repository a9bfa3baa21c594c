import { encodeChange } from '@syncline/protocol'
import { changeId } from '@syncline/stm'
import type { Core } from './core.ts'
import { refusedError } from './errors.ts'
import type { Refusal } from './replica.ts'

/** Sorts out what becomes of the pending Changes of a refused writer. */
export interface Settling {
  /** Settles what is ours to settle. With `forDead` also what dead tabs have left. */
  settle(forDead: boolean): void
  /** The relay has taken something: what was refused before was mended. */
  onProgress(): void
}

/** Refusals that are about circumstances, not about what was written: the same work is sent again by a fresh writer. */
const MENDABLE: ReadonlySet<string> = new Set(['clock-ahead', 'writer-clash', 'missing-dependency', 'after-refused'])
/** Mending that fails this often without any acknowledgement in between is no mending. */
const MOST_MENDS = 3

/** Makes the settling of one open store. */
export function createSettling(core: Core): Settling {
  const { replica, writers } = core
  let mends = 0

  async function settleForDead(refusal: Refusal): Promise<void> {
    await writers.forDead(refusal.writer, async () => {
      // Its tab may have settled it just before it died.
      await core.journal.pull()
      if (core.isClosed || !replica.refusals.has(refusal.writer)) return
      settleOne(refusal)
      await core.journal.settled()
    })
  }

  function settleOne(refusal: Refusal): void {
    replica.flushDocuments()
    const mend = MENDABLE.has(refusal.code) && mends < MOST_MENDS
    if (mend) mends += 1
    if (refusal.writer === writers.current) writers.rotate()
    const { lastSeq, refused, reauthored } = replica.settlement(refusal, writers.current, core.nowMs(), mend)
    const again = reauthored.map(({ to }) => to)
    const changed = replica.end(refusal.writer, lastSeq, refused, again)
    for (const { from, to } of reauthored) {
      core.renamed.set(from, changeId(to))
      core.waiting.rename(from, changeId(to))
    }
    core.journal.write(
      {
        kind: 'ended',
        writer: refusal.writer,
        lastSeq,
        refused: refused.map(({ change, code, message }) => ({ record: encodeChange(change), code, message })),
        reauthored: again.map((change) => replica.pending.get(changeId(change))!.record()),
      },
      again.map((change) => changeId(change)),
    )
    for (const change of refused) core.waiting.reject(change.id, refusedError(change))
    core.touchStatus()
    core.watching.publish(changed, replica.memory.snapshot)
  }

  return {
    settle(forDead) {
      for (const refusal of [...replica.refusals.values()]) {
        if (refusal.writer === writers.current) settleOne(refusal)
        else if (forDead) settleForDead(refusal).catch(core.onError)
      }
    },
    onProgress() {
      mends = 0
    },
  }
}
