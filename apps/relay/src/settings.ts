import { defaultLimits, type RelayLimits } from '@syncline/relay'
import * as v from 'valibot'
import { logLevels } from './usage.ts'

/** One thing that can be set: by a flag, by the environment, or in a file. */
export interface Setting<T> {
  readonly flag: string
  readonly env: string
  /** What stands for its value in the help. */
  readonly argument: string
  readonly fallback: T
  readonly help: string
  /** Whether the flag may be given again and again, and the environment has commas. */
  readonly isMany: boolean
  /** Of words what JSON would have in their place. */
  readonly fromWords: (words: readonly string[]) => unknown
  /** Checks what JSON has, or words. Its messages go on after "is …; it must be". */
  readonly schema: v.GenericSchema<unknown, T>
}

type About<T> = Pick<Setting<T>, 'flag' | 'env' | 'argument' | 'fallback' | 'help'> & {
  readonly fromWords?: Setting<T>['fromWords']
}

const one = <T>(about: About<T>, schema: v.GenericSchema<unknown, T>): Setting<T> => ({
  fromWords: (words) => words.at(-1),
  ...about,
  isMany: false,
  schema,
})

const many = <T>(about: About<T>, schema: v.GenericSchema<unknown, T>): Setting<T> => ({
  fromWords: (words) => words,
  ...about,
  isMany: true,
  schema,
})

/** A whole number, in digits or as JSON has it. */
function whole(least: number, most: number, message: string): v.GenericSchema<unknown, number> {
  const digits = v.pipe(v.string(), v.regex(/^\d+$/), v.transform(Number))
  return v.pipe(
    v.union([digits, v.number()], message),
    v.safeInteger(message),
    v.minValue(least, message),
    v.maxValue(most, message),
  )
}

const words = (message: string): v.GenericSchema<unknown, string> => v.pipe(v.string(message), v.nonEmpty(message))

/** A text that may be left out. */
const text = (flag: string, env: string, argument: string, help: string, what: string): Setting<string | undefined> =>
  one<string | undefined>({ flag, env, argument, fallback: undefined, help }, words(`must be ${what}`))

const origin: v.GenericSchema<unknown, string> = v.pipe(
  v.string('must be a text'),
  v.check((text) => URL.canParse(text) && new URL(text).origin !== 'null', 'must look like https://board.example'),
  v.transform((text) => new URL(text).origin),
)

/** An address to listen on: `9464`, `127.0.0.1:9464`, `[::1]:9464`. */
const ENDPOINT = /^(?:(?<host>\[[\da-f:]+\]|[^:]+):)?(?<port>\d{1,5})$/i

/** Where to listen. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

const endpoint: v.GenericSchema<unknown, Endpoint> = v.pipe(
  v.union([v.string(), v.pipe(v.number(), v.transform(String))], 'must be a port, or an address and a port'),
  v.check(
    (text) => Number(ENDPOINT.exec(text)?.groups?.['port'] ?? NaN) <= 65_535,
    'must be a port, or an address and a port like 127.0.0.1:9464',
  ),
  v.transform((text) => {
    const { host = '127.0.0.1', port } = ENDPOINT.exec(text)!.groups!
    return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
  }),
)

const MOST_LIMIT = Number.MAX_SAFE_INTEGER

const limits: v.GenericSchema<unknown, Partial<RelayLimits>> = v.strictObject(
  Object.fromEntries(
    Object.keys(defaultLimits).map((name) => [
      name,
      v.optional(whole(0, MOST_LIMIT, `must be a whole number (${name})`)),
    ]),
  ),
  `must name limits of the relay (${Object.keys(defaultLimits).join(', ')}), each with a whole number`,
) as v.GenericSchema<unknown, Partial<RelayLimits>>

/** Of `maxRooms=100` what a file has as `{ "maxRooms": 100 }`. */
const limitsFromWords = (pairs: readonly string[]): unknown =>
  Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      return at < 0 ? [pair, ''] : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()]
    }),
  )

/** How the program was asked to run. */
export interface ProgramOptions {
  readonly port: number
  readonly host: string
  /** The data folder. */
  readonly data: string
  /** A folder with a built app to serve on the same port. */
  readonly static: string | undefined
  /** Web origins that may connect besides those of this machine. */
  readonly origins: readonly string[]
  readonly logLevel: LogLevel
  /** A file with the secret by which the relay knows what it has written. */
  readonly epochKey: string | undefined
  /** `none`: nobody is asked who they are, wherever it listens. */
  readonly auth: 'none' | undefined
  /** The public keys of tokens: an address, or a file. */
  readonly jwks: string | undefined
  /** A file with the secret of tokens. */
  readonly jwtSecret: string | undefined
  readonly jwtIssuer: string | undefined
  readonly jwtAudience: string | undefined
  /** The claim that says what who may do. */
  readonly jwtRights: string | undefined
  /** Where its numbers are served. */
  readonly metrics: Endpoint | undefined
  /** The file of its books. */
  readonly audit: string | undefined
  /** How long it goes on after it was asked to stop. */
  readonly drainMs: number
  readonly limits: Partial<RelayLimits>
}

type LogLevel = (typeof logLevels)[number]

/**
 * All that can be set, by the names that a file uses. Flags go before the environment, that before the file, and that before what
 * stands here.
 */
export const settings: { readonly [name in keyof ProgramOptions]: Setting<ProgramOptions[name]> } = {
  port: one(
    {
      flag: 'port',
      env: 'SYNCLINE_PORT',
      argument: 'number',
      fallback: 4400,
      help: 'port to listen on; 0 takes a free one',
    },
    whole(0, 65_535, 'must be a number from 0 to 65535 (0 takes a free one)'),
  ),
  host: one(
    { flag: 'host', env: 'SYNCLINE_HOST', argument: 'address', fallback: '127.0.0.1', help: 'address to listen on' },
    words('must be an address of this machine'),
  ),
  data: one(
    { flag: 'data', env: 'SYNCLINE_DATA', argument: 'folder', fallback: './data', help: 'where the logs are kept' },
    words('must be a folder'),
  ),
  static: one<string | undefined>(
    {
      flag: 'static',
      env: 'SYNCLINE_STATIC',
      argument: 'folder',
      fallback: undefined,
      help: 'a built app to serve on the same port',
    },
    words('must be a folder'),
  ),
  origins: many<readonly string[]>(
    {
      flag: 'origin',
      env: 'SYNCLINE_ORIGINS',
      argument: 'origin',
      fallback: [],
      help: 'a web origin that may connect, besides those of this machine',
    },
    v.array(origin, 'must be a list of origins'),
  ),
  logLevel: one<LogLevel>(
    {
      flag: 'log-level',
      env: 'SYNCLINE_LOG_LEVEL',
      argument: 'level',
      fallback: 'warn',
      help: logLevels.join(', '),
    },
    v.picklist(logLevels, `must be one of ${logLevels.join(', ')}`),
  ),
  epochKey: one<string | undefined>(
    {
      flag: 'epoch-key',
      env: 'SYNCLINE_EPOCH_KEY',
      argument: 'file',
      fallback: undefined,
      help: 'a secret by which it knows what it has written, should it ever lose that',
    },
    words('must be a file'),
  ),
  auth: one<'none' | undefined>(
    {
      flag: 'auth',
      env: 'SYNCLINE_AUTH',
      argument: 'none',
      fallback: undefined,
      help: 'nobody is asked who they are, also where others can reach it',
    },
    v.literal('none', 'must be none, or left out'),
  ),
  jwks: text(
    'jwks',
    'SYNCLINE_JWKS',
    'address|file',
    'the public keys of the tokens that clients must have',
    'a file, or an address',
  ),
  jwtSecret: text('jwt-secret', 'SYNCLINE_JWT_SECRET', 'file', 'or the secret of these, of 32 bytes or more', 'a file'),
  jwtIssuer: text('jwt-issuer', 'SYNCLINE_JWT_ISSUER', 'text', 'who must have issued them (iss)', 'a text'),
  jwtAudience: text('jwt-audience', 'SYNCLINE_JWT_AUDIENCE', 'text', 'for whom they must be (aud)', 'a text'),
  jwtRights: text(
    'jwt-rights',
    'SYNCLINE_JWT_RIGHTS',
    'claim',
    'the claim that says what who may do in which space',
    'the name of a claim',
  ),
  metrics: one<Endpoint | undefined>(
    {
      flag: 'metrics',
      env: 'SYNCLINE_METRICS',
      argument: '[address:]port',
      fallback: undefined,
      help: 'where /metrics, /healthz and /readyz are served for those who look after it',
    },
    endpoint,
  ),
  audit: one<string | undefined>(
    {
      flag: 'audit',
      env: 'SYNCLINE_AUDIT',
      argument: 'file',
      fallback: undefined,
      help: 'who came, who was told no, and what was adopted, as lines of JSON',
    },
    words('must be a file'),
  ),
  drainMs: one(
    {
      flag: 'drain',
      env: 'SYNCLINE_DRAIN_MS',
      argument: 'ms',
      fallback: 0,
      help: 'how long it goes on after SIGTERM, while /readyz says 503',
    },
    whole(0, 600_000, 'must be a number of milliseconds, 600000 at most'),
  ),
  limits: many<Partial<RelayLimits>>(
    {
      flag: 'limit',
      env: 'SYNCLINE_LIMITS',
      argument: 'name=number',
      fallback: {},
      help: 'what it allows, such as maxChannels=100',
      fromWords: limitsFromWords,
    },
    limits,
  ),
}
