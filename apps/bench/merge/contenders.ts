import { lines, merge3 } from '@syncline/merge/diff'
import { merge } from 'node-diff3'
import type { Texts } from './texts.ts'

/** What comes of a merge: the text where it is clean. */
export interface Outcome {
  readonly clean: boolean
  readonly text?: string
}

/** Those that run in this process, each from texts to a text. */
export const contenders: { readonly [name: string]: (texts: Texts) => Outcome } = {
  Syncline: (texts) => {
    const merged = merge3({ ...texts, by: lines })
    return merged.clean ? { clean: true, text: merged.value } : { clean: false }
  },
  'node-diff3': ({ base, mine, theirs }) => {
    const { conflict, result } = merge(mine, base, theirs, { stringSeparator: '\n', excludeFalseConflicts: true })
    return conflict ? { clean: false } : { clean: true, text: result.join('\n') }
  },
}
