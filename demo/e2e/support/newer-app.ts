import type { Plugin } from 'vite'

/** By the end of a file's path, what the next version of the app has there instead. */
const changes: readonly { readonly file: string; readonly from: RegExp; readonly to: (found: number) => string }[] = [
  {
    file: '/idb/src/format.ts',
    from: /(?<=export const FORMAT_VERSION = )(\d+)/,
    to: (found) => `${found + 1}`,
  },
  // Its own object store: code of before finds a database that it does not know, whatever it asks of it.
  {
    file: '/idb/src/format.ts',
    from: /(?<=if \(oldVersion < 3\) database\.createObjectStore\('aside', [^\n]*\n)/,
    to: () => "  if (oldVersion < FORMAT_VERSION) database.createObjectStore('ofNewerApp')\n",
  },
  {
    file: '/protocol/src/limits.ts',
    from: /(?<=export const PROTOCOL_VERSION = )(\d+)/,
    to: (found) => `${found + 1}`,
  },
]

/**
 * Makes of the sources what the next release of them might be: the format on disk one version higher, with a step that upgrades it, and the protocol, too. Throws when
 * the sources have no longer what it changes.
 */
export function newerApp(): Plugin {
  const done = new Set<unknown>()
  return {
    name: 'newer-app',
    enforce: 'pre',
    transform(code, id) {
      let changed = code
      for (const change of changes) {
        if (!id.endsWith(change.file)) continue
        changed = changed.replace(change.from, (found) => {
          done.add(change)
          return change.to(Number(found))
        })
      }
      return changed === code ? undefined : changed
    },
    buildEnd(error) {
      const missed = changes.filter((change) => !done.has(change))
      if (error === undefined && missed.length > 0)
        throw new Error(`Found nothing to change by ${missed.map(({ from }) => String(from)).join(', ')}.`)
    },
  }
}
