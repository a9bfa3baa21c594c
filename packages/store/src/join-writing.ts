import { broughtBackBytes, encodeChange, joinBytes, type Covered, type Ledger } from '@syncline/protocol'
import type { DistilledCell, Epoch, WriterId } from '@syncline/stm'
import { allHere } from './away.ts'
import { partsOf } from './checkpoint-writing.ts'
import type { Core } from './core.ts'
import { randomId } from './identity.ts'
import { nextTask } from './pieces.ts'
import type { Replica } from './replica.ts'

/** So much of a join is one piece. */
const PIECE_BYTES = 64 * 1024
/** And so many writers, or Yjs clients. */
const MOST_NAMED = 512

/** The pieces of a join, as records; or why there are none: something is still being read, is damaged on this device, or was decided by a relay and cannot be brought back to this one. */
export type JoinPieces = readonly Uint8Array[] | 'not now' | 'damaged' | 'decided'

/**
 * What this tab has of a log that the relay has lost, up to where the relay had acknowledged it: as a checkpoint has it, of which nothing is this browser's own. With `adopts` the relay takes what it had
 * decided, too.
 */
export async function piecesOfJoin(core: Core, relaySeq: number, adopts: boolean): Promise<JoinPieces> {
  const { replica, intake, clock } = core
  if (replica.isMissingSome() || intake.gap() !== undefined) return 'damaged'
  const isRead = replica.basis().relaySeq === relaySeq && !intake.isReading()
  const held = isRead ? replica.hold(() => true) : undefined
  if (held === undefined) return 'not now'
  const away = core.away.hold()
  try {
    const ledger = sharedLedger(held.ledger, replica)
    const gone = await away.cells()
    if (gone === undefined) return 'not now'
    const cells: DistilledCell[] = []
    const decided: DistilledCell[] = []
    for (const cell of held.cells) {
      if (cell.arbiter === 'local') cells.push(cell)
      else if (cell.arbiter === 'relay' && cell.ops.length > 0) decided.push(cell)
    }
    const [shift, , beside] = held.ledger.decided ?? [0, [], []]
    const isDecided = decided.length > 0 || held.ledger.decided !== undefined
    if (isDecided && !adopts) return 'decided'
    const entries: Uint8Array[] = []
    const state = { cells, ledger, asleep: [], pending: [], refused: [], envelopes: [] }
    const parts = partsOf(state, [], 1, [], () => undefined, allHere, gone)
    for (;;) {
      await nextTask(clock)
      const next = parts.next()
      if (next.done === true) break
      entries.push(next.value)
    }
    const more = isDecided ? { bytes: broughtBackBytes({ cells: decided, beside }), shift } : undefined
    return cut(joinBytes(entries), more, ledger, held.ledger.owners, randomId(core.chance))
  } finally {
    away.letGo()
  }
}

/** What of a ledger all may know: of each writer what the relay has acknowledged. */
function sharedLedger(ledger: Ledger, { pending, epochAt }: Replica): Ledger {
  const acknowledged = new Map(ledger.seqs.map(([writer, seq]) => [writer, seq]))
  // Of whom the last that was heard was of this browser alone.
  acknowledged.delete(ledger.browserWriter)
  for (const { change } of pending.values()) {
    const { writer, seq } = change
    acknowledged.set(writer, Math.min(acknowledged.get(writer) ?? 0, seq - 1))
  }
  // What was refused it has not, nor what was authored again because of that.
  for (const [writer, lastSeq] of ledger.ended) {
    if (acknowledged.has(writer)) acknowledged.set(writer, Math.min(acknowledged.get(writer)!, lastSeq))
  }
  const { relaySeq, stretches } = ledger
  const at = ledger.clocks[1]
  return {
    relaySeq,
    stretches,
    foreign: [],
    // Nothing of it is of the browser that reads it.
    seqs: [...acknowledged].filter(([, seq]) => seq > 0).map(([writer, seq]) => [writer, seq, 0]),
    clocks: [at, at, 0],
    browserWriter: '',
    dismissed: [],
    refusals: [],
    ended: [],
    became: [],
    renames: [],
    owners: [],
    clientsOfRefused: [],
    joined: coversOf(ledger, epochAt(relaySeq)!),
  }
}

/**
 * All epochs of which this log has everything, and up to where, its own at the end: those that were joined to it, and each of its stretches. Some of those who come were away when the relay was
 * restarted, and stand in the stretch before.
 */
function coversOf({ relaySeq, joined = [], stretches }: Ledger, own: Epoch): readonly Covered[] {
  const covers = new Map(joined)
  for (const [i, [epoch, first]] of stretches.entries()) {
    if (first > relaySeq) break
    const last = Math.min(relaySeq, (stretches[i + 1]?.[1] ?? Infinity) - 1)
    covers.set(epoch, Math.max(last, covers.get(epoch) ?? 0))
  }
  covers.delete(own)
  return [...covers, [own, relaySeq]]
}

/** Makes records of the bytes, each with some of what the relay need know: how far the writers have come, and whose the Yjs clients are. Behind them come those of what was decided. */
function cut(
  bytes: Uint8Array,
  decided: { readonly bytes: Uint8Array; readonly shift: number } | undefined,
  ledger: Ledger,
  owners: Ledger['owners'],
  writer: WriterId,
): readonly Uint8Array[] {
  const { relaySeq, seqs, clocks, joined = [] } = ledger
  const clients = [...owners].sort(([a], [b]) => a - b)
  const count = Math.max(
    Math.ceil(bytes.length / PIECE_BYTES),
    Math.ceil(seqs.length / MOST_NAMED),
    Math.ceil(clients.length / MOST_NAMED),
  )
  const [epoch] = joined.at(-1)!
  const all = count + (decided === undefined ? 0 : Math.max(1, Math.ceil(decided.bytes.length / PIECE_BYTES)))
  const isDecided = (i: number): boolean => i >= count
  return Array.from({ length: all }, (_, i) => {
    const some = <T>(list: readonly T[]): readonly T[] => list.slice(i * MOST_NAMED, (i + 1) * MOST_NAMED)
    const inherited = new Map(some(clients))
    return encodeChange(
      {
        writer,
        seq: i + 1,
        deps: { epoch, relaySeq, writers: new Map(some(seqs).map(([other, seq]) => [other, seq])) },
        at: clocks[1],
        ops: [],
        effects: [],
        meta: isDecided(i) ? partOf(decided!.bytes, i - count) : partOf(bytes, i),
      },
      [...inherited.keys()],
      undefined,
      inherited,
      {
        join: {
          left: all - 1 - i,
          // It is the last piece that a log is asked about.
          also: i === all - 1 ? joined.slice(0, -1) : [],
          ...(isDecided(i) && { decided: { shift: decided!.shift } }),
        },
      },
    )
  })
}

function partOf(bytes: Uint8Array, i: number): Uint8Array {
  return bytes.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES)
}
