import type { PlainStore, Receipt } from '@syncline/store'
import { StmError } from '@syncline/stm'
import type * as Y from 'yjs'
import { YjsError } from './errors.ts'
import { cutText } from './generation-cut.ts'
import { readCut, RETENTION_MS } from './generation-format.ts'
import { boundOf, writeBeside } from './generation-writing.ts'
import type { TextRef } from './policy.ts'
import { retireGenerations } from './retire-generations.ts'
import { stateBeyond } from './update-of.ts'

/** What a text is made of, and what it would be made of in a new life. */
export interface GenerationGain {
  /** The parts that it is put together of when it is opened: what opening takes, and memory. Those of a new life are one for each Yjs client that ever wrote in it, and one. */
  readonly parts: { readonly now: number; readonly after: number }
  /** The bytes that are decoded when it is opened, once its updates are put together. */
  readonly bytes: { readonly now: number; readonly after: number }
  /** The bytes of the Change, which everybody gets. */
  readonly changeBytes: number
}

/**
 * What {@link startGeneration} would make of a text. Nothing is written. Cost: as to do it, one or two passes over the document.
 *
 * @example
 * import { openStore } from '@syncline/store'
 * import { measureGeneration, startGeneration, text } from '@syncline/yjs'
 *
 * const store = await openStore({ space: 'example' })
 * const note = text('note')
 * for (let i = 0; i < 50; i++) store.transact((tx) => tx.insert(note, i % 7, 'word '))
 * const { parts } = measureGeneration(store, note)
 * if (parts.now > 10 * parts.after) startGeneration(store, note)
 * expect(measureGeneration(store, note).parts.now).toBe(parts.after)
 * await store.close()
 */
export function measureGeneration(store: PlainStore, ref: TextRef): GenerationGain {
  const bound = boundOf(store, ref)
  bound.flush()
  const { replica } = bound.live(ref.address)
  const { doc, generations } = replica
  const update = cutText(doc, { client: 0, base: generations?.lives.newest, at: 0, retentionMs: Infinity })
  if (update === undefined) throw unfit(ref)
  const { content, clocks } = readCut(update)!
  // A client and how far it goes; twelve bytes are the most it takes.
  const known = (of: ReadonlyMap<number, number> | undefined): number => (of?.size ?? 0) * 12
  return {
    parts: { now: partsIn(doc), after: clocks.size + (content.length > 2 ? 1 : 0) },
    bytes: {
      now:
        stateBeyond(doc, generations?.lives.clocks ?? new Map<number, number>()).length +
        known(generations?.lives.clocks),
      after: content.length + known(clocks),
    },
    changeBytes: update.length,
  }
}

/** How a generation is begun. */
export interface GenerationOptions {
  /**
   * How long what was before is retained, in milliseconds from now, so that what was written in it and comes late is merged. Default 90 days; `Infinity` for ever.
   * {@link retireGenerations} drops it then.
   */
  readonly retentionMs?: number
}

/**
 * Begins a new life of a text: from here on its document holds what can be read now and nothing of what was ever deleted, as if it had been written in one go. The text does not
 * change, for anybody. It is worth it for a text that was edited for long, which {@link measureGeneration} tells.
 *
 * Nobody need wait for it. Who edits at the same time, offline or with the text open, has their edits in the new life, behind what they were written behind; open documents are made anew
 * (`onReset`). Of several that are begun at once one counts, everywhere the same. What it was made of is kept beside it and not decoded before somebody needs it, so what is stored
 * grows at first, and what is opened shrinks; it is dropped by {@link retireGenerations}, or when the next is begun, once its retention is over. A document of plain Yjs elsewhere is to begin anew from an export: in one that
 * holds the old life, what is written beside both may stand elsewhere. What was written before can be undone as without it, until the next is begun; beginning a life is no step to undo.
 *
 * Throws `YjsError` `generation-needless` when the text would not have fewer parts, and `StmError` `invalid-options`, and `change-too-large` when the text does not fit into a Change. Cost: one or two passes over
 * the document, and a Change as large as the text with a few bytes for each part.
 *
 * @example
 * import { openStore } from '@syncline/store'
 * import { openText, startGeneration, text } from '@syncline/yjs'
 *
 * const store = await openStore({ space: 'example' })
 * const note = text('note')
 * const opened = openText(store, note)
 * for (let i = 0; i < 50; i++) opened.text.insert(i % 7, 'word ')
 * const before = opened.text.toString()
 * startGeneration(store, note)
 * expect([store.get(note), opened.text.toString()]).toEqual([before, before])
 * opened.close()
 * await store.close()
 */
export function startGeneration(
  store: PlainStore,
  ref: TextRef,
  { retentionMs = RETENTION_MS }: GenerationOptions = {},
): Receipt<void> {
  if (retentionMs !== Infinity && (!Number.isSafeInteger(retentionMs) || retentionMs < 0))
    throw new StmError('invalid-options', `retentionMs is ${retentionMs}. Give whole milliseconds, or Infinity.`)
  const bound = boundOf(store, ref)
  retireGenerations(store, ref)
  return writeBeside(store, ref, ({ doc, generations }, _content, { stamp }) => {
    const { at } = stamp
    const base = generations?.lives.newest
    const update = cutText(doc, { client: bound.freshClient(doc), base, at, retentionMs })
    if (update === undefined) throw unfit(ref)
    const now = partsIn(doc)
    if (now <= readCut(update)!.clocks.size + 1) throw needless(ref, now)
    return update
  })
}

function partsIn({ store }: Y.Doc): number {
  let parts = 0
  for (const structs of store.clients.values()) parts += structs.length
  return parts
}

function needless({ address }: TextRef, parts: number): YjsError {
  return new YjsError(
    'generation-needless',
    `The text "${address}" has ${parts} parts, and would have as many in a new life. None was begun. Ask measureGeneration() when it is worth it.`,
  )
}

function unfit({ address }: TextRef): YjsError {
  return new YjsError(
    'generation-needless',
    `The text "${address}" was deleted in more than two million places, which is more than can be named. None was begun.`,
  )
}
