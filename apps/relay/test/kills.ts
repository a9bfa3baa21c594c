import { readdirSync } from 'node:fs'
import { decodeHeader, type Frame } from '@syncline/protocol'
import { verifyData, type Finding } from '@syncline/relay/care'
import type { Epoch } from '@syncline/stm'
import { dial, enter, record, type SocketClient } from './client.ts'
import { launch, temporaryFolder, type Launched } from './launch.ts'

/** So many Changes of a writer are on their way at a time. */
const IN_FLIGHT = 25

/** What a series of kills left. */
export interface Aftermath {
  readonly kills: number
  /** What was acknowledged, by `writer:seq`, and at which relaySeq. */
  readonly acknowledged: ReadonlyMap<string, number>
  readonly unacknowledgedAtKills: number
  /** The whole log in the end, as `writer:seq`. */
  readonly log: readonly string[]
  /** What is in the data folder, and what is found to be damaged there. */
  readonly files: readonly string[]
  readonly findings: readonly Finding[]
}

/** A writer that lives on through the kills: it knows what was acknowledged, and sends the rest again. */
interface Author {
  readonly writer: string
  /** Its Changes, by seq. */
  readonly records: Map<number, Uint8Array>
  acknowledgedSeq: number
  client: SocketClient | undefined
  /** Of what it is told now. */
  epoch: Epoch | undefined
}

export async function killAgainAndAgain(plan: {
  kills: number
  writers: number
  perRound: number
}): Promise<Aftermath> {
  const data = temporaryFolder()
  const acknowledged = new Map<string, number>()
  const authors = Array.from({ length: plan.writers }, (_, i): Author => {
    return {
      writer: `${i + 1}`.padStart(32, '0'),
      records: new Map(),
      acknowledgedSeq: 0,
      client: undefined,
      epoch: undefined,
    }
  })
  let unacknowledgedAtKills = 0
  /** In which epoch each relaySeq was told to stand. */
  const epochs = new Map<number, Epoch>()

  /** One life of the relay, ended by SIGKILL in the very moment in which enough was acknowledged. */
  async function live(relay: Launched): Promise<void> {
    const before = acknowledged.size
    let enough: () => void = () => {}
    let fail: (error: unknown) => void = () => {}
    const isEnough = new Promise<void>((resolve, reject) => {
      enough = resolve
      fail = reject
    })
    for (const author of authors) {
      const client = await dial(relay.port, (frame) => {
        try {
          hear(author, frame)
        } catch (error) {
          fail(error)
        }
        if (acknowledged.size - before >= plan.perRound) enough()
        else if (frame.type === 'basis' || frame.type === 'acknowledgement') refill(author)
      })
      author.client = client
      enter(client, 'board', { writers: new Map([[author.writer, author.records.size]]) })
    }
    await isEnough
    const killed = relay.kill('SIGKILL')
    for (const { records, acknowledgedSeq } of authors) unacknowledgedAtKills += records.size - acknowledgedSeq
    await killed
    await Promise.all(authors.map(({ client }) => client!.closed))
  }

  function hear(author: Author, frame: Frame): void {
    if (frame.type === 'failure' || frame.type === 'refusal')
      throw new Error(`${frame.type} ${frame.code}: ${frame.message}`)
    if (frame.type === 'basis') {
      const has = frame.writers.get(author.writer) ?? 0
      if (has < author.acknowledgedSeq)
        throw new Error(`${author.writer} was acknowledged up to ${author.acknowledgedSeq}, and is there up to ${has}`)
      // All that is not acknowledged goes out again, also what the relay has: it must see that.
      const again = [...author.records].filter(([seq]) => seq > author.acknowledgedSeq).map(([, bytes]) => bytes)
      if (again.length > 0) author.client!.say({ type: 'changes', channel: 1, first: 0, records: again })
    }
    if (frame.type === 'epoch') author.epoch = frame.epoch
    if (frame.type === 'changes') frame.records.forEach((_, i) => checkEpoch(author, frame.first + i))
    if (frame.type !== 'acknowledgement') return
    for (let i = 0; i < frame.count; i++) checkEpoch(author, frame.first + i)
    for (let i = 0; i < frame.count; i++) {
      const id = `${frame.writer}:${frame.firstSeq + i}`
      const known = acknowledged.get(id)
      if (known !== undefined && known !== frame.first + i)
        throw new Error(`${id} moved from ${known} to ${frame.first + i}`)
      acknowledged.set(id, frame.first + i)
    }
    author.acknowledgedSeq = Math.max(author.acknowledgedSeq, frame.firstSeq + frame.count - 1)
  }

  function checkEpoch({ epoch }: Author, relaySeq: number): void {
    const known = epochs.get(relaySeq)
    if (epoch === undefined || (known !== undefined && known !== epoch))
      throw new Error(`${relaySeq} stood in epoch ${known}, and stands in ${epoch} after a kill`)
    epochs.set(relaySeq, epoch)
  }

  function refill(author: Author): void {
    while (author.records.size - author.acknowledgedSeq < IN_FLIGHT) {
      const seq = author.records.size + 1
      const bytes = record(author.writer, seq)
      author.records.set(seq, bytes)
      author.client!.say({ type: 'changes', channel: 1, first: 0, records: [bytes] })
    }
  }

  for (let kill = 0; kill < plan.kills; kill++) await live(await launch(['--port', '0', '--data', data]))
  const relay = await launch(['--port', '0', '--data', data])
  const log = await readAll(relay.port)
  await relay.kill('SIGTERM')
  const files = readdirSync(data).sort()
  const { findings } = await verifyData(data)
  return { kills: plan.kills, acknowledged, unacknowledgedAtKills, log, files, findings }
}

/** The whole log, as `writer:seq`, as a newcomer is told it. */
async function readAll(port: number): Promise<string[]> {
  const log: string[] = []
  let head: number | undefined
  let finish: () => void = () => {}
  const isRead = new Promise<void>((resolve) => (finish = resolve))
  const reader = await dial(port, (frame) => {
    if (frame.type === 'basis') head = frame.head
    if (frame.type === 'changes') {
      if (frame.first !== log.length + 1) throw new Error(`relaySeq ${frame.first} after ${log.length}`)
      for (const bytes of frame.records) {
        const { writer, seq } = decodeHeader(bytes)
        log.push(`${writer}:${seq}`)
      }
    }
    if (log.length === head) finish()
  })
  enter(reader, 'board')
  await isRead
  reader.close()
  return log
}
