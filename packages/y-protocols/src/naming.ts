import { renameRoots, rootsIn, type CodecTag } from '@syncline/yjs/codec'
import type { Roots } from './places.ts'

type Own = keyof Roots

const OWN: { readonly [tag in CodecTag]: readonly Own[] } = {
  text: ['text'],
  doc: ['fragment', 'text', 'map', 'array'],
}

/** What bindings call the root of a `doc` that they are bound to, where nobody says otherwise: Tiptap, y-prosemirror, and those for texts with formats. */
const USUAL: { readonly [name: string]: Own } = {
  default: 'fragment',
  prosemirror: 'fragment',
  'document-store': 'fragment',
  codemirror: 'text',
  monaco: 'text',
  quill: 'text',
}

/** What the roots of one ref are called by those who have it open. */
export interface Naming {
  /** An update of theirs with the names that the roots have here. Throws for what is no update, and for a root that there is not. */
  inward(update: Uint8Array): Uint8Array
  /** An update with their names. */
  outward(update: Uint8Array): Uint8Array
  /** The names that are not the ref's own, for those who come when nobody is here; undefined when all are. */
  readonly learned: Roots | undefined
}

/**
 * Begins with what the operator says, or what was learned before. A `text` has one root, whatever its clients call it: the first name counts. Of a `doc` the names that bindings usually have are known,
 * beside its own.
 */
export function createNaming(tag: CodecTag, roots: Roots = {}): Naming {
  const own = OWN[tag]
  /** By the name that they have here. */
  const theirs = new Map<Own, string>()
  const byTheirs = new Map<string, Own>()
  for (const name of own) if (roots[name] !== undefined) learn(roots[name], name)

  function learn(name: string, to: Own): Own {
    theirs.set(to, name)
    byTheirs.set(name, to)
    return to
  }

  function ownOf(name: string): Own {
    const known = byTheirs.get(name)
    if (known !== undefined) return known
    const found = tag === 'text' ? 'text' : (own.find((one) => one === name) ?? USUAL[name])
    if (found === undefined || theirs.has(found)) {
      const has = own.map((one) => JSON.stringify(theirs.get(one) ?? one)).join(', ')
      throw new Error(`It writes into the root ${JSON.stringify(name)}; this ${tag} has ${has}.`)
    }
    return learn(name, found)
  }

  return {
    inward(update) {
      const names = rootsIn(update)
      for (const name of names) ownOf(name)
      return names.every((name) => byTheirs.get(name) === name) ? update : renameRoots(update, ownOf)
    },
    outward(update) {
      for (const [name, other] of theirs)
        if (name !== other) return renameRoots(update, (root) => theirs.get(root as Own) ?? root)
      return update
    },
    get learned() {
      const others = [...theirs].filter(([name, other]) => name !== other)
      return others.length === 0 ? undefined : Object.fromEntries(others)
    },
  }
}
