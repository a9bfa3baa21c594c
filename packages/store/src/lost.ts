import type { WriterId } from '@syncline/stm'
import type { Core } from './core.ts'
import { StoreError } from './errors.ts'
import type { Refusal } from './refusals.ts'

/** Knows what of this device's log is lost, from what the relay says. */
export interface Losses {
  /**
   * The writers that end by a refusal, and where, in the order in which they are to be settled. Who was refused for what is missing here ends where the first of
   * that would be, and all that it has written later is authored again. Of a writer whose last Changes are missing nobody knows before another one has seen
   * them: it ends first.
   */
  endedBy(refusal: Refusal): readonly Refusal[]
}

export function createLosses(core: Core): Losses {
  const { replica } = core
  const told = new Set<WriterId>()

  function lose(writer: WriterId, seq: number): void {
    if (told.has(writer)) return
    told.add(writer)
    core.onError(lostError(core.space, writer, seq))
  }

  return {
    endedBy(refusal) {
      const { writer, seq, code, message } = refusal
      if (code !== 'missing-dependency' && code !== 'after-refused') return [refusal]
      const ended: Refusal[] = []
      for (const [other, needed] of replica.pending.get(`${writer}:${seq}`)?.change.deps.writers ?? []) {
        const last = replica.lastWhole(other)
        // Told once, it ends before this one already.
        if (needed <= last || told.has(other)) continue
        lose(other, last + 1)
        ended.push({ writer: other, seq: last + 1, code, message })
      }
      const first = replica.firstMissing(writer)
      if (first === undefined || first > seq) return [...ended, refusal]
      lose(writer, first)
      return [...ended, { ...refusal, seq: first }]
    },
  }
}

function lostError(space: string, writer: WriterId, seq: number): StoreError {
  return new StoreError(
    'storage-damaged',
    `What this device had stored of "${space}" was damaged, and the relay does not have all of it: Change ${seq} of ${writer}, perhaps with some after it, is lost. What was written on top of it is not, and is sent again. ` +
      'If it was set aside, exportDatabase() of @syncline/idb/care takes along what is left of it.',
  )
}
