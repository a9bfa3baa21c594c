import * as Y from 'yjs'
import { checkKey } from './doc-grammar.ts'
import { plain, unfit, whyUnfit } from './doc-values.ts'

const LONE_SURROGATE = /\p{Surrogate}/u

/**
 * What a transaction has put into a document that others would get otherwise than it is here; undefined when they get it as it is. Of all
 * that Yjs takes without a word: what encoding changes, and characters that were cut in two. `history` lists the updates that the document was
 * made of, with those of this transaction: it is asked in doubt only.
 */
export function whyChanged(transaction: Y.Transaction, history: () => Iterable<Uint8Array>): string | undefined {
  const { doc, beforeState, afterState } = transaction
  for (const [client, after] of afterState) {
    const before = beforeState.get(client) ?? 0
    if (before === after) continue
    const structs = doc.store.clients.get(client) ?? []
    for (let i = Y.findIndexSS(structs, before); i < structs.length; i++) {
      const struct = structs[i]!
      const why = struct instanceof Y.Item ? lookAt(struct) : undefined
      if (why !== undefined) return why
    }
  }
  for (const right of transaction._mergeStructs) {
    if (isCut(right) && wasPair(history(), right.id)) return 'it cuts a character that takes two code units'
  }
  return undefined
}

function lookAt({ content, parentSub }: Y.Item): string | undefined {
  try {
    if (parentSub !== null) checkKey(parentSub)
    if (content instanceof Y.ContentFormat) checkKey(content.key)
  } catch (error) {
    return (error as Error).message
  }
  if (parentSub !== null && LONE_SURROGATE.test(parentSub)) return unfit.surrogate
  if (content instanceof Y.ContentString) return LONE_SURROGATE.test(content.str) ? unfit.surrogate : undefined
  if (content instanceof Y.ContentEmbed) return keep(content.embed, true)
  if (content instanceof Y.ContentFormat) {
    return LONE_SURROGATE.test(content.key) ? unfit.surrogate : keep(content.value, true)
  }
  if (content instanceof Y.ContentType) {
    const { type } = content
    return type instanceof Y.XmlElement && LONE_SURROGATE.test(type.nodeName) ? unfit.surrogate : undefined
  }
  if (!(content instanceof Y.ContentAny)) return undefined
  for (const value of content.arr) {
    const why = keep(value, false)
    if (why !== undefined) return why
  }
  return undefined
}

/** Yjs holds the very object that it was given. What it says now is what others get, whatever an app does to it later. */
function keep(value: unknown, json: boolean): string | undefined {
  const why = whyUnfit(value, json)
  if (why === undefined) plain(value)
  return why
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
