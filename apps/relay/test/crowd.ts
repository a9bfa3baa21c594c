import { decodeHeader, type Frame } from '@syncline/protocol'
import type { Epoch, WriterId } from '@syncline/stm'
import { dial, enter, record, type SocketClient } from './client.ts'

/** Somebody who follows a space and writes to it, through as many connections as it takes. */
export interface Person {
  readonly space: string
  /** What it has been told of the space: of each place in the log, in order, whose Change stands there. */
  readonly log: readonly string[]
  /** How many of its own Changes are stored, as it was told. */
  readonly acknowledged: number
  /** Connects, asks for what it has not been told, and sends what is not acknowledged. */
  connect(port: number): Promise<void>
  /** Makes one Change more, and sends it. */
  write(): void
  /** Resolves when it has been told of so many Changes; rejects when it is told something that cannot be. */
  hears(changes: number): Promise<void>
  /** Resolves when its connection is gone, whoever ends it. */
  gone(): Promise<unknown>
  leave(): Promise<unknown>
  /** Goes away without a word. */
  drop(): Promise<unknown>
}

/** Nobody yet, under the writer of this number. */
export function person(space: string, number: number): Person {
  const writer: WriterId = number.toString(16).padStart(32, '0')
  const log: string[] = []
  const made: Uint8Array[] = []
  let epoch: Epoch | null = null
  let client: SocketClient | undefined
  let acknowledged = 0
  let problem: unknown
  let look = (): void => undefined

  function place(relaySeq: number, change: string): void {
    if (relaySeq !== log.length + 1) throw new Error(`${writer} is told of ${relaySeq} after ${log.length}.`)
    log.push(change)
  }

  function hear(frame: Frame): void {
    switch (frame.type) {
      case 'epoch':
        epoch = frame.epoch
        return
      case 'basis':
        if ((frame.writers.get(writer) ?? 0) < acknowledged) throw new Error(`What ${writer} was promised is gone.`)
        return
      case 'changes':
        return frame.records.forEach((bytes, i) => {
          const { writer: author, seq } = decodeHeader(bytes)
          place(frame.first + i, `${author}:${seq}`)
        })
      case 'acknowledgement':
        for (let i = 0; i < frame.count; i++) place(frame.first + i, `${frame.writer}:${frame.firstSeq + i}`)
        acknowledged = Math.max(acknowledged, frame.firstSeq + frame.count - 1)
        return
      case 'failure':
      case 'refusal':
        throw new Error(`${writer} is told ${frame.code}: ${frame.message}`)
    }
  }

  function send(records: readonly Uint8Array[]): void {
    if (records.length > 0) client?.say({ type: 'changes', channel: 1, first: 0, records })
  }

  return {
    space,
    log,
    get acknowledged() {
      return acknowledged
    },
    async connect(port) {
      client = await dial(port, (frame) => {
        try {
          hear(frame)
        } catch (error) {
          problem ??= error
        }
        look()
      })
      enter(client, space, { epoch, relaySeq: log.length, writers: new Map([[writer, made.length]]) })
      send(made.slice(acknowledged))
    },
    write() {
      made.push(record(writer, made.length + 1))
      send(made.slice(-1))
    },
    hears: (changes) =>
      new Promise((resolve, reject) => {
        look = () => {
          if (problem !== undefined) reject(problem)
          else if (log.length >= changes) resolve()
        }
        look()
      }),
    gone: () => client!.closed,
    leave() {
      client!.close()
      return client!.closed
    },
    drop() {
      client!.drop()
      return client!.closed
    },
  }
}
