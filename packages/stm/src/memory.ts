import { behindOf, Grounded, type Behind, type Ground } from './behind.ts'
import { emptyBasis, type Arbiter, type Basis, type Op, type Stamp } from './change.ts'
import type { Cell } from './cells.ts'
import { ChangedCells, type Changed } from './changed.ts'
import { StmError } from './errors.ts'
import {
  cellOfRow,
  distilledCells,
  placeOf,
  type DistilledCell,
  type DistilledRows,
  type Distillation,
} from './distilled.ts'
import { collectionOf, familyIn, memberPrefix, sortingOf, type Group } from './family.ts'
import type { Indexes } from './indexes.ts'
import { layered } from './layered.ts'
import type { Location } from './location.ts'
import type { Policy } from './policy.ts'
import { judged, type Reading } from './reading.ts'
import {
  cellKey,
  isDerived,
  isTag,
  locationOf,
  type AnyCollection,
  type AnyList,
  type AnyRef,
  type CellKey,
  type Collection,
  type Located,
  type Readable,
  type Ref,
  type Writes,
} from './ref.ts'
import type { Snapshot } from './snapshot.ts'
import { cellKeyOf, cellOfMember, refOfSealed, stateOfMember } from './sealed-op.ts'
import type { SortedSet } from './sorted.ts'
import type { Tx } from './transaction.ts'
import type { Rules } from './rules.ts'
import { speculate } from './speculation.ts'
import type { Value } from './value.ts'
import { basisOf, Overwritten, Versions, type LaterBasis, type Since, type Version } from './versions.ts'

/** All cells of one replica of a space, and the policies that fold operations into them. Pure: no clock, no chance, no I/O. */
export interface Memory {
  /** Everything as it is now. The same object until the next `apply` or `put`. */
  readonly snapshot: Snapshot
  /** What bodies must keep to, unless they are given other rules. */
  readonly rules: Rules
  /** Whether a Snapshot is one of this memory. */
  owns(snapshot: Snapshot): boolean

  /**
   * Makes a policy known under its tag and returns the one that is used: the first that came. Operations with this tag that were
   * applied before are folded now; every snapshot, old ones included, then reads what of them it had.
   * Throws `StmError` `invalid-address` when the tag cannot be one.
   */
  adopt(policy: Policy): Policy
  /** Makes the policy of a readable known before anything is laid: rows that are laid then come with the values that it reads. */
  expect(readable: Readable<unknown>): void
  /** The policy under a tag, if it is known. */
  policy(tag: string): Policy | undefined

  /** Everything as it is now, with the states behind it. The same object until the next `apply` or `put`. Cost: constant. */
  readonly view: View
  /** The same for a while: it must be given back, and is of no use then. What nobody keeps costs the next commits nothing. */
  lend(): View
  giveBack(view: View): void
  /** Whether a view is of everything as it is now. */
  isNewest(view: View): boolean
  /** The newest state of a cell, undefined while nobody has written. */
  state(key: CellKey): unknown
  /** The same of the cell that an operation is on, which it may know how to find. */
  stateOn(op: Op): unknown

  /**
   * Folds the operations of one Change into their cells, as one new version. Those on `relay` refs are stamped by the `relaySeq` of the
   * basis, which is then the place of the Change in the relay's log, and what `shift` has said. Returns the keys of all cells that changed, and of the
   * collections and lists that were read before and changed with them.
   */
  apply(ops: readonly Op[], stamp: Stamp, basis: Basis | LaterBasis): Changed
  /**
   * Operations that wait for their policy have a place in the order of all, should that count, other than the one in which they came: here and now, or, with `Infinity`, behind
   * all others.
   */
  place(ops: readonly Op[], at?: number): void
  /**
   * Forgets operations that still wait for their policy: those that `isGone` names; it is told whether they were laid. Others may come instead, as if they had been there all the time: those of them that
   * have no policy yet.
   */
  forget(isGone: (stamp: Stamp, op: Op, isLaid: boolean) => boolean, instead?: Iterable<UnreadOp>): void
  /**
   * What need be kept of all cells, as they are now. Undefined when a policy here cannot distill. Cost: of the call, one look at each cell; the rest when it
   * is gone through.
   */
  distilled(distillation: Distillation): Iterable<DistilledCell> | undefined
  /** Takes in what was distilled in place of all that is here, or that refs of one arbiter hold, as one new version. Returns what changed, as `apply` does. */
  restore(cells: Iterable<DistilledCell>, basis: Basis, only?: Arbiter): Changed
  /** Operations on `relay` refs are stamped by so much more than their place in the relay's log from now on. */
  shift(by: number): void
  /**
   * The same where nothing has been here yet and nobody has looked, so that it may come piece by piece: what was laid is there, at no new version. False where something has
   * been, and nothing is done.
   */
  lay(cells: Iterable<DistilledCell>): boolean
  /** The same of rows. */
  layRows(rows: DistilledRows): boolean
  /**
   * Makes a policy known, and a collection, list or range of its members as quick to read as if it had been read before. Each step that is asked for is
   * some hundred members, and gives how many. If something is committed in between, the rest is left to who reads.
   */
  ready(readable: Readable<unknown>): Iterable<number>
  /** How many operations wait for their policy that have come since: those that were laid are as few as can be. Cost: one look at each of them. */
  waiting(): number
  /** Hands over what is behind it, to what not every app needs the code of. */
  inside<T>(act: (inside: Inside) => T): T
  /** Replaces the states of cells (undefined: nobody has written), as one new version. Returns what changed, as `apply` does. */
  put(states: ReadonlyMap<CellKey, unknown>, basis: Basis): Changed
}

/** What is behind a memory. */
export interface Inside {
  readonly versions: Versions
  /** Undefined while nobody has asked for a collection. */
  readonly indexes: Indexes | undefined
  adopt(policy: Policy): Policy
  /**
   * What is to be changed now was so all the time: whoever has a Snapshot of what is shown reads it too. Gives the version of that, which is older than the newest where only the
   * past has become known since.
   */
  keepView(): number
}

/** What a transaction works on: a Snapshot, and what policies and indexes keep behind it. Stays as it is. */
export interface View {
  readonly snapshot: Snapshot
  /** What the Snapshot reads, for who does not keep it. */
  get<V>(readable: Readable<V>): V
  adopt(policy: Policy): Policy
  /** The state of a cell, undefined when nobody had written. */
  state(key: CellKey): unknown
  /** The state of a ref's cell. */
  stateOf(ref: Located): unknown
  /** The sorted set behind a collection or list. */
  sorted(readable: AnyCollection | AnyList): SortedSet
}

/** An operation that was applied before its policy was known. */
export interface UnreadOp {
  readonly op: Op
  readonly stamp: Stamp
}

/** An operation that waits, and the first version that has it. */
interface WaitingOp extends UnreadOp {
  readonly since: number
}

/**
 * What `createMemory` makes, and who says the rules says all of them: the schemas and limits of refs are looked at only where `rules` do. For stores,
 * which may have no code for that.
 *
 * @example
 * import { createRuledMemory } from '@syncline/stm'
 *
 * const title = register('title', '')
 * const refuse = () => {
 *   throw new Error('Nobody writes here.')
 * }
 * const memory = createRuledMemory((policy) => policy, { judge: refuse })
 * expect(memory.snapshot.get(title)).toBe('')
 * expect(() => memory.snapshot.with((tx) => tx.set(title, 'Plan'))).toThrow('Nobody writes here.')
 */
export function createRuledMemory(
  bind: (policy: Policy, waiting: readonly UnreadOp[]) => Policy,
  rules: Rules,
): Memory {
  const versions = new Versions(emptyBasis)
  const policies = new Map<string, Policy>()
  /** Operations whose policy is not known here yet: kept as they are, so that nothing depends on what an app has imported. */
  const unread = new Map<string, WaitingOp[]>()
  /** The version after which operations stand that have got another place in the order than they came in. */
  const placed = new WeakMap<Op, number>()
  /** What is to be read, by what the keys of its members begin with. */
  const expected = new Map<string, AnyCollection>()
  let indexes: Indexes | undefined
  let shift = 0
  let view: VersionView | undefined
  /** The number of the first version that somebody has a snapshot of. */
  let firstShown = Infinity

  function policyOf(tag: string): Policy | undefined {
    return policies.get(tag)
  }

  function layer(on: View, ops: readonly Op[], stamp: Stamp, depth: number): Snapshot {
    return layered(on, ops, stamp, policyOf, depth).snapshot
  }

  function adopt(policy: Policy): Policy {
    const { tag } = policy
    const known = policies.get(tag)
    if (known !== undefined) return known
    if (!isTag(tag)) {
      throw new StmError(
        'invalid-address',
        `${JSON.stringify(tag)} cannot be the tag of a policy. Use 1 to 32 letters and digits.`,
      )
    }
    const waiting = unread.get(tag) ?? []
    if (waiting.some(({ op }) => policy.renaming?.divides?.(op.payload))) waiting.sort(byPlace)
    const bound = bind(policy, waiting)
    policies.set(tag, bound)
    unread.delete(tag)
    if (waiting.length > 0) foldLate(bound, waiting)
    return bound
  }

  function byPlace(a: WaitingOp, b: WaitingOp): number {
    return (placed.get(a.op) ?? a.since) - (placed.get(b.op) ?? b.since)
  }

  /** What these operations wrote was there all the time; it only could not be read. */
  function foldLate(policy: Policy, waiting: readonly WaitingOp[]): void {
    // Nobody has a snapshot that has less of them: what is there now need not be told from what was there before.
    if (waiting.at(-1)!.since <= firstShown) {
      // Whoever asks before the next commit gets the view that was made.
      if (view !== undefined) versions.newest.isHeld = true
      for (const { op, stamp } of waiting) foldUnder(policy, op, op.payload, stamp)
      return
    }
    const histories = new Map<CellKey, Since[]>()
    for (const { op, stamp, since } of waiting) {
      const key = cellKey(op.tag, op.address, op.arbiter)
      let states = histories.get(key)
      if (states === undefined) histories.set(key, (states = []))
      const state: unknown = policy.apply(states.at(-1)?.state, op.payload, stamp)
      // Only what a snapshot may show is kept: the last before anybody took one, and the last of each version after that.
      if (states.length > 0 && (since <= firstShown || states.at(-1)!.since === since)) states.pop()
      states.push({ since, state })
    }
    if (view !== undefined) versions.newest.isHeld = true
    versions.derivePast(histories)
  }

  /** Folds an operation into its cell as if it had been there all the time. */
  function foldUnder(policy: Policy, op: Pick<Op, 'tag' | 'address' | 'arbiter'>, payload: Value, stamp: Stamp): void {
    const cell = cellOfMember(op, versions.cells) ?? versions.cells.makeOn(op.tag, op.address, op.arbiter)
    cell.state = policy.apply(cell.state, payload, stamp)
    if (cell.state === undefined) versions.cells.remove(cell)
  }

  function apply(ops: readonly Op[], stamp: Stamp, basis: Basis | LaterBasis): Changed {
    const waits = waitsFor(ops, stamp, basis)
    return advance(fold(ops, stamp, basis), basis, waits)
  }

  /** Keeps operations whose policy is not known; says whether there are some. Nothing comes after its loop: see `Versions`. */
  function waitsFor(ops: readonly Op[], stamp: Stamp, basis: Basis | LaterBasis): boolean {
    let waits = false
    let tag: string | undefined
    for (const op of ops) {
      // Operations on one kind of ref mostly come together.
      if (op.tag === tag) continue
      if (policies.has(op.tag)) {
        tag = op.tag
        continue
      }
      wait(op, stampOf(op, stamp, basis))
      waits = true
    }
    return waits
  }

  /** What a relay decides about applies in the order of its log, whatever the clocks of the authors say. */
  function stampOf({ arbiter }: Op, stamp: Stamp, basis: Basis | LaterBasis): Stamp {
    if (arbiter !== 'relay') return stamp
    return { at: (typeof basis === 'function' ? basis() : basis).relaySeq + shift, writer: stamp.writer }
  }

  /** What operations make of the cells, each cell once. Nothing is written yet, and nothing will be if a policy throws. */
  function fold(ops: readonly Op[], stamp: Stamp, basis: Basis | LaterBasis): Overwritten {
    const found = new Overwritten(ops.length)
    const number = versions.newest.number + 1
    let policy: Policy | undefined
    for (const op of ops) {
      if (op.tag !== policy?.tag) policy = policies.get(op.tag)
      if (policy === undefined) continue
      const ref = refOfSealed(op)
      const cell =
        ref !== undefined
          ? versions.cells.makeAt(locationOf(ref))
          : (cellOfMember(op, versions.cells) ?? versions.cells.makeOn(op.tag, op.address, op.arbiter))
      if (cell.writtenIn === number) return foldRepeated(ops, stamp, basis)
      cell.writtenIn = number
      const after: unknown = policy.apply(cell.state, op.payload, stampOf(op, stamp, basis))
      overwrite(found, cell, after)
    }
    return found
  }

  function overwrite(found: Overwritten, cell: Cell, after: unknown): void {
    if (after !== cell.state) found.add(cell, after)
    // It was made to be written, and is not.
    else if (after === undefined) versions.derive(cell.key, undefined)
  }

  /** The same where several operations are on one cell, which transactions do not make and others may send. */
  function foldRepeated(ops: readonly Op[], stamp: Stamp, basis: Basis | LaterBasis): Overwritten {
    const states = new Map<CellKey, unknown>()
    for (const op of ops) {
      const policy = policies.get(op.tag)
      if (policy === undefined) continue
      const key = cellKeyOf(op)
      const before = states.has(key) ? states.get(key) : versions.now(key)
      states.set(key, policy.apply(before, op.payload, stampOf(op, stamp, basis)))
    }
    return overwrittenBy(states)
  }

  function restore(cells: Iterable<DistilledCell>, basis: Basis, only?: Arbiter): Changed {
    if (only === undefined) unread.clear()
    for (const [tag, waiting] of unread) {
      unread.set(
        tag,
        waiting.filter(({ op }) => op.arbiter !== only),
      )
    }
    const states = new Map<CellKey, unknown>()
    for (const { key } of versions.cells) {
      if (!isDerived(key) && (only === undefined || placeOf(key).arbiter === only)) states.set(key, undefined)
    }
    for (const { tag, address, arbiter, ops } of cells) {
      const policy = policies.get(tag)
      const key = cellKey(tag, address, arbiter)
      let state = states.get(key)
      for (const { payload, stamp } of ops) {
        if (policy === undefined) wait({ tag, address, arbiter, payload }, stamp)
        else state = policy.apply(state, payload, stamp)
      }
      if (policy !== undefined) states.set(key, state)
    }
    return advance(overwrittenBy(states), basis, true)
  }

  function lay(cells: Iterable<DistilledCell>): boolean {
    if (versions.newest.number > 0 || firstShown < Infinity) return false
    for (const cell of cells) {
      const policy = policies.get(cell.tag)
      for (const { payload, stamp } of cell.ops) {
        if (policy !== undefined) foldUnder(policy, cell, payload, stamp)
        else wait({ tag: cell.tag, address: cell.address, arbiter: cell.arbiter, payload }, stamp)
      }
    }
    return true
  }

  function layRows(rows: DistilledRows): boolean {
    if (versions.newest.number > 0 || firstShown < Infinity) return false
    const { tag, arbiter, prefix, ids } = rows
    const key = cellKey(tag, prefix, arbiter)
    const reader = expected.get(key)
    const born = policies.get(tag)?.born?.(rows, reader?.spec)
    const family = versions.cells.makeFamily(key)
    if (born?.value !== undefined && reader?.sorting.layRows(family, ids, born)) return true
    for (let i = 0; i < ids.length; i++) {
      const cell = born && versions.cells.makeIn(family, ids[i]!)
      // One that comes more than once has all of its operations.
      if (cell === undefined || cell.state !== undefined) lay([cellOfRow(rows, i)])
      else cell.state = born!.state(i)
    }
    return true
  }

  function expect(readable: Readable<unknown>): void {
    // The kind tells which of the readables it is.
    const of = readable.kind === 'ref' ? (readable as AnyRef) : collectionOf(familyIn(readable as Group))
    adopt(of.policy)
    if (of.kind === 'collection') expected.set(memberPrefix(of), of)
  }

  /** All cells, and those of a collection in the order of their ids where that is known: then they are laid as they come, some day. */
  function* cellsInOrder(): Iterable<Cell> {
    // Not by its values: of what is away nobody asks for these unpunished.
    for (const family of versions.cells.families()) {
      const inOrder = indexes?.inOrder(family)
      if (inOrder !== undefined) yield* inOrder
      else for (const [, cell] of family.cells) yield cell
    }
  }

  function* ready(readable: Readable<unknown>): Generator<number> {
    if (readable.kind === 'ref') {
      // The kind tells that it is one.
      adopt((readable as AnyRef).policy)
      return
    }
    const family = familyIn(readable as Group)
    yield* indexesFor(family).ready(family, expected.has(memberPrefix(family)))
  }

  function overwrittenBy(states: ReadonlyMap<CellKey, unknown>): Overwritten {
    const found = new Overwritten(states.size)
    for (const [key, after] of states) overwrite(found, versions.cell(key), after)
    return found
  }

  function wait(op: Op, stamp: Stamp, since: number = versions.newest.number + 1): void {
    const waiting = unread.get(op.tag)
    if (waiting === undefined) unread.set(op.tag, [{ op, stamp, since }])
    else waiting.push({ op, stamp, since })
  }

  function advance(found: Overwritten, basis: Basis | LaterBasis, waits: boolean): Changed {
    const unseen = indexes?.derive(found)
    found.close()
    if (found.size > 0 || waits || basis !== versions.newest.basis) {
      versions.commit(found, basis)
      view = undefined
    } else versions.skip()
    if (unseen === undefined) return new ChangedCells(found)
    const seen = (_: unknown, i: number): boolean => !unseen.has(found.keys[i]!)
    return new ChangedCells({ keys: found.keys.filter(seen), befores: found.befores.filter(seen) })
  }

  /** The first collection or list that is asked for brings the code that keeps sorted sets. */
  function indexesFor(family: AnyCollection | AnyList): Indexes {
    return (indexes ??= sortingOf(family).indexes(versions, adopt))
  }

  /** The sorted set of a collection or list at a version. */
  function sortedAt(version: Version, family: AnyCollection | AnyList): SortedSet {
    return indexesFor(family).sorted(version, family)
  }

  function get(version: Version, readable: Readable<unknown>): unknown {
    if (readable.kind === 'ref') {
      const ref = readable as AnyRef
      const policy = policies.get(ref.policy.tag) ?? adopt(ref.policy)
      return policy.read(versions.readAt(version, locationOf(ref)), ref)
    }
    // The kind tells that it is one of these.
    const group = readable as Group
    return sortingOf(group).idsIn(group, sortedAt(version, familyIn(group)))
  }

  /** The members of a collection, without a ref for each. */
  function items(version: Version, collection: AnyCollection): Iterable<readonly [string, unknown]> {
    const isExpected = expected.get(memberPrefix(collection))?.spec === collection.spec
    return indexesFor(collection).items(version, collection, isExpected)
  }

  const reader: Reader = {
    adopt,
    get,
    items,
    state: (version, key) => versions.read(version, key),
    stateAt: (version, location) => versions.readAt(version, location),
    sorted: sortedAt,
    behind: (version, at) => ({ versions, version, view: at, over: nothing, depth: 0, policyOf, layer, rules }),
  }

  /** A view that somebody may keep, unless it is only lent. */
  function current(): VersionView {
    if (view === undefined) {
      const { newest } = versions
      if (newest.number < firstShown) firstShown = newest.number
      view = new VersionView(reader, newest)
    }
    return view
  }

  return {
    get snapshot() {
      return current().snapshot
    },
    get view() {
      const kept = current()
      VersionView.hold(kept)
      return kept
    },
    lend() {
      const lent = current()
      VersionView.lend(lent, 1)
      return lent
    },
    giveBack: (lent) => VersionView.lend(lent, -1),
    isNewest: (one) => one === view,
    rules,
    owns: (one) => behindOf(one)?.versions === versions,
    adopt,
    expect,
    policy: policyOf,
    state: (key) => versions.now(key),
    stateOn(op) {
      const ref = refOfSealed(op)
      return ref === undefined ? stateOfMember(op, versions.cells) : versions.cells.findAt(locationOf(ref))?.state
    },
    apply,
    place(ops, at = versions.newest.number + 0.5) {
      for (const op of ops) if (!policies.has(op.tag)) placed.set(op, at)
    },
    forget(isGone, instead = []) {
      const before = new Map(unread)
      unread.clear()
      for (const { op, stamp } of instead) if (!policies.has(op.tag)) wait(op, stamp, ALWAYS)
      for (const waiting of before.values()) {
        for (const { op, stamp, since } of waiting) if (!isGone(stamp, op, since <= LAID)) wait(op, stamp, since)
      }
    },
    distilled(distillation) {
      const { newest } = versions
      newest.isHeld = true
      const waiting = [...unread.values()].flatMap((list) => list.toSorted(byPlace))
      return distilledCells(cellsInOrder(), (cell) => versions.readCell(newest, cell), waiting, policyOf, distillation)
    },
    restore,
    shift: (by) => void (shift = by),
    lay,
    layRows,
    ready,
    waiting() {
      let count = 0
      for (const waiting of unread.values())
        count += waiting.length - 1 - waiting.findLastIndex(({ since }) => since <= LAID)
      return count
    },
    inside: (act) =>
      act({
        versions,
        indexes,
        adopt,
        keepView() {
          if (view === undefined) return versions.newest.number
          versions.newest.isHeld = true
          return VersionView.numberOf(view)
        },
      }),
    put: (states, basis) => advance(overwrittenBy(states), basis, false),
  }
}

const nothing: ReadonlyMap<CellKey, unknown> = new Map()

/** A version that is before all others. */
const ALWAYS = 0
/** The version of what was laid. */
const LAID = 1

/** How what a memory holds is read at a version. */
interface Reader {
  adopt(policy: Policy): Policy
  get(version: Version, readable: Readable<unknown>): unknown
  items(version: Version, collection: AnyCollection): Iterable<readonly [string, unknown]>
  state(version: Version, key: CellKey): unknown
  stateAt(version: Version, location: Location): unknown
  sorted(version: Version, readable: AnyCollection | AnyList): SortedSet
  behind(version: Version, view: View): Behind
}

/** A class, because one is made for each commit that somebody hears of, and closures cost more than all that is read in it. */
class VersionSnapshot extends Grounded implements Snapshot {
  readonly #reader: Reader
  readonly #version: Version

  constructor(reader: Reader, version: Version, ground: Ground) {
    super(ground)
    this.#reader = reader
    this.#version = version
  }

  get basis(): Basis {
    return basisOf(this.#version)
  }

  get isSpeculative(): boolean {
    return false
  }

  get<V>(this: VersionSnapshot | undefined, readable: Readable<V>): V {
    if (this === undefined) throw detached('get')
    return this.#reader.get(this.#version, readable) as V
  }

  read<V>(this: VersionSnapshot | undefined, ref: Ref<V, Writes, Arbiter>): Reading<V> {
    if (this === undefined) throw detached('read')
    const { adopt, state } = this.#reader
    return judged(ref, this.get(ref), adopt(ref.policy), state(this.#version, ref.key))
  }

  items<V>(
    this: VersionSnapshot | undefined,
    collection: Collection<V, Writes, Arbiter>,
  ): Iterable<readonly [string, V]> {
    if (this === undefined) throw detached('items')
    return this.#reader.items(this.#version, collection) as Iterable<readonly [string, V]>
  }

  with(this: VersionSnapshot | undefined, body: (tx: Tx<Arbiter>) => unknown): Snapshot {
    if (this === undefined) throw detached('with')
    return speculate(this, body).snapshot
  }
}

/** Said to whoever takes a method from its Snapshot: to bind them all for those few would cost everybody at each commit. */
function detached(method: string): StmError {
  return new StmError(
    'detached-method',
    `${method}() was called without its Snapshot. Call snapshot.${method}(…): as const { ${method} } = snapshot it does not know where to read.`,
  )
}

class VersionView implements View, Ground {
  readonly adopt: (policy: Policy) => Policy
  readonly #reader: Reader
  readonly #version: Version
  #snapshot: Snapshot | undefined

  constructor(reader: Reader, version: Version) {
    this.adopt = reader.adopt
    this.#reader = reader
    this.#version = version
    this.#snapshot = undefined
  }

  /** Makes sure that it can be read when its version is not the newest any more. */
  static hold(view: VersionView): void {
    view.#version.isHeld = true
  }

  static numberOf(view: VersionView): number {
    return view.#version.number
  }

  static lend(view: View, more: number): void {
    if (#version in view) view.#version.lent += more
  }

  get snapshot(): Snapshot {
    // Who has it may keep it.
    this.#version.isHeld = true
    return (this.#snapshot ??= new VersionSnapshot(this.#reader, this.#version, this))
  }

  get<V>(readable: Readable<V>): V {
    return this.#reader.get(this.#version, readable) as V
  }

  state(key: CellKey): unknown {
    return this.#reader.state(this.#version, key)
  }

  stateOf(ref: Located): unknown {
    return this.#reader.stateAt(this.#version, locationOf(ref))
  }

  sorted(readable: AnyCollection | AnyList): SortedSet {
    return this.#reader.sorted(this.#version, readable)
  }

  behind(): Behind {
    return this.#reader.behind(this.#version, this)
  }
}
