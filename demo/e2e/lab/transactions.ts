/** How many transactions this page has begun with IndexedDB. */
export interface TransactionCount {
  readonly readonly: number
  readonly readwrite: number
}

const begun = { readonly: 0, readwrite: 0 }

/** Counts from now on. */
export function countTransactions(): void {
  const { transaction } = IDBDatabase.prototype
  IDBDatabase.prototype.transaction = function (this: IDBDatabase, stores, mode = 'readonly', options) {
    if (mode !== 'versionchange') begun[mode] += 1
    return transaction.call(this, stores, mode, options)
  }
}

export function transactionCount(): TransactionCount {
  return { ...begun }
}
