import type { FailureCode, Frame } from '@syncline/protocol'
import { atMoment, LONGEST_MS } from './lease.ts'
import type { Clock, RelayLog } from './ports.ts'
import { Rights, type Action, type Actor, type Authorize, type Identity } from './rights.ts'

/** Who acts, or why not. */
export type Admission = Identity | { readonly denied: string }

/** What is known of a client when it says who it is. */
export interface ClientDetails {
  /** What the client says it is. */
  readonly agent: string
  /** The version of the app's schema. */
  readonly schema: number
  /** Where it comes from, as the listener knows. */
  readonly address: string
}

/** What a standing needs of the relay around it. */
export interface StandingHost {
  readonly clock: Clock
  readonly log: RelayLog
  authenticate(credential: Uint8Array, client: ClientDetails): Admission | Promise<Admission>
  readonly authorize?: Authorize | undefined
  flush(): void
}

/** The session whose standing it is. */
export interface Member {
  readonly id: string
  say(frame: Frame): void
  /** The rights may be others now. */
  onRights(): void
  end(code: FailureCode, message: string): void
}

/** Who a client is and what it may do, for as long as its credential is good. */
export class Standing implements Actor {
  #who: Identity
  #rights: Rights | undefined
  readonly #client: ClientDetails
  readonly #member: Member
  readonly #host: StandingHost
  #cancel: (() => void) | undefined
  #isRenewing = false
  #isOver = false

  constructor(who: Identity, client: ClientDetails, member: Member, host: StandingHost) {
    this.#who = who
    this.#client = client
    this.#member = member
    this.#host = host
    this.#rights = host.authorize && new Rights(who, host.authorize)
  }

  get principal(): string {
    return this.#who.principal
  }

  get rights(): Rights | undefined {
    return this.#rights
  }

  /** Whether it may do something that was found out about. */
  may(space: string, action: Action): boolean {
    return this.#rights?.has(space, action) ?? true
  }

  /** Tells the client how long its credential is good, and ends the session when it is not any more. */
  begin(): void {
    const { untilMs } = this.#who
    this.#cancel?.()
    this.#cancel = undefined
    if (untilMs === undefined || this.#isOver) return
    const { clock, flush } = this.#host
    this.#member.say({ type: 'expires', inMs: Math.min(LONGEST_MS, Math.max(0, Math.floor(untilMs - clock.nowMs()))) })
    this.#cancel = atMoment(clock, untilMs, () => {
      this.#member.end('unauthenticated', 'Your credential is over. Connect again with a new one.')
      flush()
    })
  }

  /** The client has another credential: one at a time is looked at, and meanwhile the one before is good. */
  async renew(credential: Uint8Array): Promise<void> {
    if (this.#isRenewing) return
    this.#isRenewing = true
    try {
      const admission = await this.#host.authenticate(credential, this.#client)
      await this.#prolong(admission)
    } catch (error) {
      const { log } = this.#host
      log.error({ session: this.#member.id, err: error }, 'The new credential of a client could not be looked at.')
      // It may try again while the one before is good.
      this.begin()
    } finally {
      this.#isRenewing = false
      this.#host.flush()
    }
  }

  async #prolong(admission: Admission): Promise<void> {
    if (this.#isOver) return
    if ('denied' in admission) return this.#member.end('unauthenticated', admission.denied)
    if (admission.principal !== this.principal)
      return this.#member.end('unauthenticated', 'Your new credential is that of somebody else. Connect again with it.')
    // What is on its way is judged by what is known: nothing may be unknown that was known.
    const rights = await this.#rights?.again(admission)
    if (this.#isOver) return
    this.#who = admission
    this.#rights = rights
    this.begin()
    this.#member.onRights()
  }

  end(): void {
    this.#isOver = true
    this.#cancel?.()
  }
}
