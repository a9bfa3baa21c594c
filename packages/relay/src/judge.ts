import { recordChecksum } from '@syncline/protocol'
import type { ChangeHeader } from '@syncline/protocol'
import type { WriterId } from '@syncline/stm'
import type { Arrival } from './arrival.ts'
import { basisFlaw, type Extent } from './basis-flaw.ts'
import type { LimitName, RelayLimits } from './limits.ts'
import type { Clock, WriterState } from './ports.ts'
import { READ_ONLY, type Actor } from './rights.ts'

/** What is to be done with a Change that came in. */
export type Judgement = 'append' | 'duplicate' | Refused

/** Why a Change is refused, and from which seq on its writer has ended by it (`undefined`: it had ended before). */
export interface Refused {
  readonly code: string
  readonly message: string
  readonly endsAt: number | undefined
  readonly limit?: LimitName | undefined
}

/** All that a judgement depends on. The extent is up to the last Change that was given a relaySeq. */
export interface Court extends Extent {
  readonly space: string
  /** The greatest stamp in the log, in microseconds. */
  readonly latestAt: number
  readonly writers: { get(id: WriterId): WriterState }
  /** Whose a Yjs client is; undefined when nobody has used it. */
  readonly documents: { ownerOf(client: number): WriterId | undefined }
  readonly clock: Clock
  readonly limits: RelayLimits
  /** The operator's own rule. */
  refuse(header: ChangeHeader, principal: string): Flaw
  /** What a Change expects of the end of the log, and is not so. */
  arbitrate(arrival: Arrival, header: ChangeHeader): Flaw
}

/**
 * Decides about one Change of a principal. It is appended only when everything it depends on is in the log before it, so the log is causal:
 * whoever replays it from the start can apply every Change at once.
 */
export function judge(arrival: Arrival, actor: Actor, court: Court): Judgement {
  const { writer, seq, record, header } = arrival
  const { principal, rights } = actor
  const state = court.writers.get(writer)
  const { lastSeq, recent, ended } = state
  const isKnown = seq <= lastSeq && isSame(recent[recent.length - 1 - (lastSeq - seq)], record)
  if (isKnown) return 'duplicate'
  if (isOfAnother(state, principal)) return { ...takenFrom(writer, seq), endsAt: undefined }
  if (seq <= lastSeq) return clash(arrival, lastSeq)
  if (ended !== null && seq >= ended.seq) {
    if (seq === ended.seq) return { code: ended.code, message: ended.message, endsAt: undefined }
    return {
      code: 'after-refused',
      message: `Change ${ended.seq} of this writer was refused (${ended.code}), so ${seq} cannot stand. Author it again under a fresh writer id.`,
      endsAt: undefined,
    }
  }
  const flaw: Flaw =
    rights?.flawIn(court.space, header) ??
    (header === undefined
      ? {
          code: 'unknown-precondition',
          message: 'The Change may be applied only after a check that this relay does not know. Update the relay.',
        }
      : (gapIn(header, lastSeq, court) ??
        flawIn(header, record, court) ??
        court.refuse(header, principal) ??
        strangerIn(header, principal, court) ??
        court.arbitrate(arrival, header)))
  return flaw === undefined
    ? 'append'
    : {
        code: flaw.code,
        message: flaw.message,
        endsAt: endBy(flaw.code, seq, state),
        limit: flaw.limit,
      }
}

/** What is wrong, if anything. */
export type Flaw = { readonly code: string; readonly message: string; readonly limit?: LimitName } | undefined

/** From which seq on a refusal ends a writer. Where somebody who may not write at all has never written, nothing is kept of it: anybody could have the relay keep that. */
export function endBy(code: string, seq: number, { lastSeq, ended }: WriterState): number | undefined {
  return code === READ_ONLY && lastSeq === 0 && ended === null ? undefined : seq
}

/** Whether a writer belongs to somebody else than a principal. */
export function isOfAnother({ principal }: WriterState, asked: string): boolean {
  return principal !== undefined && principal !== asked
}

/** What is said to who writes as somebody else. It changes nothing for the one whose writer it is. */
export function takenFrom(writer: WriterId, seq: number): { readonly code: string; readonly message: string } {
  const message = `Writer ${writer} is somebody else's, so Change ${seq} of it is not yours to write. Author it again under a fresh id.`
  return { code: 'writer-clash', message }
}

/** A checksum that is not remembered any more cannot be compared. */
function isSame(known: number | undefined, record: Uint8Array): boolean {
  return known === undefined || known === recordChecksum(record)
}

function clash({ writer, seq }: Arrival, lastSeq: number): Refused {
  return {
    code: 'writer-clash',
    message: `Two different Changes say that they are ${writer}:${seq}: two sessions use one writer id. Author this one again under a fresh id.`,
    endsAt: Math.max(seq, lastSeq + 1),
  }
}

/** What the Change depends on and the log has not. */
function gapIn({ writer, seq, deps }: ChangeHeader, lastSeq: number, court: Court): Flaw {
  const missing = (what: string): Flaw => ({
    code: 'missing-dependency',
    message: `Change ${writer}:${seq} depends on ${what}. Send what comes before it first.`,
  })
  if (seq !== lastSeq + 1) return missing(`${writer}:${seq - 1}, and the log has this writer up to ${lastSeq}`)
  if (deps.writers.size > court.limits.maxNamedWriters) {
    return {
      code: 'too-large',
      message: `Change ${writer}:${seq} depends on ${deps.writers.size} writers; this relay takes ${court.limits.maxNamedWriters}. Author it again after a sync.`,
      limit: 'maxNamedWriters',
    }
  }
  const flaw = basisFlaw(deps, court)
  if (flaw !== undefined) return missing(`relaySeq ${deps.relaySeq} in epoch ${deps.epoch}, ${flaw}`)
  for (const [other, needed] of deps.writers) {
    const { lastSeq: has } = court.writers.get(other)
    if (needed > has) return missing(`${other}:${needed}, and the log has that writer up to ${has}`)
  }
  return undefined
}

/** Whether it writes under Yjs clients of somebody else. */
function strangerIn({ writer, seq, documents, inherited }: ChangeHeader, principal: string, court: Court): Flaw {
  for (const client of documents) {
    const heir = inherited.get(client)
    const owner = court.documents.ownerOf(client)
    const isTaken =
      (owner !== undefined && owner !== (heir ?? writer)) ||
      (heir !== undefined && isOfAnother(court.writers.get(heir), principal))
    // Who goes on writing may not be followed by another under its clients.
    if (!isTaken && (heir === undefined || court.writers.get(heir).ended !== null)) continue
    return {
      code: 'writer-clash',
      message: `Change ${writer}:${seq} writes under Yjs client ${client}, which is that of ${owner ?? heir}: two sessions use one. Author it again under others.`,
    }
  }
  return undefined
}

/** So far above the greatest stamp lie those of Changes that were authored on it all at once, one microsecond after the other. */
const SUCCESSORS = 10_000

/** What is wrong with the Change itself. */
function flawIn(
  { at, touched, documents, expectations, adoption }: ChangeHeader,
  record: Uint8Array,
  { clock, latestAt, limits }: Court,
): Flaw {
  if (record.length > limits.maxChangeBytes) {
    return {
      code: 'too-large',
      message: `The Change has ${record.length} bytes; this relay takes ${limits.maxChangeBytes}. Split the work into several transactions.`,
      limit: 'maxChangeBytes',
    }
  }
  if (documents.length > limits.maxNamedClients) {
    return {
      code: 'too-large',
      message: `The Change names ${documents.length} Yjs clients; this relay takes ${limits.maxNamedClients}. Split the work into several transactions.`,
      limit: 'maxNamedClients',
    }
  }
  // `at` is in microseconds.
  const aheadMs = at / 1000 - clock.nowMs()
  // Whoever has seen what was taken before stamps after it, also when the relay's clock was set back since.
  if (aheadMs > limits.maxAheadMs && at > latestAt + SUCCESSORS) {
    return {
      code: 'clock-ahead',
      message: `The Change is stamped ${Math.ceil(aheadMs)} ms ahead of the relay's clock; ${limits.maxAheadMs} are allowed. Set the clock right and author it again.`,
      limit: 'maxAheadMs',
    }
  }
  if (adoption !== undefined) {
    return {
      code: 'malformed',
      message: 'What relay refs hold only the operator of the relay can say. Update the app.',
    }
  }
  for (const { address, arbiter } of touched) {
    if (arbiter === 'relay' && expectations === undefined) {
      return {
        code: 'malformed',
        message: `The Change writes "${address}", a relay ref, and does not say what it expects. Write relay refs in transactAsync() with { arbiter: 'relay' }.`,
      }
    }
    if (arbiter === 'browser') {
      return {
        code: 'malformed',
        message: `The Change writes "${address}", a browser ref; those never leave the browser. Update the app.`,
      }
    }
  }
  return undefined
}
