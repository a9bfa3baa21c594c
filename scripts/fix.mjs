import { install } from './bootstrap.mjs'
import { run } from './children.mjs'
import { tool } from './paths.mjs'

/** `npm run fix`: what lint can fix, then the format. */
export async function fix() {
  await install()
  const lint = await run(tool('oxlint'), ['--type-aware', '--fix'])
  const format = await run(tool('oxfmt'), [])
  return lint.code || format.code
}
