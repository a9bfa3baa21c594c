import { Worker } from 'node:worker_threads'
import type { Answer, Question } from './folding.ts'

/** Who folds: one question at a time. */
export interface Asking {
  /** Rejects when the thread has died of it. The next question gets another thread. */
  ask(question: Question): Promise<Answer>
  /** Ends the thread, whatever it is at. */
  end(): Promise<void>
}

/** A log that needs more ends the thread, and not the relay. */
const MOST_MEMORY_MB = 2048
/** A thread that nobody has asked for so long is let go. */
const IDLE_MS = 10_000

/** Folds in a thread of its own, which is there while it is asked. */
export function createAsking(): Asking {
  let thread: Worker | undefined
  let idle: NodeJS.Timeout | undefined

  function start(): Worker {
    const started = new Worker(new URL('./thread.js', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: MOST_MEMORY_MB },
    })
    // What is being made keeps nobody from stopping.
    started.unref()
    started.once('exit', () => {
      if (thread === started) thread = undefined
    })
    // Who asks is told.
    started.on('error', () => undefined)
    return started
  }

  async function end(): Promise<void> {
    clearTimeout(idle)
    const ending = thread
    thread = undefined
    await ending?.terminate()
  }

  return {
    ask(question) {
      clearTimeout(idle)
      const asked = (thread ??= start())
      return new Promise((resolve, reject) => {
        const over = (): void => {
          asked.off('message', onMessage)
          asked.off('error', onDeath)
          asked.off('exit', onExit)
          idle = setTimeout(() => void end(), IDLE_MS).unref()
        }
        const onMessage = (answer: Answer): void => {
          over()
          resolve(answer)
        }
        const onDeath = (error: Error): void => {
          over()
          reject(error)
        }
        const onExit = (): void => onDeath(new Error('The thread that folds logs has ended.'))
        asked.on('message', onMessage)
        asked.on('error', onDeath)
        asked.on('exit', onExit)
        asked.postMessage(question, handedOver(question))
      })
    },
    end,
  }
}

/** What nobody here needs any more is not copied, nor held while the thread works. */
function handedOver(question: Question): ArrayBuffer[] {
  if (question.kind === 'take') return [question.bytes.buffer as ArrayBuffer]
  if (question.kind !== 'begin' || question.from === undefined) return []
  const { buffer, length } = question.from
  // A small file may share its memory with others.
  return buffer.byteLength < 2 * length ? [buffer as ArrayBuffer] : []
}
