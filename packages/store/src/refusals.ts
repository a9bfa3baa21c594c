import type { Ledger } from '@syncline/protocol'
import { changeId, type Change, type ChangeId, type Policy, type Stamp, type WriterId } from '@syncline/stm'
import { createDocumentClients, type DocumentClients } from './document-clients.ts'
import type { RefusedChange } from './refused.ts'
import { createRenames, type Renames } from './renames.ts'
import { raise } from './seqs.ts'
import { stampText } from './stamps.ts'

type Named = Pick<Change, 'writer' | 'seq'>

/** Where a refusal cuts the Changes of a writer. */
export interface Refusal {
  readonly writer: WriterId
  readonly seq: number
  readonly code: string
  readonly message: string
}

/** What a Change was that was authored again, and what it has become. */
export type Became = Ledger['became'][number]

/**
 * What the relay has refused, and what has become of what the same writers had written on top of it.
 *
 * A relay that has come back from a backup may refuse what it had stored before, when somebody sends it who has not heard that. Whoever knows it as accepted brings it back; so it
 * stands all the same.
 */
export interface Refusals {
  readonly refused: ReadonlyMap<ChangeId, RefusedChange>
  /** Writers with a refused Change whose later Changes have not been sorted out yet. */
  readonly unsettled: ReadonlyMap<WriterId, Refusal>
  /** The last seq that counts of each writer that was ended. */
  readonly ended: ReadonlyMap<WriterId, number>
  /** What Changes that were authored again have become. */
  readonly became: ReadonlyMap<ChangeId, Named>
  /** By the stamp that a Change had which was authored again, as text: the one that it got. */
  readonly restamps: ReadonlyMap<string, Stamp>
  /** What their operations on documents have become. */
  readonly renames: Renames
  /** Who writes under which Yjs client: what is refused may be applied again. */
  readonly clients: DocumentClients

  /** The relay has refused a Change. */
  refuse(refusal: Refusal): void
  /** What comes to light of a writer after it was settled is refused like all that comes after a refused Change. */
  refuseLate(change: Named): void
  /** The relay's order names a Change: one that had lost its data, or what it had refused, has said otherwise. */
  stand(change: Named): void
  /** The same of all that the writers have up to here, in a log that takes the place of the one in which it was refused. */
  standUpTo(seqs: ReadonlyMap<WriterId, number>): void

  /** What a writer has written after a seq does not count. False when more of it was settled before, and nothing has happened. */
  end(writer: WriterId, lastSeq: number): boolean
  /** A Change is refused for good. False when it stands all the same. */
  add(one: RefusedChange): boolean
  /** Takes Changes off the list of those. */
  drop(ids: readonly ChangeId[]): void
  /** A Change was authored again. */
  become(pair: Became): void
  /** All that is here of a writer that was ended is sorted out up to a seq: what comes to light later is settled later. */
  settle(writer: WriterId, upTo: number): void

  known(): Pick<Ledger, 'refusals' | 'ended' | 'became' | 'renames' | 'owners' | 'clientsOfRefused'>
  /** Whether something was sorted out here that is news to who has written a ledger: it is still on its way into the log. */
  newsTo(ledger: Ledger): (change: Named) => boolean
  /** Takes up what was known, in place of what was refused here and is known there. */
  restore(ledger: Ledger, refused: readonly RefusedChange[]): void
  /** Whether what was refused stands, is looked at again: more is known. */
  lookAgain(): void
}

/** Nothing is refused yet. `isAcknowledged` says whether a Change has come and is not pending. */
export function createRefusals(
  isAcknowledged: (change: Named, id: ChangeId) => boolean,
  policyOf: (tag: string) => Policy | undefined,
): Refusals {
  const renames = createRenames()
  const clients = createDocumentClients(policyOf)
  const refused = new Map<ChangeId, RefusedChange>()
  const unsettled = new Map<WriterId, Refusal>()
  const ended = new Map<WriterId, number>()
  const settledUpTo = new Map<WriterId, number>()
  const became = new Map<ChangeId, Named>()
  const restamps = new Map<string, Stamp>()
  /** All of both, in order. */
  const reauthorings: Became[] = []

  /** Whether the relay's log has a Change, as it is known here. */
  function isAccepted(change: Named): boolean {
    const id = changeId(change)
    return isAcknowledged(change, id) && !refused.has(id) && !became.has(id)
  }

  function cut(writer: WriterId, lastSeq: number): void {
    unsettled.delete(writer)
    ended.set(writer, Math.min(ended.get(writer) ?? lastSeq, lastSeq))
  }

  function become(pair: Became): void {
    const [writer, seq, at, nextWriter, nextSeq, nextAt] = pair
    became.set(changeId({ writer, seq }), { writer: nextWriter, seq: nextSeq })
    restamps.set(stampText({ writer, at }), { writer: nextWriter, at: nextAt })
    reauthorings.push(pair)
  }

  function newsTo(ledger: Ledger): (change: Named) => boolean {
    const settledThere = new Map(ledger.ended.map(([writer, , upTo]) => [writer, upTo]))
    return ({ writer, seq }) =>
      seq > (settledThere.get(writer) ?? 0) && seq > ended.get(writer)! && seq <= settledUpTo.get(writer)!
  }

  return {
    refused,
    unsettled,
    ended,
    became,
    restamps,
    renames,
    clients,
    refuse(refusal) {
      const { writer } = refusal
      if (!ended.has(writer) && !unsettled.has(writer) && !isAccepted(refusal)) unsettled.set(writer, refusal)
    },
    refuseLate({ writer, seq }) {
      if (unsettled.has(writer)) return
      const message = `A Change of this writer was refused before, so ${seq} cannot stand.`
      unsettled.set(writer, { writer, seq, code: 'after-refused', message })
    },
    stand(change) {
      if ((unsettled.get(change.writer)?.seq ?? Infinity) <= change.seq) unsettled.delete(change.writer)
      refused.delete(changeId(change))
    },
    standUpTo(seqs) {
      for (const [id, { change }] of refused) if (change.seq <= (seqs.get(change.writer) ?? 0)) refused.delete(id)
      for (const [writer, lastSeq] of ended) ended.set(writer, Math.max(lastSeq, seqs.get(writer) ?? 0))
    },
    end(writer, lastSeq) {
      if ((settledUpTo.get(writer) ?? lastSeq) > lastSeq) return false
      cut(writer, lastSeq)
      return true
    },
    add(one) {
      if (isAccepted(one.change)) return false
      refused.set(one.id, one)
      return true
    },
    drop(ids) {
      for (const id of ids) refused.delete(id)
    },
    become,
    settle: (writer, upTo) => void settledUpTo.set(writer, upTo),
    known: () => ({
      refusals: Array.from(unsettled.values(), ({ writer, seq, code, message }) => [writer, seq, code, message]),
      ended: Array.from(ended, ([writer, lastSeq]) => [writer, lastSeq, settledUpTo.get(writer) ?? lastSeq]),
      became: [...reauthorings],
      renames: renames.all(),
      owners: [...clients.owners],
      clientsOfRefused: [...clients.ofRefused],
    }),
    newsTo,
    restore(ledger, there) {
      const isSettledHere = newsTo(ledger)
      const here = [...refused.values()].filter(({ change }) => isSettledHere(change))
      refused.clear()
      for (const one of [...there, ...here]) refused.set(one.id, one)
      for (const [writer, lastSeq, upTo] of ledger.ended) {
        cut(writer, lastSeq)
        raise(settledUpTo, writer, upTo)
      }
      for (const pair of ledger.became) if (!became.has(changeId({ writer: pair[0], seq: pair[1] }))) become(pair)
      renames.restore(ledger.renames)
      clients.note(new Map(ledger.owners))
      clients.refuse(new Map(ledger.clientsOfRefused.map((client) => [client, clients.owners.get(client) ?? ''])))
      for (const [writer, seq, code, message] of ledger.refusals)
        if (!isSettledHere({ writer, seq })) unsettled.set(writer, { writer, seq, code, message })
    },
    lookAgain() {
      for (const refusal of unsettled.values()) if (isAccepted(refusal)) unsettled.delete(refusal.writer)
    },
  }
}
