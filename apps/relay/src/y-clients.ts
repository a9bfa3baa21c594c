import type { Relay, RelayLog } from '@syncline/relay'
import type { OtherSockets } from '@syncline/relay/node'
import type { YEndpoint } from '@syncline/y-protocols'

/** Clients of y-websocket, below `/y/`. */
export interface YClients extends OtherSockets {
  close(): Promise<void>
}

/** Takes other people's Yjs clients. What serves them is loaded when the first one comes: it brings Yjs along, and most relays never see one. */
export function createYClients(relay: Relay, log: RelayLog): YClients {
  let endpoint: Promise<YEndpoint> | undefined

  async function load(): Promise<YEndpoint> {
    const { createYEndpoint } = await import('@syncline/y-protocols')
    return createYEndpoint(relay, { log })
  }

  return {
    takes: (path) => path.startsWith('/y/'),
    upgrade(request, socket, head) {
      const destroy = (): void => void socket.destroy()
      socket.on('error', destroy)
      endpoint ??= load()
      endpoint.then(
        (loaded) => {
          socket.off('error', destroy)
          if (loaded.takes(request.url?.split('?', 1)[0] ?? '')) loaded.upgrade(request, socket, head)
          else socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
        },
        (err: unknown) => {
          log.error({ err }, 'What serves Yjs clients cannot be loaded.')
          destroy()
        },
      )
    },
    close: async () => (await endpoint?.catch(() => undefined))?.close(),
  }
}
