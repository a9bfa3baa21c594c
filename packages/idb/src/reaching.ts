import { databasesIn, databasesOfPage, type Databases } from './databases.ts'
import { createFrames } from './frames.ts'
import { isServerLost } from './problems.ts'

/**
 * Those of this page, by whatever way is open.
 *
 * WebKit ties a document to the process that keeps the databases. When that ends, as systems let it to save power or memory, all that the document asks of IndexedDB
 * fails until it is reloaded ("Connection to Indexed Database server lost. Refresh the page to try again", WebKit bugs 197050 and 277615). A document
 * that is made afterwards is tied to the next process: so a frame is made, and used until the same happens to it. Where there can be none it fails as it did.
 */
export function createDatabases(page: Databases = databasesOfPage): Databases {
  const frames = createFrames()

  async function reach<T>(ask: (databases: Databases) => Promise<T>): Promise<T> {
    const tried = frames.present()
    try {
      return await ask(tried === undefined ? page : databasesIn(tried))
    } catch (error) {
      if (!isServerLost(error)) throw error
      const next = await frames.after(tried)
      if (next === undefined) throw error
      return ask(databasesIn(next))
    }
  }

  return {
    open: (name, version, events) => reach((databases) => databases.open(name, version, events)),
    delete: (name, onBlocked) => reach((databases) => databases.delete(name, onBlocked)),
  }
}

export const databasesHere: Databases = createDatabases()
