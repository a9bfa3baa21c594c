import { join as joinPath } from 'node:path'
import { recordChecksum } from '@syncline/protocol'
import { expect, test } from 'vitest'
import { backupData, readChanges, verifyData, type DataReport } from '../src/care/index.ts'
import {
  decodeSpace,
  decodeWriter,
  encodeEpoch,
  encodeOwner,
  encodeSpace,
  encodeWriter,
  FORMAT,
  seal,
  unseal,
} from '../src/lmdb-rows.ts'
import { runsOf } from '../src/lmdb-runs.ts'
import { openLmdbStorage } from '../src/lmdb.ts'
import type { WriterState } from '../src/index.ts'
import { temporaryFolder } from './folder.ts'
import { ann, bob, eve, join, record, run, told, until, world } from './kit.ts'
import { flipped, tamper } from './tamper.ts'

const documents = [7]
/** What "board" has, in order; what stands in one line came in one piece, and is one row. */
const pieces: readonly (readonly Uint8Array[])[] = [
  [record(ann, 1, { documents })],
  [record(ann, 2, { documents })],
  run(ann, 3, 6, { payload: 'x'.repeat(300) }),
  [record(bob, 1, { deps: { writers: new Map([[ann, 6]]) } }), record(ann, 7)],
  // From here on another run of the relay writes.
  [record(bob, 2, { documents: [8, 9], inherited: [[9, eve]] })],
]
const written = pieces.flat()

/** A folder with two spaces, where the writer `eve` of "board" was refused before she had written anything. */
async function filled(): Promise<string> {
  const folder = temporaryFolder()
  for (const [first, some] of [
    [0, pieces.slice(0, 4)],
    [8, pieces.slice(4)],
  ] as const) {
    const storage = await openLmdbStorage(folder)
    const { relay } = world({ storage })
    const a = await join(relay, 'board')
    let count = first
    await until(() => told(a).length === count)
    a.send([record(eve, 2)])
    await until(() => a.all('refusal').length === 1)
    for (const piece of some) {
      a.send(piece)
      count += piece.length
      await until(() => told(a).length === count)
    }
    const b = await join(relay, 'other')
    b.send(run(bob, 1, 3))
    await until(() => told(b).length === 3)
    await relay.close()
    await storage.close()
  }
  return folder
}

/** What is found in a folder that was changed. */
async function found(folder: string): Promise<string[]> {
  const report: DataReport = await verifyData(folder)
  return report.findings.map(({ space, relaySeq, message }) => `${space} ${relaySeq}: ${message}`)
}

test('[RL55] what a relay has written is found whole, and it is said what there is', async () => {
  const { spaces, findings } = await verifyData(await filled())
  expect(findings).toEqual([])
  const sizeBytes = written.reduce((sum, { length }) => sum + length, 0)
  expect(spaces).toEqual([
    { space: 'board', changes: 9, sizeBytes, epochs: 2, writers: 3, latestAt: expect.any(Number) as number },
    expect.objectContaining({ space: 'other', changes: 3, epochs: 1, writers: 1 }),
  ])
})

/** The rows of "board", which is space 1, and of its Changes by their keys. */
const ofBoard = (key: Buffer): boolean => key.readUInt32BE(0) === 1
const rowOf = (key: Buffer, relaySeq: number): boolean => ofBoard(key) && key.readUIntBE(4, 6) === relaySeq

function rewritten(key: Buffer, value: Buffer, change: (state: WriterState) => WriterState): Buffer {
  return seal(key, encodeWriter(change(decodeWriter(unseal(key, value, 'a writer')))))
}

/** Each is a whole row, with its checksum, that says something else. */
const faults: readonly [string, string, (key: Buffer, value: Buffer) => Buffer | null | undefined, RegExp][] = [
  ['a Change is gone', 'log', (key) => (rowOf(key, 2) ? null : undefined), /^board 2: Change 2 is missing\.$/],
  [
    'Changes are gone',
    'log',
    (key) => (rowOf(key, 6) ? null : undefined),
    /^board 3: The Changes 3 to 6 are missing\.$/,
  ],
  ['the last one is gone', 'log', (key) => (rowOf(key, 9) ? null : undefined), /^board 9: Change 9 is missing\.$/],
  [
    'a Change stands in the place of another',
    'log',
    (key) => (rowOf(key, 2) ? seal(key, written[0]!) : undefined),
    /^board 2: Change 2 is number 1 of writer \w+a, of whom the log has 1 before it\.$/,
  ],
  [
    'one depends on what comes later',
    'log',
    (key) =>
      rowOf(key, 1) ? seal(key, record(ann, 1, { documents, deps: { writers: new Map([[bob, 1]]) } })) : undefined,
    /^board 1: Change 1 depends on \w+b:1, and the log has that writer up to 0\.$/,
  ],
  [
    'one depends on another history',
    'log',
    (key) =>
      rowOf(key, 2)
        ? seal(key, record(ann, 2, { documents, deps: { epoch: 'f'.repeat(32), relaySeq: 1 } }))
        : undefined,
    /^board 2: Change 2 depends on Change 1 in epoch f+, and here that stands in epoch \w+\.$/,
  ],
  [
    'it is no Change',
    'log',
    (key) => (rowOf(key, 1) ? seal(key, Buffer.from('no')) : undefined),
    /^board 1: Change 1 cannot be read: /,
  ],
  [
    'a run has another Change in it',
    'log',
    (key) => (rowOf(key, 6) ? [...runsOf(1, 3, run(ann, 3, 6, { payload: 'y' }))][0]!.row : undefined),
    /^board undefined: What is kept of writer \w+a is not what the log has of it\.$/,
  ],
  [
    'a row is damaged',
    'log',
    (key, value) => (rowOf(key, 6) ? flipped(value, 50) : undefined),
    /^board 3: One of the Changes 3 to 6 is not what was written/,
  ],
  [
    'an epoch is gone',
    'epochs',
    (key) => (rowOf(key, 9) ? null : undefined),
    /^board undefined: Its epochs are not those of its log\.$/,
  ],
  [
    'an epoch is another',
    'epochs',
    (key) => (rowOf(key, 9) ? seal(key, encodeEpoch('f'.repeat(32))) : undefined),
    /^board undefined: Its epochs are not/,
  ],
  [
    'an entry says less than there is',
    'spaces',
    (key, value) => {
      const row = decodeSpace(unseal(key, value, 'a space'))
      return row.number === 1 ? seal(key, encodeSpace({ ...row, head: 8 })) : undefined
    },
    /^board 9: Its log goes on to Change 9, and its entry says 8\.$/,
  ],
  [
    'a stamp is lost',
    'spaces',
    (key, value) => {
      const row = decodeSpace(unseal(key, value, 'a space'))
      return row.number === 1 ? seal(key, encodeSpace({ ...row, latestAt: 1 })) : undefined
    },
    /^board undefined: Its greatest stamp is \d+, and its entry says 1\.$/,
  ],
  [
    'a writer is forgotten',
    'writers',
    (key) => (ofBoard(key) && key.toString('hex', 4) === ann ? null : undefined),
    /Nothing is kept of writer \w+a, of whom/,
  ],
  [
    'of a writer too little is known',
    'writers',
    (key, value) =>
      key.toString('hex', 4) === bob ? rewritten(key, value, (state) => ({ ...state, lastSeq: 1 })) : undefined,
    /^board undefined: What is kept of writer \w+b is not what the log has of it\.$/,
  ],
  [
    'what is known of a writer is about another Change',
    'writers',
    (key, value) =>
      ofBoard(key) && key.toString('hex', 4) === bob
        ? rewritten(key, value, (state) => ({ ...state, recent: [recordChecksum(written[0]!), state.recent[1]!] }))
        : undefined,
    /^board undefined: What is kept of writer \w+b is not what the log has of it\.$/,
  ],
  [
    'a Yjs client is forgotten',
    'documents',
    (key) => (key.readBigUInt64BE(4) === 7n ? null : undefined),
    /Nothing is kept of Yjs client 7, which/,
  ],
  [
    'a Yjs client is another’s',
    'documents',
    (key) => (key.readBigUInt64BE(4) === 9n ? seal(key, encodeOwner(bob)) : undefined),
    /^board undefined: Yjs client 9 is kept as that of \w+b, and the log says \w+e\.$/,
  ],
]

test.each(faults)('[RL55] it is found when %s', async (_, table, change, message) => {
  const folder = await filled()
  expect(await tamper(folder, table, change)).toBeGreaterThan(0)
  expect(await found(folder)).toContainEqual(expect.stringMatching(message))
})

test('[RL56] a copy of damaged data is told to be one', async () => {
  const folder = await filled()
  await tamper(folder, 'log', (key, value) => (rowOf(key, 2) ? flipped(value, 20) : undefined))
  const copy = joinPath(temporaryFolder(), 'copy')
  expect((await backupData(folder, copy)).findings).toHaveLength(1)
  expect(await found(copy)).toEqual(await found(folder))
})

test('[RL57] Changes are read in order with the epoch of each, and what is damaged stands in its place', async () => {
  const folder = await filled()
  await tamper(folder, 'log', (key, value) => (rowOf(key, 6) ? flipped(value, 20) : undefined))
  const lines: string[] = []
  const epochs = new Set<string | null>()
  await readChanges(
    folder,
    (stored) => {
      if ('damage' in stored) return void lines.push(`${stored.relaySeq} damaged`)
      expect(stored.record).toEqual(written[stored.relaySeq - 1])
      epochs.add(stored.epoch)
      lines.push(`${stored.relaySeq} ${stored.change!.writer.at(-1)}${stored.change!.seq} ${epochs.size}`)
    },
    'board',
  )
  expect(lines).toEqual(['1 a1 1', '2 a2 1', '3 damaged', '7 b1 1', '8 a7 1', '9 b2 2'])
})

test('[RL36] a folder of another format is not read as one of this', async () => {
  const folder = await filled()
  for (const [format, code] of [
    [FORMAT + 1, 'data-newer'],
    [2, 'data-older'],
  ] as const) {
    await tamper(folder, 'meta', (key) =>
      key.toString() === 'format' ? seal(key, Buffer.from([0, 0, 0, format])) : undefined,
    )
    await expect(verifyData(folder)).rejects.toMatchObject({ code })
  }
})
