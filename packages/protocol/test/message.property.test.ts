import { createFrameReader, encodeFrames } from '@syncline/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { frame } from './arbitraries.ts'

test('[FR1] [ME1] any frames come back in order, from messages of any size', () => {
  let messagesSeen = 0
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 6 }),
      fc.oneof(fc.integer({ min: 2, max: 60 }), fc.integer({ min: 60, max: 2000 })),
      (frames, size) => {
        const messages = encodeFrames(frames, size)
        messagesSeen += messages.length
        expect(Math.max(0, ...messages.map((message) => message.length))).toBeLessThanOrEqual(size)
        const reader = createFrameReader({ maxPacketBytes: 1024 * 1024 })
        expect(messages.flatMap((message) => reader.push(message))).toEqual(frames)
      },
    ),
    { seed: 501, numRuns: 300 },
  )
  expect(messagesSeen).toBeGreaterThan(3000)
})

test('[ME2] a packet may be cut anywhere', () => {
  let cutsSeen = 0
  fc.assert(
    fc.property(
      fc.array(frame, { minLength: 1, maxLength: 4 }),
      fc.array(fc.nat(), { maxLength: 10 }),
      (frames, cuts) => {
        const packet = encodeFrames(frames, 1024 * 1024)[0]!.subarray(1)
        const places = [...new Set([0, ...cuts.map((cut) => cut % packet.length)])].sort((a, b) => a - b)
        cutsSeen += places.length - 1
        const reader = createFrameReader({ maxPacketBytes: packet.length })
        const read = places.map((place, i) => {
          const last = i === places.length - 1
          const part = packet.subarray(place, last ? packet.length : places[i + 1])
          return reader.push(Uint8Array.from([last ? 2 : 1, ...part]))
        })
        expect(read.flat()).toEqual(frames)
        expect(read.slice(0, -1).every((none) => none.length === 0)).toBe(true)
      },
    ),
    { seed: 502, numRuns: 300 },
  )
  expect(cutsSeen).toBeGreaterThan(500)
})
