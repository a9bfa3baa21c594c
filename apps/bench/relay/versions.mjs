import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The versions of what is measured beside us. */
export function versionsOf() {
  return Object.fromEntries(
    ['ws', 'lmdb', 'yjs', '@y/websocket-server', '@hocuspocus/server'].map((name) => {
      const file = fileURLToPath(new URL(`../node_modules/${name}/package.json`, import.meta.url))
      return [name, JSON.parse(readFileSync(file, 'utf8')).version]
    }),
  )
}
