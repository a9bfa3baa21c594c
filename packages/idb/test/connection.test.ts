import { expect, test } from 'vitest'
import { connect, type Connection } from '../src/connection.ts'
import { toStoreError } from '../src/problems.ts'
import { type Surroundings, surroundingsHere } from '../src/surroundings.ts'

/** What WebKit says when the process has ended that keeps the databases, and when it is at its end. */
const lostWords = [
  'Connection to Indexed Database server lost. Refresh the page to try again',
  'An internal error was encountered in the Indexed Database server',
]

/** A browser whose connections are numbered, and tell nobody that they are closed. */
function silentBrowser() {
  const closed: number[] = []
  let opened = 0
  const openNext = (): IDBDatabase => {
    const number = ++opened
    const ask = (): object => {
      const request: { result?: string; onsuccess?: () => void } = {}
      queueMicrotask(() => {
        request.result = 'a'.repeat(32)
        request.onsuccess?.()
      })
      return request
    }
    return {
      number,
      close: () => closed.push(number),
      transaction: () => ({ number, commit: () => undefined, objectStore: () => ({ get: ask }) }),
      // As much of a database as is asked for.
    } as unknown as IDBDatabase
  }
  // Of a page's some are not in Node, and none of those is asked for.
  const surroundings = Object.create(surroundingsHere, {
    databases: { value: { open: async () => openNext(), delete: async () => undefined } },
    setTimer: { value: () => () => undefined },
  }) as Surroundings
  return { surroundings, closed, opened: () => opened }
}

const numberOf = (transaction: IDBTransaction): number => (transaction as unknown as { readonly number: number }).number

/** Writes; fails in that way on the first connection. */
const write = (connection: Connection, words: string): Promise<number> =>
  connection.begin(['entries'], 'readwrite', {}, async (transaction) => {
    if (numberOf(transaction) === 1) throw new DOMException(words, 'UnknownError')
    return numberOf(transaction)
  })

test.each(lostWords)(
  '[ID10] what fails in a connection that is lost without a word (%s) is told as lost, and the next one is made anew',
  async (words) => {
    const { surroundings, closed, opened } = silentBrowser()
    const connection = connect('silent', surroundings)
    await connection.ready()
    const error: unknown = await write(connection, words).catch((reason: unknown) => reason)
    expect(toStoreError(error, 'silent', 'save to')).toMatchObject({
      code: 'storage-lost',
      message: expect.stringContaining(words),
    })
    expect(closed).toEqual([1])
    expect([await write(connection, words), await write(connection, words)]).toEqual([2, 2])
    expect(opened()).toBe(2)
    connection.close()
  },
)

test('[ID10] what else is under way in it is told as lost too', async () => {
  const { surroundings } = silentBrowser()
  const connection = connect('silent', surroundings)
  await connection.ready()
  const unheard = connection.begin(['entries'], 'readonly', {}, () => new Promise<never>(() => undefined))
  await expect(write(connection, lostWords[0]!)).rejects.toMatchObject({ name: 'UnknownError' })
  await expect(unheard).rejects.toMatchObject({ name: 'AbortError' })
  connection.close()
})

test('[ID10] one that fails for another reason leaves the connection as it is', async () => {
  const { surroundings, closed, opened } = silentBrowser()
  const connection = connect('silent', surroundings)
  await connection.ready()
  const failing = connection.begin(['entries'], 'readwrite', {}, () =>
    Promise.reject(new DOMException('There is no room.', 'QuotaExceededError')),
  )
  await expect(failing).rejects.toMatchObject({ name: 'QuotaExceededError' })
  expect([closed, opened()]).toEqual([[], 1])
  connection.close()
})
