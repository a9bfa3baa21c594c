import type { Chance, Clock, RelayLog } from './ports.ts'

/** The machine's own clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  elapsedMs: () => performance.now(),
  setTimer(delayMs, fn) {
    const timer = setTimeout(fn, delayMs)
    return () => clearTimeout(timer)
  },
}

/** The platform's cryptographic random numbers. */
export const systemChance: Chance = {
  bytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
}

/** Says nothing. */
export const silentLog: RelayLog = { debug() {}, info() {}, warn() {}, error() {} }

/** 128 random bits as 32 lower-case hexadecimal digits. */
export function randomId(chance: Chance): string {
  return Array.from(chance.bytes(16), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
