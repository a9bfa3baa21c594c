import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import { TEXT_KEY } from './plain-text.ts'

/** What an editor binding needs of an awareness, seen from one text. Pass it to `yCollab`. */
export interface TextAwareness {
  readonly clientID: number
  readonly doc: Y.Doc
  /** Our own state. `cursor` is there when our cursor stands in this text. */
  getLocalState(): AwarenessState | null
  setLocalStateField(field: string, value: unknown): void
  /** The states of all, with the cursors that stand in this text. The same map until somebody changes. */
  getStates(): Map<number, AwarenessState>
  on(event: 'change' | 'update', listener: AwarenessListener): void
  off(event: 'change' | 'update', listener: AwarenessListener): void
  /** Takes our cursor out of this text. Called by `close()` of the document. */
  close(): void
}

/** The state of one session, as bindings know it: `user`, `cursor` and whatever the app adds. */
export type AwarenessState = Record<string, unknown>

/** Called with the ids of those who changed. */
export type AwarenessListener = (
  changes: { added: number[]; updated: number[]; removed: number[] },
  origin: unknown,
) => void

/**
 * One session has one awareness and may have many texts open, but a cursor names only a character, and the same name is another
 * character in another text. So a cursor is sent together with the address of its text, and shown in that text only.
 *
 * What others send is checked here, because bindings do not: a malformed position would end the binding, a colour goes into a style.
 */
export function openTextAwareness(awareness: Awareness, address: string): TextAwareness {
  const listeners = new Map<AwarenessListener, 'change' | 'update'>()
  let states: Map<number, AwarenessState> | undefined
  const forget = (): void => {
    states = undefined
  }
  awareness.on('change', forget)

  function here(state: AwarenessState): boolean {
    return isObject(state['cursor']) && state['cursor']['in'] === address
  }

  const view: TextAwareness = {
    clientID: awareness.clientID,
    doc: awareness.doc,
    getLocalState() {
      const state = awareness.getLocalState() as AwarenessState | null
      return state === null || here(state) ? state : { ...state, cursor: null }
    },
    setLocalStateField(field, value) {
      if (field !== 'cursor') {
        awareness.setLocalStateField(field, value)
        return
      }
      const state = awareness.getLocalState() as AwarenessState | null
      if (isObject(value)) awareness.setLocalStateField('cursor', { ...value, in: address })
      else if (state !== null && here(state)) awareness.setLocalStateField('cursor', null)
    },
    getStates() {
      if (states === undefined) {
        states = new Map()
        for (const [client, state] of awareness.getStates() as Map<number, AwarenessState>) {
          states.set(client, {
            ...state,
            user: checkUser(state['user']),
            cursor: here(state) ? checkCursor(state['cursor']) : null,
          })
        }
      }
      return states
    },
    on(event, listener) {
      listeners.set(listener, event)
      awareness.on(event, listener)
    },
    off(event, listener) {
      listeners.delete(listener)
      awareness.off(event, listener)
    },
    close() {
      view.setLocalStateField('cursor', null)
      for (const [listener, event] of listeners) awareness.off(event, listener)
      listeners.clear()
      awareness.off('change', forget)
    },
  }
  return view
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function checkCursor(cursor: unknown): AwarenessState | null {
  if (!isObject(cursor)) return null
  const anchor = checkPosition(cursor['anchor'])
  const head = checkPosition(cursor['head'])
  return anchor === null || head === null ? null : { anchor, head }
}

/** A relative position in the text, or null. */
function checkPosition(position: unknown): AwarenessState | null {
  if (!isObject(position)) return null
  const { item, tname, assoc } = position
  if (assoc !== undefined && !Number.isInteger(assoc)) return null
  const side = assoc === undefined ? 0 : assoc
  if (item === undefined || item === null)
    return tname === TEXT_KEY ? { type: null, tname, item: null, assoc: side } : null
  if (!isObject(item) || !isClock(item['client']) || !isClock(item['clock'])) return null
  return { type: null, tname: null, item: { client: item['client'], clock: item['clock'] }, assoc: side }
}

function isClock(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

const COLOUR = /^(?:#[0-9a-f]{3,8}|[a-z]{1,32}|(?:rgb|hsl|hwb|lab|lch|oklab|oklch)a?\([0-9a-z.,%/ +-]{1,64}\))$/i
const MAX_NAME = 64

function checkUser(user: unknown): AwarenessState {
  const checked: AwarenessState = {}
  if (!isObject(user)) return checked
  if (typeof user['name'] === 'string') checked['name'] = user['name'].slice(0, MAX_NAME)
  for (const field of ['color', 'colorLight']) {
    const colour = user[field]
    if (typeof colour === 'string' && COLOUR.test(colour)) checked[field] = colour
  }
  return checked
}
