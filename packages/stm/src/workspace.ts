import { StmError } from './errors.ts'
import { entryOfState, entryOfValue, idsOf, EntryItem, memberPrefix, sortedKey } from './indexes.ts'
import { itemsOf, type Memory } from './memory.ts'
import type { EditContext, Intent, Policy } from './policy.ts'
import type { CellKey, Collection, List, Readable, Ref } from './ref.ts'
import type { Snapshot } from './snapshot.ts'
import type { SortedSet } from './sorted.ts'
import type { Tx } from './transaction.ts'

/** The writes to one ref, as its policy's draft. */
export interface DraftWrite {
  readonly ref: Ref
  readonly policy: Policy
  readonly draft: unknown
}

/** How many items on each side of an insertion are looked at, and can be given new keys when there is no room. Part of `List.keysFor`. */
const NEIGHBOURS = 64

/** Keys of this length are a sign that a place in a list has been inserted at again and again. */
const LONG_KEY = 128

/** A sorted set that the body has read, with the writes of the body. */
interface OwnSet {
  readonly readable: Collection | List
  readonly prefix: string
  set: SortedSet
}

/** The writes to one ref before and after one more write. */
type Edit = readonly [before: DraftWrite, after: DraftWrite]

/** The private workspace of one transaction: drafts over a memory that does not move while the body runs. */
export class Workspace implements Tx {
  readonly #memory: Memory
  readonly #snapshot: Snapshot
  readonly #context: EditContext
  readonly #writes = new Map<CellKey, DraftWrite>()
  readonly #sets = new Map<CellKey, OwnSet>()
  #finished = false

  constructor(memory: Memory, context: EditContext) {
    this.#memory = memory
    this.#snapshot = memory.snapshot
    this.#context = context
  }

  writes(): readonly DraftWrite[] {
    return [...this.#writes.values()]
  }

  finish(): void {
    this.#finished = true
  }

  get<V>(readable: Readable<V>): V {
    this.#assertRunning()
    if (readable.kind === 'ref') return this.#value(readable as unknown as Ref) as V
    const family = readable as unknown as Collection | List
    return idsOf(family, this.#setOf(family)) as V
  }

  items<V>(collection: Collection<V>): Iterable<readonly [string, V]> {
    return itemsOf(this, collection)
  }

  set<V>(ref: Ref<unknown, { set: V }>, value: V): void {
    this.#write(ref, { kind: 'set', value })
  }

  update<V>(ref: Ref<V | undefined, { set: V }>, change: (value: V) => V): void {
    const before = this.get(ref)
    if (before === undefined) throw missing(ref)
    this.set(ref, change(before))
  }

  patch<F>(ref: Ref<unknown, { patch: F }>, fields: F): void {
    this.#write(ref, { kind: 'patch', fields: fields as Record<string, unknown> })
  }

  add(ref: Ref<unknown, { add: true }>, delta: number, field?: string): void {
    this.#write(ref, field === undefined ? { kind: 'add', delta } : { kind: 'add', delta, field })
  }

  create<C>(member: Ref<unknown, { create: C }>, value: C): void {
    this.#write(member, { kind: 'create', value: value as Record<string, unknown> })
  }

  delete(member: Ref<unknown, { delete: true }>): void {
    this.#write(member, { kind: 'delete' })
  }

  move(member: Ref<unknown, { patch: never }>, list: List, index?: number): void {
    this.moveAll([member], list, index)
  }

  moveAll(members: readonly Ref<unknown, { patch: never }>[], list: List, index?: number): void {
    this.#assertRunning()
    const ids = this.#idsIn(list, members)
    if (ids.length === 0) return
    const own = ids.flatMap((id, i) => entryOfValue(list, id, this.#value(members[i]!)) ?? [])
    const others = this.#setOf(list).change([], own)
    const at = index ?? others.size
    if (!Number.isInteger(at) || at < 0 || at > others.size) {
      throw new StmError(
        'invalid-value',
        `Index ${String(index)} is not in the list, which has ${others.size} other items. Use a whole number from 0 to ${others.size}.`,
      )
    }
    const from = Math.max(0, at - NEIGHBOURS)
    const near = others.slice(from, at + NEIGHBOURS).map((entry) => new EntryItem(entry))
    const { seed } = this.#context
    let found = list.keysFor(near, at - from, ids.length, seed)
    // There is no room here. Re-keying finds it when it sees the whole list; that is rare, so it may cost that much.
    if (found.rekeyed.length > 0 || found.keys.some((key) => key.length >= LONG_KEY)) {
      found = list.keysFor(
        others.slice(0, others.size).map((entry) => new EntryItem(entry)),
        at,
        ids.length,
        seed,
      )
    }
    const { keys, rekeyed } = found
    // All writes are made before the first is kept: a move that fails half-way would leave the list in an order that nobody asked for.
    this.#keep([
      ...rekeyed.map(({ id, key }) => this.#edited(list.collection.at(id), placing(list, key))),
      ...members.map((member, i) => this.#edited(member, placing(list, keys[i]!))),
    ])
  }

  insert<C>(ref: Ref<unknown, { insert: C }>, index: number, content: C): void {
    this.#write(ref, { kind: 'insert', index, content })
  }

  remove(ref: Ref<unknown, { remove: true }>, index: number, length: number): void {
    this.#write(ref, { kind: 'remove', index, length })
  }

  reorder(ref: Ref<unknown, { move: true }>, from: number, to: number): void {
    this.#write(ref, { kind: 'move', from, to })
  }

  #assertRunning(): void {
    if (!this.#finished) return
    throw new StmError(
      'transaction-finished',
      'This tx belongs to a transaction that is over. Read and write inside the body of transact(), before it returns.',
    )
  }

  #value(ref: Ref): unknown {
    const write = this.#writes.get(ref.key)
    return write === undefined ? this.#snapshot.get(ref) : write.policy.readDraft(write.draft, ref)
  }

  #write(ref: Ref, intent: Intent): void {
    this.#assertRunning()
    this.#keep([this.#edited(ref, intent)])
  }

  /** A ref's draft, and the draft with one more write. Nothing is kept. */
  #edited(ref: Ref, intent: Intent): Edit {
    const before = this.#writes.get(ref.key) ?? this.#opened(ref)
    return [before, { ref, policy: before.policy, draft: before.policy.edit(before.draft, intent, ref, this.#context) }]
  }

  #opened(ref: Ref): DraftWrite {
    const policy = this.#memory.adopt(ref.policy)
    return { ref, policy, draft: policy.draft(this.#memory.state(ref.key), ref) }
  }

  /** Makes writes part of the transaction, and of the collections and lists that the body has read. */
  #keep(edits: readonly Edit[]): void {
    for (const [before, after] of edits) if (after.draft !== before.draft) this.#writes.set(after.ref.key, after)
    for (const own of this.#sets.values()) {
      const added: string[] = []
      const removed: string[] = []
      for (const [before, after] of edits) {
        const { ref, policy } = after
        if (after.draft === before.draft || !ref.key.startsWith(own.prefix)) continue
        const id = ref.key.slice(own.prefix.length)
        const was = entryOfValue(own.readable, id, policy.readDraft(before.draft, ref))
        const is = entryOfValue(own.readable, id, policy.readDraft(after.draft, ref))
        if (was === is) continue
        if (was !== undefined) removed.push(was)
        if (is !== undefined) added.push(is)
      }
      own.set = own.set.change(added, removed)
    }
  }

  /** The sorted set of a collection or list, with the writes of this body. */
  #setOf(readable: Collection | List): SortedSet {
    const key = sortedKey(readable)
    const kept = this.#sets.get(key)
    if (kept !== undefined) return kept.set
    const prefix = memberPrefix(readable)
    const added: string[] = []
    const removed: string[] = []
    for (const { ref, policy, draft } of this.#writes.values()) {
      if (!ref.key.startsWith(prefix)) continue
      const id = ref.key.slice(prefix.length)
      const was = entryOfState(readable, policy, id, this.#memory.state(ref.key))
      const is = entryOfValue(readable, id, policy.readDraft(draft, ref))
      if (was === is) continue
      if (was !== undefined) removed.push(was)
      if (is !== undefined) added.push(is)
    }
    const set = this.#memory.sorted(readable).change(added, removed)
    this.#sets.set(key, { readable, prefix, set })
    return set
  }

  /** The ids of members that are to stand in a list; throws when one cannot. */
  #idsIn(list: List, members: readonly Ref[]): string[] {
    const prefix = memberPrefix(list)
    const seen = new Set<string>()
    for (const member of members) {
      if (!member.key.startsWith(prefix)) {
        throw new StmError(
          'invalid-write',
          `"${member.address}" is not a member of "${list.collection.name}", so it cannot stand in a list of that collection.`,
        )
      }
      if (seen.has(member.key)) {
        throw new StmError('invalid-write', `"${member.address}" is to be moved twice at once. Name each member once.`)
      }
      seen.add(member.key)
      if (this.#value(member) === undefined) throw missing(member)
    }
    return members.map(({ key }) => key.slice(prefix.length))
  }
}

function placing({ field, parent }: List, key: string): Intent {
  return { kind: 'patch', fields: { [field]: { parent, key } } }
}

function missing(ref: { readonly address: string }): StmError {
  return new StmError(
    'missing-member',
    `"${ref.address}" does not exist, or was deleted. Create it first, or check tx.get(ref) for undefined.`,
  )
}
