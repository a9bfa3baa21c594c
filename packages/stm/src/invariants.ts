import type { Arbiter, Stamp } from './change.ts'
import { StmError } from './errors.ts'
import { entryOfState } from './entries.ts'
import { arbiterOf, familyIn, memberPrefix, type Group } from './family.ts'
import { layered, layerOver } from './layered.ts'
import type { View } from './memory.ts'
import { noting } from './noting.ts'
import type { EditContext, Policy } from './policy.ts'
import { prefixIn, type AnyRef, type CellKey, type Readable, type Ref, type Writes } from './ref.ts'
import { judged } from './reading.ts'
import { isLate, sealPure } from './seal.ts'
import { itemsOf, type Snapshot } from './snapshot.ts'
import { watchKey } from './watch.ts'
import type { DraftWrite } from './write.ts'

/** What must hold between refs: true, or false, or why not. It reads from the Snapshot, and does nothing else. */
export type InvariantCheck = (snapshot: Snapshot) => boolean | string

/** What has become of an invariant. */
export interface InvariantNews {
  readonly name: string
  /** Why it does not hold; when it is over, what was said the last time. */
  readonly message: string
  /** Whether it holds again. */
  readonly isOver: boolean
}

/** The invariants of one memory. */
export interface Invariants {
  readonly size: number
  /**
   * Adds one and runs it on a Snapshot. Throws `StmError` `invariant-exists`, and `strict-invariant` when it must never break and reads what
   * others may write without asking. Returns what is known of it, and how to take it away.
   */
  add(name: string, check: InvariantCheck, isStrict: boolean, snapshot: Snapshot): AddedInvariant
  /**
   * Runs those that had read what a transaction writes, on what there will be. Throws `StmError` `invariant-failed`. Returns the `relay` refs
   * that they read: whoever decides about the transaction must make sure that they have not moved.
   */
  judge(writes: readonly DraftWrite[], view: View, context: EditContext): readonly Readable<unknown>[]
  /** A commit is in memory: what is known of those that had read what it changed is old. */
  note(changed: ReadonlySet<CellKey>): void
  /**
   * Runs those that had read what was changed, on the newest Snapshot. What has become of them goes to `tell`; what a strict one throws, to
   * `report`.
   */
  look(snapshot: Snapshot, tell: (news: InvariantNews) => void, report: (error: unknown) => void): void
}

export interface AddedInvariant {
  /** Why it does not hold now; undefined when it does. */
  readonly failure: string | undefined
  remove(): void
}

interface Invariant {
  readonly name: string
  readonly check: InvariantCheck
  readonly isStrict: boolean
  /** What it read the last time, in a Snapshot that all have seen. */
  seen: readonly Readable<unknown>[]
  failure: string | undefined
}

/** A ref that is written. */
interface Written {
  readonly key: CellKey
  readonly policy: Policy
}

/** One run of an invariant. */
interface Run {
  readonly failure: string | undefined
  readonly cause: unknown
  readonly seen: readonly Readable<unknown>[]
}

/**
 * Makes an empty set of invariants. Cost of `judge` and `note`: one look-up for each cell that is written; an invariant is run when something
 * is written that it read the last time.
 *
 * @example
 * import { createInvariants, createMemory, draft } from '@syncline/stm'
 *
 * const [used, limit] = [tally('used'), register('limit', 10)]
 * const memory = createMemory()
 * const invariants = createInvariants()
 * const holds = (snapshot) => snapshot.get(used) <= snapshot.get(limit) || 'More is used than there is.'
 * invariants.add('limit', holds, false, memory.snapshot)
 *
 * const context = { stamp: { at: 1, writer: 'w1' }, seed: 'seed1' }
 * const { writes } = draft(memory, (tx) => tx.add(used, 11), context)
 * expect(() => invariants.judge(writes, memory.view, context)).toThrow('More is used than there is.')
 */
export function createInvariants(): Invariants {
  const byName = new Map<string, Invariant>()
  /** By the cell that it read; of a collection or list also by what the keys of members begin with. */
  const readers = new Map<string, Set<Invariant>>()
  const old = new Set<Invariant>()

  function file(invariant: Invariant, seen: readonly Readable<unknown>[]): void {
    for (const readable of invariant.seen) for (const key of placesOf(readable)) readers.get(key)?.delete(invariant)
    invariant.seen = seen
    for (const readable of seen) {
      for (const key of placesOf(readable)) {
        const there = readers.get(key)
        if (there === undefined) readers.set(key, new Set([invariant]))
        else there.add(invariant)
      }
    }
  }

  /** Those that may have read what is behind a cell. */
  function collect(key: CellKey, into: Set<Invariant>): void {
    for (const one of readers.get(key) ?? none) into.add(one)
    const prefix = prefixIn(key)
    if (prefix !== '') for (const one of readers.get(prefix) ?? none) into.add(one)
  }

  function judge(written: readonly Written[], view: View, prospectOf: () => Prospect): readonly Readable<unknown>[] {
    // What was read the last time says nothing where that has changed meanwhile: then it is read again first.
    const unsure = new Set(old)
    for (const key of layerOver(view)?.keys() ?? none) collect(key, unsure)
    const concerned = new Set(unsure)
    for (const { key } of written) collect(key, concerned)
    if (concerned.size === 0) return nothing
    const after = prospectOf()
    const reads: Readable<unknown>[] = []
    for (const invariant of concerned) {
      const seen = unsure.has(invariant) ? run(invariant, view.snapshot).seen : invariant.seen
      if (!written.some((write) => touches(write, seen, view, after))) continue
      const { failure, cause, seen: seenAfter } = run(invariant, after.snapshot)
      if (failure !== undefined) throw failed(invariant, failure, written, cause)
      for (const readable of [...seen, ...seenAfter]) if (arbiterOf(readable) === 'relay') reads.push(readable)
    }
    return reads
  }

  return {
    get size() {
      return byName.size
    },
    add(name, check, isStrict, snapshot) {
      if (byName.has(name)) {
        throw new StmError(
          'invariant-exists',
          `There is an invariant "${name}" already. Choose another name, or take that one away first.`,
        )
      }
      const invariant: Invariant = { name, check, isStrict, seen: nothing, failure: undefined }
      const { failure, seen } = run(invariant, snapshot)
      invariant.failure = failure
      byName.set(name, invariant)
      file(invariant, seen)
      return {
        failure,
        remove() {
          if (byName.get(name) !== invariant) return
          byName.delete(name)
          file(invariant, nothing)
          old.delete(invariant)
        },
      }
    },
    judge(writes, view, context) {
      if (byName.size === 0) return nothing
      const written = writes.map(({ ref, policy }) => ({ key: ref.key, policy }))
      return judge(written, view, () => prospect(writes, view, context))
    },
    note(changed) {
      if (byName.size > 0) for (const key of changed) for (const one of readers.get(key) ?? none) old.add(one)
    },
    look(snapshot, tell, report) {
      for (const invariant of [...old]) {
        if (!old.delete(invariant)) continue
        const before = invariant.failure
        try {
          const { failure, seen } = run(invariant, snapshot)
          file(invariant, seen)
          invariant.failure = failure
        } catch (error) {
          report(error)
          continue
        }
        if ((before === undefined) === (invariant.failure === undefined)) continue
        tell({ name: invariant.name, message: invariant.failure ?? before!, isOver: invariant.failure === undefined })
      }
    },
  }
}

const none: readonly never[] = []
const nothing: readonly Readable<unknown>[] = []

function placesOf(readable: Readable<unknown>): readonly string[] {
  return readable.kind === 'ref' ? [readable.key] : [watchKey(readable), memberPrefix(familyIn(readable as Group))]
}

/** Everything as it will be when a transaction has committed. */
interface Prospect {
  readonly view: View
  readonly snapshot: Snapshot
}

/** Later than all that is there, as the Change will be. */
function stampAfter({ stamp }: EditContext): Stamp {
  return { at: Number.MAX_SAFE_INTEGER, writer: stamp.writer }
}

function prospect(writes: readonly DraftWrite[], view: View, context: EditContext): Prospect {
  const policies = new Map(writes.map(({ policy }) => [policy.tag, policy]))
  const after = layered(view, sealPure(writes, context), stampAfter(context), (tag) => policies.get(tag))
  // A live document is not touched before the commit: what it will be only its draft knows.
  const late = new Map(writes.flatMap((write) => (isLate(write.policy) ? [[write.ref.key, write]] : [])))
  if (late.size === 0) return { view: after, snapshot: after.snapshot }
  const snapshot: Snapshot = {
    ...after.snapshot,
    get<V>(readable: Readable<V>): V {
      const write = late.get(readable.key)
      if (write === undefined) return after.snapshot.get(readable)
      // The draft is one of the ref with this key.
      return write.policy.readDraft(write.draft, write.ref) as V
    },
    read<V>(ref: Ref<V, Writes, Arbiter>) {
      const write = late.get(ref.key)
      return write === undefined ? after.snapshot.read(ref) : judged(ref, snapshot.get(ref), write.policy, undefined)
    },
    items: (collection) => itemsOf(snapshot, collection),
  }
  return { view: after, snapshot }
}

/** Whether a write changes what one of these reads. A member of a collection counts where it comes, goes or moves. */
function touches({ key, policy }: Written, seen: readonly Readable<unknown>[], before: View, after: Prospect): boolean {
  return seen.some((readable) => {
    if (readable.kind === 'ref') return readable.key === key
    const family = familyIn(readable as Group)
    const prefix = memberPrefix(family)
    if (!key.startsWith(prefix)) return false
    const id = key.slice(prefix.length)
    const was = entryOfState(family, policy, id, before.state(key))
    return was !== entryOfState(family, policy, id, after.view.state(key))
  })
}

function run({ name, check, isStrict }: Invariant, snapshot: Snapshot): Run {
  const seen = new Map<CellKey, Readable<unknown>>()
  const reader = noting(snapshot, (readable) => {
    if (isStrict && !isCompared(readable)) throw notStrict(name, readable)
    seen.set(readable.key, readable)
  })
  let failure: string | undefined
  let cause: unknown
  try {
    const verdict = check(reader)
    if (verdict !== true) failure = verdict === false ? `"${name}" does not hold.` : verdict
  } catch (error) {
    if (error instanceof StmError && error.code === 'strict-invariant') throw error
    // An invariant that cannot tell does not hold.
    failure = `"${name}" threw: ${error instanceof Error ? error.message : String(error)}`
    cause = error
  }
  return { failure, cause, seen: [...seen.values()] }
}

/** Whether the relay makes sure that it has not moved before a transaction that depends on it commits. */
function isCompared(readable: Readable<unknown>): boolean {
  if (arbiterOf(readable) !== 'relay') return false
  return readable.kind !== 'ref' || (readable as AnyRef).options.onConflict !== 'merge'
}

function failed({ name }: Invariant, failure: string, written: readonly Written[], cause: unknown): StmError {
  return new StmError(
    'invariant-failed',
    `The transaction would break the invariant "${name}": ${failure} Nothing has happened. Write what keeps it, or all that it needs in one transaction.`,
    { invariant: name, refs: written.map(({ key }) => key), cause },
  )
}

function notStrict(name: string, readable: Readable<unknown>): StmError {
  return new StmError(
    'strict-invariant',
    `The strict invariant "${name}" reads "${readable.key}", which is a ${arbiterOf(readable) === 'relay' ? 'ref that merges on conflict' : `${arbiterOf(readable)} ref`}: others may write it without asking, so nobody can promise that the ` +
      'invariant never breaks. Let it read relay refs that do not merge only, or leave "strict" out and hear when it is broken.',
    { invariant: name, refs: [readable.key] },
  )
}
