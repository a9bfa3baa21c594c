import * as Y from 'yjs'
import { checkKey } from './doc-grammar.ts'
import { plain, unfit, whyUnfit } from './doc-values.ts'
import { CUT, cutsPair, LONE_SURROGATE } from './halves.ts'

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
  return cutsPair(transaction, history) ? CUT : undefined
}

function lookAt({ content, parentSub }: Y.Item): string | undefined {
  try {
    if (parentSub !== null) checkKey(parentSub)
    if (content instanceof Y.ContentFormat) checkKey(content.key)
  } catch (error) {
    return (error as Error).message
  }
  // Yjs takes whatever it is given for a key or a name, and others get it as a string.
  if (parentSub !== null && typeof parentSub !== 'string') return unfit.name
  if (parentSub !== null && LONE_SURROGATE.test(parentSub)) return unfit.surrogate
  if (content instanceof Y.ContentString) return LONE_SURROGATE.test(content.str) ? unfit.surrogate : undefined
  if (content instanceof Y.ContentEmbed) return keep(content.embed, true)
  if (content instanceof Y.ContentFormat) {
    return LONE_SURROGATE.test(content.key) ? unfit.surrogate : keep(content.value, true)
  }
  if (content instanceof Y.ContentType) {
    const { type } = content
    if (!(type instanceof Y.XmlElement)) return undefined
    if (typeof type.nodeName !== 'string') return unfit.name
    return LONE_SURROGATE.test(type.nodeName) ? unfit.surrogate : undefined
  }
  if (content instanceof Y.ContentBinary) {
    // The very bytes that it was given, or a view on them.
    content.content = content.content.slice()
    return undefined
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
