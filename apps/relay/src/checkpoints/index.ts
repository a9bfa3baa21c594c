import { join } from 'node:path'
import { concatenated, epochAt } from '@syncline/protocol'
import type { Checkpoints, LogStorage, RelayLog, StoredCheckpoint } from '@syncline/relay'
import { createAsking, type Asking } from './asking.ts'
import { openCheckpointFiles } from './files.ts'
import type { Question } from './folding.ts'

/** Checkpoints of the logs in a data folder, which a thread of its own makes. */
export interface KeptCheckpoints extends Checkpoints {
  /** Makes no more, and ends what is being made. */
  close(): Promise<void>
}

/** What it takes to keep checkpoints. */
export interface CheckpointOptions {
  /** The data folder: they are in `checkpoints` in it, which may be emptied at any time. */
  readonly folder: string
  /** The logs in it. */
  readonly storage: Pick<LogStorage, 'space' | 'read'>
  readonly log: RelayLog
}

/** So much of a log is on its way to the thread, and is read in one turn: 0.2 ms for small Changes. A MiB would be 3 to 7, in which nobody else has a turn. */
const PIECE_BYTES = 64 * 1024
/** A log that cannot be folded is tried again when it has so many times more Changes: whoever updates the relay starts it anew. */
const AGAIN_TIMES = 2

/**
 * Keeps checkpoints of the logs of a relay, so that who comes new to a space is sent what there is and not all that ever was. Each goes on from the one before, in a thread of its own.
 * The log is whole without them.
 *
 * @example no-run: needs a thread of compiled code
 * const storage = await openLmdbStorage('./data')
 * const checkpoints = await keepCheckpoints({ folder: './data', storage, log })
 * const relay = createRelay({ storage, checkpoints, log })
 */
export function keepCheckpoints(options: CheckpointOptions): Promise<KeptCheckpoints> {
  return keepCheckpointsBy(createAsking(), options)
}

/** The same by whoever folds. */
export async function keepCheckpointsBy(
  asking: Asking,
  { folder, storage, log }: CheckpointOptions,
): Promise<KeptCheckpoints> {
  const files = await openCheckpointFiles(join(folder, 'checkpoints'), (space) =>
    log.warn({ space }, 'The checkpoint of a space was damaged. It is made again when somebody comes new.'),
  )
  /** How far the logs went that could not be folded. */
  const unfolded = new Map<string, number>()
  let isClosed = false

  async function make(space: string, upTo: number): Promise<StoredCheckpoint | undefined> {
    const state = await storage.space(space)
    if (state === undefined || upTo > state.head) return undefined
    const { stretches } = state
    const before = await files.read(space)
    const goesOn =
      before !== undefined && before.relaySeq <= upTo && epochAt(stretches, before.relaySeq) === before.epoch
    const begun = await asking.ask({ kind: 'begin', space, from: goesOn ? before.bytes : undefined })
    // What another version has made may be of no use to this one.
    let relaySeq = begun.kind === 'failed' && goesOn ? takenIn(await asking.ask(anew(space))) : takenIn(begun)
    while (relaySeq < upTo && !isClosed) {
      // What is taken together stands in one epoch.
      const next = stretches.find(({ first }) => first > relaySeq + 1)?.first ?? Infinity
      const records = await storage.read(space, relaySeq, Math.min(upTo, next - 1), PIECE_BYTES)
      if (records.length === 0) throw new Error(`There is no Change ${relaySeq + 1}.`)
      const lengths = records.map(({ length }) => length)
      const of = epochAt(stretches, relaySeq + 1)!
      relaySeq = takenIn(
        await asking.ask({ kind: 'take', epoch: of, first: relaySeq + 1, lengths, bytes: concatenated(records) }),
      )
    }
    if (isClosed) return undefined
    const answer = await asking.ask({ kind: 'finish' })
    if (answer.kind === 'failed') throw new Error(answer.message)
    if (answer.kind !== 'made' || answer.bytes === undefined) throw new Error('It would be longer than one may be.')
    const checkpoint = { epoch: epochAt(stretches, upTo)!, relaySeq: upTo, bytes: answer.bytes }
    await files.write(space, checkpoint)
    log.debug({ space, relaySeq: upTo, sizeBytes: answer.bytes.length }, 'A checkpoint is made.')
    return checkpoint
  }

  return {
    read: files.read,
    async make(space, upTo) {
      if (isClosed || upTo < AGAIN_TIMES * (unfolded.get(space) ?? 0)) return undefined
      try {
        const made = await make(space, upTo)
        if (made !== undefined) unfolded.delete(space)
        return made
      } catch (error) {
        if (isClosed) return undefined
        if (!unfolded.has(space)) {
          log.warn({ space, err: error }, 'No checkpoint can be made of a space. Newcomers are told its log.')
        }
        unfolded.set(space, upTo)
        return undefined
      }
    },
    async close() {
      isClosed = true
      await asking.end()
    },
  }
}

function anew(space: string): Question {
  return { kind: 'begin', space, from: undefined }
}

function takenIn(answer: Awaited<ReturnType<Asking['ask']>>): number {
  if (answer.kind === 'taken') return answer.relaySeq
  throw new Error(answer.kind === 'failed' ? answer.message : 'The thread that folds logs has answered something else.')
}
