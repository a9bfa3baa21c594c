import { WebSocketTransportError } from './errors.ts'

const SCHEMES: Readonly<Record<string, string>> = { 'http:': 'ws:', 'https:': 'wss:', 'ws:': 'ws:', 'wss:': 'wss:' }

/** The absolute address of `url` as seen from the page at `base`, with the scheme of a WebSocket. */
export function resolveAddress(url: string, base: string | undefined): string {
  let parsed: URL
  try {
    parsed = new URL(url, base)
  } catch (cause) {
    const advice =
      base === undefined
        ? 'There is no page to resolve it against here: give a whole address, such as "wss://example.org/sync".'
        : 'Give a path on the server of this page, such as "/sync", or a whole address, such as "wss://example.org/sync".'
    throw new WebSocketTransportError(
      'invalid-url',
      `${JSON.stringify(url)} is not an address to connect to. ${advice}`,
      { cause },
    )
  }
  const scheme = SCHEMES[parsed.protocol]
  if (scheme === undefined) {
    throw new WebSocketTransportError(
      'invalid-url',
      `Cannot connect to ${JSON.stringify(parsed.href)}: its scheme is "${parsed.protocol}". Use ws: or wss: (or http: or https:, which mean the same here).`,
    )
  }
  // Only between these four may the scheme of a URL be set.
  parsed.protocol = scheme
  parsed.hash = ''
  return parsed.href
}

/** Refuses what the constructor of a WebSocket would refuse (RFC 6455 section 4.1: tokens, no two alike). */
export function checkProtocols(protocols: readonly string[]): void {
  const wrong = protocols.find(
    (protocol, i) => !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(protocol) || protocols.indexOf(protocol) !== i,
  )
  if (wrong === undefined) return
  throw new WebSocketTransportError(
    'invalid-protocol',
    `${JSON.stringify(wrong)} cannot be offered as a subprotocol: each is one word of letters, digits and !#$%&'*+-.^_\`|~, and no two are alike.`,
  )
}
