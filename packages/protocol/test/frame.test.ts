import {
  agreeProtocol,
  createFrameReader,
  encodeFrameBody,
  encodeFrames,
  frameFromBody,
  MAX_ACKNOWLEDGED,
  packFrames,
  PROTOCOL_VERSION,
  ProtocolError,
  type Frame,
} from '@syncline/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { frame } from './arbitraries.ts'
import { codeOf } from './attempt.ts'
import { readMessage, vectorsOf } from './vectors.ts'

const A = '000102030405060708090a0b0c0d0e0f'

function messageOf(...bytes: number[]): Uint8Array {
  return Uint8Array.from([0, ...bytes])
}

const hello: Frame = { type: 'hello', protocol: 1, oldest: 1, agent: 'a', schema: 0, credential: Uint8Array.of() }

describe('frames', () => {
  test('[FR1] what is read is independent of the message', () => {
    for (const vector of vectorsOf('frame')) {
      const message = vector.encode()
      const frames = readMessage(message)
      message.fill(0xff)
      expect(frames).toEqual(vector.data)
    }
  })

  test('[FR1] records and payloads do not hold on to the message they came in', () => {
    const record = vectorsOf('change')[0]!.encode()
    const message = encodeFrames([{ type: 'changes', channel: 1, first: 0, records: [record] }], 1024)[0]!
    const pool = Buffer.alloc(8192)
    pool.set(message, 100)
    const [read] = readMessage(pool.subarray(100, 100 + message.length))
    const [own] = (read as Extract<Frame, { type: 'changes' }>).records
    expect(own).toEqual(record)
    expect(own!.buffer.byteLength).toBe(record.length)
  })

  test('[FR1] a reader that lends gives views of the message', () => {
    const record = vectorsOf('change')[0]!.encode()
    const message = encodeFrames([{ type: 'changes', channel: 1, first: 0, records: [record] }], 1024)[0]!
    const reader = createFrameReader({ maxPacketBytes: 1024, isLending: true })
    const [read] = reader.push(message) as Extract<Frame, { type: 'changes' }>[]
    expect(read!.records).toEqual([record])
    expect(read!.records[0]!.buffer).toBe(message.buffer)
  })

  test('[FR2] frames of unknown types are skipped wherever they stand', () => {
    const known = frameFromBody('ping', 0, encodeFrameBody({ type: 'ping', token: 5 }))
    const unknown = [99, 3, 1, 0xff, 0xff]
    const far = [0x80, 0x01, 0]
    expect(readMessage(messageOf(...unknown, ...known, ...far, ...known, ...unknown))).toEqual([
      { type: 'ping', token: 5 },
      { type: 'ping', token: 5 },
    ])
    expect(readMessage(messageOf(...unknown))).toEqual([])
    expect(codeOf(() => readMessage(messageOf(99, 3, 1, 0xff)))).toBe('truncated')
  })

  test('[FR3] a known frame has no bytes more than its fields', () => {
    expect(readMessage(messageOf(11, 2, 0, 5))).toEqual([{ type: 'ping', token: 5 }])
    expect(codeOf(() => readMessage(messageOf(11, 3, 0, 5, 0)))).toBe('malformed')
    expect(codeOf(() => readMessage(messageOf(11, 1, 0)))).toBe('truncated')
    // Not even when the next frame's bytes would fit.
    expect(codeOf(() => readMessage(messageOf(11, 1, 0, 11, 2, 0, 5)))).toBe('truncated')
  })

  test('[FR4] a connection speaks on channel 0, a space above it, a failure on either', () => {
    expect(codeOf(() => readMessage(messageOf(11, 2, 1, 5)))).toBe('malformed')
    expect(codeOf(() => readMessage(messageOf(10, 1, 0)))).toBe('malformed')
    expect(readMessage(messageOf(10, 1, 1))).toEqual([{ type: 'leave', channel: 1 }])
    expect(readMessage(messageOf(9, 4, 0, 0, 0, 0, 9, 4, 7, 0, 0, 0))).toEqual([
      { type: 'failure', channel: 0, code: '', message: '', retryAfterMs: 0 },
      { type: 'failure', channel: 7, code: '', message: '', retryAfterMs: 0 },
    ])
    expect(codeOf(() => frameFromBody('ping', 1, Uint8Array.of(0)))).toBe('malformed')
    expect(codeOf(() => encodeFrames([{ type: 'leave', channel: 0 }], 1024))).toBe('malformed')
  })

  test('[FR5] a body made once serves every channel', () => {
    fc.assert(
      fc.property(frame, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (of, channel) => {
        const body = encodeFrameBody(of)
        const own = 'channel' in of ? channel : 0
        const [message] = packFrames([frameFromBody(of.type, own, body)], 1024 * 1024)
        expect(readMessage(message!)).toEqual([{ ...of, ...('channel' in of && { channel }) }])
      }),
      { seed: 401, numRuns: 200 },
    )
  })

  test('[FR6] a hello of a newer version can be read, whatever it adds', () => {
    const body = encodeFrameBody({ ...hello, protocol: PROTOCOL_VERSION + 1 } as Frame)
    const longer = Uint8Array.from([...body, 1, 2, 3])
    const [message] = packFrames([frameFromBody('hello', 0, longer)], 1024)
    expect(readMessage(message!)).toEqual([{ ...hello, protocol: PROTOCOL_VERSION + 1 }])
    const [known] = packFrames([frameFromBody('hello', 0, Uint8Array.from([...encodeFrameBody(hello), 1]))], 1024)
    expect(codeOf(() => readMessage(known!))).toBe('malformed')
  })

  test('[FR6] both speak the newest version that both know, or learn who is to be updated', () => {
    expect(agreeProtocol({ protocol: 1, oldest: 1 })).toEqual({ protocol: 1 })
    for (const [client, relay, expected] of [
      [[5, 2], [3, 1], 3],
      [[3, 1], [5, 2], 3],
      [[4, 4], [4, 4], 4],
      [[5, 4], [3, 1], undefined],
      [[3, 1], [5, 4], undefined],
    ] as const) {
      const agreed = agreeProtocol({ protocol: client[0], oldest: client[1] }, { protocol: relay[0], oldest: relay[1] })
      expect('protocol' in agreed ? agreed.protocol : undefined).toBe(expected)
    }
    expect(agreeProtocol({ protocol: 3, oldest: 1 }, { protocol: 5, oldest: 4 })).toEqual({
      message:
        'The client speaks protocol versions 1 to 3, the relay 4 to 5. Update the app, or reload it to get the newer one.',
    })
  })

  test('[FR7] an acknowledgement covers 65,536 Changes, and not one more', () => {
    const of = (count: number): Frame => ({
      type: 'acknowledgement',
      channel: 1,
      first: 1,
      writer: A,
      firstSeq: 1,
      count,
    })
    expect(readMessage(encodeFrames([of(MAX_ACKNOWLEDGED)], 1024)[0]!)).toEqual([of(MAX_ACKNOWLEDGED)])
    expect(codeOf(() => encodeFrames([of(MAX_ACKNOWLEDGED + 1)], 1024))).toBe('malformed')
    const bytes = [6, 22, 1, 1, ...Array.from({ length: 16 }, (_, i) => i), 1]
    expect(codeOf(() => readMessage(messageOf(...bytes, 0x80, 0x80, 0x04)))).toBeUndefined()
    expect(codeOf(() => readMessage(messageOf(...bytes, 0x81, 0x80, 0x04)))).toBe('malformed')
  })

  test.each<[string, unknown]>([
    ['changes without a record', { type: 'changes', channel: 1, first: 0, records: [] }],
    ['a record shorter than any can be', { type: 'changes', channel: 1, first: 0, records: [new Uint8Array(35)] }],
    [
      'relaySeqs beyond 2^53 - 1',
      { type: 'acknowledgement', channel: 1, first: 2 ** 53 - 1, writer: A, firstSeq: 1, count: 2 },
    ],
    [
      'an acknowledgement of nothing',
      { type: 'acknowledgement', channel: 1, first: 1, writer: A, firstSeq: 1, count: 0 },
    ],
    ['a refusal of seq 0', { type: 'refusal', channel: 1, writer: A, seq: 0, code: 'forbidden', message: '' }],
    ['an oldest version above the newest', { ...hello, oldest: 2 }],
    [
      'messages too short to carry much',
      { type: 'welcome', protocol: 1, timeMs: 0, session: A, maxMessageBytes: 1023, maxChangeBytes: 1 },
    ],
    ['a negative token', { type: 'ping', token: -1 }],
    ['an unknown type', { type: 'shout' }],
    [
      'half of a surrogate pair',
      { type: 'open', channel: 1, space: '\ud83d', basis: { epoch: null, relaySeq: 0, writers: new Map() } },
    ],
  ])('[FR8] %s is not encoded', (_, of) => {
    expect(codeOf(() => encodeFrames([of as Frame], 1024))).toBe('malformed')
  })

  test('[FR8] a writer named twice, or out of order, is refused', () => {
    const open = encodeFrames(
      [
        {
          type: 'open',
          channel: 1,
          space: '',
          basis: {
            epoch: null,
            relaySeq: 0,
            writers: new Map([
              [A, 1],
              ['1' + A.slice(1), 1],
            ]),
          },
        },
      ],
      1024,
    )[0]!
    expect(codeOf(() => readMessage(open))).toBeUndefined()
    const first = open.length - 34
    const turned = open.slice()
    turned[first] = 0x20
    expect(codeOf(() => readMessage(turned))).toBe('malformed')
    turned[first] = 0x10
    expect(codeOf(() => readMessage(turned))).toBe('malformed')
  })

  test('an error names what was read, where, and what to do', () => {
    const reader = createFrameReader({ maxPacketBytes: 1024 })
    const expected = new ProtocolError(
      'truncated',
      'A ping frame ends too early: at byte 4 it needs 1 more, and 0 are left. Get it again, whole.',
    )
    expect(() => reader.push(messageOf(11, 1, 0))).toThrow(expected)
  })
})
