import { lines } from '@syncline/merge/diff'
import { diff3, type Diff3Ref, type Diff3Value } from '@syncline/merge/diff3'
import { contentId } from '@syncline/protocol'

/** More than anybody reads on a card; a relay takes far more. */
const MOST_BYTES = 64 * 1024

/** So many characters the field takes: each may take four bytes. */
export const MOST_CHARACTERS = MOST_BYTES / 4

/**
 * What a card is about, as plain text. It is written in a form and saved as a whole, unlike the note: so two people may have saved different
 * things without having seen each other's. Different lines merge; the same lines are kept both, until somebody decides.
 */
export function description(cardId: string): Diff3Ref<string> {
  return diff3(nameOf(cardId), { by: lines, initial: '' }, { maxBytes: MOST_BYTES })
}

/** Another program may give a card an id that cannot stand in a name: with a space, or a long one. Its description has a name all the same. */
function nameOf(cardId: string): string {
  const isPlain = /^[A-Za-z0-9_.:-]{0,115}[A-Za-z0-9_]$/.test(cardId)
  return isPlain ? `description.${cardId}` : `description:${contentId(cardId)}`
}

/** Whether there is something to decide about. */
export function isDisputed({ conflicts, copies }: Diff3Value<string>): boolean {
  return conflicts.length > 0 || copies.length > 0
}

/** A text as it is stored: each line with its end, so that a line behind the last one is no change of the last one. */
export function toStored(text: string): string {
  const trimmed = text.replaceAll('\r\n', '\n').trimEnd()
  return trimmed === '' ? '' : `${trimmed}\n`
}

/** A stored text, or a part of one, as it is shown. What another program has stored there may be no text. */
export function toShown(stored: unknown): string {
  return typeof stored === 'string' ? stored.replace(/\n$/, '') : ''
}
