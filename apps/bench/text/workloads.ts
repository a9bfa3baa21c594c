import type { Contender } from './contender.ts'
import type { Trace } from './trace.ts'

/** Runs what is timed, and gives what it takes in microseconds of processor time. */
export type Timing = (body: () => void | Promise<void>) => Promise<number>

/** An app writes so much in one task at most; between tasks there is time for what was put off. */
const EDITS_A_TASK = 100

/** Who takes part in a workload. */
export const takesPart: Readonly<Record<Workload, (contender: Contender) => boolean>> = {
  edit: () => true,
  receive: ({ receives }) => receives,
  load: ({ load }) => load !== undefined,
}

export type Workload = 'edit' | 'receive' | 'load'

/** Microseconds for one edit, or for one load. Throws when the text is not what was typed. */
export async function measure(contender: Contender, workload: Workload, trace: Trace, time: Timing): Promise<number> {
  const { edits, end } = trace
  const check = (text: string): void => {
    if (text !== end) throw new Error(`${contender.name} ends with another text than was typed.`)
  }
  const author = await contender.open(1)
  const updates: unknown[] = []
  const write = async (): Promise<void> => {
    for (const [i, edit] of edits.entries()) {
      if (i > 0 && i % EDITS_A_TASK === 0) await nextTask()
      updates.push(author.edit(edit))
    }
    await author.settled?.()
  }
  const written = await time(write)
  check(author.read())
  if (workload === 'edit') return written / edits.length
  if (workload === 'receive') {
    const other = await contender.open(2)
    const received = await time(async () => {
      for (const [i, update] of updates.entries()) {
        if (i > 0 && i % EDITS_A_TASK === 0) await nextTask()
        other.receive!(update)
      }
    })
    check(other.read())
    return received / edits.length
  }
  const saved = author.save!()
  // Warm, as in an app that has opened texts before.
  for (let i = 0; i < 5; i++) check(await contender.load!(saved))
  const LOADS = 5
  const us = await time(async () => {
    for (let i = 0; i < LOADS; i++) await contender.load!(saved)
  })
  return us / LOADS
}

/** Resolves when everything that was put off until the end of the task has been done. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}
