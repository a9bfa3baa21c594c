/** The final frame of a binary message (RFC 6455, section 5.2). */
const FINAL_BINARY = 0x82
/** Lengths that stand for a length of two and of eight bytes behind them. */
const TWO_BYTES = 126
const EIGHT_BYTES = 127

/** Makes what frames messages: one that goes to many, directly one after the other, is framed once. */
export function createFraming(): (message: Uint8Array) => Buffer {
  let last: Uint8Array | undefined
  let frame: Buffer = Buffer.alloc(0)
  return (message) => {
    if (message !== last) {
      frame = websocketFrame(message)
      last = message
    }
    return frame
  }
}

/** A binary message of a server, in one frame. Cost: one copy. */
function websocketFrame(message: Uint8Array): Buffer {
  const { length } = message
  const start = length < TWO_BYTES ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(start + length)
  frame[0] = FINAL_BINARY
  if (start === 2) frame[1] = length
  else if (start === 4) {
    frame[1] = TWO_BYTES
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = EIGHT_BYTES
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
  frame.set(message, start)
  return frame
}
