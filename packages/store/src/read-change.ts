import {
  decodeChange,
  decodeChangeInSteps,
  decidedCells,
  decodeHeader,
  ProtocolError,
  type Adoption,
  type DecodedChange,
  type Ledger,
  type LocalPart,
  type OlderNote,
} from '@syncline/protocol'
import { emptyBasis, type Change, type DistilledCell, type Op, type Value } from '@syncline/stm'
import type { Pieces } from './pieces.ts'

/** A place in the relay's order from which on `relay` refs hold what was adopted there, and nothing of what they held before. */
export interface AdoptionChange extends Change {
  readonly adopts: Adoption & { readonly cells: readonly DistilledCell[] }
}

export function isAdoption(change: object): change is AdoptionChange {
  return 'adopts' in change
}

/**
 * The Change in a record. One whose header and checksum are right but whose body makes no sense is a Change without operations:
 * it has its place in the relay's order, which everybody must be able to pass, and everybody reads it alike.
 *
 * Throws `ProtocolError` for a damaged record, and for one of a newer version.
 */
export function readChange(record: Uint8Array): Change {
  try {
    return withAdoption(decodeChange(record))
  } catch (error) {
    return withoutBody(record, error)
  }
}

/** The same in steps, each of which tells how many bytes it has read. */
export function* readChangeInSteps(record: Uint8Array): Pieces<Change> {
  try {
    return withAdoption(yield* decodeChangeInSteps(record))
  } catch (error) {
    return withoutBody(record, error)
  }
}

function withAdoption(decoded: DecodedChange): Change {
  if (decoded.adoption === undefined) return decoded
  const { adoption, meta, ...change } = decoded
  const cells = meta instanceof Uint8Array ? decidedCells(meta) : []
  const adopting: AdoptionChange = { ...change, meta: null, adopts: { cells, ...adoption } }
  return adopting
}

/** What is left of a Change that cannot be read, for this reason. */
function withoutBody(record: Uint8Array, error: unknown): Change {
  if (!(error instanceof ProtocolError) || error.code === 'newer-version' || error.code === 'unknown-precondition')
    throw error
  const { writer, seq, deps, at } = decodeHeader(record)
  return { writer, seq, deps, at, ops: [], effects: [], meta: null }
}

/** The Change as its own browser knows it: the shared part, and what never leaves the browser. */
export function withLocalPart(shared: Change, { ops, effects }: Pick<LocalPart, 'ops' | 'effects'>): Change {
  if (ops.length === 0 && effects.length === 0) return shared
  return { ...shared, ops: [...shared.ops, ...ops], effects: [...shared.effects, ...effects] }
}

/** The part of a Change that others may have. */
export function sharedPart(change: Change): Change {
  const isShared = change.effects.length === 0 && change.ops.every(({ arbiter }) => arbiter !== 'browser')
  return isShared ? change : { ...change, ops: change.ops.filter(({ arbiter }) => arbiter !== 'browser'), effects: [] }
}

const isBrowsers = ({ arbiter }: Op): boolean => arbiter === 'browser'

/** A Change without its operations on `browser` refs: what of it can be pending, refused, or brought by others. */
export function withoutBrowserOps(change: Change): Change {
  if (!change.ops.some(isBrowsers)) return change
  return { ...change, ops: change.ops.filter(({ arbiter }) => arbiter !== 'browser') }
}

/** A Change without its operations on `relay` refs. */
export function withoutRelayOps(change: Change): Change {
  return { ...change, ops: change.ops.filter(({ arbiter }) => arbiter !== 'relay') }
}

/** The operations and effects that never leave the browser. */
export function localPart({ ops, effects }: Change): Pick<LocalPart, 'ops' | 'effects'> {
  return { ops: ops.filter(({ arbiter }) => arbiter === 'browser'), effects }
}

/** What is to be filled in where only the name of a Change is known, and what it has touched. */
export const nobody: Change = { writer: '', seq: 0, deps: emptyBasis, at: 0, ops: [], effects: [], meta: null }

/** Of a Change that was authored again what it was and what it has become. */
export function asReauthored([writer, seq, at, nextWriter, nextSeq, nextAt]: Ledger['became'][number]): [
  Change,
  Change,
] {
  return [
    { ...nobody, writer, seq, at },
    { ...nobody, writer: nextWriter, seq: nextSeq, at: nextAt },
  ]
}

/** What a checkpoint of an older version has kept with a Change, as if it came with that. */
export function asHeard([writer, seq, at, ordered, refs, inverse]: OlderNote): [Change, Value, number] {
  const ops = refs.map(([tag, address, arbiter]): Op => ({ tag, address, arbiter, payload: null }))
  return [{ ...nobody, writer, seq, at, ops }, inverse, ordered]
}
