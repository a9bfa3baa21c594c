import { decodeHeader, recordAuthor, type Covered } from '@syncline/protocol'
import { changeId, type ChangeId, type WriterId } from '@syncline/stm'

/** What counts in a log that may have lost something, which somebody may have joined to it again. */
export interface Counting {
  /** The Changes whose records count, with the place of each. */
  readonly records: readonly { readonly record: Uint8Array; readonly before: number }[]
  /** Of which writers it has up to which seq by what was joined. */
  readonly seqs: ReadonlyMap<WriterId, number>
  readonly covers: readonly Covered[]
}

/** Says what counts in a log: what was joined last, and of the others what that has not seen. */
export function countingIn(records: readonly Uint8Array[]): Counting {
  const headers = records.map(decodeHeader)
  const last = headers.findLastIndex(({ join }) => join?.left === 0)
  const seqs = new Map<WriterId, number>()
  const piece = headers[last]
  if (piece !== undefined) {
    for (const header of headers.slice(last + 1 - piece.seq, last + 1)) {
      for (const [writer, seq] of header.deps.writers) seqs.set(writer, seq)
    }
  }
  return {
    records: records.flatMap((record, before) => {
      const { writer, seq, join } = headers[before]!
      return join !== undefined || seq <= (seqs.get(writer) ?? 0) ? [] : [{ record, before }]
    }),
    seqs,
    covers: piece === undefined ? [] : [...piece.join!.also, [piece.deps.epoch!, piece.deps.relaySeq]],
  }
}

/** The name of the Change in a record. */
export function idIn(record: Uint8Array): ChangeId {
  return changeId(recordAuthor(record))
}

/** What a name says. */
export function seqIn(id: ChangeId): { readonly writer: WriterId; readonly seq: number } {
  const at = id.indexOf(':')
  return { writer: id.slice(0, at), seq: Number(id.slice(at + 1)) }
}
