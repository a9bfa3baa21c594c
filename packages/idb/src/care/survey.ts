import {
  pendingIn,
  decodeEntry,
  decodeHeader,
  decodeLocal,
  entriesIn,
  ProtocolError,
  type CheckpointEntry,
  type JoinedEntry,
  type LogEntry,
  type Rest,
  type SingleEntry,
} from '@syncline/protocol'
import type { EntryRecord } from '../format.ts'
import { soundnessOf, type Soundness } from '../soundness.ts'

/** What stands in a record of the entries. */
export type Surveyed =
  | { readonly kind: 'entry'; readonly space: string; readonly record: EntryRecord; readonly entry: LogEntry }
  /** Of newer code: whole, and not for us. */
  | { readonly kind: 'newer'; readonly space: string; readonly record: EntryRecord }
  | { readonly kind: 'bad'; readonly space: string; readonly reason: string }

/** Tells what records of the entries are, of all spaces. */
export function createSurvey(): (key: IDBValidKey, value: unknown, unreadable?: string) => Surveyed {
  const soundness = new Map<string, Soundness>()
  return (key, value, unreadable) => {
    const space = spaceOf(value)
    if (unreadable !== undefined) return { kind: 'bad', space, reason: unreadable }
    let known = soundness.get(space)
    if (known === undefined) soundness.set(space, (known = soundnessOf(space)))
    const flaw = known.flawOf(value, typeof key === 'number' ? key - 1 : Infinity)
    if (flaw !== undefined) return { kind: 'bad', space, reason: flaw }
    // It is none otherwise.
    const record = value as EntryRecord
    try {
      const entry = decodeEntry(record.entry)
      for (const one of entriesIn(entry)) checkInside(one)
      return { kind: 'entry', space, record, entry }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      if (isNewer(error)) return { kind: 'newer', space, record }
      return { kind: 'bad', space, reason: error.message }
    }
  }
}

/** Whether bytes are whole and of newer code. */
function isNewer({ code }: ProtocolError): boolean {
  return code === 'newer-version' || code === 'unknown-precondition'
}

/** Throws `ProtocolError` when something in an entry cannot be understood: whoever opens its space could not take it in. */
function checkInside(entry: SingleEntry | CheckpointEntry | JoinedEntry): void {
  switch (entry.kind) {
    case 'commits':
      for (const { record, local } of entry.changes) {
        decodeHeader(record)
        decodeLocal(local)
      }
      return
    case 'ordered':
      for (const item of entry.items) if (item instanceof Uint8Array) decodeHeader(item)
      return
    case 'join':
      for (const record of [...entry.pieces, ...entry.before]) decodeHeader(record)
      return
    case 'ended':
      for (const { record } of entry.refused) decodeHeader(record)
      for (const record of entry.reauthored) decodeHeader(record)
      return
    case 'prepared':
      decodeHeader(entry.record)
      decodeLocal(entry.local)
      return
    case 'run':
    case 'refused':
    case 'dropped':
    case 'decided':
    case 'cells':
    case 'rows':
      return
    case 'rest':
      checkRest(entry.rest)
      return
    case 'joined':
      checkInside(entry.part)
  }
}

function checkRest(rest: Rest): void {
  switch (rest[0]) {
    case 'ledger':
    case 'undoable':
    case 'notes':
    case 'directory':
    case 'spare':
      return
    default:
  }
  for (const kept of rest[0] === 'asleep' ? pendingIn(rest[1]) : rest[1]) {
    if ('run' in kept) continue
    // An envelope begins with who made it.
    const [record, local] = typeof kept[0] === 'string' ? [kept[1], kept[2] as Uint8Array] : [kept[0], kept[1]]
    decodeHeader(record as Uint8Array)
    decodeLocal(local as Uint8Array)
  }
}

function spaceOf(value: unknown): string {
  const space = typeof value === 'object' && value !== null && 'space' in value ? value.space : ''
  return typeof space === 'string' ? space : ''
}
