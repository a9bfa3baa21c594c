import { WebSocketTransportError } from './errors.ts'

/** The connection ended without a close frame. */
export const ABNORMAL = 1006

/** The other side sent text, which no message of ours is. */
export const TEXT_FRAME = 4400

/** How long the reason in a close frame may be (RFC 6455 section 5.5). */
const REASON_BYTES = 123

/** Refuses codes that a page may not send (https://websockets.spec.whatwg.org/#dom-websocket-close). */
export function checkCloseCode(code: number): void {
  if (code === 1000 || (Number.isInteger(code) && code >= 3000 && code <= 4999)) return
  throw new WebSocketTransportError(
    'invalid-close-code',
    `A connection cannot be closed with code ${code}: use 1000, or one from 3000 to 4999.`,
  )
}

/** As much of a reason as fits into a close frame, in whole characters. */
export function fitReason(reason: string): string {
  const bytes = new TextEncoder().encode(reason)
  if (bytes.length <= REASON_BYTES) return reason
  let end = REASON_BYTES
  // Bytes 10xxxxxx go on with a character.
  while ((bytes[end]! & 0xc0) === 0x80) end--
  return new TextDecoder().decode(bytes.subarray(0, end))
}
