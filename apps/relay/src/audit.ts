import type { AuditEvent, RelayLog } from '@syncline/relay'
import { pino } from 'pino'
import { UsageError } from './usage.ts'

/** The books of a relay: lines of JSON in a file that only grows. */
export interface AuditLog {
  readonly write: (event: AuditEvent) => void
  /** Goes on in a new file of the same name, after somebody has moved the old one away. */
  reopen(): void
  close(): void
}

/** So many lines a second at most: whoever connects again and again must not fill the disk. */
const MOST_LINES = 100
/** So much of anything that a client has chosen. */
const MOST_CHARACTERS = 256

/** Opens the file, which is made if absent. Throws {@link UsageError} where that cannot be. */
export function openAudit(path: string, log: Pick<RelayLog, 'error'>): AuditLog {
  const file = openFile(path)
  // A full disk does not end the relay.
  file.on('error', (err: unknown) => log.error({ err }, 'The books cannot be written.'))
  /** As JSON, in which no line ends before its end. */
  const add = (line: object): void => void file.write(`${JSON.stringify(line)}\n`)
  let second = 0
  let lines = 0
  let omitted = 0

  function write({ atMs, ...event }: AuditEvent): void {
    const now = Math.floor(atMs / 1000)
    if (now !== second) {
      if (omitted > 0) add({ at: timeOf(second * 1000), what: 'omitted', lines: omitted })
      second = now
      lines = 0
      omitted = 0
    }
    if (++lines > MOST_LINES) return void omitted++
    add({
      at: timeOf(atMs),
      ...Object.fromEntries(Object.entries(event).map(([name, text]) => [name, short(text)])),
    })
  }

  return {
    write,
    reopen: () => file.reopen(),
    close() {
      if (omitted > 0) add({ at: timeOf(second * 1000), what: 'omitted', lines: omitted })
      file.end()
    },
  }
}

function openFile(path: string): ReturnType<typeof pino.destination> {
  try {
    return pino.destination({ dest: path, mkdir: true, sync: true })
  } catch (error) {
    throw new UsageError(
      `The file of --audit cannot be written: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

const timeOf = (ms: number): string => new Date(ms).toISOString()

function short(text: string): string {
  return text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)}…`
}
