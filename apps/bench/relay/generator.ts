import { setTimeout as sleep } from 'node:timers/promises'
import { createDocumentLoad, type DocumentLoad } from './documents.ts'
import { speakBytes } from './languages/bytes.ts'
import type { Language } from './languages/language.ts'
import { speakSyncline } from './languages/syncline.ts'
import { speakHocuspocus, speakYjs } from './languages/y-protocol.ts'
import { framesOf, openWire, type Wire } from './wire.ts'

const languages: Readonly<Record<string, () => Language>> = {
  'bare ws': speakBytes,
  'ws that acknowledges': speakBytes,
  'one write a turn': speakBytes,
  'ws that keeps': speakBytes,
  'y-websocket-server': speakYjs,
  Hocuspocus: speakHocuspocus,
  'y-websocket-server with a file': speakYjs,
  Syncline: speakSyncline,
  'Syncline in memory': speakSyncline,
}

/** The names of those that can be asked. */
export const contenders: readonly string[] = Object.keys(languages)

/** Those of them that are asked only by name, or where a load names them: they say what the least is, and are nothing to choose, or are others with something more. */
export const onlyByName: readonly string[] = ['ws that acknowledges', 'ws that keeps', 'y-websocket-server with a file']

/** So many edits a writer of a burst sends at once, and waits until everybody has them. */
const BLOCK = 1_000
/** So many join at the same time. */
const JOINING = 50
/** What waits for who reads nothing: 16 MB, more than the system keeps for them, written as quickly as the others read. */
const STALLED_MESSAGES = 1_500
const STALLED_ROWS = 200
const STALLED_BLOCK = 50
/** What that has given a server to do is done by then. */
const AFTER_MS = 1_000

/** One client: how many edits of others it has been brought. */
interface Client {
  readonly wire: Wire
  readonly number: number
  edits: number
}

/** The clients of one contender's server. */
export interface Load {
  /** One writes as quickly as everybody takes it. Resolves to the edits that were brought to somebody. */
  burst(clients: number, edits: number): Promise<number>
  /** In each room one writes so often in a second, for so long. Resolves to how many were brought, and the milliseconds that each took. */
  steady(rooms: number, clients: number, perSecond: number, seconds: number): Promise<Steady>
  /**
   * In a room so many read, and as many more: who, when they stall, read nothing, and for whom some megabytes wait already when one begins to write so often in a second. Resolves to the
   * milliseconds that each edit took until one of the others had it.
   */
  beside(readers: number, isStalling: boolean, perSecond: number, seconds: number): Promise<readonly number[]>
  /** Everybody in a room shows itself so often in a second. Resolves to how often somebody was to be shown to somebody, and the milliseconds that each presence took that came. */
  presence(clients: number, perSecond: number, seconds: number): Promise<Steady>
  /** One writes, with so many edits on their way that are not acknowledged, for servers that acknowledge. */
  acknowledged(inFlight: number, edits: number): Promise<Acknowledged>
  /** Clients that do nothing, so many in each room. Resolves when they are in; `leave` ends them. */
  idle(rooms: number, clients: number): Promise<{ leave(): Promise<void> }>
  /** Of documents. */
  readonly documents: DocumentLoad
}

/** What was brought steadily. */
export interface Steady {
  readonly deliveries: number
  readonly latenciesMs: readonly number[]
}

/** What was acknowledged. */
export interface Acknowledged {
  readonly edits: number
  readonly ms: number
  /** Of each edit. */
  readonly latenciesMs: readonly number[]
}

/** The server of a contender. Where it was started anew it may listen at another port. */
export interface Asked {
  readonly name: string
  readonly port: number
}

/** Makes the load of a contender's server. `measured` is told before and after what counts: joining and leaving do not. */
export function createLoad(server: Asked, measured: (isOver: boolean) => Promise<void>): Load {
  const { name } = server
  const language = languages[name]!()
  let rooms = 0
  let numbers = 0

  async function join(room: string): Promise<Client> {
    const number = ++numbers
    const wire = await openWire(server.port, language.path(room))
    const client: Client = { wire, number, edits: 0 }
    const { isWelcome } = language
    const welcomed =
      isWelcome &&
      new Promise<void>((resolve) => {
        wire.onMessage = (message) => isWelcome(message) && resolve()
      })
    const messages = language.join(room, number)
    if (messages.length > 0) wire.write(framesOf(messages))
    await welcomed
    wire.onMessage = (message) => void (client.edits += language.editsIn(message))
    return client
  }

  async function joinAll(count: number, roomOf: (i: number) => string): Promise<Client[]> {
    const clients: Client[] = []
    for (let i = 0; i < count; i += JOINING) {
      const wanted = Array.from({ length: Math.min(JOINING, count - i) }, (_, j) => join(roomOf(i + j)))
      clients.push(...(await Promise.all(wanted)))
    }
    return clients
  }

  async function leave(clients: readonly Client[]): Promise<void> {
    for (const { wire } of clients) wire.end()
    await sleep(200)
  }

  const newRoom = (): string => `room-${++rooms}`

  /** Resolves when all of `clients` have been brought so many. */
  async function brought(clients: readonly Client[], count: number): Promise<void> {
    for (const client of clients) while (client.edits < count) await new Promise((resolve) => setImmediate(resolve))
  }

  async function connect(room: string, count: number): Promise<readonly Wire[]> {
    const wires: Wire[] = []
    while (wires.length < count) {
      const wanted = Array.from({ length: Math.min(JOINING, count - wires.length) }, () =>
        openWire(server.port, language.path(room)),
      )
      wires.push(...(await Promise.all(wanted)))
    }
    return wires
  }

  return {
    documents: createDocumentLoad({ language, newRoom, join, connect, newNumber: () => ++numbers, measured }),

    async burst(count, edits) {
      const room = newRoom()
      const [writer, ...readers] = await joinAll(count, () => room)
      const blocks = Array.from({ length: edits / BLOCK }, () => framesOf(language.edits(writer!.number, BLOCK)))
      await measured(false)
      for (const [i, block] of blocks.entries()) {
        writer!.wire.write(block)
        await brought(readers, (i + 1) * BLOCK)
      }
      await measured(true)
      await leave([writer!, ...readers])
      return edits * readers.length
    },

    async steady(count, clients, perSecond, seconds) {
      const names = Array.from({ length: count }, newRoom)
      const all = await joinAll(count * clients, (i) => names[i % count]!)
      const writers = all.slice(0, count)
      const readers = all.slice(count)
      const edits = perSecond * seconds
      const latenciesMs: number[] = []
      const sentAt = writers.map((): number[] => [])
      for (const [i, reader] of readers.entries()) {
        const sent = sentAt[i % count]!
        reader.wire.onMessage = (message) => {
          const nowMs = performance.now()
          for (let left = language.editsIn(message); left > 0; left--) latenciesMs.push(nowMs - sent[reader.edits++]!)
        }
      }
      await measured(false)
      await pace(count * perSecond, seconds, (turn) => {
        const writer = writers[turn % count]!
        const frames = framesOf(language.edits(writer.number, 1))
        sentAt[turn % count]!.push(performance.now())
        writer.wire.write(frames)
      })
      await brought(readers, edits)
      await measured(true)
      await leave(all)
      return { deliveries: edits * readers.length, latenciesMs }
    },

    async beside(count, isStalling, perSecond, seconds) {
      const room = newRoom()
      const all = await joinAll(1 + 2 * count, () => room)
      const [writer, ...readers] = all as [Client, ...Client[]]
      const honest = readers.slice(0, count)
      const rows = language.rows(writer.number, STALLED_MESSAGES, STALLED_ROWS)
      if (isStalling) for (const { wire } of readers.slice(count)) wire.pause()
      for (let from = 0; from < rows.length; from += STALLED_BLOCK) {
        writer.wire.write(framesOf(rows.slice(from, from + STALLED_BLOCK)))
        await brought(isStalling ? honest : readers, Math.min(rows.length, from + STALLED_BLOCK))
      }
      await sleep(AFTER_MS)
      const sentAt: number[] = []
      const latenciesMs: number[] = []
      for (const reader of honest) {
        reader.edits = 0
        reader.wire.onMessage = (message) => {
          const nowMs = performance.now()
          for (let left = language.editsIn(message); left > 0; left--) latenciesMs.push(nowMs - sentAt[reader.edits++]!)
        }
      }
      await measured(false)
      await pace(perSecond, seconds, () => {
        const frames = framesOf(language.edits(writer.number, 1))
        sentAt.push(performance.now())
        writer.wire.write(frames)
      })
      await brought(honest, perSecond * seconds)
      await measured(true)
      await leave(all)
      return latenciesMs
    },

    async presence(count, perSecond, seconds) {
      const room = newRoom()
      const clients = await joinAll(count, () => room)
      const latenciesMs: number[] = []
      /** Of each client, when it has shown itself in each of its turns. */
      const sentAt = new Map(clients.map(({ number }): [number, number[]] => [number, []]))
      for (const { wire, number } of clients) {
        wire.onMessage = (message) => {
          const nowMs = performance.now()
          for (const { client, turn } of language.presencesIn(message)) {
            // Some servers show somebody to itself as well.
            if (client !== number) latenciesMs.push(nowMs - sentAt.get(client)![turn]!)
          }
        }
      }
      await measured(false)
      await pace(count * perSecond, seconds, (turn) => {
        const { wire, number } = clients[turn % count]!
        const frames = framesOf([language.presence(number, Math.floor(turn / count))])
        sentAt.get(number)!.push(performance.now())
        wire.write(frames)
      })
      await sleep(100)
      await measured(true)
      const shown = count * perSecond * seconds * (count - 1)
      const seen = latenciesMs.length
      // Who shows only the newest may leave out what was overtaken; most must be seen.
      if (seen < shown * 0.9) throw new Error(`${name} shows ${seen} of ${shown} presences.`)
      await leave(clients)
      return { deliveries: shown, latenciesMs }
    },

    async acknowledged(inFlight, edits) {
      const [writer] = await joinAll(1, newRoom)
      const { wire, number } = writer!
      const frames = language.edits(number, edits).map((message) => framesOf([message]))
      const sentAt: number[] = []
      const latenciesMs: number[] = []
      await measured(false)
      const begun = performance.now()
      await new Promise<void>((resolve) => {
        const send = (): void => {
          const upTo = Math.min(edits, latenciesMs.length + inFlight)
          if (sentAt.length === upTo) return
          const nowMs = performance.now()
          const next = frames.slice(sentAt.length, upTo)
          for (let i = 0; i < next.length; i++) sentAt.push(nowMs)
          wire.write(Buffer.concat(next))
        }
        wire.onMessage = (message) => {
          const nowMs = performance.now()
          for (let left = language.acknowledgedIn!(message); left > 0; left--) {
            latenciesMs.push(nowMs - sentAt[latenciesMs.length]!)
          }
          if (latenciesMs.length === edits) resolve()
          else send()
        }
        send()
      })
      const ms = performance.now() - begun
      await measured(true)
      await leave([writer!])
      return { edits, ms, latenciesMs }
    },

    async idle(count, clients) {
      const names = Array.from({ length: count }, newRoom)
      const all = await joinAll(count * clients, (i) => names[i % count]!)
      return { leave: () => leave(all) }
    },
  }
}

/** Calls `turn` evenly, so often in a second. A turn that is late is not left out. */
async function pace(perSecond: number, seconds: number, turn: (i: number) => void): Promise<void> {
  const begun = performance.now()
  const turns = perSecond * seconds
  for (let i = 0; i < turns;) {
    const due = Math.min(turns, Math.ceil(((performance.now() - begun) / 1000) * perSecond))
    while (i < due) turn(i++)
    await sleep(1)
  }
}
