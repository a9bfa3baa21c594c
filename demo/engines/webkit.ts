import { spawn } from 'node:child_process'
import { accepts, freePort } from '../e2e/support/ports.ts'
import { asCall, type Engine, type Tab } from './engine.ts'
import { startScreen } from './screen.ts'

/** What it takes to drive WebKitGTK. */
export interface WebKitPrograms {
  readonly driver: string
  readonly browser: string
  /** A screen in memory: it has no headless mode. */
  readonly screen: string
}

/**
 * Starts WebKitGTK on a screen that nobody sees, and speaks WebDriver to it (https://w3c.github.io/webdriver/). When it is driven it keeps nothing
 * on disk.
 */
export async function openWebKit({ driver, browser, screen }: WebKitPrograms): Promise<Engine> {
  const running = await startWebKit({ driver, browser, screen })

  async function openTab(url: string): Promise<Tab> {
    const { say, inTurn, first } = running
    // As a window of its own: a tab behind another one gets no clicks.
    const { handle } = await inTurn(async () => {
      // The one before may be closed.
      await say('POST', '/window', { handle: first })
      return (await say('POST', '/window/new', { type: 'window' })) as { handle: string }
    })
    const here = <T>(body: () => Promise<T>): Promise<T> =>
      inTurn(async () => {
        await say('POST', '/window', { handle })
        return body()
      })
    const tab: Tab = {
      async goto(to) {
        await here(() => say('POST', '/url', { url: to }))
      },
      // The driver does one thing after another, and a page that waits for another tab would wait for ever: so the page is asked again and again.
      async evaluate(body: (argument: never) => unknown, argument?: unknown) {
        const id = Math.random().toString(36).slice(2)
        const ask = (script: string): Promise<unknown> => here(() => say('POST', '/execute/sync', { script, args: [] }))
        await ask(`
          const answers = (window.enginesAnswers ??= {})
          try {
            ${asCall(body, argument)}.then(
              (value) => { answers['${id}'] = { value } },
              (error) => { answers['${id}'] = { error: String(error?.stack ?? error) + ' ' + String(error) } })
          } catch (error) { answers['${id}'] = { error: String(error) } }
          return null`)
        for (let pauseMs = 1; ; pauseMs = Math.min(50, pauseMs * 2)) {
          const answer = (await ask(
            `const it = window.enginesAnswers?.['${id}'] ?? null; if (it) delete window.enginesAnswers['${id}']; return it`,
          )) as {
            value?: string
            error?: string
          } | null
          if (answer?.error !== undefined) throw new Error(`In WebKit: ${answer.error}`)
          if (answer !== null) return JSON.parse(answer.value!)
          await new Promise((resolve) => setTimeout(resolve, pauseMs))
        }
      },
      async perform(actions) {
        await here(() => say('POST', '/actions', { actions }))
      },
      async close() {
        await here(() => say('DELETE', '/window'))
      },
    }
    await tab.goto(url)
    return tab
  }

  return {
    name: 'webkit',
    get version() {
      return running.version
    },
    openTab,
    close: () => running.end(),
  }
}

interface Running {
  readonly version: string
  /** The window that it starts with, and that stays. */
  readonly first: string
  say(method: string, path: string, body?: object): Promise<unknown>
  /** One at a time. */
  inTurn<T>(body: () => Promise<T>): Promise<T>
  end(): Promise<void>
}

async function startWebKit({ driver, browser, screen }: WebKitPrograms): Promise<Running> {
  const display = await startScreen(screen)
  const port = await freePort()
  const started = spawn(driver, [`--port=${port}`, '--host=127.0.0.1'], { stdio: 'ignore', env: display.env })
  const endAll = (): void => {
    started.kill('SIGKILL')
    display.end()
  }
  process.once('exit', endAll)
  while (!(await accepts(port))) {
    if (started.exitCode !== null) throw new Error(`The driver of WebKit ended with ${started.exitCode}.`)
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
  const root = `http://127.0.0.1:${port}`
  const { sessionId, capabilities } = (await request(`${root}/session`, 'POST', {
    capabilities: {
      alwaysMatch: {
        timeouts: { script: 60_000, pageLoad: 60_000 },
        'webkitgtk:browserOptions': { binary: browser, args: ['--automation'] },
      },
    },
  })) as { sessionId: string; capabilities: { browserVersion: string } }
  const say: Running['say'] = (method, path, body) => request(`${root}/session/${sessionId}${path}`, method, body)
  let last: Promise<unknown> = Promise.resolve()
  return {
    version: `WebKitGTK ${capabilities.browserVersion}`,
    first: (await say('GET', '/window')) as string,
    say,
    inTurn(body) {
      const turn = last.then(body)
      last = turn.catch(() => undefined)
      return turn
    },
    async end() {
      // Its browser is a child of the driver, and ends with the session.
      await request(`${root}/session/${sessionId}`, 'DELETE').catch(() => undefined)
      endAll()
      process.off('exit', endAll)
    },
  }
}

async function request(url: string, method: string, body?: object): Promise<unknown> {
  const init = { method, ...(method === 'POST' && { body: JSON.stringify(body ?? {}) }) }
  const response = await fetch(url, { ...init, headers: { 'content-type': 'application/json' } })
  // What the standard says it is.
  const { value } = (await response.json()) as { value: { error?: string; message?: string } | null }
  if (!response.ok)
    throw new Error(`WebKit says ${value?.error}: ${value?.message} (${method} ${new URL(url).pathname})`)
  return value
}
