import { joinFlaw, type ChangeHeader, type Covered } from '@syncline/protocol'
import type { Basis, Epoch, WriterId } from '@syncline/stm'
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
 * find there what they have, or get their turn. So a thousand who come back upload what one of them has. A class, as there are many spaces, of which few were ever lost.
 */
export class Joining {
  readonly #clock: Clock
  readonly #limits: RelayLimits
  readonly #log: Extent
  #waiting: Map<Subscription, Basis> | undefined
  #turn: Turn | undefined

  /** `log` moves with the log of the space. */
  constructor(clock: Clock, limits: RelayLimits, log: Extent) {
    this.#clock = clock
    this.#limits = limits
    this.#log = log
  }

  get size(): number {
    return this.#waiting?.size ?? 0
  }

  /** A client has a basis that is not in the log. */
  wait(subscription: Subscription, basis: Basis): void {
    this.#waitingNow().set(subscription, basis)
    if (this.#turn === undefined) this.#begin(subscription, basis)
    else this.#hear(subscription, basis)
  }

  has(subscription: Subscription): boolean {
    return this.#waiting?.has(subscription) ?? false
  }

  /** Takes pieces of whose turn it is, and gives the join when the last one has come. */
  take(subscription: Subscription, arrivals: readonly Arrival[]): Join | undefined {
    const turn = this.#turn
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
      const { maxJoinBytes } = this.#limits
      if (turn.sizeBytes > maxJoinBytes) {
        const message = `What you have of this space takes more than the ${maxJoinBytes} bytes that this relay takes at once. Nothing of yours is lost. Ask the relay's operator to allow more.`
        subscription.fail('epoch-changed', message)
        return undefined
      }
      pieces.push(arrival)
    }
    this.#allow(turn)
    if (pieces.at(-1)?.header.join.left !== 0) return undefined
    turn.isWhole = true
    turn.cancel()
    return { pieces, basis }
  }

  /** The client waits no longer. */
  leave(subscription: Subscription): void {
    if (this.#waiting?.delete(subscription) !== true) return
    // What has come whole is in the log, or on its way there.
    if (this.#turn?.subscription === subscription && !this.#turn.isWhole) this.#next()
  }

  /** What came of a join is in the log, or nothing has: gives those who wait, who has most first, and forgets them. */
  over(): readonly (readonly [Subscription, Basis])[] {
    const all = [...(this.#waiting ?? none)].sort(([, a], [, b]) => b.relaySeq - a.relaySeq)
    this.#waiting = undefined
    this.#turn?.cancel()
    this.#turn = undefined
    return all
  }

  #waitingNow(): Map<Subscription, Basis> {
    return (this.#waiting ??= new Map())
  }

  #hear(subscription: Subscription, basis: Basis): void {
    const isTurn = this.#turn?.subscription === subscription
    const relaySeq = reachOf(basis, this.#log)
    subscription.outbox.say({ type: 'apart', channel: subscription.channel, relaySeq, isTurn })
  }

  #begin(subscription: Subscription, basis: Basis): void {
    this.#turn = { subscription, basis, pieces: [], sizeBytes: 0, isWhole: false, cancel: () => undefined }
    this.#allow(this.#turn)
    this.#hear(subscription, basis)
  }

  /** Whose turn it is and who says nothing for so long waits again, behind the others. */
  #allow(whose: Turn): void {
    whose.cancel()
    whose.cancel = this.#clock.setTimer(this.#limits.joinTimeoutMs, () => {
      const { subscription, basis } = whose
      this.#waiting?.delete(subscription)
      this.#next()
      this.#waitingNow().set(subscription, basis)
      if (this.#turn === undefined) this.#begin(subscription, basis)
      for (const one of [subscription, this.#turn!.subscription]) one.outbox.flush()
    })
  }

  #next(): void {
    this.#turn?.cancel()
    this.#turn = undefined
    let best: readonly [Subscription, Basis] | undefined
    for (const one of this.#waiting ?? none) if (best === undefined || one[1].relaySeq > best[1].relaySeq) best = one
    if (best !== undefined) this.#begin(...best)
  }
}

const none: readonly never[] = []

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

/**
 * Why nobody can honestly have that of a log that this relay has lost, in words; undefined for most. `epoch` is what this run writes under: nobody was told more of it than is stored. Other epochs are the relay's own, or
 * stand in the log.
 */
export function flawInLoss(
  covers: Iterable<Covered>,
  log: Extent,
  epoch: Epoch,
  isOwn: (epoch: Epoch) => boolean,
): string | undefined {
  for (const [other, upTo] of covers) {
    if (other === epoch && upTo > endOf(epoch, log)) return `of epoch ${epoch} there was never more than there is here`
    const isThere =
      log.stretches.some((stretch) => stretch.epoch === other) ||
      log.joined?.covers.some(([covered]) => covered === other) === true
    if (!isThere && !isOwn(other)) return `this relay has never written in epoch ${other}`
  }
  return undefined
}

/** How many milliseconds too early a join has come; 0 for most. `latestAt` is the greatest stamp in the log. Everybody would stamp later than the join: for ever, if it were not of some time that is. */
export function earlyMs({ pieces }: Join, latestAt: number, nowMs: number, { maxAheadMs }: RelayLimits): number {
  const at = Math.max(...pieces.map(({ header }) => header.at))
  return at <= latestAt ? 0 : Math.max(0, Math.ceil(at / 1000 - nowMs - maxAheadMs))
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

/** Of which epochs a join has everything, and up to where. */
export function coversOf({ deps, join }: ChangeHeader): readonly Covered[] {
  return [...join!.also, [deps.epoch!, deps.relaySeq]]
}

/** Whether a place in a log is before what was joined to it, so that who has read up to there is told the join instead of what comes next. */
export function isBefore(joined: Joined | undefined, relaySeq: number): joined is Joined {
  return joined !== undefined && relaySeq < joined.last
}
