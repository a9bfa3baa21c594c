import type * as Y from 'yjs'

/** What a `doc` is made of: one root for each kind of binding. There are no others, so everybody reads a doc alike, whatever their app declares. */
export interface DocRoots {
  /** Nodes: for ProseMirror and Tiptap. */
  readonly fragment: Y.XmlFragment
  /** Characters with formats, and embedded values: for Quill and the like. */
  readonly text: Y.Text
  readonly map: Y.Map<unknown>
  readonly array: Y.Array<unknown>
}

/** The roots of a document, under the names that they have in it. */
export function rootsOf(doc: Y.Doc): DocRoots {
  return {
    fragment: doc.getXmlFragment('fragment'),
    text: doc.getText('text'),
    map: doc.getMap('map'),
    array: doc.getArray('array'),
  }
}

export type RootName = keyof DocRoots

const NAMES: readonly string[] = ['fragment', 'text', 'map', 'array'] satisfies RootName[]

export function isRoot(name: unknown): name is RootName {
  return NAMES.includes(name as string)
}
