import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Chance, Epochs } from './ports.ts'
import { systemChance } from './system.ts'

/** Half of an epoch is drawn, and half is what only the key makes of that: 64 bits, which nobody guesses who has to ask a relay each time. */
const HALF_BYTES = 8

const PURPOSE = 'syncline epoch'

/** With less than that the key could be guessed from an epoch. */
const LEAST_KEY_BYTES = 16

/**
 * Makes the epochs of a relay that knows its own by a secret. Keep the key apart from the data folder: it has to outlive that, or what was lost with both cannot be brought back. Throws `RangeError` for one that is too
 * short.
 *
 * @example
 * import { createKeyedEpochs } from '@syncline/relay/node'
 *
 * const epochs = createKeyedEpochs(new TextEncoder().encode('thirty-two letters or more, secret'))
 * expect(epochs.isOwn(epochs.draw())).toBe(true)
 * expect(epochs.isOwn('0'.repeat(32))).toBe(false)
 */
export function createKeyedEpochs(key: Uint8Array, chance: Chance = systemChance): Epochs {
  if (key.length < LEAST_KEY_BYTES)
    throw new RangeError(`The key has ${key.length} bytes; ${LEAST_KEY_BYTES} are the least.`)

  function sealOf(drawn: Uint8Array): Buffer {
    return createHmac('sha256', key).update(PURPOSE).update(drawn).digest().subarray(0, HALF_BYTES)
  }

  return {
    draw() {
      const drawn = chance.bytes(HALF_BYTES)
      return Buffer.concat([drawn, sealOf(drawn)]).toString('hex')
    },
    isOwn(epoch) {
      const bytes = Buffer.from(epoch, 'hex')
      if (bytes.length !== 2 * HALF_BYTES) return false
      return timingSafeEqual(bytes.subarray(HALF_BYTES), sealOf(bytes.subarray(0, HALF_BYTES)))
    },
  }
}
