import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { accepts, freePort } from './ports.ts'

const path = (fromRoot: string): string => fileURLToPath(new URL(`../../../${fromRoot}`, import.meta.url))

/** The demo as it was built. */
export const builtDemo: string = path('demo/dist')

/** A relay of one's own, with the built demo on it. Stopping and starting keeps the address and what it stored. */
export interface TestRelay {
  readonly url: string
  start(): Promise<void>
  /** Ends it as an operator would, or with `SIGKILL` as a power cut would. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

/** Opens a relay that is not started yet, on a port that is free now. It serves the built demo, or what is in `staticFolder`. */
export async function openRelay(dataFolder: string, staticFolder: string = builtDemo): Promise<TestRelay> {
  const port = await freePort()
  let child: ChildProcess | undefined
  let output = ''

  return {
    url: `http://localhost:${port}`,

    async start() {
      const args = ['--port', `${port}`, '--host', '127.0.0.1', '--data', dataFolder, '--static', staticFolder]
      const started = spawn(process.execPath, [path('apps/relay/dist/main.js'), ...args], { stdio: 'pipe' })
      child = started
      started.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
      started.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
      while (!(await accepts(port))) {
        if (started.exitCode !== null) throw new Error(`The relay ended with ${started.exitCode}:\n${output}`)
        await new Promise((resolve) => setTimeout(resolve, 30))
      }
    },

    async stop(signal = 'SIGTERM') {
      const running = child
      if (!running || running.exitCode !== null || running.signalCode !== null) return
      const ended = new Promise((resolve) => running.once('exit', resolve))
      running.kill(signal)
      const insist = setTimeout(() => running.kill('SIGKILL'), 8_000)
      await ended
      clearTimeout(insist)
    },
  }
}
