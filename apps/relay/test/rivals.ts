import { contentId, decodeChange, encodeChange, type Frame } from '@syncline/protocol'
import { emptyBasis, type Epoch } from '@syncline/stm'
import { dial, enter, type SocketClient } from './client.ts'
import { launch, temporaryFolder, type Launched } from './launch.ts'

/** What a series of kills left of a tally that rivals add to, one at a time, each by what it has seen. */
export interface Tally {
  /** The tally after each Change of the log, in its order, as its author wrote it. */
  readonly log: readonly number[]
  /** Attempts that their authors were told are accepted, and refused. */
  readonly accepted: ReadonlySet<string>
  readonly refused: ReadonlySet<string>
  /** The authors of the Changes in the log. */
  readonly authors: readonly string[]
  readonly openAtKills: number
}

/** An envelope that has been sent, and whose author does not know what became of it. */
interface Attempt {
  readonly writer: string
  readonly bytes: Uint8Array
}

/** Adds to one register that a relay decides, as fast as it is let. */
interface Rival {
  readonly number: number
  attempts: number
  attempt: Attempt | undefined
  /** What it has seen of the log, and in which epoch that stands. */
  relaySeq: number
  epoch: Epoch | null
  tally: number | undefined
  client: SocketClient | undefined
}

export async function killAmongRivals(plan: { kills: number; rivals: number; perRound: number }): Promise<Tally> {
  const data = temporaryFolder()
  const accepted = new Set<string>()
  const refused = new Set<string>()
  const rivals = Array.from({ length: plan.rivals }, (_, i): Rival => {
    return {
      number: i + 1,
      attempts: 0,
      attempt: undefined,
      relaySeq: 0,
      epoch: null,
      tally: undefined,
      client: undefined,
    }
  })
  let openAtKills = 0

  async function live(relay: Launched): Promise<void> {
    const before = accepted.size
    let enough: () => void = () => {}
    let fail: (error: unknown) => void = () => {}
    const isEnough = new Promise<void>((resolve, reject) => {
      enough = resolve
      fail = reject
    })
    for (const rival of rivals) {
      const client = await dial(relay.port, (frame) => {
        try {
          hear(rival, frame)
        } catch (error) {
          fail(error)
        }
        if (accepted.size - before >= plan.perRound) enough()
      })
      rival.client = client
      const writers = new Map(rival.attempt === undefined ? [] : [[rival.attempt.writer, 1]])
      enter(client, 'hall', { epoch: rival.epoch, relaySeq: rival.relaySeq, writers })
    }
    await isEnough
    const killed = relay.kill('SIGKILL')
    for (const { attempt } of rivals) if (attempt !== undefined) openAtKills += 1
    await killed
    await Promise.all(rivals.map(({ client }) => client!.closed))
  }

  function hear(rival: Rival, frame: Frame): void {
    const { attempt } = rival
    switch (frame.type) {
      case 'epoch':
        rival.epoch = frame.epoch
        return
      case 'basis':
        // What is not known to be decided goes out again as it was, also when the relay has it.
        if (attempt !== undefined) send(rival)
        else compete(rival)
        return
      case 'changes':
        for (const bytes of frame.records) see(rival, bytes)
        if (attempt === undefined) compete(rival)
        return
      case 'acknowledgement':
        if (attempt?.writer !== frame.writer) throw new Error(`${frame.writer} is acknowledged to somebody else`)
        if (accepted.has(frame.writer) || refused.has(frame.writer)) throw new Error('decided twice')
        accepted.add(frame.writer)
        rival.attempt = undefined
        see(rival, attempt.bytes)
        return compete(rival)
      case 'refusal':
        if (frame.code !== 'conflict' || attempt?.writer !== frame.writer) throw new Error(`refused: ${frame.message}`)
        if (accepted.has(frame.writer)) throw new Error('decided twice')
        refused.add(frame.writer)
        rival.attempt = undefined
        return compete(rival)
      case 'failure':
        throw new Error(frame.message)
    }
  }

  function see(rival: Rival, bytes: Uint8Array): void {
    rival.relaySeq += 1
    rival.tally = tallyIn(bytes)
  }

  function compete(rival: Rival): void {
    rival.attempts += 1
    const writer = `${rival.number}${`${rival.attempts}`.padStart(31, '0')}`
    const next = (rival.tally ?? 0) + 1
    const change = {
      writer,
      seq: 1,
      deps: { ...emptyBasis, epoch: rival.epoch, relaySeq: rival.relaySeq },
      at: 1,
      ops: [{ tag: 'lww', address: 'tally', arbiter: 'relay' as const, payload: [0, next] }],
      effects: [],
      meta: null,
    }
    const after = contentId(next)
    const expected = { kind: 'ref' as const, tag: 'lww', address: 'tally', content: contentId(rival.tally), after }
    rival.attempt = { writer, bytes: encodeChange(change, [], [expected]) }
    send(rival)
  }

  function send({ client, attempt }: Rival): void {
    client!.say({ type: 'changes', channel: 1, first: 0, records: [attempt!.bytes] })
  }

  for (let kill = 0; kill < plan.kills; kill++) await live(await launch(['--port', '0', '--data', data]))

  const relay = await launch(['--port', '0', '--data', data])
  const records: Uint8Array[] = []
  let head = Infinity
  let finish: () => void = () => {}
  const isRead = new Promise<void>((resolve) => (finish = resolve))
  const reader = await dial(relay.port, (frame) => {
    if (frame.type === 'basis') head = frame.head
    if (frame.type === 'changes') records.push(...frame.records)
    if (records.length === head) finish()
  })
  enter(reader, 'hall')
  await isRead
  reader.close()
  await relay.kill('SIGTERM')
  return {
    log: records.map(tallyIn),
    authors: records.map((bytes) => decodeChange(bytes).writer),
    accepted,
    refused,
    openAtKills,
  }
}

function tallyIn(bytes: Uint8Array): number {
  const [op] = decodeChange(bytes).ops
  return (op!.payload as readonly number[])[1]!
}
