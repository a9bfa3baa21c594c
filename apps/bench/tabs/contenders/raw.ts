import type { Contender } from '../contender.ts'

/** Opens a database with one object store. */
function openRaw(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('raw', 1)
    request.onupgradeneeded = () => request.result.createObjectStore('rows')
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error!)
  })
}

/** A put in a transaction of its own; when it is stored the others are told, and read it. */
export const rawStored: Contender = {
  name: 'IndexedDB and a channel',
  isStored: true,
  async open(onRow) {
    const database = await openRaw()
    const channel = new BroadcastChannel('raw stored')
    channel.onmessage = ({ data: id }: MessageEvent<string>) => {
      const request = database.transaction('rows').objectStore('rows').get(id) as IDBRequest<number>
      request.onsuccess = () => onRow(id, request.result)
    }
    return {
      write: (id, at) =>
        new Promise((resolve, reject) => {
          const transaction = database.transaction('rows', 'readwrite', { durability: 'relaxed' })
          transaction.oncomplete = () => {
            channel.postMessage(id)
            resolve()
          }
          transaction.onabort = () => reject(transaction.error!)
          transaction.objectStore('rows').put(at, id)
          transaction.commit()
        }),
    }
  },
}

/** What the browser needs for a message between tabs, and nothing else. */
export const rawChannel: Contender = {
  name: 'a channel alone',
  isStored: false,
  async open(onRow) {
    const channel = new BroadcastChannel('raw')
    channel.onmessage = ({ data: [id, at] }: MessageEvent<readonly [string, number]>) => onRow(id, at)
    return { write: async (id, at) => channel.postMessage([id, at]) }
  },
}
