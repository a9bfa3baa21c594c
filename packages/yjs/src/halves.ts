import * as Y from 'yjs'
import { lyingIn } from './characters.ts'
import { rangeOf } from './stretches.ts'

/** Half of a character of two code units that stands without the other half. */
export const LONE_SURROGATE: RegExp = /\p{Surrogate}/u

/** Why no document takes half a character. */
export const HALF = 'it holds half of a surrogate pair, in place of which others get U+FFFD'
export const CUT = 'it cuts a character that takes two code units'

/** What a transaction has done to characters of two code units in a text; undefined when they are whole. As {@link cutsPair}. */
export function whyHalved(transaction: Y.Transaction, history: () => Iterable<Uint8Array>): string | undefined {
  for (const str of insertedStrings(transaction)) if (LONE_SURROGATE.test(str)) return HALF
  return cutsPair(transaction, history) ? CUT : undefined
}

/** What a transaction has inserted and left, by items. To be asked once its observers are called. */
export function* insertedStrings({ doc, beforeState, afterState }: Y.Transaction): Generator<string> {
  for (const [client, end] of afterState) {
    const clock = beforeState.get(client) ?? 0
    if (clock === end) continue
    for (const { struct } of lyingIn(doc, rangeOf(client, clock, end)))
      if (struct instanceof Y.Item && struct.content instanceof Y.ContentString) yield struct.content.str
  }
}

/**
 * Whether a transaction has cut a character in two: Yjs then shows two others, here and everywhere. `history` lists the updates that the
 * document was made of, with those of this transaction: it is asked in doubt only.
 */
export function cutsPair({ _mergeStructs }: Y.Transaction, history: () => Iterable<Uint8Array>): boolean {
  return _mergeStructs.some((right) => isCut(right) && wasPair(history(), right.id))
}

/** Where Yjs cuts a surrogate pair it puts U+FFFD in place of both halves. */
function isCut(right: Y.AbstractStruct): boolean {
  if (!(right instanceof Y.Item) || !(right.content instanceof Y.ContentString)) return false
  return right.content.str.startsWith('\ufffd')
}

/** Whether a surrogate pair was written where a cut was made just before `id`, and not two U+FFFD. */
function wasPair(history: Iterable<Uint8Array>, { client, clock }: Y.ID): boolean {
  for (const update of history) {
    for (const struct of Y.decodeUpdate(update).structs) {
      if (!(struct instanceof Y.Item) || struct.id.client !== client || !(struct.content instanceof Y.ContentString))
        continue
      const index = clock - struct.id.clock
      if (index < 1 || index >= struct.length) continue
      const unit = struct.content.str.charCodeAt(index - 1)
      return unit >= 0xd800 && unit <= 0xdbff
    }
  }
  return false
}
