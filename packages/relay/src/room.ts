import { decodeHeader, epochAt, ProtocolError, recordChecksum } from '@syncline/protocol'
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
import { createArbitration } from './arbitration.ts'
import type { Arrival } from './arrival.ts'
import { basisFlaw, type Joined } from './basis-flaw.ts'
import type { Committer, Part } from './committer.ts'
import { createDelivery, type Author } from './delivery.ts'
import { Documents } from './documents.ts'
import { reasonOf, RelayError } from './errors.ts'
import { createJoining, flawInJoin, isPiece, joinedAt, joinedTo, reachOf, type Join } from './joining.ts'
import { judge, type Refused } from './judge.ts'
import type { RelayLimits } from './limits.ts'
import type { Newcomers } from './newcomers.ts'
import type { Clock, LogStorage, RelayLog, SpaceState, WriterState } from './ports.ts'
import { Presence } from './presence.ts'
import type { Subscription } from './subscription.ts'
import type { Rolls } from './rolls.ts'
import { createTurns } from './turns.ts'
import { Writers } from './writers.ts'

/** One space in memory: there while somebody follows it or something of it is on its way to the disk. */
export interface Room {
  readonly space: string
  /** Where its log ends, as everybody is told; undefined until that was read. */
  readonly head: Head | undefined
  /** Whether anybody shows anything of themselves. */
  readonly isShown: boolean
  /** Takes in who stands in the log already, and tells what comes after. */
  enter(subscription: Subscription): void
  /** Answers with the basis and starts the stream after what the client has, after all that came in before. */
  open(subscription: Subscription, basis: Basis): void
  /** Orders and stores what a client sent. `release` is called when nothing more of it has to be kept for that. */
  receive(subscription: Subscription, arrivals: readonly Arrival[], release: () => void): void
  /** Calls off a Change: it is in the log, or never will be. `release` as above. */
  abort(subscription: Subscription, change: Author, release: () => void): void
  present(subscription: Subscription, slot: number, payload: Uint8Array): void
  /** Adopts what waits for that. Resolves when that is durable. Rejects with `RelayError` `nothing-waits`, `storage-failed` and `closed`. */
  adopt(options: AdoptOptions): Promise<Adopted>
  /** Somebody who came new was told so many bytes of the log, behind a checkpoint or without one. */
  told(bytes: number): void
  /** The client follows no longer. What it sent before still counts. */
  leave(subscription: Subscription): void
  /** Nothing has happened here for long: goes, if all who follow it are counted by a roll again. */
  rest(): void
  /** Resolves when everything that came in was dealt with and stored. */
  quiet(): Promise<void>
}

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
  readonly committer: Committer
  readonly newcomers: Newcomers
  readonly rolls: Pick<Rolls, 'claim' | 'move'>
  refuse(header: ChangeHeader, context: RefuseContext): { readonly code: string; readonly message: string } | undefined
  /** The id of somebody new. */
  drawId(): WriterId
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

const UNADOPTED = 'What the relay had decided was brought back, and waits for the operator: see adopt.'

const LATE =
  'More of what the relay had decided was brought back, after it was said what counts of that. It does not count, unless somebody says so: see adopt.'

/** When nobody new was told it, so many times more of a log is worth a checkpoint: it costs a thread of the relay as much as some clients. */
const UNASKED_TIMES = 4

/** Makes the room of a space, in which `epoch` is what this run of the relay writes under. */
export function createRoom(space: string, epoch: Epoch, host: RoomHost): Room {
  const { storage, clock, limits, log, committer, newcomers, rolls } = host
  const subscriptions = new Set<Subscription>()
  const presence = new Presence(subscriptions, host)
  const writers = new Writers()
  const documents = new Documents()
  const arbitration = createArbitration(limits)
  const inbox: Item[] = []
  /** Those who stand in the log, until it was read. */
  const entering: Subscription[] = []
  /** What waits until it is not the turn of another any more. */
  const held: Arrivals[] = []
  const turns = createTurns(clock, () => {
    inbox.unshift(...held.splice(0))
    drain()
  })
  let isLoaded = false
  /** Of the log up to its end, stored already or not. */
  const stretches: Stretch[] = []
  /** What Changes are judged by: up to the last relaySeq that was given; `followed` has the last that may be told. */
  const court = {
    stretches,
    head: 0,
    latestAt: 0,
    joined: undefined as Joined | undefined,
    adoptedAt: 0,
    /** Of which epochs nothing waits to be adopted any more. */
    adopted: [] as readonly Covered[],
    writers,
    documents,
    clock,
    limits,
    refuse: (header: ChangeHeader, principal: string) => host.refuse(header, { space, principal }),
    arbitrate: arbitration.flawIn,
  }
  const followed = { space, durableHead: 0, stretches, joined: undefined as Joined | undefined }
  const joining = createJoining(clock, limits, () => court)
  let gathering: RoomPart | undefined
  let storing: RoomPart | undefined
  let isDraining = false
  let isGone = false
  /** How much of the log is known to be behind its checkpoint, and how much is worth a new one when somebody new was told it. */
  let tailBytes = 0
  let worthBytes = limits.leastTailBytes
  /** What is being adopted, and not stored yet. */
  const adopting = new Set<Adopting>()
  /** Those who wait until it is quiet. */
  const waiting: (() => void)[] = []

  async function load(): Promise<void> {
    try {
      const found = (await storage.space(space)) ?? { stretches: [], head: 0, latestAt: 0 }
      court.joined = followed.joined = await joinIn(found)
      court.adopted = await adoptedIn(found)
      settle(found)
    } catch (error) {
      collapse(error)
      host.flush()
    }
  }

  /** What was joined to a log last, which its last piece says. */
  async function joinIn(found: SpaceState): Promise<Joined | undefined> {
    const { joinedAt: last = 0 } = found
    return last === 0 ? undefined : joinedAt(found, last, await headerAt(last))
  }

  /** What was adopted, which the last adoption says. */
  async function adoptedIn({ adoptedAt = 0 }: SpaceState): Promise<readonly Covered[]> {
    return adoptedAt === 0 ? [] : ((await headerAt(adoptedAt)).adoption?.covers ?? [])
  }

  async function headerAt(relaySeq: number): Promise<ChangeHeader> {
    const [record] = await storage.read(space, relaySeq - 1, relaySeq, limits.maxFrameBytes)
    if (record === undefined) throw new RelayError('damaged', `There is no Change at ${relaySeq}.`, { relaySeq })
    return decodeHeader(record)
  }

  function settle(found: SpaceState): void {
    isLoaded = true
    stretches.push(...found.stretches)
    court.head = followed.durableHead = found.head
    court.latestAt = found.latestAt
    court.adoptedAt = found.adoptedAt ?? 0
    if (isWaiting()) log.warn({ space }, UNADOPTED)
    for (const subscription of entering.splice(0)) admit(subscription, false, false)
    drain()
  }

  /** Deals with the inbox, in order. It waits only when something has to be read that is not in memory. */
  function drain(): void {
    if (isDraining || !isLoaded || isGone) return
    isDraining = true
    while (inbox.length > 0 && !isGone) {
      const item = inbox[0]!
      try {
        const reading = readFor(item)
        if (reading !== undefined) {
          committer.kick()
          void reading.then(goOn, (error: unknown) => {
            if (isGone) return
            log.error({ space, err: error }, 'What a Change is decided by cannot be read.')
            if (item.kind === 'adopt') refuseToAdopt(error)
            else unanswered(item.subscription, error)
            goOn()
          })
          return
        }
        inbox.shift()
        dealWith(item)
      } catch (error) {
        giveUp(item, error)
      }
    }
    isDraining = false
    writers.trim()
    documents.trim()
    committer.kick()
    host.flush()
    unloadIfIdle()
  }

  function dealWith(item: Item): void {
    if (item.kind === 'open') welcome(item)
    else if (item.kind === 'join') join(item)
    else if (item.kind === 'abort') callOff(item)
    else if (item.kind === 'adopt') adopt(item)
    else order(item)
  }

  /** A defect of the relay: half of what an item is about may be done, so the room is read anew. Who has sent it is not asked to send it again. */
  function giveUp(item: Item, error: unknown): void {
    if (item.kind === 'adopt') item.reject(noAnswer(error))
    else {
      item.subscription.fail(
        'malformed',
        'The relay could not deal with what you sent. Nothing of yours is lost. Tell its operator.',
      )
    }
    collapse(error)
  }

  function goOn(): void {
    isDraining = false
    drain()
  }

  /** Reads what has to be known for an item; undefined when all of it is. */
  function readFor(item: Item): Promise<void> | undefined {
    if (item.kind === 'adopt') return item.found === undefined ? findOut(item) : undefined
    // Most Changes come from who has written before, and name nobody else.
    if (item.subscription.isDropped || (item.kind === 'arrivals' && item.arrivals.every(isFamiliar))) return undefined
    const unknown = writers.unknown(namedBy(item, limits))
    if (unknown.length > 0) return storage.writers(space, unknown).then((found) => writers.learn(unknown, found))
    const strange = documents.unknown(clientsIn(item, limits))
    if (strange.length > 0) return storage.documents(space, strange).then((found) => documents.learn(strange, found))
    return hasEnvelope(item) && arbitration.lastSeq < court.head ? study() : undefined
  }

  function isFamiliar({ writer, header }: Arrival): boolean {
    return (
      writers.has(writer) &&
      header !== undefined &&
      header.deps.writers.size === 0 &&
      header.documents.length === 0 &&
      header.expectations === undefined
    )
  }

  function unanswered(subscription: Subscription, error: unknown): void {
    subscription.sendAway(
      'storage-failed',
      `The relay's storage does not answer: ${String(error)} Nothing is lost; come back.`,
    )
  }

  /** Whether something in it is to be judged by the contents of `relay` refs. What is known already is not judged again. */
  function hasEnvelope(item: Item): boolean {
    if (item.kind === 'join') return item.join.pieces.at(-1)!.header.join.decided !== undefined
    if (item.kind !== 'arrivals') return false
    return item.arrivals.some(
      ({ writer, seq, header }) => header?.expectations !== undefined && writers.get(writer).lastSeq < seq,
    )
  }

  /** Reads what the log says of `relay` refs, up to its end. */
  function study(): Promise<void> {
    return readOn(arbitration.lastSeq, Infinity, (record) => arbitration.fold(record))
  }

  /** Reads the log behind a relaySeq, up to another one or its end: from the storage, and what is on its way there from memory. */
  async function readOn(
    after: number,
    upTo: number,
    take: (record: Uint8Array, relaySeq: number) => void,
  ): Promise<void> {
    let last = after
    const takeNext = (record: Uint8Array): void => {
      last += 1
      if (last <= upTo) take(record, last)
    }
    while (last < Math.min(upTo, followed.durableHead) && !isGone) {
      const records = await storage.read(space, last, Math.min(upTo, followed.durableHead), limits.maxFrameBytes)
      if (records.length === 0) throw new RelayError('damaged', `There is no Change at ${last + 1}.`)
      for (const stored of records) takeNext(stored)
    }
    for (const part of [storing, gathering]) {
      for (const record of part?.records.slice(Math.max(0, last + 1 - part.first)) ?? []) takeNext(record)
    }
  }

  function isWaiting(): boolean {
    return hasToBeAdopted(court.joined, court.adopted)
  }

  /** Finds out what `relay` refs are to hold when something is adopted. */
  async function findOut(item: Adopting): Promise<void> {
    item.found = await whatToAdopt(item.options, { ...court, space, arbitration, study, readOn })
  }

  function adopt(item: Adopting): void {
    const { found } = item
    if (found === undefined || found instanceof RelayError) return item.reject(found ?? noAnswer(undefined))
    const { cells, takenBack } = found
    const relaySeq = appendAdoption(found)
    if (relaySeq === undefined) {
      const wayOut =
        found.taken === 'log'
          ? 'Restore a backup of before the loss'
          : 'Adopt what this log has: "log"; or restore a backup of before the loss'
      return item.reject(noAnswer(`it takes more bytes than one record may have. ${wayOut}.`))
    }
    adopting.add(item)
    log.warn(
      { space, relaySeq, taken: found.taken, refs: cells.length, takenBack: takenBack.length },
      'What relay refs hold was adopted.',
    )
    gather().afterwards.push(() => {
      adopting.delete(item)
      item.resolve({ relaySeq, refs: cells.length, takenBack })
    })
  }

  /** Puts an adoption behind what the log has. Returns its place there; undefined, and nothing has happened, where it would be longer than a record may be. */
  function appendAdoption({ cells, shift, taken, covers }: ToBeAdopted): number | undefined {
    const writer = host.drawId()
    let adopted: Uint8Array
    try {
      adopted = adoptionOf(cells, { shift, taken, covers }, writer, court.latestAt)
    } catch (error) {
      if (error instanceof ProtocolError && error.code === 'too-large') return undefined
      throw error
    }
    writers.learn([writer], new Map())
    append({ writer, seq: 1 }, adopted, decodeHeader(adopted))
    gather().adoptedAt = court.adoptedAt = court.head
    court.adopted = covers
    return court.head
  }

  /** What was to be adopted is not, as something cannot be read. */
  function refuseToAdopt(error: unknown): void {
    const item = inbox.shift()
    if (item?.kind === 'adopt') item.reject(noAnswer(error))
  }

  function noAnswer(error: unknown): RelayError {
    const message = `What waits to be adopted in "${space}" cannot be read or stored: ${String(error)} Look what there is: it was adopted as a whole or not at all.`
    return new RelayError('storage-failed', message, { cause: error })
  }

  function welcome({ subscription, basis }: Item & { kind: 'open' }): void {
    if (subscription.isLeft) return
    const { channel, outbox } = subscription
    const log = { stretches, head: followed.durableHead }
    const isApart = basisFlaw(basis, log) !== undefined
    const flaw = basisFlaw(basis, { ...log, joined: followed.joined })
    if (flaw !== undefined) {
      if (subscription.knowsJoins) return joining.wait(subscription, basis)
      const message = `You have this space up to relaySeq ${basis.relaySeq}, in epoch ${basis.epoch}, ${flaw}: the relay lost its data or came back from a backup. Nothing of yours is lost. Reload to get an app that can bring back what you have.`
      return subscription.fail('epoch-changed', message)
    }
    // Who has waited knows, and others learn it before anything else.
    if (isApart)
      outbox.say({
        type: 'apart',
        channel,
        relaySeq: reachOf(basis, { ...log, joined: followed.joined }),
        isTurn: false,
      })
    const known = new Map<WriterId, number>()
    for (const writer of basis.writers.keys()) known.set(writer, writers.durableSeq(writer))
    outbox.say({ type: 'basis', channel, head: followed.durableHead, writers: known })
    // What the log has of the client's own is acknowledged, Change by Change.
    // A checkpoint knows nothing of what was joined.
    const takesCheckpoint = subscription.isNew && followed.joined === undefined
    admit(subscription, isApart, takesCheckpoint && [...known.values()].every((seq) => seq === 0))
  }

  function admit(subscription: Subscription, isApart: boolean, takesCheckpoint: boolean): void {
    if (subscription.isLeft) return
    // Before it is there, so that nobody is shown it twice.
    if (subscription.presence !== undefined) summon()
    subscriptions.add(subscription)
    presence.introduce(subscription)
    subscription.start(followed, isApart, takesCheckpoint)
  }

  /** Those who follow this space among others: there is something to be told. */
  function summon(): void {
    for (const subscription of rolls.claim(space)) admit(subscription, false, false)
  }

  /** Takes what a client has of a log that was lost into this one, and everybody who waits for it with that. */
  function join({ subscription, join: whole }: Item & { kind: 'join' }): void {
    // What it has may have come by another one meanwhile; or what it is to be judged by could not be read.
    if (subscription.isDropped || basisFlaw(whole.basis, court) === undefined) return judgeAnew()
    const { pieces, basis } = whole
    const { header: last } = pieces.at(-1)!
    const brought = broughtBy(whole)
    if (typeof brought === 'string') {
      const message = `What you have of this space cannot be brought back: ${brought}. Nothing of yours is lost. Reload to get the newer app.`
      subscription.fail('malformed', message)
      return judgeAnew()
    }
    const found = joinedTo(court, whole)
    let refused
    try {
      refused = host.refuse(last, { space, principal: subscription.principal })
    } catch (error) {
      log.error({ space, err: error }, 'The rule of the operator failed on what somebody brings back.')
      subscription.sendAway(
        'too-busy',
        'The relay could not decide about what you have. Nothing is lost; come back later.',
      )
      return judgeAnew()
    }
    if (found === undefined || refused !== undefined) {
      const message =
        refused?.message ??
        `You have this space up to relaySeq ${basis.relaySeq}, in epoch ${basis.epoch}, and not what others have brought back since of other logs that were lost. Nothing of yours is lost. Keep it, and ask the relay's operator to bring back the newer data.`
      subscription.fail(refused === undefined ? 'epoch-changed' : 'forbidden', message)
      return judgeAnew()
    }
    const part = gather()
    for (const { writer, seq, record, header } of pieces) {
      append({ writer, seq }, record, header)
      for (const [other, upTo] of header.deps.writers) if (writers.raise(other, upTo)) part.touched.add(other)
      for (const [client, owner] of header.inherited) documents.bind(client, owner)
    }
    court.joined = part.joined = found
    const { principal, session } = subscription
    log.warn(
      { space, session, principal, epoch: basis.epoch, relaySeq: basis.relaySeq, pieces: pieces.length },
      'A client has brought back what the relay had lost.',
    )
    if (brought !== undefined) lookAt(found, brought)
  }

  /** What a join has of `relay` refs, if it has that; a text says why it cannot be taken. */
  function broughtBy(whole: Join): ReturnType<typeof broughtFrom> | string | undefined {
    const { pieces } = whole
    const flaw = flawInJoin(whole, writers)
    if (flaw !== undefined || pieces.at(-1)!.header.join.decided === undefined) return flaw
    try {
      return broughtFrom(
        pieces.map(({ record }) => record),
        limits,
      )
    } catch (error) {
      return `what it says of relay refs makes no sense (${reasonOf(error)})`
    }
  }

  /** What was brought back of `relay` refs waits for the operator, but where the log has the same: then nothing of it was lost. */
  function lookAt(joined: Joined, brought: ReturnType<typeof broughtFrom>): void {
    const cells = arbitration.cells()
    if (isSame(brought, cells)) {
      const covers = coversOf('same', joined, court.adopted)
      const shift = Math.max(arbitration.shift, brought.shift)
      if (appendAdoption({ cells, shift, taken: 'same', covers, takenBack: [] }) !== undefined) return
    }
    log.warn({ space }, isWaiting() ? UNADOPTED : LATE)
  }

  /** Those who wait to join may find in the log what they have. */
  function judgeAnew(): void {
    for (const [subscription, basis] of joining.over()) inbox.push({ kind: 'open', subscription, basis })
  }

  function order({ subscription, arrivals, release }: Arrivals): void {
    let rest: Arrival[] | undefined
    for (const arrival of arrivals) {
      if (subscription.isDropped) break
      // It was late, and what it has has come by another one.
      if (isPiece(arrival)) continue
      if (isHeld(subscription, arrival)) (rest ??= []).push(arrival)
      else consider(subscription, arrival)
    }
    if (rest === undefined) releaseLater(release)
    else held.push({ kind: 'arrivals', subscription, arrivals: rest, release })
  }

  function isHeld(subscription: Subscription, { header }: Arrival): boolean {
    return header?.expectations !== undefined && turns.isHeld(subscription, header)
  }

  function callOff({ subscription, change, release }: Item & { kind: 'abort' }): void {
    if (!subscription.isDropped) decideAbort(subscription, change)
    releaseLater(release)
  }

  function decideAbort(subscription: Subscription, change: Author): void {
    const { writer, seq } = change
    const { lastSeq, ended } = writers.get(writer)
    // What is in the log, the stream tells; what this client was told already covers this.
    if (seq <= lastSeq || (subscription.told?.get(writer) ?? Infinity) <= seq) return
    const isOver = ended !== null && ended.seq <= seq
    turnDown(subscription, change, {
      code: isOver ? ended.code : 'aborted',
      message: isOver ? ended.message : 'It was called off before it came, because the tab that sent it is gone.',
      endsAt: isOver ? undefined : seq,
    })
  }

  /** Lets the client be read from again when everything up to here is stored. */
  function releaseLater(release: () => void): void {
    const part = gathering ?? storing
    if (part === undefined) release()
    else part.releases.push(release)
  }

  function consider(subscription: Subscription, arrival: Arrival): void {
    const { writer, seq, record, header } = arrival
    // The refusal that this client was sent covers this Change too.
    if ((subscription.told?.get(writer) ?? Infinity) <= seq) return
    // Its client sends it again when something was adopted.
    if (header?.expectations !== undefined && isWaiting() && isUndecided(writer, seq)) return
    let judgement
    try {
      judgement = judge(arrival, subscription.principal, court)
    } catch (error) {
      log.error({ space, writer, seq, err: error }, 'The rule of the operator failed on a Change.')
      return subscription.sendAway(
        'too-busy',
        'The relay could not decide about a Change. Nothing is lost; come back later.',
      )
    }
    if (header?.expectations !== undefined) {
      const hasLost = typeof judgement === 'object' && judgement.code === 'conflict'
      if (hasLost || judgement === 'append') turns.judged(subscription, header, hasLost)
    }
    if (typeof judgement === 'object') return turnDown(subscription, arrival, judgement)
    const own = (subscription.own ??= new Map())
    if (seq > (own.get(writer) ?? 0)) own.set(writer, seq)
    if (judgement === 'duplicate') return
    append(arrival, record, header)
    for (const client of header?.documents ?? []) documents.bind(client, header!.inherited.get(client) ?? writer)
  }

  function isUndecided(writer: WriterId, seq: number): boolean {
    const { lastSeq, ended } = writers.get(writer)
    return seq > lastSeq && (ended === null || seq < ended.seq)
  }

  /** Puts a record behind what the log has. */
  function append(author: Author, record: Uint8Array, header: ChangeHeader | undefined): void {
    const part = gather()
    // Nobody hears of an epoch before something stands in it that is durable: one that was heard of can never be another's.
    if (epochAt(stretches, court.head) !== epoch) stretches.push({ epoch, first: court.head + 1 })
    part.records.push(record)
    part.authors.push(author)
    part.touched.add(author.writer)
    writers.append(author.writer, author.seq, recordChecksum(record))
    // Of a space in which nobody has used a relay ref, nothing has to be known.
    if (arbitration.lastSeq === court.head) arbitration.fold(record, header)
    court.head += 1
    // What has no header that can be read is not appended.
    court.latestAt = Math.max(court.latestAt, header?.at ?? 0)
  }

  function turnDown(subscription: Subscription, { writer, seq }: Author, { code, message, endsAt }: Refused): void {
    const { ended } = writers.get(writer)
    if (endsAt !== undefined && (ended === null || endsAt < ended.seq)) {
      writers.end(writer, { seq: endsAt, code, message })
      gather().touched.add(writer)
    }
    ;(subscription.told ??= new Map()).set(writer, seq)
    log.info({ space, writer, seq, code, session: subscription.session }, 'A Change is refused.')
    const { channel, outbox } = subscription
    // After a restart it must be refused again, so the client hears of it when that is certain.
    const tell = (): void => outbox.say({ type: 'refusal', channel, writer, seq, code, message })
    const part = gathering ?? storing
    if (part === undefined) tell()
    else part.afterwards.push(() => subscription.isLeft || tell())
  }

  /** The room's part of the batch that gathers. */
  function gather(): RoomPart {
    if (gathering !== undefined) return gathering
    let states: ReadonlyMap<WriterId, WriterState> = new Map()
    const follows = epochAt(stretches, court.head)
    const part: RoomPart = {
      space,
      first: court.head + 1,
      records: [],
      authors: [],
      touched: new Set(),
      afterwards: [],
      releases: [],
      joined: undefined,
      adoptedAt: undefined,
      build() {
        gathering = undefined
        storing = part
        states = writers.toStore(part.touched)
        const { first, records } = part
        const documentsNow = documents.toStore()
        const { latestAt } = court
        const marks = { joinedAt: part.joined?.last, adoptedAt: part.adoptedAt }
        return { space, epoch, follows, first, records, latestAt, ...marks, writers: states, documents: documentsNow }
      },
      onDurable() {
        storing = undefined
        writers.stored(states)
        documents.stored()
        if (part.records.length > 0) {
          summon()
          followed.durableHead += part.records.length
          rolls.move(space, headNow())
        }
        if (part.joined !== undefined) {
          followed.joined = part.joined
          for (const subscription of subscriptions) subscription.join()
          judgeAnew()
          queueMicrotask(drain)
        } else if (part.records.length > 0) {
          const delivery = createDelivery(part.first, part.records, limits.maxFrameBytes, part.authors)
          // Others wait to see it, and who wrote it does not; and those who are told the same directly after one another are sent the same bytes.
          for (const isOwn of [false, true]) {
            for (const subscription of subscriptions) {
              if (delivery.isPartOwn(subscription.own) === isOwn) subscription.deliver(delivery)
            }
          }
        }
        tailBytes += part.records.reduce((sum, { length }) => sum + length, 0)
        // Nobody new may ever come.
        if (tailBytes >= UNASKED_TIMES * worthBytes) renew()
        for (const then of part.afterwards) then()
        for (const release of part.releases) release()
        unloadIfIdle()
      },
      onFailed: collapse,
    }
    committer.stage(part)
    gathering = part
    return part
  }

  /** Asks for a new checkpoint of the log. */
  function renew(): void {
    // Who makes them knows nothing of what was joined to a log.
    if (court.joined !== undefined) return
    const bytes = tailBytes
    worthBytes = Infinity
    void newcomers.renew(followed, bytes).then(({ isMade, nextBytes }) => {
      worthBytes = nextBytes
      if (isMade) tailBytes -= bytes
    })
  }

  /** The storage is not as this room believes. Everybody is sent away and asks again when the room is read anew. */
  function collapse(error: unknown): void {
    if (isGone) return
    isGone = true
    log.error(
      { space, err: error },
      'A space could not be stored or read. Its clients are sent away and will send again.',
    )
    if (gathering !== undefined) committer.withdraw(gathering)
    for (const item of [...adopting, ...inbox]) if (item.kind === 'adopt') item.reject(noAnswer(error))
    adopting.clear()
    const asked = inbox.flatMap(({ subscription }) => subscription ?? [])
    const apart = joining.over().map(([subscription]) => subscription)
    const everybody = new Set([...subscriptions, ...entering, ...apart, ...asked, ...rolls.claim(space)])
    rolls.move(space, undefined)
    host.ruin(room)
    for (const subscription of everybody) {
      subscription.sendAway(
        'storage-failed',
        'The relay could not store or read this space. Nothing of yours is lost; come back.',
      )
    }
    inbox.length = held.length = entering.length = 0
    turns.end()
    subscriptions.clear()
    unloadIfIdle()
  }

  function isQuiet(): boolean {
    if (isGone) return true
    return isLoaded && inbox.length + held.length === 0 && !isDraining && !gathering && !storing
  }

  function unloadIfIdle(): void {
    if (!isQuiet()) return
    if (waiting.length > 0) for (const resolve of waiting.splice(0)) resolve()
    if (isGone || subscriptions.size + joining.size > 0) return
    isGone = true
    host.forget(room)
  }

  function headNow(): Head {
    const { durableHead: relaySeq } = followed
    return { epoch: epochAt(stretches, relaySeq), relaySeq }
  }

  const room: Room = {
    space,
    get head() {
      return isLoaded ? headNow() : undefined
    },
    get isShown() {
      return presence.isShown
    },
    enter(subscription) {
      if (isLoaded) admit(subscription, false, false)
      else entering.push(subscription)
    },
    open(subscription, basis) {
      inbox.push({ kind: 'open', subscription, basis })
      drain()
    },
    receive(subscription, arrivals, release) {
      if (joining.has(subscription)) {
        release()
        const whole = joining.take(subscription, arrivals)
        if (whole !== undefined) inbox.push({ kind: 'join', subscription, join: whole })
      } else inbox.push({ kind: 'arrivals', subscription, arrivals, release })
      drain()
    },
    abort(subscription, change, release) {
      inbox.push({ kind: 'abort', subscription, change, release })
      drain()
    },
    adopt: (options) =>
      new Promise((resolve, reject) => {
        inbox.push({ kind: 'adopt', options, found: undefined, resolve, reject })
        drain()
      }),
    present(subscription, slot, payload) {
      if (subscriptions.has(subscription)) summon()
      presence.show(subscription, slot, payload)
    },
    told(bytes) {
      tailBytes = Math.max(tailBytes, bytes)
      if (tailBytes >= worthBytes && !isGone) renew()
    },
    leave(subscription) {
      subscription.isLeft = true
      turns.leave(subscription)
      joining.leave(subscription)
      if (subscriptions.delete(subscription)) presence.remove(subscription)
      unloadIfIdle()
    },
    rest() {
      if (!isQuiet() || isGone || presence.isShown) return
      // Not by halves: as long as one stays, the room does.
      for (const subscription of subscriptions) if (!subscription.isResting(followed)) return
      for (const subscription of subscriptions) if (subscription.giveBack()) subscriptions.delete(subscription)
      unloadIfIdle()
    },
    quiet: () =>
      new Promise((resolve) => {
        waiting.push(resolve)
        turns.end()
        unloadIfIdle()
      }),
  }

  void load()
  return room
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
