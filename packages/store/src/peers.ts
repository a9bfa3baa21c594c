import { randomUint32 } from './identity.ts'
import type { Chance, Clock } from './ports.ts'
import type { PresencePort } from './presence.ts'
import type { TabMessage } from './tabs.ts'

/**
 * Carries presence: our own state to the other tabs and, by way of the tab that runs the link, to everybody else in the space;
 * and theirs to us.
 */
export interface Peers {
  readonly port: PresencePort
  /** A sibling tab, or the tab that runs the link, tells about somebody. */
  onTab(message: Extract<TabMessage, { type: 'presence' | 'peer' }>): void
  /** A tab has come and knows nobody: we tell of ourselves, and the tab that runs the link of those behind the relay. */
  onHello(runsLink: boolean): void
  /** A session behind the relay shows something; an empty payload is a good-bye. */
  onRelay(session: string, slot: number, payload: Uint8Array): void
  /** Our link is up: tells the relay about all tabs of this browser; or it is down: everybody behind the relay is gone. */
  onReachable(reachable: boolean): void
  close(): void
}

/** What peers need of their store. */
export interface PeersSide {
  readonly clock: Clock
  readonly chance: Chance
  tell(message: TabMessage): void
  /** Sends presence to the relay; ignored unless this tab runs a link that is up. */
  send(slot: number, payload: Uint8Array): void
}

/** Makes the presence carrier of one open store. */
export function createPeers({ clock, chance, tell, send }: PeersSide): Peers {
  const slot = randomUint32(chance)
  const listeners = new Set<(peer: string, payload: Uint8Array | null) => void>()
  /** The newest states of the other tabs, and of sessions behind the relay, by peer. */
  const siblings = new Map<number, Uint8Array>()
  const distant = new Map<string, Uint8Array>()
  let own: Uint8Array | null = null

  function hear(peer: string, payload: Uint8Array | null): void {
    for (const listener of listeners) listener(peer, payload)
  }

  function hearDistant(peer: string, payload: Uint8Array | null): void {
    if (payload === null) distant.delete(peer)
    else distant.set(peer, payload)
    hear(peer, payload)
  }

  return {
    port: {
      publish(payload) {
        if (payload === null && own === null) return
        own = payload
        tell({ type: 'presence', slot, payload })
        send(slot, payload ?? GONE)
      },
      onPayload(listener) {
        listeners.add(listener)
        for (const [sibling, payload] of siblings) listener(tabPeer(sibling), payload)
        for (const [peer, payload] of distant) listener(peer, payload)
        return () => listeners.delete(listener)
      },
      randomUint32: () => randomUint32(chance),
      nowMs: () => clock.nowMs(),
      setTimer: (delayMs, fn) => clock.setTimer(delayMs, fn),
    },
    onTab(message) {
      if (message.type === 'peer') {
        hearDistant(message.peer, message.payload)
        return
      }
      if (message.payload === null) siblings.delete(message.slot)
      else siblings.set(message.slot, message.payload)
      hear(tabPeer(message.slot), message.payload)
      send(message.slot, message.payload ?? GONE)
    },
    onHello(runsLink) {
      if (own !== null) tell({ type: 'presence', slot, payload: own })
      if (runsLink) for (const [peer, payload] of distant) tell({ type: 'peer', peer, payload })
    },
    onRelay(session, peerSlot, payload) {
      const peer = `${session}/${peerSlot}`
      const state = payload.length === 0 ? null : payload
      hearDistant(peer, state)
      tell({ type: 'peer', peer, payload: state })
    },
    onReachable(reachable) {
      if (reachable) {
        if (own !== null) send(slot, own)
        for (const [sibling, payload] of siblings) send(sibling, payload)
        return
      }
      for (const peer of [...distant.keys()]) {
        hearDistant(peer, null)
        tell({ type: 'peer', peer, payload: null })
      }
    },
    close() {
      if (own !== null) {
        own = null
        tell({ type: 'presence', slot, payload: null })
        send(slot, GONE)
      }
      listeners.clear()
    },
  }
}

const GONE = new Uint8Array()

function tabPeer(slot: number): string {
  return `tab/${slot}`
}
