import { crc32c } from '@syncline/protocol'

/** Bytes with their checksum behind them. */
export function sealed(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(bytes.length + 4)
  whole.set(bytes)
  new DataView(whole.buffer).setUint32(bytes.length, crc32c(bytes), true)
  return whole
}
