import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, watch } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const program = join(root, 'apps/relay/dist/main.js')

/** Files of one worker share this module, and with it what was compiled. */
let compiled: Promise<unknown> | undefined

/** The program is tested as it is shipped: compiled. When nothing has changed this takes a second. */
export function compileFirst(): void {
  beforeAll(() => (compiled ??= compile()), 120_000)
}

function compile(): Promise<unknown> {
  // The package exports no path to its program.
  const typescript = dirname(createRequire(join(root, 'package.json')).resolve('typescript/package.json'))
  return promisify(execFile)(process.execPath, [join(typescript, 'bin/tsc'), '-b', 'apps/relay'], { cwd: root })
}

const folders: string[] = []
const children = new Set<ChildProcess>()
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'syncline-relay-'))
  folders.push(folder)
  return folder
}

/** How a program ended. */
export interface Ending {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

/** A relay in a process of its own. */
export interface Launched {
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly stdout: string
  readonly stderr: string
  kill(signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT'): Promise<Ending>
}

interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<Ending>
  readonly output: { stdout: string; stderr: string }
}

function run(args: readonly string[], env: Record<string, string>, under: readonly string[] = []): Started {
  const [command, ...rest] = [...under, process.execPath, program, ...args]
  const child = spawn(command!, rest, {
    env: { PATH: process.env.PATH, ...env },
    cwd: temporaryFolder(),
  })
  children.add(child)
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()))
  const ended = new Promise<Ending>((resolve) => {
    child.once('close', (code, signal) => {
      children.delete(child)
      resolve({ code, signal, ...output })
    })
  })
  return { child, ended, output }
}

/** Starts the program and waits until its data folder gets a file of such a name, also one that is gone again; then ends it without a word, some time later. */
export async function killWhen(
  args: readonly string[],
  folder: string,
  part: string,
  delayMs: number,
): Promise<Ending> {
  // The system keeps what happened for whoever watches: to look again and again would miss what happens between two looks.
  const watcher = watch(folder)
  const isThere = new Promise<void>((resolve) => {
    watcher.on('change', (_, name) => {
      if (String(name).includes(part)) resolve()
    })
  })
  const { child, ended } = run(args, {})
  await Promise.race([isThere, ended])
  watcher.close()
  if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs))
  child.kill('SIGKILL')
  return ended
}

/** No file of the program may become longer, as on a disk that is full: half a megabyte, or one where the shell counts in KiB. */
export const fullDisk: readonly string[] = ['sh', '-c', 'ulimit -f 1024; exec "$@"', 'sh']

/** Runs the program to its end, `under` another one if there is one. */
export function runToEnd(
  args: readonly string[],
  env: Record<string, string> = {},
  under: readonly string[] = [],
): Promise<Ending> {
  return run(args, env, under).ended
}

/** Each of these calls fails, and says why in one line. */
export async function expectRefusals(
  attempts: readonly (readonly [args: readonly string[], message: RegExp])[],
): Promise<void> {
  const endings = await Promise.all(attempts.map(([args]) => runToEnd(args)))
  for (const [i, [args, message]] of attempts.entries()) {
    const { code, stdout, stderr } = endings[i]!
    expect([args, code, stdout]).toEqual([args, 1, ''])
    expect(stderr).toMatch(message)
    expect(stderr.trimEnd()).not.toContain('\n')
  }
}

/** Starts the program, `under` another one if there is one, and waits until it says that it is ready. */
export async function launch(
  args: readonly string[],
  env: Record<string, string> = {},
  under: readonly string[] = [],
): Promise<Launched> {
  const { child, ended, output } = run(args, env, under)
  const ready = new Promise<string>((resolve) => {
    child.stdout!.on('data', () => {
      if (output.stdout.includes('\n')) resolve(output.stdout)
    })
  })
  const line = await Promise.race([
    ready,
    ended.then(({ code, stderr }) => {
      throw new Error(`The relay ended with ${code}: ${stderr}`)
    }),
  ])
  const url = line.trim().split(' ').at(-1)!
  return {
    url,
    port: Number(new URL(url).port),
    pid: child.pid!,
    get stdout() {
      return output.stdout
    },
    get stderr() {
      return output.stderr
    },
    kill(signal) {
      child.kill(signal)
      return ended
    },
  }
}
