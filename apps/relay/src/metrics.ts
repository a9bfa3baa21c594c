import type { AuditEvent, RelaySpan } from '@syncline/relay'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

/** What a relay has done, in numbers that Prometheus reads. */
export interface Metrics {
  readonly onSpan: (span: RelaySpan) => void
  readonly onAudit: (event: AuditEvent) => void
  /** All of them, as Prometheus wants to be told. */
  text(): Promise<string>
  readonly contentType: string
}

/** From a flush of a good disk to what somebody notices. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Counts what a relay does. `load` is asked when somebody asks for the numbers. */
export function createMetrics(load: () => { readonly sessions: number; readonly rooms: number }): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const histogram = (name: string, help: string): Histogram =>
    new Histogram({ name, help, buckets: SECONDS, registers })
  const seconds: Readonly<Record<RelaySpan['name'], Histogram>> = {
    commit: histogram('syncline_commit_seconds', 'To store a batch, with the flush of the disk.'),
    'fan-out': histogram('syncline_fan_out_seconds', 'To tell everybody of a batch that was stored.'),
    acknowledgement: histogram(
      'syncline_acknowledgement_seconds',
      'From when the first Change of a batch came until all of it was acknowledged and told.',
    ),
    authentication: histogram(
      'syncline_authentication_seconds',
      'To find out who a client is, where that takes waiting.',
    ),
  }
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> =>
    new Counter({ name, help, labelNames, registers })
  const changes = counter('syncline_changes_total', 'Changes that were stored.')
  const bytes = counter('syncline_change_bytes_total', 'Bytes of the Changes that were stored.')
  const failed = counter('syncline_failed_commits_total', 'Batches that could not be stored.')
  const logins = counter('syncline_logins_total', 'Those who said who they are, by what came of it.', ['outcome'])
  const refusals = counter('syncline_refusals_total', 'What was refused of those who are connected, by its code.', [
    'code',
  ])
  const cuts = counter(
    'syncline_cuts_total',
    'Connections that the relay has ended, by the code that their clients are told.',
    ['code'],
  )
  const limits = counter('syncline_limits_total', 'What was too much, by the limit that it passed.', ['limit'])
  gauge('syncline_sessions', 'Connections that are open.', () => load().sessions)
  gauge('syncline_rooms', 'Spaces that are in memory.', () => load().rooms)

  function gauge(name: string, help: string, now: () => number): void {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(now())
      },
    })
  }

  return {
    onSpan({ name, durationMs, isOk, attributes }) {
      seconds[name].observe(durationMs / 1000)
      if (name !== 'commit') return
      if (!isOk) return failed.inc()
      changes.inc(attributes['changes'])
      bytes.inc(attributes['bytes'])
    },
    onAudit({ what, outcome, limit }) {
      if (limit !== undefined) limits.inc({ limit })
      if (what === 'login') logins.inc({ outcome })
      else if (what === 'refusal') refusals.inc({ code: outcome })
      else if (what === 'cut') cuts.inc({ code: outcome })
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}
