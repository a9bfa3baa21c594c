import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { isSupported } from '../node-version.mjs'
import { at } from '../paths.mjs'
import { isGone } from './programs.ts'
import { folderOf } from './temporary.ts'

test.each([
  ['18.20.0', false],
  ['20.18.3', false],
  ['20.19.0', true],
  ['21.7.0', false],
  ['22.11.0', false],
  ['22.12.0', true],
  ['24.0.0', true],
])('Node %s is supported: %s', (version, expected) => {
  expect(isSupported(version)).toBe(expected)
})

test('an unknown command is refused with the list of known ones', () => {
  const { status, stderr } = spawnSync(process.execPath, [at('scripts/run.mjs'), 'strat'], { encoding: 'utf8' })
  expect(status).toBe(2)
  expect(stderr).toBe(
    'Unknown command "strat". Choose one of: start, dev, test, test:long, test:engines, verify, fix.\n',
  )
})

test('a PORT that is no number ends npm start with a sentence', async () => {
  const { status, stderr } = await ended(spawnRun({ PORT: 'http' }))
  expect(status).toBe(1)
  expect(stderr).toBe('PORT is "http"; it must be a number from 0 to 65535 (0 chooses a free port).\n')
})

/** A program that has a grandchild, and tells its process id. */
const family = `
import { start } from ${JSON.stringify(at('scripts/children.mjs'))}
const { child, end } = start(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
console.log(child.pid)
await end
`

test('children end with us on SIGTERM', async () => {
  const script = `${folderOf({ 'family.mjs': family })}/family.mjs`
  const program = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const child = await firstNumber(program.stdout)
  program.kill('SIGTERM')
  await once(program, 'exit')
  expect(await isGone(child)).toBe(true)
})

test('children end when the npm above us is killed, which tells nobody', async () => {
  const script = `${folderOf({ 'family.mjs': family })}/family.mjs`
  // As npm does it: a shell in between that stays while the program runs.
  const shell = spawn('sh', ['-c', `"${process.execPath}" "${script}"; true`], { stdio: ['ignore', 'pipe', 'inherit'] })
  const child = await firstNumber(shell.stdout)
  shell.kill('SIGKILL')
  expect(await isGone(child)).toBe(true)
})

function spawnRun(env: Record<string, string>) {
  return spawn(process.execPath, [at('scripts/run.mjs'), 'start'], { env: { ...process.env, ...env }, stdio: 'pipe' })
}

async function ended(program: ReturnType<typeof spawnRun>) {
  let stderr = ''
  program.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const [status] = (await once(program, 'close')) as [number]
  return { status, stderr }
}

async function firstNumber(stream: NodeJS.ReadableStream): Promise<number> {
  const [chunk] = (await once(stream, 'data')) as [Buffer]
  return Number(chunk.toString())
}
