import { readFileSync } from 'node:fs'

const manifest = (place) => JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8'))

/** The exact versions of the others, as they are installed. */
export function versionsOf() {
  const { dependencies } = manifest('../package.json')
  const others = Object.keys(dependencies).filter((name) => !name.startsWith('@syncline/') && !tools.has(name))
  return Object.fromEntries(others.map((name) => [name, manifest(`../node_modules/${name}/package.json`).version]))
}

// What builds and shows, and what another question is about.
const tools = new Set(['vite', 'react', 'node-diff3'])
