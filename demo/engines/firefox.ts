import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { asCall, type Engine, type LastingEngine, type Tab } from './engine.ts'

/** So that it talks to nobody but the pages under test, and asks nobody anything. */
const preferences = {
  'app.update.disabledForTesting': true,
  'app.normandy.enabled': false,
  'browser.aboutwelcome.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.systemAddon.update.enabled': false,
  'media.gmp-manager.updateEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'network.dns.disablePrefetch': true,
  'services.settings.server': 'data:,#remote-settings-dummy/v1',
  'toolkit.telemetry.enabled': false,
}

/** Starts Firefox on a profile of its own, and speaks WebDriver BiDi to it (https://w3c.github.io/webdriver-bidi/). */
export async function openFirefox(program: string): Promise<Engine & LastingEngine> {
  const profile = await mkdtemp(join(tmpdir(), 'syncline-firefox-'))
  const lines = Object.entries(preferences).map(([key, value]) => `user_pref("${key}", ${JSON.stringify(value)});`)
  await writeFile(join(profile, 'user.js'), lines.join('\n'))
  let running = await startFirefox(program, profile)

  async function openTab(url: string): Promise<Tab> {
    const { say } = running
    const { context } = (await say('browsingContext.create', { type: 'tab' })) as { context: string }
    const tab: Tab = {
      async goto(to) {
        await say('browsingContext.navigate', { context, url: to, wait: 'complete' })
      },
      async evaluate(body: (argument: never) => unknown, argument?: unknown) {
        const answer = (await say('script.evaluate', {
          expression: asCall(body, argument),
          target: { context },
          awaitPromise: true,
          userActivation: true,
        })) as Evaluated
        if (answer.type === 'exception') throw new Error(`In Firefox: ${answer.exceptionDetails.text}`)
        return JSON.parse(answer.result.value)
      },
      async perform(actions) {
        await say('input.performActions', { context, actions })
      },
      async close() {
        await say('browsingContext.close', { context })
      },
    }
    await tab.goto(url)
    return tab
  }

  return {
    name: 'firefox',
    get version() {
      return running.version
    },
    openTab,
    async restart() {
      await running.kill()
      running = await startFirefox(program, profile)
    },
    async close() {
      await running.kill()
      await rm(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

type Evaluated =
  | { readonly type: 'success'; readonly result: { readonly value: string } }
  | { readonly type: 'exception'; readonly exceptionDetails: { readonly text: string } }

interface Running {
  readonly version: string
  say(method: string, params: object): Promise<unknown>
  kill(): Promise<void>
}

async function startFirefox(program: string, profile: string): Promise<Running> {
  // The content processes end with it: they notice that it is gone.
  const child = spawn(program, ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const end = (): void => void child.kill('SIGKILL')
  process.once('exit', end)
  const address = await new Promise<string>((resolve, reject) => {
    let output = ''
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      const found = /WebDriver BiDi listening on (\S+)/.exec(output)
      if (found) resolve(found[1]!)
    })
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`Firefox ended with ${code}:\n${output}`)))
  })
  const socket = new WebSocket(`${address}/session`)
  await new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>()
  let lastId = 0
  socket.on('message', (data: Buffer) => {
    // What the standard says it is.
    const answer = JSON.parse(data.toString()) as { id?: number; result?: unknown; error?: string; message?: string }
    const asked = answer.id === undefined ? undefined : waiting.get(answer.id)
    if (asked === undefined) return
    waiting.delete(answer.id!)
    if (answer.error === undefined) asked.resolve(answer.result)
    else asked.reject(new Error(`Firefox says ${answer.error}: ${answer.message}`))
  })
  socket.on('close', () => {
    for (const { reject } of waiting.values()) reject(new Error('Firefox has ended.'))
    waiting.clear()
  })
  const say = (method: string, params: object): Promise<unknown> =>
    new Promise((resolve, reject) => {
      waiting.set(++lastId, { resolve, reject })
      socket.send(JSON.stringify({ id: lastId, method, params }))
    })
  const { capabilities } = (await say('session.new', {
    capabilities: { alwaysMatch: { unhandledPromptBehavior: { default: 'ignore' } } },
  })) as { capabilities: { browserVersion: string } }
  return {
    version: `Firefox ${capabilities.browserVersion}`,
    say,
    async kill() {
      end()
      process.off('exit', end)
      await ended
    },
  }
}
