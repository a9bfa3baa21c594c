import { encodeWhole, MAX_CHECKPOINT_BYTES } from '@syncline/protocol'
import type { Epoch, Policy } from '@syncline/stm'
import { noAgents, noUndoing } from './absent.ts'
import { allHere } from './away.ts'
import { partsOf } from './checkpoint-writing.ts'
import { createEnvelopes } from './envelopes.ts'
import { StoreError } from './errors.ts'
import { createIntake } from './intake.ts'
import { readEntry, readRecord } from './open-log.ts'
import { atOnce, type Pieces } from './pieces.ts'
import { createReplica } from './replica.ts'
import { createUnwrittenJournal } from './unwritten.ts'
import { createWaiting } from './waiting.ts'

/** The log of a space on its way to be a checkpoint. After an error it is of no use any more. */
export interface Fold {
  /** How far it has come. */
  relaySeq(): number
  /** Takes in the records that stand in the log from relaySeq `first` on, all of them in one epoch. */
  take(epoch: Epoch, first: number, records: readonly Uint8Array[]): void
  /** What a newcomer needs in place of all that: an entry of a log. Made in pieces of some milliseconds. Undefined when it would be longer than one may be. */
  checkpoint(): Pieces<Uint8Array | undefined>
}

/** What a log is folded by. */
export interface FoldOptions {
  readonly space: string
  /** Of each tag one: they fold without anything that an app declares. */
  readonly policies: readonly Policy[]
  /** A checkpoint of the same log, from which it goes on. */
  readonly from?: Uint8Array | undefined
}

/**
 * Begins to fold the log of a space, as a store would that was opened on it: for relays, which keep no states, so that who comes new is sent what there is and not
 * all that ever was. Pure: no clock, no storage. Throws `StoreError` `storage-damaged`, `storage-newer`, and `unknown-policy` for Changes of which these policies cannot say what they make.
 *
 * @example
 * import { createFold } from '@syncline/store/fold'
 * import { lww } from '@syncline/merge'
 * import { decodeEntry, encodeChange } from '@syncline/protocol'
 *
 * const title = lww('title', '')
 * const change = (seq: number, text: string) => encodeChange({
 *   writer: 'a'.repeat(32), seq, deps: { epoch: null, relaySeq: 0, writers: new Map() }, at: seq, effects: [], meta: null,
 *   ops: [{ tag: 'lww', address: 'title', arbiter: 'local', payload: [0, text] }],
 * })
 * const fold = createFold({ space: 'board', policies: [title.policy] })
 * fold.take('e'.repeat(32), 1, [change(1, 'Plan'), change(2, 'The plan')])
 * expect(fold.relaySeq()).toBe(2)
 * const pieces = fold.checkpoint()
 * let made = pieces.next()
 * while (!made.done) made = pieces.next()
 * const cell = { address: 'title', ops: [{ payload: [0, 'The plan'] }] }
 * expect(decodeEntry(made.value!)).toMatchObject({ kind: 'whole', parts: [{ kind: 'cells', cells: [cell] }, { kind: 'rest' }] })
 */
export function createFold({ space, policies, from }: FoldOptions): Fold {
  const replica = createReplica(
    (policy) => policy,
    () => undefined,
    { judge: () => [] },
    () => allHere,
  )
  const intake = createIntake({
    space,
    replica,
    waiting: createWaiting(),
    leavesAsleep: false,
    envelopes: createEnvelopes(),
    journal: createUnwrittenJournal({ onDurable: () => undefined, onOrdered: () => undefined }),
    undoing: noUndoing,
    agents: noAgents,
    away: allHere,
    strand({ message }) {
      throw new StoreError('storage-damaged', message)
    },
  })
  for (const policy of policies) replica.memory.adopt(policy)
  if (from !== undefined) {
    atOnce(intake.entry(readEntry(from, space), 'replay'))
    checkPolicies()
  }

  function checkPolicies(): void {
    if (replica.memory.waiting() === 0) return
    throw new StoreError(
      'unknown-policy',
      `"${space}" has refs of a policy that this version does not know. Update it.`,
    )
  }

  return {
    relaySeq: () => replica.basis().relaySeq,
    take(epoch, first, records) {
      const items = records.map((record) => readRecord(record, space))
      atOnce(replica.order(epoch, first, items, 'replay'))
      checkPolicies()
    },
    *checkpoint() {
      const held = replica.hold(() => true)
      // Of the policies that there are each can say its states.
      if (held === undefined) throw new StoreError('unknown-policy', `A policy cannot say the states of "${space}".`)
      const parts: Uint8Array[] = []
      let length = 0
      // Each has a number of its own: who reads one after the other tells them apart.
      for (const part of partsOf(held, [], held.ledger.relaySeq, [], () => undefined, allHere, [])) {
        parts.push(part)
        length += part.length
        if (length > MAX_CHECKPOINT_BYTES) return undefined
        yield part.length
      }
      // The last one stands there twice where one record may be damaged by itself.
      parts.pop()
      const whole = encodeWhole(parts)
      return whole.length > MAX_CHECKPOINT_BYTES ? undefined : whole
    },
  }
}
