import type { Server } from 'node:http'

/** A server of one contender, as the program around it starts and asks it. */
export interface Contender {
  /** Takes the sockets of an HTTP server. What it stores, it stores in `folder`. */
  attach(server: Server, folder: string): void | Promise<void>
}
