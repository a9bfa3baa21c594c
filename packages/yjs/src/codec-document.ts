import type { Value } from '@syncline/stm'
import * as Y from 'yjs'
import { readCounted } from './codec-reading.ts'
import { readyOf } from './codec-ready.ts'
import type { Content } from './content.ts'
import { readForeign } from './foreign-update.ts'
import type { ForeignStruct, ForeignUpdate } from './foreign-update.ts'
import { writeStructs } from './foreign-writing.ts'
import { isMarked, KEPT, kindOf, RETIRED } from './generation-format.ts'
import { oldIn } from './generation-old.ts'
import { plainText } from './plain-text.ts'
import { begin, ignore } from './state.ts'
import { structured } from './structured.ts'
import { missingFrom } from './update.ts'
import type { Id } from './update.ts'

/** The tags of refs that are documents of Yjs. */
export type CodecTag = 'text' | 'doc'

/** What somebody else's update brings to a document. */
export interface DocumentNews {
  /** What of it is new, as one update that the ref takes whole; undefined when the document has it all. */
  readonly news: Uint8Array | undefined
  /** What cannot be taken yet, and the first of what it builds on that has not come. */
  readonly waiting: { readonly update: Uint8Array; readonly missing: Id } | undefined
  /** Why the ref cannot hold what is new; undefined when it can. */
  readonly unfit: string | undefined
}

/** The document behind a `text` or a `doc` ref as all stores have it, where there is no store. */
export interface RelayDocument {
  /** How far it knows each client, as `Y.encodeStateVector` says it. */
  stateVector(): Uint8Array
  /** Whether it has what is named by client and clock. */
  has(id: Id): boolean
  /** What who knows so much (a state vector; absent: nothing) lacks, as an update, version 1. Throws for bytes that are no state vector. */
  update(since?: Uint8Array): Uint8Array
  /** Looks at an update, version 1, without taking it. Throws an Error for what is no update of Yjs at all. */
  look(update: Uint8Array): DocumentNews
  /**
   * Takes an operation of the ref, as every store takes it, and returns the updates that the document has got by it: mostly one, none when it has it already, cannot hold it or waits for
   * something, more when others have waited for it. Undefined for what may begin another life: the document is to be opened anew, with this one.
   */
  take(payload: Value): readonly Uint8Array[] | undefined
  close(): void
}

const contents: { readonly [tag in CodecTag]: Content<unknown> } = { text: plainText, doc: structured }

/**
 * Opens the document that operations on a ref come to, in the order of the relay, behind what was `distilled` of those before them. Cost: one pass over them.
 *
 * @example
 * import { openDocument } from '@syncline/yjs/codec'
 * import * as Y from 'yjs'
 *
 * const theirs = new Y.Doc()
 * theirs.getText('text').insert(0, 'Buy apples')
 * const document = openDocument('text', [])
 * const { news } = document.look(Y.encodeStateAsUpdate(theirs))
 * document.take(news!)
 * expect(document.look(Y.encodeStateAsUpdate(theirs)).news).toBe(undefined)
 */
export function openDocument(
  tag: CodecTag,
  payloads: readonly Value[],
  distilled: readonly Value[] = [],
): RelayDocument {
  const content = contents[tag]
  const doc = content.create()
  const { replica, updates } = begin(doc, content, [...distilled.filter(isBytes), ...payloads.filter(counts)], ignore)
  doc.transact(() => updates.forEach((update) => replica.feed(update)))
  /** What was told of the document while one operation is taken. */
  let told: Uint8Array[] = []
  doc.on('update', (update) => told.push(update))
  const clockOf = (client: number): number => Y.getState(doc.store, client)

  return {
    stateVector: () => Y.encodeStateVector(doc),
    has: ({ client, clock }) => clock < clockOf(client),
    update(since) {
      const update = Y.encodeStateAsUpdate(doc, since)
      if (replica.generations === undefined) return update
      // Who knows what a new life has taken over under other names would have it twice.
      return Y.mergeUpdates([update, writeStructs([], readForeign(oldIn(replica.generations.lives), 1).deletes)])
    },
    look(update) {
      const { runs, deletes, waiting, missing } = readyOf(readCounted(update), doc)
      const rest = missing && { update: written(waiting), missing }
      if (runs.length === 0 && deletes.length === 0) return { news: undefined, waiting: rest, unfit: undefined }
      const news = writeStructs(runs, deletes)
      return { news, waiting: rest, unfit: whyUnfit(news) }
    },
    take(payload) {
      if (!counts(payload)) return []
      if (isMarked(payload)) return undefined
      told = []
      replica.feed(payload)
      return told
    },
    close: () => doc.destroy(),
  }

  function whyUnfit(news: Uint8Array): string | undefined {
    try {
      const parsed = content.parse(news)
      const missing = missingFrom(parsed, clockOf)
      if (missing !== undefined)
        return `it builds on clock ${missing.clock} of Yjs client ${missing.client}, which is not here`
      return content.refuse?.(parsed, doc, false)
    } catch (error) {
      return (error as Error).message
    }
  }
}

/** Whether an operation is one that stores look at. What was put together counts only where it was. */
function counts(payload: Value): payload is Uint8Array {
  if (!isBytes(payload)) return false
  const kind = kindOf(payload)
  return kind !== KEPT && kind !== RETIRED
}

function isBytes(payload: Value): payload is Uint8Array {
  return payload instanceof Uint8Array && payload.length > 0
}

/** What has to wait, as an update: of each client what comes first up to a gap, and so on. */
function written({ structs, deletes }: ForeignUpdate): Uint8Array {
  const updates: Uint8Array[] = []
  let run: ForeignStruct[] = []
  for (const struct of structs) {
    const last = run.at(-1)
    if (
      last !== undefined &&
      (last.id.client !== struct.id.client || last.id.clock + last.length !== struct.id.clock)
    ) {
      updates.push(writeStructs([run], []))
      run = []
    }
    run.push(struct)
  }
  if (run.length > 0) updates.push(writeStructs([run], []))
  updates.push(writeStructs([], deletes))
  return Y.mergeUpdates(updates)
}
