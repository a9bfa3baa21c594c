import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeEntry, encodeChange, type Frame, type Ledger } from '@syncline/protocol'
import { createMemoryStorage, type LogStorage } from '@syncline/relay'
import { emptyBasis } from '@syncline/stm'
import { expect, test } from 'vitest'
import { createAsking } from '../src/checkpoints/asking.ts'
import { createFolding, type Answer } from '../src/checkpoints/folding.ts'
import { keepCheckpointsBy } from '../src/checkpoints/index.ts'
import { dial, enter, record, type SocketClient } from './client.ts'
import { compileFirst, launch, runToEnd, temporaryFolder, type Launched } from './launch.ts'

compileFirst()

const ann = 'a'.repeat(32)
const KILLS = process.env.SYNCLINE_LONG === '1' ? 60 : 8

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5))
}

function all<T extends Frame['type']>(client: SocketClient, type: T): Extract<Frame, { type: T }>[] {
  return client.heard.filter((frame): frame is Extract<Frame, { type: T }> => frame.type === type)
}

/** Writes Changes of Ann, of a kilobyte each. */
async function write(port: number, from: number, to: number, made = record, space = 'board'): Promise<void> {
  const client = await dial(port)
  enter(client, space)
  for (let seq = from; seq <= to; seq += 100) {
    const records = Array.from({ length: Math.min(100, to - seq + 1) }, (_, i) => made(ann, seq + i, 1000))
    client.say({ type: 'changes', channel: 1, first: 0, records })
  }
  // What is there already of her is acknowledged as well, when the log is told while she writes on.
  await until(() => all(client, 'acknowledgement').some(({ firstSeq, count }) => firstSeq + count > to))
  client.close()
}

interface Heard {
  /** Up to where the checkpoint stood that was brought, 0 without one. */
  readonly brought: number
  /** Up to where the log was told behind it. */
  readonly told: number
}

/** Comes new, and hears all there is. */
async function comeNew(port: number, space = 'board'): Promise<Heard> {
  const client = await dial(port)
  client.say(
    { type: 'hello', protocol: 1, oldest: 1, agent: 'test', schema: 1, credential: new Uint8Array(0) },
    { type: 'newcomer', channel: 1 },
    { type: 'open', channel: 1, space, basis: emptyBasis },
  )
  const heard = (): Heard => {
    const pieces = all(client, 'checkpoint')
    const isWhole = pieces.at(-1)?.isLast === true
    const brought = isWhole ? ledgerOf(Buffer.concat(pieces.map(({ piece }) => piece))).relaySeq : 0
    const told = all(client, 'changes').reduce((sum, { records }) => sum + records.length, brought)
    return { brought, told }
  }
  await until(() => all(client, 'basis').length > 0)
  await until(() => heard().told >= all(client, 'basis')[0]!.head)
  client.close()
  return heard()
}

function ledgerOf(bytes: Uint8Array): Ledger {
  const entry = decodeEntry(bytes)
  const last = entry.kind === 'whole' ? entry.parts.at(-1) : undefined
  if (last?.kind !== 'rest' || last.rest[0] !== 'ledger') throw new Error('It is no checkpoint.')
  return last.rest[1]
}

function filesIn(data: string): string[] {
  return readdirSync(join(data, 'checkpoints'))
}

async function madeIn(relay: Launched, port: number): Promise<Heard> {
  for (;;) {
    const heard = await comeNew(port)
    if (heard.brought > 0) return heard
    if (relay.stderr.includes('No checkpoint')) throw new Error(relay.stderr)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test('[RL62] [RL63] who comes new to a long log is brought a checkpoint, also after a restart, and when it was damaged another one', async () => {
  const data = temporaryFolder()
  const args = ['--port', '0', '--data', data]
  let relay = await launch(args)
  await write(relay.port, 1, 600)
  expect(await madeIn(relay, relay.port)).toEqual({ brought: 600, told: 600 })
  await write(relay.port, 601, 605)
  expect(await comeNew(relay.port)).toEqual({ brought: 600, told: 605 })
  await relay.kill('SIGTERM')

  relay = await launch(args)
  expect(await comeNew(relay.port)).toEqual({ brought: 600, told: 605 })
  await relay.kill('SIGTERM')

  const [name] = filesIn(data)
  const path = join(data, 'checkpoints', name!)
  const bytes = readFileSync(path)
  bytes[bytes.length >> 1]! ^= 1
  writeFileSync(path, bytes)
  relay = await launch(args)
  expect(await comeNew(relay.port)).toEqual({ brought: 0, told: 605 })
  expect(await madeIn(relay, relay.port)).toEqual({ brought: 605, told: 605 })
  const { code, stderr } = await relay.kill('SIGTERM')
  expect([code, stderr.trim().split('\n').length, stderr.includes('damaged')]).toEqual([0, 1, true])
}, 120_000)

test('[RL37] [RL63] killed again and again while checkpoints are made, it starts, and newcomers have all', async () => {
  const data = temporaryFolder()
  const args = ['--port', '0', '--data', data]
  let written = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const relay = await launch(args)
    expect(filesIn(data).filter((name) => name.endsWith('.part'))).toEqual([])
    await write(relay.port, written + 1, (written += 400))
    expect(await comeNew(relay.port)).toMatchObject({ told: written })
    await new Promise((resolve) => setTimeout(resolve, (kill * 137) % 800))
    await relay.kill('SIGKILL')
  }
  const relay = await launch(args)
  expect(await comeNew(relay.port)).toMatchObject({ told: written })
  expect(await madeIn(relay, relay.port)).toMatchObject({ told: written })
  expect((await relay.kill('SIGTERM')).code).toBe(0)
}, 240_000)

test('[RL63] a log with what this version does not know has no checkpoint, and it is said once', async () => {
  const relay = await launch(['--port', '0', '--data', temporaryFolder()])
  const unknown = (writer: string, seq: number, padding = 0): Uint8Array =>
    encodeChange({
      writer,
      seq,
      deps: emptyBasis,
      at: Date.now() * 1000,
      ops: [{ tag: 'hologram', address: 'x', arbiter: 'local', payload: 'x'.repeat(padding) }],
      effects: [],
      meta: null,
    })
  await write(relay.port, 1, 400, unknown)
  for (let i = 0; i < 3; i++) {
    expect(await comeNew(relay.port)).toEqual({ brought: 0, told: 400 })
    await until(() => relay.stderr.includes('\n'))
  }
  const { stderr } = await relay.kill('SIGTERM')
  expect(stderr.trim().split('\n')).toHaveLength(1)
  expect(stderr).toContain('does not know')
}, 60_000)

test('[RL38] a place for checkpoints that cannot be used is one line, and nothing starts', async () => {
  const data = temporaryFolder()
  writeFileSync(join(data, 'checkpoints'), '')
  const { code, stdout, stderr } = await runToEnd(['--port', '0', '--data', data])
  expect([code, stdout, stderr.trim().split('\n').length]).toEqual([1, '', 1])
  expect(stderr).toContain('It is a cache: remove it')
})

/** Keeps checkpoints of a log of so many Changes, by what folds in this thread. */
async function kept(changes: number, ask: (answer: Answer) => Answer = (same) => same, folder = temporaryFolder()) {
  const storage = createMemoryStorage()
  const warnings: string[] = []
  const silent = (): void => undefined
  const log = { debug: silent, info: silent, warn: (_: object, text: string) => warnings.push(text), error: silent }
  const questions: string[] = []
  const answer = createFolding()
  const asking = {
    ask(question: Parameters<typeof answer>[0]) {
      questions.push(question.kind === 'begin' ? `begin${question.from === undefined ? '' : ' from'}` : question.kind)
      return Promise.resolve(ask(answer(question)))
    },
    end: async () => undefined,
  }
  const checkpoints = await keepCheckpointsBy(asking, { folder, storage, log })
  await append(storage, 1, changes, (changes === 20 ? 'd' : 'e').repeat(32), null)
  return { storage, checkpoints, questions, warnings, folder }
}

async function append(storage: LogStorage, first: number, count: number, epoch: string, follows: string | null) {
  const records = Array.from({ length: count }, (_, i) => record(ann, first + i, 10))
  const part = { space: 'board', epoch, follows, first, records, latestAt: 1, writers: new Map(), documents: new Map() }
  await storage.append([part])
}

test('[RL63] each goes on from the one before, over stretches, and begins anew where that is of another log', async () => {
  const { storage, checkpoints, questions, folder } = await kept(10)
  expect(await checkpoints.make('board', 10)).toMatchObject({ epoch: 'e'.repeat(32), relaySeq: 10 })
  await append(storage, 11, 5, 'f'.repeat(32), 'e'.repeat(32))
  const made = await checkpoints.make('board', 15)
  expect(ledgerOf(made!.bytes).stretches).toEqual([
    ['e'.repeat(32), 1],
    ['f'.repeat(32), 11],
  ])
  expect(questions).toEqual(['begin', 'take', 'finish', 'begin from', 'take', 'finish'])
  expect(await checkpoints.read('board')).toEqual({
    ...made,
    bytes: Buffer.from(made!.bytes),
  })
  expect(await checkpoints.read('other')).toBeUndefined()

  // The data come back from somewhere else, and their checkpoints do not.
  const other = await kept(20, undefined, folder)
  expect(await other.checkpoints.make('board', 20)).toMatchObject({ epoch: 'd'.repeat(32), relaySeq: 20 })
  expect(other.questions).toEqual(['begin', 'take', 'finish'])
})

test('[RL63] a log is read in pieces that hold nobody up for long', async () => {
  const storage = createMemoryStorage()
  const bytes = 500 * 300
  const records = Array.from({ length: 500 }, (_, i) => record(ann, i + 1, 300))
  const add = { space: 'board', epoch: ann, follows: null, first: 1, records, latestAt: 1 }
  await storage.append([{ ...add, writers: new Map(), documents: new Map() }])
  const pieces: number[] = []
  const read: LogStorage['read'] = async (...asked) => {
    const found = await storage.read(...asked)
    pieces.push(found.reduce((sum, { length }) => sum + length, 0))
    return found
  }
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  const folding = createFolding()
  const asking = { ask: async (question: Parameters<typeof folding>[0]) => folding(question), end: async () => {} }
  const checkpoints = await keepCheckpointsBy(asking, { folder: temporaryFolder(), storage: { ...storage, read }, log })
  expect(await checkpoints.make('board', 500)).toMatchObject({ relaySeq: 500 })
  expect(pieces.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(bytes)
  expect(Math.max(...pieces)).toBeLessThanOrEqual(64 * 1024)
  await checkpoints.close()
})

test('[RL63] what it cannot go on from, it begins anew', async () => {
  let isRefused = false
  const { checkpoints, questions, warnings } = await kept(10, (answer) =>
    isRefused && questions.at(-1) === 'begin from' ? { kind: 'failed', message: 'It is of newer code.' } : answer,
  )
  await checkpoints.make('board', 5)
  isRefused = true
  const made = await checkpoints.make('board', 10)
  expect(ledgerOf(made!.bytes).relaySeq).toBe(10)
  expect(questions.slice(3)).toEqual(['begin from', 'begin', 'take', 'finish'])
  expect(warnings).toEqual([])
  expect(await checkpoints.make('board', 99)).toBeUndefined()
})

test('[RL63] a log that could not be folded is tried again when it is twice as long', async () => {
  const { storage, checkpoints, questions, warnings } = await kept(10)
  const { read } = storage
  storage.read = () => Promise.reject(new Error('A hole.'))
  expect(await checkpoints.make('board', 10)).toBeUndefined()
  storage.read = read
  await append(storage, 11, 10, 'e'.repeat(32), 'e'.repeat(32))
  expect(await checkpoints.make('board', 19)).toBeUndefined()
  expect(questions).toEqual(['begin'])
  expect(await checkpoints.make('board', 20)).toMatchObject({ relaySeq: 20 })
  expect(warnings).toEqual(['No checkpoint can be made of a space. Newcomers are told its log.'])
})

test('[RL63] a thread that dies fails what it was asked, and nothing else', async () => {
  const { storage, folder } = await kept(10)
  const warnings: object[] = []
  const silent = (): void => undefined
  const log = { debug: silent, info: silent, warn: (fields: object) => warnings.push(fields), error: silent }
  // From the sources there is no compiled thread: it ends before it answers.
  const checkpoints = await keepCheckpointsBy(createAsking(), { folder, storage, log })
  expect(await checkpoints.make('board', 10)).toBeUndefined()
  expect(await checkpoints.read('board')).toBeUndefined()
  expect(warnings).toEqual([{ space: 'board', err: expect.anything() }])
  await checkpoints.close()
  expect(await checkpoints.make('board', 10)).toBeUndefined()
})
