import { expect, onTestFinished, test } from 'vitest'
import { connect } from '../src/connection.ts'
import { deleteDatabase, indexedDb } from '../src/index.ts'
import { readAtOnce } from '../src/requests.ts'
import { freshName } from './names.ts'

/** What watches all transactions of all tests in a browser: `scripts/vitest/one-task.mjs`. */
const { oneTask } = globalThis as unknown as { oneTask?: { seen: number; leftOpen: string[] } }

/** What was found by now: a transaction is looked at when the task that began it is over. */
async function leftOpen(): Promise<readonly string[]> {
  await new Promise((resolve) => setTimeout(resolve))
  return oneTask!.leftOpen.splice(0)
}

test('[ID27] a transaction that is open after the task that began it is noticed, whichever test it is of', async ({
  skip,
}) => {
  if (oneTask === undefined) return skip('only the tests in Chromium are held to it: to Firefox some commits are left')
  const name = freshName()
  onTestFinished(() => deleteDatabase(name))
  const log = await indexedDb(name).openLog('space')
  const before = oneTask.seen
  await log.append(Uint8Array.of(1))
  await log.read(0, () => undefined)
  await log.replace(1, [Uint8Array.of(2), Uint8Array.of(3)], 0)
  expect(oneTask.seen).toBeGreaterThanOrEqual(before + 3)
  expect(await leftOpen()).toEqual([])
  await log.close()

  const connection = connect(name)
  onTestFinished(() => connection.close())
  await connection.begin(['entries'], 'readonly', {}, (transaction) =>
    readAtOnce(transaction, () => transaction.objectStore('entries').count()),
  )
  expect(await leftOpen()).toEqual([])
  const [left, ...others] = await connection
    .begin(['entries'], 'readonly', {}, async (transaction) => {
      const request = transaction.objectStore('entries').count()
      await new Promise((resolve) => (request.onsuccess = resolve))
    })
    .then(leftOpen)
  expect(left).toContain(name)
  expect(others).toEqual([])
})
