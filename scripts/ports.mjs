import { connect, createServer } from 'node:net'
import { Letter } from './letter.mjs'

/** The port to serve on: `wanted`, or a free one when that is 0. Refuses a port that someone else holds. */
export function claimPort(wanted, host, how) {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (error) => {
      if (error.code !== 'EADDRINUSE') return reject(error)
      const other = Number(wanted) + 1
      reject(
        new Letter(
          `Port ${wanted} is in use, perhaps by a Syncline that already runs. ` +
            `Stop that program, or choose another port: PORT=${other} ${how}`,
          { cause: error },
        ),
      )
    })
    probe.listen(wanted, host, () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
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
