import { counter, group, list, lww, record, set } from '@syncline/merge'
import { epochAt } from '@syncline/protocol'
import type { Checkpoints, LogStorage, StoredCheckpoint } from '@syncline/relay'
import { policyOf, type Policy } from '@syncline/stm'
import { createFold } from '@syncline/store/fold'
import type { SimulatedApp } from '../app.ts'
import type { Decider } from '../decider.ts'
import type { Life } from '../life.ts'

/** The checkpoints on the disk of a relay's machine. They outlive the relay, and the log that they were made of when a backup takes its place. */
export interface CheckpointDisk {
  /** As one run of the relay has them: all takes its time, and what is being made ends with the relay. */
  mount(life: Life, storage: LogStorage): Checkpoints
}

/** How long something takes. The first is the calmest. */
const TAKES_MS = [1, 1, 3, 20, 200]
/** So much is read at once. */
const PIECE_BYTES = 500
/** A cache may have forgotten the newest ones. */
const MOST_OLD = 3

/** What a relay folds the log of this app by: its own policies, and any others that it could use. */
export function policiesOf({ refs }: SimulatedApp): readonly Policy[] {
  const others = [lww('any', null), counter('any'), list('any'), record('any', {}), set('any'), group('any', {})]
  const all = [...Object.values(refs).map(policyOf), ...others.map(({ policy }) => policy)]
  return [...new Map(all.toReversed().map((policy) => [policy.tag, policy])).values()]
}

/** Keeps those that are made by these policies; `onBrought` hears of each that is read for somebody. */
export function createCheckpointDisk(
  decider: Decider,
  policies: readonly Policy[],
  onBrought: () => void,
): CheckpointDisk {
  const kept = new Map<string, StoredCheckpoint[]>()

  return {
    mount(life, storage) {
      const passes = (): Promise<void> =>
        new Promise((resolve) => {
          const inMs = TAKES_MS[decider.choose('checkpoints of relay', TAKES_MS.length)]!
          life.plan({ kind: 'storage', label: 'is at a checkpoint', inMs, run: resolve })
        })

      async function make(space: string, upTo: number): Promise<StoredCheckpoint | undefined> {
        const state = await storage.space(space)
        if (state === undefined || upTo > state.head) return undefined
        const { stretches } = state
        const before = kept.get(space)?.at(-1)
        const goesOn =
          before !== undefined && before.relaySeq <= upTo && epochAt(stretches, before.relaySeq) === before.epoch
        const fold = createFold({ space, policies, from: goesOn ? before.bytes : undefined })
        while (fold.relaySeq() < upTo) {
          await passes()
          const after = fold.relaySeq()
          const end = (stretches.find(({ first }) => first > after + 1)?.first ?? Infinity) - 1
          const records = await storage.read(space, after, Math.min(upTo, end), PIECE_BYTES)
          fold.take(epochAt(stretches, after + 1)!, after + 1, records)
        }
        await passes()
        const pieces = fold.checkpoint()
        let made = pieces.next()
        while (made.done !== true) made = pieces.next()
        if (made.value === undefined) return undefined
        const checkpoint = { epoch: epochAt(stretches, upTo)!, relaySeq: upTo, bytes: made.value }
        kept.set(space, [...(kept.get(space) ?? []), checkpoint].slice(-MOST_OLD))
        return checkpoint
      }

      return {
        make,
        async read(space) {
          await passes()
          const all = kept.get(space)
          if (all === undefined) return undefined
          onBrought()
          return all[all.length - 1 - decider.choose('age of checkpoint', all.length)]
        },
      }
    },
  }
}
