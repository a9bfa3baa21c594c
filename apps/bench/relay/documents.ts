import { setTimeout as sleep } from 'node:timers/promises'
import type { Language } from './languages/language.ts'
import { framesOf, type Wire } from './wire.ts'

/** Who is there already, and writes. */
interface Member {
  readonly wire: Wire
  readonly number: number
}

/** What the loads of documents need of the clients of a contender. */
export interface Clients {
  readonly language: Language
  newRoom(): string
  /** Somebody joins a room, and is in it. */
  join(room: string): Promise<Member>
  /** Sockets to a room that have said nothing. */
  connect(room: string, count: number): Promise<readonly Wire[]>
  /** A number that no other client has. */
  newNumber(): number
  measured(isOver: boolean): Promise<void>
}

/** Who comes to a document that is there, comes back to it, or does not read what is written in it. */
export interface DocumentLoad {
  /** Writes a document in a room of its own: so many messages of so many rows, and then so many single edits. */
  write(messages: number, rows: number, edits: number): Promise<Document>
  /**
   * So many connections say at the same time that they want the document, of which each has `has(i)` messages already. Resolves to the milliseconds until all have all of it.
   * What counts begins when they are connected.
   */
  arrive(document: Document, count: number, has: (i: number) => number): Promise<number>
  /** As `arrive`, of so many who connect at the same time as well: resolves to the milliseconds that each of them has taken. */
  comeBack(document: Document, count: number, has: (i: number) => number): Promise<readonly number[]>
  /** Connects, and resolves to the milliseconds from before that until all of a document has come of which nothing was there. */
  arriveFirst(room: string, messages: number): Promise<number>
  /** Somebody is in a room and reads nothing while so many messages of rows are written there, which another one reads. Tells when all are written, and resolves to the milliseconds that they take afterwards. */
  stall(messages: number, rows: number, written: () => Promise<void>): Promise<number>
  /** Two come to each of so many rooms, one of them writes one edit, and both leave. */
  visit(rooms: number): Promise<void>
}

/** A document that a writer has written, and is still looking at. */
interface Document {
  readonly room: string
  readonly writer: Member
  /** In so many messages. */
  readonly messages: number
  leave(): Promise<void>
}

/** So many messages are written at once, and the next when they were read. */
const BLOCK = 100
/** So many come at the same time where that is not what is measured. */
const AT_ONCE = 50

/** Makes the loads of documents for the clients of one contender. */
export function createDocumentLoad({ language, newRoom, join, connect, newNumber, measured }: Clients): DocumentLoad {
  /** Hears when so many messages that a client misses have come. */
  function heard(wire: Wire, missing: number): Promise<void> {
    const missedIn = language.hearing()
    return new Promise((resolve) => {
      let left = missing
      wire.onMessage = (message) => {
        left -= missedIn(message, left)
        if (left <= 0) resolve()
      }
      if (left === 0) resolve()
    })
  }

  /** Writes messages as quickly as somebody reads them. */
  async function writeRead(writer: Member, reader: Member, messages: readonly Uint8Array[]): Promise<void> {
    for (let from = 0; from < messages.length; from += BLOCK) {
      const block = messages.slice(from, from + BLOCK)
      let left = block.length
      const read = new Promise<void>((resolve) => {
        reader.wire.onMessage = (message) => {
          left -= language.editsIn(message)
          if (left <= 0) resolve()
        }
      })
      writer.wire.write(framesOf(block))
      await read
    }
  }

  return {
    async write(count, rows, edits) {
      const room = newRoom()
      const [writer, reader] = [await join(room), await join(room)]
      await writeRead(writer, reader, language.rows(writer.number, count, rows))
      await writeRead(writer, reader, language.edits(writer.number, edits))
      reader.wire.end()
      const messages = count + edits
      const leave = async (): Promise<void> => {
        writer.wire.end()
        await sleep(200)
      }
      return { room, writer, messages, leave }
    },

    async arrive({ room, writer, messages }, count, has) {
      const wires = await connect(room, count)
      const asked = wires.map((_, i) => framesOf(language.comeBack(room, newNumber(), writer.number, has(i))))
      const all = Promise.all(wires.map((wire, i) => heard(wire, messages - has(i))))
      await measured(false)
      const begun = performance.now()
      for (const [i, wire] of wires.entries()) wire.write(asked[i]!)
      await all
      const ms = performance.now() - begun
      await measured(true)
      for (const wire of wires) wire.end()
      await sleep(200)
      return ms
    },

    async comeBack({ room, writer, messages }, count, has) {
      const asked = Array.from({ length: count }, (_, i) =>
        framesOf(language.comeBack(room, newNumber(), writer.number, has(i))),
      )
      await measured(false)
      const begun = performance.now()
      const all = await Promise.all(
        asked.map(async (frames, i) => {
          const [wire] = await connect(room, 1)
          const arrived = heard(wire!, messages - has(i))
          wire!.write(frames)
          await arrived
          return { wire: wire!, ms: performance.now() - begun }
        }),
      )
      await measured(true)
      for (const { wire } of all) wire.end()
      await sleep(200)
      return all.map(({ ms }) => ms)
    },

    async arriveFirst(room, messages) {
      const number = newNumber()
      const frames = framesOf(language.comeBack(room, number, number, 0))
      await measured(false)
      const begun = performance.now()
      const [wire] = await connect(room, 1)
      const arrived = heard(wire!, messages)
      wire!.write(frames)
      await arrived
      const ms = performance.now() - begun
      await measured(true)
      wire!.end()
      return ms
    },

    async stall(count, rows, written) {
      const room = newRoom()
      const [writer, reader, staller] = [await join(room), await join(room), await join(room)]
      const messages = language.rows(writer.number, count, rows)
      staller.wire.pause()
      let left = count
      const all = new Promise<void>((resolve, reject) => {
        // Ours does it after ten seconds in which somebody takes nothing.
        staller.wire.onClose = () => reject(new Error('The server has sent away who reads nothing.'))
        staller.wire.onMessage = (message) => {
          left -= language.editsIn(message)
          if (left <= 0) resolve()
        }
      })
      await writeRead(writer, reader, messages)
      await written()
      const begun = performance.now()
      staller.wire.resume()
      await all
      const ms = performance.now() - begun
      for (const { wire } of [writer, reader, staller]) wire.end()
      return ms
    },

    async visit(rooms) {
      for (let from = 0; from < rooms; from += AT_ONCE) {
        await Promise.all(
          Array.from({ length: Math.min(AT_ONCE, rooms - from) }, async () => {
            const room = newRoom()
            const [writer, reader] = [await join(room), await join(room)]
            await writeRead(writer, reader, language.edits(writer.number, 1))
            writer.wire.end()
            reader.wire.end()
          }),
        )
      }
      await sleep(500)
    },
  }
}
