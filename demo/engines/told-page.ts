import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { asCall, type Tab } from './engine.ts'

/** A page in a browser that nobody drives. It does what it is told by who serves it. */
export interface ToldPage extends Pick<Tab, 'goto' | 'evaluate'> {
  /** Where a browser gets the page that is at `url`; with a `policy` among its parameters it has that (Content-Security-Policy). */
  addressOf(url: string): string
  /** Resolves when a browser shows the page that it is to show. */
  arrives(): Promise<void>
  /** The browser has ended, and with it whatever it was told. */
  forget(): void
  close(): Promise<void>
}

/** Something to do: an expression that gives a promise of JSON, or another page to show. */
interface Told {
  readonly id: number
  readonly expression?: string
  readonly goto?: string
}

interface Answer {
  readonly id: number
  readonly value?: string
  readonly error?: string
}

/** What a page posts: who it is, each load being another one, and what came of what it was told. */
interface Posted {
  readonly page: string
  readonly answers: readonly Answer[]
}

/** Serves what is at the origin of `url`, at an origin of its own that stays the same. */
export async function serveTold(url: string): Promise<ToldPage> {
  /** Told until it is answered: the process that carries the answer may end. */
  const open = new Map<number, { readonly told: Told; settle(answer: Answer): void }>()
  let count = 0
  let shown: string | undefined
  let onShown = (): void => undefined

  const server = createServer((request, response) => {
    const answering = request.method === 'POST' ? hear(request, response) : pass(request, response)
    answering.catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // listening on TCP, so neither null nor a path
  const origin = `http://localhost:${port}`

  async function hear(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { page, answers } = (await bodyOf(request)) as Posted
    for (const answer of answers) {
      open.get(answer.id)?.settle(answer)
      open.delete(answer.id)
    }
    if (page !== shown) {
      shown = page
      onShown()
    }
    response.end(JSON.stringify([...open.values()].map(({ told }) => told)))
  }

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url!, origin)
    const file = await fetch(new URL(pathname, url))
    const type = file.headers.get('content-type') ?? 'text/plain'
    const policy = searchParams.get('policy')
    response.writeHead(file.status, {
      'content-type': type,
      ...(policy !== null && { 'content-security-policy': policy }),
    })
    response.write(Buffer.from(await file.arrayBuffer()))
    // Of modules each begins when those before it have.
    response.end(type.startsWith('text/html') ? `<script type="module">(${obey.toString()})()</script>` : '')
  }

  function tell(what: Omit<Told, 'id'>): Promise<string> {
    const id = ++count
    return new Promise((resolve, reject) => {
      const settle = ({ value, error }: Answer): void =>
        error === undefined ? resolve(value!) : reject(new Error(`In WebKit: ${error}`))
      open.set(id, { told: { id, ...what }, settle })
    })
  }

  const arrives = (): Promise<void> => new Promise((resolve) => (onShown = resolve))

  const page: ToldPage = {
    addressOf(at) {
      const { pathname, search } = new URL(at)
      return `${origin}${pathname}${search}`
    },
    arrives,
    async goto(to) {
      const arrived = arrives()
      await tell({ goto: page.addressOf(to) })
      await arrived
    },
    evaluate: async (body: (argument: never) => unknown, argument?: unknown) =>
      JSON.parse(await tell({ expression: asCall(body, argument) })),
    forget() {
      open.clear()
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return page
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let body = ''
  for await (const chunk of request.setEncoding('utf8')) body += chunk as string
  return JSON.parse(body)
}

/** Runs in the page: asks again and again what to do, and tells what came of it. */
async function obey(): Promise<void> {
  const page = Math.random().toString(36).slice(2)
  const begun = new Set<number>()
  let answers: Answer[] = []
  for (;;) {
    const telling = answers
    answers = []
    try {
      const response = await fetch('/', { method: 'POST', body: JSON.stringify({ page, answers: telling }) })
      for (const { id, expression, goto } of (await response.json()) as readonly Told[]) {
        if (begun.has(id)) continue
        begun.add(id)
        if (goto !== undefined) {
          await fetch('/', { method: 'POST', body: JSON.stringify({ page, answers: [{ id, value: 'null' }] }) })
          location.assign(goto)
          return
        }
        // What WebDriver does elsewhere, and there is no other way to run what comes as text.
        // oxlint-disable-next-line no-eval
        new Promise((resolve) => resolve((0, eval)(expression!))).then(
          (value) => answers.push({ id, value: value as string }),
          (error: unknown) => answers.push({ id, error: String((error as Error).stack ?? '') + String(error) }),
        )
      }
    } catch {
      // The network is gone for a moment.
      answers.unshift(...telling)
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
