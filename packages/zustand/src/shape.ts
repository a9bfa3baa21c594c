import type { Readable, Ref, Writes } from '@syncline/stm'

/** What a zustand state is made of: under each key a ref, a collection or a list. */
export type Shape = Readonly<Record<string, Readable<unknown>>>

/** The state of a shape: under each key the value of the ref, or the ids of the collection or list. */
export type StateOf<S extends Shape> = { readonly [K in keyof S]: ValueOf<S[K]> }

type ValueOf<R> = R extends Ref<infer V> ? V : R extends Readable<infer V> ? V : never

/** The keys that `setState` writes: those of refs that take `set` or `merge`. */
export type WritableOf<S extends Shape> = {
  readonly [K in keyof S as S[K] extends Ref<unknown, { set: unknown } | { merge: unknown }> ? K : never]: WrittenOf<
    S[K]
  >
}

/** What a ref is written as, or as it reads: of a `diff3` ref that is a reading of it, and a value is written. */
type WrittenOf<R> =
  R extends Ref<infer Reading, infer W extends Writes> ? (W extends { set: infer V } ? V : W['merge']) | Reading : never

/** All that `setState` writes, as it reads: what a state that replaces another must have. */
export type CompleteOf<S extends Shape> = Pick<StateOf<S>, keyof WritableOf<S>>
