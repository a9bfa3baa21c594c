import { epochAt, type Covered, type JoinEntry, type Ledger, type Stretch } from '@syncline/protocol'
import type { Basis, Epoch } from '@syncline/stm'

/** What has come is of another log than what is here: nothing of it can be applied. */
export class OtherLogError extends Error {
  override readonly name: string = 'OtherLogError'
  /** The first relaySeq that is seen to differ. */
  readonly relaySeq: number

  constructor(relaySeq: number, message: string) {
    super(message)
    this.relaySeq = relaySeq
  }
}

/** In which epochs a replica has the relay's log. A part of a log that joins on, or lies over what is here, is of the same log if and only if it fits. */
export interface KnownLog {
  epochAt(relaySeq: number): Epoch | null
  /** Throws {@link OtherLogError} when the relaySeqs from `first` to `last` cannot stand in this epoch in a log of which we have all up to `known`. */
  check(epoch: Epoch, first: number, last: number, known: number): void
  /** The next relaySeq stands in this epoch. */
  add(epoch: Epoch, relaySeq: number): void
  /** Which stretch of it stands in which epoch. */
  stretches(): readonly Stretch[]
  /** All of it, as data. */
  known(): Pick<Ledger, 'stretches' | 'foreign' | 'joined'>
  /** Whether a log of which so much is known can be this one, of which we have all up to `relaySeq`, or has all of it by a join. */
  fits(known: Pick<Ledger, 'stretches' | 'relaySeq' | 'joined'>, relaySeq: number): boolean
  /** Whether somebody who has so much of epochs by joins has all of this log, of which we have all up to `relaySeq`. */
  isIn(joined: readonly Covered[] | undefined, relaySeq: number): boolean
  /** Whether we know no more of a log than this, up to our `relaySeq`. */
  isWithin(known: JoinEntry['known'], relaySeq: number): boolean
  /** Whether all of an epoch up to here is in this log by a join. */
  hasJoined(epoch: Epoch, relaySeq: number): boolean
  /** Whether we have gone over from this epoch to another log. One that was only seen may be the one that we go over to. */
  hasLeft(epoch: Epoch): boolean
  /** Another log takes the place of this one: it has so much by joins, and the next relaySeq there is in another epoch. */
  leave(joined: readonly Covered[]): void
  /** Becomes what was known. */
  restore(known: Pick<Ledger, 'stretches' | 'foreign' | 'joined'>): void
  /** What of a basis is in this log, as far as it can be said from here. */
  shared(basis: Basis): Pick<Basis, 'epoch' | 'relaySeq'>
}

export function createKnownLog(): KnownLog {
  const stretches: Stretch[] = []
  /** Epochs that were seen where we have another: whatever goes on in one of them is no part of this log. */
  const foreign = new Set<Epoch>()
  /** Those among them in which this log was. */
  const left = new Set<Epoch>()
  /** Of which epochs all is here by joins, and up to where. */
  const joined = new Map<Epoch, number>()

  function isIn(those: readonly Covered[] | undefined, relaySeq: number): boolean {
    const epoch = epochAt(stretches, relaySeq)
    return those?.some(([covered, upTo]) => covered === epoch && relaySeq <= upTo) === true
  }

  function noteJoined(those: readonly Covered[]): void {
    for (const [epoch, upTo] of those) joined.set(epoch, Math.max(upTo, joined.get(epoch) ?? 0))
  }

  function strange(epoch: Epoch, relaySeq: number): OtherLogError {
    foreign.add(epoch)
    return new OtherLogError(
      relaySeq,
      `Change ${relaySeq} of the relay's log is here that of epoch ${epochAt(stretches, relaySeq)}, and comes in epoch ${epoch} now: ` +
        `the relay lost its data or came back from a backup. Nothing of yours is lost. Keep it, and ask the relay's operator to bring back the newer data.`,
    )
  }

  return {
    epochAt: (relaySeq) => epochAt(stretches, relaySeq),
    check(epoch, first, last, known) {
      const newest = stretches.at(-1)?.epoch
      // What one run has written stands together, so who has both ends of it in one epoch has all of it.
      for (const relaySeq of first <= known ? [first, Math.min(last, known)] : []) {
        // What stands before a join is not known by its places; where the same run has written both it is in there.
        if ((epochAt(stretches, relaySeq) ?? stretches[0]?.epoch) !== epoch) throw strange(epoch, relaySeq)
      }
      // An epoch after which another has begun does not go on.
      const isOver = epoch !== newest && stretches.some((stretch) => stretch.epoch === epoch)
      if (last > known && (isOver || foreign.has(epoch))) throw strange(epoch, known + 1)
    },
    add(epoch, relaySeq) {
      if (stretches.at(-1)?.epoch !== epoch) stretches.push({ epoch, first: relaySeq })
    },
    stretches: () => [...stretches],
    known: () => ({
      stretches: stretches.map(({ epoch, first }) => [epoch, first]),
      foreign: [...foreign],
      ...(joined.size > 0 && { joined: [...joined] }),
    }),
    fits(known, relaySeq) {
      const shared = Math.min(relaySeq, known.relaySeq)
      const theirs = known.stretches.findLast(([, first]) => first <= shared)
      // In one epoch a relaySeq stands in one log only.
      return shared === 0 || theirs?.[0] === epochAt(stretches, shared) || isIn(known.joined, relaySeq)
    },
    isIn,
    isWithin: (known, relaySeq) =>
      relaySeq <= known.relaySeq && epochAt(known.stretches, relaySeq) === epochAt(stretches, relaySeq),
    hasJoined: (epoch, relaySeq) => relaySeq <= (joined.get(epoch) ?? 0),
    hasLeft: (epoch) => left.has(epoch),
    leave(those) {
      for (const { epoch } of stretches) {
        foreign.add(epoch)
        left.add(epoch)
      }
      stretches.length = 0
      noteJoined(those)
    },
    restore(known) {
      stretches.length = 0
      for (const [epoch, first] of known.stretches) stretches.push({ epoch, first })
      for (const epoch of known.foreign) foreign.add(epoch)
      // What was joined may stand in the epoch in which this log has gone on since it had come back.
      for (const [epoch] of known.stretches) {
        foreign.delete(epoch)
        left.delete(epoch)
      }
      noteJoined(known.joined ?? [])
    },
    shared({ epoch, relaySeq }) {
      if (epoch !== null && relaySeq <= (joined.get(epoch) ?? 0)) return { epoch, relaySeq }
      const at = stretches.findIndex((stretch) => stretch.epoch === epoch)
      if (at < 0) return { epoch: null, relaySeq: 0 }
      return { epoch, relaySeq: Math.min(relaySeq, (stretches[at + 1]?.first ?? Infinity) - 1) }
    },
  }
}
