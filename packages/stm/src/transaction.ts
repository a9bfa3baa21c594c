import type { Op } from './change.ts'
import { StmError } from './errors.ts'
import { familyOf, familyPrefix, idsOf, listEntry, sortedKey, splitEntry } from './indexes.ts'
import { itemsOf, type Memory } from './memory.ts'
import type { BoundPolicy, EditContext, Intent, Place, Policy } from './policy.ts'
import type { CellKey, Collection, List, Readable, Ref } from './ref.ts'
import type { SortedSet } from './sorted.ts'
import { valueSizeBytes } from './value.ts'

/** What a transaction body gets: reads from one consistent snapshot plus its own writes, and writes that are buffered. */
export interface Tx {
  /** The value now, own writes included. */
  get<V>(readable: Readable<V>): V
  /** The members of a collection, own writes included, as `[id, value]`, ascending by id. */
  items<V>(collection: Collection<V>): Iterable<readonly [string, V]>

  /** Replaces the value. Of a record only the fields that differ are written. Setting an equal value writes nothing. */
  set<V>(ref: Ref<unknown, { set: V }>, value: V): void
  /** `set(ref, change(get(ref)))`. */
  update<V>(ref: Ref<V | undefined, { set: V }>, change: (value: V) => V): void
  /** Writes the named fields of a record and leaves the others alone. */
  patch<F>(ref: Ref<unknown, { patch: F }>, fields: F): void
  /** Adds to a counter; concurrent additions sum up. `field` names the counter field of a record. */
  add(ref: Ref<unknown, { add: true }>, delta: number, field?: string): void

  /** Brings a member of a collection into being. Throws `member-exists` when it is there. */
  create<C>(member: Ref<unknown, { create: C }>, value: C): void
  /** Takes a member out of its collection. Wins over concurrent edits of it. Of an absent member: nothing. */
  delete(member: Ref<unknown, { delete: true }>): void
  /** Puts an existing member into `list` at `index` (counted without the member itself; default: at the end), out of the list it was in. */
  move(member: Ref<unknown, { patch: unknown }>, list: List, index?: number): void
  /** Moves several members, in the given order, so that they stay contiguous whatever others insert. */
  moveAll(members: readonly Ref<unknown, { patch: unknown }>[], list: List, index?: number): void

  /** Inserts text or items at an index. */
  insert<C>(ref: Ref<unknown, { insert: C }>, index: number, content: C): void
  /** Removes `length` characters or items from an index. */
  remove(ref: Ref<unknown, { remove: true }>, index: number, length: number): void
  /** Moves one item of a list ref. */
  reorder(ref: Ref<unknown, { move: true }>, from: number, to: number): void
}

/** What a body asked for: what it returned, and its writes, not yet visible to anybody. */
export interface Draft<T> {
  readonly value: T
  readonly writes: readonly DraftWrite[]
}

/** The writes to one ref, as its policy's draft. */
export interface DraftWrite {
  readonly ref: Ref
  readonly policy: Policy
  readonly draft: unknown
}

/**
 * Runs a sync body on the newest snapshot of a memory and gathers its writes. Nothing else happens: what the body threw is thrown on,
 * and its writes are forgotten.
 */
export function draft<T>(memory: Memory, body: (tx: Tx) => T, context: EditContext): Draft<T> {
  const workspace = new Workspace(memory, context)
  try {
    const value = body(workspace)
    if (isThenable(value)) {
      // The promise will fail when it uses its tx; nobody else is waiting for it.
      void Promise.resolve(value).catch(() => undefined)
      throw new StmError(
        'async-body',
        'The body of transact() returned a promise, so it is not over when it returns. ' +
          'Await what you need first and pass the results in; a transaction reads refs and writes refs, at once.',
      )
    }
    return { value, writes: workspace.writes() }
  } finally {
    workspace.finish()
  }
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/** How many bytes the writes of a draft will take at most, apart from a small constant for each. Cost: one walk over what was written. */
export function sealSizeBytes(writes: readonly DraftWrite[], ops: readonly Op[]): number {
  let bytes = 0
  for (const { policy, draft, ref } of writes) {
    if (isLate(policy)) bytes += policy.sizeBytes!(draft) + ref.address.length * 3
  }
  for (const op of ops) bytes += valueSizeBytes(op.payload) + op.address.length * 3
  return bytes
}

/** The operations of all writes whose policies are pure. Never throws. Refs whose value did not change give none. */
export function sealPure(writes: readonly DraftWrite[], context: EditContext): Op[] {
  return writes.filter(({ policy }) => !isLate(policy)).flatMap((write) => seal(write, context))
}

/** The operations of the writes to live documents, which are changed by this. Called last, when nothing can fail any more. */
export function sealLate(writes: readonly DraftWrite[], context: EditContext): Op[] {
  return writes.filter(({ policy }) => isLate(policy)).flatMap((write) => seal(write, context))
}

function seal({ ref, policy, draft }: DraftWrite, context: EditContext): Op[] {
  const payload = policy.finish(draft, ref, context)
  return payload === undefined ? [] : [{ tag: policy.tag, address: ref.address, arbiter: ref.arbiter, payload }]
}

function isLate(policy: Policy): policy is BoundPolicy {
  return 'late' in policy && policy.late === true
}

/** The private workspace of one transaction: drafts over a memory that does not move while the body runs. */
class Workspace implements Tx {
  readonly #memory: Memory
  readonly #context: EditContext
  readonly #writes = new Map<CellKey, DraftWrite>()
  /** Sorted sets this body has read, kept up to date with its own writes. */
  readonly #sorted = new Map<CellKey, { readonly readable: Collection | List; set: SortedSet }>()
  #finished = false

  constructor(memory: Memory, context: EditContext) {
    this.#memory = memory
    this.#context = context
  }

  writes(): readonly DraftWrite[] {
    return [...this.#writes.values()]
  }

  finish(): void {
    this.#finished = true
  }

  get<V>(readable: Readable<V>): V {
    this.#alive()
    if (readable.kind === 'ref') return this.#value(readable as unknown as Ref) as V
    const family = readable as unknown as Collection | List
    return idsOf(family, this.#sortedOf(family)) as V
  }

  items<V>(collection: Collection<V>): Iterable<readonly [string, V]> {
    return itemsOf(this, collection)
  }

  set<V>(ref: Ref<unknown, { set: V }>, value: V): void {
    this.#edit(ref, { kind: 'set', value })
  }

  update<V>(ref: Ref<V | undefined, { set: V }>, change: (value: V) => V): void {
    const before = this.get(ref)
    if (before === undefined) throw missing(ref)
    this.set(ref, change(before))
  }

  patch<F>(ref: Ref<unknown, { patch: F }>, fields: F): void {
    this.#edit(ref, { kind: 'patch', fields: fields as Record<string, unknown> })
  }

  add(ref: Ref<unknown, { add: true }>, delta: number, field?: string): void {
    this.#edit(ref, field === undefined ? { kind: 'add', delta } : { kind: 'add', delta, field })
  }

  create<C>(member: Ref<unknown, { create: C }>, value: C): void {
    this.#edit(member, { kind: 'create', value: value as Record<string, unknown> })
  }

  delete(member: Ref<unknown, { delete: true }>): void {
    this.#edit(member, { kind: 'delete' })
  }

  move(member: Ref<unknown, { patch: unknown }>, list: List, index?: number): void {
    this.moveAll([member], list, index)
  }

  moveAll(members: readonly Ref<unknown, { patch: unknown }>[], list: List, index?: number): void {
    this.#alive()
    const prefix = familyPrefix(familyOf(list))
    for (const member of members) {
      if (!member.key.startsWith(prefix)) {
        throw new StmError(
          'invalid-write',
          `"${member.address}" is not a member of "${list.collection.name}", so it cannot stand in a list of that collection.`,
        )
      }
      if (this.#value(member) === undefined) throw missing(member)
    }
    const ids = members.map((member) => member.key.slice(prefix.length))
    const set = this.#sortedOf(list).change([], this.#entriesOf(list, members))
    const at = index === undefined ? set.size : Math.trunc(index)
    if (!(at >= 0 && at <= set.size)) {
      throw new StmError('invalid-value', `Index ${index} is outside the list, which has ${set.size} other items. Use 0 to ${set.size}.`)
    }
    const from = Math.max(0, at - NEIGHBOURS)
    const near = []
    for (let i = from; i < Math.min(set.size, at + NEIGHBOURS); i++) near.push(splitEntry(set.at(i)!))
    const { keys, rekeyed } = list.keysFor(near, at - from, ids.length, this.#context.seed)
    for (const { id, key } of rekeyed) this.#place(list.collection.at(id), list, key)
    members.forEach((member, i) => this.#place(member, list, keys[i]!))
  }

  insert<C>(ref: Ref<unknown, { insert: C }>, index: number, content: C): void {
    this.#edit(ref, { kind: 'insert', index, content })
  }

  remove(ref: Ref<unknown, { remove: true }>, index: number, length: number): void {
    this.#edit(ref, { kind: 'remove', index, length })
  }

  reorder(ref: Ref<unknown, { move: true }>, from: number, to: number): void {
    this.#edit(ref, { kind: 'move', from, to })
  }

  #place(member: Ref, list: List, key: string): void {
    this.#edit(member, { kind: 'patch', fields: { [list.field]: { parent: list.parent, key } } })
  }

  #alive(): void {
    if (!this.#finished) return
    throw new StmError(
      'transaction-finished',
      'This tx belongs to a transaction that is over. Read and write inside the body of transact(), before it returns.',
    )
  }

  #value(ref: Ref): unknown {
    const write = this.#writes.get(ref.key)
    if (write !== undefined) return write.policy.readDraft(write.draft, ref)
    return this.#memory.snapshot.get(ref)
  }

  #edit(ref: Ref, intent: Intent): void {
    this.#alive()
    const write = this.#writes.get(ref.key)
    const policy = write?.policy ?? this.#memory.adopt(ref.policy)
    const before = write === undefined ? policy.draft(this.#memory.state(ref.key), ref) : write.draft
    const after: unknown = policy.edit(before, intent, ref, this.#context)
    if (after === before) return
    this.#writes.set(ref.key, { ref, policy, draft: after })
    if (this.#sorted.size > 0) this.#resort(ref, policy.readDraft(before, ref), policy.readDraft(after, ref))
  }

  /** The sorted set of a collection or list, with the writes of this body. */
  #sortedOf(readable: Collection | List): SortedSet {
    const key = sortedKey(readable)
    const kept = this.#sorted.get(key)
    if (kept !== undefined) return kept.set
    const added: string[] = []
    const removed: string[] = []
    const prefix = familyPrefix(familyOf(readable))
    for (const { ref, policy, draft } of this.#writes.values()) {
      if (!ref.key.startsWith(prefix)) continue
      const before = entryIn(readable, ref.key.slice(prefix.length), this.#memory.snapshot.get(ref))
      const after = entryIn(readable, ref.key.slice(prefix.length), policy.readDraft(draft, ref))
      if (before === after) continue
      if (before !== undefined) removed.push(before)
      if (after !== undefined) added.push(after)
    }
    const set = this.#memory.sorted(readable).change(added, removed)
    this.#sorted.set(key, { readable, set })
    return set
  }

  #resort(ref: Ref, before: unknown, after: unknown): void {
    for (const kept of this.#sorted.values()) {
      const prefix = familyPrefix(familyOf(kept.readable))
      if (!ref.key.startsWith(prefix)) continue
      const was = entryIn(kept.readable, ref.key.slice(prefix.length), before)
      const is = entryIn(kept.readable, ref.key.slice(prefix.length), after)
      if (was !== is) kept.set = kept.set.change(is === undefined ? [] : [is], was === undefined ? [] : [was])
    }
  }

  #entriesOf(list: List, members: readonly Ref[]): string[] {
    const prefix = familyPrefix(familyOf(list))
    return members.flatMap((member) => entryIn(list, member.key.slice(prefix.length), this.#value(member)) ?? [])
  }
}

/** How many items on each side of an insertion are looked at, and can be given new keys when there is no room. */
const NEIGHBOURS = 64

/** What stands for a member with this value in the sorted set of a readable; undefined when it is not in it. */
function entryIn(readable: Collection | List, id: string, value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (readable.kind === 'collection') return id
  const place = (value as Record<string, unknown>)[readable.field] as Place | undefined
  return place?.parent === readable.parent ? listEntry(place.key, id) : undefined
}

function missing(ref: { readonly address: string }): StmError {
  return new StmError(
    'missing-member',
    `"${ref.address}" does not exist, or was deleted. Create it first, or check tx.get(ref) for undefined.`,
  )
}
