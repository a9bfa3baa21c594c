import { crc32c } from '@syncline/protocol'
import { expect, test } from 'vitest'

/** Bit by bit, as the definition reads. */
function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}

test('[CH3] the checksum is CRC-32C: the published check value', () => {
  expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283)
  expect(crc32c(new Uint8Array(0))).toBe(0)
})

// RFC 3720, appendix B.4; the bytes there are in the order of transmission, lowest first.
test.each<[string, Uint8Array, number]>([
  ['32 bytes of zeroes', new Uint8Array(32), 0x8a9136aa],
  ['32 bytes of ones', new Uint8Array(32).fill(255), 0x62a8ab43],
  ['32 bytes counting up', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
  ['32 bytes counting down', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
])('[CH3] the checksum is CRC-32C: %s', (_, bytes, expected) => {
  expect(crc32c(bytes)).toBe(expected)
})

test('[CH3] the checksum is that of the definition, at every length and every start', () => {
  const bytes = Uint8Array.from({ length: 100 }, (_, i) => (i * 167 + 13) & 255)
  for (let start = 0; start < 20; start++) {
    for (let end = start; end <= bytes.length; end++) {
      expect(crc32c(bytes, start, end)).toBe(slowCrc32c(bytes.subarray(start, end)))
    }
  }
})

test('[CH3] the checksum is that of the definition when it takes several calls, wherever in the memory the bytes are', () => {
  const memory = Uint8Array.from({ length: 3000 }, (_, i) => (i * 167 + (i >> 8)) & 255)
  for (const [from, length] of [0, 1, 2, 3, 4, 5, 7].flatMap((at) =>
    [1020, 1024, 1031, 2048, 2900].map((n) => [at, n]),
  )) {
    const view = memory.subarray(from, from! + length!)
    expect(crc32c(view)).toBe(slowCrc32c(view))
    expect(crc32c(memory, from, from! + length!)).toBe(slowCrc32c(view))
  }
})
