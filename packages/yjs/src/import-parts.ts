import type { AnyRef } from '@syncline/stm'
import type { Content } from './content.ts'
import { isRoot } from './doc-roots.ts'
import type { RootName } from './doc-roots.ts'
import type { DocRef } from './doc.ts'
import { TAG as DOC } from './doc.ts'
import { YjsError } from './errors.ts'
import { plainText } from './plain-text.ts'
import { TEXT_KEY } from './text-key.ts'
import type { TextRef } from './policy.ts'
import { TAG as TEXT } from './policy.ts'
import { structured } from './structured.ts'

/** A `text` and the name that it has among the roots of a document elsewhere. Default `text`. */
export interface TextElsewhere {
  readonly ref: TextRef
  readonly root?: string
}

/** A `doc` and the names that its roots have in a document elsewhere. Those that are not named are not there. Default: all four, under their own names. */
export interface DocElsewhere {
  readonly ref: DocRef
  readonly roots?: { readonly [root in RootName]?: string }
}

/**
 * Where the roots of a document elsewhere go, and where they come from when it is put together again. A ref alone stands for the names that its own
 * roots have.
 */
export type Elsewhere = TextRef | DocRef | TextElsewhere | DocElsewhere

/** A ref, and what its roots are called elsewhere. */
export interface Part {
  readonly ref: AnyRef
  readonly tag: typeof TEXT | typeof DOC
  readonly content: Content<unknown>
  /** Their own names, by the names that they have elsewhere. */
  readonly names: ReadonlyMap<string, string>
}

/** The refs that take part, and which root goes where. */
export interface Parts {
  readonly all: readonly Part[]
  readonly byRoot: ReadonlyMap<string, Part>
}

/** Throws `YjsError` `import-unfit` where one root is to go to two places, two to one, or to a ref that is neither a text nor a doc. */
export function partsOf(elsewhere: Elsewhere | readonly Elsewhere[]): Parts {
  const all = (Array.isArray(elsewhere) ? (elsewhere as readonly Elsewhere[]) : [elsewhere as Elsewhere]).map(partOf)
  const byRoot = new Map<string, Part>()
  for (const part of all) {
    for (const [name] of part.names) {
      if (byRoot.has(name)) throw unclear(`the root ${JSON.stringify(name)} is named twice`)
      byRoot.set(name, part)
    }
  }
  if (new Set(all.map(({ ref }) => ref.key)).size < all.length) throw unclear('one ref is named twice')
  return { all, byRoot }
}

function partOf(elsewhere: Elsewhere): Part {
  const { ref, ...named } = 'ref' in elsewhere ? elsewhere : { ref: elsewhere }
  const { tag } = ref.policy
  if (tag === TEXT) {
    const { root = TEXT_KEY } = named as Partial<TextElsewhere>
    return { ref, tag, content: plainText, names: new Map([[root, TEXT_KEY]]) }
  }
  if (tag !== DOC) throw unclear(`"${ref.address}" is a "${tag}" ref, and only texts and docs hold what Yjs does`)
  const { roots = OWN } = named as Partial<DocElsewhere>
  const names = new Map<string, string>()
  for (const [own, name] of Object.entries(roots)) {
    if (!isRoot(own)) throw unclear(`a doc has no root ${JSON.stringify(own)}`)
    if (name === undefined) continue
    if (names.has(name)) throw unclear(`the root ${JSON.stringify(name)} is named twice`)
    names.set(name, own)
  }
  return { ref, tag, content: structured, names }
}

const OWN: { readonly [root in RootName]: string } = { fragment: 'fragment', text: 'text', map: 'map', array: 'array' }

function unclear(why: string): YjsError {
  return new YjsError(
    'import-unfit',
    `It is not clear which root goes where: ${why}. Name each root once: { ref: text('note'), root: 'codemirror' }, or ` +
      `{ ref: doc('page'), roots: { fragment: 'default' } }.`,
  )
}
