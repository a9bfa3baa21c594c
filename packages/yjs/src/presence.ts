import type { PlainStore, Presence, PresencePort, PresenceState, Store, StoreError } from '@syncline/store'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { applyAwarenessUpdate, Awareness, encodeAwarenessUpdate, removeAwarenessStates } from 'y-protocols/awareness'
import * as Y from 'yjs'

/** Presence that Yjs editor bindings understand. */
export interface YjsPresence extends Presence {
  /** The awareness of this session, for bindings that take one. For cursors use `awareness` of a {@link openText} document. */
  readonly awareness: Awareness
}

/** As y-protocols renews: others take who is silent for much longer to be gone. */
const RENEW_MS = 15_000
/** Chrome runs the timers of a hidden tab once a minute; nobody should blink for that. Who really left is reported by the relay. */
const SILENT_MS = 75_000
/** Twice what a relay lets through. Bounds the depth of what is decoded, too. */
const MAX_PAYLOAD_BYTES = 8 * 1024

/** The origin of what others sent. */
const REMOTE = Object.freeze({ name: '@syncline/yjs presence' })

/** An Awareness without a timer of its own: time comes in through the port. */
class TimelessAwareness extends Awareness {
  constructor(doc: Y.Doc) {
    super(doc)
    clearInterval(this._checkInterval as number)
  }

  /** One listener that throws must not keep the news from the others, nor reach whoever brought it. */
  override emit(name: string, args: unknown[]): void {
    const listeners = (this._observers as Map<string, Set<(...args: unknown[]) => void>>).get(name)
    for (const listener of [...(listeners ?? [])]) guarded(() => listener(...args))
  }
}

/** Calls `fn`; what it throws surfaces as an uncaught error of the page, after the task. */
function guarded(fn: () => void): void {
  try {
    fn()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}

/** What one peer says of itself. */
interface Word {
  readonly client: number
  readonly json: string
  /** False for good-bye. */
  readonly here: boolean
}

interface Peer {
  /** The client id that is this peer's own: the first it used. */
  readonly client: number
  /** Its newest word, kept while the id is held by another peer: it may be the same session, back sooner than its end was told. */
  word: Word
  heardAtMs: number
}

/**
 * Presence by y-protocols awareness, as the `presence` option of `openStore`: names, colours and cursors in the form that
 * y-codemirror.next and other Yjs bindings show.
 *
 * A peer speaks for the first client id it uses and for no other, and never for ours; whatever else it sends is ignored. A peer that
 * is gone disappears at once; one that is silent for 75 seconds, too. Our own state is renewed every 15 seconds.
 *
 * @example
 * import { yjsPresence } from '@syncline/yjs'
 *
 * const sent: (Uint8Array | null)[] = []
 * const presence = yjsPresence()({
 *   publish: (payload) => sent.push(payload),
 *   onPayload: () => () => {},
 *   randomUint32: () => 7,
 *   nowMs: () => 0,
 *   setTimer: () => () => {},
 * })
 * presence.set({ user: { name: 'Ada', color: '#a83279' } })
 * expect(presence.peers().get(7)).toEqual({ user: { name: 'Ada', color: '#a83279' } })
 * presence.close()
 * expect(sent.at(-1)).toBe(null)
 */
export function yjsPresence(): (port: PresencePort) => YjsPresence {
  return openPresence
}

function openPresence(port: PresencePort): YjsPresence {
  const doc = new Y.Doc({ guid: '' })
  doc.clientID = port.randomUint32()
  const awareness = new TimelessAwareness(doc)
  const self = awareness.clientID
  const listeners = new Set<() => void>()
  const peers = new Map<string, Peer>()
  /** Which peer holds a client id. */
  const holders = new Map<number, string>()
  let view: ReadonlyMap<number, PresenceState> | undefined
  let closed = false

  awareness.on('change', () => {
    view = undefined
    for (const listener of [...listeners]) guarded(listener)
  })
  awareness.on('update', (_changes: unknown, origin: unknown) => {
    if (origin === 'local' && !closed) publish()
  })
  const stopListening = port.onPayload((peer, payload) => {
    if (payload === null) leave(peer)
    else hear(peer, payload)
  })
  let stopTimer = port.setTimer(RENEW_MS, onTimer)
  publish()

  function publish(): void {
    port.publish(awareness.getLocalState() === null ? null : encodeAwarenessUpdate(awareness, [self]))
  }

  function hear(from: string, payload: Uint8Array): void {
    const known = peers.get(from)
    const word = readWord(payload, known?.client)
    if (word === undefined || word.client === self) return
    const peer: Peer = known ?? { client: word.client, word, heardAtMs: 0 }
    peers.set(from, peer)
    peer.word = word
    peer.heardAtMs = port.nowMs()
    const holder = holders.get(word.client)
    if (holder === undefined) holders.set(word.client, from)
    else if (holder !== from) return
    show(word)
  }

  function show(word: Word): void {
    if (!word.here) {
      hide(word.client)
      return
    }
    // The order of one peer's words is the order in which they come, so they are counted here: y-protocols takes a clock it has seen,
    // and the first one of all, for old news, and would not show who is back at once or has only just come.
    const clock = (awareness.meta.get(word.client)?.clock ?? 0) + 1
    applyAwarenessUpdate(awareness, encodeWord(word, clock), REMOTE)
  }

  function hide(client: number): void {
    removeAwarenessStates(awareness, [client], REMOTE)
    awareness.meta.delete(client)
  }

  function leave(from: string): void {
    const peer = peers.get(from)
    if (peer === undefined) return
    peers.delete(from)
    if (holders.get(peer.client) !== from) return
    holders.delete(peer.client)
    hide(peer.client)
    for (const [other, { client, word }] of peers) {
      if (client !== peer.client) continue
      holders.set(client, other)
      show(word)
      return
    }
  }

  function onTimer(): void {
    stopTimer = port.setTimer(RENEW_MS, onTimer)
    const state = awareness.getLocalState()
    if (state !== null) awareness.setLocalState(state)
    const nowMs = port.nowMs()
    for (const [from, { heardAtMs }] of [...peers]) if (nowMs - heardAtMs >= SILENT_MS) leave(from)
  }

  return {
    self,
    awareness,
    peers: () => (view ??= new Map(awareness.getStates() as Map<number, PresenceState>)),
    set(patch) {
      if (!closed) awareness.setLocalState({ ...awareness.getLocalState(), ...patch })
    },
    subscribe(listener) {
      const entry = (): void => listener()
      listeners.add(entry)
      return () => listeners.delete(entry)
    },
    close() {
      if (closed) return
      awareness.setLocalState(null)
      closed = true
      stopTimer()
      stopListening()
      listeners.clear()
      awareness.destroy()
      doc.destroy()
    },
  }
}

/** What a payload says of `own`, or of the first client in it; undefined when it is malformed or does not speak of that one. */
function readWord(payload: Uint8Array, own: number | undefined): Word | undefined {
  if (payload.length > MAX_PAYLOAD_BYTES) return undefined
  try {
    const decoder = decoding.createDecoder(payload)
    for (let left = decoding.readVarUint(decoder); left > 0; left--) {
      const client = decoding.readVarUint(decoder)
      decoding.readVarUint(decoder) // the clock of the sender
      const json = decoding.readVarString(decoder)
      if (own !== undefined && client !== own) continue
      const state: unknown = JSON.parse(json)
      if (typeof state !== 'object' || Array.isArray(state)) return undefined
      return { client, json, here: state !== null }
    }
  } catch {
    // Bytes from outside that make no sense are no news of anybody.
  }
  return undefined
}

function encodeWord({ client, json }: Word, clock: number): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, 1)
  encoding.writeVarUint(encoder, client)
  encoding.writeVarUint(encoder, clock)
  encoding.writeVarString(encoder, json)
  return encoding.toUint8Array(encoder)
}

/** The awareness of a store's presence; undefined when it has none, or one of another kind. */
export function awarenessOf(store: PlainStore & Partial<Pick<Store, 'presence'>>): Awareness | undefined {
  try {
    const { presence } = store
    if (presence === undefined) return undefined
    return 'awareness' in presence ? (presence as YjsPresence).awareness : undefined
  } catch (error) {
    if (error instanceof Error && (error as StoreError).code === 'no-presence') return undefined
    throw error
  }
}
