import { decodeHeader, epochAt, MAX_CHANGE_BYTES, ProtocolError, recordChecksum } from '@syncline/protocol'
import type { ChangeHeader, Covered, Head, Stretch } from '@syncline/protocol'
import type { Basis, Epoch, WriterId } from '@syncline/stm'
import {
  adoptionOf,
  broughtFrom,
  coversOf,
  hasToBeAdopted,
  isSame,
  type Adopted,
  type AdoptOptions,
  type ToBeAdopted,
  whatToAdopt,
} from './adopting.ts'
import { Arbitration } from './arbitration.ts'
import type { Arrival } from './arrival.ts'
import { basisFlaw, type Joined } from './basis-flaw.ts'
import type { Committer, Part } from './committer.ts'
import { createDelivery, type Author } from './delivery.ts'
import { Documents } from './documents.ts'
import { reasonOf, RelayError } from './errors.ts'
import {
  coversOf as coversOfJoin,
  earlyMs,
  flawInJoin,
  flawInLoss,
  isPiece,
  joinedAt,
  joinedTo,
  Joining,
  reachOf,
  type Join,
} from './joining.ts'
import { endBy, isOfAnother, judge, takenFrom, type Court, type Refused } from './judge.ts'
import type { RelayLimits } from './limits.ts'
import type { Newcomers } from './newcomers.ts'
import type { Clock, LogStorage, RelayLog, SpaceState, WriterState } from './ports.ts'
import { Presence } from './presence.ts'
import { READ_ONLY } from './rights.ts'
import type { Followed, Subscription } from './subscription.ts'
import type { Rolls } from './rolls.ts'
import { Turns } from './turns.ts'
import { Writers } from './writers.ts'
import type { Watching } from './watching.ts'

/** What the operator's own rule is told about a Change. */
export interface RefuseContext {
  readonly space: string
  readonly principal: string
}

/** What a room needs of the relay around it. */
export interface RoomHost {
  readonly storage: LogStorage
  readonly clock: Clock
  readonly limits: RelayLimits
  readonly log: RelayLog
  readonly watching: Watching
  readonly committer: Committer
  readonly newcomers: Newcomers
  readonly rolls: Pick<Rolls, 'claim' | 'move'>
  refuse(header: ChangeHeader, context: RefuseContext): { readonly code: string; readonly message: string } | undefined
  /** The id of somebody new. */
  drawId(): WriterId
  /** Whether this relay has ever written under it, as far as it can tell. */
  isOwnEpoch(epoch: Epoch): boolean
  flush(): void
  /** The room is empty: forget it. */
  forget(room: Room): void
  /** The room is in ruins: forget it, and write under another epoch from now on. What of this one is stored, nobody knows. */
  ruin(room: Room): void
}

/** What waits to be dealt with, in the order in which it came. */
type Item =
  | { readonly kind: 'open'; readonly subscription: Subscription; readonly basis: Basis }
  | Arrivals
  | { readonly kind: 'join'; readonly subscription: Subscription; readonly join: Join }
  | { readonly kind: 'abort'; readonly subscription: Subscription; readonly change: Author; release(): void }
  | Adopting

/** What the operator wants, and what was found out about it. */
interface Adopting {
  readonly kind: 'adopt'
  readonly subscription?: undefined
  readonly options: AdoptOptions
  found: ToBeAdopted | RelayError | undefined
  resolve(adopted: Adopted): void
  reject(error: RelayError): void
}

interface Arrivals {
  readonly kind: 'arrivals'
  readonly subscription: Subscription
  readonly arrivals: readonly Arrival[]
  release(): void
}

/** The room's part of a batch while that gathers and while it is stored. */
interface RoomPart extends Part {
  readonly first: number
  readonly records: Uint8Array[]
  readonly authors: Author[]
  readonly touched: Set<WriterId>
  readonly afterwards: (() => void)[]
  readonly releases: (() => void)[]
  /** What was joined to the log with it. */
  joined: Joined | undefined
  /** Where something was adopted with it. */
  adoptedAt: number | undefined
}

/** What a room judges by, and moves with each Change that is given a relaySeq. */
interface RoomCourt extends Court {
  head: number
  latestAt: number
  joined: Joined | undefined
  /** Where in the log something was adopted last. */
  adoptedAt: number
  /** Of which epochs nothing waits to be adopted any more. */
  adopted: readonly Covered[]
}

const UNADOPTED = 'What the relay had decided was brought back, and waits for the operator: see adopt.'

const LATE =
  'More of what the relay had decided was brought back, after it was said what counts of that. It does not count, unless somebody says so: see adopt.'

/** When nobody new was told it, so many times more of a log is worth a checkpoint: it costs a thread of the relay as much as some clients. */
const UNASKED_TIMES = 4

/** One space in memory: there while somebody follows it or something of it is on its way to the disk. A class, as there are many spaces, of which most are only looked at. */
export class Room {
  readonly space: string
  /** What this run of the relay writes under. */
  readonly #epoch: Epoch
  readonly #host: RoomHost
  readonly #subscriptions = new Set<Subscription>()
  readonly #presence: Presence
  readonly #writers = new Writers()
  readonly #documents = new Documents()
  readonly #arbitration: Arbitration
  readonly #inbox: Item[] = []
  /** Those who stand in the log, until it was read. */
  readonly #entering: Subscription[] = []
  /** What waits until it is not the turn of another any more. */
  readonly #held: Arrivals[] = []
  readonly #turns: Turns
  #isLoaded = false
  /** Of the log up to its end, stored already or not. */
  readonly #stretches: Stretch[] = []
  /** What Changes are judged by: up to the last relaySeq that was given; `#followed` has the last that may be told. */
  readonly #court: RoomCourt
  readonly #followed: { -readonly [K in keyof Followed]: Followed[K] }
  readonly #joining: Joining
  #gathering: RoomPart | undefined
  #storing: RoomPart | undefined
  #isDraining = false
  #isGone = false
  /** How much of the log is known to be behind its checkpoint, and how much is worth a new one when somebody new was told it. */
  #tailBytes = 0
  #worthBytes: number
  /** What is being adopted, and not stored yet. */
  readonly #adopting = new Set<Adopting>()
  /** Those who wait until it is quiet. */
  readonly #waiting: (() => void)[] = []

  constructor(space: string, epoch: Epoch, host: RoomHost) {
    const { clock, limits } = host
    this.space = space
    this.#epoch = epoch
    this.#host = host
    this.#presence = new Presence(this.#subscriptions, host)
    this.#arbitration = new Arbitration(limits)
    this.#turns = new Turns(clock, () => {
      this.#inbox.unshift(...this.#held.splice(0))
      this.#drain()
    })
    this.#court = {
      space,
      stretches: this.#stretches,
      head: 0,
      latestAt: 0,
      joined: undefined,
      adoptedAt: 0,
      adopted: [],
      writers: this.#writers,
      documents: this.#documents,
      clock,
      limits,
      refuse: (header, principal) => host.refuse(header, { space, principal }),
      arbitrate: (arrival, header) => this.#arbitration.flawIn(arrival, header),
    }
    this.#followed = { space, durableHead: 0, stretches: this.#stretches, joined: undefined }
    this.#joining = new Joining(clock, limits, this.#court)
    this.#worthBytes = limits.leastTailBytes
    void this.#load()
  }

  /** Where its log ends, as everybody is told; undefined until that was read. */
  get head(): Head | undefined {
    return this.#isLoaded ? this.#headNow() : undefined
  }

  /** Whether anybody shows anything of themselves. */
  get isShown(): boolean {
    return this.#presence.isShown
  }

  /** Takes in who stands in the log already, and tells what comes after. */
  enter(subscription: Subscription): void {
    if (this.#isLoaded) this.#admit(subscription, false, false)
    else this.#entering.push(subscription)
  }

  /** Answers with the basis and starts the stream after what the client has, after all that came in before. */
  open(subscription: Subscription, basis: Basis): void {
    this.#inbox.push({ kind: 'open', subscription, basis })
    this.#drain()
  }

  /** Orders and stores what a client sent. `release` is called when nothing more of it has to be kept for that. */
  receive(subscription: Subscription, arrivals: readonly Arrival[], release: () => void): void {
    if (this.#joining.has(subscription)) {
      release()
      const whole = this.#joining.take(subscription, arrivals)
      if (whole !== undefined) this.#inbox.push({ kind: 'join', subscription, join: whole })
    } else this.#inbox.push({ kind: 'arrivals', subscription, arrivals, release })
    this.#drain()
  }

  /** Whether what a client sends is of a join. */
  isJoining(subscription: Subscription): boolean {
    return this.#joining.has(subscription)
  }

  /** Calls off a Change: it is in the log, or never will be. `release` as above. */
  abort(subscription: Subscription, change: Author, release: () => void): void {
    this.#inbox.push({ kind: 'abort', subscription, change, release })
    this.#drain()
  }

  /** Adopts what waits for that. Resolves when that is durable. Rejects with `RelayError` `nothing-waits`, `too-large`, `storage-failed` and `closed`. */
  adopt(options: AdoptOptions): Promise<Adopted> {
    return new Promise((resolve, reject) => {
      this.#inbox.push({ kind: 'adopt', options, found: undefined, resolve, reject })
      this.#drain()
    })
  }

  present(subscription: Subscription, slot: number, payload: Uint8Array): void {
    if (this.#subscriptions.has(subscription)) this.#summon()
    this.#presence.show(subscription, slot, payload)
  }

  /** Somebody who came new was told so many bytes of the log, behind a checkpoint or without one. */
  told(bytes: number): void {
    this.#tailBytes = Math.max(this.#tailBytes, bytes)
    if (this.#tailBytes >= this.#worthBytes && !this.#isGone) this.#renew()
  }

  /** The client follows no longer. What it sent before still counts. */
  leave(subscription: Subscription): void {
    subscription.isLeft = true
    this.#turns.leave(subscription)
    this.#joining.leave(subscription)
    if (this.#subscriptions.delete(subscription)) this.#presence.remove(subscription)
    this.#unloadIfIdle()
  }

  /** Nothing has happened here for long: goes, if all who follow it are counted by a roll again. */
  rest(): void {
    if (!this.#isQuiet() || this.#isGone || this.#presence.isShown) return
    // Not by halves: as long as one stays, the room does.
    for (const subscription of this.#subscriptions) if (!subscription.isResting(this.#followed)) return
    for (const subscription of this.#subscriptions)
      if (subscription.giveBack()) this.#subscriptions.delete(subscription)
    this.#unloadIfIdle()
  }

  /** Resolves when everything that came in was dealt with and stored. */
  quiet(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#turns.end()
      this.#unloadIfIdle()
    })
  }

  async #load(): Promise<void> {
    try {
      const found = (await this.#host.storage.space(this.space)) ?? { stretches: [], head: 0, latestAt: 0 }
      this.#court.joined = this.#followed.joined = await this.#joinIn(found)
      this.#court.adopted = await this.#adoptedIn(found)
      this.#settle(found)
    } catch (error) {
      this.#collapse(error)
      this.#host.flush()
    }
  }

  /** What was joined to a log last, which its last piece says. */
  async #joinIn(found: SpaceState): Promise<Joined | undefined> {
    const { joinedAt: last = 0 } = found
    return last === 0 ? undefined : joinedAt(found, last, await this.#headerAt(last))
  }

  /** What was adopted, which the last adoption says. */
  async #adoptedIn({ adoptedAt = 0 }: SpaceState): Promise<readonly Covered[]> {
    return adoptedAt === 0 ? [] : ((await this.#headerAt(adoptedAt)).adoption?.covers ?? [])
  }

  async #headerAt(relaySeq: number): Promise<ChangeHeader> {
    const [record] = await this.#host.storage.read(this.space, relaySeq - 1, relaySeq, this.#host.limits.maxFrameBytes)
    if (record === undefined) throw new RelayError('damaged', `There is no Change at ${relaySeq}.`, { relaySeq })
    return decodeHeader(record)
  }

  #settle(found: SpaceState): void {
    this.#isLoaded = true
    this.#stretches.push(...found.stretches)
    this.#court.head = this.#followed.durableHead = found.head
    this.#court.latestAt = found.latestAt
    this.#court.adoptedAt = found.adoptedAt ?? 0
    if (this.#isWaiting()) this.#host.log.warn({ space: this.space }, UNADOPTED)
    for (const subscription of this.#entering.splice(0)) this.#admit(subscription, false, false)
    this.#drain()
  }

  /** Deals with the inbox, in order. It waits only when something has to be read that is not in memory. */
  #drain(): void {
    if (this.#isDraining || !this.#isLoaded || this.#isGone) return
    this.#isDraining = true
    while (this.#inbox.length > 0 && !this.#isGone) {
      const item = this.#inbox[0]!
      try {
        const reading = this.#readFor(item)
        if (reading !== undefined) {
          this.#host.committer.kick()
          void reading.then(
            () => this.#goOn(),
            (error: unknown) => {
              if (this.#isGone) return
              this.#host.log.error({ space: this.space, err: error }, 'What a Change is decided by cannot be read.')
              if (item.kind === 'adopt') this.#refuseToAdopt(error)
              else this.#unanswered(item.subscription, error)
              this.#goOn()
            },
          )
          return
        }
        this.#inbox.shift()
        this.#dealWith(item)
      } catch (error) {
        this.#giveUp(item, error)
      }
    }
    this.#isDraining = false
    this.#writers.trim()
    this.#documents.trim()
    this.#host.committer.kick()
    this.#host.flush()
    this.#unloadIfIdle()
  }

  #dealWith(item: Item): void {
    if (item.kind === 'open') this.#welcome(item)
    else if (item.kind === 'join') this.#join(item)
    else if (item.kind === 'abort') this.#callOff(item)
    else if (item.kind === 'adopt') this.#adopt(item)
    else this.#order(item)
  }

  /** A defect of the relay: half of what an item is about may be done, so the room is read anew. Who has sent it is not asked to send it again. */
  #giveUp(item: Item, error: unknown): void {
    if (item.kind === 'adopt') item.reject(this.#noAnswer(error))
    else {
      item.subscription.fail(
        'malformed',
        'The relay could not deal with what you sent. Nothing of yours is lost. Tell its operator.',
      )
    }
    this.#collapse(error)
  }

  #goOn(): void {
    this.#isDraining = false
    this.#drain()
  }

  /** Reads what has to be known for an item; undefined when all of it is. */
  #readFor(item: Item): Promise<void> | undefined {
    if (item.kind === 'adopt') return item.found === undefined ? this.#findOut(item) : undefined
    // Most Changes come from who has written before, and name nobody else.
    if (
      item.subscription.isDropped ||
      (item.kind === 'arrivals' && item.arrivals.every((arrival) => this.#isFamiliar(arrival)))
    )
      return undefined
    const unknown = this.#writers.unknown(namedBy(item, this.#host.limits))
    if (unknown.length > 0)
      return this.#host.storage.writers(this.space, unknown).then((found) => this.#writers.learn(unknown, found))
    const strange = this.#documents.unknown(clientsIn(item, this.#host.limits))
    if (strange.length > 0)
      return this.#host.storage.documents(this.space, strange).then((found) => this.#documents.learn(strange, found))
    return this.#hasEnvelope(item) && this.#arbitration.lastSeq < this.#court.head ? this.#study() : undefined
  }

  #isFamiliar({ writer, header }: Arrival): boolean {
    return (
      this.#writers.has(writer) &&
      header !== undefined &&
      header.deps.writers.size === 0 &&
      header.documents.length === 0 &&
      header.expectations === undefined
    )
  }

  #unanswered(subscription: Subscription, error: unknown): void {
    subscription.sendAway(
      'storage-failed',
      `The relay's storage does not answer: ${String(error)} Nothing is lost; come back.`,
    )
  }

  /** Whether something in it is to be judged by the contents of `relay` refs. What is known already is not judged again. */
  #hasEnvelope(item: Item): boolean {
    if (item.kind === 'join') return item.join.pieces.at(-1)!.header.join.decided !== undefined
    if (item.kind !== 'arrivals') return false
    return item.arrivals.some(
      ({ writer, seq, header }) => header?.expectations !== undefined && this.#writers.get(writer).lastSeq < seq,
    )
  }

  /** Reads what the log says of `relay` refs, up to its end. */
  #study(): Promise<void> {
    return this.#readOn(this.#arbitration.lastSeq, Infinity, (record) => this.#arbitration.fold(record))
  }

  /** Reads the log behind a relaySeq, up to another one or its end: from the storage, and what is on its way there from memory. */
  async #readOn(after: number, upTo: number, take: (record: Uint8Array, relaySeq: number) => void): Promise<void> {
    let last = after
    const takeNext = (record: Uint8Array): void => {
      last += 1
      if (last <= upTo) take(record, last)
    }
    while (last < Math.min(upTo, this.#followed.durableHead) && !this.#isGone) {
      const records = await this.#host.storage.read(
        this.space,
        last,
        Math.min(upTo, this.#followed.durableHead),
        this.#host.limits.maxFrameBytes,
      )
      if (records.length === 0) throw new RelayError('damaged', `There is no Change at ${last + 1}.`)
      for (const stored of records) takeNext(stored)
    }
    for (const part of [this.#storing, this.#gathering]) {
      for (const record of part?.records.slice(Math.max(0, last + 1 - part.first)) ?? []) takeNext(record)
    }
  }

  #isWaiting(): boolean {
    return hasToBeAdopted(this.#court.joined, this.#court.adopted)
  }

  /** Finds out what `relay` refs are to hold when something is adopted. */
  async #findOut(item: Adopting): Promise<void> {
    item.found = await whatToAdopt(item.options, {
      ...this.#court,
      space: this.space,
      arbitration: this.#arbitration,
      study: () => this.#study(),
      readOn: (after, upTo, take) => this.#readOn(after, upTo, take),
    })
  }

  #adopt(item: Adopting): void {
    const { found } = item
    if (found === undefined || found instanceof RelayError) return item.reject(found ?? this.#noAnswer(undefined))
    const { cells, takenBack } = found
    const relaySeq = this.#appendAdoption(found)
    if (relaySeq === undefined) {
      const wayOut = found.taken === 'log' ? 'Restore' : 'Adopt what this log has ("log"), or restore'
      const message = `What relay refs would hold in "${this.space}" takes more than the ${MAX_CHANGE_BYTES / 2 ** 20} MiB of one record, in which it is adopted as a whole or not at all. Nothing has happened. ${wayOut} a backup of before the loss.`
      return item.reject(new RelayError('too-large', message))
    }
    this.#adopting.add(item)
    this.#host.log.warn(
      { space: this.space, relaySeq, taken: found.taken, refs: cells.length, takenBack: takenBack.length },
      'What relay refs hold was adopted.',
    )
    this.#gather().afterwards.push(() => {
      this.#adopting.delete(item)
      item.resolve({ relaySeq, refs: cells.length, takenBack })
    })
  }

  /** Puts an adoption behind what the log has. Returns its place there; undefined, and nothing has happened, where it would be longer than a record may be. */
  #appendAdoption({ cells, shift, taken, covers }: ToBeAdopted): number | undefined {
    const writer = this.#host.drawId()
    let adopted: Uint8Array
    try {
      adopted = adoptionOf(cells, { shift, taken, covers }, writer, this.#court.latestAt)
    } catch (error) {
      if (error instanceof ProtocolError && error.code === 'too-large') return undefined
      throw error
    }
    this.#writers.learn([writer], new Map())
    this.#append({ writer, seq: 1 }, adopted, decodeHeader(adopted))
    this.#gather().adoptedAt = this.#court.adoptedAt = this.#court.head
    this.#court.adopted = covers
    return this.#court.head
  }

  /** What was to be adopted is not, as something cannot be read. */
  #refuseToAdopt(error: unknown): void {
    const item = this.#inbox.shift()
    if (item?.kind === 'adopt') item.reject(this.#noAnswer(error))
  }

  #noAnswer(error: unknown): RelayError {
    const message = `What waits to be adopted in "${this.space}" cannot be read or stored: ${String(error)} Look what there is: it was adopted as a whole or not at all.`
    return new RelayError('storage-failed', message, { cause: error })
  }

  #welcome({ subscription, basis }: Item & { kind: 'open' }): void {
    if (subscription.isLeft) return
    if (subscription.isBarred) return this.#bar(subscription, basis)
    const { channel, outbox } = subscription
    const extent = { stretches: this.#stretches, head: this.#followed.durableHead }
    const isApart = basisFlaw(basis, extent) !== undefined
    const flaw = basisFlaw(basis, { ...extent, joined: this.#followed.joined })
    if (flaw !== undefined) {
      const lie = this.#flawInLoss([[basis.epoch!, basis.relaySeq]])
      if (lie !== undefined) return this.#disbelieve(subscription, lie)
      if (subscription.knowsJoins) return this.#joining.wait(subscription, basis)
      const message = `You have this space up to relaySeq ${basis.relaySeq}, in epoch ${basis.epoch}, ${flaw}: the relay lost its data or came back from a backup. Nothing of yours is lost. Reload to get an app that can bring back what you have.`
      return subscription.fail('epoch-changed', message)
    }
    // Who has waited knows, and others learn it before anything else.
    if (isApart)
      outbox.say({
        type: 'apart',
        channel,
        relaySeq: reachOf(basis, { ...extent, joined: this.#followed.joined }),
        isTurn: false,
      })
    const known = new Map<WriterId, number>()
    for (const writer of basis.writers.keys()) known.set(writer, this.#writers.durableSeq(writer))
    outbox.say({ type: 'basis', channel, head: this.#followed.durableHead, writers: known })
    // What the log has of the client's own is acknowledged, Change by Change.
    // A checkpoint knows nothing of what was joined.
    const takesCheckpoint = subscription.isNew && this.#followed.joined === undefined
    this.#admit(subscription, isApart, takesCheckpoint && [...known.values()].every((seq) => seq === 0))
  }

  /** Tells somebody who may not follow the space that what they have for it will never stand there, and sends them away. */
  #bar(subscription: Subscription, { writers }: Basis): void {
    const message = 'You have no right to this space. Ask who runs it for that.'
    for (const [writer, upTo] of writers) {
      const state = this.#writers.get(writer)
      const { lastSeq } = state
      if (upTo <= lastSeq || isOfAnother(state, subscription.principal)) continue
      const seq = lastSeq + 1
      this.#turnDown(subscription, { writer, seq }, { code: READ_ONLY, message, endsAt: endBy(READ_ONLY, seq, state) })
    }
    const part = this.#gathering ?? this.#storing
    const tell = (): void => subscription.fail('forbidden', message)
    if (part === undefined) tell()
    else part.afterwards.push(tell)
  }

  #admit(subscription: Subscription, isApart: boolean, takesCheckpoint: boolean): void {
    if (subscription.isLeft) return
    // Before it is there, so that nobody is shown it twice.
    if (subscription.presence !== undefined) this.#summon()
    this.#subscriptions.add(subscription)
    this.#presence.introduce(subscription)
    subscription.start(this.#followed, isApart, takesCheckpoint)
  }

  /** Those who follow this space among others: there is something to be told. */
  #summon(): void {
    for (const subscription of this.#host.rolls.claim(this.space)) this.#admit(subscription, false, false)
  }

  /** Takes what a client has of a log that was lost into this one, and everybody who waits for it with that. */
  #join({ subscription, join: whole }: Item & { kind: 'join' }): void {
    // What it has may have come by another one meanwhile; or what it is to be judged by could not be read.
    if (subscription.isDropped || basisFlaw(whole.basis, this.#court) === undefined) return this.#judgeAnew()
    const { pieces, basis } = whole
    const { header: last } = pieces.at(-1)!
    const lie = this.#flawInLoss(coversOfJoin(last))
    if (lie !== undefined) {
      this.#disbelieve(subscription, lie)
      return this.#judgeAnew()
    }
    const brought = this.#broughtBy(whole)
    if (typeof brought === 'string') {
      const message = `What you have of this space cannot be brought back: ${brought}. Nothing of yours is lost. Reload to get the newer app.`
      subscription.fail('malformed', message)
      return this.#judgeAnew()
    }
    const { clock, limits } = this.#host
    const waitMs = earlyMs(whole, this.#court.latestAt, clock.nowMs(), limits)
    if (waitMs > 0) {
      const message = `What you have of this space is of a time that comes in ${waitMs} ms by the relay's clock. Nothing of yours is lost; it is tried again. If this stays, ask the relay's operator to look at its clock.`
      subscription.fail('malformed', message)
      return this.#judgeAnew()
    }
    const found = joinedTo(this.#court, whole)
    let refused
    try {
      refused = this.#host.refuse(last, { space: this.space, principal: subscription.principal })
    } catch (error) {
      this.#host.log.error(
        { space: this.space, err: error },
        'The rule of the operator failed on what somebody brings back.',
      )
      subscription.sendAway(
        'too-busy',
        'The relay could not decide about what you have. Nothing is lost; come back later.',
      )
      return this.#judgeAnew()
    }
    const { rights } = subscription
    // What it says of refs cannot be told from what it says of others.
    if (rights !== undefined && !rights.has(this.space, 'admin') && rights.get(this.space, 'write') !== true)
      refused ??= { code: 'forbidden', message: 'You may not bring back what the relay has lost of this space.' }
    if (found === undefined || refused !== undefined) {
      const message =
        refused?.message ??
        `You have this space up to relaySeq ${basis.relaySeq}, in epoch ${basis.epoch}, and not what others have brought back since of other logs that were lost. Nothing of yours is lost. Keep it, and ask the relay's operator to bring back the newer data.`
      subscription.fail(refused === undefined ? 'epoch-changed' : 'forbidden', message)
      return this.#judgeAnew()
    }
    const part = this.#gather()
    for (const { writer, seq, record, header } of pieces) {
      this.#append({ writer, seq }, record, header)
      for (const [other, upTo] of header.deps.writers) if (this.#writers.raise(other, upTo)) part.touched.add(other)
      for (const [client, owner] of header.inherited) this.#documents.bind(client, owner)
    }
    this.#court.joined = part.joined = found
    const { principal, session } = subscription
    this.#host.log.warn(
      { space: this.space, session, principal, epoch: basis.epoch, relaySeq: basis.relaySeq, pieces: pieces.length },
      'A client has brought back what the relay had lost.',
    )
    if (brought !== undefined) this.#lookAt(found, brought)
  }

  #flawInLoss(covers: Iterable<Covered>): string | undefined {
    return flawInLoss(covers, this.#court, this.#epoch, (epoch) => this.#host.isOwnEpoch(epoch))
  }

  #disbelieve(subscription: Subscription, why: string): void {
    const message = `You have this space of another log than this relay's: ${why}. Nothing of yours is lost. Look whether this is the relay that you mean, or ask its operator.`
    subscription.fail('epoch-changed', message)
  }

  /** What a join has of `relay` refs, if it has that; a text says why it cannot be taken. */
  #broughtBy(whole: Join): ReturnType<typeof broughtFrom> | string | undefined {
    const { pieces } = whole
    const flaw = flawInJoin(whole, this.#writers)
    if (flaw !== undefined || pieces.at(-1)!.header.join.decided === undefined) return flaw
    try {
      return broughtFrom(
        pieces.map(({ record }) => record),
        this.#host.limits,
      )
    } catch (error) {
      return `what it says of relay refs makes no sense (${reasonOf(error)})`
    }
  }

  /** What was brought back of `relay` refs waits for the operator, but where the log has the same: then nothing of it was lost. */
  #lookAt(joined: Joined, brought: ReturnType<typeof broughtFrom>): void {
    const cells = this.#arbitration.cells()
    if (isSame(brought, cells)) {
      const covers = coversOf('same', joined, this.#court.adopted)
      const { shift } = this.#arbitration
      if (this.#appendAdoption({ cells, shift, taken: 'same', covers, takenBack: [] }) !== undefined) return
    }
    this.#host.log.warn({ space: this.space }, this.#isWaiting() ? UNADOPTED : LATE)
  }

  /** Those who wait to join may find in the log what they have. */
  #judgeAnew(): void {
    for (const [subscription, basis] of this.#joining.over()) this.#inbox.push({ kind: 'open', subscription, basis })
  }

  #order({ subscription, arrivals, release }: Arrivals): void {
    let rest: Arrival[] | undefined
    for (const arrival of arrivals) {
      if (subscription.isDropped) break
      // It was late, and what it has has come by another one.
      if (isPiece(arrival)) continue
      if (this.#isHeld(subscription, arrival)) (rest ??= []).push(arrival)
      else this.#consider(subscription, arrival)
    }
    if (rest === undefined) this.#releaseLater(release)
    else this.#held.push({ kind: 'arrivals', subscription, arrivals: rest, release })
  }

  #isHeld(subscription: Subscription, { header }: Arrival): boolean {
    return header?.expectations !== undefined && this.#turns.isHeld(subscription, header)
  }

  #callOff({ subscription, change, release }: Item & { kind: 'abort' }): void {
    if (!subscription.isDropped) this.#decideAbort(subscription, change)
    this.#releaseLater(release)
  }

  #decideAbort(subscription: Subscription, change: Author): void {
    const { writer, seq } = change
    const state = this.#writers.get(writer)
    const { lastSeq, ended } = state
    // What is in the log, the stream tells; what this client was told already covers this.
    if (seq <= lastSeq || (subscription.told?.get(writer) ?? Infinity) <= seq) return
    if (isOfAnother(state, subscription.principal))
      return this.#turnDown(subscription, change, { ...takenFrom(writer, seq), endsAt: undefined })
    const { rights } = subscription
    const flaw = rights?.has(this.space, 'write') === false ? rights.flawIn(this.space, undefined) : undefined
    if (flaw !== undefined)
      return this.#turnDown(subscription, change, { ...flaw, endsAt: endBy(flaw.code, seq, state) })
    this.#writers.bind(writer, subscription.principal)
    const isOver = ended !== null && ended.seq <= seq
    this.#turnDown(subscription, change, {
      code: isOver ? ended.code : 'aborted',
      message: isOver ? ended.message : 'It was called off before it came, because the tab that sent it is gone.',
      endsAt: isOver ? undefined : seq,
    })
  }

  /** Lets the client be read from again when everything up to here is stored. */
  #releaseLater(release: () => void): void {
    const part = this.#gathering ?? this.#storing
    if (part === undefined) release()
    else part.releases.push(release)
  }

  #consider(subscription: Subscription, arrival: Arrival): void {
    const { writer, seq, record, header } = arrival
    // The refusal that this client was sent covers this Change too.
    if ((subscription.told?.get(writer) ?? Infinity) <= seq) return
    // Its client sends it again when something was adopted.
    if (header?.expectations !== undefined && this.#isWaiting() && this.#isUndecided(writer, seq)) return
    let judgement
    try {
      judgement = judge(arrival, subscription, this.#court)
    } catch (error) {
      this.#host.log.error(
        { space: this.space, writer, seq, err: error },
        'The rule of the operator failed on a Change.',
      )
      return subscription.sendAway(
        'too-busy',
        'The relay could not decide about a Change. Nothing is lost; come back later.',
      )
    }
    if (header?.expectations !== undefined) {
      const hasLost = typeof judgement === 'object' && judgement.code === 'conflict'
      if (hasLost || judgement === 'append') this.#turns.judged(subscription, header, hasLost)
    }
    if (typeof judgement === 'object') {
      if (judgement.endsAt !== undefined) this.#writers.bind(writer, subscription.principal)
      return this.#turnDown(subscription, arrival, judgement)
    }
    const own = (subscription.own ??= new Map())
    if (seq > (own.get(writer) ?? 0)) own.set(writer, seq)
    if (judgement === 'duplicate') return
    this.#writers.bind(writer, subscription.principal)
    this.#append(arrival, record, header)
    for (const client of header?.documents ?? []) this.#documents.bind(client, header!.inherited.get(client) ?? writer)
  }

  #isUndecided(writer: WriterId, seq: number): boolean {
    const { lastSeq, ended } = this.#writers.get(writer)
    return seq > lastSeq && (ended === null || seq < ended.seq)
  }

  /** Puts a record behind what the log has. */
  #append(author: Author, record: Uint8Array, header: ChangeHeader | undefined): void {
    const part = this.#gather()
    // Nobody hears of an epoch before something stands in it that is durable: one that was heard of can never be another's.
    if (epochAt(this.#stretches, this.#court.head) !== this.#epoch)
      this.#stretches.push({ epoch: this.#epoch, first: this.#court.head + 1 })
    part.records.push(record)
    part.authors.push(author)
    part.touched.add(author.writer)
    this.#writers.append(author.writer, author.seq, recordChecksum(record))
    // Of a space in which nobody has used a relay ref, nothing has to be known.
    if (this.#arbitration.lastSeq === this.#court.head) this.#arbitration.fold(record, header)
    this.#court.head += 1
    // What has no header that can be read is not appended.
    this.#court.latestAt = Math.max(this.#court.latestAt, header?.at ?? 0)
  }

  #turnDown(subscription: Subscription, { writer, seq }: Author, { code, message, endsAt, limit }: Refused): void {
    const { ended } = this.#writers.get(writer)
    if (endsAt !== undefined && (ended === null || endsAt < ended.seq)) {
      this.#writers.end(writer, { seq: endsAt, code, message })
      this.#gather().touched.add(writer)
    }
    ;(subscription.told ??= new Map()).set(writer, seq)
    const { session, principal } = subscription
    this.#host.log.info({ space: this.space, writer, seq, code, session }, 'A Change is refused.')
    const { space } = this
    this.#host.watching.audit({
      what: 'refusal',
      outcome: code,
      message,
      space,
      session,
      principal,
      ...(limit && { limit }),
    })
    const { channel, outbox } = subscription
    // After a restart it must be refused again, so the client hears of it when that is certain.
    const tell = (): void => outbox.say({ type: 'refusal', channel, writer, seq, code, message })
    const part = this.#gathering ?? this.#storing
    if (part === undefined) tell()
    else part.afterwards.push(() => subscription.isLeft || tell())
  }

  /** The room's part of the batch that gathers. */
  #gather(): RoomPart {
    if (this.#gathering !== undefined) return this.#gathering
    let states: ReadonlyMap<WriterId, WriterState> = new Map()
    const follows = epochAt(this.#stretches, this.#court.head)
    const part: RoomPart = {
      space: this.space,
      first: this.#court.head + 1,
      records: [],
      authors: [],
      touched: new Set(),
      afterwards: [],
      releases: [],
      joined: undefined,
      adoptedAt: undefined,
      build: () => {
        this.#gathering = undefined
        this.#storing = part
        states = this.#writers.toStore(part.touched)
        const { first, records } = part
        const documentsNow = this.#documents.toStore()
        const { latestAt } = this.#court
        const marks = { joinedAt: part.joined?.last, adoptedAt: part.adoptedAt }
        return {
          space: this.space,
          epoch: this.#epoch,
          follows,
          first,
          records,
          latestAt,
          ...marks,
          writers: states,
          documents: documentsNow,
        }
      },
      onDurable: () => {
        this.#storing = undefined
        this.#writers.stored(states)
        this.#documents.stored()
        if (part.records.length > 0) {
          this.#summon()
          this.#followed.durableHead += part.records.length
          this.#host.rolls.move(this.space, this.#headNow())
        }
        if (part.joined !== undefined) {
          this.#followed.joined = part.joined
          for (const subscription of this.#subscriptions) subscription.join()
          this.#judgeAnew()
          queueMicrotask(() => this.#drain())
        } else if (part.records.length > 0) {
          const delivery = createDelivery(part.first, part.records, this.#host.limits.maxFrameBytes, part.authors)
          // Others wait to see it, and who wrote it does not; and those who are told the same directly after one another are sent the same bytes.
          for (const isOwn of [false, true]) {
            for (const subscription of this.#subscriptions) {
              if (delivery.isPartOwn(subscription.own) === isOwn) subscription.deliver(delivery)
            }
          }
        }
        this.#tailBytes += part.records.reduce((sum, { length }) => sum + length, 0)
        // Nobody new may ever come.
        if (this.#tailBytes >= UNASKED_TIMES * this.#worthBytes) this.#renew()
        for (const then of part.afterwards) then()
        for (const release of part.releases) release()
        this.#unloadIfIdle()
      },
      onFailed: (error) => this.#collapse(error),
    }
    this.#host.committer.stage(part)
    this.#gathering = part
    return part
  }

  /** Asks for a new checkpoint of the log. */
  #renew(): void {
    // Who makes them knows nothing of what was joined to a log.
    if (this.#court.joined !== undefined) return
    const bytes = this.#tailBytes
    this.#worthBytes = Infinity
    void this.#host.newcomers.renew(this.#followed, bytes).then(({ isMade, nextBytes }) => {
      this.#worthBytes = nextBytes
      if (isMade) this.#tailBytes -= bytes
    })
  }

  /** The storage is not as this room believes. Everybody is sent away and asks again when the room is read anew. */
  #collapse(error: unknown): void {
    if (this.#isGone) return
    this.#isGone = true
    this.#host.log.error(
      { space: this.space, err: error },
      'A space could not be stored or read. Its clients are sent away and will send again.',
    )
    if (this.#gathering !== undefined) this.#host.committer.withdraw(this.#gathering)
    for (const item of [...this.#adopting, ...this.#inbox])
      if (item.kind === 'adopt') item.reject(this.#noAnswer(error))
    this.#adopting.clear()
    const asked = this.#inbox.flatMap(({ subscription }) => subscription ?? [])
    const apart = this.#joining.over().map(([subscription]) => subscription)
    const everybody = new Set([
      ...this.#subscriptions,
      ...this.#entering,
      ...apart,
      ...asked,
      ...this.#host.rolls.claim(this.space),
    ])
    this.#host.rolls.move(this.space, undefined)
    this.#host.ruin(this)
    for (const subscription of everybody) {
      subscription.sendAway(
        'storage-failed',
        'The relay could not store or read this space. Nothing of yours is lost; come back.',
      )
    }
    this.#inbox.length = this.#held.length = this.#entering.length = 0
    this.#turns.end()
    this.#subscriptions.clear()
    this.#unloadIfIdle()
  }

  #isQuiet(): boolean {
    if (this.#isGone) return true
    return (
      this.#isLoaded &&
      this.#inbox.length + this.#held.length === 0 &&
      !this.#isDraining &&
      !this.#gathering &&
      !this.#storing
    )
  }

  #unloadIfIdle(): void {
    if (!this.#isQuiet()) return
    if (this.#waiting.length > 0) for (const resolve of this.#waiting.splice(0)) resolve()
    if (this.#isGone || this.#subscriptions.size + this.#joining.size > 0) return
    this.#isGone = true
    this.#host.forget(this)
  }

  #headNow(): Head {
    const { durableHead: relaySeq } = this.#followed
    return { epoch: epochAt(this.#stretches, relaySeq), relaySeq }
  }
}

/** The writers that have to be known for an item. Outside of the room, as each generator function weighs a kilobyte. */
function* namedBy(item: Item, limits: RelayLimits): Iterable<WriterId> {
  if (item.kind === 'open') return yield* item.basis.writers.keys()
  if (item.kind === 'abort') return yield item.change.writer
  if (item.kind === 'adopt') return
  if (item.kind === 'join') {
    for (const { writer, header } of item.join.pieces) {
      yield writer
      yield* header.deps.writers.keys()
    }
    return
  }
  for (const { writer, header } of item.arrivals) {
    yield writer
    if (header === undefined) continue
    if (header.deps.writers.size <= limits.maxNamedWriters) yield* header.deps.writers.keys()
    if (header.documents.length <= limits.maxNamedClients) yield* header.inherited.values()
  }
}

/** The Yjs clients that have to be. */
function* clientsIn(item: Item, limits: RelayLimits): Iterable<number> {
  if (item.kind === 'join') for (const { header } of item.join.pieces) yield* header.documents
  if (item.kind !== 'arrivals') return
  for (const { header } of item.arrivals) {
    if (header !== undefined && header.documents.length <= limits.maxNamedClients) yield* header.documents
  }
}
