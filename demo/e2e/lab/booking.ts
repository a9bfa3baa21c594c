import { collection, lww } from '@syncline/merge'
import type { Store } from '@syncline/store'
import type { Tx } from '@syncline/stm'

const relay = { arbiter: 'relay' } as const
/** A seat that is taken is a member. */
const seats = collection('seats', { by: '' }, relay)
const sold = lww('sold', 0, relay)

/** What became of a booking, and how often its body ran. */
export interface Booking {
  readonly seat: string | undefined
  readonly runs: number
}

/** Seats that a relay decides about: `relay` refs, wanted by many at once. */
export interface BookingOffice {
  readonly seats: typeof seats
  readonly sold: typeof sold
  /** Takes the first of some seats that is free. */
  book(store: Store, who: string, choices: readonly string[]): Promise<Booking>
  /** Counts one after the other, `workers` at once. */
  count(store: Store, steps: number, workers: number): Promise<void>
}

type Both = Tx<'local' | 'relay'>

function take(tx: Both, who: string, [first, ...others]: readonly string[]): string | undefined {
  if (first === undefined) return undefined
  const seat = seats.at(first)
  return tx.orElse(
    (left) => {
      if (left.get(seat) !== undefined) return left.retry()
      left.create(seat, { by: who })
      return first
    },
    (right) => take(right, who, others),
  )
}

export const booking: BookingOffice = {
  seats,
  sold,
  async book(store, who, choices) {
    let runs = 0
    const { value } = await store.transactAsync((tx) => {
      runs += 1
      return take(tx, who, choices)
    }, relay)
    return { seat: value, runs }
  },
  async count(store, steps, workers) {
    let left = steps
    await Promise.all(
      Array.from({ length: workers }, async () => {
        while (left-- > 0)
          await store.transactAsync((tx) => tx.update(sold, (n) => n + 1), { ...relay, attempts: 1000 })
      }),
    )
  },
}
