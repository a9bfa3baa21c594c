import { areDistinct, cellKeyOf, memberOp } from '@syncline/stm'
import type { Arbiter, Basis, CellKey, Change, Op, Value, WriterId } from '@syncline/stm'
import { encodeAdoption, readAdoption, type Adoption } from './adoption.ts'
import { readBasis, writeBasis } from './basis.ts'
import { ProtocolError } from './errors.ts'
import { encodeExpectations, readExpectations, type Expectation } from './expectation.ts'
import { encodeInherited, nothingInherited, readInherited, type Inherited } from './inherited.ts'
import { encodeJoinPiece, readJoinPiece, type JoinPiece } from './join-piece.ts'
import type { ByteReader } from './reader.ts'
import type { ByteWriter } from './writer.ts'

/** A ref that a Change writes, as its header names it. */
export interface TouchedRef {
  readonly tag: string
  readonly address: string
  readonly arbiter: Arbiter
}

/** What the relay reads of a Change: enough to order it, to store it and to judge rights, and nothing of what is written. */
export interface ChangeHeader {
  readonly writer: WriterId
  readonly seq: number
  readonly deps: Basis
  readonly at: number
  /** The refs that are written, without repetition, in the order of their first operation. */
  readonly touched: readonly TouchedRef[]
  /** The Yjs client ids under which its author writes in it, ascending. */
  readonly documents: readonly number[]
  /** Those of them that another writer had first. */
  readonly inherited: Inherited
  /** What must be so for the Change to be accepted. Undefined for a Change that asks for no check; one that writes `relay` refs does. */
  readonly expectations: readonly Expectation[] | undefined
  /** Given for what is no Change by itself, but a piece of a join. */
  readonly join: JoinPiece | undefined
  /** Given for what is no Change by itself, but says what `relay` refs hold from here on. */
  readonly adoption: Adoption | undefined
}

/** What makes a record something else than a Change. */
export interface Apart {
  readonly join?: JoinPiece | undefined
  readonly adoption?: Adoption | undefined
}

const ARBITERS: readonly Arbiter[] = ['local', 'browser', 'relay']

/** That it is of the collection of the one before, and an empty id. */
const LEAST_TOUCHED_BYTES = 2

/**
 * A collection is not named again if its name is no longer than this, as those that apps can make are. So a few bytes never stand for an address
 * that is much longer.
 */
const LONGEST_NAME = 128

/** The kinds of preconditions that this version knows. */
const EXPECTED_CONTENT = 1
const INHERITED_CLIENTS = 2
const PIECE_OF_JOIN = 3
const DECIDED_PIECE = 4
const ADOPTION = 5

/** Writes the header of a Change and gives, for each operation, the place of its ref among the touched; undefined when it is its own place. */
export function writeHeader(
  out: ByteWriter,
  change: Change,
  documents: readonly number[],
  expectations: readonly Expectation[] | undefined,
  inherited: Inherited,
  { join, adoption }: Apart,
): readonly number[] | undefined {
  const { touched, places } = gatherTouched(change.ops)
  if (change.seq === 0) throw out.unfit('0 as a seq, which counts from 1')
  out.varuint(0) // flags
  out.id(change.writer)
  out.varuint(change.seq)
  writeBasis(out, change.deps)
  out.varuint(change.at)
  writeTouched(out, touched)
  const ids = documents.length < 2 ? documents : [...new Set(documents)].sort((a, b) => a - b)
  out.varuint(ids.length)
  for (const id of ids) out.varuint(id)
  out.varuint(0) // effects bound for the relay
  const isApart = join === undefined && adoption === undefined ? 0 : 1
  out.varuint((expectations === undefined ? 0 : 1) + (inherited.size === 0 ? 0 : 1) + isApart) // preconditions
  if (expectations !== undefined) {
    out.byte(EXPECTED_CONTENT)
    out.bytes(encodeExpectations(expectations))
  }
  if (inherited.size > 0) {
    for (const [client, owner] of inherited) {
      if (!ids.includes(client)) throw out.unfit(`${client} as an inherited client, which is not among the documents`)
      if (owner === change.writer) throw out.unfit(`${client} as a client inherited from its own author`)
    }
    out.byte(INHERITED_CLIENTS)
    out.bytes(encodeInherited(inherited))
  }
  if (join !== undefined) {
    out.byte(join.decided === undefined ? PIECE_OF_JOIN : DECIDED_PIECE)
    out.bytes(encodeJoinPiece(join))
  } else if (adoption !== undefined) {
    out.byte(ADOPTION)
    out.bytes(encodeAdoption(adoption))
  }
  return places
}

/** With nothing after its loop, as those of `crc32c` are. */
export function writeTouched(out: ByteWriter, touched: readonly TouchedRef[]): void {
  out.varuint(touched.length)
  let collection = ''
  for (let i = 0; i < touched.length; i++) {
    const { tag, address, arbiter } = touched[i]!
    if (collection !== '' && isBeside(touched[i - 1]!, tag, arbiter, address, collection)) {
      out.string('')
      out.string(address.slice(collection.length))
      continue
    }
    const code = ARBITERS.indexOf(arbiter)
    if (code < 0) throw out.unfit(`"${arbiter}" as an arbiter`)
    if (tag === '') throw out.unfit('a ref without a tag')
    out.string(tag)
    out.string(address)
    out.byte(code)
    collection = collectionIn(address)
  }
}

/** Whether a ref is in the collection of the one before. */
function isBeside(before: TouchedRef, tag: string, arbiter: Arbiter, address: string, collection: string): boolean {
  return before.tag === tag && before.arbiter === arbiter && address.startsWith(collection)
}

/** What the addresses of all members of a collection begin with; empty for what is no member of one, or of one whose name is too long. */
function collectionIn(address: string): string {
  const slash = address.indexOf('/')
  return slash > LONGEST_NAME ? '' : address.slice(0, slash + 1)
}

/** The refs that operations are on, and of each operation the place of its ref; undefined where each is on one of its own. */
export function gatherTouched(ops: readonly Op[]): {
  readonly touched: readonly TouchedRef[]
  readonly places: readonly number[] | undefined
} {
  // Most Changes write one ref; and what one body writes is written once.
  if (ops.length === 1 || areDistinct(ops)) return { touched: ops, places: undefined }
  const places = placesOf(ops)
  const touched: TouchedRef[] = []
  for (let i = 0; i < ops.length; i++) if (places[i] === touched.length) touched.push(ops[i]!)
  return { touched, places }
}

/** Of each operation the place of its ref among the different ones, in the order in which these come first. */
function placesOf(ops: readonly Op[]): readonly number[] {
  const known = new Map<CellKey, number>()
  return ops.map((op) => {
    const key = cellKeyOf(op)
    const place = known.get(key) ?? known.size
    known.set(key, place)
    return place
  })
}

/** Reads the start of a header. */
export function readAuthor(input: ByteReader): { writer: WriterId; seq: number } {
  const flags = input.varuint()
  if (flags !== 0) throw newer(`the flags ${flags}`)
  return { writer: input.id(), seq: input.positive('a seq') }
}

/** Reads a whole header, and only then judges what it asks for. */
export function readHeader(input: ByteReader): ChangeHeader {
  const { writer, seq } = readAuthor(input)
  const deps = readBasis(input)
  const at = input.varuint()
  const touched = readTouched(input)
  const documents = readDocuments(input)
  const effects = input.varuint()
  if (effects !== 0) throw newer(`${effects} effects bound for the relay`)
  const preconditions = readPreconditions(input)
  input.done()
  const asked = preconditions.find(({ kind }) => kind < EXPECTED_CONTENT || kind > ADOPTION)
  if (asked !== undefined) {
    throw new ProtocolError(
      'unknown-precondition',
      `Change ${writer}:${seq} may be applied only after a check of kind ${asked.kind}, which this version does not know. Refuse it, or update.`,
    )
  }
  preconditions.forEach(({ kind }, i) => {
    const before = preconditions[i - 1]
    if (before !== undefined && before.kind >= kind) {
      throw input.malformed(`a precondition of kind ${kind} after one of kind ${before.kind}`)
    }
  })
  const contentOf = (wanted: number): ByteReader | undefined =>
    preconditions.find(({ kind }) => kind === wanted)?.content
  const [expected, handed] = [contentOf(EXPECTED_CONTENT), contentOf(INHERITED_CLIENTS)]
  const [piece, decided, adopted] = [PIECE_OF_JOIN, DECIDED_PIECE, ADOPTION].map(contentOf)
  if ([piece, decided, adopted, expected].filter((content) => content !== undefined).length > 1)
    throw input.malformed('a record of several kinds')
  const expectations = expected && readExpectations(expected)
  const inherited = handed === undefined ? nothingInherited : readInherited(handed, documents, writer)
  const header = { deps, touched, documents, inherited }
  const join = (piece ?? decided) && readJoinPiece((piece ?? decided)!, decided !== undefined, header)
  const adoption = adopted && readAdoption(adopted, header)
  return { writer, seq, deps, at, touched, documents, inherited, expectations, join, adoption }
}

/** Reads refs that are touched. */
export function readTouched(input: ByteReader): readonly TouchedRef[] {
  const touched: TouchedRef[] = []
  let before: TouchedRef | undefined
  let collection = ''
  for (let left = input.count(LEAST_TOUCHED_BYTES); left > 0; left--) {
    const tag = input.string()
    if (tag === '') {
      if (before === undefined || collection === '')
        throw input.malformed('a ref without a tag, after none in a collection')
      before = new Touched(before.tag, before.arbiter, collection, input.string())
    } else {
      const address = input.string()
      const code = input.byte()
      const arbiter = ARBITERS[code]
      if (arbiter === undefined) throw input.malformed(`the unknown arbiter ${code}`)
      if (before !== undefined && collection !== '' && isBeside(before, tag, arbiter, address, collection)) {
        throw input.malformed(`the collection of "${address}" named again`)
      }
      collection = collectionIn(address)
      before = new Touched(tag, arbiter, collection, collection === '' ? address : address.slice(collection.length))
    }
    touched.push(before)
  }
  return touched
}

/** A touched ref that was read, and so knows the parts of its address: to put them together is quick, and to look for what was put together is not. */
class Touched implements TouchedRef {
  readonly tag: string
  readonly address: string
  readonly arbiter: Arbiter
  readonly #collection: string
  readonly #id: string

  constructor(tag: string, arbiter: Arbiter, collection: string, id: string) {
    this.tag = tag
    this.address = collection + id
    this.arbiter = arbiter
    this.#collection = collection
    this.#id = id
  }

  /** The operation on a touched ref. */
  static op(ref: TouchedRef, payload: Value): Op {
    if (#id in ref && ref.#collection !== '') return memberOp(ref, payload, ref.#collection, ref.#id)
    return { tag: ref.tag, address: ref.address, arbiter: ref.arbiter, payload }
  }

  /** The first ref that is named twice. */
  static repeated(refs: readonly TouchedRef[]): TouchedRef | undefined {
    const kinds = new Map<string, Set<string>>()
    let ids = new Set<string>()
    let last: Touched | undefined
    for (const ref of refs) {
      if (!(#id in ref)) return undefined
      if (
        last === undefined ||
        ref.#collection !== last.#collection ||
        ref.tag !== last.tag ||
        ref.arbiter !== last.arbiter
      ) {
        const kind = `${ref.arbiter} ${ref.tag} ${ref.#collection}`
        ids = kinds.get(kind) ?? new Set()
        kinds.set(kind, ids)
      }
      last = ref
      const { size } = ids
      if (ids.add(ref.#id).size === size) return ref
    }
    return undefined
  }
}

/** The operation on a touched ref of a header that was read. */
export const opOn: (ref: TouchedRef, payload: Value) => Op = Touched.op

/** The first ref of a header that is named twice, if any. Left out of `readHeader`, whose reader only looks at each. */
export function repeatedRef(touched: readonly TouchedRef[]): TouchedRef | undefined {
  return touched.length < 2 ? undefined : Touched.repeated(touched)
}

function readDocuments(input: ByteReader): readonly number[] {
  const documents: number[] = []
  let previous = -1
  for (let left = input.count(1); left > 0; left--) {
    const id = input.varuint()
    if (id <= previous) throw input.malformed(`the document client id ${id} after ${previous}, out of order`)
    previous = id
    documents.push(id)
  }
  return documents
}

/** A check that is to be made before a Change is accepted: its kind, and what only those look at who know that. */
interface Precondition {
  readonly kind: number
  readonly content: ByteReader
}

function readPreconditions(input: ByteReader): readonly Precondition[] {
  const preconditions: Precondition[] = []
  for (let left = input.count(2); left > 0; left--) {
    const kind = input.byte()
    preconditions.push({ kind, content: input.part('precondition', input.varuint()) })
  }
  return preconditions
}

function newer(found: string): ProtocolError {
  return new ProtocolError(
    'newer-version',
    `A Change has ${found}, which this version cannot read and must not ignore. Update this app, or reload it to get the newer one.`,
  )
}
