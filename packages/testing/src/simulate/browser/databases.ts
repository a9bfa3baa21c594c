import type { Databases } from '@syncline/idb'
import type { SimulatedFactory } from './indexed-db.ts'

/** Opens the databases of a simulated IndexedDB. The library that opens those of a page looks for them among its globals. */
export function databasesOf(factory: SimulatedFactory): Databases {
  return {
    open: (name, version, { upgrade, onBlocked, onVersionChange, onTerminated }) =>
      new Promise((resolve, reject) => {
        const request = factory.open(name, version)
        // What it opens is as much of a database as is asked for.
        const opened = (): IDBDatabase => request.result as IDBDatabase
        request.onupgradeneeded = ({ oldVersion }) => upgrade(opened(), oldVersion)
        request.onblocked = onBlocked
        request.onerror = () => reject(request.error ?? new Error('The database cannot be opened.'))
        request.onsuccess = () => {
          const database = opened()
          database.onclose = onTerminated
          database.onversionchange = ({ newVersion }) => onVersionChange(database, newVersion)
          resolve(database)
        }
      }),
    delete: (name, onBlocked) =>
      new Promise((resolve, reject) => {
        const request = factory.deleteDatabase(name)
        request.onblocked = onBlocked
        request.onsuccess = () => resolve()
        request.onerror = () => reject(request.error ?? new Error('The database cannot be deleted.'))
      }),
  }
}
