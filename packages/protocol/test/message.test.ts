import {
  createFrameReader,
  encodeChange,
  encodeFrames,
  MAX_CHANGE_BYTES,
  MAX_MESSAGE_BYTES,
  MAX_PACKET_BYTES,
  MAX_PACKET_FRAMES,
  packFrames,
  type Frame,
} from '@syncline/protocol'
import { emptyBasis } from '@syncline/stm'
import { describe, expect, test } from 'vitest'
import { codeOf } from './attempt.ts'

const ping: Frame = { type: 'ping', token: 1 }

function presence(size: number): Frame {
  return {
    type: 'presence',
    channel: 1,
    session: '0'.repeat(32),
    slot: 0,
    payload: Uint8Array.from({ length: size }, (_, i) => i),
  }
}

/** The bytes of a presence frame around a payload of 100 to 105 bytes. */
const AROUND = 21

describe('messages', () => {
  test('[ME1] frames share a message up to its limit, and not one byte further', () => {
    const size = 100 + AROUND
    expect(encodeFrames([presence(100), presence(100)], 1 + 2 * size)).toHaveLength(1)
    expect(encodeFrames([presence(100), presence(100)], 2 * size)).toHaveLength(2)
    expect(encodeFrames([], 1024)).toEqual([])
  })

  test('[ME1] a frame that fills a message is whole, and of one byte more is in parts', () => {
    const whole = encodeFrames([presence(100)], 100 + AROUND + 1)
    expect(whole.map((message) => [message[0], message.length])).toEqual([[0, 122]])
    const parts = encodeFrames([presence(101)], 100 + AROUND + 1)
    expect(parts.map((message) => [message[0], message.length])).toEqual([
      [1, 122],
      [2, 2],
    ])
    expect(codeOf(() => encodeFrames([ping], 1))).toBe('malformed')
    expect(codeOf(() => encodeFrames([ping], NaN))).toBe('malformed')
  })

  test('[ME1] frames stay in order around one that is split', () => {
    const frames: Frame[] = [ping, presence(5000), { type: 'pong', token: 2 }]
    const reader = createFrameReader({ maxPacketBytes: 10_000 })
    const messages = encodeFrames(frames, 1024)
    expect(messages.length).toBeGreaterThan(5)
    expect(messages.flatMap((message) => reader.push(message))).toEqual(frames)
  })

  test('[ME2] a whole message may come between two parts', () => {
    const reader = createFrameReader({ maxPacketBytes: 10_000 })
    const [first, second, ...rest] = encodeFrames([presence(3000)], 1024)
    const [urgent] = encodeFrames([ping], 1024)
    expect(reader.push(first!)).toEqual([])
    expect(reader.push(urgent!)).toEqual([ping])
    expect(reader.push(second!)).toEqual([])
    expect(rest.flatMap((message) => reader.push(message))).toEqual([presence(3000)])
  })

  test('[ME2] several frames may be split together, and a last part may stand alone', () => {
    const frames = encodeFrames([ping, presence(10)], 1024)[0]!.subarray(1)
    const reader = createFrameReader({ maxPacketBytes: 1024 })
    expect(reader.push(Uint8Array.of(1, ...frames.subarray(0, 7)))).toEqual([])
    expect(reader.push(Uint8Array.of(2, ...frames.subarray(7)))).toEqual([ping, presence(10)])
    expect(reader.push(Uint8Array.of(2, ...frames))).toEqual([ping, presence(10)])
  })

  test('[ME3] a packet of the greatest length is read, and of one byte more is not', () => {
    const frame = encodeFrames([presence(100)], 1024)[0]!.subarray(1)
    const messages = [Uint8Array.of(1, ...frame.subarray(0, 50)), Uint8Array.of(2, ...frame.subarray(50))]
    const exact = createFrameReader({ maxPacketBytes: frame.length })
    expect(messages.flatMap((message) => exact.push(message))).toEqual([presence(100)])
    expect(exact.push(Uint8Array.of(0, ...frame))).toEqual([presence(100)])
    const short = createFrameReader({ maxPacketBytes: frame.length - 1 })
    expect(short.push(messages[0]!)).toEqual([])
    expect(codeOf(() => short.push(messages[1]!))).toBe('too-large')
    expect(codeOf(() => createFrameReader({ maxPacketBytes: frame.length - 1 }).push(Uint8Array.of(0, ...frame)))).toBe(
      'too-large',
    )
  })

  test('[ME3] the greatest Change fits in a packet, and a frame above a packet is not sent', () => {
    const change = { writer: 'a'.repeat(32), seq: 1, deps: emptyBasis, at: 0, ops: [], effects: [] }
    const overhead = encodeChange({ ...change, meta: new Uint8Array(4 * 1024 * 1024) }).length - 4 * 1024 * 1024
    const record = encodeChange({ ...change, meta: new Uint8Array(MAX_CHANGE_BYTES - overhead) })
    expect(record.length).toBe(MAX_CHANGE_BYTES)
    const frame: Frame = {
      type: 'changes',
      channel: Number.MAX_SAFE_INTEGER,
      first: Number.MAX_SAFE_INTEGER,
      records: [record],
    }
    const messages = encodeFrames([frame], MAX_MESSAGE_BYTES)
    expect(messages.length).toBe(17)
    expect(Math.max(...messages.map((message) => message.length))).toBe(MAX_MESSAGE_BYTES)
    const reader = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })
    const [read] = messages.flatMap((message) => reader.push(message)) as [Extract<Frame, { type: 'changes' }>]
    expect(Buffer.compare(read.records[0]!, record)).toBe(0)
    expect(codeOf(() => packFrames([new Uint8Array(MAX_PACKET_BYTES + 1)], MAX_MESSAGE_BYTES))).toBe('too-large')
  })

  test('[ME3] a packet of 4,096 frames is read, and of one more is not sent or read', () => {
    const leave: Frame = { type: 'leave', channel: 1 }
    const messages = encodeFrames(Array<Frame>(MAX_PACKET_FRAMES + 1).fill(leave), MAX_MESSAGE_BYTES)
    expect(messages.map((message) => message.length)).toEqual([1 + 3 * MAX_PACKET_FRAMES, 4])
    const reader = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })
    expect(messages.map((message) => reader.push(message).length)).toEqual([MAX_PACKET_FRAMES, 1])
    const over = Uint8Array.from([...messages[0]!, 10, 1, 1])
    expect(codeOf(() => reader.push(over))).toBe('too-large')
  })

  test('[ME3] a claimed length costs nothing', () => {
    // 2^50 bytes are announced for the frame and for its payload.
    const claim = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02]
    const reader = createFrameReader({ maxPacketBytes: Number.MAX_SAFE_INTEGER })
    expect(codeOf(() => reader.push(Uint8Array.of(0, 8, ...claim, 1)))).toBe('truncated')
  })

  test('[ME3] many small parts cost no more than their bytes', () => {
    const reader = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })
    const part = Uint8Array.of(1, 0)
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < 200_000; i++) reader.push(part)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 1024 * 1024)
  })

  test.each<[string, number[]]>([
    ['an empty message', []],
    ['a message without frames', [0]],
    ['an empty part', [1]],
    ['an empty last part', [2]],
    ['an unknown marker', [3, 11, 2, 0, 1]],
  ])('[ME4] %s is refused', (_, bytes) => {
    expect(codeOf(() => createFrameReader({ maxPacketBytes: 1024 }).push(Uint8Array.from(bytes)))).toBe('malformed')
  })

  test('[ME5] after an error nothing is read any more', () => {
    const reader = createFrameReader({ maxPacketBytes: 1024 })
    const [good] = encodeFrames([ping], 1024)
    expect(reader.push(good!)).toEqual([ping])
    expect(codeOf(() => reader.push(Uint8Array.of(9, 9)))).toBe('malformed')
    expect(codeOf(() => reader.push(good!))).toBe('malformed')
  })
})
