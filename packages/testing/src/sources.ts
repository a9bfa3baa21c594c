import type { Findings } from './findings.ts'
import type { Unique } from './history.ts'
import type { Entry, Ledger } from './ledger.ts'

/** Judges where the values come from that a transaction read from others: from one that committed, or it is an anomaly. */
export function judgeSources(
  key: string,
  reader: Entry,
  values: readonly Unique[],
  ledger: Ledger,
  findings: Findings,
): void {
  for (const value of values) {
    const writer = ledger.writeOf(key, value)?.entry
    const what = `${reader.name} read ${JSON.stringify(value)} from ${key}`
    if (writer === undefined) {
      findings.anomaly('unknown-value', [reader.name], `${what}, which nobody has written.`)
    } else if (writer === reader) {
      findings.anomaly('internal', [reader.name], `${what} before it wrote that itself.`)
    } else if (!ledger.isCommitted(writer)) {
      findings.anomaly(
        'G1a',
        [reader.name, writer.name],
        `${what}, which ${writer.name} wrote, and ${writer.name} did not commit.`,
      )
    }
  }
}

/** A value as explanations show it: `[1, 2]`, `nothing`. */
export function show(value: readonly Unique[] | Unique | null): string {
  if (value === null) return 'nothing'
  return typeof value === 'object' ? `[${value.join(', ')}]` : String(value)
}
