import * as decoding from 'lib0/decoding'
import { isRoot } from './doc-roots.ts'
import { MAX_LEVELS, unfit, whyUnfit } from './doc-values.ts'
import { bytesLeft, readString } from './update.ts'
import type { Grammar, Parent } from './update.ts'

/** The types that a document may be made of. */
export type TypeKind = 'array' | 'map' | 'text' | 'element' | 'fragment' | 'xmlText'

/** What an item of a document holds. `gone` stands where Yjs has forgotten even what there was. */
export type Holding = TypeKind | 'any' | 'binary' | 'deleted' | 'embed' | 'format' | 'gone' | 'string'

// Content types of the update format, version 1 (yjs/src/structs/Item.js), and of nested types (ContentType.js).
const GONE = 0
const DELETED = 1
const BINARY = 3
const STRING = 4
const EMBED = 5
const FORMAT = 6
const TYPE = 7
const ANY = 8
const TYPES: readonly (TypeKind | undefined)[] = ['array', 'map', 'text', 'element', 'fragment', undefined, 'xmlText']
const ELEMENT = 3

/** What a `doc` may hold: nested types, and values that everybody gets back as they were. No documents in documents, and no hooks. */
export const docGrammar: Grammar<Holding> = {
  checkPlace(parent: Parent | undefined): void {
    if (parent === undefined) return
    const { root, key } = parent
    if (root !== undefined && !isRoot(root)) {
      throw new Error(
        `it writes into the root ${JSON.stringify(root)}, and a doc has none but fragment, text, map and array`,
      )
    }
    if (key !== undefined) checkKey(key)
  },
  readContent(decoder, type) {
    switch (type) {
      case GONE:
        return { holding: 'gone', length: decoding.readVarUint(decoder) }
      case DELETED:
        return { holding: 'deleted', length: decoding.readVarUint(decoder) }
      case BINARY:
        skipBytes(decoder)
        return { holding: 'binary', length: 1 }
      case STRING:
        return { holding: 'string', length: readString(decoder).length }
      case EMBED:
        checkJson(readString(decoder))
        return { holding: 'embed', length: 1 }
      case FORMAT:
        checkKey(readString(decoder))
        checkJson(readString(decoder))
        return { holding: 'format', length: 1 }
      case TYPE:
        return { holding: readType(decoder), length: 1 }
      case ANY: {
        const length = decoding.readVarUint(decoder)
        if (length > bytesLeft(decoder)) throw new Error(`it announces ${length} values in too few bytes`)
        for (let left = length; left > 0; left--) skipAny(decoder, 0)
        return { holding: 'any', length }
      }
      default:
        throw new Error(`it holds content of type ${type}, which a doc does not have`)
    }
  },
}

function readType(decoder: decoding.Decoder): TypeKind {
  const ref = decoding.readVarUint(decoder)
  const kind = TYPES[ref]
  if (kind === undefined) throw new Error(`it holds a nested type of kind ${ref}, which a doc does not have`)
  if (ref === ELEMENT) readString(decoder)
  return kind
}

/** Yjs collects keys in plain objects, where this one is taken as the prototype. */
export function checkKey(key: string): void {
  if (key === '__proto__') throw new Error('it has the key "__proto__", which Yjs would take as a prototype')
}

function checkJson(text: string): void {
  checkNesting(text)
  const value: unknown = JSON.parse(text)
  const why = whyUnfit(value, true)
  if (why !== undefined) throw new Error(why)
}

/** Before it is parsed: how deep a parser goes before it gives up is another number in every browser. */
function checkNesting(json: string): void {
  let depth = 0
  let quoted = false
  for (let i = 0; i < json.length; i++) {
    const unit = json[i]
    if (quoted) {
      if (unit === '\\') i++
      else if (unit === '"') quoted = false
    } else if (unit === '"') quoted = true
    else if (unit === '{' || unit === '[') {
      if (++depth > MAX_LEVELS) throw new Error(unfit.tooDeep)
    } else if (unit === '}' || unit === ']') depth--
  }
}

/** Goes over a value as `writeAny` of lib0 writes it, and makes nothing of it: what is refused costs nothing but the look. Returns how many values it is. */
export function skipAny(decoder: decoding.Decoder, depth: number): number {
  const type = decoding.readUint8(decoder)
  switch (type) {
    case 127: // undefined
      // Where a key has no value: as that of a map it reads as absent.
      return 1
    case 126: // null
    case 121: // false
    case 120: // true
      return 1
    case 125:
      decoding.readVarInt(decoder)
      return 1
    case 124:
      skip(decoder, 4)
      return 1
    case 123:
      skip(decoder, 8)
      return 1
    case 122:
      throw new Error(unfit.bigint)
    case 119:
      readString(decoder)
      return 1
    case 118:
    case 117: {
      if (depth + 1 > MAX_LEVELS) throw new Error(unfit.tooDeep)
      const count = decoding.readVarUint(decoder)
      if (count > bytesLeft(decoder)) throw new Error(`it announces ${count} values in too few bytes`)
      let values = 1
      for (let left = count; left > 0; left--) {
        if (type === 118) checkKey(readString(decoder))
        else if (decoder.arr[decoder.pos] === 127) throw new Error(unfit.undefinedItem)
        values += skipAny(decoder, depth + 1)
      }
      return values
    }
    case 116:
      skipBytes(decoder)
      return 1
    default:
      throw new Error(`it holds a value of type ${type}, which there is not`)
  }
}

function skipBytes(decoder: decoding.Decoder): void {
  skip(decoder, decoding.readVarUint(decoder))
}

function skip(decoder: decoding.Decoder, count: number): void {
  if (count > bytesLeft(decoder)) throw new Error('a value ends after the last byte')
  decoder.pos += count
}
