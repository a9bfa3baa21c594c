import { readFileSync } from 'node:fs'
import {
  CLOSE_CODES,
  encodeFrameBody,
  frameFromBody,
  MAX_ACKNOWLEDGED,
  MAX_CHANGE_BYTES,
  MAX_CHECKPOINT_BYTES,
  MAX_PACKET_BYTES,
  MAX_PACKET_FRAMES,
  MAX_SPACE_NAME_LENGTH,
  MAX_VALUE_LEVELS,
  MIN_MESSAGE_BYTES,
  PROTOCOL_VERSION,
  type FailureCode,
  type Frame,
  type LogEntry,
  type Rest,
  type RefusalCode,
} from '@syncline/protocol'
import { describe, expect, test } from 'vitest'
import { vectorsOf } from './vectors.ts'

const text = readFileSync(new URL('../PROTOCOL.md', import.meta.url), 'utf8')

/** The rows of the table whose first heading is `heading`, as cells. */
function table(heading: string): string[][] {
  const lines = text.split('\n')
  const start = lines.findIndex((line) => line.startsWith(`| ${heading} |`))
  const length = lines.slice(start).findIndex((line) => !line.startsWith('|'))
  return lines.slice(start + 2, start + length).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  )
}

// The compiler sees to it that none is missing.
const refusals: { readonly [code in RefusalCode]: true } = {
  forbidden: true,
  'read-only': true,
  'too-large': true,
  'clock-ahead': true,
  'writer-clash': true,
  'missing-dependency': true,
  'after-refused': true,
  'unknown-precondition': true,
  conflict: true,
  aborted: true,
  malformed: true,
}

describe('PROTOCOL.md', () => {
  test('[GO2] names the version, and each version has its line of history', () => {
    expect(text).toMatch(new RegExp(`^# The Syncline protocol, version ${PROTOCOL_VERSION}\n`))
    expect(table('version').map(([version]) => Number(version))).toEqual(
      Array.from({ length: PROTOCOL_VERSION }, (_, i) => i + 1),
    )
  })

  test('[GO2] has the number and the channel of each type of frame', () => {
    const frames = vectorsOf('frame').flatMap((vector) => vector.data as Frame[])
    const rows = frames.map((frame) => {
      const channel = frame.type === 'failure' ? 'any' : 'channel' in frame ? '≥ 1' : '0'
      const [number] = frameFromBody(frame.type, 'channel' in frame ? 1 : 0, encodeFrameBody(frame))
      return `${number} ${frame.type} ${channel}`
    })
    expect(table('type').map(([number, name, channel]) => `${number} ${name} ${channel}`)).toEqual([...new Set(rows)])
  })

  test('[GO2] has all codes of refusals and failures, and the close code of each', () => {
    expect(table('refusal code').map(([code]) => code)).toEqual(Object.keys(refusals))
    const closes: { readonly [code in FailureCode]: number | 'none' } = { ...CLOSE_CODES, 'epoch-changed': 'none' }
    const rows = table('failure code').map(([code, , close]) => [code, close === 'none' ? close : Number(close)])
    expect(Object.fromEntries(rows)).toEqual(closes)
  })

  test('[GO2] has the limits of the code', () => {
    const inWords = [
      `36 bytes to ${MAX_CHANGE_BYTES / 1024 / 1024} MiB`,
      `At most ${MAX_VALUE_LEVELS} levels`,
      `${MAX_CHANGE_BYTES / 1024 / 1024} MiB + ${(MAX_PACKET_BYTES - MAX_CHANGE_BYTES).toLocaleString('en')} bytes`,
      `at most ${MAX_PACKET_FRAMES.toLocaleString('en')} frames`,
      `maxMessageBytes (≥ ${MIN_MESSAGE_BYTES.toLocaleString('en')})`,
      `1 to ${MAX_SPACE_NAME_LENGTH} UTF-16 code units`,
      `longer than ${MAX_CHECKPOINT_BYTES / 1024 / 1024} MiB`,
      `count (1 to ${MAX_ACKNOWLEDGED.toLocaleString('en')})`,
    ]
    const plain = text.replaceAll('`', '')
    expect(inWords.filter((words) => !plain.includes(words))).toEqual([])
    const [smallest] = vectorsOf('change')
    expect(smallest!.encode().length).toBe(36)
  })

  test('[GO2] has the kind of each log entry', () => {
    const rows = vectorsOf('entry').map((vector) => {
      const entry = vector.data as LogEntry
      return [vector.encode()[1]!, entry.kind === 'rest' ? nameOf(entry.rest) : entry.kind] as const
    })
    rows.sort(([one], [other]) => one - other)
    expect(table('kind').map(([number, name]) => `${number} ${name}`)).toEqual([
      ...new Set(rows.map(([number, name]) => `${number} ${name}`)),
    ])
  })
})

/** What is said beside cells, where older code is not to pass over it. */
function nameOf(rest: Rest): string {
  switch (rest[0]) {
    case 'directory':
      return 'directory'
    case 'undoable':
      return 'later'
    case 'spare':
      return 'spare'
    case 'asleep':
      return rest[1][2] === undefined ? 'counted' : 'later'
    case 'ledger':
      if (rest[1].decided !== undefined) return 'shifted'
      return rest[1].counted === undefined ? 'rest' : 'counted'
    default:
      return 'rest'
  }
}
