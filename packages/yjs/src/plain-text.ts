import * as decoding from 'lib0/decoding'
import * as Y from 'yjs'
import type { Content } from './content.ts'
import { whyHalved } from './halves.ts'
import { TEXT_KEY } from './text-key.ts'
import { parseUpdate, readString } from './update.ts'
import type { Grammar, Held, Parent } from './update.ts'

// Content types of the update format, version 1 (yjs/src/structs/Item.js).
const GONE = 0
const DELETED = 1
const STRING = 4

/**
 * Strings and deleted stretches in the root text, and what has gone: where the document was imported from another one, that is what stood
 * in other roots. Embeds, formats, nested types and other roots are not plain text.
 */
const grammar: Grammar<'string' | 'deleted' | 'gone'> = {
  checkPlace(parent: Parent | undefined, keyed: boolean): void {
    if (keyed) throw new Error('it sets an attribute, and a plain text has none')
    if (parent === undefined) return
    const { root } = parent
    if (root === undefined) throw new Error('it writes into a nested type')
    if (root !== TEXT_KEY)
      throw new Error(`it writes into the root ${JSON.stringify(root)}, not into ${JSON.stringify(TEXT_KEY)}`)
  },
  readContent(decoder: decoding.Decoder, type: number): Held<'string' | 'deleted' | 'gone'> {
    if (type === STRING) return { holding: 'string', length: readString(decoder).length }
    if (type === DELETED) return { holding: 'deleted', length: decoding.readVarUint(decoder) }
    if (type === GONE) return { holding: 'gone', length: decoding.readVarUint(decoder) }
    throw new Error(`it holds content of type ${type}, and a plain text holds characters only`)
  },
}

/** The characters of a `text` ref, in the root `text`. */
export const plainText: Content<string> = {
  name: 'text',
  advice: 'Write nothing but strings of whole characters, into the Y.Text.',
  empty: '',
  hasGenerations: true,
  create: (guid = '') => new Y.Doc({ guid }),
  parse: (update) => parseUpdate(update, grammar),
  problem: whyHalved,
  read: (doc) => doc.getText(TEXT_KEY).toString(),
}
