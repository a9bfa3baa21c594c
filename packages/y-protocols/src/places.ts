import { isSpaceName } from '@syncline/protocol'
import { checkMemberId, checkName } from '@syncline/stm'
import type { CodecTag } from '@syncline/yjs/codec'

/**
 * What the roots of a ref are called in the documents of its clients: of a `text` its `text`, of a `doc` its `fragment`, `text`, `map` and `array`. Those that are not named have their own names
 * there, unless a client writes under another one first.
 */
export interface Roots {
  readonly fragment?: string
  readonly text?: string
  readonly map?: string
  readonly array?: string
}

/** The ref that is behind a path. */
export interface PlaceRef {
  readonly tag: CodecTag
  /** Its name, or the name and the id of a member: `note/card-1`. */
  readonly address: string
  readonly roots?: Roots
}

/** Where a path leads. */
export interface Place {
  readonly space: string
  readonly ref: PlaceRef
}

/**
 * Where the path of a client leads by default: `<space>/text/<name>` and `<space>/doc/<name>`, both also with an id behind the name. Parts are percent-encoded where need be. Undefined for others.
 *
 * @example
 * import { placeOf } from '@syncline/y-protocols'
 *
 * expect(placeOf('board/text/note/card-1')).toEqual({ space: 'board', ref: { tag: 'text', address: 'note/card-1' } })
 * expect(placeOf('board/doc/page')).toEqual({ space: 'board', ref: { tag: 'doc', address: 'page' } })
 * expect(placeOf('board')).toBe(undefined)
 */
export function placeOf(path: string): Place | undefined {
  const [space, tag, name, ...rest] = path.split('/').map(decoded)
  if (space === undefined || name === undefined || !isSpaceName(space)) return undefined
  if ((tag !== 'text' && tag !== 'doc') || rest.includes(undefined)) return undefined
  try {
    const address = rest.length === 0 ? checkName(name) : `${checkName(name)}/${checkMemberId(rest.join('/'))}`
    return { space, ref: { tag, address } }
  } catch {
    return undefined
  }
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}
