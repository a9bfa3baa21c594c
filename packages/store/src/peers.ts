import { CALLED_OFF } from './called-off.ts'
import { randomUint32 } from './identity.ts'
import type { Chance, Clock, HeldLock, Locks } from './ports.ts'
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
  /** Tells us of the death of other tabs, and them of ours. Without locks only a good-bye does. */
  readonly locks: Locks | undefined
  readonly clock: Clock
  readonly chance: Chance
  tell(message: TabMessage): void
  /** Sends presence to the relay; ignored unless this tab runs a link that is up. */
  send(slot: number, payload: Uint8Array): void
  onError(error: unknown): void
}

/** Makes the presence carrier of one open store. */
export function createPeers({ locks, clock, chance, tell, send, onError }: PeersSide): Peers {
  const slot = randomUint32(chance)
  const listeners = new Set<(peer: string, payload: Uint8Array | null) => void>()
  /** The newest states of the other tabs, and of sessions behind the relay, by peer. */
  const siblings = new Map<number, Uint8Array>()
  const distant = new Map<string, Uint8Array>()
  let own: Uint8Array | null = null
  let isReachable = false
  /** Held while we live: whoever else is given it knows that we do not. */
  let lock: HeldLock | undefined
  let living: Promise<void> | undefined
  /** Whether others may be told of us: from when they would notice our death. */
  let canShow = locks === undefined
  const ending = new AbortController()
  /** Ends the wait for the death of a sibling. */
  const waits = new Map<number, AbortController>()

  /** Holds our lock until we close, and again when it was taken away, as it is from a tab that is frozen. */
  async function live(among: Locks): Promise<void> {
    const ended = new Promise<void>((resolve) => ending.signal.addEventListener('abort', () => resolve()))
    lock = await among.tryHold(lockName(slot))
    while (!ending.signal.aborted) {
      lock ??= await among.hold(lockName(slot), ending.signal)
      if (ending.signal.aborted) break
      canShow = true
      if (own !== null) show(own)
      await Promise.race([lock.lost, ended])
      canShow = false
      lock.release()
      lock = undefined
    }
    lock?.release()
  }

  function begin(among: Locks): Promise<void> {
    return live(among).catch((error: unknown) => {
      if (ending.signal.aborted) return
      onError(error)
      canShow = true
      if (own !== null) show(own)
    })
  }

  function show(payload: Uint8Array | null): void {
    tell({ type: 'presence', slot, payload })
    send(slot, payload ?? GONE)
  }

  /** Being given the lock of a sibling means that its tab was closed, has died or is frozen. */
  function awaitEnd(among: Locks, sibling: number): void {
    if (waits.has(sibling)) return
    const wait = new AbortController()
    waits.set(sibling, wait)
    among.hold(lockName(sibling), wait.signal).then(
      (given) => {
        given.release()
        if (waits.get(sibling) === wait) hearSibling(sibling, null)
      },
      (error: unknown) => {
        if (!wait.signal.aborted) onError(error)
      },
    )
  }

  function hearSibling(sibling: number, payload: Uint8Array | null): void {
    if (payload === null) {
      siblings.delete(sibling)
      waits.get(sibling)?.abort(CALLED_OFF)
      waits.delete(sibling)
    } else {
      siblings.set(sibling, payload)
      if (locks !== undefined) awaitEnd(locks, sibling)
    }
    hear(tabPeer(sibling), payload)
    send(sibling, payload ?? GONE)
  }

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
        if (canShow) show(payload)
        else if (locks !== undefined && !ending.signal.aborted) living ??= begin(locks)
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
        // With a link of our own we know better.
        if (!isReachable) hearDistant(message.peer, message.payload)
        return
      }
      hearSibling(message.slot, message.payload)
    },
    onHello(runsLink) {
      if (own !== null && canShow) tell({ type: 'presence', slot, payload: own })
      if (runsLink) for (const [peer, payload] of distant) tell({ type: 'peer', peer, payload })
    },
    onRelay(session, peerSlot, payload) {
      const peer = `${session}/${peerSlot}`
      const state = payload.length === 0 ? null : payload
      hearDistant(peer, state)
      tell({ type: 'peer', peer, payload: state })
    },
    onReachable(reachable) {
      isReachable = reachable
      if (reachable) {
        if (own !== null && canShow) send(slot, own)
        for (const [sibling, payload] of siblings) send(sibling, payload)
        return
      }
      if (distant.size === 0) return
      for (const peer of [...distant.keys()]) {
        hearDistant(peer, null)
        tell({ type: 'peer', peer, payload: null })
      }
      // Should another tab run a link as well, it tells all of us who is there.
      tell({ type: 'hello' })
    },
    close() {
      if (own !== null && canShow) show(null)
      own = null
      ending.abort(CALLED_OFF)
      lock?.release()
      for (const wait of waits.values()) wait.abort(CALLED_OFF)
      waits.clear()
      listeners.clear()
    },
  }
}

const GONE = new Uint8Array()

function tabPeer(slot: number): string {
  return `tab/${slot}`
}

function lockName(slot: number): string {
  return `tab ${slot}`
}
