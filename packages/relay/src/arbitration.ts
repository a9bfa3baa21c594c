import { counter, group, list, lww, record as recordRef, set } from '@syncline/merge'
import { items } from '@syncline/merge/diff'
import { diff3 } from '@syncline/merge/diff3'
import { contentId, decidedCells, decodeChange, decodeHeader, ProtocolError } from '@syncline/protocol'
import type { ChangeHeader, ContentId, Expectation } from '@syncline/protocol'
import {
  cellKey,
  createMemory,
  emptyBasis,
  sorting,
  type AnyCollection,
  type AnyList,
  type CellKey,
  type Change,
  type DistilledCell,
  type Op,
  type Policy,
  type Readable,
  type Stamp,
} from '@syncline/stm'
import type { Arrival } from './arrival.ts'
import type { Flaw } from './judge.ts'
import type { RelayLimits } from './limits.ts'

/** Any ref of each policy will do: they are known by their tags, and fold without anything declared. */
const policies: ReadonlyMap<string, Policy> = new Map(
  [
    lww('any', null),
    counter('any'),
    list('any'),
    recordRef('any', {}),
    set('any'),
    group('any', {}),
    diff3('any', { by: items, initial: [] }),
  ].map(({ policy }) => [policy.tag, policy]),
)

/** So many names of refs that are not as expected go into one message. */
const MOST_NAMED = 5

const nothing: Pick<DecidedState, 'cells' | 'shift'> = { cells: [], shift: 0 }

/**
 * What the `relay` refs of one space hold at the end of its log, and the judgement of what others expect of them. Pure. A class, as there are many spaces. In most nobody
 * ever uses a `relay` ref, so what they hold is made when somebody does.
 */
export class Arbitration {
  readonly #limits: RelayLimits
  #contents: Contents | undefined
  #shift: number
  #lastSeq = 0

  /** Begins at the start of the log, with `cells` where there are some. */
  constructor(limits: RelayLimits, { cells, shift }: Pick<DecidedState, 'cells' | 'shift'> = nothing) {
    this.#limits = limits
    this.#shift = shift
    if (cells.length > 0) this.#begin(cells)
  }

  /** Up to which relaySeq it has read the log. */
  get lastSeq(): number {
    return this.#lastSeq
  }

  /** How much above its relaySeq the next Change is stamped. */
  get shift(): number {
    return this.#shift
  }

  /** What need be kept of all of them, in the order of their names. */
  cells(): readonly DistilledCell[] {
    return this.#contents?.cells() ?? []
  }

  /** Passes over the log up to a relaySeq, of which nothing counts. */
  pass(relaySeq: number): void {
    this.#lastSeq = relaySeq
  }

  /** Takes the next Change of the log. */
  fold(record: Uint8Array, header: ChangeHeader = decodeHeader(record)): void {
    this.#lastSeq += 1
    if (header.adoption !== undefined) {
      this.#shift = header.adoption.shift
      this.#begin(adoptedIn(record))
      return
    }
    if (!header.touched.some(({ arbiter }) => arbiter === 'relay')) return
    this.#contentsNow().fold(readChange(record), this.#lastSeq + this.#shift)
  }

  /** Why a Change with expectations, or on `relay` refs, cannot be the next one of the log. */
  flawIn({ record }: Pick<Arrival, 'record'>, { writer, seq, touched, expectations }: ChangeHeader): Flaw {
    if (expectations === undefined) return undefined
    if (seq !== 1) {
      return malformed(
        `Change ${writer}:${seq} has expectations, and a writer of such a Change has no other. Update the app.`,
      )
    }
    if (expectations.length > this.#limits.maxExpectations) {
      return tooLarge(`${expectations.length} things`, this.#limits.maxExpectations)
    }
    const names = [...touched.filter(({ arbiter }) => arbiter === 'relay'), ...expectations]
    const strange = names.find(({ tag }) => !policies.has(tag))
    if (strange !== undefined) {
      return {
        code: 'unknown-precondition',
        message: `This relay cannot tell what a ref of the policy "${strange.tag}" holds, so it cannot decide about one. Use a local ref, or a relay that can.`,
      }
    }
    try {
      return this.#contentsNow().compare(expectations, decodeChange(record), {
        at: this.#lastSeq + 1 + this.#shift,
        writer,
      })
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      return malformed(`The operations of Change ${writer}:${seq} cannot be read: ${error.message}`)
    }
  }

  #begin(at: readonly DistilledCell[]): void {
    this.#contents = createContents(this.#limits)
    this.#contents.begin(at)
  }

  #contentsNow(): Contents {
    return (this.#contents ??= createContents(this.#limits))
  }
}

/** What the `relay` refs of a space hold at some place of its log. */
export interface DecidedState {
  readonly cells: readonly DistilledCell[]
  /** How much above its relaySeq is stamped what comes next. */
  readonly shift: number
}

/** What the `relay` refs of a space hold. */
interface Contents {
  /** Takes in what need be kept, where nothing is. */
  begin(cells: readonly DistilledCell[]): void
  cells(): readonly DistilledCell[]
  /** Takes the Change that is stamped by `at`. */
  fold(change: Change, at: number): void
  /** Compares everything that a Change expects with what is. `next` is what it would be stamped with. */
  compare(expectations: readonly Expectation[], change: Change, next: Stamp): Flaw
}

function createContents(limits: RelayLimits): Contents {
  const memory = createMemory()
  /** What others have decided about refs of policies that are not known here. */
  let others: readonly DistilledCell[] = []
  /** What the keys of the members of a collection begin with, of all collections that have had one. */
  const families = new Set<string>()
  /** The ids of contents that stand, by the states and arrays that hold them. */
  const known = new WeakMap<object, ContentId>()

  function idOf(holder: object, content: () => Parameters<typeof contentId>[0]): ContentId {
    let id = known.get(holder)
    if (id === undefined) known.set(holder, (id = contentId(content())))
    return id
  }

  function contentOf(policy: Policy, state: unknown): ContentId {
    const content = (): Parameters<typeof contentId>[0] => policy.content!(state)
    return typeof state === 'object' && state !== null ? idOf(state, content) : contentId(content())
  }

  /** The ids that an expectation is about, as they are now. */
  function idsNow(expected: Exclude<Expectation, { kind: 'ref' }>): readonly string[] {
    // The memory keeps an index of each collection that it was asked for: not of names that somebody made up.
    if (!families.has(cellKey(expected.tag, `${expected.collection}/`, 'relay'))) return noIds
    const ids = memory.snapshot.get(readableOf(expected))
    if (expected.kind === 'list') {
      const { from, to } = expected
      return from === 0 && to === undefined ? ids : ids.slice(from, to)
    }
    const { from, to } = expected
    if (from === '' && to === undefined) return ids
    return ids.slice(rank(ids, from), to === undefined ? undefined : rank(ids, to))
  }

  function compare(expectations: readonly Expectation[], change: Change, next: Stamp): Flaw {
    const ops = new Map<CellKey, Op[]>()
    for (const op of change.ops) {
      if (op.arbiter !== 'relay') continue
      const key = cellKey(op.tag, op.address, 'relay')
      const before = ops.get(key)
      if (before === undefined) ops.set(key, [op])
      else before.push(op)
    }
    const found = new Set<string>()
    let idsRead = 0
    for (const expected of expectations) {
      if (expected.kind !== 'ref') {
        const ids = idsNow(expected)
        idsRead += ids.length
        if (idsRead > limits.maxExpectedIds) return tooLarge(`${idsRead} ids or more`, limits.maxExpectedIds)
        if (idOf(ids, () => ids) !== expected.content) found.add(expected.collection)
        continue
      }
      const { tag, address, content, after } = expected
      const policy = policies.get(tag)!
      const key = cellKey(tag, address, 'relay')
      let state: unknown = memory.state(key)
      if (contentOf(policy, state) !== content) found.add(address)
      if (after === undefined) continue
      for (const { payload } of ops.get(key) ?? []) state = policy.apply(state, payload, next)
      // An equal content may hide other items and another incarnation, and then the write would do something else.
      if (contentOf(policy, state) !== after) found.add(address)
    }
    return conflict([...found])
  }

  function meet({ tag, address }: Pick<Op, 'tag' | 'address'>): void {
    memory.adopt(policies.get(tag)!)
    const slash = address.indexOf('/')
    if (slash > 0) families.add(cellKey(tag, address.slice(0, slash + 1), 'relay'))
  }

  return {
    begin(all) {
      const cells = all.filter(({ tag }) => policies.has(tag))
      others = all.filter(({ tag }) => !policies.has(tag))
      for (const cell of cells) meet(cell)
      memory.restore(cells, emptyBasis)
    },
    cells() {
      // Each of these policies can say its states.
      const cells = [...memory.distilled({ inPlaceOf: new Map(), counts: () => true })!, ...others]
      const nameOf = ({ tag, address }: DistilledCell): string => cellKey(tag, address, 'relay')
      return cells.filter(({ ops }) => ops.length > 0).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
    },
    fold(change, at) {
      const ops = change.ops.filter(({ tag, arbiter }) => arbiter === 'relay' && policies.has(tag))
      for (const op of ops) meet(op)
      memory.apply(ops, change, { ...emptyBasis, relaySeq: at })
    },
    compare,
  }
}

/** What is adopted in a record that is an adoption. */
function adoptedIn(record: Uint8Array): readonly DistilledCell[] {
  const { meta } = decodeChange(record)
  return meta instanceof Uint8Array ? decidedCells(meta) : []
}

/** As clients read it: a Change whose body makes no sense has its place in the log and no operations. */
function readChange(record: Uint8Array): Change {
  try {
    return decodeChange(record)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return { ...decodeHeader(record), ops: [], effects: [], meta: null }
  }
}

const noIds: readonly string[] = []

/** A collection or list as the memory looks it up: by names alone, without what an app can do with one. */
function readableOf(expected: Exclude<Expectation, { kind: 'ref' }>): Readable<readonly string[]> {
  const policy = policies.get(expected.tag)!
  const options = { arbiter: 'relay' } as const
  const collection = { kind: 'collection', policy, name: expected.collection, options, sorting } as AnyCollection
  if (expected.kind === 'members') return collection
  const { field, parent } = expected
  return { kind: 'list', collection, field, parent } as AnyList
}

/** How many of some ascending ids are less than `id`. */
function rank(ids: readonly string[], id: string): number {
  let low = 0
  let high = ids.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ids[middle]! < id) low = middle + 1
    else high = middle
  }
  return low
}

function conflict(names: readonly string[]): Flaw {
  if (names.length === 0) return undefined
  const named = names.slice(0, MOST_NAMED).map((name) => JSON.stringify(name))
  const others = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} others` : ''
  return {
    code: 'conflict',
    message: `Since this transaction read ${named.join(', ')}${others}, somebody else has changed what it read. Run it again on the newest state.`,
  }
}

function malformed(message: string): Flaw {
  return { code: 'malformed', message }
}

function tooLarge(found: string, allowed: number): Flaw {
  return {
    code: 'too-large',
    message: `The transaction has read ${found} that this relay would have to look at; it looks at ${allowed}. Read smaller ranges, or use tx.peek for what may change.`,
  }
}
