/**
 * The one door: `node scripts/run.mjs <command>`, behind every script of package.json.
 *
 * It runs on a fresh clone, before anything is installed, so this file and what it imports directly use only what
 * Node brings along.
 */
import process from 'node:process'
import { refuseOldNode } from './node-version.mjs'

const commands = {
  start: () => import('./start.mjs').then((m) => m.start()),
  dev: () => import('./dev.mjs').then((m) => m.dev()),
  test: () => import('./test.mjs').then((m) => m.test()),
  'test:long': () => import('./test.mjs').then((m) => m.testLong()),
  'test:engines': (args) => import('./engines.mjs').then((m) => m.testEngines(args)),
  verify: () => import('./test.mjs').then((m) => m.verify()),
  fix: () => import('./fix.mjs').then((m) => m.fix()),
}

refuseOldNode()

const name = process.argv[2] ?? ''
const command = Object.hasOwn(commands, name) ? commands[name] : undefined
if (!command) {
  console.error(`Unknown command "${name}". Choose one of: ${Object.keys(commands).join(', ')}.`)
  process.exit(2)
}

try {
  process.exitCode = await command(process.argv.slice(3))
} catch (error) {
  console.error(error?.letter ?? error)
  process.exitCode = 1
}
