/** What hands out seats of shows: one after the other, each once, and none when there are no more. */
export interface Decider {
  /** Client number `client` takes a seat of a show. Resolves when that is decided, and on the disk. */
  take(client: number, show: number): Promise<void>
  /** How many seats of the first so many shows are taken. */
  taken(shows: number): Promise<number>
  close(): Promise<void>
}

/** Connects so many clients, each by a connection of its own, to the server of a contender at a port of this machine. */
export type Connect = (port: number, clients: number) => Promise<Decider>

/** So many seats does a show have: more than anybody takes. */
export const SEATS = 1_000_000_000
