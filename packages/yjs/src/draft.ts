import { StmError } from '@syncline/stm'
import type { Intent, PolicyRef } from '@syncline/stm'
import type * as Y from 'yjs'
import { LONE_SURROGATE } from './halves.ts'
import { commonEnds, splitsPair } from './pairs.ts'
import { TEXT_KEY } from './text-key.ts'
import type { TextState } from './state.ts'
import { carriedOver } from './text-merge.ts'

/** What a draft was opened on. */
export interface Before {
  readonly length: number
  /** Whether there may be characters of two code units in it. */
  readonly mayHavePairs: boolean
  text(): string
  /** Whether a position is inside of a character of two code units. */
  splitsPair(index: number): boolean
}

/**
 * A state plus the writes of one transaction so far. Immutable. A class, because each write makes one, and mostly nobody asks what the text then
 * is: to put that together would be most of what a keystroke costs.
 */
export class TextDraft {
  readonly base: TextState | undefined
  readonly before: Before
  readonly edits: Edits | undefined
  /** How long the text is, as the transaction sees it. */
  readonly length: number
  /** Whether there may be characters of two code units in it. */
  readonly mayHavePairs: boolean
  #after: string | undefined

  constructor(
    base: TextState | undefined,
    before: Before,
    edits?: Edits,
    length: number = before.length,
    mayHavePairs: boolean = before.mayHavePairs,
    after?: string,
  ) {
    this.base = base
    this.before = before
    this.edits = edits
    this.length = length
    this.mayHavePairs = mayHavePairs
    this.#after = after
  }

  /** The text as the transaction sees it. Cost: a copy of the text, once. */
  get after(): string {
    return (this.#after ??= textAfter(this.before.text(), listEdits(this)))
  }

  /** The same, if it was asked for. */
  get knownAfter(): string | undefined {
    return this.#after
  }

  get isUnchanged(): boolean {
    const { edits } = this
    if (edits === undefined) return true
    return edits.totalInserted === edits.totalRemoved && this.after === this.before.text()
  }
}

/** Edits to be made one after the other, newest first. Each counts from the text the one before has left. */
export interface Edits {
  readonly previous: Edits | undefined
  readonly index: number
  readonly removed: number
  readonly inserted: string
  /** Characters inserted, characters removed and number of edits, up to this one. */
  readonly totalInserted: number
  readonly totalRemoved: number
  readonly count: number
}

/** Half of a character of two code units, wherever it stands. */
export const SURROGATE: RegExp = /[\ud800-\udfff]/

/** Opens a draft on a state that reads as `text`. */
export function openDraft(base: TextState | undefined, text: string): TextDraft {
  const before = {
    length: text.length,
    mayHavePairs: true,
    text: () => text,
    splitsPair: (index: number) => splitsPair(text, index),
  }
  return new TextDraft(base, before, undefined, text.length, true, text)
}

/**
 * The draft after one more write. Positions count UTF-16 code units; one inside a surrogate pair moves out of it: an insert
 * to before the pair, a removal so that the pair goes as a whole. Cost: what is written; where there are pairs, what it takes to look for one; where
 * the text was read, a copy of the text.
 */
export function editDraft(draft: TextDraft, intent: Intent, ref: PolicyRef): TextDraft {
  switch (intent.kind) {
    case 'insert': {
      const content = checkText(intent.content, ref, 'insert')
      return replace(draft, startIn(draft, checkIndex(draft, intent.index, ref)), 0, content)
    }
    case 'remove': {
      const { index, length } = checkRange(draft, intent.index, intent.length, ref)
      if (length === 0) return draft
      const start = startIn(draft, index)
      const end = index + length + (isInPair(draft, index + length) ? 1 : 0)
      return replace(draft, start, end - start, '')
    }
    case 'set':
      return setText(draft, checkText(intent.value, ref, 'set'))
    case 'merge':
      return mergeText(draft, checkText(intent.base, ref, 'merge'), checkText(intent.mine, ref, 'merge'))
    default:
      throw new StmError(
        'invalid-write',
        `The text "${ref.address}" has no write "${intent.kind}". Use tx.insert, tx.remove, tx.set or tx.merge.`,
      )
  }
}

/** An upper bound of the update that the edits become. */
export function sizeOfDraft(draft: TextDraft): number {
  const { edits, base } = draft
  if (edits === undefined) return 0
  // A UTF-16 code unit takes at most three bytes of UTF-8; a struct with its header, two neighbours and length at most 64.
  // A removal lists ranges of at most 10 bytes: no more than there are characters, nor items, which cost 4 bytes of history each.
  const ranges = Math.min(edits.totalRemoved, (base?.link?.totalBytes ?? 0) / 4 + edits.count)
  return 64 + edits.totalInserted * 3 + edits.count * 64 + Math.ceil(ranges) * 10
}

/** Makes the edits of a draft one after the other. Inside a Yjs transaction. */
export function applyEdits(draft: TextDraft, doc: Y.Doc): void {
  const text = doc.getText(TEXT_KEY)
  for (const { index, removed, inserted } of listEdits(draft)) {
    if (removed > 0) text.delete(index, removed)
    if (inserted !== '') text.insert(index, inserted)
  }
}

/** The edits in the order in which they are to be made. */
export function listEdits(draft: TextDraft): readonly Edits[] {
  const list: Edits[] = []
  for (let edit = draft.edits; edit !== undefined; edit = edit.previous) list.push(edit)
  return list.length < 2 ? list : list.reverse()
}

/** One replacement of what lies between the common start and the common end. */
function setText(draft: TextDraft, value: string): TextDraft {
  const { after } = draft
  if (value === after) return draft
  const { start, end } = commonEnds(after, value)
  return replace(draft, start, after.length - end - start, value.slice(start, value.length - end))
}

/** Does to the text what makes `mine` of `base`. */
function mergeText(draft: TextDraft, base: string, mine: string): TextDraft {
  let merged = draft
  for (const { index, removed, inserted } of carriedOver(base, mine, draft.after))
    merged = replace(merged, index, removed, inserted)
  return merged
}

function startIn(draft: TextDraft, index: number): number {
  return isInPair(draft, index) ? index - 1 : index
}

/** Whether a position is inside of a character of two code units. Cost: the edits so far, and what it takes to look into the text that was there. */
function isInPair({ mayHavePairs, knownAfter, edits, before }: TextDraft, index: number): boolean {
  if (!mayHavePairs) return false
  if (knownAfter !== undefined) return splitsPair(knownAfter, index)
  let at = index
  for (let edit = edits; edit !== undefined; edit = edit.previous) {
    const end = edit.index + edit.inserted.length
    // No edit begins or ends inside of one.
    if (at === edit.index || at === end) return false
    if (at > edit.index && at < end) return splitsPair(edit.inserted, at - edit.index)
    if (at > end) at += edit.removed - edit.inserted.length
  }
  return before.splitsPair(at)
}

function replace(draft: TextDraft, index: number, removed: number, inserted: string): TextDraft {
  if (removed === 0 && inserted === '') return draft
  const { base, before, knownAfter } = draft
  return new TextDraft(
    base,
    before,
    pushEdit(draft.edits, index, removed, inserted),
    draft.length + inserted.length - removed,
    draft.mayHavePairs || SURROGATE.test(inserted),
    knownAfter === undefined ? undefined : spliced(knownAfter, index, removed, inserted),
  )
}

function textAfter(before: string, edits: readonly Edits[]): string {
  let text = before
  for (const { index, removed, inserted } of edits) text = spliced(text, index, removed, inserted)
  return text
}

/** A text with other characters in place of some. */
export function spliced(text: string, index: number, removed: number, inserted: string): string {
  return text.slice(0, index) + inserted + text.slice(index + removed)
}

/** Adds an edit; one that touches what the last one has inserted becomes part of it, so that a loop of inserts is one run. */
function pushEdit(last: Edits | undefined, index: number, removed: number, inserted: string): Edits {
  if (last === undefined || index + removed < last.index || index > last.index + last.inserted.length) {
    return edit(last, index, removed, inserted)
  }
  const end = last.index + last.inserted.length
  const before = Math.max(0, last.index - index)
  const behind = Math.max(0, index + removed - end)
  const kept = last.inserted.slice(0, Math.max(0, index - last.index))
  const rest = last.inserted.slice(Math.min(last.inserted.length, index + removed - last.index))
  return edit(last.previous, Math.min(index, last.index), before + last.removed + behind, kept + inserted + rest)
}

function edit(previous: Edits | undefined, index: number, removed: number, inserted: string): Edits {
  return {
    previous,
    index,
    removed,
    inserted,
    totalInserted: (previous?.totalInserted ?? 0) + inserted.length,
    totalRemoved: (previous?.totalRemoved ?? 0) + removed,
    count: (previous?.count ?? 0) + 1,
  }
}

function checkText(value: unknown, ref: PolicyRef, write: string): string {
  if (typeof value !== 'string') {
    const what = value === null ? 'null' : typeof value
    throw new StmError('invalid-value', `tx.${write} on the text "${ref.address}" takes a string, not ${what}.`)
  }
  if (LONE_SURROGATE.test(value)) {
    throw new StmError(
      'invalid-value',
      `tx.${write} on the text "${ref.address}" got a string with half of a surrogate pair, which other replicas would not ` +
        `get back as it was. Cut text between characters.`,
    )
  }
  return value
}

function checkIndex(draft: TextDraft, index: number, ref: PolicyRef): number {
  const { length } = draft
  if (Number.isInteger(index) && index >= 0 && index <= length) return index
  throw new StmError(
    'invalid-value',
    `Index ${String(index)} is outside the text "${ref.address}", which has ${length} characters. Use an integer from 0 to ${length}.`,
  )
}

function checkRange(
  draft: TextDraft,
  index: number,
  length: number,
  ref: PolicyRef,
): { index: number; length: number } {
  checkIndex(draft, index, ref)
  const left = draft.length - index
  if (Number.isInteger(length) && length >= 0 && length <= left) return { index, length }
  throw new StmError(
    'invalid-value',
    `Cannot remove ${String(length)} characters at index ${index} of the text "${ref.address}", which has ${draft.length}. ` +
      `Use an integer from 0 to ${left}.`,
  )
}
