import { createFold, type Fold } from '@syncline/store/fold'
import { policies } from './policies.ts'

/** What the thread that folds is asked, one thing after the other. */
export type Question =
  /** Begin a log, or go on from a checkpoint of it. */
  | { readonly kind: 'begin'; readonly space: string; readonly from: Uint8Array | undefined }
  /** What stands there next, all of it in one epoch: records of these lengths, one behind the other. */
  | {
      readonly kind: 'take'
      readonly epoch: string
      readonly first: number
      readonly lengths: readonly number[]
      readonly bytes: Uint8Array
    }
  /** That was all: make the checkpoint. */
  | { readonly kind: 'finish' }

/** What it answers. */
export type Answer =
  | { readonly kind: 'taken'; readonly relaySeq: number }
  /** Undefined when it would be too long. */
  | { readonly kind: 'made'; readonly bytes: Uint8Array | undefined }
  /** It cannot be folded. */
  | { readonly kind: 'failed'; readonly message: string }

/** Answers questions, for a thread of its own. */
export function createFolding(): (question: Question) => Answer {
  let fold: Fold | undefined

  function answer(question: Question): Answer {
    switch (question.kind) {
      case 'begin': {
        const { space, from } = question
        fold = createFold({ space, policies, from })
        return { kind: 'taken', relaySeq: fold.relaySeq() }
      }
      case 'take': {
        const { epoch, first, lengths, bytes } = question
        fold!.take(epoch, first, cut(bytes, lengths))
        return { kind: 'taken', relaySeq: fold!.relaySeq() }
      }
      case 'finish': {
        const pieces = fold!.checkpoint()
        fold = undefined
        let step = pieces.next()
        // In a thread of its own nobody waits for a turn.
        while (step.done !== true) step = pieces.next()
        return { kind: 'made', bytes: step.value }
      }
    }
  }

  return (question) => {
    try {
      return answer(question)
    } catch (error) {
      fold = undefined
      return { kind: 'failed', message: error instanceof Error ? error.message : String(error) }
    }
  }
}

function cut(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  let at = 0
  return lengths.map((length) => bytes.subarray(at, (at += length)))
}
