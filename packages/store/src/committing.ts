import { encodeValue, MAX_CHANGE_BYTES } from '@syncline/protocol'
import {
  cellKey,
  changeId,
  draft,
  sealLate,
  sealPure,
  sealSizeBytes,
  StmError,
  toValue,
  valueSizeBytes,
  type ChangeId,
  type EditContext,
  type Op,
  type Policy,
  type Tx,
  type Value,
} from '@syncline/stm'
import type { Core } from './core.ts'
import { closedError, refusedError } from './errors.ts'
import { randomUint32 } from './identity.ts'
import type { Receipt, TransactOptions } from './store.ts'

/** Makes this tab's Changes. */
export interface Committing {
  transact<T>(body: (tx: Tx) => T, options?: TransactOptions): Receipt<T>
  /** Commits operations that were made before. */
  commit(ops: readonly Op[], meta: Value): Receipt<void>
  /** Resolves when the relay has stored a Change, under whatever id it was authored. */
  synced(id: ChangeId, signal: AbortSignal | undefined): Promise<void>
  /** Gives a policy its live documents, if it has any. */
  bind(policy: Policy): Policy
}

/** Room for the header and the framing of a Change. */
const OVERHEAD_BYTES = 64 * 1024

/** Makes the committing of one open store. */
export function createCommitting(core: Core): Committing {
  const { replica } = core
  const { memory } = replica
  let inTransaction = false
  /** Direct edits of live documents that came while a transaction was running. */
  const directEdits: Op[] = []

  function transact<T>(body: (tx: Tx) => T, { meta = null, durability }: TransactOptions = {}): Receipt<T> {
    if (core.isClosed) throw closedError()
    if (inTransaction) {
      throw new StmError(
        'nested-transaction',
        'A transaction is running already. Use its tx, or start the next one after it has returned.',
      )
    }
    const note = toValue(meta, 'meta')
    replica.flushDocuments()
    const stamp = replica.nextStamp(core.writers.current, core.nowMs())
    const context: EditContext = { stamp, seed: `${stamp.writer.slice(0, 12)}${stamp.at.toString(36)}` }
    let value: T
    let ops: Op[]
    inTransaction = true
    try {
      const drafted = draft(memory, body, context)
      value = drafted.value
      const pure = sealPure(drafted.writes, context)
      checkSize(sealSizeBytes(drafted.writes, []) + valueSizeBytes(note), pure)
      // Nothing can fail from here on.
      ops = pure.concat(sealLate(drafted.writes, context))
    } finally {
      inTransaction = false
      commitDirectEdits()
    }
    if (ops.length === 0) return { value, change: undefined, durable: done, synced: done }
    return { ...append(ops, note, durability === 'strict'), value }
  }

  function append(ops: readonly Op[], meta: Value, strict: boolean): Receipt<void> {
    const { writers, journal } = core
    const stamp = replica.nextStamp(writers.current, core.nowMs())
    const change = replica.author(writers.current, stamp.at, ops, meta)
    const id = changeId(change)
    const changed = replica.commit(change, 'local')
    journal.commit(replica.pending.get(id)!, strict)
    core.touchStatus()
    core.watching.publish(changed, memory.snapshot)
    return { value: undefined, change, durable: () => core.durable(id), synced: (how) => synced(id, how?.signal) }
  }

  function commitDirectEdits(): void {
    for (let op = directEdits.shift(); op !== undefined; op = directEdits.shift()) append([op], null, false)
  }

  function synced(id: ChangeId, signal: AbortSignal | undefined): Promise<void> {
    let current = id
    for (let next = core.renamed.get(current); next !== undefined; next = core.renamed.get(current)) current = next
    if (replica.pending.has(current)) {
      return core.isClosed ? Promise.reject(closedError()) : core.waiting.wait(current, signal)
    }
    const refused = replica.refused.get(current)
    return refused === undefined ? Promise.resolve() : Promise.reject(refusedError(refused))
  }

  return {
    transact,
    commit(ops, meta) {
      replica.flushDocuments()
      return append(ops, meta, false)
    },
    synced,
    bind(policy) {
      const bound = policy.bind?.({
        state: (address) => memory.state(cellKey(policy.tag, address)),
        commit(address, payload) {
          if (core.isClosed) throw closedError()
          checkSize(valueSizeBytes(payload), [])
          directEdits.push({ tag: policy.tag, address, arbiter: 'local', payload })
          if (!inTransaction) commitDirectEdits()
        },
        randomUint32: () => randomUint32(core.chance),
        report: core.onError,
      })
      return bound ?? policy
    },
  }
}

const done = (): Promise<void> => Promise.resolve()

/** The receipt of a transaction that changed nothing. */
export const nothingChanged: Receipt<void> = { value: undefined, change: undefined, durable: done, synced: done }

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
