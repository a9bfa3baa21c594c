import { randomInt } from 'node:crypto'
import { connect, createServer } from 'node:net'
import { Letter } from './letter.mjs'

/** The port to serve on: `wanted`, or a free one when that is 0. Refuses a port that someone else holds. */
export async function claimPort(wanted, host, how) {
  if (Number(wanted) === 0) return freePort(host)
  if (await isFree(wanted, host)) return wanted
  throw new Letter(
    `Port ${wanted} is in use, perhaps by a Syncline that already runs. ` +
      `Stop that program, or choose another port: PORT=${Number(wanted) + 1} ${how}`,
  )
}

/**
 * Whoever is to serve on the port takes it a moment later. What the system itself would choose it may choose for somebody else until then, a client of anything included: so
 * it is one of those below that it never chooses.
 */
async function freePort(host) {
  for (;;) {
    const port = randomInt(LOWEST, LOWEST_OF_THE_SYSTEM)
    if (await isFree(port, host)) return port
  }
}

const LOWEST = 10_000
/** On Linux. macOS and Windows begin higher. */
const LOWEST_OF_THE_SYSTEM = 32_768

function isFree(port, host) {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)))
    probe.listen(port, host, () => probe.close(() => resolve(true)))
  })
}

/** True as soon as something accepts connections there; false when `given up` resolves first. */
export async function accepts(port, host, givenUp) {
  let waiting = true
  void givenUp.then(() => (waiting = false))
  while (waiting) {
    if (await canConnect(port, host)) return waiting
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return false
}

function canConnect(port, host) {
  return new Promise((resolve) => {
    const socket = connect({ port, host })
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

/** Reads PORT, which may be absent. */
export function portFromEnv(env, fallback) {
  const text = env.PORT
  if (text === undefined || text === '') return fallback
  const port = Number(text)
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  throw new Letter(`PORT is "${text}"; it must be a number from 0 to 65535 (0 chooses a free port).`)
}
