import { joinFlaw, type ChangeHeader, type Covered } from '@syncline/protocol'
import type { Basis, WriterId } from '@syncline/stm'
import type { Arrival } from './arrival.ts'
import { endOf, type Extent, type Joined } from './basis-flaw.ts'
import type { RelayLimits } from './limits.ts'
import type { Clock, WriterState } from './ports.ts'
import type { Subscription } from './subscription.ts'

/** What a client has of a log that was lost, as it came: all of its pieces. */
export interface Join {
  readonly pieces: readonly JoinArrival[]
  /** Up to where it is of which epoch. */
  readonly basis: Basis
}

/** A piece of one, as it came in. */
export interface JoinArrival extends Arrival {
  readonly header: ChangeHeader & { readonly join: NonNullable<ChangeHeader['join']> }
}

/** Whether a record that came in is a piece of a join. */
export function isPiece(arrival: Arrival): arrival is JoinArrival {
  return arrival.header?.join !== undefined
}

/**
 * Those of a space whose log the relay has lost. One of them has its turn to join what it has, the one with the most of it that waits; the others wait until that is in the log, and then either
 * find there what they have, or get their turn. So a thousand who come back upload what one of them has.
 */
export interface Joining {
  readonly size: number
  /** A client has a basis that is not in the log. */
  wait(subscription: Subscription, basis: Basis): void
  has(subscription: Subscription): boolean
  /** Takes pieces of whose turn it is, and gives the join when the last one has come. */
  take(subscription: Subscription, arrivals: readonly Arrival[]): Join | undefined
  /** The client waits no longer. */
  leave(subscription: Subscription): void
  /** What came of a join is in the log, or nothing has: gives those who wait, who has most first, and forgets them. */
  over(): readonly (readonly [Subscription, Basis])[]
}

export function createJoining(clock: Clock, limits: RelayLimits, log: () => Extent): Joining {
  const waiting = new Map<Subscription, Basis>()
  let turn: Turn | undefined

  function hear(subscription: Subscription, basis: Basis): void {
    const isTurn = turn?.subscription === subscription
    subscription.outbox.say({
      type: 'apart',
      channel: subscription.channel,
      relaySeq: reachOf(basis, log()),
      isTurn,
    })
  }

  function begin(subscription: Subscription, basis: Basis): void {
    turn = { subscription, basis, pieces: [], sizeBytes: 0, isWhole: false, cancel: () => undefined }
    allow(turn)
    hear(subscription, basis)
  }

  /** Whose turn it is and who says nothing for so long waits again, behind the others. */
  function allow(whose: Turn): void {
    whose.cancel()
    whose.cancel = clock.setTimer(limits.joinTimeoutMs, () => {
      const { subscription, basis } = whose
      waiting.delete(subscription)
      next()
      waiting.set(subscription, basis)
      if (turn === undefined) begin(subscription, basis)
      for (const one of [subscription, turn!.subscription]) one.outbox.flush()
    })
  }

  function next(): void {
    turn?.cancel()
    turn = undefined
    let best: readonly [Subscription, Basis] | undefined
    for (const one of waiting) if (best === undefined || one[1].relaySeq > best[1].relaySeq) best = one
    if (best !== undefined) begin(...best)
  }

  return {
    get size() {
      return waiting.size
    },
    wait(subscription, basis) {
      waiting.set(subscription, basis)
      if (turn === undefined) begin(subscription, basis)
      else hear(subscription, basis)
    },
    has: (subscription) => waiting.has(subscription),
    take(subscription, arrivals) {
      // It may have been late, and does not know that yet.
      if (turn?.subscription !== subscription || turn.isWhole) return undefined
      const { pieces, basis } = turn
      for (const arrival of arrivals) {
        // What is left of an earlier turn goes on with nothing.
        if (!isPiece(arrival) || !goesOn(arrival, pieces.at(-1), basis)) continue
        if (arrival.seq === 1) {
          pieces.length = 0
          turn.sizeBytes = 0
        }
        turn.sizeBytes += arrival.record.length
        if (turn.sizeBytes > limits.maxJoinBytes) {
          const message = `What you have of this space takes more than the ${limits.maxJoinBytes} bytes that this relay takes at once. Nothing of yours is lost. Ask the relay's operator to allow more.`
          subscription.fail('epoch-changed', message)
          return undefined
        }
        pieces.push(arrival)
      }
      allow(turn)
      if (pieces.at(-1)?.header.join.left !== 0) return undefined
      turn.isWhole = true
      turn.cancel()
      return { pieces, basis }
    },
    leave(subscription) {
      if (!waiting.delete(subscription)) return
      // What has come whole is in the log, or on its way there.
      if (turn?.subscription === subscription && !turn.isWhole) next()
    },
    over() {
      const all = [...waiting].sort(([, a], [, b]) => b.relaySeq - a.relaySeq)
      waiting.clear()
      turn?.cancel()
      turn = undefined
      return all
    },
  }
}

/** Whose turn it is, and what has come. */
interface Turn {
  readonly subscription: Subscription
  readonly basis: Basis
  readonly pieces: JoinArrival[]
  sizeBytes: number
  isWhole: boolean
  cancel: () => void
}

function goesOn({ header, writer, seq }: JoinArrival, before: JoinArrival | undefined, basis: Basis): boolean {
  const { deps, join } = header
  if (deps.epoch !== basis.epoch || deps.relaySeq !== basis.relaySeq) return false
  if (seq === 1) return true
  return (
    before !== undefined &&
    writer === before.writer &&
    seq === before.seq + 1 &&
    join.left === before.header.join.left - 1
  )
}

/** Why a join cannot be one, in words; undefined for most. It may say what it likes: it has not been judged as Changes are. */
export function flawInJoin({ pieces }: Join, writers: { get(id: WriterId): WriterState }): string | undefined {
  for (const [i, { writer, header }] of pieces.entries()) {
    const flaw = joinFlaw(header)
    if (flaw !== undefined) return flaw
    if (header.deps.writers.has(writer)) return 'it names its own writer'
    const before = pieces[i - 1]?.header.join.decided
    if (before !== undefined && before.shift !== header.join.decided?.shift) return 'its last pieces do not agree'
  }
  const { lastSeq, ended } = writers.get(pieces[0]!.writer)
  return lastSeq > 0 || ended !== null ? 'its writer has written other things' : undefined
}

/** Up to where all of the epoch of a basis is in a log, by itself or by a join. */
export function reachOf({ epoch }: Basis, log: Extent): number {
  const joined = log.joined?.covers.find(([covered]) => covered === epoch)?.[1] ?? 0
  return Math.max(joined, epoch === null ? 0 : endOf(epoch, log))
}

/** What a join would be in a log that ends here; undefined when it lacks something that was joined to that log before. */
export function joinedTo(log: Extent, { pieces, basis }: Join): Joined | undefined {
  const { header } = pieces.at(-1)!
  const covers = coversOf(header)
  const base = endOf(basis.epoch!, log)
  const before = log.joined
  const hasAll =
    before === undefined ||
    base >= before.last ||
    before.covers.every(([epoch, upTo]) => covers.some(([other, has]) => other === epoch && has >= upTo))
  if (!hasAll) return undefined
  return { base, first: log.head + 1, last: log.head + pieces.length, covers, decided: header.join.decided }
}

/** The same of one that is in a log, from the header of its last piece. */
export function joinedAt(log: Extent, last: number, header: ChangeHeader): Joined {
  const first = last + 1 - header.seq
  const before = { stretches: log.stretches.filter((stretch) => stretch.first < first), head: first - 1 }
  const base = endOf(header.deps.epoch!, before)
  return { base, first, last, covers: coversOf(header), decided: header.join!.decided }
}

function coversOf({ deps, join }: ChangeHeader): readonly Covered[] {
  return [...join!.also, [deps.epoch!, deps.relaySeq]]
}

/** Whether a place in a log is before what was joined to it, so that who has read up to there is told the join instead of what comes next. */
export function isBefore(joined: Joined | undefined, relaySeq: number): joined is Joined {
  return joined !== undefined && relaySeq < joined.last
}
