import { onTestFinished, vi } from 'vitest'

/** A transaction that somebody began. */
export interface BegunTransaction {
  readonly database: IDBDatabase
  readonly mode: IDBTransactionMode
  readonly durability: IDBTransactionDurability | undefined
  /** Whether it was committed before the task that began it was over. */
  committedAtOnce: boolean
}

/** Notes every transaction that this page begins, until the test is over. */
export function observeTransactions(): BegunTransaction[] {
  const begun: BegunTransaction[] = []
  const { transaction } = IDBDatabase.prototype
  const spy = vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (
    this: IDBDatabase,
    stores,
    mode = 'readonly',
    options,
  ) {
    const made = transaction.call(this, stores, mode, options)
    const noted: BegunTransaction = { database: this, mode, durability: options?.durability, committedAtOnce: false }
    begun.push(noted)
    let sameTask = true
    setTimeout(() => (sameTask = false))
    const { commit } = made
    made.commit = () => {
      noted.committedAtOnce = sameTask
      commit.call(made)
    }
    return made
  })
  onTestFinished(() => spy.mockRestore())
  return begun
}
