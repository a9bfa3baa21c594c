import { createServer, connect, type AddressInfo, type Socket } from 'node:net'

/** A pipe in front of a relay that a test can cut. To the page it is the relay: it loads the page through it, too. */
export interface Proxy {
  readonly url: string
  /** Ends what is connected, and refuses new connections until `mend()`. */
  cut(): void
  /** Lets connections through again. */
  mend(): void
  close(): Promise<void>
}

/** Opens a pipe to the relay at `target`. */
export async function openProxy(target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  let isCut = false

  const server = createServer((inner) => {
    if (isCut) {
      inner.resetAndDestroy()
      return
    }
    const outer = connect({ host: hostname === 'localhost' ? '127.0.0.1' : hostname, port: Number(port) })
    inner.pipe(outer).pipe(inner)
    for (const [socket, other] of [[inner, outer] as const, [outer, inner] as const]) {
      sockets.add(socket)
      // The end of one side, of whatever kind, is the end of the other; the error itself is what a cut looks like.
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address() as AddressInfo // listening on TCP, so neither null nor a path

  function drop(): void {
    for (const socket of sockets) socket.destroy()
  }

  return {
    // Another name than the relay's own address, so that pages behind the proxy are of another origin and share nothing with others.
    url: `http://localhost:${address.port}`,
    cut() {
      isCut = true
      drop()
    },
    mend() {
      isCut = false
    },
    close() {
      drop()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
