/** Every record of every object store of every database of this page, as text: equal when every byte is. */
export async function rawDisk(): Promise<readonly string[]> {
  const lines: string[] = []
  for (const { name } of await indexedDB.databases()) {
    const database = await result(indexedDB.open(name!))
    try {
      for (const store of database.objectStoreNames) {
        const records = database.transaction(store).objectStore(store)
        const [keys, values] = await Promise.all([result(records.getAllKeys()), result(records.getAll())])
        keys.forEach((key, i) => lines.push(`${name} ${store} ${JSON.stringify(key)} ${spelled(values[i])}`))
      }
    } finally {
      database.close()
    }
  }
  return lines
}

function spelled(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) => {
    if (each instanceof ArrayBuffer) return spelledBytes(new Uint8Array(each))
    if (ArrayBuffer.isView(each)) return spelledBytes(new Uint8Array(each.buffer, each.byteOffset, each.byteLength))
    return each
  })
}

function spelledBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error!)
  })
}
