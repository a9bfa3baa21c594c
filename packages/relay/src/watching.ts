import type { LimitName } from './limits.ts'
import type { Clock, RelayLog } from './ports.ts'

/** Something that a relay has done, and how long it took: `commit`, `fan-out`, `acknowledgement` or `authentication`. */
export interface RelaySpan {
  /**
   * - `commit`: a batch was stored. `spaces`, `changes`, `bytes`
   * - `fan-out`: what it brought was told to everybody whom it concerns. `spaces`, `changes`
   * - `acknowledgement`: from when the first of a batch came until all of it was told. `spaces`, `changes`
   * - `authentication`: who a client is was found out
   */
  readonly name: 'commit' | 'fan-out' | 'acknowledgement' | 'authentication'
  /** Milliseconds since 1970. */
  readonly startMs: number
  /** In milliseconds, with fractions where the clock has them. */
  readonly durationMs: number
  /** Whether it came to its end. */
  readonly isOk: boolean
  readonly attributes: Readonly<Record<string, number>>
}

/** Where a defect, or what could not be done, has happened. */
export interface ErrorContext {
  /** What the log says of it. */
  readonly message: string
  readonly space?: string
  readonly session?: string
}

/**
 * What an operator may have to answer for: who came, who was told no, and what an administrator did. It names spaces and says
 * nothing of what is in them.
 */
export interface AuditEvent {
  /**
   * - `login`: somebody said who they are. `ok`, or the code why they are not taken
   * - `refusal`: a Change, a space or a presence of somebody who is connected was refused, with its code
   * - `cut`: the relay ended a connection, with the code that its client is told
   * - `adoption`: an operator said what `relay` refs hold after a loss
   */
  readonly what: 'login' | 'refusal' | 'cut' | 'adoption'
  /** `ok`, or a code. */
  readonly outcome: string
  /** The limit that was passed, if it was one. */
  readonly limit?: LimitName
  readonly atMs: number
  /** The words that whoever it is about was told. */
  readonly message?: string
  readonly principal?: string
  readonly address?: string
  readonly session?: string
  readonly space?: string
}

/** Who looks on at what a relay does: to trace it, to report errors, to keep books. None of these is waited for. */
export interface RelayHooks {
  /** For OpenTelemetry, or whatever else measures. Called a few times for each batch. */
  readonly onSpan?: (span: RelaySpan) => void
  /** For Sentry, or whoever else is told of errors: of all that the log has as `error`. */
  readonly onError?: (error: unknown, context: ErrorContext) => void
  readonly onAudit?: (event: AuditEvent) => void
}

/** What the parts of a relay tell whoever looks on. */
export interface Watching {
  /** What says how long something takes: undefined where nobody asks. */
  readonly stopwatch: Stopwatch | undefined
  audit(event: Omit<AuditEvent, 'atMs'>): void
}

export interface Stopwatch {
  /** Milliseconds, by a clock that is never set. */
  now(): number
  /** Tells of what began then, and ends now. */
  took(name: RelaySpan['name'], begunAt: number, isOk: boolean, attributes: RelaySpan['attributes']): void
}

/** The log of a relay, of which `onError` hears too; and the rest of who looks on. What they throw is logged, and disturbs nobody. */
export function createWatching(
  { onSpan, onError, onAudit }: RelayHooks,
  clock: Clock,
  log: RelayLog,
): Watching & { readonly log: RelayLog } {
  const elapsed = clock.elapsedMs ?? clock.nowMs

  function tell(work: () => void): void {
    try {
      work()
    } catch (err) {
      log.error({ err }, 'Who looks on at the relay has thrown.')
    }
  }

  return {
    log:
      onError === undefined
        ? log
        : {
            debug: (fields, message) => log.debug(fields, message),
            info: (fields, message) => log.info(fields, message),
            warn: (fields, message) => log.warn(fields, message),
            error(fields, message) {
              log.error(fields, message)
              const { err, space, session } = fields as { err?: unknown; space?: string; session?: string }
              tell(() =>
                onError(err ?? new Error(message), {
                  message,
                  ...(space !== undefined && { space }),
                  ...(session !== undefined && { session }),
                }),
              )
            },
          },
    stopwatch: onSpan && {
      now: elapsed,
      took(name, begunAt, isOk, attributes) {
        const durationMs = elapsed() - begunAt
        tell(() => onSpan({ name, startMs: clock.nowMs() - durationMs, durationMs, isOk, attributes }))
      },
    },
    audit(event) {
      if (onAudit !== undefined) tell(() => onAudit({ ...event, atMs: clock.nowMs() }))
    },
  }
}
