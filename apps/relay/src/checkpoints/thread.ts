import { parentPort } from 'node:worker_threads'
import { createFolding, type Question } from './folding.ts'

/** The thread that folds logs. */
const answer = createFolding()
parentPort!.on('message', (question: Question) => {
  const answered = answer(question)
  const made = answered.kind === 'made' ? answered.bytes : undefined
  parentPort!.postMessage(answered, made === undefined ? [] : [made.buffer as ArrayBuffer])
})
