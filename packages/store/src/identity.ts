import type { Chance } from './ports.ts'

/** 128 random bits as 32 lower-case hexadecimal digits. */
export function randomId(chance: Chance): string {
  return Array.from(chance.bytes(16), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** 32 random bits. */
export function randomUint32(chance: Chance): number {
  return chance.bytes(4).reduce((number, byte) => number * 256 + byte, 0)
}
