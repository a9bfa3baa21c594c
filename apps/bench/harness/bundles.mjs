import { build } from 'vite'

/** Bundles a program for Node from the sources of our packages, as an app would be, into a folder. Returns the path of the file. */
export async function bundleProgram(entry, folder) {
  const result = await build({
    configFile: false,
    logLevel: 'error',
    resolve: { conditions: ['@syncline/source'] },
    ssr: { noExternal: true, resolve: { conditions: ['@syncline/source'] } },
    build: {
      ssr: entry,
      outDir: folder,
      emptyOutDir: true,
      target: 'node20',
      rolldownOptions: { output: { entryFileNames: 'program.mjs' } },
    },
  })
  return `${folder}/${result.output[0].fileName}`
}
