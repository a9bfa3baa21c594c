import { parseArgs } from 'node:util'
import { logLevels, UsageError } from './usage.ts'

/** How the program was asked to run. */
export interface ProgramOptions {
  readonly port: number
  readonly host: string
  /** The data folder. */
  readonly data: string
  /** A folder with a built app to serve on the same port. */
  readonly static: string | undefined
  readonly logLevel: LogLevel
  /** Web origins that may connect besides those of this machine. */
  readonly origins: readonly string[]
  /** A file with the secret by which the relay knows what it has written. */
  readonly epochKey: string | undefined
}

type LogLevel = (typeof logLevels)[number]

/** Reads the arguments, and the environment for what they leave open. Throws {@link UsageError}. */
export function readOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ProgramOptions | 'help' | 'version' {
  const given = parse(args)
  if (given.help === true) return 'help'
  if (given.version === true) return 'version'
  return {
    port: portOf(given.port ?? env.SYNCLINE_PORT ?? '4400'),
    host: filled('--host', given.host ?? env.SYNCLINE_HOST ?? '127.0.0.1'),
    data: filled('--data', given.data ?? env.SYNCLINE_DATA ?? './data'),
    static: given.static ?? env.SYNCLINE_STATIC,
    logLevel: levelOf(given['log-level'] ?? env.SYNCLINE_LOG_LEVEL ?? 'warn'),
    origins: (given.origin ?? env.SYNCLINE_ORIGINS?.split(',') ?? []).map(originOf),
    epochKey: given['epoch-key'] ?? env.SYNCLINE_EPOCH_KEY,
  }
}

interface Given {
  readonly port?: string
  readonly host?: string
  readonly data?: string
  readonly static?: string
  readonly origin?: readonly string[]
  readonly 'log-level'?: string
  readonly 'epoch-key'?: string
  readonly help?: boolean
  readonly version?: boolean
}

function parse(args: readonly string[]): Given {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        port: { type: 'string' },
        host: { type: 'string' },
        data: { type: 'string' },
        static: { type: 'string' },
        origin: { type: 'string', multiple: true },
        'log-level': { type: 'string' },
        'epoch-key': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
      },
    })
    return values
  } catch (error) {
    const [problem] = String(error instanceof Error ? error.message : error).split('\n')
    throw new UsageError(`${problem} See syncline-relay --help.`)
  }
}

function portOf(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65_535) return port
  throw new UsageError(`The port is "${text}"; it must be a number from 0 to 65535 (0 takes a free one).`)
}

function levelOf(text: string): LogLevel {
  const level = logLevels.find((known) => known === text)
  if (level !== undefined) return level
  throw new UsageError(`The log level is "${text}"; it must be one of ${logLevels.join(', ')}.`)
}

function originOf(text: string): string {
  const origin = URL.canParse(text) ? new URL(text).origin : 'null'
  if (origin !== 'null') return origin
  throw new UsageError(`The origin is "${text}"; it must look like https://board.example.`)
}

function filled(name: string, text: string): string {
  if (text !== '') return text
  throw new UsageError(`${name} is empty. See syncline-relay --help.`)
}
