import {
  concatenated,
  decodeEntry,
  ProtocolError,
  type CheckpointEntry,
  type Ledger,
  type WholeEntry,
} from '@syncline/protocol'
import type { Epoch } from '@syncline/stm'

/** What a relay sends to who has nothing of a space, in place of the Changes that it stands for. */
export interface BroughtCheckpoint {
  /** As it goes into the log. */
  readonly entry: WholeEntry
  readonly relaySeq: number
  /** In which that stands. */
  readonly epoch: Epoch
}

/** What a ledger from outside says. All else in it is one browser's own, and is empty. */
const shared = ['relaySeq', 'stretches', 'seqs', 'clocks']

/** The checkpoint in these pieces. A relay may be wrong: undefined when it is none of a log that ends at `head`, or has what this code does not know. */
export function readCheckpoint(pieces: readonly Uint8Array[], head: number): BroughtCheckpoint | undefined {
  try {
    const entry = decodeEntry(concatenated(pieces))
    if (entry.kind !== 'whole') return undefined
    const ledger = ledgerIn(entry.parts)
    if (ledger === undefined || !isShared(ledger) || ledger.relaySeq > head) return undefined
    return { entry, relaySeq: ledger.relaySeq, epoch: ledger.stretches.at(-1)![0] }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return undefined
  }
}

/** The ledger of a checkpoint that has cells and nothing else. */
function ledgerIn(parts: readonly CheckpointEntry[]): Ledger | undefined {
  const last = parts.length - 1
  const areRight = parts.every((part, i) => {
    if (part.part !== i + 1 || part.checkpoint !== parts[0]!.checkpoint) return false
    if (part.kind === 'rest') return i === last && part.isLast
    return (part.kind === 'rows' ? [part.rows] : part.cells).every(({ arbiter }) => arbiter !== 'browser')
  })
  const end = parts[last]
  return areRight && end?.kind === 'rest' && end.rest[0] === 'ledger' ? end.rest[1] : undefined
}

/** Whether a ledger is one of a log, and has nothing of one browser. */
function isShared(ledger: Ledger): boolean {
  const { relaySeq, stretches, seqs, clocks } = ledger
  return (
    Object.entries(ledger).every(([name, value]: [string, unknown]) => {
      return shared.includes(name) || (name !== 'counted' && (value as ArrayLike<unknown>).length === 0)
    }) &&
    clocks[2] === 0 &&
    areIds(stretches) &&
    stretches[0]?.[1] === 1 &&
    stretches.every(([, first], i) => first < (stretches[i + 1]?.[1] ?? relaySeq + 1)) &&
    areIds(seqs) &&
    seqs.every(([, seq, own]) => seq > 0 && own === 0)
  )
}

/** Whether what stands first in each is an id, and another one in each. */
function areIds(items: readonly (readonly [id: string, ...rest: unknown[]])[]): boolean {
  return new Set(items.map(([id]) => id).filter((id) => /^[0-9a-f]{32}$/.test(id))).size === items.length
}
