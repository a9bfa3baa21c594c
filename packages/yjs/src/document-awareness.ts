import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'

/** What an editor binding needs of an awareness, seen from one document. Pass it to `yCollab` or to `yCursorPlugin`. */
export interface DocumentAwareness {
  readonly clientID: number
  readonly doc: Y.Doc
  /** As `getStates()`. */
  readonly states: Map<number, AwarenessState>
  /** Our own state. `cursor` is there when our cursor stands in this document. */
  getLocalState(): AwarenessState | null
  setLocalStateField(field: string, value: unknown): void
  /** The states of all, with the cursors that stand in this document. The same map until somebody changes. */
  getStates(): Map<number, AwarenessState>
  on(event: 'change' | 'update', listener: AwarenessListener): void
  off(event: 'change' | 'update', listener: AwarenessListener): void
  /** Takes our cursor out of this document. Called by `close()` of the handle. */
  close(): void
}

/** The state of one session, as bindings know it: `user`, `cursor` and whatever the app adds. */
export type AwarenessState = Record<string, unknown>

/** Called with the ids of those who changed. */
export type AwarenessListener = (
  changes: { added: number[]; updated: number[]; removed: number[] },
  origin: unknown,
) => void

/** A document that cursors may stand in. */
export interface CursorPlace {
  readonly address: string
  readonly isRoot: (name: unknown) => boolean
  /** The document itself, for bindings that look there for our own id; undefined when they look in the awareness. */
  readonly doc?: () => Y.Doc
}

/**
 * One session has one awareness and may have many documents open, but a cursor names only a character, and the same name is another
 * character in another document. So a cursor is sent together with the address of its document, and shown in that document only.
 *
 * What others send is checked here, because bindings do not: a malformed position would end the binding, a colour goes into a style.
 */
export function openDocumentAwareness(awareness: Awareness, place: CursorPlace): DocumentAwareness {
  const { address, isRoot } = place
  const docOf = place.doc ?? ((): Y.Doc => awareness.doc)
  /** What was given to `on`, and what was put in its place, which names us as the states do. */
  const heard = {
    change: new Map<AwarenessListener, AwarenessListener>(),
    update: new Map<AwarenessListener, AwarenessListener>(),
  }
  let states: Map<number, AwarenessState> | undefined
  /** Under which id we are in `states`. */
  let self = docOf().clientID
  const forget = (): void => {
    states = undefined
  }
  awareness.on('change', forget)

  function here(state: AwarenessState): boolean {
    return isObject(state['cursor']) && state['cursor']['in'] === address
  }

  const view: DocumentAwareness = {
    get clientID() {
      return docOf().clientID
    },
    get doc() {
      return docOf()
    },
    get states() {
      return view.getStates()
    },
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
      // A document that is made anew takes another id.
      if (states === undefined || self !== docOf().clientID) {
        states = new Map()
        self = docOf().clientID
        for (const [client, state] of awareness.getStates() as Map<number, AwarenessState>) {
          states.set(client === awareness.clientID ? self : client, {
            ...state,
            user: checkUser(state['user']),
            cursor: here(state) ? checkCursor(state['cursor'], isRoot) : null,
          })
        }
      }
      return states
    },
    on(event, listener) {
      const named = (ids: number[]): number[] => ids.map((id) => (id === awareness.clientID ? docOf().clientID : id))
      const renamed: AwarenessListener = ({ added, updated, removed }, origin) =>
        listener({ added: named(added), updated: named(updated), removed: named(removed) }, origin)
      view.off(event, listener)
      heard[event].set(listener, renamed)
      awareness.on(event, renamed)
    },
    off(event, listener) {
      const renamed = heard[event].get(listener)
      if (renamed === undefined) return
      heard[event].delete(listener)
      awareness.off(event, renamed)
    },
    close() {
      view.setLocalStateField('cursor', null)
      for (const event of ['change', 'update'] as const)
        for (const listener of heard[event].keys()) view.off(event, listener)
      awareness.off('change', forget)
    },
  }
  return view
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function checkCursor(cursor: unknown, isRoot: (name: unknown) => boolean): AwarenessState | null {
  if (!isObject(cursor)) return null
  const anchor = checkPosition(cursor['anchor'], isRoot)
  const head = checkPosition(cursor['head'], isRoot)
  return anchor === null || head === null ? null : { anchor, head }
}

/** A relative position in the document, or null: before or after an item, or in a type, by its root name or its item. */
function checkPosition(position: unknown, isRoot: (name: unknown) => boolean): AwarenessState | null {
  if (!isObject(position)) return null
  const { type, item, tname, assoc } = position
  if (assoc !== undefined && !Number.isInteger(assoc)) return null
  const side = assoc === undefined ? 0 : assoc
  const [inside, beside] = [checkId(type), checkId(item)]
  if (inside === undefined || beside === undefined) return null
  const root = inside === null && beside === null && isRoot(tname) ? tname : null
  if (inside === null && beside === null && root === null) return null
  return { type: inside, tname: root, item: beside, assoc: side }
}

/** Null when there is none, undefined when there is something else. */
function checkId(id: unknown): { readonly client: number; readonly clock: number } | null | undefined {
  if (id === null || id === undefined) return null
  if (!isObject(id) || !isClock(id['client']) || !isClock(id['clock'])) return undefined
  return { client: id['client'], clock: id['clock'] }
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
