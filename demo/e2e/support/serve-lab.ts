import { readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, relative } from 'node:path'
import { builtLab } from './build-lab.ts'

/** Serves the page of `e2e/lab` by itself, so that it is there when the relay is not. */
export async function serveLab(): Promise<{ readonly url: string; close(): Promise<void> }> {
  const files = await readLab()
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    const content = files.get(path.endsWith('/') ? `${path}index.html` : path)
    if (content === undefined) response.writeHead(404).end()
    else response.writeHead(200, { 'content-type': contentTypes[extname(path)] ?? 'text/html' }).end(content)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // listening on TCP, so neither null nor a path
  return {
    url: `http://localhost:${port}`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const contentTypes: { readonly [extension: string]: string } = { '.js': 'text/javascript', '.html': 'text/html' }

/** The files of the built page by their paths. */
async function readLab(): Promise<ReadonlyMap<string, Uint8Array>> {
  const entries = await readdir(builtLab, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
  return new Map(
    await Promise.all(
      paths.map(async (path) => [`/${relative(builtLab, path).replaceAll('\\', '/')}`, await readFile(path)] as const),
    ),
  )
}
