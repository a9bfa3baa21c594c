import type { Store } from '@syncline/store'
import type { Lab } from './main.ts'

/** Somebody who does not stop writing until told to. */
export interface Writing {
  /** The ids of the cards that were created, in order. */
  readonly written: readonly string[]
  /** Those of which this device has said that they are durable. */
  readonly durable: readonly string[]
  /** Those of which the relay has said that it stores them. */
  readonly synced: readonly string[]
  /** What was promised and then refused. */
  readonly failures: readonly string[]
  /** Writes no more; resolves when everything written is on the relay, or has failed. */
  stop(): Promise<void>
}

export interface WritingOptions {
  /** What the ids of the cards start with. */
  readonly prefix: string
  /** How many may be on the way to the relay. */
  readonly unsynced: number
  /** Called after each that is durable. */
  readonly onDurable?: () => void
}

/**
 * Creates one card after another, each with one step of a shared counter, as fast as this device makes them durable, but with
 * no more than `unsynced` of them on the way to the relay.
 */
export function keepWriting(
  store: Store,
  { cards, writes }: Pick<Lab, 'cards' | 'writes'>,
  { prefix, unsynced, onDurable }: WritingOptions,
): Writing {
  const written: string[] = []
  const durable: string[] = []
  const synced: string[] = []
  const failures: string[] = []
  const underWay = new Set<Promise<void>>()
  let stopped = false

  async function run(): Promise<void> {
    while (!stopped) {
      const id = `${prefix}${written.length}`
      const receipt = store.transact((tx) => {
        tx.create(cards.at(id), { title: `Card ${id}` })
        tx.add(writes, 1)
      })
      written.push(id)
      const settled = receipt.synced().then(
        () => void synced.push(id),
        (error: unknown) => void failures.push(`${id}: ${String(error)}`),
      )
      underWay.add(settled)
      void settled.then(() => underWay.delete(settled))
      await receipt.durable()
      durable.push(id)
      onDurable?.()
      while (underWay.size >= unsynced) await Promise.race(underWay)
    }
    await Promise.all(underWay)
  }

  const ended = run().catch((error: unknown) => void failures.push(String(error)))
  return {
    written,
    durable,
    synced,
    failures,
    stop() {
      stopped = true
      return ended
    },
  }
}
