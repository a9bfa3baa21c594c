import {
  createFrameReader,
  decodeEntry,
  encodeChange,
  encodeFrames,
  MAX_MESSAGE_BYTES,
  MAX_PACKET_BYTES,
  PROTOCOL_VERSION,
  type Frame,
} from '@syncline/protocol'
import { emptyBasis, type Basis, type Epoch, type Op, type Value } from '@syncline/stm'
import type { Language } from './language.ts'
import { presenceIn, shownBy, type Shown } from './shown.ts'
import { titleOf } from './titles.ts'

const CHANNEL = 1
/** A value of about the length that makes the Change as long as the messages of the others. */
const VALUE = 'twenty characters :)'

/** Of our relay. An edit is a Change that sets a register. */
export function speakSyncline(): Language {
  const seqs = new Map<number, number>()
  /** In which the log stands that the relay tells: of each client that comes back it is the same. */
  let epoch: Epoch | null = null
  let checkpoint: { readonly bytes: Buffer; readonly relaySeq: number } | undefined

  /** The next Changes of a client, each in a message. */
  function write(client: number, count: number, opsOf: (i: number) => readonly Op[]): Uint8Array[] {
    const writer = client.toString(16).padStart(32, '0')
    const seq = seqs.get(client) ?? 0
    seqs.set(client, seq + count)
    const at = Date.now() * 1000
    return Array.from({ length: count }, (_, i) => {
      const change = {
        writer,
        seq: seq + i + 1,
        deps: emptyBasis,
        at: at + i,
        ops: opsOf(seq + i),
        effects: [],
        meta: null,
      }
      return say({ type: 'changes', channel: CHANNEL, first: 0, records: [encodeChange(change)] })[0]!
    })
  }

  function open(space: string, basis: Basis, isNew: boolean): readonly Uint8Array[] {
    return say(
      { type: 'hello', protocol: PROTOCOL_VERSION, oldest: PROTOCOL_VERSION, agent: 'bench', schema: 1, credential },
      ...(isNew ? [{ type: 'newcomer', channel: CHANNEL } as const] : []),
      { type: 'open', channel: CHANNEL, space, basis },
    )
  }

  /** Reads what a client is told, of which whoever comes back later knows the epoch. */
  function hear(bytes: Buffer): readonly Frame[] {
    const frames = framesIn(bytes)
    for (const frame of frames) if (frame.type === 'epoch') epoch = frame.epoch
    return frames
  }

  /** Compares the pieces of a checkpoint with the one that came last, and tells at the end how many Changes it is in place of. A thousand are sent the same one, which is decoded, and copied, once. */
  function comparing(): (piece: Uint8Array, isLast: boolean) => number {
    let known = checkpoint
    let at = 0
    let other: Uint8Array[] | undefined
    return (piece, isLast) => {
      if (at === 0 && other === undefined) known = checkpoint
      if (other === undefined && known?.bytes.subarray(at, at + piece.length).equals(piece) === true) at += piece.length
      else {
        other ??= known === undefined ? [] : [known.bytes.subarray(0, at)]
        other.push(piece.slice())
      }
      if (!isLast) return 0
      if (known === undefined || other !== undefined || known.bytes.length !== at) {
        const bytes = Buffer.concat(other ?? [known!.bytes.subarray(0, at)])
        checkpoint = known = { bytes, relaySeq: relaySeqIn(bytes) }
      }
      at = 0
      other = undefined
      return known.relaySeq
    }
  }

  return {
    path: () => '/sync',
    join: (space) => open(space, emptyBasis, false),
    isWelcome: (bytes) => framesIn(bytes).some(({ type }) => type === 'basis'),
    edits: (client, count) => write(client, count, () => [op('title', VALUE)]),
    rows: (client, count, each) =>
      write(client, count, (message) =>
        Array.from({ length: each }, (_, i) => op(`rows/${message}-${i}`, { title: titleOf(message, i), done: false })),
      ),
    comeBack: (space, _, __, has) =>
      open(space, has === 0 ? emptyBasis : { epoch, relaySeq: has, writers: new Map() }, has === 0),
    hearing() {
      const standsFor = comparing()
      return (bytes) => {
        let found = 0
        for (const frame of hear(bytes)) {
          if (frame.type === 'changes') found += frame.records.length
          if (frame.type !== 'checkpoint') continue
          found += standsFor(frame.piece, frame.isLast)
        }
        return found
      }
    },
    editsIn: (bytes) =>
      hear(bytes).reduce((sum, frame) => sum + (frame.type === 'changes' ? frame.records.length : 0), 0),
    acknowledgedIn: (bytes) =>
      framesIn(bytes).reduce((sum, frame) => sum + (frame.type === 'acknowledgement' ? frame.count : 0), 0),
    presence: (client, turn) =>
      say({
        type: 'presence',
        channel: CHANNEL,
        session: '0'.repeat(32),
        slot: 0,
        payload: new TextEncoder().encode(JSON.stringify(shownBy(client, turn))),
      })[0]!,
    presencesIn: (bytes) =>
      framesIn(bytes).flatMap((frame) =>
        frame.type === 'presence' && frame.payload.length > 0
          ? [presenceIn(JSON.parse(new TextDecoder().decode(frame.payload)) as Shown)]
          : [],
      ),
  }
}

/** In the ledger, with which it ends. */
function relaySeqIn(checkpoint: Uint8Array): number {
  const entry = decodeEntry(checkpoint)
  const end = entry.kind === 'whole' ? entry.parts.at(-1) : undefined
  if (end?.kind !== 'rest' || end.rest[0] !== 'ledger')
    throw new Error('The relay brings something else than a checkpoint.')
  return end.rest[1].relaySeq
}

/** How a register is set. */
const SET = 0

const op = (address: string, value: Value): Op => ({ tag: 'lww', address, arbiter: 'local', payload: [SET, value] })

const credential = new Uint8Array(0)

const say = (...frames: readonly Frame[]): Uint8Array[] => encodeFrames(frames, MAX_MESSAGE_BYTES)

function framesIn(message: Buffer): readonly Frame[] {
  const frames = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES }).push(message)
  const failure = frames.find((frame) => frame.type === 'failure' || frame.type === 'refusal')
  if (failure !== undefined) throw new Error(`The relay says ${JSON.stringify(failure)}`)
  return frames
}
