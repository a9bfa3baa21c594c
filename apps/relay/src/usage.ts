/** What the user got wrong, in one line. */
export class UsageError extends Error {}

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const

/** What looks after the data. */
export const commandNames = ['backup', 'restore', 'verify', 'inspect', 'export', 'adopt'] as const
export type CommandName = (typeof commandNames)[number]

export const usage: string = `syncline-relay: orders, stores and forwards the Changes of Syncline apps.

Usage: syncline-relay [options]              runs the relay
       syncline-relay <command> [options]    looks after its data, whether a relay runs on it or not

  --port <number>      port to listen on; 0 takes a free one    SYNCLINE_PORT       4400
  --host <address>     address to listen on                     SYNCLINE_HOST       127.0.0.1
  --data <folder>      where the logs are kept                  SYNCLINE_DATA       ./data
  --static <folder>    a built app to serve on the same port    SYNCLINE_STATIC
  --origin <origin>    a web origin that may connect, besides   SYNCLINE_ORIGINS
                       those of this machine; may be repeated   (separated by commas)
  --log-level <level>  ${logLevels.join(', ')}         SYNCLINE_LOG_LEVEL  warn
  --epoch-key <file>   a secret by which it knows what it has   SYNCLINE_EPOCH_KEY
                       written, should it ever lose that
  --jwks <address|file>
                       clients must have a token that one of    SYNCLINE_JWKS
                       these public keys has signed
  --jwt-secret <file>  or this secret, of 32 bytes or more      SYNCLINE_JWT_SECRET
  --jwt-issuer <text>  who must have issued it                  SYNCLINE_JWT_ISSUER
  --jwt-audience <text>
                       for whom it must be                      SYNCLINE_JWT_AUDIENCE
  --jwt-rights <claim> what of it says what who may do where    SYNCLINE_JWT_RIGHTS
  --auth none          asks nobody who they are, wherever it    SYNCLINE_AUTH
                       listens
  --limit <name=number> what it allows; may be repeated         SYNCLINE_LIMITS
  --metrics <[address:]port>
                       serves /metrics, /healthz and /readyz    SYNCLINE_METRICS
                       there, on this machine if no address is
                       given
  --audit <file>       who came, who was told no, and what was  SYNCLINE_AUDIT
                       adopted, as lines of JSON
  --drain <ms>         how long it goes on after SIGTERM, while SYNCLINE_DRAIN_MS   0
                       /readyz says 503
  --config <file>      all of these as a JSON object            SYNCLINE_CONFIG
  --help               this text
  --version            the version

Flags go before the environment, and that before the file.
The URL is printed on standard output when the relay is ready; the log, one JSON object a line, goes to standard error.
Without --jwks and --jwt-secret clients are not asked who they are, and it listens on this machine only, unless --auth none is said: then all who can reach it can read and write every space.

  backup  --data <folder> --to <folder>     copies the data, and reads the copy
  restore --from <backup> --data <folder>   makes a data folder of a backup that is not damaged
  verify  --data <folder>                   reads everything, and says what is not as it was written
  inspect --data <folder> [--space <name>]  says which spaces there are, or each Change of one in words
  export  --data <folder> --to <folder> [--space <name>]
                                            writes the log of each space, or of one, as lines of JSON
  adopt   --data <folder> --space <name> --take brought-back|log [--joined-at <number>]
                                            says what relay refs hold after a loss: what clients have brought
                                            back, or what the log has decided since; inspect says what waits,
                                            and the number, with which nothing is adopted that came after that

Exit codes: 0 done; 1 it could not be done, and one line on standard error says why; 2 done, and something is damaged.
`
