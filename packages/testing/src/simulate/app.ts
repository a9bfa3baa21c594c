import type { AnyCollection, Arbiter, Readable, Snapshot, Tx } from '@syncline/stm'

/** An app as a simulation sees it: what it keeps, what people do with it, what must always hold. It knows nothing of the simulator. */
export interface SimulatedApp {
  /** What replicas are compared by: refs and lists by their values, collections by their members. */
  readonly refs: Readonly<Record<string, Readable<unknown> | AnyCollection>>
  /** What people do, by name: what a transaction of `local` refs writes, or an {@link Action}. */
  readonly actions: Readonly<Record<string, ((tx: Tx, chance: ActionChance) => void) | AnyAction>>
  /**
   * What tabs have on demand, each of them what it draws of these when it opens. People load and release it beside what they do, which is `declined` with `not-loaded` where it
   * wants something that is not there. An invariant that reads such is asked where all of it is.
   */
  readonly onDemand?: readonly (Readable<unknown> | AnyCollection)[]
  /** What holds in every Snapshot that anybody sees: true, or false, or why it does not. */
  readonly invariants?: Readonly<Record<string, (snapshot: Snapshot) => boolean | string>>
}

/** Something that people do, as one transaction. */
export interface Action<A extends Arbiter> {
  /** Who decides: nobody but the tab itself, at once and without waiting, the default; its browser; or the relay. */
  readonly arbiter: A
  /** How often it is done, beside others. Default 1. */
  readonly weight?: number
  /** Of what is `strict` and was told durable a loss of power takes nothing. Default `relaxed`. */
  readonly durability?: 'relaxed' | 'strict'
  /**
   * Writes. It runs again when others were faster, and draws the same from `chance` then. Of local refs alone it does not await. Throws an error with a `code`
   * where the app itself would say no: then nothing was done, and it is counted as `declined` with that code. Anything else that it throws fails the schedule.
   */
  readonly body: (tx: Tx<'local' | A>, chance: ActionChance) => void | Promise<void>
}

/** An action of whatever arbiter. */
export type AnyAction =
  | (Omit<Action<'local'>, 'arbiter'> & { readonly arbiter?: 'local' })
  | Action<'browser'>
  | Action<'relay'>

/** What an action draws, from the seed. 0, the first and false are what a smallest schedule draws. */
export interface ActionChance {
  /** A whole number from 0 up to `count`. */
  below(count: number): number
  /** One of these. */
  pick<T>(of: readonly T[]): T
  /** Whether something happens that happens at this rate, 0 to 1. */
  happens(rate: number): boolean
  /** A name that nothing else in the run has. */
  unique(): string
}
