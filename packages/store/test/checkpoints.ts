import { counter, group, list, lww, record, set } from '@syncline/merge'
import { items } from '@syncline/merge/diff'
import { diff3 } from '@syncline/merge/diff3'
import { createFrameReader, encodeFrames, MAX_PACKET_BYTES, type Frame } from '@syncline/protocol'
import type { Checkpoints, LogStorage, StoredCheckpoint } from '@syncline/relay'
import type { Policy } from '@syncline/stm'
import { createFold } from '../src/fold.ts'
import type { Transport } from '../src/index.ts'
import { atOnce } from '../src/pieces.ts'

/** Any ref of each policy will do. */
export const policies: readonly Policy[] = [
  lww('any', null),
  counter('any'),
  list('any'),
  record('any', {}),
  set('any'),
  group('any', {}),
  diff3('any', { by: items, initial: [] }),
].map(({ policy }) => policy)

/** A cache of checkpoints, and who makes them, all in this process. */
export interface FoldedCheckpoints extends Checkpoints {
  readonly kept: Map<string, StoredCheckpoint>
  /** How many were made, and how many of them of others. */
  readonly made: { all: number; goingOn: number }
}

/** `maxBytes` is read at once: how a log is cut makes no difference. */
export function foldedCheckpoints(
  disk: () => LogStorage,
  { by = policies, maxBytes = 4096 }: { readonly by?: readonly Policy[]; readonly maxBytes?: number } = {},
): FoldedCheckpoints {
  const kept = new Map<string, StoredCheckpoint>()
  const made = { all: 0, goingOn: 0 }
  return {
    kept,
    made,
    read: async (space) => kept.get(space),
    async make(space, upTo) {
      const found = await disk().space(space)
      if (found === undefined) return undefined
      const { stretches } = found
      const epochOf = (relaySeq: number): string => stretches.findLast(({ first }) => first <= relaySeq)!.epoch
      const before = kept.get(space)
      const goesOn = before !== undefined && before.relaySeq <= upTo && epochOf(before.relaySeq) === before.epoch
      const fold = createFold({ space, policies: by, from: goesOn ? before.bytes : undefined })
      while (fold.relaySeq() < upTo) {
        const first = fold.relaySeq() + 1
        const end = (stretches.find((stretch) => stretch.first > first)?.first ?? Infinity) - 1
        fold.take(epochOf(first), first, await disk().read(space, first - 1, Math.min(upTo, end), maxBytes))
      }
      const bytes = atOnce(fold.checkpoint())
      if (bytes === undefined) return undefined
      made.all += 1
      if (goesOn) made.goingOn += 1
      const stored = { epoch: epochOf(upTo), relaySeq: upTo, bytes }
      kept.set(space, stored)
      return stored
    },
  }
}

/** A way to the relay on which nobody is new: all is told from the log. Tells each frame that comes. */
export function asBefore(transport: Transport): Transport {
  return withFrames(transport, (frame) => (frame.type === 'newcomer' ? [] : [frame]))
}

/** A way to the relay on which what is sent is otherwise, and each frame that comes is told. */
export function withFrames(
  { connect }: Transport,
  sent: (frame: Frame) => readonly Frame[],
  onFrame: (frame: Frame) => Frame = (frame) => frame,
): Transport {
  return {
    connect(events) {
      const [up, down] = [0, 1].map(() => createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES }))
      const connection = connect({
        ...events,
        onMessage(message) {
          for (const one of encodeFrames(down!.push(message).map(onFrame), 2 ** 20)) events.onMessage(one)
        },
      })
      return {
        get bufferedBytes() {
          return connection.bufferedBytes
        },
        send(message) {
          for (const one of encodeFrames(up!.push(message).flatMap(sent), 2 ** 20)) connection.send(one)
        },
        close: (code, reason) => connection.close(code, reason),
      }
    },
  }
}
