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
  const header = headerOf(message.length)
  const frame = Buffer.allocUnsafe(header.length + message.length)
  frame.set(header)
  frame.set(message, header.length)
  return frame
}

/** What stands before a message of such a length in its frame. */
export function headerOf(length: number): Buffer {
  const start = length < TWO_BYTES ? 2 : length < 65_536 ? 4 : 10
  const header = Buffer.allocUnsafe(start)
  header[0] = FINAL_BINARY
  if (start === 2) header[1] = length
  else if (start === 4) {
    header[1] = TWO_BYTES
    header.writeUInt16BE(length, 2)
  } else {
    header[1] = EIGHT_BYTES
    header.writeBigUInt64BE(BigInt(length), 2)
  }
  return header
}
