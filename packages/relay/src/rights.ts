import type { ChangeHeader, RefusalCode, TouchedRef } from '@syncline/protocol'

/** What somebody may be allowed in a space: to follow it, to change it, to show themselves in it; `admin`, to bring back what the relay has lost of it. */
export type Action = 'read' | 'write' | 'presence' | 'admin'

/** Who acts, as their credential says. */
export interface Identity {
  /** A name that stays theirs: writers and what they write under belong to it. */
  readonly principal: string
  /** When the credential is over, in milliseconds since 1970; absent, never. The client is asked for another one in time. */
  readonly untilMs?: number
  /** What it says beside that, for `authorize`. */
  readonly claims?: unknown
}

/** Whether somebody may do something; of `write` also which refs they may write, where these are not all. */
export type Right = boolean | ((ref: TouchedRef) => boolean)

/** Says what somebody may do in a space. */
export type Authorize = (who: Identity, space: string, action: Action) => Right | Promise<Right>

/** What a Change of somebody is judged by. */
export interface Actor {
  readonly principal: string
  readonly rights: Rights | undefined
}

/** The refusal of all that somebody who may not write has written. */
export const READ_ONLY: RefusalCode = 'read-only'

const allowed = Promise.resolve()

/** What one session may do, as far as it was asked: for as long as its credential is good. */
export class Rights {
  readonly #who: Identity
  readonly #authorize: Authorize
  /** By action and space. */
  readonly #known = new Map<string, Right>()

  constructor(who: Identity, authorize: Authorize) {
    this.#who = who
    this.#authorize = authorize
  }

  /** Whether it may do something; what was not found out it may not. */
  has(space: string, action: Action): boolean {
    return this.get(space, action) !== false
  }

  get(space: string, action: Action): Right {
    return this.#known.get(keyOf(space, action)) ?? false
  }

  /** Finds out about some spaces; undefined when that is known, or was answered at once. Throws and rejects as `authorize` does. */
  find(spaces: Iterable<string>, action: Action): Promise<unknown> | undefined {
    let open: Promise<void>[] | undefined
    for (const space of spaces) {
      const key = keyOf(space, action)
      if (this.#known.has(key)) continue
      const right = this.#authorize(this.#who, space, action)
      if (!(right instanceof Promise)) this.#known.set(key, right)
      else (open ??= [allowed]).push(right.then((found) => void this.#known.set(key, found)))
    }
    return open && Promise.all(open)
  }

  /** Of somebody who has said anew who they are: what is known of these rights, found out again. */
  async again(who: Identity): Promise<Rights> {
    const rights = new Rights(who, this.#authorize)
    for (const key of this.#known.keys()) {
      const at = key.indexOf(' ')
      // The first word of a key is an action.
      await rights.find([key.slice(at + 1)], key.slice(0, at) as Action)
    }
    return rights
  }

  /** Why a Change may not be written, if so. Without a header nobody knows what it writes. */
  flawIn(
    space: string,
    header: ChangeHeader | undefined,
  ): { readonly code: string; readonly message: string } | undefined {
    const right = this.get(space, 'write')
    if (right === true) return undefined
    if (right === false) {
      return { code: READ_ONLY, message: 'You may read this space and not write to it. Ask who runs it for the right.' }
    }
    const strange = header?.touched.find((ref) => !right(ref))
    if (header !== undefined && strange === undefined) return undefined
    const what = strange === undefined ? 'what this Change writes' : `"${strange.address}"`
    return { code: 'forbidden', message: `You may not write ${what} in this space. Ask who runs it for the right.` }
  }
}

function keyOf(space: string, action: Action): string {
  return `${action} ${space}`
}
