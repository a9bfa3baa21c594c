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
 * turns in the order in which they did.
 */
export interface Turns {
  /** Whether an envelope of a client is to wait, for it is the turn of another. */
  isHeld(subscription: Subscription, envelope: ChangeHeader): boolean
  /** An envelope was accepted, or has lost: what it expected was not so any more. */
  judged(subscription: Subscription, envelope: ChangeHeader, hasLost: boolean): void
  /** Nobody waits for who is gone. */
  leave(subscription: Subscription): void
  /** There are no more turns from now on. */
  end(): void
}

/** Those of a space. `onEnd` is called when a turn is over: what was held may be judged, if it is not held for another. */
export function createTurns(clock: Clock, onEnd: () => void): Turns {
  const losses = new Map<Subscription, number>()
  /** Who waits for a turn, and what it is about, in order. */
  const line = new Map<Subscription, ReadonlySet<string>>()
  let turn: { readonly of: Subscription; readonly names: ReadonlySet<string>; cancel(): void } | undefined
  let isOver = false

  function next(): void {
    turn?.cancel()
    turn = undefined
    for (const [of, names] of line) {
      line.delete(of)
      turn = { of, names, cancel: clock.setTimer(TURN_MS, next) }
      break
    }
    onEnd()
  }

  return {
    isHeld(subscription, envelope) {
      if (turn === undefined || turn.of === subscription) return false
      for (const name of namesIn(envelope)) if (turn.names.has(name)) return true
      return false
    },
    judged(subscription, envelope, hasLost) {
      if (isOver) return
      if (!hasLost) {
        losses.delete(subscription)
        line.delete(subscription)
        if (turn?.of === subscription) next()
        return
      }
      const count = (losses.get(subscription) ?? 0) + 1
      losses.set(subscription, count)
      if (count < LOSSES || turn?.of === subscription) return
      if (!line.has(subscription)) line.set(subscription, new Set(namesIn(envelope)))
      if (turn === undefined) next()
    },
    leave(subscription) {
      losses.delete(subscription)
      line.delete(subscription)
      if (turn?.of === subscription) next()
    },
    end() {
      isOver = true
      line.clear()
      if (turn !== undefined) next()
    },
  }
}

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
