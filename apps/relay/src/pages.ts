import { existsSync } from 'node:fs'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { join, resolve } from 'node:path'
import send from 'send'
import type { Health } from './health.ts'
import type { Metrics } from './metrics.ts'
import { UsageError } from './usage.ts'

/** Names under this path hold a hash of what is in the file. */
const HASHED = /^\/assets\//

/** A page is asked for, and not a picture or a script of it. */
const isNavigation = ({ headers }: IncomingMessage): boolean => headers.accept?.includes('text/html') === true

/** Answers `/healthz` and `/readyz`; false when something else is asked for. */
function answerHealth(path: string, health: Pick<Health, 'isReady' | 'isStoring'>, response: ServerResponse): boolean {
  if (path !== '/healthz' && path !== '/readyz') return false
  response.setHeader('Cache-Control', 'no-store')
  // Why is in the log: it names folders, and anybody may ask here.
  if (path === '/healthz' && !health.isStoring)
    answer(response, 503, 'The last Changes could not be stored. The log of the relay says why.')
  else if (path === '/readyz' && !health.isReady) answer(response, 503, 'The relay is about to stop.')
  else answer(response, 200, 'ok')
  return true
}

/**
 * Answers `/healthz` and `/readyz`, and everything else from the built app in `folder`, if there is one: any address that a person may have
 * bookmarked gets `index.html`, which knows what to show there. Throws {@link UsageError} when the folder holds no app.
 */
export function createPages(
  folder: string | undefined,
  health: Pick<Health, 'isReady' | 'isStoring'>,
): RequestListener {
  const root = folder === undefined ? undefined : resolve(folder)
  if (root !== undefined && !existsSync(join(root, 'index.html'))) {
    throw new UsageError(`There is no index.html in ${root}. Build the app first, or leave out --static.`)
  }
  return (request, response) => {
    // Whoever breaks off has no use for an answer.
    response.on('error', () => response.destroy())
    response.setHeader('X-Content-Type-Options', 'nosniff')
    const path = request.url?.split('?', 1)[0] ?? '/'
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD')
      return answer(response, 405, 'Only GET and HEAD are answered here.')
    }
    if (answerHealth(path, health, response)) return
    if (root === undefined) return answer(response, 404, 'This is a Syncline relay. Clients connect to /sync.')
    sendFile(request, response, root, path, isNavigation(request) ? '/index.html' : undefined)
  }
}

/** Sends a file below `root`, or `otherwise` when it does not exist. */
function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  root: string,
  path: string,
  otherwise: string | undefined,
): void {
  // `send` never leaves the root, answers ranges and conditions, and knows the types.
  send(request, path, { root, index: 'index.html', dotfiles: 'ignore', cacheControl: false })
    .on('headers', (headed: ServerResponse) => {
      // A name with a hash always means the same bytes. Everything else is asked for again, so that a new build is seen at once.
      headed.setHeader('Cache-Control', HASHED.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache')
    })
    .on('directory', () => answer(response, 404, 'Not found.'))
    .on('error', (error: Error & { readonly status?: number }) => {
      const status = error.status ?? 500
      if (status === 404 && otherwise !== undefined) return sendFile(request, response, root, otherwise, undefined)
      response.removeHeader('Cache-Control')
      answer(response, status, status === 404 ? 'Not found.' : 'This cannot be answered.')
    })
    .pipe(response)
}

/** Answers on the port of those who look after the relay: its numbers, and how it is. */
export function createMetricsPages(metrics: Metrics, health: Pick<Health, 'isReady' | 'isStoring'>): RequestListener {
  return (request, response) => {
    response.on('error', () => response.destroy())
    const path = request.url?.split('?', 1)[0] ?? '/'
    if (answerHealth(path, health, response)) return
    if (path !== '/metrics') return answer(response, 404, 'There are /metrics, /healthz and /readyz here.')
    metrics.text().then(
      (text) => {
        response.setHeader('Content-Type', metrics.contentType)
        response.end(text)
      },
      () => answer(response, 500, 'The numbers cannot be read.'),
    )
  }
}

function answer(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  response.statusCode = status
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.end(`${text}\n`)
}
