import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { build } from 'vite'
import { cache } from '../paths.mjs'

/**
 * The test files of a project, loaded by Node itself out of one bundle with all that they import. Modules that vitest loads one by one reach each
 * other through getters, at each call of an imported function, and there are hundreds of them to transform and to fetch: together a quarter of the
 * time of tests that do nothing but compute. Nothing of it can be mocked. While somebody watches for changes, vitest loads the files as ever.
 *
 * @param {import('vite').PluginOption[]} plugins What else becomes of the sources.
 * @param {readonly string[]} conditions Which exports of packages are meant.
 * @returns {import('vite').Plugin}
 */
export function bundled(plugins, conditions) {
  /** @type {import('vitest/node').TestProject | undefined} */
  let project
  /** @type {Promise<ReadonlyMap<string, string>> | undefined} */
  let bundles

  /** Makes the bundle; where it has each test file. */
  async function bundle() {
    const { testFiles } = await project.globTestFiles()
    mkdirSync(cache('bundled'), { recursive: true })
    // Others may run the same tests at the same time, on other sources.
    const outDir = mkdtempSync(cache('bundled', 'run-'))
    process.on('exit', () => rmSync(outDir, { recursive: true, force: true }))
    const input = Object.fromEntries(testFiles.map((file, i) => [`${i}`, file]))
    await build({
      configFile: false,
      root: project.config.root,
      mode: 'test',
      logLevel: 'error',
      plugins: [...plugins, placesOfSources()],
      resolve: { conditions },
      ssr: { noExternal: true, external: ['vitest', 'fast-check'], resolve: { conditions } },
      build: {
        ssr: true,
        outDir,
        minify: false,
        sourcemap: 'inline',
        rollupOptions: { input, output: { entryFileNames: '[name].mjs', chunkFileNames: 'chunk-[hash].mjs' } },
      },
    })
    return new Map(testFiles.map((file, i) => [file, pathToFileURL(join(outDir, `${i}.mjs`)).href]))
  }

  return {
    name: 'syncline:bundled',
    enforce: 'pre',
    configureVitest(context) {
      project = context.project
    },
    async load(id) {
      if (!id.endsWith('.test.ts') || project.vitest.config.watch) return undefined
      bundles ??= bundle()
      const url = (await bundles).get(id)
      return url === undefined ? undefined : `import ${JSON.stringify(url)}`
    },
  }
}

/** What a module knows about its own place is where its source is. */
function placesOfSources() {
  return {
    name: 'syncline:places',
    transform(code, id) {
      if (!code.includes('import.meta.url')) return undefined
      return { code: code.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href)), map: null }
    },
  }
}
