import { indexedDb } from '@syncline/idb'
import { counter } from '@syncline/merge'
import { openStore, type Transport } from '@syncline/store'
import { websocket } from '@syncline/websocket'

/** What the program outside calls, through the page's global `bench`. */
export interface LeadersBench {
  readonly names: readonly string[]
  /** This tab is one of those of which one leads. `relay` is the address of its socket. */
  join(name: string, space: string, relay: string): Promise<void>
  /** Since when this tab leads, in milliseconds of the epoch; undefined while another one does. */
  leadsSinceMs(): number | undefined
  /** Commits something, and resolves when the relay has it, with the time; with undefined for who has none. */
  commit(): Promise<number | undefined>
}

interface Contender {
  readonly name: string
  /** Resolves with how to commit something, for those who have a relay. `onLeads` is called when this tab begins to do what one of them does for all. */
  join(space: string, relay: string, onLeads: () => void): Promise<(() => Promise<void>) | undefined>
}

const votes = counter('votes')

const syncline: Contender = {
  name: 'Syncline',
  async join(space, relay, onLeads) {
    const socket = websocket(relay)
    const transport: Transport = {
      ...socket,
      connect(events) {
        onLeads()
        return socket.connect(events)
      },
    }
    const store = await openStore({ space, storage: indexedDb('leaders'), transport })
    return () => store.transact((tx) => tx.add(votes, 1)).synced()
  },
}

/** As it is mostly done: who is given the lock leads until the tab is gone. */
const byHand: Contender = {
  name: 'a Web Lock by hand',
  async join(space, _relay, onLeads) {
    void navigator.locks.request(space, () => {
      onLeads()
      return new Promise(() => undefined)
    })
    return undefined
  },
}

const contenders: readonly Contender[] = [syncline, byHand]

const nowMs = (): number => performance.timeOrigin + performance.now()

let sinceMs: number | undefined
let commit: (() => Promise<void>) | undefined

const bench: LeadersBench = {
  names: contenders.map(({ name }) => name),
  async join(name, space, relay) {
    const contender = contenders.find((one) => one.name === name)!
    commit = await contender.join(space, relay, () => (sinceMs ??= nowMs()))
  },
  leadsSinceMs: () => sinceMs,
  async commit() {
    await commit?.()
    return commit && nowMs()
  },
}
Object.assign(globalThis, { bench })
