import { fork, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, chownSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'

/** How long a server may take to start. */
const PATIENCE_MS = 20_000

/** The servers that can be started here, by their names: of the peers those whose programs are found in PATH. `program` is the bundled relay. */
export function serversHere(program) {
  const redis = find('redis-server')
  const [initdb, postgres] = [find('initdb'), find('postgres')]
  return {
    Syncline: { version: undefined, run: (work) => inFolder((folder) => withRelay(program, folder, work)) },
    ...(redis && {
      Redis: { version: versionOf(redis), run: (work) => inFolder((folder) => withRedis(redis, folder, work)) },
    }),
    ...(initdb &&
      postgres && {
        PostgreSQL: {
          version: versionOf(postgres),
          run: (work) => inFolder((folder) => withPostgres(initdb, postgres, folder, work)),
        },
      }),
  }
}

/** Gives `work` a folder that is removed afterwards. */
export async function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), 'syncline-bench-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function withRelay(program, folder, work) {
  const child = fork(program, [folder])
  return until(child, async () => {
    const [port] = await once(child, 'message')
    return work(port)
  })
}

/** Every write is in the append-only file and flushed before it is answered. */
async function withRedis(path, folder, work) {
  const port = await freePort()
  const options = { port, dir: folder, save: '', appendonly: 'yes', appendfsync: 'always', bind: '127.0.0.1' }
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  return until(spawn(path, args, { stdio: 'ignore' }), () => whenListening(port, work))
}

/** As it is set up by default: a commit is flushed before it is answered. */
async function withPostgres(initdb, path, folder, work) {
  const user = unprivileged()
  if (user) chownSync(folder, user.uid, user.gid)
  const data = join(folder, 'data')
  const made = spawnSync(initdb, ['-D', data, '-U', 'syncline', '-A', 'trust'], {
    ...user,
    cwd: folder,
    encoding: 'utf8',
  })
  if (made.status !== 0) throw new Error(`initdb says: ${made.stderr}`)
  const port = await freePort()
  const settings = [`listen_addresses=127.0.0.1`, `unix_socket_directories=${folder}`, 'max_connections=210']
  const args = ['-D', data, '-p', String(port), ...settings.flatMap((each) => ['-c', each])]
  const child = spawn(path, args, { ...user, cwd: folder, stdio: 'ignore' })
  // Told to be quick, it takes its processes along.
  return until(child, () => whenListening(port, work), 'SIGQUIT')
}

/** Ends a server when the work is done; rejects when it ends before that. */
async function until(child, work, signal = 'SIGKILL') {
  const ended = once(child, 'exit')
  try {
    return await Promise.race([
      work(),
      ended.then(([code]) => Promise.reject(new Error(`${child.spawnfile} ends with ${code}.`))),
    ])
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    await ended
  }
}

async function whenListening(port, work) {
  for (const giveUpMs = Date.now() + PATIENCE_MS; !(await accepts(port)); await pause(50)) {
    if (Date.now() > giveUpMs) throw new Error(`Nobody listens on port ${port}.`)
  }
  // PostgreSQL listens a little before it answers.
  await pause(500)
  return work(port)
}

/** One that nobody has now. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}

function find(name) {
  return process.env.PATH.split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

const versionOf = (path) => /\d+\.\d+(\.\d+)?/.exec(String(spawnSync(path, ['--version']).stdout))[0]

/** PostgreSQL does not run as root: then as somebody who may do nothing. */
function unprivileged() {
  if (process.getuid?.() !== 0) return undefined
  const [, , uid, gid] = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name]) => name === 'nobody')
  return { uid: Number(uid), gid: Number(gid) }
}
