import { isSpaceName, SPACE_NAME_RULE } from '@syncline/protocol'
import { StoreError } from './errors.ts'
import type { Readable } from '@syncline/stm'
import type { Chance, Clock, Storage, Transport } from './ports.ts'
import type { PresenceMaker } from './presence.ts'

/** What a store is made of. Only `space` is needed: without storage it lives in memory, without transport it stays alone. */
export interface StoreOptions {
  /** The unit of replication, order and permission: everybody who opens the same space on the same relay shares it. */
  readonly space: string
  /** Where it rests on this device: `indexedDb(name)` of `@syncline/idb`. */
  readonly storage?: Storage
  /** The way to the relay: `websocket(url)` of `@syncline/websocket`. Stores with the same transport object share one connection. */
  readonly transport?: Transport
  /** Who else is here: `yjsPresence()` of `@syncline/yjs`. */
  readonly presence?: PresenceMaker
  /**
   * Says to the relay who is here, such as the bytes of a token. It is asked for on each connection, and, where the relay says that the last one ends, again before that: nothing is interrupted then. When it throws or
   * rejects there is no connection, `status.problem` is `unauthenticated`, and it is tried again.
   */
  readonly credential?: () => Uint8Array | Promise<Uint8Array>
  /**
   * What the app reads first: these are as quick to read, when the store is open, as if they had been read before. It is done while the store opens, in pieces, so that
   * the page can do other things. Anything else is made ready by whoever reads it first, all refs of one kind at once.
   */
  readonly ready?: readonly Readable<unknown>[]
  /**
   * What this tab may not need: collections and refs that merge (`local` ones); of a member its whole collection, of a doc all docs of its kind. They are not read when the store opens, and take no memory, until `load` asks for
   * them; what is released and in this device's log leaves the memory again. To read or write what is not loaded is refused with `not-loaded`. What the relay has not
   * stored yet stays in memory as Changes, and without a storage all is in memory.
   */
  readonly onDemand?: readonly Readable<unknown>[]
  /** The version of the app's own schema, told to the relay. Default 0. */
  readonly schema?: number
  /** Whether to report what a developer should know, such as write skew, to `onError`. Default false. */
  readonly development?: boolean
  /** Gets what listeners throw. Default: `reportError` where there is one, else the console. */
  readonly onError?: (error: unknown) => void
  /** Time and chance; replaced in simulations. */
  readonly clock?: Clock
  readonly chance?: Chance
}

/** Throws `StoreError` `invalid-space` for what cannot name a space. */
export function checkSpace(space: string): void {
  if (isSpaceName(space)) return
  throw new StoreError('invalid-space', `${JSON.stringify(space)} cannot name a space. Use ${SPACE_NAME_RULE}.`)
}
