/** How a client speaks to the server of a contender. */
export interface Language {
  /** Where its sockets are. */
  path(room: string): string
  /** What a client says first, of a number that is its own. */
  join(room: string, client: number): readonly Uint8Array[]
  /** Whether a message of the server says that the client is in the room, for who joins by a message. */
  isWelcome?(message: Buffer): boolean
  /** Messages with the next edits of a client, each in one, as a person makes them. */
  edits(client: number, count: number): readonly Uint8Array[]
  /** How many edits of others a message of the server brings. */
  editsIn(message: Buffer): number
  /** How many edits of the client itself a message says to be stored, for servers that say it. */
  acknowledgedIn?(message: Buffer): number
  /** Messages in which a client adds so many rows each, of a title and a mark. */
  rows(client: number, count: number, each: number): readonly Uint8Array[]
  /** What a client says first that has come back, and has the first so many of what another one has written. */
  comeBack(room: string, client: number, writer: number, has: number): readonly Uint8Array[]
  /** For one client: how many of so many messages that it misses each message of the server brings, which may say at once what they have come to. */
  hearing(): (message: Buffer, missing: number) => number
  /** A message with what a client shows of itself. */
  presence(client: number, turn: number): Uint8Array
  /** What a message brings of what clients show of themselves. */
  presencesIn(message: Buffer): readonly Presence[]
}

/** What a client has shown of itself, and in which of its turns. */
export interface Presence {
  readonly client: number
  readonly turn: number
}
