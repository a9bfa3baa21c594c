/**
 * Stores what the git of this machine makes of the triples that the tests merge: `node packages/merge/test/diff/keep-vectors.mjs`. The tests
 * themselves need no git. Run it when triples are added; `merge-file.test.ts` compares.
 */
import { runnerImport } from 'vite'

const { module } = await runnerImport(new URL('vectors.ts', import.meta.url).pathname)
const { git, count, bytes } = module.keepVectors()
console.log(`Kept what ${git} makes of ${count} triples, ${bytes} bytes.`)
