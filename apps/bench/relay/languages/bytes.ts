import type { Language } from './language.ts'

/** About the length of an edit. */
const BYTES = 60
const PRESENCE_BYTES = 90
/** About the length of a row for Yjs and for us. */
const BYTES_OF_A_ROW = 55

/** So asks who comes a server that keeps what was written. */
const ASK = new Uint8Array(1)

/** Of servers that know nothing of what they pass on. */
export const speakBytes = (): Language => ({
  path: (room) => `/${room}`,
  join: () => [],
  edits: (_, count) => Array.from({ length: count }, () => new Uint8Array(BYTES)),
  editsIn: () => 1,
  rows: (_, count, each) => Array.from({ length: count }, () => new Uint8Array(each * BYTES_OF_A_ROW)),
  comeBack: () => [ASK],
  hearing: () => (_, missing) => missing,
  presence(client, turn) {
    const message = Buffer.alloc(PRESENCE_BYTES)
    message.writeUInt32BE(client)
    message.writeUInt32BE(turn, 4)
    return message
  },
  presencesIn: (message) => [{ client: message.readUInt32BE(), turn: message.readUInt32BE(4) }],
})
