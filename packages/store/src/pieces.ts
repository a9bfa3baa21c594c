import type { Clock } from './ports.ts'

/** Work that can be left and gone on with. What it yields is how much of it was done since the last time, about as bytes of the log. */
export type Pieces<T> = Generator<number, T, undefined>

/** A cell that is read again or sorted is about so much of the log. */
export const BYTES_OF_A_CELL = 64
/** One that comes in a row is so much more of it than its bytes. */
export const BYTES_OF_A_ROW = 48
/** Engines read the bytes of rows in their own code, in a fraction of the time that ours takes. */
export const SHARE_OF_ROWS = 0.25

/** So much is done in one task: some ten milliseconds. The pause costs a few hundredths of one. */
const TASK_BYTES = 128 * 1024

/** Work that is one piece. */
export function* onePiece<T>(act: () => T): Pieces<T> {
  yield 0
  return act()
}

/** Work that tells how many cells it has looked at. */
export function* cellsAsBytes(steps: Iterable<number>): Pieces<void> {
  for (const cells of steps) yield cells * BYTES_OF_A_CELL
}

/** Does work all at once. */
export function atOnce<T>(work: Pieces<T>): T {
  for (;;) {
    const step = work.next()
    if (step.done === true) return step.value
  }
}

/** Does work piece by piece, one after the other, so that the page has its turn in between. */
export interface Pauses {
  /** What the work gives: at once, where it ends before it is time for a pause and nothing waits. What follows each other counts together. */
  through<T>(work: Pieces<T>): T | Promise<T>
}

/** Begins to count. Not time but work is counted: the same work makes the same pauses wherever it is done. */
export function createPauses(clock: Clock): Pauses {
  let doneBytes = 0
  /** What was begun last, where that has come to a pause. */
  let last: Promise<unknown> | undefined

  /** Goes on up to the end or the next pause. */
  function goOn<T>(work: Pieces<T>): IteratorResult<number, T> {
    for (;;) {
      const step = work.next()
      if (step.done === true) return step
      doneBytes += step.value
      if (doneBytes >= TASK_BYTES) return step
    }
  }

  async function finish<T>(work: Pieces<T>, before: Promise<unknown> | undefined): Promise<T> {
    await before
    for (;;) {
      if (doneBytes >= TASK_BYTES) {
        doneBytes = 0
        await nextTask(clock)
      }
      const step = goOn(work)
      if (step.done === true) return step.value
    }
  }

  return {
    through(work) {
      if (last === undefined) {
        const step = goOn(work)
        if (step.done === true) return step.value
      }
      const finished = finish(work, last)
      last = finished
      const leave = (): void => void (last = last === finished ? undefined : last)
      finished.then(leave, leave)
      return finished
    },
  }
}

/** Resolves in a task of its own. */
export function nextTask(clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    if (clock.nextTask === undefined) clock.setTimer(0, resolve)
    else clock.nextTask(resolve)
  })
}
