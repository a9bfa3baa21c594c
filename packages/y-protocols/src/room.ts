import { decodeChange } from '@syncline/protocol'
import type { ChangeHeader } from '@syncline/protocol'
import type { Relay, RelayLog } from '@syncline/relay'
import type { DistilledCell, Op, Value } from '@syncline/stm'
import { openDocument, type RelayDocument } from '@syncline/yjs/codec'
import type { Client, ClientEvents } from './client.ts'
import type { YLimits } from './limits.ts'
import { openLink, type Link, type LinkEnd } from './link.ts'
import { createNaming, type Naming } from './naming.ts'
import { Parked } from './parked.ts'
import type { Place, Roots } from './places.ts'
import { Presence } from './presence.ts'
import { answerWord, askWord, updateWord, wordsIn } from './words.ts'

/** What a room needs of what is around it. */
export interface RoomHost {
  readonly relay: Relay
  readonly limits: YLimits
  readonly log: RelayLog
  /** Nobody is here any more, or it has to be opened anew. */
  forget(room: Room): void
}

/** An update that a client has sent, on its way to the disk. */
interface Pending {
  readonly by: Client
  readonly seq: number
  /** What the document has got by it. */
  readonly updates: readonly Uint8Array[]
  /** What is to be done when it is there. */
  readonly afterwards: (() => void)[]
}

/** How one principal writes here. */
interface Pen {
  readonly link: Link
  /** Whether the relay has let it in. */
  isOpen: boolean
  readonly pending: Pending[]
  isReading: boolean
}

/** A link is told so often that somebody is here: relays end those that are silent for 45 s. */
const PING_MS = 15_000
/** How often a client that takes what it is sent slowly is looked at. */
const DRAIN_MS = 50

/** One ref that other people's clients have open: its document, and them. */
export class Room implements ClientEvents {
  readonly #place: Place
  readonly #host: RoomHost
  readonly #clients = new Set<Client>()
  /** Those who are told nothing yet, because the document is not read, or nobody has said that they may read it. */
  readonly #waiting = new Set<Client>()
  readonly #presence: Presence
  readonly #parked: Parked<Client>
  /** By principal. The first one is also the one by which the log is read. */
  readonly #pens = new Map<string | undefined, Pen>()
  readonly #first: Link
  /** The operations of the ref, until all that there were have been read. */
  #read: Value[] | undefined = []
  /** What stands for operations before them. */
  readonly #distilled: Value[] = []
  #document: RelayDocument | undefined
  #naming: Naming
  #latestAt = 0
  readonly #asked = new Map<Client, Uint8Array>()
  #draining: NodeJS.Timeout | undefined
  #isGone = false
  #idle: NodeJS.Timeout | undefined
  readonly #beating: NodeJS.Timeout
  #pingedAtMs = Date.now()

  constructor(place: Place, principal: string | undefined, host: RoomHost) {
    this.#place = place
    this.#host = host
    const { limits } = host
    this.#presence = new Presence(this.#clients, limits)
    this.#parked = new Parked(limits.maxParkedBytes)
    this.#naming = createNaming(place.ref.tag, place.ref.roots)
    this.#first = this.#penOf(principal).link
    const beatMs = Math.min(limits.quietMs, limits.answerTimeoutMs, limits.presenceTimeoutMs) / 4
    this.#beating = setInterval(() => this.#beat(), beatMs).unref()
  }

  get size(): number {
    return this.#clients.size + this.#waiting.size
  }

  /** Takes in a client. */
  join(client: Client): void {
    clearTimeout(this.#idle)
    this.#waiting.add(client)
    client.setReading(false)
    if (this.#penOf(client.principal).isOpen) this.#admit(client.principal)
  }

  /** The clients of a principal who may read, as soon as there is something to read. */
  #admit(principal: string | undefined): void {
    const document = this.#document
    const pen = this.#pens.get(principal)
    if (document === undefined || pen === undefined) return
    for (const client of this.#waiting) {
      if (client.principal !== principal) continue
      this.#waiting.delete(client)
      this.#clients.add(client)
      client.setReading(pen.isReading)
      client.send(askWord(document.stateVector()))
      const { all } = this.#presence
      if (all.length > 0) client.say(all)
    }
  }

  onFrame(client: Client, frame: Uint8Array): void {
    if (this.#isGone || this.#document === undefined || !this.#clients.has(client)) return
    let asked: Uint8Array | undefined
    let asksWho = false
    try {
      for (const word of wordsIn(frame)) {
        if (client.isEnded) return
        // Of what a frame asks several times, the last counts.
        if (word.kind === 'ask') asked = word.stateVector
        else if (word.kind === 'whoIsThere') asksWho = true
        else if (word.kind === 'presence') this.#presence.show(client, word.shown, Date.now())
        else this.#hear(client, word.update)
      }
      if (asked !== undefined) this.#answer(client, asked)
    } catch (error) {
      return client.close(1007, reasonOf(error))
    }
    if (asksWho && !client.isFull) client.say(this.#presence.all)
  }

  #hear(client: Client, update: Uint8Array): void {
    let said: Uint8Array
    try {
      said = this.#naming.inward(update)
    } catch (error) {
      // It would be the same if it came again.
      return client.close(4400, reasonOf(error))
    }
    this.#receive(client, said)
  }

  onEnd(client: Client): void {
    if (!this.#clients.delete(client) && !this.#waiting.delete(client)) return
    this.#asked.delete(client)
    this.#parked.forget(client)
    this.#presence.leave(client)
    if (this.#isGone) return
    this.#dropPen(client.principal)
    if (this.size > 0) return
    this.#idle = setTimeout(() => this.close(1001, ''), this.#host.limits.idleMs).unref()
  }

  /** Ends it for all who are here. */
  close(code: number, reason: string): void {
    if (this.#isGone) return
    this.#isGone = true
    clearTimeout(this.#idle)
    clearInterval(this.#beating)
    clearTimeout(this.#draining)
    this.#host.forget(this)
    for (const { link } of this.#pens.values()) link.close()
    for (const client of [...this.#clients, ...this.#waiting]) client.close(code, reason)
    this.#document?.close()
  }

  #penOf(principal: string | undefined): Pen {
    const known = this.#pens.get(principal)
    if (known !== undefined) return known
    const { relay } = this.#host
    const isFirst = this.#pens.size === 0
    const from = isFirst ? { epoch: null, relaySeq: 0 } : this.#first.standing
    const pending: Pending[] = []
    // Names that were learned stand in Changes, and not in what was made of them.
    const isNewcomer = isFirst && this.#place.ref.roots !== undefined
    const link = openLink(relay, this.#place.space, principal, from, isNewcomer, {
      onCells: (cells) => isFirst && this.#start(cells),
      onCaughtUp: () => {
        pen.isOpen = true
        if (isFirst) this.#open()
        else this.#admit(principal)
      },
      onChange: (header, record) => isFirst && this.#follow(header, record),
      onStored: (seq) => {
        while (pending.length > 0 && pending[0]!.seq <= seq) this.#tellStored(pending.shift()!)
        if (!this.#isGone) this.#dropPen(principal)
      },
      onRefused: (seq, code, message) => this.#refused(pending.find((one) => one.seq === seq)?.by, code, message),
      onReading: (isReading) => {
        pen.isReading = isReading
        for (const client of this.#clients) if (client.principal === principal) client.setReading(isReading)
      },
      onEnd: (end) => this.#ended(principal, isFirst, end),
    })
    const pen: Pen = { link, pending, isOpen: false, isReading: true }
    this.#pens.set(principal, pen)
    return pen
  }

  /** Who has gone writes no more. The first link stays, by which the log is read. */
  #dropPen(principal: string | undefined): void {
    const pen = this.#pens.get(principal)
    if (pen === undefined || pen.link === this.#first || pen.pending.length > 0) return
    for (const client of [...this.#clients, ...this.#waiting]) if (client.principal === principal) return
    this.#pens.delete(principal)
    pen.link.close()
  }

  /** All that there was has been read. */
  #open(): void {
    if (this.#isGone) return
    this.#document = openDocument(this.#place.ref.tag, this.#read!, this.#distilled.splice(0))
    this.#read = undefined
    for (const [principal, { isOpen }] of this.#pens) if (isOpen) this.#admit(principal)
  }

  #start(cells: readonly DistilledCell[]): void {
    for (const { ops, ...ref } of cells)
      if (this.#isHere(ref)) this.#distilled.push(...ops.map(({ payload }) => payload))
  }

  #isHere({ tag, address, arbiter }: Pick<Op, 'tag' | 'address' | 'arbiter'>): boolean {
    const { ref } = this.#place
    return tag === ref.tag && address === ref.address && arbiter === 'local'
  }

  /** A Change that others have written. */
  #follow(header: ChangeHeader, record: Uint8Array): void {
    if (this.#isGone) return
    this.#latestAt = Math.max(this.#latestAt, header.at)
    if (!header.touched.some((ref) => this.#isHere(ref))) return
    if ([...this.#pens.values()].some(({ link }) => link.writer === header.writer)) return
    const { ops, meta } = decodeChange(record)
    this.#learn(meta)
    for (const op of ops) {
      if (!this.#isHere(op)) continue
      if (this.#read !== undefined) this.#read.push(op.payload)
      else this.#take(op.payload)
      if (this.#isGone) return
    }
  }

  #take(payload: Value): void {
    const updates = this.#document!.take(payload)
    // Clients that come back are told what the new life has.
    if (updates === undefined) return this.close(1012, 'The document has begun anew. Come back.')
    this.#tell(updates)
    this.#takeParked()
  }

  /** What the roots are called by those who have written, where the operator does not say. */
  #learn(meta: Value): void {
    const { tag, roots } = this.#place.ref
    const learned = roots === undefined && this.#naming.learned === undefined ? rootsIn(meta) : undefined
    if (learned !== undefined) this.#naming = createNaming(tag, learned)
  }

  /** An update of a client, in the names that the roots have here. */
  #receive(client: Client, update: Uint8Array): void {
    const { news, waiting, unfit } = this.#document!.look(update)
    if (unfit !== undefined) return client.close(4400, `The ${this.#place.ref.tag} cannot hold this: ${unfit}.`)
    if (news !== undefined) {
      const updates = this.#document!.take(news) ?? []
      try {
        this.#author(client, news, updates.length === 0 ? [news] : updates)
      } catch (error) {
        return this.#refused(client, 'too-large', reasonOf(error))
      }
    }
    if (waiting !== undefined) {
      if (!this.#parked.add(client, waiting.update, waiting.missing)) {
        const reason =
          'What you send builds on something that has not come, and is too much to wait for that. Come back.'
        return client.close(1013, reason)
      }
      client.send(askWord(this.#document!.stateVector()))
    }
    if (news !== undefined) this.#takeParked()
  }

  /** What has waited for what is there now. */
  #takeParked(): void {
    if (this.#document === undefined) return
    for (const { by, update } of this.#parked.ready(this.#document)) if (!by.isEnded) this.#receive(by, update)
  }

  #author(by: Client, news: Uint8Array, updates: readonly Uint8Array[]): void {
    const { tag, address } = this.#place.ref
    const pen = this.#penOf(by.principal)
    const op: Op = { tag, address, arbiter: 'local', payload: news }
    const { learned } = this.#naming
    const meta: Value = {
      yjs: { principal: by.principal ?? '', ...(learned && { roots: { ...learned } as Record<string, string> }) },
    }
    this.#latestAt = Math.max(Date.now() * 1000, this.#latestAt + 1)
    // Before it is said: what comes of it may come at once.
    const afterwards: (() => void)[] = []
    const seq = pen.link.author([op], meta, this.#first.standing, this.#latestAt)
    pen.pending.push({ by, seq, updates, afterwards })
  }

  #tellStored({ updates, afterwards }: Pending): void {
    if (this.#isGone) return
    this.#tell(updates)
    for (const one of afterwards) one()
  }

  #tell(updates: readonly Uint8Array[]): void {
    for (const update of updates) {
      const word = updateWord(this.#naming.outward(update))
      for (const client of this.#clients) client.send(word)
    }
  }

  /** Says what a client lacks, as soon as all of that is durable. Who takes it slowly is answered the last time only. */
  #answer(client: Client, stateVector: Uint8Array): void {
    if (stateVector.length > this.#host.limits.maxStateVectorBytes)
      return client.close(1009, 'You know more clients than may be.')
    if (client.isFull || this.#asked.has(client)) {
      this.#asked.set(client, stateVector)
      this.#draining ??= setTimeout(() => this.#answerAsked(), DRAIN_MS).unref()
      return
    }
    const word = answerWord(this.#naming.outward(this.#document!.update(stateVector)))
    const last = [...this.#pens.values()].flatMap(({ pending }) => pending.at(-1) ?? [])
    let left = last.length
    if (left === 0) return client.send(word)
    for (const { afterwards } of last) {
      afterwards.push(() => {
        left -= 1
        if (left === 0) client.send(word)
      })
    }
  }

  #answerAsked(): void {
    this.#draining = undefined
    const asked = [...this.#asked]
    this.#asked.clear()
    for (const [client, stateVector] of asked) if (!client.isEnded) this.#answer(client, stateVector)
  }

  /** What the document has is not what the log will have: all begin anew, and whose it was learns why. */
  #refused(by: Client | undefined, code: string, message: string): void {
    this.#host.log.info({ space: this.#place.space, code }, 'What a Yjs client wrote is refused.')
    const isForGood = code === 'forbidden' || code === 'read-only'
    const closeCode = isForGood ? 4403 : code === 'too-large' ? 1009 : 1012
    by?.close(closeCode, message)
    this.close(1012, 'Something that was written here is not taken. Come back.')
  }

  #ended(principal: string | undefined, isFirst: boolean, { code, message }: LinkEnd): void {
    // Who is known and has lost their rights is asked for them anew when they come back.
    const closeCode = code === 'unauthenticated' && principal !== undefined ? 1012 : (CODES[code] ?? 1012)
    const pen = this.#pens.get(principal)
    for (const client of [...this.#clients, ...this.#waiting])
      if (client.principal === principal) client.close(closeCode, message)
    this.#pens.delete(principal)
    if (isFirst || (pen !== undefined && pen.pending.length > 0))
      this.close(1012, 'The relay has ended this. Come back.')
  }

  #beat(): void {
    const nowMs = Date.now()
    for (const client of [...this.#clients, ...this.#waiting]) client.beat(nowMs)
    this.#presence.expire(nowMs)
    if (nowMs - this.#pingedAtMs < PING_MS) return
    this.#pingedAtMs = nowMs
    for (const { link } of this.#pens.values()) link.ping()
  }
}

/** The close codes of what a relay says. Those from 4400 to 4499 tell a client not to come back. */
const CODES: { readonly [code: string]: number } = {
  unauthenticated: 4401,
  forbidden: 4403,
  stopping: 1001,
  'too-busy': 1013,
  'storage-failed': 1013,
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** What the roots are called, as the Changes that are authored here say it. */
function rootsIn(meta: Value): Roots | undefined {
  const roots = field(field(meta, 'yjs'), 'roots')
  if (roots === undefined || typeof roots !== 'object' || roots === null || Array.isArray(roots)) return undefined
  const named = Object.entries(roots).filter(([, name]) => typeof name === 'string')
  return named.length === 0 ? undefined : (Object.fromEntries(named) as Roots)
}

function field(value: Value | undefined, name: string): Value | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    return undefined
  return Object.hasOwn(value, name) ? (value as { readonly [key: string]: Value })[name] : undefined
}
