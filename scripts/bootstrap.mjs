import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { run } from './children.mjs'
import { Letter } from './letter.mjs'
import { at } from './paths.mjs'

const stampFile = at('node_modules', '.syncline-install')

/**
 * Makes node_modules match the lock file, and returns the seconds it took.
 *
 * Nothing runs, and no network is used, while the stamp of the last install still matches.
 */
export async function install() {
  const wanted = stamp()
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted) return 0

  const { packageManager } = JSON.parse(readFileSync(at('package.json'), 'utf8'))
  const args = ['--yes', packageManager, 'install', '--frozen-lockfile']
  console.log(`Installing dependencies (${packageManager}) …`)
  const { code, output, seconds } = await run('npx', args, { env: { CI: 'true' }, quiet: true })
  if (code !== 0) {
    throw new Letter(
      `${output}\nInstalling dependencies failed: npx ${args.join(' ')}\n` +
        'The first run needs the npm registry. When package.json and the lock file disagree, run the same without ' +
        '--frozen-lockfile and commit the lock file.',
    )
  }
  mkdirSync(at('node_modules'), { recursive: true })
  writeFileSync(stampFile, wanted)
  return seconds
}

function stamp() {
  return createHash('sha256')
    .update(readFileSync(at('pnpm-lock.yaml')))
    .update(process.version)
    .digest('hex')
}
