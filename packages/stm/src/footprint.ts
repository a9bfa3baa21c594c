import { keepShape } from './shapes.ts'
import type { Readable } from './ref.ts'

/** What one run of a body leaves behind, its savepoints included, also those that were undone: they have decided what came after. */
export class Footprint {
  /** What `tx.once` has given in this run and those before. */
  once: Map<string, unknown> | undefined
  /** Whether a body may return a promise. */
  readonly isAsync: boolean
  /** The run is over: nothing can be read or written any more. */
  isOver = false
  #reads: Readable<unknown>[] | undefined
  #ensured: Readable<unknown>[] | undefined
  #tried: Readable<unknown>[] | undefined

  constructor(isAsync: boolean, once?: Map<string, unknown>) {
    this.isAsync = isAsync
    this.once = once
  }

  get reads(): readonly Readable<unknown>[] {
    return this.#reads ?? nothing
  }

  get ensured(): readonly Readable<unknown>[] {
    return this.#ensured ?? nothing
  }

  /** What parts wrote that were undone: whether they could has decided what came after. */
  get tried(): readonly Readable<unknown>[] {
    return this.#tried ?? nothing
  }

  read(readable: Readable<unknown>): void {
    if (this.#reads === undefined) this.#reads = [readable]
    else this.#reads.push(readable)
  }

  ensure(readable: Readable<unknown>): void {
    if (this.#ensured === undefined) this.#ensured = [readable]
    else this.#ensured.push(readable)
  }

  try(readable: Readable<unknown>): void {
    if (this.#tried === undefined) this.#tried = [readable]
    else this.#tried.push(readable)
  }
}

const nothing: readonly Readable<unknown>[] = []

keepShape(new Footprint(false))
