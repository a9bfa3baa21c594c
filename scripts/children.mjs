import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { root } from './paths.mjs'

/**
 * Child processes that never outlive us.
 *
 * Each child leads its own process group, so that stopping it stops what it started too. A group is stopped when we
 * get SIGINT, SIGTERM or SIGHUP, when we end, and when the npm above us dies: npm does not pass SIGTERM on through
 * its `sh -c`, so the only sign of its death is that our parent changes.
 */
const running = new Set()
const stopGraceMs = 8_000
const parentCheckMs = 250
let stopping = false
let isServer = false

/** Being stopped is how a server ends well, so from now on a signal leads to exit code 0. */
export function endWellWhenStopped() {
  isServer = true
}

/**
 * Starts a child. `end` resolves with `{ code, signal }` and never rejects for a bad exit code. While we are being
 * stopped it stays open: that a child ends is then our own doing, and nobody is to report it.
 */
export function start(command, args, { env, cwd = root, stdio = 'inherit' } = {}) {
  watch()
  const child = spawn(command, args, { cwd, env: cleanEnv(env), stdio, detached: true })
  running.add(child)
  const end = new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: 127, signal: null, error }))
    child.once('exit', (code, signal) => resolve({ code: code ?? 1, signal }))
  }).finally(() => {
    running.delete(child)
    signalGroup(child, 'SIGTERM')
  })
  return { child, end: end.then((result) => (stopping ? new Promise(() => {}) : result)) }
}

/** Runs a command to its end and returns `{ code, output, seconds }`; with `quiet` the output is kept, not printed. */
export async function run(command, args, { env, cwd, quiet = false, timeoutMs = 0 } = {}) {
  const startedAt = Date.now()
  const stdio = quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit']
  const { child, end } = start(command, args, { env, cwd, stdio })
  const chunks = []
  child.stdout?.on('data', (chunk) => chunks.push(chunk))
  child.stderr?.on('data', (chunk) => chunks.push(chunk))
  const streamsDone = quiet ? new Promise((resolve) => child.once('close', resolve)) : undefined
  let timedOut = false
  const timer = timeoutMs
    ? setTimeout(() => {
        timedOut = true
        void stop(child)
      }, timeoutMs)
    : undefined
  const { code, error } = await end
  clearTimeout(timer)
  if (!error) await streamsDone
  const notes = [
    error ? `Cannot run ${command}: ${error.message}` : '',
    timedOut ? `Stopped after ${timeoutMs / 1000} s without an end.` : '',
  ]
  const output = [Buffer.concat(chunks).toString(), ...notes].filter(Boolean).join('\n')
  if (!quiet) for (const note of notes) if (note) console.error(note)
  return { code: timedOut ? 124 : code, output, seconds: (Date.now() - startedAt) / 1000 }
}

/** Asks a child to stop, and insists after a while. */
export async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  signalGroup(child, 'SIGTERM')
  const insist = setTimeout(() => signalGroup(child, 'SIGKILL'), stopGraceMs)
  await ended
  clearTimeout(insist)
}

function signalGroup(child, signal) {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    // The group is already gone; macOS says EPERM for one of which only zombies are left.
    if (error.code !== 'ESRCH' && error.code !== 'EPERM') throw error
  }
}

let watching = false
function watch() {
  if (watching) return
  watching = true
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ]) {
    process.on(signal, () => void stopAllAndExit(code))
  }
  const lineage = parents()
  const timer = setInterval(() => {
    if (parents() !== lineage) void stopAllAndExit(143)
  }, parentCheckMs)
  timer.unref()
  process.on('exit', () => {
    for (const child of running) signalGroup(child, 'SIGKILL')
  })
}

async function stopAllAndExit(code) {
  if (stopping) return
  stopping = true
  await Promise.all([...running].map(stop))
  process.exit(isServer ? 0 : code)
}

/** Our parent and, where the kernel tells, its parent: npm puts a shell between itself and us. */
function parents() {
  const parent = process.ppid
  try {
    const stat = readFileSync(`/proc/${parent}/stat`, 'utf8')
    const [, grandparent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const above = readFileSync(`/proc/${parent}/comm`, 'utf8').trim()
    return /^(ba|da)?sh$/.test(above) ? `${parent}<${grandparent}` : `${parent}`
  } catch {
    // Only Linux has /proc; elsewhere the parent alone has to do.
    return `${parent}`
  }
}

/** A surrounding `npx -c` leaves these two behind, and a nested npx then refuses to run. */
function cleanEnv(extra) {
  const env = { ...process.env, ...extra }
  delete env.npm_config_call
  delete env.npm_config_package
  return env
}
