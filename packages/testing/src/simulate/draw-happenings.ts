import { createFrameReader, MAX_PACKET_BYTES, recordAuthor, type Frame } from '@syncline/protocol'
import type { Happening } from './chronicle.ts'
import type { Drawing, Mark } from './diagram.ts'

/** What shows in a diagram; timers, locks and what the storage does are many, and say little. */
const SHOWN = new Set(['deed', 'fault', 'message'])

/** More lines than this nobody reads: what is left out is the beginning. */
const MOST_MARKS = 80

/** The diagram of what happened in a schedule: who sent what to whom, what people did, and what went wrong. */
export function drawingOfHappenings(happenings: readonly Happening[], most: number = MOST_MARKS): Drawing {
  const writers = new Map<string, string>()
  const marks = happenings.flatMap((happening) => markOf(happening, writers))
  const shown = marks.slice(-most)
  const left = marks.length - shown.length
  const parties = [...new Set(shown.flatMap(partiesOf))].sort(byPlace)
  if (parties.length === 0) parties.push('nobody')
  return { parties, marks: left === 0 ? shown : [{ kind: 'divider', label: `${left} more before` }, ...shown] }
}

function markOf({ party, kind, label, from, bytes }: Happening, writers: Map<string, string>): readonly Mark[] {
  if (!SHOWN.has(kind)) return []
  if (kind === 'fault') return [{ kind: 'fault', at: party, label }]
  if (from === undefined || from === party) return [{ kind: 'act', at: party, label }]
  if (bytes === undefined) return [{ kind: 'message', from, to: party, label }]
  return [{ kind: 'message', from, to: party, label: wordsOf(bytes, writers) || label }]
}

/** What a message says. Its bytes are those of the wire, so they are as whole as they were when they were sent. */
function wordsOf(bytes: Uint8Array, writers: Map<string, string>): string {
  const reader = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })
  try {
    return reader
      .push(bytes)
      .map((frame) => wordsOfFrame(frame, writers))
      .join(', ')
  } catch {
    return ''
  }
}

function wordsOfFrame(frame: Frame, writers: Map<string, string>): string {
  const nameOf = (writer: string, seq: number): string => {
    if (!writers.has(writer)) writers.set(writer, `w${writers.size + 1}`)
    return `${writers.get(writer)!}:${seq}`
  }
  switch (frame.type) {
    case 'changes': {
      const names = frame.records.map(recordAuthor).map(({ writer, seq }) => nameOf(writer, seq))
      return `changes ${names.join(' ')}${frame.first === 0 ? '' : ` at ${frame.first}`}`
    }
    case 'acknowledgement':
      return `acknowledges ${nameOf(frame.writer, frame.firstSeq)}${frame.count > 1 ? ` and ${frame.count - 1} more` : ''} at ${frame.first}`
    case 'refusal':
      return `refuses ${nameOf(frame.writer, frame.seq)}: ${frame.code}`
    case 'failure':
      return `failure ${frame.code}`
    case 'basis':
      return `basis ${frame.head}`
    case 'open':
      return `open at ${frame.basis.relaySeq}`
    default:
      return frame.type
  }
}

function partiesOf(mark: Mark): readonly string[] {
  if (mark.kind === 'divider') return []
  return mark.kind === 'message' ? [mark.from, mark.to] : [mark.at]
}

/** People and their machines first, the relay and the network at the end. */
function byPlace(a: string, b: string): number {
  const place = (party: string): number => (party.startsWith('browser') ? 0 : 1)
  return place(a) - place(b) || (a < b ? -1 : 1)
}
