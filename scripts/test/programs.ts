import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { root } from '../paths.mjs'

/** A program that a test started, and what it has said so far. */
export interface Program {
  readonly pid: number
  readonly output: { out: string; err: string }
  /** Resolves when it has ended and closed its output. */
  readonly end: Promise<{ readonly code: number | null; readonly signal: string | null }>
}

/**
 * Starts a program in the root of the repository, as a leader of its own process group, as a terminal would.
 *
 * It gets the environment of a plain shell: what the test runner sets (NODE_ENV, for one) would change what is built.
 * Whatever is left of it when the test ends is killed.
 */
export function startProgram(command: string, args: readonly string[], env: Record<string, string>): Program {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(command, args, { cwd: root, env: { PATH, HOME, ...env }, stdio: 'pipe', detached: true })
  const output = { out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => (output.out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output.err += chunk.toString()))
  const end = once(child, 'close').then(([code, signal]) => ({ code, signal }) as Awaited<Program['end']>)
  const pid = child.pid!
  onTestFinished(() => {
    for (const each of family(pid)) signal(each, 'SIGKILL')
  })
  return { pid, output, end }
}

/** Polls until `look` gives something. Throws, with what the program said, when it ends before or takes a minute. */
export async function until<T>(program: Program, look: () => T | undefined | false): Promise<T> {
  let hasEnded = false
  void program.end.then(() => (hasEnded = true))
  for (let left = 2400; left > 0; left--) {
    const found = look()
    if (found !== undefined && found !== false) return found
    if (hasEnded) break
    await sleep(25)
  }
  const { out, err } = program.output
  throw new Error(`The program ${hasEnded ? 'has ended' : 'goes on'} without what was waited for:\n${out}\n${err}`)
}

/** The process and all below it, whatever groups they are in. */
export function family(pid: number): number[] {
  const rows = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' })
    .stdout.trim()
    .split('\n')
    .map((row) => row.trim().split(/\s+/))
    .filter(([, , stat]) => !stat!.startsWith('Z'))
  const found = rows.filter(([own]) => Number(own) === pid).map(([own]) => Number(own))
  for (const parent of found) {
    for (const [own, above] of rows) if (Number(above) === parent) found.push(Number(own))
  }
  return found
}

/** Waits until a process has ended; false when it still lives after ten seconds. */
export async function isGone(pid: number): Promise<boolean> {
  for (let left = 200; left > 0; left--) {
    const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', `${pid}`], { encoding: 'utf8' })
    if (stdout.trim().replace(/^Z.*/, '') === '') return true
    await sleep(50)
  }
  return false
}

/** Whether a server could listen there now. */
export async function isFree(port: number): Promise<boolean> {
  const probe = createServer().listen(port, '127.0.0.1')
  const [result] = await Promise.race([
    once(probe, 'listening').then(() => [true]),
    once(probe, 'error').then(() => [false]),
  ])
  probe.close()
  return result!
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    // It has ended in the meantime, which is what was wanted.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
