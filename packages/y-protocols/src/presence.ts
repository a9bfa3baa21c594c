import type { YLimits } from './limits.ts'
import type { Shown } from './words.ts'

/** Who may show something of themselves. */
export interface Shower {
  /** Who they are, where that is known. */
  readonly principal: string | undefined
  say(shown: readonly Shown[]): void
  /** Asks whether they are there. `then` is told once whether they have answered in time. */
  ask(then: (isThere: boolean) => void): void
  /** Ends who does not answer. */
  end(): void
}

interface Held {
  readonly owner: Shower
  readonly clock: number
  readonly state: string
  readonly atMs: number
}

/** So many of those who have gone are remembered. */
const MOST_GONE = 10_000

const NOTHING = 'null'

/**
 * Who shows what of themselves in one document. Each connection shows one Yjs client, the first that it shows and nobody else does: clients say again what they have heard of others, and
 * that is not theirs to say.
 */
export class Presence {
  readonly #everybody: ReadonlySet<Shower>
  readonly #limits: YLimits
  readonly #held = new Map<number, Held>()
  readonly #own = new Map<Shower, number>()
  /** Up to which clock others know of those who have gone. */
  readonly #gone = new Map<number, number>()
  /** Who says to be the one who is held by somebody else, who was asked. */
  readonly #claims = new Map<number, { readonly by: Shower; readonly shown: Shown }>()

  constructor(everybody: ReadonlySet<Shower>, limits: YLimits) {
    this.#everybody = everybody
    this.#limits = limits
  }

  /** All that is shown now. */
  get all(): readonly Shown[] {
    return [...this.#held].map(([client, { clock, state }]) => ({ client, clock, state }))
  }

  /** Takes what somebody shows. */
  show(by: Shower, shown: Iterable<Shown>, nowMs: number): void {
    const news: Shown[] = []
    for (const one of shown) if (this.#take(by, one, nowMs)) news.push(one)
    if (news.length > 0) this.#tell(news)
  }

  /** Somebody has gone, and what they have shown with them. */
  leave(by: Shower): void {
    const client = this.#own.get(by)
    this.#own.delete(by)
    for (const [claimed, claim] of this.#claims) if (claim.by === by) this.#claims.delete(claimed)
    if (client !== undefined && this.#held.get(client)?.owner === by) this.#remove(client)
  }

  /** Ends what was not shown again for too long. */
  expire(nowMs: number): void {
    for (const [client, { atMs }] of this.#held) if (nowMs - atMs > this.#limits.presenceTimeoutMs) this.#remove(client)
  }

  #take(by: Shower, shown: Shown, nowMs: number): boolean {
    const { client, clock, state } = shown
    const own = this.#own.get(by)
    if (own !== undefined && own !== client) return false
    const held = this.#held.get(client)
    if (held !== undefined && held.owner !== by && !this.#takesOver(by, held, shown)) return false
    if (state === NOTHING) {
      if (held === undefined || clock < held.clock) return false
      this.#held.delete(client)
      this.#noteGone(client, clock)
      return true
    }
    if (Buffer.byteLength(state) > this.#limits.maxPresenceBytes || !isJson(state)) return false
    const gone = this.#gone.get(client)
    if (held === undefined && gone !== undefined && clock <= gone) {
      // Others take no news of this clock any more. Who is told that they have gone says again, under a greater one, that they have not.
      by.say([{ client, clock: gone, state: NOTHING }])
      return false
    }
    if (held !== undefined && clock <= held.clock) return false
    this.#own.set(by, client)
    this.#gone.delete(client)
    this.#held.set(client, { owner: by, clock, state, atMs: nowMs })
    return true
  }

  /** Whether it is the same one who has come back; otherwise the other one is asked. */
  #takesOver(by: Shower, held: Held, shown: Shown): boolean {
    const { client } = shown
    // Somebody shows already what they are; this is what they have heard.
    if (this.#own.has(by) && shown.clock <= held.clock) return false
    if (by.principal !== undefined && by.principal === held.owner.principal) {
      this.#own.delete(held.owner)
      this.#held.delete(client)
      this.#noteGone(client, held.clock)
      return true
    }
    const isAsked = this.#claims.has(client)
    this.#claims.set(client, { by, shown })
    if (isAsked) return false
    held.owner.ask((isThere) => {
      const claim = this.#claims.get(client)
      this.#claims.delete(client)
      if (isThere) return
      held.owner.end()
      this.leave(held.owner)
      if (claim !== undefined && this.#everybody.has(claim.by)) this.show(claim.by, [claim.shown], Date.now())
    })
    return false
  }

  #remove(client: number): void {
    const { clock } = this.#held.get(client)!
    this.#held.delete(client)
    this.#noteGone(client, clock)
    this.#tell([{ client, clock, state: NOTHING }])
  }

  #noteGone(client: number, clock: number): void {
    this.#gone.delete(client)
    this.#gone.set(client, clock)
    if (this.#gone.size <= MOST_GONE) return
    for (const oldest of this.#gone.keys()) {
      this.#gone.delete(oldest)
      return
    }
  }

  /** Also who has shown it: clients count on hearing of themselves. */
  #tell(shown: readonly Shown[]): void {
    for (const one of this.#everybody) one.say(shown)
  }
}

/** Who gets what is none throws. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
