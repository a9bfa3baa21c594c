import type { CellKey } from './ref.ts'
import type { Issue } from './schema.ts'

/** What an {@link StmError} can be about. Identify errors by `code`: two copies of a package have two classes. */
export type StmErrorCode =
  /** A write holds something that is not a `Value`, or a value its ref does not take. */
  | 'invalid-value'
  /** The ref has no such write: `add` on a register, `insert` on a counter. */
  | 'invalid-write'
  /** A name or member id that cannot be an address. */
  | 'invalid-address'
  /** A write to a member of a collection that does not exist, or was deleted. */
  | 'missing-member'
  /** A reference that must not dangle refers to a member that does not exist. `refs` names the two, where it refers to one at all. */
  | 'missing-target'
  /** `create` of a member that exists. */
  | 'member-exists'
  /** A `tx` was used after its body returned or threw. */
  | 'transaction-finished'
  /** A sync body returned a promise. */
  | 'async-body'
  /** A transaction was started inside the body or the commit of another one. */
  | 'nested-transaction'
  /** The encoded Change would be larger than one Change may be. */
  | 'change-too-large'
  /** A ref that was commuted was written otherwise too in the same transaction. */
  | 'commuted'
  /** A `tx` was used while a savepoint of it was running, or a body ended before its savepoint. */
  | 'savepoint-open'
  /** A sync body came to `retry`. */
  | 'would-block'
  /** An independent transaction inside of this one has written what this one depends on. `refs` names it. */
  | 'overtaken'
  /** A transaction was run again as often, or for as long, as it may be. `refs` names what moved each time, or what it waited for. */
  | 'attempts-exhausted'
  /** Under `isolation: 'snapshot'` a transaction committed although something it had read has moved. Reported, not thrown. `refs` names it. */
  | 'write-skew'
  /** A transaction wrote a ref whose arbiter is not its own. */
  | 'wrong-arbiter'
  /** `io()` was called inside of a body. */
  | 'io-in-transaction'
  /** What an app says about a ref makes no sense. */
  | 'invalid-options'
  /** A transaction would leave a value that the schema of its ref does not take. `issues` tells each place. */
  | 'validation-failed'
  /** A schema answers with a promise. */
  | 'async-schema'
  /** A ref of a later version does not say how an earlier one becomes it. */
  | 'missing-upgrade'
  /** An upgrade does not make of what older code would read what was written. */
  | 'lossy-upgrade'
  /** A write to what newer code has written. */
  | 'read-only-newer'
  /** A transaction would break an invariant. `invariant` names it. */
  | 'invariant-failed'
  /** A strict invariant reads what is not a `relay` ref. */
  | 'strict-invariant'
  /** Two invariants of one name. */
  | 'invariant-exists'
  /** A transaction would leave a value that takes more than the `maxBytes` of its ref. `refs` names it. */
  | 'too-large-for-ref'
  /** A method of a Snapshot was called without its Snapshot: `const { get } = snapshot`. */
  | 'detached-method'
  /** What was to be read or written is not in this tab's memory, or was not at the time of this Snapshot. `refs` names it. */
  | 'not-loaded'
  /** Two items of a keyed array have the same key. */
  | 'duplicate-key'
  /** `diff` was given Snapshots of different memories, or something that is no Snapshot. */
  | 'unknown-snapshot'

/** What is wrong with the value of a ref. */
export interface RefIssue extends Issue {
  readonly ref: CellKey
}

/** What an error says to a program beside its code. */
interface StmErrorFacts {
  readonly refs?: readonly CellKey[]
  readonly issues?: readonly RefIssue[]
  readonly invariant?: string
}

/** A mistake in how refs or transactions are used. Nothing has happened: no write of the transaction is visible anywhere. */
export class StmError extends Error {
  readonly code: StmErrorCode
  /** The keys of the refs, collections and lists that it is about, where the code says so. */
  readonly refs?: readonly CellKey[]
  /** With `validation-failed`: what is wrong, and where. */
  readonly issues?: readonly RefIssue[]

  /** The invariant that it is about. */
  readonly invariant?: string

  constructor(code: StmErrorCode, message: string, options?: ErrorOptions & StmErrorFacts) {
    super(message, options)
    this.name = 'StmError'
    this.code = code
    if (options?.refs !== undefined) this.refs = options.refs
    if (options?.issues !== undefined) this.issues = options.issues
    if (options?.invariant !== undefined) this.invariant = options.invariant
  }
}
