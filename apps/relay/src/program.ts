import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import process from 'node:process'
import { createRelay, type AuditEvent, type RelayLimits } from '@syncline/relay'
import { hearAdoptions } from '@syncline/relay/care'
import { openLmdbStorage } from '@syncline/relay/lmdb'
import { attachRelay, createKeyedEpochs, isLoopback, listen } from '@syncline/relay/node'
import { pino } from 'pino'
import { openAudit } from './audit.ts'
import { keepCheckpoints } from './checkpoints/index.ts'
import { createHealth } from './health.ts'
import { createMetricsPages, createPages } from './pages.ts'
import { keepRolls } from './rolls.ts'
import type { Endpoint, ProgramOptions } from './settings.ts'
import { UsageError } from './usage.ts'
import { createYClients } from './y-clients.ts'

/** What the program bounds beside what every relay does: it may be where anybody can reach it. */
const programLimits: Partial<RelayLimits> = { maxMessagesPerSecond: 5_000, maxBytesPerSecond: 32 * 1024 * 1024 }

/** A relay that runs. */
export interface Program {
  readonly url: string
  /** What the operator should know before anybody connects. */
  readonly warning: string | undefined
  /** Goes on in new files where there are old ones that somebody has moved away. */
  reopen(): void
  /** Says that it is about to stop, and resolves when it has been said for long enough. */
  drain(): Promise<void>
  /** Stores and acknowledges what was heard, says goodbye, and lets go of the port and of the data folder. */
  stop(): Promise<void>
}

/** Starts the relay with everything around it. Rejects with `RelayError` or `UsageError`, and then has left nothing behind. */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const log = pino(
    { level: options.logLevel, base: undefined },
    pino.destination({ fd: process.stderr.fd, sync: true }),
  )
  // What is asked for is loaded, and nothing else: a relay is started often where others are waiting.
  const { jwks, jwtSecret, jwtIssuer, jwtAudience, jwtRights } = options
  const asks = [jwks, jwtSecret, jwtIssuer, jwtAudience, jwtRights].some((said) => said !== undefined)
  const tokens = asks ? (await import('./tokens.ts')).tokensOf(options) : undefined
  if (tokens === undefined && options.auth === undefined && !isLoopback(options.host)) {
    const ways =
      'Give --jwks or --jwt-secret, or say --auth none if all who can reach it may read and write everything.'
    throw new UsageError(`Nobody is asked who they are, so it listens on 127.0.0.1 and not on ${options.host}. ${ways}`)
  }
  const epochs = options.epochKey === undefined ? undefined : epochsOf(options.epochKey)
  const health = createHealth()
  const server = createServer(createPages(options.static, health))
  const audit = options.audit === undefined ? undefined : openAudit(options.audit, log)
  const metrics = options.metrics && (await import('./metrics.ts')).createMetrics(() => relay.load)
  const storage = health.watch(await openLmdbStorage(options.data, log))
  const checkpoints = await keepCheckpoints({ folder: options.data, storage, log }).catch(async (error: unknown) => {
    await storage.close()
    throw error
  })
  const relay = createRelay({
    storage,
    checkpoints,
    rolls: keepRolls(join(options.data, 'rolls'), log),
    log,
    limits: { ...programLimits, ...options.limits },
    ...(tokens ?? (options.auth === 'none' && { authenticate: () => ({ principal: '' }) })),
    ...(epochs && { epochs }),
    ...(metrics && { onSpan: metrics.onSpan }),
    ...((metrics ?? audit) && {
      onAudit(event: AuditEvent) {
        metrics?.onAudit(event)
        audit?.write(event)
      },
    }),
  })
  // Clients of y-websocket have no place for a token but their address.
  const others = tokens === undefined ? createYClients(relay, log) : undefined
  const sockets = attachRelay(server, relay, { origins: options.origins, others: others === undefined ? [] : [others] })
  let address
  let looking: Looking | undefined
  try {
    looking = options.metrics && (await look(createServer(createMetricsPages(metrics!, health)), options.metrics))
    address = await listen(server, options.port, options.host)
  } catch (error) {
    looking?.close()
    await checkpoints.close()
    await storage.close()
    audit?.close()
    throw error
  }
  server.on('error', (error) => log.error({ err: error }, 'The server cannot take a connection.'))
  const stopHearing = hearAdoptions(options.data, relay, log)
  log.info({ address, asks: tokens !== undefined, data: options.data, metrics: looking?.url }, 'The relay runs.')

  return {
    url: `http://${nameOf(options.host)}:${address.port}`,
    warning:
      tokens !== undefined || isLoopback(address.address)
        ? undefined
        : `Syncline listens on ${address.address} and asks nobody who they are: all who can reach this machine can read and write every space.`,
    reopen: () => audit?.reopen(),
    async drain() {
      health.drain()
      if (options.drainMs > 0) log.info({ drainMs: options.drainMs }, 'The relay is about to stop.')
      await new Promise((resolve) => setTimeout(resolve, options.drainMs))
    },
    async stop() {
      health.drain()
      stopHearing()
      const closed = new Promise((resolve) => server.close(resolve))
      await relay.close()
      await Promise.all([sockets.close(), others?.close()])
      server.closeAllConnections()
      await closed
      await checkpoints.close()
      await storage.close()
      looking?.close()
      audit?.close()
      log.info({}, 'The relay has stopped.')
    },
  }
}

/** A server for those who look after the relay. */
interface Looking {
  readonly url: string
  close(): void
}

async function look(server: Server, { host, port }: Endpoint): Promise<Looking> {
  const address = await listen(server, port, host)
  return {
    url: `http://${nameOf(host)}:${address.port}/metrics`,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

function epochsOf(file: string): ReturnType<typeof createKeyedEpochs> {
  try {
    return createKeyedEpochs(readFileSync(file))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new UsageError(`The secret of --epoch-key cannot be used: ${reason}`)
  }
}

/** The host in a URL that works on this machine. */
function nameOf(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}
