import type { Arbiter } from './change.ts'
import { recommuted } from './commute.ts'
import { StmError } from './errors.ts'
import { Footprint } from './footprint.ts'
import type { Memory, View } from './memory.ts'
import type { EditContext } from './policy.ts'
import type { AnyRef, CellKey, Readable } from './ref.ts'
import type { Rules } from './rules.ts'
import { isLate } from './seal.ts'
import type { Tx } from './transaction.ts'
import { equalValues } from './value.ts'
import { asyncBody, isRetrySignal, isThenable, unawaited, Workspace, type DeclaredEffect } from './workspace.ts'
import type { DraftWrite } from './write.ts'

/** What a commit depends on: `serializable`, all that was read, written or ensured; `snapshot`, what was written or ensured. */
export type Isolation = 'serializable' | 'snapshot'

/** One run of a body that may await: reads from the view at its beginning, and writes that are buffered. */
export interface Attempt<A extends Arbiter> {
  /** What the body gets. */
  readonly tx: Tx<A>
  readonly view: View
  /** What the body has read so far, each once, and what parts of it wrote that were undone. */
  reads(): readonly Readable<unknown>[]
  /** What the body ensured, each once. */
  ensured(): readonly Readable<unknown>[]
  /** The body is over: its `tx` is of no use any more. */
  finish(): void
  /** Whether it came to `retry`, whatever became of what that threw. */
  readonly isRetrying: boolean
  /**
   * What is to become of it, as the memory is now, or on another view of it. May be asked again. Throws `StmError` `savepoint-open` when the body did not await a
   * savepoint, what a commuted function throws, and what `rules` throw when the transaction may not commit.
   */
  check(isolation: Isolation, on?: View): Check
}

/** What is to become of an attempt. */
export type Check =
  | Ready
  /** Something that it depends on has moved: run the body again. */
  | { readonly kind: 'rerun'; readonly moved: readonly Readable<unknown>[] }
  /** It came to `retry`: run the body again when one of these has moved. */
  | { readonly kind: 'blocked'; readonly on: readonly Readable<unknown>[] }

/** It can commit: its writes fit the memory as it is now. */
export interface Ready {
  readonly kind: 'ready'
  readonly writes: readonly DraftWrite[]
  readonly effects: readonly DeclaredEffect[]
  /** What it read that has moved and was not checked: under `snapshot`, a sign of write skew. */
  readonly skewed: readonly Readable<unknown>[]
}

/**
 * Begins a run of a body on the newest view of a memory, or on the view `on`. `once` is what `tx.once` has given in earlier runs of the same transaction; `rules`
 * are asked by `check` about what would be committed, and are those of the memory when none are given.
 * Nothing else happens: running the body, waiting and committing are up to the caller. Cost of `check`: what was read and written, nothing
 * when the memory has not moved.
 *
 * @example
 * import { begin, createMemory, emptyBasis, sealPure } from '@syncline/stm'
 *
 * const memory = createMemory()
 * const votes = register('votes', 0)
 * const context = { stamp: { at: 1, writer: 'w1' }, seed: 'seed1' }
 * const mine = begin<'local'>(memory, context)
 * mine.tx.update(votes, (n) => n + 1)
 *
 * const theirs = begin<'local'>(memory, context)
 * theirs.tx.set(votes, 5)
 * theirs.finish()
 * const ready = theirs.check('serializable')
 * if (ready.kind === 'ready') memory.apply(sealPure(ready.writes, context), { at: 2, writer: 'w2' }, emptyBasis)
 *
 * mine.finish()
 * expect(mine.check('serializable')).toMatchObject({ kind: 'rerun', moved: [votes] })
 */
export function begin<A extends Arbiter>(
  memory: Memory,
  context: EditContext,
  once: Map<string, unknown> = new Map(),
  on: View = memory.view,
  rules: Rules = memory.rules,
): Attempt<A> {
  const footprint = new Footprint(true, once)
  const run = new Run(memory, new Workspace<A>(on, context, footprint), on, context, footprint, rules)
  return {
    tx: run.tx,
    view: run.view,
    reads: () => run.reads(),
    ensured: () => run.ensured(),
    finish: () => run.finish(),
    get isRetrying() {
      return run.isRetrying
    },
    check: (isolation, now) => run.check(isolation, now),
  }
}

/** One run. */
class Run<A extends Arbiter> {
  readonly tx: Workspace<A>
  readonly view: View
  readonly #memory: Memory
  readonly #context: EditContext
  readonly #footprint: Footprint
  readonly #rules: Rules

  constructor(memory: Memory, tx: Workspace<A>, view: View, context: EditContext, footprint: Footprint, rules: Rules) {
    this.tx = tx
    this.view = view
    this.#memory = memory
    this.#context = context
    this.#footprint = footprint
    this.#rules = rules
  }

  reads(): readonly Readable<unknown>[] {
    return unique([...this.#footprint.reads, ...this.#footprint.tried])
  }

  ensured(): readonly Readable<unknown>[] {
    return unique(this.#footprint.ensured)
  }

  finish(): void {
    this.#footprint.isOver = true
  }

  get isRetrying(): boolean {
    return this.tx.isRetrying
  }

  check(isolation: Isolation, on: View = this.#memory.view): Check {
    if (this.tx.hasOpenSavepoint) throw unawaited()
    if (this.isRetrying) {
      const reads = unique(this.#footprint.reads)
      const moved = on === this.view ? [] : reads.filter((readable) => this.#readsOtherwise(on, readable))
      return moved.length > 0 ? { kind: 'rerun', moved } : { kind: 'blocked', on: reads }
    }
    const writes = this.tx.writes()
    const effects = this.tx.effects()
    const isReading = writes.length === 0 && effects.length === 0
    if (isReading || on === this.view) return this.#ready(on, writes, effects, nothing)
    const movedReads = this.reads().filter((readable) => this.#hasMoved(on, readable))
    const moved = unique([
      ...writes.filter((write) => this.#isOverwritten(on, write)).map(({ ref }) => ref),
      // Who ensures a ref says that it must not move, also one that merges.
      ...this.ensured().filter((readable) => this.#readsOtherwise(on, readable)),
      ...(isolation === 'serializable' ? movedReads : []),
    ])
    if (moved.length > 0) return { kind: 'rerun', moved }
    const fitting = writes.flatMap((write) =>
      write.commuted === undefined ? write : (recommuted(write, on, this.#context) ?? []),
    )
    return this.#ready(on, fitting, effects, movedReads)
  }

  #ready(
    on: View,
    writes: readonly DraftWrite[],
    effects: readonly DeclaredEffect[],
    skewed: readonly Readable<unknown>[],
  ): Ready {
    if (writes.length > 0) {
      for (const readable of this.#rules.judge(writes, on, this.#context)) this.#footprint.ensure(readable)
    }
    return { kind: 'ready', writes, effects, skewed }
  }

  /** Whether a commit must not pass over it: what merges may move. */
  #hasMoved(on: View, readable: Readable<unknown>): boolean {
    return !isMerging(readable) && this.#readsOtherwise(on, readable)
  }

  #readsOtherwise(on: View, readable: Readable<unknown>): boolean {
    const before = this.view.get(readable)
    const now = on.get(readable)
    return before !== now && !equalValues(before, now)
  }

  /** Not by value: a member that was deleted and created again may read the same, and is another incarnation. */
  #isOverwritten(on: View, { ref, policy, commuted }: DraftWrite): boolean {
    if (commuted !== undefined || (isMerging(ref) && !isLate(policy))) return false
    return this.view.state(ref.key) !== on.state(ref.key)
  }
}

const nothing: readonly Readable<unknown>[] = []

function isMerging(readable: Readable<unknown>): boolean {
  return readable.kind === 'ref' && (readable as AnyRef).options.onConflict === 'merge'
}

function unique(readables: readonly Readable<unknown>[]): readonly Readable<unknown>[] {
  const byKey = new Map<CellKey, Readable<unknown>>()
  for (const readable of readables) if (!byKey.has(readable.key)) byKey.set(readable.key, readable)
  return [...byKey.values()]
}

/** What a body asked for: what it returned, its writes and effects, not yet visible to anybody. */
export interface Draft<T> {
  readonly value: T
  readonly writes: readonly DraftWrite[]
  readonly effects: readonly DeclaredEffect[]
}

/**
 * Runs a sync body on the newest snapshot of a memory and gathers its writes. Nothing else happens: what the body threw is thrown on,
 * and its writes are forgotten.
 *
 * Throws `StmError` `async-body` when the body returns a promise, `would-block` when it comes to `retry`, and `overtaken` when the memory
 * has moved while it ran (by an independent transaction) and with it something that it read or wrote; and what `rules` throw, by default those
 * of the memory. Its `tx` is of no use afterwards.
 *
 * @example
 * import { createMemory, draft, emptyBasis, sealPure } from '@syncline/stm'
 *
 * const title = register('title', '')
 * const memory = createMemory()
 * const context = { stamp: { at: 1, writer: 'w1' }, seed: 'seed1' }
 * const { value, writes } = draft(memory, (tx) => {
 *   tx.set(title, 'Hello')
 *   return tx.get(title)
 * }, context)
 * expect(value).toBe('Hello')
 * expect(memory.snapshot.get(title)).toBe('')
 * memory.apply(sealPure(writes, context), context.stamp, emptyBasis)
 * expect(memory.snapshot.get(title)).toBe('Hello')
 */
export function draft<T>(
  memory: Memory,
  body: (tx: Tx) => T,
  context: EditContext,
  rules: Rules = memory.rules,
): Draft<T> {
  const view = memory.lend()
  try {
    return draftOn(view, memory, body, context, rules)
  } finally {
    memory.giveBack(view)
  }
}

function draftOn<T>(view: View, memory: Memory, body: (tx: Tx) => T, context: EditContext, rules: Rules): Draft<T> {
  const footprint = new Footprint(false)
  const tx = new Workspace<'local'>(view, context, footprint)
  let value: T
  try {
    value = body(tx)
    if (isThenable(value)) throw asyncBody(value)
  } catch (error) {
    throw isRetrySignal(error) ? wouldBlock() : error
  } finally {
    footprint.isOver = true
  }
  if (memory.isNewest(view) && !tx.isRetrying && !tx.hasOpenSavepoint) {
    // Nothing can have moved, which is how it nearly always is.
    const writes = tx.writes()
    if (writes.length > 0) rules.judge(writes, view, context)
    return { value, writes, effects: tx.effects() }
  }
  const attempt = new Run(memory, tx, view, context, footprint, rules)
  const checked = attempt.check('serializable')
  if (checked.kind === 'blocked') throw wouldBlock()
  if (checked.kind === 'rerun') throw attempt.isRetrying ? wouldBlock() : overtaken(checked.moved)
  return { value, writes: checked.writes, effects: checked.effects }
}

function wouldBlock(): StmError {
  return new StmError(
    'would-block',
    'The body of transact() came to retry(), and transact() cannot wait. Give it another way by orElse(), or use transactAsync().',
  )
}

function overtaken(moved: readonly Readable<unknown>[]): StmError {
  const refs = moved.map(({ key }) => key)
  return new StmError(
    'overtaken',
    `An independent transaction inside of this one has written ${namesOf(refs)}, which this one depends on. Let the two touch different refs, or use one transaction.`,
    { refs },
  )
}

/**
 * Some keys in words for a message.
 *
 * @example
 * expect(namesOf(['lww title', 'lww owner'])).toBe('"lww title", "lww owner"')
 * expect(namesOf(['a', 'b', 'c', 'd', 'e', 'f', 'g'])).toContain('2 more')
 */
export function namesOf(keys: readonly CellKey[]): string {
  const named = keys.slice(0, 5).map((key) => `"${key}"`)
  if (keys.length > named.length) named.push(`${keys.length - named.length} more`)
  return named.join(', ')
}
