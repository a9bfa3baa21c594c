import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { Awareness, encodeAwarenessUpdate } from 'y-protocols/awareness'
import { writeSyncStep1, writeUpdate } from 'y-protocols/sync'
import { Doc, encodeStateVector, getState, Map as YMap, parseUpdateMeta } from 'yjs'
import type { Language, Presence } from './language.ts'
import { presenceIn, shownBy, type Shown } from './shown.ts'
import { titleOf } from './titles.ts'

const SYNC = 0
const AWARENESS = 1
const STEP_1 = 0
const STEP_2 = 1
const UPDATE = 2

/** Of Hocuspocus, after the name of the room. */
const AUTHENTICATION = 2
const TOKEN = 0

/** Of servers for Yjs clients. An edit is a character typed at the end of a text. */
export function speakYjs(): Language {
  const docs = new Map<number, Doc>()
  /** How much each has written, after each of its messages. */
  const clocks = new Map<number, number[]>()

  function docOf(client: number): Doc {
    const doc = docs.get(client) ?? new Doc()
    docs.set(client, doc)
    return doc
  }

  /** What a client does to its document so many times, each in a message. */
  function written(client: number, count: number, act: (doc: Doc, i: number) => void): Uint8Array[] {
    const doc = docOf(client)
    const updates: Uint8Array[] = []
    const keep = (update: Uint8Array): void => void updates.push(update)
    doc.on('update', keep)
    const after = clocks.get(client) ?? []
    clocks.set(client, after)
    for (let i = 0; i < count; i++) {
      doc.transact(() => act(doc, after.length))
      after.push(getState(doc.store, doc.clientID))
    }
    doc.off('update', keep)
    return updates.map((update) => message(SYNC, (encoder) => writeUpdate(encoder, update)))
  }

  return {
    path: (room) => `/${room}`,
    join: (_, client) => [message(SYNC, (encoder) => writeSyncStep1(encoder, docOf(client)))],
    isWelcome: (bytes) => bytes[0] === SYNC && bytes[1] === STEP_2,
    edits: (client, count) =>
      written(client, count, (doc) => {
        const text = doc.getText('text')
        text.insert(text.length, 'x')
      }),
    rows: (client, count, each) =>
      written(client, count, (doc, n) => {
        const rows = doc.getMap('rows')
        for (let i = 0; i < each; i++)
          rows.set(
            `${n}-${i}`,
            new YMap<unknown>([
              ['title', titleOf(n, i)],
              ['done', false],
            ]),
          )
      }),
    comeBack(_, __, writer, has) {
      const clock = has === 0 ? 0 : clocks.get(writer)![has - 1]!
      const vector = encodeStateVector(new Map(clock === 0 ? [] : [[docOf(writer).clientID, clock]]))
      return [
        message(SYNC, (encoder) => {
          encoding.writeVarUint(encoder, STEP_1)
          encoding.writeVarUint8Array(encoder, vector)
        }),
      ]
    },
    hearing: () => (bytes, missing) => (bytes[0] === SYNC && bytes[1] === STEP_2 ? missing : 0),
    editsIn: (bytes) => (bytes[0] === SYNC && bytes[1] === UPDATE ? 1 : 0),
    presence(client, turn) {
      const awareness = new Awareness(docOf(client))
      // As many as it has said before: what is older is not shown.
      for (let i = 0; i <= turn; i++) awareness.setLocalState(shownBy(client, turn))
      const update = encodeAwarenessUpdate(awareness, [awareness.clientID])
      awareness.destroy()
      return message(AWARENESS, (encoder) => encoding.writeVarUint8Array(encoder, update))
    },
    presencesIn(bytes) {
      if (bytes[0] !== AWARENESS) return []
      const decoder = decoding.createDecoder(decoding.readVarUint8Array(decoding.createDecoder(bytes.subarray(1))))
      const presences: Presence[] = []
      for (let left = decoding.readVarUint(decoder); left > 0; left--) {
        // The number that Yjs gives the client, and how often it has shown itself.
        decoding.readVarUint(decoder)
        decoding.readVarUint(decoder)
        const shown = JSON.parse(decoding.readVarString(decoder)) as Shown | null
        if (shown !== null) presences.push(presenceIn(shown))
      }
      return presences
    },
  }
}

/** The same behind the name of the room, with edits of one turn merged into one. */
export function speakHocuspocus(): Language {
  const yjs = speakYjs()
  const rooms = new Map<number, string>()

  const named = (client: number, bytes: Uint8Array): Uint8Array => {
    const encoder = encoding.createEncoder()
    encoding.writeVarString(encoder, rooms.get(client)!)
    encoding.writeUint8Array(encoder, bytes)
    return encoding.toUint8Array(encoder)
  }

  function enter(room: string, client: number, messages: readonly Uint8Array[]): readonly Uint8Array[] {
    rooms.set(client, room)
    const token = message(AUTHENTICATION, (encoder) => {
      encoding.writeVarUint(encoder, TOKEN)
      encoding.writeVarString(encoder, 'anybody')
    })
    return [token, ...messages].map((bytes) => named(client, bytes))
  }

  return {
    path: () => '/',
    join: (room, client) => enter(room, client, yjs.join(room, client)),
    isWelcome: (bytes) => yjs.isWelcome!(behindName(bytes)),
    edits: (client, count) => yjs.edits(client, count).map((bytes) => named(client, bytes)),
    rows: (client, count, each) => yjs.rows(client, count, each).map((bytes) => named(client, bytes)),
    comeBack: (room, client, writer, has) => enter(room, client, yjs.comeBack(room, client, writer, has)),
    hearing() {
      const missedIn = yjs.hearing()
      return (bytes, missing) => missedIn(behindName(bytes), missing)
    },
    editsIn(bytes) {
      const rest = behindName(bytes)
      if (yjs.editsIn(rest) === 0) return 0
      const decoder = decoding.createDecoder(rest.subarray(2))
      const { from, to } = parseUpdateMeta(decoding.readVarUint8Array(decoder))
      let edits = 0
      for (const [client, clock] of to) edits += clock - (from.get(client) ?? 0)
      return edits
    },
    presence: (client, turn) => named(client, yjs.presence(client, turn)),
    presencesIn: (bytes) => yjs.presencesIn(behindName(bytes)),
  }
}

function behindName(bytes: Buffer): Buffer {
  const decoder = decoding.createDecoder(bytes)
  const length = decoding.readVarUint(decoder)
  return bytes.subarray(decoder.pos + length)
}

function message(kind: number, write: (encoder: encoding.Encoder) => void): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, kind)
  write(encoder)
  return encoding.toUint8Array(encoder)
}
