import { build } from 'vite'

/**
 * Bundles a program for Node from the sources of our packages, as an app would be, into a folder. Returns the path of the file. Packages that
 * are `external` are taken from where they are installed; `alias` gives what is imported under other names.
 */
export async function bundleProgram(entry, folder, external = [], alias = {}) {
  const result = await build({
    configFile: false,
    logLevel: 'error',
    resolve: { conditions: ['@syncline/source'], alias },
    ssr: { noExternal: true, external, resolve: { conditions: ['@syncline/source'] } },
    build: {
      ssr: entry,
      outDir: folder,
      emptyOutDir: true,
      target: 'node20',
      rolldownOptions: { external, output: { entryFileNames: 'program.mjs' } },
    },
  })
  return `${folder}/${result.output[0].fileName}`
}
