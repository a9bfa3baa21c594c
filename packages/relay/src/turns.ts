import type { ChangeHeader } from '@syncline/protocol'
import type { Clock } from './ports.ts'
import type { Subscription } from './subscription.ts'

/** Who has lost so often, one time after the other, gets a turn. */
const LOSSES = 3
/** How long a turn is at most: time to hear of the loss, run the transaction once more, and send what it says now. */
const TURN_MS = 200

/**
 * Whose turn it is in a space to have an envelope judged. Of many who want the same again and again the nearest would win each time, and somebody far away never; so
 * who has lost three times in a row is waited for: what others want of the same refs is not judged before that, or 200 ms later. Those who have lost as often take their
 * turns in the order in which they did. A class, as there are many spaces, of which most have no envelopes.
 */
export class Turns {
  readonly #clock: Clock
  readonly #onEnd: () => void
  #losses: Map<Subscription, number> | undefined
  /** Who waits for a turn, and what it is about, in order. */
  #line: Map<Subscription, ReadonlySet<string>> | undefined
  #turn: { readonly of: Subscription; readonly names: ReadonlySet<string>; cancel(): void } | undefined
  #isOver = false

  /** Those of a space. `onEnd` is called when a turn is over: what was held may be judged, if it is not held for another. */
  constructor(clock: Clock, onEnd: () => void) {
    this.#clock = clock
    this.#onEnd = onEnd
  }

  /** Whether an envelope of a client is to wait, for it is the turn of another. */
  isHeld(subscription: Subscription, envelope: ChangeHeader): boolean {
    const turn = this.#turn
    if (turn === undefined || turn.of === subscription) return false
    for (const name of namesIn(envelope)) if (turn.names.has(name)) return true
    return false
  }

  /** An envelope was accepted, or has lost: what it expected was not so any more. */
  judged(subscription: Subscription, envelope: ChangeHeader, hasLost: boolean): void {
    if (this.#isOver) return
    if (!hasLost) return this.leave(subscription)
    const losses = (this.#losses ??= new Map())
    const count = (losses.get(subscription) ?? 0) + 1
    losses.set(subscription, count)
    if (count < LOSSES || this.#turn?.of === subscription) return
    const line = (this.#line ??= new Map())
    if (!line.has(subscription)) line.set(subscription, new Set(namesIn(envelope)))
    if (this.#turn === undefined) this.#next()
  }

  /** Nobody waits for who is gone. */
  leave(subscription: Subscription): void {
    this.#losses?.delete(subscription)
    this.#line?.delete(subscription)
    if (this.#turn?.of === subscription) this.#next()
  }

  /** There are no more turns from now on. */
  end(): void {
    this.#isOver = true
    this.#line = undefined
    if (this.#turn !== undefined) this.#next()
  }

  #next(): void {
    this.#turn?.cancel()
    this.#turn = undefined
    for (const [of, names] of this.#line ?? none) {
      this.#line?.delete(of)
      this.#turn = { of, names, cancel: this.#clock.setTimer(TURN_MS, () => this.#next()) }
      break
    }
    this.#onEnd()
  }
}

const none: readonly never[] = []

/** What an envelope writes and expects, each ref by its collection if it is in one. */
function* namesIn({ touched, expectations }: ChangeHeader): Iterable<string> {
  for (const { address, arbiter } of touched) if (arbiter === 'relay') yield collectionOf(address)
  for (const expected of expectations ?? []) {
    yield expected.kind === 'ref' ? collectionOf(expected.address) : expected.collection
  }
}

function collectionOf(address: string): string {
  const slash = address.indexOf('/')
  return slash === -1 ? address : address.slice(0, slash)
}
