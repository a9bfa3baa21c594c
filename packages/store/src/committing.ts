import { encodeValue, MAX_CHANGE_BYTES } from '@syncline/protocol'
import {
  cellKey,
  changeId,
  draft,
  keepShape,
  sealLate,
  sealPure,
  sealSizeBytes,
  StmError,
  toValue,
  valueSizeBytes,
  type Arbiter,
  type Change,
  type ChangeId,
  type DeclaredEffect,
  type DraftWrite,
  type EditContext,
  type Effect,
  type Op,
  type Policy,
  type Stamp,
  type Tx,
  type Value,
} from '@syncline/stm'
import type { Placed } from './away.ts'
import type { Core } from './core.ts'
import { closedError, refusedError } from './errors.ts'
import { randomUint32 } from './identity.ts'
import type { Receipt } from './receipt.ts'
import type { TransactOptions, UndoMark } from './transact-options.ts'
import type { Mark, OwnNote } from './undoing.ts'

/** Makes this tab's Changes. */
export interface Committing {
  transact<T>(body: (tx: Tx) => T, options?: TransactOptions): Receipt<T>
  /** Runs and commits a transaction whatever becomes of the one in whose body it is called. */
  independent<T>(body: (tx: Tx) => T, options?: TransactOptions): Receipt<T>
  /** Runs a part of a body: no other transaction can begin in it, and no `io`. */
  running<T>(part: () => T): T
  /** Runs a part when no body is running: now, or at the end of the outermost one. */
  outside<T>(part: () => Promise<T>): Promise<T>
  /** Whether a body is running, up to its first `await`. */
  isRunning(): boolean
  /** Runs `io`, unless it is called inside of a body. */
  io<T>(io: () => T): T
  /** Who writes, and a seed that nobody else has: for one run of a body that does not commit in the same task. */
  context(): EditContext
  /** The operations of writes whose policies are pure, and effects with ids. Throws `StmError` `change-too-large`. */
  seal(drafted: Drafted, context: EditContext, terms: Terms): Sealed
  /** Commits writes that fit the memory as it is now. Throws `StmError` `change-too-large`, and nothing has happened then. */
  write(drafted: Drafted, context: EditContext, terms: Terms): Receipt<void>
  /** Commits operations that were made before. Throws `StmError` `change-too-large`. */
  commit(ops: readonly Op[], meta: Value, also?: MadeBefore): Receipt<void>
  /** Resolves when the relay has stored a Change, under whatever id it was authored. */
  synced(id: ChangeId, signal: AbortSignal | undefined): Promise<void>
  /** Gives a policy its live documents, if it has any. */
  bind(policy: Policy): Policy
}

/** What a body wants to commit. */
export interface Drafted {
  readonly writes: readonly DraftWrite[]
  readonly effects: readonly DeclaredEffect[]
}

/** What goes with operations that were made before. */
export interface MadeBefore {
  /** What is kept so that they can be taken back. */
  readonly note?: OwnNote
  readonly effects?: readonly Effect[]
}

/** What a Change will hold. */
export interface Sealed {
  readonly ops: readonly Op[]
  readonly effects: readonly Effect[]
}

/** The options of a transaction, looked at before its body runs. */
export interface Terms {
  readonly meta: Value
  readonly strict: boolean
  readonly undo: Mark
}

/** The terms that options say. Throws `StmError` `invalid-value` for a `meta` that is no data, and what undoing does of its option. */
export function termsOf({ meta = null, durability, undo = byDefault }: TransactOptions, { undoing }: Core): Terms {
  if (undo !== byDefault) undoing.check(undo)
  return { meta: toValue(meta, 'meta'), strict: durability === 'strict', undo }
}

const byDefault: UndoMark = {}
const noOptions: TransactOptions = {}
const usualTerms: Terms = { meta: null, strict: false, undo: byDefault }

/** Room for the header and the framing of a Change. */
const OVERHEAD_BYTES = 64 * 1024

/** Makes the committing of one open store. */
export function createCommitting(core: Core): Committing {
  const { replica } = core
  const { memory } = replica
  /** How many bodies are running: more than one where transactions are independent. */
  let depth = 0
  /** How many contexts were given out for runs beside each other. */
  let runs = 0
  /** Direct edits of live documents that came while a transaction was running. */
  const directEdits: Op[] = []
  /** What waits for the end of the outermost body. */
  const afterwards: (() => void)[] = []

  function transact<T>(body: (tx: Tx) => T, options: TransactOptions = noOptions): Receipt<T> {
    if (depth > 0) {
      throw new StmError(
        'nested-transaction',
        'A transaction is running already. Use its tx, start the next one after it has returned, or use independent().',
      )
    }
    return independent(body, options)
  }

  function independent<T>(body: (tx: Tx) => T, options: TransactOptions = noOptions): Receipt<T> {
    if (core.isClosed) throw closedError()
    const terms = options === noOptions ? usualTerms : termsOf(options, core)
    replica.flushDocuments()
    depth += 1
    try {
      const context = depth > 1 ? contextBeside() : contextAlone()
      const drafted = draft(memory, body, context, core.validity.rules)
      checkArbiters(drafted.writes, 'local')
      return writeNow(drafted.value, drafted, context, terms, context.stamp)
    } finally {
      leave()
    }
  }

  function running<T>(part: () => T): T {
    depth += 1
    try {
      return part()
    } finally {
      leave()
    }
  }

  function leave(): void {
    depth -= 1
    if (depth > 0) return
    commitDirectEdits()
    tell()
    if (afterwards.length > 0) for (const part of afterwards.splice(0)) part()
  }

  function tell(): void {
    core.watching.tell()
    core.undoing.tell()
  }

  function contextAlone(): EditContext {
    return new OwnContext(replica.nextStamp(core.writers.current(), core.nowMs()))
  }

  /** Transactions that run beside each other may have the same stamp until they commit. */
  function contextBeside(): EditContext {
    const { stamp, seed } = contextAlone()
    runs += 1
    return { stamp, seed: `${seed}z${runs.toString(36)}` }
  }

  function seal({ writes, effects: declared }: Drafted, context: EditContext, { meta }: Terms): Sealed {
    const ops = sealPure(writes, context)
    const bytes = sealSizeBytes(writes, []) + valueSizeBytes(meta)
    if (declared.length === 0) {
      checkSize(bytes, ops)
      return { ops, effects: noEffects }
    }
    core.agents.check(declared)
    const effects = declared.map(({ handler, input }, i) => ({ id: `${context.seed}.${i}`, handler, input }))
    checkSize(bytes + effectsSizeBytes(effects), ops)
    return { ops, effects }
  }

  /** Commits, and gives a receipt with what the body returned. `stamp` is that of a body that has just run. */
  function writeNow<T>(value: T, drafted: Drafted, context: EditContext, terms: Terms, stamp?: Stamp): Receipt<T> {
    const { ops: pure, effects } = seal(drafted, context, terms)
    // Nothing can fail from here on.
    const late = sealLate(drafted.writes, context)
    const ops = late.length === 0 ? pure : pure.concat(late)
    // What was edited directly while the body ran is in the live documents already: it comes first.
    commitDirectEdits()
    if (ops.length + effects.length === 0) return { ...nothingChanged, value }
    const change = append(ops, effects, terms.meta, terms.strict, core.undoing.note(ops, terms.undo), stamp)
    // Before anybody hears of the commit: what a listener sends comes after what this has sent.
    if (effects.length > 0) core.agents.deliver(effects)
    return new ReceiptOfChange(change, value, promises)
  }

  const promises: Promises = { durable: (id) => core.durable(id), synced }

  /** Authors a Change and makes it visible. `drafted` is the stamp that its body had: it is that of the Change too when nothing came between. */
  function append(
    ops: readonly Op[],
    effects: readonly Effect[],
    meta: Value,
    strict: boolean,
    note?: OwnNote,
    drafted?: Stamp,
  ): Change {
    const writer = core.writers.current()
    const isNext = drafted?.writer === writer && replica.isNext(drafted)
    const { at } = isNext ? drafted : replica.nextStamp(writer, core.nowMs())
    const change = replica.author(writer, at, ops, effects, meta)
    const known = note !== undefined && core.journal.isWritten ? { inverse: () => note.data() } : undefined
    const changed = replica.commit(change, 'local', known)
    note?.keep(change, changed)
    core.journal.commit(change, strict)
    core.touchStatus()
    // The outermost body tells of its own commit itself, as the last thing it does.
    core.watching.note(changed, memory.snapshot)
    if (depth === 0) tell()
    return change
  }

  function commitDirectEdits(): void {
    for (let op = directEdits.shift(); op !== undefined; op = directEdits.shift()) {
      append([op], noEffects, null, false, core.undoing.note([op], core.undoing.typed(op)))
    }
  }

  function synced(id: ChangeId, signal: AbortSignal | undefined): Promise<void> {
    let current = id
    for (let next = core.renamed.get(current); next !== undefined; next = core.renamed.get(current)) current = next
    if (replica.isPending(current)) {
      return core.isClosed ? Promise.reject(closedError()) : core.waiting.wait(current, signal)
    }
    const refused = replica.refused.get(current)
    return refused === undefined ? Promise.resolve() : Promise.reject(refusedError(refused))
  }

  return {
    transact,
    independent,
    running,
    outside: (part) => (depth === 0 ? part() : new Promise((resolve) => afterwards.push(() => resolve(part())))),
    isRunning: () => depth > 0,
    io(io) {
      if (depth === 0) return io()
      throw new StmError(
        'io-in-transaction',
        'io() was called in the body of a transaction, which may run again. Declare it as an effect, wrap it in tx.once(), or do it before.',
      )
    },
    context: contextBeside,
    seal,
    write: (drafted, context, terms) => running(() => writeNow(undefined, drafted, context, terms)),
    commit(ops, meta, { note, effects = noEffects } = {}) {
      replica.flushDocuments()
      checkSize(valueSizeBytes(meta) + effectsSizeBytes(effects), ops)
      return new ReceiptOfChange(append(ops, effects, meta, false, note), undefined, promises)
    },
    synced,
    bind(policy) {
      const bound = policy.bind?.({
        state: (address) => memory.state(cellKey(policy.tag, address)),
        has(address) {
          const place: Placed = { tag: policy.tag, address, arbiter: 'local' }
          return core.away.present([place]).length > 0
        },
        commit(address, payload) {
          if (core.isClosed) throw closedError()
          checkSize(valueSizeBytes(payload), [])
          directEdits.push({ tag: policy.tag, address, arbiter: 'local', payload })
          if (depth === 0) commitDirectEdits()
        },
        randomUint32: () => randomUint32(core.chance),
        later(work) {
          const cancel = core.clock.setTimer(0, () => {
            core.closing.delete(cancel)
            work()
          })
          core.closing.add(cancel)
        },
        report: core.onError,
      })
      return bound ?? policy
    },
  }
}

/** How a receipt gets its promises. */
interface Promises {
  durable(id: ChangeId): Promise<void>
  synced(id: ChangeId, signal: AbortSignal | undefined): Promise<void>
}

/** A class, because each commit makes one and hardly anybody asks it for a promise. What it gives may be called by itself. */
class ReceiptOfChange<T> implements Receipt<T> {
  readonly value: T
  readonly change: Change
  readonly #promises: Promises

  constructor(change: Change, value: T, promises: Promises) {
    this.value = value
    this.change = change
    this.#promises = promises
  }

  get durable(): Receipt<T>['durable'] {
    return () => this.#promises.durable(changeId(this.change))
  }

  get synced(): Receipt<T>['synced'] {
    return (how) => this.#promises.synced(changeId(this.change), how?.signal)
  }
}

/** Its seed is asked for by lists and effects only. */
class OwnContext implements EditContext {
  readonly stamp: Stamp
  #seed: string | undefined

  constructor(stamp: Stamp) {
    this.stamp = stamp
  }

  get seed(): string {
    return (this.#seed ??= `${this.stamp.writer.slice(0, 12)}${this.stamp.at.toString(36)}`)
  }
}

const noEffects: readonly Effect[] = []

function effectsSizeBytes(effects: readonly Effect[]): number {
  return effects.reduce((sum, effect) => sum + valueSizeBytes({ ...effect }), 0)
}

const done = (): Promise<void> => Promise.resolve()

/** The receipt of a transaction that changed nothing. */
export const nothingChanged: Receipt<void> = { value: undefined, change: undefined, durable: done, synced: done }

/** Throws `wrong-arbiter` for a write that a transaction of this arbiter cannot make: what the compiler did not see is seen here. */
export function checkArbiters(writes: readonly DraftWrite[], arbiter: Arbiter | undefined): void {
  for (const { ref } of writes) {
    if (ref.arbiter === 'local' || ref.arbiter === arbiter) continue
    throw new StmError(
      'wrong-arbiter',
      `"${ref.address}" is a ${ref.arbiter} ref: write it in transactAsync() with { arbiter: '${ref.arbiter}' }.`,
      { refs: [ref.key] },
    )
  }
}

/** Throws `change-too-large` unless operations and `otherBytes` more fit into one Change. */
function checkSize(otherBytes: number, ops: readonly Op[]): void {
  // The bound is cheap and up to three times too high, so what is near the limit is measured.
  if (otherBytes + sizeOf(ops, valueSizeBytes) <= MAX_CHANGE_BYTES - OVERHEAD_BYTES) return
  const sizeBytes = otherBytes + sizeOf(ops, (payload) => encodeValue(payload).length)
  if (sizeBytes <= MAX_CHANGE_BYTES - OVERHEAD_BYTES) return
  throw new StmError(
    'change-too-large',
    `This transaction would make a Change of about ${sizeBytes} bytes; one Change holds ${MAX_CHANGE_BYTES} at most. ` +
      'Write in several transactions, or keep large binary content elsewhere and store its address.',
  )
}

/** What the header and the body of a Change hold of each operation beside its address and its payload, at most. */
const OP_BYTES = 48

function sizeOf(ops: readonly Op[], payloadBytes: (payload: Value) => number): number {
  let bytes = 0
  for (const op of ops) bytes += OP_BYTES + op.address.length * 3 + payloadBytes(op.payload)
  return bytes
}

// What these are given is never looked at.
keepShape(new OwnContext(undefined as never))
keepShape(new ReceiptOfChange(undefined as never, undefined, undefined as never))
