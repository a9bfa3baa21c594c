import type { Value } from './value.ts'

/** One open session's identity: 128 random bits as 32 lower-case hexadecimal digits. Never used again after the session. */
export type WriterId = string & { readonly __writer?: never }

/** Identity of a space's log: 128 random bits as 32 lower-case hexadecimal digits. */
export type Epoch = string & { readonly __epoch?: never }

/** `${writer}:${seq}`. */
export type ChangeId = string & { readonly __change?: never }

/**
 * When and by whom: the order of everything that is decided by "the last one wins".
 * `at` is a hybrid logical clock in microseconds since 1970, a safe integer. Ties fall to the greater writer id.
 */
export interface Stamp {
  readonly at: number
  readonly writer: WriterId
}

/**
 * Negative when `a` is before `b`, positive when after, 0 when they are the same stamp.
 *
 * @example
 * expect(compareStamps({ at: 1, writer: 'b' }, { at: 2, writer: 'a' })).toBeLessThan(0)
 * expect(compareStamps({ at: 2, writer: 'b' }, { at: 2, writer: 'a' })).toBeGreaterThan(0)
 */
export function compareStamps(a: Stamp, b: Stamp): number {
  if (a.at !== b.at) return a.at - b.at
  return a.writer === b.writer ? 0 : a.writer < b.writer ? -1 : 1
}

/**
 * A point in the history of a space: all Changes up to `relaySeq` in the log named by `epoch`,
 * and, for each writer listed, its Changes up to that seq which the relay has not ordered yet.
 * `epoch` is null until the relay was met for the first time.
 */
export interface Basis {
  readonly epoch: Epoch | null
  readonly relaySeq: number
  readonly writers: ReadonlyMap<WriterId, number>
}

/** The basis of an empty space that has met no relay. */
export const emptyBasis: Basis = { epoch: null, relaySeq: 0, writers: new Map() }

/** Who serialises the commits of a ref: this tab's memory, the tabs of this browser, or the relay. */
export type Arbiter = 'local' | 'browser' | 'relay'

/**
 * One operation on one ref. Self-describing: `tag` names the policy from a closed list and `payload` is plain data,
 * so that a log can be folded without the app's schema.
 */
export interface Op {
  readonly tag: string
  readonly address: string
  readonly arbiter: Arbiter
  readonly payload: Value
}

/** Work declared in a transaction, to be run after the commit by a named handler. */
export interface Effect {
  readonly id: string
  readonly handler: string
  readonly input: Value
}

/** One committed transaction: atomic, and the only thing that is ever saved, sent and listened to. */
export interface Change {
  readonly writer: WriterId
  /** 1, 2, 3 … for each writer, without gaps. */
  readonly seq: number
  /** What the author had seen. The author's own earlier Changes are implied by `seq` and not listed. */
  readonly deps: Basis
  /** The `at` of the stamp of all its operations. */
  readonly at: number
  readonly ops: readonly Op[]
  readonly effects: readonly Effect[]
  /** What the app wants to remember about this Change; null when nothing. */
  readonly meta: Value
}

/**
 * The id of a Change.
 *
 * @example
 * expect(changeId({ writer: 'w1', seq: 7 })).toBe('w1:7')
 */
export function changeId(change: { readonly writer: WriterId; readonly seq: number }): ChangeId {
  if (change !== named) {
    named = change
    name = `${change.writer}:${change.seq}`
  }
  return name
}

/** The Change that was named last, and its id: who commits one asks for it several times, and a text that is put together anew is found more slowly. */
let named: object | undefined
let name: ChangeId
