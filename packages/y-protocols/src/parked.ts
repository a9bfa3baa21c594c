import type { RelayDocument } from '@syncline/yjs/codec'

interface One<By> {
  readonly by: By
  readonly update: Uint8Array
  readonly missing: { readonly client: number; readonly clock: number }
}

/** Updates that build on something that has not come, up to so many bytes of each who sends them. */
export class Parked<By> {
  readonly #mostBytes: number
  readonly #bytes = new Map<By, number>()
  #all: One<By>[] = []

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  /** False when it would be too much. */
  add(by: By, update: Uint8Array, missing: One<By>['missing']): boolean {
    const bytes = (this.#bytes.get(by) ?? 0) + update.length
    if (bytes > this.#mostBytes) return false
    this.#bytes.set(by, bytes)
    // What is kept of a frame would keep all of it.
    this.#all.push({ by, update: update.slice(), missing })
    return true
  }

  /** Takes out those of which the first that was missing has come. */
  ready(document: Pick<RelayDocument, 'has'>): readonly One<By>[] {
    const ready = this.#all.filter(({ missing }) => document.has(missing))
    if (ready.length > 0) this.#all = this.#all.filter((one) => !ready.includes(one))
    for (const { by, update } of ready) this.#bytes.set(by, this.#bytes.get(by)! - update.length)
    return ready
  }

  forget(by: By): void {
    if (!this.#bytes.delete(by)) return
    this.#all = this.#all.filter((one) => one.by !== by)
  }
}
