import { compareStamps, type Distilled, type Stamp, type Value } from '@syncline/stm'

/** Gathers what was written under one stamp, so that a state is said in as few operations as there are stamps in it. */
export class ByStamp {
  readonly #entries = new Map<string, { readonly stamp: Stamp; readonly entries: Value[] }>()

  add(stamp: Stamp, ...entries: readonly Value[]): void {
    const key = `${stamp.at} ${stamp.writer}`
    const known = this.#entries.get(key)
    if (known === undefined) this.#entries.set(key, { stamp, entries: [...entries] })
    else known.entries.push(...entries)
  }

  /** The operations, the earliest first. */
  distilled(payload: (entries: readonly Value[], stamp: Stamp) => Value): Distilled[] {
    return [...this.#entries.values()]
      .sort((a, b) => compareStamps(a.stamp, b.stamp))
      .map(({ stamp, entries }) => ({ payload: payload(entries, stamp), stamp }))
  }
}
